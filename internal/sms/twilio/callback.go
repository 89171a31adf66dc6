package twilio

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
)

// ReadPost implements sms.Caller. The signature has no time in it, so that a genuine
// post can be played again for ever: what it tells stays true.
func (s *Sender) ReadPost(_ context.Context, _ time.Time, p sms.Post) ([]sms.Event, error) {
	form, err := s.verify(p)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(p.URL)
	if err != nil {
		return nil, errors.New("twilio: the address of the post cannot be parsed")
	}
	return events(form, target.Query().Get("id"))
}

// verify says whether Twilio made the post, and returns its form:
// https://www.twilio.com/docs/usage/security#validating-requests.
func (s *Sender) verify(p sms.Post) (url.Values, error) {
	if s.token == "" {
		return nil, &sms.ErrForged{Why: "without auth-token nobody can tell"}
	}
	signature, err := base64.StdEncoding.DecodeString(p.Header("X-Twilio-Signature"))
	if err != nil || len(signature) != sha1.Size {
		return nil, &sms.ErrForged{Why: "it has no signature"}
	}
	form, signed, err := content(p)
	if err != nil {
		return nil, err
	}
	genuine := false
	for _, address := range addresses(p.URL) {
		mac := hmac.New(sha1.New, []byte(s.token))
		mac.Write([]byte(address + signed))
		genuine = hmac.Equal(mac.Sum(nil), signature) || genuine
	}
	if !genuine {
		return nil, &sms.ErrForged{Why: "the signature is of another post, another address or another auth token"}
	}
	return form, nil
}

// content returns a post's form, and what of it is signed behind the address. Of other
// bodies the address holds the hash.
func content(p sms.Post) (form url.Values, signed string, err error) {
	if kind, _, _ := mime.ParseMediaType(p.ContentType); kind == "application/x-www-form-urlencoded" {
		form, err = url.ParseQuery(string(p.Body))
		if err != nil {
			return nil, "", &sms.ErrForged{Why: "its form cannot be read, so that nobody can tell"}
		}
		return form, flat(form), nil
	}
	target, err := url.Parse(p.URL)
	if err != nil {
		return nil, "", &sms.ErrForged{Why: "its address cannot be read, so that nobody can tell"}
	}
	want, err := hex.DecodeString(target.Query().Get("bodySHA256"))
	sum := sha256.Sum256(p.Body)
	if err != nil || !hmac.Equal(sum[:], want) {
		return nil, "", &sms.ErrForged{Why: "its body has not the hash that its address holds"}
	}
	return nil, "", nil
}

// flat is a form as it is signed: names and values in the order of the names, of those
// of one name each value once.
func flat(form url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return b.String()
}

// addresses are those that Twilio may have signed for one: it adds the port in places
// and leaves it out in others, as its own libraries know.
func addresses(raw string) []string {
	scheme, rest, ok := strings.Cut(raw, "://")
	end := strings.IndexAny(rest, "/?")
	if !ok || end < 0 {
		return []string{raw}
	}
	host, tail := rest[:end], rest[end:]
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		return []string{raw, scheme + "://" + host[:at] + tail}
	}
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return []string{raw, scheme + "://" + host + port + tail}
}

// events reads a genuine post: the status of a text, or a text that came in. The id is
// the one that the address was given for the text.
func events(form url.Values, id string) ([]sms.Event, error) {
	e := sms.Event{ProviderID: httpsms.ID(form.Get("MessageSid"))}
	switch status := form.Get("MessageStatus"); {
	case form == nil || e.ProviderID == "":
		return nil, errors.New("twilio: the post is of no text")
	case status != "":
		e.ID, e.Kind = httpsms.ID(id), kindOf(status)
		if e.Kind == sms.Failed {
			e.Code = httpsms.Code(form.Get("ErrorCode"))
		}
		return []sms.Event{e}, nil
	case !form.Has("Body"):
		return nil, errors.New("twilio: the post is neither a status nor a text")
	}
	return incoming(form, e), nil
}

// incoming reads a text that came in. Where Twilio has seen that it says STOP or START,
// in whatever words the messaging service knows for it, that is what it says; HELP it
// has answered already: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out.
func incoming(form url.Values, e sms.Event) []sms.Event {
	e.Kind, e.Body = sms.Incoming, form.Get("Body")
	e.From, _ = phone.Parse(form.Get("From")) // what is none, such as a short code, is nobody's
	e.Segments, _ = strconv.Atoi(form.Get("NumSegments"))
	switch seen := form.Get("OptOutType"); seen {
	case "HELP":
		return nil
	case "STOP", "START":
		e.Body = seen
	}
	return []sms.Event{e}
}

// kindOf reads the status of a text:
// https://www.twilio.com/docs/messaging/api/message-resource#message-status-values.
func kindOf(status string) sms.EventKind {
	switch status {
	case "delivered", "read":
		return sms.Delivered
	case "undelivered", "failed", "canceled":
		return sms.Failed
	default:
		return sms.Progress
	}
}

// Answer implements sms.Caller: https://www.twilio.com/docs/messaging/twiml.
func (s *Sender) Answer(reply string) (contentType string, body []byte) {
	var b bytes.Buffer
	b.WriteString(xml.Header + "<Response>")
	if reply != "" {
		b.WriteString("<Message>")
		_ = xml.EscapeText(&b, []byte(reply)) // a buffer takes everything
		b.WriteString("</Message>")
	}
	b.WriteString("</Response>")
	return "text/xml", b.Bytes()
}
