package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// notice is what the service posts back, an outside interface: members may be added,
// never changed, and those that are not known are ignored.
type notice struct {
	Type       string  `json:"type"`        // delivered, failed, progress, incoming
	ID         string  `json:"id"`          // the text's; of one that came in the service's own
	ProviderID string  `json:"provider_id"` // of whoever the service texts by
	At         int64   `json:"at"`          // Unix seconds
	Code       string  `json:"code"`        // of a failure
	Segments   int     `json:"segments"`    // as billed
	USD        float64 `json:"usd"`         // the price of all of them
	From       string  `json:"from"`        // of a text that came in
	Body       string  `json:"body"`        // of a text that came in
}

// ReadPost implements sms.Caller. A post is good for five minutes.
func (s *Sender) ReadPost(_ context.Context, now time.Time, p sms.Post) ([]sms.Event, error) {
	if err := s.signer.Verify(p.Header, now, p.Body); err != nil {
		return nil, &sms.ErrForged{Why: err.Error()}
	}
	var n notice
	if err := json.Unmarshal(p.Body, &n); err != nil {
		return nil, errors.New("webhook: the post is no JSON object of a text")
	}
	e, err := n.event()
	if err != nil {
		return nil, err
	}
	return []sms.Event{e}, nil
}

const (
	maxUSD      = 100 // of one text; more is a mistake
	maxSegments = 255 // of one text, by the header that joins them (3GPP TS 23.040)
	maxCode     = 64
)

func (n notice) event() (sms.Event, error) {
	e := sms.Event{ID: n.ID, ProviderID: n.ProviderID, Segments: n.Segments, Micros: int64(math.Round(n.USD * 1e6))}
	if n.At != 0 {
		e.At = time.Unix(n.At, 0)
	}
	switch {
	case n.ID == "" && n.ProviderID == "":
		return e, errors.New("webhook: the post names no text: id is missing")
	case n.Segments < 0 || n.Segments > maxSegments:
		return e, errors.New("webhook: segments is not the number of a text's segments")
	case !(n.USD >= 0 && n.USD <= maxUSD):
		return e, errors.New("webhook: usd is not the price of a text")
	case len(n.Code) > maxCode:
		return e, errors.New("webhook: code is too long")
	}
	switch n.Type {
	case "delivered":
		e.Kind = sms.Delivered
	case "failed":
		e.Kind, e.Code = sms.Failed, n.Code
	case "progress":
		e.Kind = sms.Progress
	case "incoming":
		if e.ProviderID == "" {
			e.ProviderID = n.ID
		}
		e.ID, e.Kind, e.Body = "", sms.Incoming, n.Body
		e.From, _ = phone.Parse(n.From) // what is none, such as a short code, is nobody's
	default:
		return e, errors.New("webhook: type is not delivered, failed, progress or incoming")
	}
	return e, nil
}

// Answer implements sms.Caller: a text to send back is in the member reply.
func (s *Sender) Answer(reply string) (contentType string, body []byte) {
	if reply == "" {
		return "", nil
	}
	body, err := json.Marshal(map[string]string{"reply": reply})
	if err != nil { // it is a text
		return "", nil
	}
	return "application/json", body
}
