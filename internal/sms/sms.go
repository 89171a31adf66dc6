// Package sms says what a text message is, who sends it, and what may be
// concluded when sending failed. It sends nothing itself: each provider is an
// adapter below this folder. When to send, when to repeat and what a text costs
// is the outbox's and the guard's business.
package sms

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Message is one text to one phone. Body holds the code, so a Message shows
// itself without it in fmt, slog and JSON; a sender reads the field.
type Message struct {
	ID        string // names the message at the provider; the same on every try
	To        phone.Number
	Body      string
	Purpose   string // why it is sent, such as "sign_in"; never the template's text
	PoolID    string
	ClientID  string
	ExpiresAt time.Time // when the code in the body dies; later the text is useless

	// What providers need that fill in a template of their own, or register texts.
	Code       string // as in Body, "" where it has none
	Wording    string // the name of the words, such as "sign-in-hi"; "" for the pool's own
	Language   string // of the words, as BCP 47 has it; "" where it is not known
	TemplateID string // of the wording at the provider that is asked, "" for none
	EntityID   string // of the business in a register of senders (India: DLT), "" for none
	SenderID   string // what the text is to come from, "" for the provider's own choice

	// Tried are the providers by which earlier texts of this code went, oldest first.
	Tried []string
}

// Destination returns what was known of m before its code existed.
func (m Message) Destination() Destination {
	return Destination{To: m.To, Purpose: m.Purpose, PoolID: m.PoolID, ClientID: m.ClientID}
}

// LogValue implements slog.LogValuer: everything but the body, the number masked.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", m.ID),
		slog.String("to", m.To.Masked()),
		slog.String("purpose", m.Purpose),
		slog.String("pool", m.PoolID),
		slog.String("client", m.ClientID),
		slog.Time("expires_at", m.ExpiresAt),
	)
}

// Format implements fmt.Formatter, so that no verb prints the body.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "text %s to %s for %s", m.ID, m.To.Masked(), m.Purpose)
}

// MarshalText implements encoding.TextMarshaler for encoders that honour
// neither of the above. A provider's payload has a type of its own.
func (m Message) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", m), nil }

// Destination is what a sender may be asked about before there is a message.
type Destination struct {
	To       phone.Number
	Purpose  string
	PoolID   string
	ClientID string
}

// Receipt is a provider's word that it took a message. Of a failed Send it holds
// what is known.
type Receipt struct {
	ProviderID string // the provider's own id of the message; empty if it gave none
	Provider   string // the name of the route's provider; empty where there is but one sender
	Doubled    int    // tries by other providers before it, of which nobody knows whether they sent it too
	DryRun     bool   // nothing was sent, as the operator wants it
	Micros     int64  // the price of a segment by the provider's list, in millionths of a US dollar; 0 where none is known
	// MayFail says that the provider tells of texts that do not arrive, and that another
	// could send them then.
	MayFail bool
}

// Sender hands a message to a provider. Send returns when the provider has
// taken the message or the try has failed; its errors are *SendError, or count
// as MaybeSent. Calls with one ID are tries of one message. Send is safe for
// concurrent use and its errors hold neither body nor number.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Checker is a Sender that can refuse before a message exists, from what it
// knows already: nothing configured, every route's breaker open, a country
// without a route. Check does no I/O. Its error is a fault that may be shown.
type Checker interface {
	Check(now time.Time, d Destination) error
}

// Check asks s whether a message to d could be sent now. A Sender that is no
// Checker never refuses in advance.
func Check(s Sender, now time.Time, d Destination) error {
	if c, ok := s.(Checker); ok {
		return c.Check(now, d)
	}
	return nil
}

// None is the configured absence of a provider: every text is refused before
// it is written down, in a sentence that tells the operator what to do.
type None struct{}

// Check implements Checker.
func (None) Check(time.Time, Destination) error { return errNoSender() }

// Send implements Sender, for messages that were written down while another
// provider was configured.
func (None) Send(context.Context, Message) (Receipt, error) {
	return Receipt{}, &SendError{Outcome: SurelyNotSent, Cause: errNoSender()}
}

func errNoSender() error {
	return fault.New(fault.CodeDeliveryFailure,
		"Texts cannot be sent: this server has no SMS provider configured. Start it with --sms.")
}
