package pack

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// A step-up is asked for where ClientMetadata reaches a trigger that knows of the text:
// at SignUp, and where Cognito sends a code for a call of its own. What InitiateAuth
// has there reaches none, so that a sign-in cannot step up. A proof serves one text to
// the user who gave it: at a sign-up the one that follows, whichever trigger that is.

// stepLife is how long the text may be asked for after the proof.
const stepLife = 10 * time.Minute

func (p *Pack) stepKey(who target) string {
	return p.hidden("step", who.pool, who.client, who.user, who.number.E164())
}

// proof is what a call can and does bring.
type proof struct {
	able  bool // it can bring one at all
	given string
}

func proofOf(metadata trigger.Texts) proof { return proof{true, metadata[stepup.Metadata]} }

// checkText refuses a sign-up whose text would be refused.
func (p *Pack) checkText(ctx context.Context, who target, given proof, now time.Time) error {
	return p.withProof(ctx, who, given, now, func() (guard.Decision, error) { return p.preview(ctx, who, now) })
}

// withProof has it decided, and once more if the guard wants more proof and what was
// given is one. It returns what the app is told.
func (p *Pack) withProof(ctx context.Context, who target, given proof, now time.Time, decide func() (guard.Decision, error)) error {
	able := given.able && p.desk.Offers()
	d, err := decide()
	if err == nil && d.Verdict == guard.StepUp && able && given.given != "" {
		if err = p.takeProof(ctx, who, given.given, now); err == nil {
			d, err = decide()
		}
	}
	switch {
	case err != nil:
		return p.emergency(ctx, who, err, now)
	case d.Verdict == guard.Send:
		return nil
	case d.Verdict == guard.StepUp && able:
		return p.demand(ctx, who, d, now)
	}
	p.refused(ctx, who, d)
	return withoutStep(d)
}

// withoutStep is what is told where no more proof can be given.
func withoutStep(d guard.Decision) error {
	if d.Verdict == guard.StepUp {
		return fault.New(fault.TooManyRequests, "Too many requests").After(stepWait)
	}
	return d.Fault
}

// stepWait is when whoever cannot step up may come again.
const stepWait = 10 * time.Minute

// How often a number may be asked for proof and give what is none, in an hour.
var (
	demands = guard.Limit{Max: 1000, Window: time.Hour}
	forged  = guard.Limit{Max: 5, Window: time.Hour}
)

func (p *Pack) demand(ctx context.Context, who target, d guard.Decision, now time.Time) error {
	asked, err := p.store.Spend(ctx, "demands/"+p.party(who.number).Number, demands, now)
	if err != nil {
		return err
	}
	if !asked.OK {
		return withoutStep(d)
	}
	p.log.InfoContext(ctx, "step-up asked for", "limit", string(d.Rule), "of", d.Of, "to", who.number, "country", country(who.number), "pool", who.pool)
	return fault.New(fault.StepUpRequired, "%s", p.desk.Issue(p.whom(who), asked.Count-1, now))
}

// whom are demands made of. Events carry no address.
func (p *Pack) whom(who target) stepup.Who {
	return stepup.Who{Pool: who.pool, Client: who.client, NumberKey: p.party(who.number).Number}
}

// takeProof keeps that a step-up was passed. What is no proof asks for another, and
// what is forged or used counts against the number, which has no more than a few.
func (p *Pack) takeProof(ctx context.Context, who target, given string, now time.Time) error {
	key := "forged/" + p.party(who.number).Number
	n, err := p.store.Count(ctx, key, now)
	if err != nil {
		return err
	}
	if n >= forged.Max {
		return fault.New(fault.LimitExceeded, "Attempt limit exceeded, please try after some time.").After(forged.Window)
	}
	proof, err := p.desk.Check(ctx, given, p.whom(who), netip.Addr{}, now)
	if err == nil {
		err = p.update(ctx, now, func(tx Tx) error {
			if err := proof.Use(ctx, nonces{tx, now}, p.whom(who), now); err != nil {
				return err
			}
			_, err := tx.Spend(ctx, "stepped/"+p.stepKey(who), steps, now)
			return err
		})
	}
	switch {
	case err == nil:
		p.log.InfoContext(ctx, "step-up passed", "kind", string(proof.Kind), "to", who.number, "country", country(who.number), "pool", who.pool)
		return nil
	case !stepup.Faulty(err):
		return err
	}
	p.log.WarnContext(ctx, "step-up failed", "cause", err.Error(), "to", who.number, "country", country(who.number), "pool", who.pool)
	if stepup.Blames(err) {
		if _, err := p.store.Spend(ctx, key, forged, now); err != nil {
			return err
		}
	}
	return nil // what is decided then asks for another
}

// steps are the proofs of a user, each of which serves one text.
var steps = guard.Limit{Max: 100, Window: stepLife}

// takeStep says whether a proof is there for the user's text, and takes it.
func (p *Pack) takeStep(ctx context.Context, tx Tx, who target, now time.Time) (bool, error) {
	if who.user == "" {
		return false, nil
	}
	key := p.stepKey(who)
	n, err := tx.Count(ctx, "stepped/"+key, now)
	if err != nil || n == 0 {
		return false, err
	}
	taken, err := tx.Spend(ctx, "stepped-taken/"+key, guard.Limit{Max: n, Window: stepLife}, now)
	return taken.OK, err
}

// nonces are what a proof is remembered by.
type nonces struct {
	Tx
	now time.Time
}

// UseNonce implements stepup.Memory.
func (n nonces) UseNonce(ctx context.Context, nonce string, expires time.Time) (bool, error) {
	if !expires.After(n.now) {
		return false, errors.New("a nonce that has expired")
	}
	spent, err := n.Spend(ctx, "nonce/"+nonce, guard.Limit{Max: 1, Window: expires.Sub(n.now)}, n.now)
	return spent.OK, err
}
