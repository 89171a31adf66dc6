package msg91

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
)

// ReadPost implements sms.Caller. MSG91 signs nothing: what shows that a post is its own
// is a secret that it was told to send along, in a header, or in the member "secret" of
// a body that the operator wrote. A post without it changes nothing.
func (s *Sender) ReadPost(_ context.Context, _ time.Time, p sms.Post) ([]sms.Event, error) {
	if s.secret == "" {
		return nil, &sms.ErrForged{Why: "without callback-secret nobody can tell"}
	}
	reports, secret, err := read(p)
	if given := p.Header(s.header); given != "" {
		secret = given
	}
	if !same(secret, s.secret) {
		return nil, &sms.ErrForged{Why: "the secret is missing or wrong"}
	}
	if err != nil {
		return nil, err
	}
	events := make([]sms.Event, 0, len(reports))
	for _, r := range reports {
		e := r.event()
		if e.ID == "" && e.ProviderID == "" {
			return nil, errors.New("msg91: a report names no text")
		}
		events = append(events, e)
	}
	return events, nil
}

// same compares in a time that tells nothing, not even of the lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// report is what MSG91 says of a text, in one of the forms that it has: the webhook's
// version 2 (https://msg91.com/help/webhooks/how-can-i-get-the-delivery-reports-on-my-webhook-url),
// where it lies within a batch, version 3 (there), and the new webhook
// (https://msg91.com/help/webhook-new/how-to-receive-sms-delivery-reports-via-webhook-new).
type report struct {
	RequestID     text `json:"requestId"`
	CRQID         text `json:"CRQID"`
	Status        text `json:"status"`
	Description   text `json:"desc"`
	FailureReason text `json:"failureReason"`
	FailedReason  text `json:"failedReason"`
	Secret        text `json:"secret"`
}

// batch is the reports of one request.
type batch struct {
	RequestID text     `json:"requestId"`
	Report    []report `json:"report"`
}

// text is a JSON text, number or null.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(raw, &n); err != nil {
		return errors.New("msg91: a member is neither a text nor a number")
	}
	*t = text(n)
	return nil
}

// errShape is of a post that is of none of MSG91's forms.
var errShape = errors.New("msg91: the post is no delivery report of the webhook's version 2, its version 3 or the new webhook")

// read reads a post, and the secret in it, before it is known whether it is genuine.
func read(p sms.Post) (reports []report, secret string, err error) {
	if kind, _, _ := mime.ParseMediaType(p.ContentType); kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(p.Body))
		if err != nil {
			return nil, "", errShape
		}
		reports, err = readBatches([]byte(form.Get("data")))
		return reports, "", err
	}
	var one report
	if err := json.Unmarshal(p.Body, &one); err != nil {
		return nil, "", errShape
	}
	return []report{one}, string(one.Secret), nil
}

func readBatches(raw []byte) ([]report, error) {
	var batches []batch
	if err := json.Unmarshal(raw, &batches); err != nil {
		return nil, errShape
	}
	var all []report
	for _, b := range batches {
		for _, r := range b.Report {
			r.RequestID = b.RequestID
			all = append(all, r)
		}
	}
	return all, nil
}

func (r report) event() sms.Event {
	e := sms.Event{ProviderID: httpsms.ID(string(r.RequestID)), ID: id(string(r.CRQID)), Kind: kindOf(string(r.Status))}
	if e.Kind == sms.Progress {
		e.Kind = kindOf(string(r.Description))
	}
	if e.Kind == sms.Failed {
		e.Code = httpsms.Code(string(r.Status))
	}
	return e
}

// id is the one that the text was sent with; a text that was sent with none has "0".
func id(crqid string) string {
	if crqid == "0" {
		return ""
	}
	return httpsms.ID(crqid)
}

// kindOf reads a status: the numbers are of the page on the webhook, the words are the
// descriptions beside them.
func kindOf(status string) sms.EventKind {
	switch strings.ToUpper(strings.TrimSpace(status)) {
	case "1", "DELIVERED":
		return sms.Delivered
	case "2", "9", "16", "17", "25", "FAILED", "NDNC", "REJECTED", "BLOCKED NUMBER", "BLOCKED":
		return sms.Failed
	default:
		return sms.Progress
	}
}

// Answer implements sms.Caller. MSG91 takes no text back in an answer.
func (s *Sender) Answer(string) (contentType string, body []byte) { return "", nil }
