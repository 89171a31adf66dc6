package pack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// question is a text that the guard is asked for.
type question struct {
	who   target
	list  string         // of the outcomes that its code credits
	proof proof          // what is known of a step-up
	also  func(Tx) error // what is stored with it, nil for nothing
}

// debit is what a text was counted against; the zero one is of a text of which
// nothing is kept.
type debit struct {
	receipt guard.Receipt
	bill    []bill
	list    string
	id      string
}

// creditable is how long a code may credit its text. Cognito's own live a day at most.
const creditable = day

// decide counts the text, or says why it must not be sent.
func (p *Pack) decide(ctx context.Context, q question, now time.Time) (debit, error) {
	p.mature(ctx, q.who, now)
	var made debit
	err := p.withProof(ctx, q.who, q.proof, now, func() (d guard.Decision, err error) {
		err = p.update(ctx, now, func(tx Tx) (err error) {
			made = debit{list: q.list, id: rand.Text()}
			if made.bill, d, err = p.weigh(ctx, tx, q.who, now); err != nil {
				return err
			}
			if d.Verdict != guard.Send {
				return errForget
			}
			made.receipt = d.Receipt
			if err := p.keep(tx, q.who, made, now); err != nil || q.also == nil {
				return err
			}
			return q.also(tx)
		})
		return d, forgotten(err)
	})
	if errors.Is(err, errUncounted) {
		return debit{}, nil
	}
	return made, err
}

// preview decides, and counts nothing.
func (p *Pack) preview(ctx context.Context, who target, now time.Time) (d guard.Decision, err error) {
	err = p.update(ctx, now, func(tx Tx) (err error) {
		if _, d, err = p.weigh(ctx, tx, who, now); err != nil {
			return err
		}
		return errForget
	})
	return d, forgotten(err)
}

// errForget has nothing stored of what was decided.
var errForget = errors.New("nothing is to be stored")

func forgotten(err error) error {
	if errors.Is(err, errForget) {
		return nil
	}
	return err
}

// update is the store's within the time that a decision may take: what is decided
// without the table must still be texted in time.
func (p *Pack) update(ctx context.Context, now time.Time, fn func(Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.decisionTime)
	defer cancel()
	return p.store.Update(ctx, now, fn)
}

// weigh asks the pool's own limits, then the guard.
func (p *Pack) weigh(ctx context.Context, tx Tx, who target, now time.Time) ([]bill, guard.Decision, error) {
	a, err := p.ask(ctx, tx, who, now)
	if err != nil {
		return nil, guard.Decision{}, err
	}
	bills, over, err := p.spendBills(ctx, tx, a, now)
	if err != nil || over.Fault != nil {
		return nil, over, err
	}
	d, err := p.guard.Decide(ctx, tx, a, now)
	return bills, d, err
}

// ask is what the guard is asked. Nobody's number is held to what an owner's is, who
// has signed in: whose answers differ tells who has an account.
func (p *Pack) ask(ctx context.Context, tx Tx, who target, now time.Time) (guard.Ask, error) {
	a := guard.Ask{
		Party: p.party(who.number), Route: guard.RouteOf(who.number), Kind: who.number.Kind(),
		Pool: who.pool, Client: who.client, Price: p.settings.Prices.Price(who.number.E164()),
		Known: who.proved || who.decoy, Silent: who.decoy,
	}
	if who.decoy && !who.typed { // of no country
		a.Route, a.Kind = guard.Route{}, phone.Unknown
	}
	if a.Known {
		return a, nil
	}
	at, err := tx.Noted(ctx, p.knownKey(who.number))
	if a.Known = now.Sub(at) < knownLife; err != nil || a.Known {
		return a, err
	}
	a.Stepped, err = p.takeStep(ctx, tx, who, now)
	return a, err
}

// knownLife is how long a number counts as known that nobody signs in by.
const knownLife = 180 * day

func (p *Pack) knownKey(n phone.Number) string { return "known/" + p.hidden("known", n.E164()) }

// bill is a bound on what is handed over, answered or not: the ceiling of what texts
// cost, and of what one number may.
type bill struct {
	key   string
	limit guard.Limit
	kind  fault.Kind
	name  string
}

// numberBill is what a number may have though it answers everything: else one whose
// texts pay somebody could ask until the pool's limit.
var numberBill = guard.Limit{Max: 30, Window: day}

// bills are those of the ask. What strangers ask for is not taken from known numbers.
func (p *Pack) bills(a guard.Ask) []bill {
	lane, l := "strangers", p.settings.Limits
	if a.Known {
		lane = "known"
	}
	all := []bill{{"texts/number/" + a.Party.Number, numberBill, fault.LimitExceeded, "number/24h0m0s"}}
	if a.Silent {
		return all
	}
	for _, b := range []bill{
		{"texts/pool-hour/" + lane + "/" + a.Pool, guard.Limit{Max: l.PoolHour, Window: time.Hour}, fault.TooManyRequests, "pool/hour"},
		{"texts/pool-day/" + lane + "/" + a.Pool, guard.Limit{Max: l.PoolDay, Window: day}, fault.TooManyRequests, "pool/day"},
	} {
		if b.limit.Max != Unlimited {
			all = append(all, b)
		}
	}
	return all
}

// ruleBill is what refused where a bill did.
const ruleBill guard.Rule = "text-limit"

func (p *Pack) spendBills(ctx context.Context, tx Tx, a guard.Ask, now time.Time) ([]bill, guard.Decision, error) {
	bills := p.bills(a)
	for _, b := range bills {
		spent, err := tx.Spend(ctx, b.key, b.limit, now)
		if err != nil {
			return nil, guard.Decision{}, err
		}
		if !spent.OK {
			return nil, guard.Decision{
				Verdict: guard.Refuse, Rule: ruleBill, Of: b.name, Until: spent.ResetAt,
				Fault: fault.New(b.kind, "Too many texts were asked for").After(spent.ResetAt.Sub(now)),
			}, nil
		}
	}
	return bills, guard.Decision{}, nil
}

// keep keeps what the text was counted against until its code credits it, and in the
// list of its country until it is scored.
func (p *Pack) keep(tx Tx, who target, d debit, now time.Time) error {
	if who.decoy {
		return nil
	}
	if err := tx.Keep(d.list, d.id, guard.Outcome{Receipt: d.receipt}, now.Add(creditable)); err != nil {
		return err
	}
	return p.await(tx, d, now)
}

// refused logs a refusal. What it was of is a prefix, a country or a budget.
func (p *Pack) refused(ctx context.Context, who target, d guard.Decision) {
	p.log.WarnContext(ctx, "text refused", "limit", string(d.Rule), "of", d.Of, "verdict", d.Verdict.String(),
		"to", who.number, "country", country(who.number), "pool", who.pool)
}

// returnText gives everything back: the text surely was not sent.
func (p *Pack) returnText(ctx context.Context, d debit, now time.Time) {
	if d.list == "" {
		return
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	err := p.store.Update(ctx, now, func(tx Tx) error {
		for _, b := range d.bill {
			if err := tx.GiveBack(ctx, b.key, b.limit, now); err != nil {
				return err
			}
		}
		if err := errors.Join(tx.Drop(d.list, d.id), tx.Drop(awaited(d.receipt), d.id)); err != nil {
			return err
		}
		return p.guard.Return(ctx, tx, d.receipt, now)
	})
	if err != nil {
		p.log.WarnContext(ctx, "a text was not given back", "error", err)
	}
}

// answered credits the texts of the list, whose code came back: only those that nobody
// answers count. Each is credited once, whoever tells of it how often. It costs nobody
// a sign-in that it fails.
func (p *Pack) answered(ctx context.Context, number phone.Number, list string, also func(Tx) error, now time.Time) {
	err := p.update(ctx, now, func(tx Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		texts, err := tx.Kept(list)
		if err != nil {
			return err
		}
		for id, o := range texts {
			if err := p.credit(ctx, tx, list, id, o.Receipt, now); err != nil {
				return err
			}
		}
		return tx.Note(ctx, p.knownKey(number), now, knownLife)
	})
	if err != nil {
		p.log.WarnContext(ctx, "texts were not credited", "to", number, "error", err)
	}
}

func (p *Pack) credit(ctx context.Context, tx Tx, list, id string, r guard.Receipt, now time.Time) error {
	if err := tx.Drop(list, id); err != nil {
		return err
	}
	if now.Sub(r.SentAt) > creditable {
		return nil
	}
	if err := p.guard.Use(ctx, tx, r, now); err != nil {
		return fmt.Errorf("credit a text: %w", err)
	}
	return p.usedInTime(tx, r, id, now)
}
