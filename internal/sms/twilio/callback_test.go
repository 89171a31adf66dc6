package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

const formType = "application/x-www-form-urlencoded"

func caller(t testing.TB, token string) sms.Caller {
	t.Helper()
	v := values("https://api.twilio.com", "auth-token", token)
	if token == "" {
		v["api-key-sid"], v["api-key-secret"] = key, secret
	}
	return sender(t, provider.Options{Values: v, Callback: posted}).(sms.Caller)
}

// post is a post of Twilio's, signed with the token as
// https://www.twilio.com/docs/usage/security#validating-requests says.
func post(address string, form url.Values, token string) sms.Post {
	signed := address
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			signed += name + value
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(signed))
	return withSignature(address, formType, []byte(form.Encode()), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func withSignature(address, contentType string, body []byte, signature string) sms.Post {
	return sms.Post{URL: address, ContentType: contentType, Body: body, Header: func(name string) string {
		if name == "X-Twilio-Signature" {
			return signature
		}
		return ""
	}}
}

func forged(err error) bool {
	_, ok := errors.AsType[*sms.ErrForged](err)
	return ok
}

// The signatures that Twilio's own libraries are tested with:
// https://github.com/twilio/twilio-go/blob/main/client/request_validator_test.go. They
// are of a call, so that such a post is genuine and of no text.
func TestReadPost_KnownSignatures_AreGenuine(t *testing.T) {
	form := url.Values{"Digits": {"1234"}, "CallSid": {"CA1234567890ABCDE"}, "To": {"+18005551212"},
		"Caller": {"+14158675309"}, "From": {"+14158675309"}}.Encode()
	body := `{"property": "value", "boolean": true}`
	hash := "bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
	for name, p := range map[string]sms.Post{
		"a form":                      withSignature("https://mycompany.com/myapp.php?foo=1&bar=2", formType, []byte(form), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
		"signed without the port":     withSignature("https://mycompany.com:1234/myapp.php?foo=1&bar=2", formType, []byte(form), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
		"signed with the usual port":  withSignature("https://mycompany.com/myapp.php?foo=1&bar=2", formType, []byte(form), "kvajT1Ptam85bY51eRf/AJRuM3w="),
		"http":                        withSignature("http://mycompany.com/myapp.php?foo=1&bar=2", formType, []byte(form), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
		"http, signed with the port":  withSignature("http://mycompany.com:1234/myapp.php?foo=1&bar=2", formType, []byte(form), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
		"JSON":                        withSignature("https://mycompany.com/myapp.php?foo=1&bar=2&"+hash, "application/json", []byte(body), "a9nBmqA0ju/hNViExpshrM61xv4="),
		"JSON without another member": withSignature("https://mycompany.com/myapp.php?"+hash, "application/json", []byte(body), "y77kIzt2vzLz71DgmJGsen2scGs="),
	} {
		events, err := caller(t, "12345").ReadPost(t.Context(), time.Now(), p)
		if err == nil || forged(err) || len(events) > 0 {
			t.Errorf("%s: %v, %v", name, events, err)
		}
		if _, err := caller(t, "12346").ReadPost(t.Context(), time.Now(), p); !forged(err) {
			t.Errorf("%s with another token: %v", name, err)
		}
		p.Body = append(slices.Clone(p.Body), '&', 'x', '=')
		if _, err := caller(t, "12345").ReadPost(t.Context(), time.Now(), p); !forged(err) {
			t.Errorf("%s with another body: %v", name, err)
		}
	}
}

const (
	messageID = "0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f"
	target    = posted + "?id=" + messageID
)

// receipt is what Twilio posts of a text:
// https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func receipt(status string, others ...string) url.Values {
	form := url.Values{"AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "From": {"+15017122661"}, "To": {"+919812345678"},
		"MessageSid": {sid}, "SmsSid": {sid}, "MessageStatus": {status}, "SmsStatus": {status}}
	for i := 0; i < len(others); i += 2 {
		form.Set(others[i], others[i+1])
	}
	return form
}

// inbound is what Twilio posts of a text that came in:
// https://www.twilio.com/docs/messaging/guides/webhook-request.
func inbound(from, body string, others ...string) url.Values {
	form := url.Values{"AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "From": {from}, "To": {"+15017122661"}, "Body": {body},
		"MessageSid": {"SM11111111111111111111111111111111"}, "SmsSid": {"SM11111111111111111111111111111111"},
		"SmsStatus": {"received"}, "NumMedia": {"0"}, "NumSegments": {"1"}}
	for i := 0; i < len(others); i += 2 {
		form.Set(others[i], others[i+1])
	}
	return form
}

func TestReadPost_EveryStatusAndText_IsItsEvent(t *testing.T) {
	told := func(kind sms.EventKind, code string) []sms.Event {
		return []sms.Event{{Kind: kind, ID: messageID, ProviderID: sid, Code: code}}
	}
	phoned := sms.Event{Kind: sms.Incoming, ProviderID: "SM11111111111111111111111111111111", Segments: 1, From: number(t, "+919876543210")}
	said := func(e sms.Event, body string) []sms.Event { e.Body = body; return []sms.Event{e} }
	for name, c := range map[string]struct {
		form url.Values
		want []sms.Event
	}{
		"queued":      {receipt("queued"), told(sms.Progress, "")},
		"sending":     {receipt("sending"), told(sms.Progress, "")},
		"sent":        {receipt("sent"), told(sms.Progress, "")},
		"delivered":   {receipt("delivered", "RawDlrDoneDate", "2311272310"), told(sms.Delivered, "")},
		"undelivered": {receipt("undelivered", "ErrorCode", "30003"), told(sms.Failed, "30003")},
		"failed":      {receipt("failed", "ErrorCode", "30007"), told(sms.Failed, "30007")},
		"canceled":    {receipt("canceled"), told(sms.Failed, "")},
		"of tomorrow": {receipt("teleported", "NewParameter", "x"), told(sms.Progress, "")},

		"a text":               {inbound("+919876543210", "BELLHOP 7KQ2MX9D & more = ü"), said(phoned, "BELLHOP 7KQ2MX9D & more = ü")},
		"an empty text":        {inbound("+919876543210", ""), said(phoned, "")},
		"from a short code":    {inbound("60006", "x"), said(sms.Event{Kind: sms.Incoming, ProviderID: phoned.ProviderID, Segments: 1}, "x")},
		"stop in French":       {inbound("+919876543210", "ARRÊT", "OptOutType", "STOP"), said(phoned, "STOP")},
		"start in French":      {inbound("+919876543210", "DEBUT", "OptOutType", "START"), said(phoned, "START")},
		"help, answered there": {inbound("+919876543210", "AIDE", "OptOutType", "HELP"), nil},
		"help, not answered":   {inbound("+919876543210", "HELP"), said(phoned, "HELP")},
	} {
		got, err := caller(t, token).ReadPost(t.Context(), time.Now(), post(target, c.form, token))
		if c.want != nil && c.want[0].Kind == sms.Incoming {
			got, err = caller(t, token).ReadPost(t.Context(), time.Now(), post(posted, c.form, token))
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

// What Twilio repeats, in whatever order and however late, tells the same again; the
// order of a form's members is not signed.
func TestReadPost_DoubledReorderedLate_TellsTheSame(t *testing.T) {
	p := post(target, receipt("delivered"), token)
	parts := strings.Split(string(p.Body), "&")
	slices.Reverse(parts)
	reversed := p
	reversed.Body = []byte(strings.Join(parts, "&"))
	want := []sms.Event{{Kind: sms.Delivered, ID: messageID, ProviderID: sid}}
	for _, late := range []time.Duration{0, time.Second, 24 * time.Hour} {
		for _, p := range []sms.Post{p, reversed} {
			if got, err := caller(t, token).ReadPost(t.Context(), time.Now().Add(late), p); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v late: %+v, %v", late, got, err)
			}
		}
	}
}

func TestReadPost_Forged_TellsNothing(t *testing.T) {
	genuine := post(target, receipt("delivered"), token)
	change := func(edit func(*sms.Post)) sms.Post {
		p := genuine
		edit(&p)
		return p
	}
	none := func(string) string { return "" }
	for name, p := range map[string]sms.Post{
		"unsigned":                   change(func(p *sms.Post) { p.Header = none }),
		"signature that is none":     withSignature(target, formType, genuine.Body, "delivered"),
		"short signature":            withSignature(target, formType, genuine.Body, "AAAA"),
		"of another token":           post(target, receipt("delivered"), "another"),
		"of another text":            change(func(p *sms.Post) { p.URL = strings.Replace(target, "0b9d", "0b9e", 1) }),
		"of another server":          change(func(p *sms.Post) { p.URL = strings.Replace(target, "auth.", "login.", 1) }),
		"with another status":        change(func(p *sms.Post) { p.Body = []byte(strings.Replace(string(p.Body), "delivered", "failed", 1)) }),
		"with one parameter more":    change(func(p *sms.Post) { p.Body = append(slices.Clone(p.Body), "&ErrorCode=30003"...) }),
		"with one parameter less":    change(func(p *sms.Post) { p.Body = []byte(strings.Replace(string(p.Body), "ApiVersion=2010-04-01&", "", 1)) }),
		"with a name's second value": change(func(p *sms.Post) { p.Body = append(slices.Clone(p.Body), "&MessageStatus=failed"...) }),
		"with another type":          change(func(p *sms.Post) { p.ContentType = "application/json" }),
		"with no form":               change(func(p *sms.Post) { p.Body = []byte("%zz") }),
		"JSON with another hash":     withSignature(target+"&bodySHA256=00", "application/json", []byte("{}"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
	} {
		events, err := caller(t, token).ReadPost(t.Context(), time.Now(), p)
		if !forged(err) || len(events) > 0 {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
		if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "919812345678")) {
			t.Errorf("%s: the error tells too much: %v", name, err)
		}
	}
	if _, err := caller(t, "").ReadPost(t.Context(), time.Now(), post(target, receipt("delivered"), "")); !forged(err) {
		t.Errorf("without a token of ours: %v", err)
	}
}

func TestReadPost_GenuineAndOfNoText_IsRefused(t *testing.T) {
	for name, form := range map[string]url.Values{
		"nothing":        {},
		"no id":          {"MessageStatus": {"delivered"}},
		"an odd id":      {"MessageStatus": {"delivered"}, "MessageSid": {"SM 1"}},
		"neither":        {"MessageSid": {sid}},
		"a call's event": {"CallSid": {"CA1234567890ABCDE"}, "CallStatus": {"completed"}},
	} {
		if events, err := caller(t, token).ReadPost(t.Context(), time.Now(), post(target, form, token)); err == nil || forged(err) || len(events) > 0 {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
	}
}

func TestAnswer_IsTwiMLWhoseTextIsTheReply(t *testing.T) {
	for _, reply := range []string{"", "Example: call +1 415 555 0123. <b>&\"'</Message><Message>no", "मदद"} {
		contentType, body := caller(t, token).Answer(reply)
		var got struct {
			XMLName xml.Name `xml:"Response"`
			Message []string `xml:"Message"`
		}
		if err := xml.Unmarshal(body, &got); err != nil || contentType != "text/xml" {
			t.Errorf("%q: %v, %s", reply, err, contentType)
		}
		if reply == "" && len(got.Message) != 0 || reply != "" && !slices.Equal(got.Message, []string{reply}) {
			t.Errorf("%q: %s", reply, body)
		}
	}
}

// Whatever Twilio signs is read or refused, and nothing that it did not sign is read.
func FuzzReadPost(f *testing.F) {
	f.Add(posted, "id="+messageID, receipt("delivered").Encode(), true)
	f.Add(posted, "", inbound("+919876543210", "STOP", "OptOutType", "STOP").Encode(), true)
	f.Add("http://[::1]:80/x", "id=%zz&id=2", "MessageSid=a&MessageSid=a&MessageStatus=failed&ErrorCode=%00", true)
	f.Add("not an address", "", "a=%zz;b", false)
	s := caller(f, token)
	f.Fuzz(func(t *testing.T, address, query, body string, genuine bool) {
		if query != "" {
			address += "?" + query
		}
		form, err := url.ParseQuery(body)
		for name, values := range form { // as Twilio signs them
			slices.Sort(values)
			form[name] = slices.Compact(values)
		}
		with := token
		if !genuine {
			with = "another"
		}
		p := post(address, form, with)
		p.Body = []byte(body)
		events, failed := s.ReadPost(t.Context(), time.Now(), p)
		if (!genuine || err != nil) && !forged(failed) || failed != nil && len(events) > 0 {
			t.Fatalf("%+v, %v", events, failed)
		}
		if genuine && err == nil && forged(failed) {
			t.Fatalf("refused: %v", failed)
		}
		for _, e := range events {
			if e.ProviderID == "" || strings.ContainsAny(e.ID+e.ProviderID+e.Code, " +\n\x00") {
				t.Fatalf("%+v", e)
			}
		}
	})
}
