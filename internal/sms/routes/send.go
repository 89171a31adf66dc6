package routes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// leastTime is what must be left for another provider to be asked: less would only
// make another text of which nobody knows.
const leastTime = time.Second

// mostDoubts is of how many providers nobody may know whether they sent a text before
// it is left at that. One that may be sent twice harms nobody, since the code is the
// same, and its user waits.
const mostDoubts = 2

// Send implements sms.Sender. It asks one provider after the other until one takes the
// text, at last those whose breakers are open. Its Receipt of a failed Send has the
// provider of which nobody knows whether it sent the text, or else the last that was asked.
func (r *Router) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	c := r.choose(time.Now(), question{Destination: m.Destination(), id: m.ID, tried: m.Tried})
	if c.refused != "" {
		return sms.Receipt{}, &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errors.New(c.refused)}
	}
	if r.dryRun {
		return r.pretend(ctx, m, c), nil
	}
	var t tries
	for _, resort := range []bool{false, true} {
		for i := range c.asked() {
			k := &c.candidates[i]
			if k.asked {
				continue
			}
			if t.over() || !timeLeft(ctx) {
				t.left = true
				break
			}
			receipt, err := r.ask(ctx, m, k, c.country, resort)
			switch {
			case !k.asked:
				t.left = t.left || resort
			case err == nil:
				receipt.Provider, receipt.Doubled = r.providers[k.provider].Name, t.doubts
				receipt.Micros, receipt.MayFail = k.price, r.mayFail(c, k.provider)
				return receipt, nil
			default:
				receipt.Micros = k.price // what it costs if it was sent
				t.add(r.providers[k.provider].Name, receipt, err)
			}
		}
	}
	return t.receipt(), t.conclusion()
}

// mayFail says whether the provider tells of texts that do not arrive, and another is
// there for those.
func (r *Router) mayFail(c choice, provider int) bool {
	_, tells := r.providers[provider].Sender.(sms.Caller)
	return tells && len(c.asked()) > 1
}

func timeLeft(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	end, ok := ctx.Deadline()
	return !ok || time.Until(end) >= leastTime
}

// pretend tells the log what would go by whom.
func (r *Router) pretend(ctx context.Context, m sms.Message, c choice) sms.Receipt {
	name := r.providers[c.candidates[0].provider].Name
	r.log.InfoContext(ctx, "dry run: a text is not sent", "message", m.ID, "pool", m.PoolID, "purpose", m.Purpose,
		"country", c.country, "provider", name, "route", r.rules[c.rule].Where, "wording", m.Wording)
	return sms.Receipt{Provider: name, DryRun: true}
}

// ask asks one provider. It does not where the breaker is open, but for a few texts
// that nobody else takes.
func (r *Router) ask(ctx context.Context, m sms.Message, k *candidate, country string, resort bool) (sms.Receipt, error) {
	r.mu.Lock()
	t, ok := r.breakers.admit(time.Now(), pair{k.provider, country})
	if !ok && resort {
		t, ok = r.breakers.resort(pair{k.provider, country})
	}
	r.mu.Unlock()
	if !ok {
		return sms.Receipt{}, nil
	}
	k.asked = true
	p := r.providers[k.provider]
	within, cancel := context.WithTimeout(ctx, p.Timeout)
	receipt, err := p.Sender.Send(within, p.dress(m, country))
	cut := within.Err() != nil && ctx.Err() != nil // not for its own slowness
	cancel()
	what := tellsOf(err)
	if cut && (what == failed || what == wholeServer) { // nor for credentials that were not fetched in time
		what = nothing
	}
	r.tell(ctx, m, t, what, err)
	return receipt, err
}

// dress gives the message what this provider needs for it.
func (p Provider) dress(m sms.Message, country string) sms.Message {
	if id := p.SenderIDs[country]; id != "" {
		m.SenderID = id
	} else if id := p.SenderIDs[""]; id != "" {
		m.SenderID = id
	}
	if id := p.EntityIDs[country]; id != "" {
		m.EntityID = id
	}
	if id := p.TemplateIDs[m.Wording]; id != "" {
		m.TemplateID = id
	}
	return m
}

// tell takes in what became of a try, and tells the log what changed.
func (r *Router) tell(ctx context.Context, m sms.Message, t ticket, what told, err error) {
	cause := ""
	if err != nil {
		cause = err.Error()
	}
	r.mu.Lock()
	news := r.breakers.settle(time.Now(), t, what, cause)
	r.mu.Unlock()
	name := r.providers[t.provider].Name
	if err != nil {
		r.log.WarnContext(ctx, "a provider did not take a text", "message", m.ID, "provider", name,
			"country", t.country, "outcome", sms.OutcomeOf(err).String(), "code", codeOf(err), "error", err)
	}
	switch {
	case news == "":
	case what == well:
		r.log.InfoContext(ctx, fmt.Sprintf("the provider %s %s", name, news), "provider", name, "country", t.country)
	default:
		r.log.WarnContext(ctx, fmt.Sprintf("the provider %s %s", name, news), "provider", name, "country", t.country, "error", err)
	}
}

func codeOf(err error) string {
	if e, ok := errors.AsType[*sms.SendError](err); ok {
		return e.Code
	}
	return ""
}

// tries are those of one Send that failed, and what may be concluded from all.
type tries struct {
	errs    []error
	code    string
	last    string      // the provider that was asked last
	maybe   sms.Receipt // of the first of which nobody knows
	doubts  int
	notYet  bool
	forEver bool
	left    bool // somebody who might take it later was not asked
}

func (t *tries) add(name string, receipt sms.Receipt, err error) {
	t.errs = append(t.errs, fmt.Errorf("%s: %w", name, err))
	t.last = name
	t.code = codeOf(err)
	switch sms.OutcomeOf(err) {
	case sms.MaybeSent:
		t.doubts++
		if t.doubts == 1 {
			t.maybe = receipt
			t.maybe.Provider = name
		}
	case sms.NotYet:
		t.notYet = true
	case sms.RefusedForEver:
		t.forEver = true
	}
}

// over says that nobody else is to be asked. A number that takes nothing from us is
// left in peace by all providers: most often its owner said STOP, and to go round that
// by another provider is what regulators fine.
func (t *tries) over() bool { return t.forEver || t.doubts >= mostDoubts }

func (t *tries) receipt() sms.Receipt {
	if t.doubts == 0 {
		return sms.Receipt{Provider: t.last}
	}
	receipt := t.maybe
	receipt.Doubled = t.doubts - 1
	return receipt
}

// conclusion is never better than the worst of the tries.
func (t *tries) conclusion() error {
	e := &sms.SendError{Code: t.code, Cause: errors.Join(t.errs...)}
	switch {
	case t.doubts > 0:
		e.Outcome = sms.MaybeSent
	case t.forEver:
		e.Outcome = sms.RefusedForEver
	case t.notYet || t.left:
		e.Outcome = sms.NotYet
	default:
		e.Outcome = sms.SurelyNotSent
	}
	if len(t.errs) == 0 {
		e.Cause = errors.New("no provider is asked at the moment: their breakers are open, or no time was left")
	}
	return e
}
