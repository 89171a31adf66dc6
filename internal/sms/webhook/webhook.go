// Package webhook hands texts to an HTTP service of the operator's own: one
// POST a try, with the message's id as Idempotency-Key, signed by the Standard
// Webhooks convention (https://www.standardwebhooks.com) where a secret is set.
// Repeating a try is the outbox's business. The service may post back what became of a
// text, and texts that came in, signed by the same secret.
package webhook

import (
	"context"
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Config configures a Sender.
type Config = hook.Config

// Sender posts texts to one URL. Its errors hold no body, no number and
// nothing of the URL.
type Sender struct {
	poster *hook.Poster
	signer *hook.Signer // verifies what the service posts; nil refuses it
}

// New returns a Sender for cfg, or an error that names what is wrong with it
// without repeating it.
func New(cfg Config) (*Sender, error) {
	poster, err := hook.New(cfg)
	if err != nil {
		return nil, err
	}
	signer, err := hook.NewSigner(cfg.Secret)
	if err != nil {
		return nil, err
	}
	return &Sender{poster, signer}, nil
}

// Probe is hook.Poster's.
func (s *Sender) Probe(ctx context.Context) error { return s.poster.Probe(ctx) }

// payload is the body of the POST, an outside interface: fields may be added,
// never changed.
type payload struct {
	ID        string `json:"id"`
	To        string `json:"to"`
	Body      string `json:"body"`
	Purpose   string `json:"purpose"`
	Pool      string `json:"pool"`
	Client    string `json:"client"`
	ExpiresAt string `json:"expires_at"` // Unix seconds

	// Those that are not known are left out.
	Wording    string `json:"wording,omitempty"`
	Language   string `json:"language,omitempty"`
	TemplateID string `json:"template_id,omitempty"`
	EntityID   string `json:"entity_id,omitempty"`
	SenderID   string `json:"sender_id,omitempty"`
	Tried      string `json:"tried,omitempty"` // names of providers, with commas between
}

// Send implements sms.Sender; hook.Poster says what its errors mean.
func (s *Sender) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	return sms.Receipt{}, s.poster.Post(ctx, m.ID, payload{
		ID: m.ID, To: m.To.E164(), Body: m.Body, Purpose: m.Purpose, Pool: m.PoolID, Client: m.ClientID,
		ExpiresAt: strconv.FormatInt(m.ExpiresAt.Unix(), 10),
		Wording:   m.Wording, Language: m.Language, TemplateID: m.TemplateID, EntityID: m.EntityID, SenderID: m.SenderID,
		Tried: strings.Join(m.Tried, ","),
	})
}
