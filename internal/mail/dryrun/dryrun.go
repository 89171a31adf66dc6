// Package dryrun is a mailer that mails nobody, for a server that is to be tried
// without anybody noticing. What would have been mailed is a line of the log, and
// what it would have said is not.
package dryrun

import (
	"context"
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/mail"
)

// Sender stands in for another, which it asks whether it would take an e-mail and
// gives none.
type Sender struct {
	instead mail.Sender
	log     *slog.Logger
}

// New returns a Sender in the place of instead.
func New(instead mail.Sender, log *slog.Logger) *Sender { return &Sender{instead, log} }

// Check implements mail.Checker: what could not be mailed is refused as ever.
func (s *Sender) Check() error { return mail.Check(s.instead) }

// Send implements mail.Sender. It does not fail.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	s.log.InfoContext(ctx, "e-mail not sent: this is a dry run", "message", m)
	return nil
}
