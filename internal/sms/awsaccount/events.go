package awsaccount

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/awssms"
)

// told is what a topic's message may say: what became of a text
// (https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html),
// or a text that came in
// (https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html).
type told struct {
	EventType         string            `json:"eventType"`
	EventTimestamp    int64             `json:"eventTimestamp"` // Unix milliseconds
	IsFinal           *bool             `json:"isFinal"`
	MessageID         string            `json:"messageId"`
	Context           map[string]string `json:"context"`
	TotalMessageParts int               `json:"totalMessageParts"`
	TotalMessagePrice float64           `json:"totalMessagePrice"` // US dollars
	TotalCarrierFee   float64           `json:"totalCarrierFee"`   // and what comes on top

	OriginationNumber string `json:"originationNumber"`
	MessageBody       string `json:"messageBody"`
	InboundMessageID  string `json:"inboundMessageId"`
}

// read reads the message of a notification that was sent then. What is about no text,
// such as a call or a registration, is no event.
func read(message []byte, sent time.Time) ([]sms.Event, error) {
	var t told
	if err := json.Unmarshal(message, &t); err != nil {
		return nil, errors.New("a notification of Amazon SNS that says nothing of texts")
	}
	switch {
	case t.InboundMessageID != "":
		return []sms.Event{t.incoming(sent)}, nil
	case strings.HasPrefix(t.EventType, "TEXT_") && t.MessageID != "":
		return []sms.Event{t.receipt(sent)}, nil
	case t.EventType != "":
		return nil, nil
	}
	return nil, errors.New("a notification of Amazon SNS that says nothing of texts")
}

// incoming is a text from a phone, or from a short code, which is no number to write to.
func (t told) incoming(sent time.Time) sms.Event {
	from, err := phone.Parse(t.OriginationNumber)
	if err != nil {
		from = phone.Number{}
	}
	return sms.Event{Kind: sms.Incoming, ProviderID: t.InboundMessageID, At: sent, From: from, Body: t.MessageBody}
}

func (t told) receipt(sent time.Time) sms.Event {
	e := sms.Event{
		Kind: t.kind(), ID: t.Context[awssms.ContextKey], ProviderID: t.MessageID, At: sent,
		Segments: max(t.TotalMessageParts, 0), Micros: micros(t.TotalMessagePrice + t.TotalCarrierFee),
	}
	if t.EventTimestamp > 0 {
		e.At = time.UnixMilli(t.EventTimestamp)
	}
	if e.Kind == sms.Failed {
		e.Code = t.EventType
	}
	return e
}

// kind is what https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html
// says of the types. TEXT_SUCCESSFUL is the carrier's word, and in some countries all
// that there is: there it is final. TEXT_UNKNOWN is also what AWS says after 72 hours
// without a word, so it tells nothing.
func (t told) kind() sms.EventKind {
	final := t.IsFinal == nil || *t.IsFinal
	switch t.EventType {
	case "TEXT_DELIVERED":
		return sms.Delivered
	case "TEXT_SUCCESSFUL":
		if t.IsFinal != nil && *t.IsFinal {
			return sms.Delivered
		}
	case "TEXT_INVALID", "TEXT_INVALID_MESSAGE", "TEXT_UNREACHABLE", "TEXT_CARRIER_UNREACHABLE", "TEXT_BLOCKED",
		"TEXT_CARRIER_BLOCKED", "TEXT_SPAM", "TEXT_TTL_EXPIRED", "TEXT_PROTECT_BLOCKED":
		if final {
			return sms.Failed
		}
	}
	return sms.Progress
}

// micros is a price in millionths; one that nobody would pay for a text is not known.
func micros(dollars float64) int64 {
	if !(dollars > 0 && dollars < 1000) {
		return 0
	}
	return int64(math.Round(dollars * 1e6))
}
