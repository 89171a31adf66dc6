package userpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/stepup"
)

// StepUp is how more proof is asked for before a text is sent.
type StepUp struct {
	Settings  stepup.Settings
	Verifiers map[stepup.Kind]stepup.Verifier
}

// newDesk makes the desk of the settings. Its keys are of the master keys, so that
// any node takes what another has demanded.
func (s *Service) newDesk(c *StepUp) *stepup.Desk {
	settings := stepup.Default()
	verifiers := map[stepup.Kind]stepup.Verifier{}
	if c != nil {
		settings = c.Settings
		for kind, v := range c.Verifiers {
			verifiers[kind] = standingAside{v, s.aside}
		}
	}
	keys := stepup.Keys{s.ring.Current().Derive(keyStepUp)}
	for _, id := range s.ring.IDs() {
		if key, ok := s.ring.ByID(id); ok && id != s.ring.Current().ID() {
			keys = append(keys, key.Derive(keyStepUp))
		}
	}
	return stepup.NewDesk(settings, keys, verifiers)
}

// standingAside is a Verifier that lets others go on while it waits.
type standingAside struct {
	stepup.Verifier
	aside func(ctx context.Context) (back func())
}

func (v standingAside) Verify(ctx context.Context, e stepup.Evidence) error {
	defer v.aside(ctx)()
	return v.Verifier.Verify(ctx, e)
}

// toldStepUp is where a request tells its proof: stepup.Metadata of its
// ClientMetadata.
var toldStepUp = strings.TrimPrefix(stepup.Metadata, "bellhop:")

// whose is whom a demand is made of.
func whose(c Caller, client Client, p guard.Party) stepup.Who {
	who := stepup.Who{Pool: string(client.PoolID), Client: string(client.ID), NumberKey: p.Number}
	if !c.Backend {
		who.Address = stepup.AddressClass(c.Address)
	}
	return who
}

// proven judges the proof that a request carries in its ClientMetadata, before its
// transaction, since a judge of captchas is asked over the network. What is no
// proof leaves the request as one without, and counts against its sender; one who
// has sent too many of those is refused.
func (s *Service) proven(ctx context.Context, c *Caller, client Client, at time.Time) error {
	c.client = client.ID
	raw := c.Told[toldStepUp]
	if raw == "" || s.limitsOff {
		return nil
	}
	sender := guard.Party{Address: s.addressKey(c.requester())}
	err := s.store.View(ctx, func(tx Tx) error { return guard.MayProve(ctx, tx, sender, at) })
	if err != nil {
		return err
	}
	proof, err := s.stepUp.Check(ctx, raw, whose(*c, client, guard.Party{}), c.Address, at)
	switch {
	case err == nil:
		c.proof = &proof
		return nil
	case !stepup.Faulty(err):
		return err
	}
	level := slog.LevelInfo
	if errors.Is(err, stepup.ErrDown) { // which may be for the operator to mend
		level = slog.LevelWarn
	}
	s.log.Log(ctx, level, "a step-up proof is none", "pool", client.PoolID, "error", err)
	if !stepup.Blames(err) {
		return nil
	}
	return s.store.Update(apart(ctx), func(tx Tx) error { return guard.SpendProof(ctx, tx, sender, at) })
}

// provenBearer is proven where the app client is that of an access token.
func (s *Service) provenBearer(ctx context.Context, c *Caller, accessToken string, at time.Time) error {
	if c.Told[toldStepUp] == "" {
		return nil
	}
	var b bearer
	err := s.store.View(ctx, func(tx Tx) (err error) {
		b, err = s.authenticate(ctx, tx, accessToken, at)
		return err
	})
	if err != nil {
		return err
	}
	return s.proven(ctx, c, b.client, at)
}

// provesFirst puts those first of whom the caller's proof is, if it is of any: a
// request about several contacts is proved by one of them.
func provesFirst[T any](s *Service, c Caller, client Client, all []T, to func(T) Contact) []T {
	if c.proof == nil || len(all) < 2 {
		return all
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int {
		fits := func(one T) int {
			if c.proof.IsOf(whose(c, client, s.party(to(one), ""))) {
				return 0
			}
			return 1
		}
		return fits(a) - fits(b)
	})
	return all
}

// stepped takes the caller's proof for the number, and says by which way it was
// proved; "" for none. What it takes is taken once, if the transaction stands.
func (s *Service) stepped(ctx context.Context, tx Tx, c Caller, client Client, p guard.Party, at time.Time) (string, error) {
	if c.proof == nil || c.proved != "" {
		return c.proved, nil
	}
	err := c.proof.Use(ctx, tx, whose(c, client, p), at)
	switch {
	case err == nil:
		return string(c.proof.Kind), nil
	case !stepup.Faulty(err):
		return "", err
	}
	if e := entryOf(ctx); e != nil && stepup.Blames(err) {
		e.forged = p.Address
	}
	return "", s.demand(ctx, tx, c, client, p, at)
}

// demand is the fault that asks for more proof.
func (s *Service) demand(ctx context.Context, tx Tx, c Caller, client Client, p guard.Party, at time.Time) error {
	if !s.stepUp.Offers() {
		return fault.New(fault.TooManyRequests, "Too many requests")
	}
	asked, err := guard.Demanded(ctx, tx, p, at)
	if err != nil {
		return err
	}
	return fault.New(fault.StepUpRequired, "%s", s.stepUp.Issue(whose(c, client, p), asked, at))
}

// answering is an answer to a code.
type answering struct {
	pool    PoolID
	client  ClientID
	caller  Caller
	party   guard.Party
	trusted bool // it comes from a device that signed in as the user before
	at      time.Time
}

// permitTry asks the guard before an answer is compared.
func (s *Service) permitTry(ctx context.Context, tx Tx, a answering) (way string, err error) {
	s.guarding(a.at)
	of := Client{ID: a.caller.client, PoolID: a.pool} // who answers may use another than who asked
	e := guard.Entry{
		ID: newDecisionID(s, a.at), At: a.at, Purpose: guard.PurposeAnswer,
		Ask: guard.Ask{Party: a.party, Pool: string(a.pool), Client: string(a.client)},
	}
	way, err = s.stepped(ctx, tx, a.caller, of, a.party, a.at)
	if err != nil {
		s.noProof(ctx, e, err)
		return "", err
	}
	if err := s.guard.SpendAnswer(ctx, tx, string(a.pool), string(a.client), a.at); err != nil {
		return "", err
	}
	// Where no proof can be given none is asked for, or strangers would keep everybody
	// from signing in: the day's bound is what holds then.
	proved := way != "" || a.caller.client == "" || !s.stepUp.Offers()
	d, err := s.guard.Guess(ctx, tx, string(a.pool), a.trusted, proved, a.at)
	if err != nil {
		return "", fmt.Errorf("guard: %w", err)
	}
	if d.Verdict == guard.Send {
		return way, nil
	}
	e.StepUp, e.Verdict, e.Rule, e.Of, e.Until, e.Levels = way, d.Verdict, d.Rule, d.Of, d.Until, d.Levels
	decided(ctx, s.inCall(ctx, e))
	switch d.Verdict {
	case guard.StepUp:
		return "", s.demand(ctx, tx, a.caller, of, a.party, a.at)
	}
	if d.Fault == nil {
		return "", errors.New("guard: a refusal without a fault")
	}
	return "", d.Fault
}

// noProof leaves to the decision log that a request was refused for its proof.
func (s *Service) noProof(ctx context.Context, e guard.Entry, err error) {
	if fault.Is(err, fault.StepUpRequired) || fault.Is(err, fault.TooManyRequests) {
		e.Verdict, e.Rule = guard.StepUp, guard.RuleStepUp
		decided(ctx, s.inCall(ctx, e))
	}
}
