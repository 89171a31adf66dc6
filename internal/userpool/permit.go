package userpool

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/otp"
)

// The guard is asked in the transaction that sends: what it debits is stored with
// the challenge and the message that it is for, or not at all. What it decided is
// written in the decision log: of a text that is sent in that same transaction, of
// a refusal a moment later, since its own transaction is rolled back.

// knownFor is how long a number counts as known after it last signed in.
const knownFor = 180 * 24 * time.Hour

// permit asks the guard for a text of the challenge, and says whether the number is
// known. A verdict other than to send is a fault, which must roll the transaction back.
func (s *Service) permit(ctx context.Context, tx Tx, r *codeRequest, c Challenge) (known bool, err error) {
	if c.Requester != r.caller.requester() {
		own := *r
		own.device = s.addressKey(c.Requester)
		r = &own
	}
	return s.permitText(ctx, tx, r, s.party(r.to, c.Requester), string(c.ID))
}

// aheadOfPermit reads what permit is going to read of the number and its device.
func (s *Service) aheadOfPermit(ctx context.Context, tx Tx, r *codeRequest, requester string) {
	if s.limitsOff {
		return
	}
	p, device := s.party(r.to, requester), ""
	if requester != r.caller.requester() && r.byOwner() {
		device = p.Address
	}
	tx.KnownNumber(ctx, p.Number, r.at.Add(-knownFor))
	guard.AheadOfText(ctx, tx, p, device, r.at)
}

// permitText is permit for a text that counts against the party. Its line of the
// decision log is found by the challenge.
func (s *Service) permitText(ctx context.Context, tx Tx, r *codeRequest, party guard.Party, challenge string) (known bool, err error) {
	s.guarding(r.at)
	a, err := s.asks(ctx, tx, r, party)
	if err != nil {
		return false, err
	}
	e := guard.Entry{ID: newDecisionID(s, r.at), At: r.at, Purpose: string(r.purpose), Ask: a}
	p, err := s.stepped(ctx, tx, r.caller, r.client, a.Party, r.at)
	if err != nil {
		s.noProof(ctx, e, err)
		return false, err
	}
	if r.way != nil {
		*r.way = p
	}
	a.Stepped = p != "" || r.byAdmin // who could not give a proof
	d, err := s.guard.Decide(ctx, tx, a, r.at)
	if err != nil {
		return false, fmt.Errorf("guard: %w", err)
	}
	e.Ask, e.StepUp, e.Receipt = a, p, d.Receipt
	e.Verdict, e.Rule, e.Of, e.Until, e.Levels = d.Verdict, d.Rule, d.Of, d.Until, d.Levels
	e = s.inCall(ctx, e)
	if d.Verdict != guard.Send {
		decided(ctx, e)
		return false, s.refusal(ctx, tx, d, r, a.Party)
	}
	// What was never sent has no outcome: scored, it would pass for a text that did not
	// arrive, and whoever tries names would make silences and outages.
	e.Challenge, e.Matured = challenge, a.Silent
	if call := entryOf(ctx); call != nil {
		call.decision = nil // an earlier run of the transaction may have been refused
		if !a.Silent {
			call.done.guarded = append(call.done.guarded, Guarded{d.Verdict, d.Rule})
		}
	}
	return a.Known, tx.InsertDecisions(ctx, []guard.Entry{e})
}

// notAdmitted notes that the lists refuse the number, for who asks why.
func (s *Service) notAdmitted(ctx context.Context, r *codeRequest) {
	rule, of := s.guard.Settings().Refuses(r.to.Number)
	s.refusedBy(ctx, r, rule, of)
}

// refusedBy notes a refusal that the guard was not asked for.
func (s *Service) refusedBy(ctx context.Context, r *codeRequest, rule guard.Rule, of string) {
	l := s.guard.Line(r.to.Number)
	decided(ctx, s.inCall(ctx, guard.Entry{
		ID: newDecisionID(s, r.at), At: r.at, Purpose: string(r.purpose), Verdict: guard.Refuse, Rule: rule, Of: of,
		Ask: guard.Ask{
			Party: s.party(r.to, r.caller.requester()), Pool: string(r.pool.ID), Client: string(r.client.ID),
			Route: l.Route, Kind: l.Kind, Price: l.Price,
		},
	}))
}

// inCall says in which call a decision was made.
func (s *Service) inCall(ctx context.Context, e guard.Entry) guard.Entry {
	if call := entryOf(ctx); call != nil {
		e.Operation, e.RequestID = call.call.Operation, call.call.RequestID
	}
	return e
}

func newDecisionID(s *Service, at time.Time) string { return string(s.newAuditID(at)) }

// asks are the facts that the guard decides on.
func (s *Service) asks(ctx context.Context, tx Tx, r *codeRequest, p guard.Party) (guard.Ask, error) {
	a := guard.Ask{
		Party: p, Pool: string(r.pool.ID), Client: string(r.client.ID),
		Device: r.device, Silent: r.decoy,
	}
	a.Address, a.Network = s.sources(r.caller)
	if !r.caller.Backend {
		a.Source = r.caller.Address.Unmap()
	}
	known, err := tx.KnownNumber(ctx, a.Party.Number, r.at.Add(-knownFor))
	if err != nil {
		return a, err
	}
	// Of nobody as of somebody who signs in: a demand, or a closed prefix, would else
	// tell one from the other. It costs nothing, since nothing is sent. Users are known
	// too whose last sign-in is older than the log of numbers.
	own := r.user.proved(r.pool, r.to)
	a.Known = known || r.decoy || r.byAdmin || own && r.at.Before(r.user.ActiveAt.Add(knownFor)) && !r.user.SignedInAt.IsZero()
	if !r.byOwner() {
		a.Device = "" // who wants to have a number is a stranger to it, from whatever device
	}
	if r.to.Number.IsZero() || r.invented {
		return a, nil
	}
	l := s.guard.Line(r.to.Number)
	a.Route, a.Kind, a.Price = l.Route, l.Kind, l.Price*guard.Money(max(s.size(r).Segments, 1))
	return a, nil
}

// byOwner says whether the number is the user's own, so that his device speaks for it.
func (r *codeRequest) byOwner() bool {
	return r.user.proved(r.pool, r.to) || r.existing != "" && r.pool.Settings.namedByContact()
}

// sources are the cells of the caller's address and of the network around it: the
// /24 of an IPv4 address, the /48 of an IPv6 one.
func (s *Service) sources(c Caller) (address, network guard.Key) {
	if c.Backend || !c.Address.IsValid() {
		return guard.Key{}, guard.Key{}
	}
	return guard.HashKey(guard.CellAddress, s.stable(stableAddress, c.requester())), // as in party
		guard.HashKey(guard.CellNetwork, s.stable(stableAddress, c.network()))
}

// credit notes at its text and in the decision log that the code of the challenge was used,
// and tells the guard, now or soon.
func (s *Service) credit(ctx context.Context, tx Tx, challenge ChallengeID, at time.Time) error {
	code := UsedCode{challenge, at}
	if call := entryOf(ctx); call != nil && s.credits.takes() {
		call.done.used = append(call.done.used, code)
		return nil
	}
	return s.creditIn(ctx, tx, []UsedCode{code}, at)
}

// giveBack tells the guard that the last text of the challenge surely was not sent.
func (s *Service) giveBack(ctx context.Context, tx Tx, challenge ChallengeID, at time.Time) error {
	sent, err := tx.SentFor(ctx, challenge)
	if err != nil || len(sent) == 0 {
		return err
	}
	last := sent[len(sent)-1]
	marked, err := tx.MarkUnsent(ctx, last.ID)
	if err != nil || !marked {
		return err
	}
	if err := s.guard.Return(ctx, tx, last.Receipt, at); err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// signedInBy notes that the numbers and addresses that the user is reached by have
// signed in.
func (s *Service) signedInBy(ctx context.Context, tx Tx, u User, at time.Time) error {
	for _, attr := range contactAttributes {
		to := attributeContact(u.Attributes, attr)
		if to.IsZero() || u.Attributes[to.verified()] != "true" {
			continue
		}
		if err := tx.TouchNumber(ctx, s.party(to, "").Number, at, at.Add(-activeEvery)); err != nil {
			return err
		}
	}
	return nil
}

// matureEvery and matureBatch are how the outcomes of texts are scored.
const (
	matureEvery = 5 * time.Second
	matureBatch = 256
)

// mature scores the texts that are old enough.
func (s *Service) mature(ctx context.Context) error {
	for {
		var n int
		at := s.now()
		err := s.store.Update(ctx, func(tx Tx) error {
			due, err := tx.ClaimMatured(ctx, at.Add(-guard.MatureAfter), matureBatch)
			if err != nil || len(due) == 0 {
				n = 0
				return err
			}
			n = len(due)
			outcomes := make([]guard.Outcome, len(due))
			for i, e := range due {
				outcomes[i] = guard.Outcome{Receipt: e.Receipt, Used: !e.UsedAt.IsZero()}
			}
			return s.guard.Mature(ctx, tx, outcomes, at)
		})
		if err != nil || n < matureBatch {
			return err
		}
	}
}

// testCode is the fixed code of a number that is sent nothing; false for every
// other.
func (s *Service) testCode(to Contact, at time.Time) (otp.Code, bool) {
	if to.Number.IsZero() {
		return otp.Code{}, false
	}
	for _, t := range s.guard.Settings().Tests {
		if t.Number == to.Number && at.Before(t.Until) {
			return t.Code, true
		}
	}
	return otp.Code{}, false
}

// decided leaves a decision that is no text to the decision log.
func decided(ctx context.Context, e guard.Entry) {
	if call := entryOf(ctx); call != nil {
		call.decision = &e
	}
}

// refusal is what the caller is told.
func (s *Service) refusal(ctx context.Context, tx Tx, d guard.Decision, r *codeRequest, p guard.Party) error {
	if d.Verdict == guard.StepUp {
		return s.demand(ctx, tx, r.caller, r.client, p, r.at)
	}
	if d.Fault != nil {
		return d.Fault
	}
	return fault.New(fault.TooManyRequests, "Too many requests").After(max(d.Until.Sub(r.at), 0))
}
