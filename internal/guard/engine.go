package guard

import (
	"context"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// MatureAfter is how old a text is when its outcome is scored.
const MatureAfter = 2 * time.Minute

// Engine decides which texts are sent. It has no state of its own: all is in the
// State that it is given, so that a decision is stored with what it was made for.
type Engine struct {
	settings Settings
	lists    lists
	server   purses

	countries sync.Map // their purses, by their letters
	cache     lineCache
}

// NewEngine returns the engine of the settings, which must be valid.
func NewEngine(s Settings) *Engine {
	return &Engine{settings: s, lists: newLists(s), server: newPurses("server", s.Budgets.Server)}
}

// Settings returns what the engine was made with.
func (e *Engine) Settings() Settings { return e.settings }

// Decide says whether the text may be sent, and if so debits it. After any other
// verdict the caller must roll its transaction back.
func (e *Engine) Decide(ctx context.Context, s State, a Ask, now time.Time) (Decision, error) {
	v := e.view(a, now)
	if v.checkLists(); v.refused() {
		return v.decision(), nil
	}
	if err := v.spendNumber(ctx, s); err != nil || v.refused() {
		return v.decision(), err
	}
	if err := v.read(ctx, s); err != nil {
		return Decision{}, err
	}
	v.check()
	if v.refused() || v.verdict() == StepUp {
		return v.decision(), nil
	}
	if err := v.pay(ctx, s); err != nil {
		return Decision{}, err
	}
	if v.verdict() != Send || a.Silent {
		return v.decision(), nil
	}
	v.debit()
	d := v.decision()
	return d, v.store(ctx, s)
}

// Use credits a text whose code was used.
func (e *Engine) Use(ctx context.Context, s State, r Receipt, now time.Time) error {
	if err := e.refund(ctx, s, r, earned(r.Price, e.settings.Budgets.EarnBack), now); err != nil {
		return err
	}
	v := e.view(r.ask(), now)
	if err := v.readFrom(ctx, s, r.firstCell()); err != nil {
		return err
	}
	v.credit(r)
	if r.Matured {
		v.late(r)
	}
	return v.store(ctx, s)
}

// firstCell is the first of the cells that have to do with the text's code: a text that
// its prefixes' windows did not pay for earns them nothing.
func (r Receipt) firstCell() int {
	if r.Windows {
		return 0
	}
	return afterPrefixes
}

// Return gives back a text that surely was not sent.
func (e *Engine) Return(ctx context.Context, s State, r Receipt, now time.Time) error {
	if err := e.refund(ctx, s, r, r.Price, now); err != nil {
		return err
	}
	if !r.Windows {
		return nil
	}
	v := e.view(r.ask(), now)
	if err := v.readAll(ctx, s); err != nil {
		return err
	}
	v.undo(r)
	return v.store(ctx, s)
}

func (r Receipt) ask() Ask {
	return Ask{
		Party: r.Party, Route: r.Route, Address: r.Address, Network: r.Network, Pool: r.Pool, Client: r.Client,
		Price: r.Price, Known: r.Known, Device: r.Device, Stepped: r.Stepped,
	}
}

// Receipt is what a text for the ask is debited to, as far as the ask tells.
func (a Ask) Receipt() Receipt {
	return Receipt{
		Party: a.Party, Route: a.Route, Address: a.Address, Network: a.Network, Pool: a.Pool, Client: a.Client,
		Price: a.Price, Known: a.Known, Device: a.Device, Stepped: a.Stepped,
	}
}

// trusted asks are for numbers that signed in before, or come from devices that
// did: what strangers do is not held against them.
func (a Ask) trusted() bool { return a.Known || a.Device != "" }

func (r Receipt) trusted() bool { return r.ask().trusted() }

// decision sums up what was found.
func (v *view) decision() Decision {
	d := Decision{Verdict: v.verdict(), Levels: v.levels}
	if d.Verdict == Send {
		d.Receipt = v.ask.Receipt()
		d.Receipt.SentAt, d.Receipt.Windows, d.Receipt.Earned = v.now, !v.ask.trusted() && !v.ask.Silent, v.earned
		return d
	}
	d.Rule, d.Of, d.Until = v.against.rule, v.against.of, v.against.until
	d.Fault = v.against.fault(d.Verdict, v.now)
	return d
}

// objection is the first thing that is against a text.
type objection struct {
	verdict Verdict
	rule    Rule
	of      string
	until   time.Time
	kind    fault.Kind
}

// fault is what the caller is told. It does not say which rule it was.
func (o objection) fault(v Verdict, now time.Time) error {
	kind, message := o.kind, "Too many requests"
	switch {
	case v == StepUp:
		return fault.New(fault.StepUpRequired, "More proof is needed before a code is sent.")
	case kind == fault.Internal:
		kind = fault.TooManyRequests
	case kind == fault.LimitExceeded:
		message = "Attempt limit exceeded, please try after some time."
	case kind == fault.CodeDeliveryFailure:
		return errNotTexted
	}
	wait := time.Minute
	if !o.until.IsZero() {
		wait = max(o.until.Sub(now), time.Second)
	}
	return fault.New(kind, "%s", message).After(wait)
}
