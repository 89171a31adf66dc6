// Package mail says what an e-mail with a code is and who sends it. It is sms's
// neighbour and borrows what may be concluded when sending failed. It sends
// nothing itself: each way of sending is an adapter below this folder.
package mail

import (
	"context"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"time"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Message is one e-mail to one address. Subject and Body hold the code, so a
// Message shows itself without them in fmt, slog and JSON; a sender reads the
// fields.
type Message struct {
	ID        string // names the message; the same on every try
	To        email.Address
	Subject   string // one line
	Body      string
	HTML      bool   // what Body is; else it is plain text
	Purpose   string // why it is sent, such as "sign_up"
	PoolID    string
	ClientID  string
	ExpiresAt time.Time // when the code in it dies; later the message is useless

	// Whom the pool wants it to be from, and who reads the answers; zero for as the
	// sender has it. A sender may know better whom it may write for.
	From, ReplyTo netmail.Address
}

// LogValue implements slog.LogValuer: everything but the text, the address masked.
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

// Format implements fmt.Formatter, so that no verb prints the text.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "e-mail %s to %s for %s", m.ID, m.To.Masked(), m.Purpose)
}

// MarshalText implements encoding.TextMarshaler for encoders that honour
// neither of the above.
func (m Message) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", m), nil }

// Sender hands a message over. Send returns when it was taken or the try has
// failed; its errors are *sms.SendError, or count as MaybeSent. Calls with one
// ID are tries of one message. Send is safe for concurrent use and its errors
// hold neither text nor address.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Checker is a Sender that can refuse before a message exists. Check does no
// I/O; its error is a fault that may be shown.
type Checker interface {
	Check() error
}

// Check asks s whether a message could be sent now. A Sender that is no Checker
// never refuses in advance.
func Check(s Sender) error {
	if c, ok := s.(Checker); ok {
		return c.Check()
	}
	return nil
}

// None is the configured absence of a sender: every message is refused before
// it is written down, in a sentence that tells the operator what to do.
type None struct{}

// Check implements Checker.
func (None) Check() error { return errNoSender() }

// Send implements Sender, for messages that were written down while another
// sender was configured.
func (None) Send(context.Context, Message) error {
	return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errNoSender()}
}

func errNoSender() error {
	return fault.New(fault.CodeDeliveryFailure,
		"E-mails cannot be sent: this server has no e-mail sender configured. Start it with --email.")
}
