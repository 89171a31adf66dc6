// Package logmail is a mailbox for a developer's terminal: each e-mail becomes a
// line of the log, code included. It is for development alone, and the program
// warns when it is chosen.
package logmail

import (
	"context"
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/mail"
)

// Sender writes every e-mail to one logger. Beside sms/logsms it is the single
// place where a code is allowed into a log; the address stays masked.
type Sender struct{ log *slog.Logger }

// New returns a Sender that writes to log.
func New(log *slog.Logger) *Sender { return &Sender{log: log} }

// Send implements mail.Sender. It does not fail.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	s.log.InfoContext(ctx, "e-mail", "message", m, "subject", m.Subject, "body", m.Body)
	return nil
}
