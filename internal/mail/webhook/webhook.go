// Package webhook hands e-mails to an HTTP service of the operator's own, as
// package sms/webhook does texts: one POST a try, with the message's id as
// Idempotency-Key, signed where a secret is set.
package webhook

import (
	"context"
	netmail "net/mail"
	"strconv"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/mail"
)

// Config configures a Sender.
type Config = hook.Config

// Sender posts e-mails to one URL. Its errors hold no text, no address and
// nothing of the URL.
type Sender struct{ poster *hook.Poster }

// New returns a Sender for cfg, or an error that names what is wrong with it
// without repeating it.
func New(cfg Config) (*Sender, error) {
	poster, err := hook.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Sender{poster}, nil
}

// Probe is hook.Poster's.
func (s *Sender) Probe(ctx context.Context) error { return s.poster.Probe(ctx) }

// payload is the body of the POST, an outside interface: fields may be added,
// never changed.
type payload struct {
	ID          string `json:"id"`
	Channel     string `json:"channel"` // always email; a text's post has no such field
	To          string `json:"to"`
	Subject     string `json:"subject"`
	Body        string `json:"body"`
	ContentType string `json:"content_type"` // of the body
	Purpose     string `json:"purpose"`
	Pool        string `json:"pool"`
	Client      string `json:"client"`
	ExpiresAt   string `json:"expires_at"`     // Unix seconds
	From        string `json:"from,omitempty"` // as the pool has them
	ReplyTo     string `json:"reply_to,omitempty"`
}

// Send implements mail.Sender; hook.Poster says what its errors mean.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	return s.poster.Post(ctx, m.ID, payload{
		ID: m.ID, Channel: "email", To: m.To.Text(), Subject: m.Subject, Body: m.Body, ContentType: m.ContentType(),
		Purpose: m.Purpose, Pool: m.PoolID, Client: m.ClientID,
		ExpiresAt: strconv.FormatInt(m.ExpiresAt.Unix(), 10), From: written(m.From), ReplyTo: written(m.ReplyTo),
	})
}

// written is an address as RFC 5322 has it, "" for none.
func written(a netmail.Address) string {
	if a.Address == "" {
		return ""
	}
	return a.String()
}
