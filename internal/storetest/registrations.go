package storetest

import (
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newRegistration(id userpool.RegistrationID, name string) userpool.Registration {
	return userpool.Registration{
		ID: id, PoolID: e.pool, ClientID: e.client, Name: name, Sub: userpool.UserID("sub of " + id),
		Requester: "192.0.2.1", Attributes: map[string]string{"name": "Zoë"}, Verifier: "sealed",
		Existing: "existing", CreatedAt: e.now, ExpiresAt: e.in(72 * time.Hour),
	}
}

func (e *env) register(regs ...userpool.Registration) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		for _, r := range regs {
			if err := tx.InsertRegistration(e.ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending returns the ids of the name's registrations.
func (e *env) pending(name string, now time.Time) []userpool.RegistrationID {
	e.Helper()
	ids := []userpool.RegistrationID{}
	for _, r := range read(e, func(tx userpool.Tx) ([]userpool.Registration, error) {
		return tx.Registrations(e.ctx, e.pool, name, now)
	}) {
		ids = append(ids, r.ID)
	}
	return ids
}

// signUp stores a registration with a challenge, an unsent text and a session.
func (e *env) signUp(r userpool.Registration) {
	e.Helper()
	e.register(r)
	c := e.newChallenge(userpool.ChallengeID("code "+r.ID), string(r.ID))
	c.Registration, c.Purpose = r.ID, userpool.PurposeSignUp
	e.openChallenge(c)
	m := e.newMessage(userpool.MessageID("text " + r.ID))
	m.Challenge = c.ID
	e.do(func(tx userpool.Tx) error {
		return errors.Join(tx.InsertMessage(e.ctx, m), tx.InsertSession(e.ctx, e.newSession("handle "+string(r.ID), string(r.ID))))
	})
}

// signedUp says what of a signUp is there.
func (e *env) signedUp(id userpool.RegistrationID) (there []string) {
	e.Helper()
	found := func(what string, err error) {
		if err == nil {
			there = append(there, what)
		} else if !errors.Is(err, userpool.ErrNotFound) {
			e.Fatal(err)
		}
	}
	_, err := look(e, func(tx userpool.Tx) (userpool.Registration, error) { return tx.Registration(e.ctx, id) })
	found("registration", err)
	_, err = look(e, func(tx userpool.Tx) (userpool.Challenge, error) {
		return tx.Challenge(e.ctx, userpool.ChallengeID("code "+id))
	})
	found("challenge", err)
	_, err = look(e, func(tx userpool.Tx) (userpool.Session, error) { return tx.Session(e.ctx, "handle "+string(id)) })
	found("session", err)
	return there
}

var registrationCases = []testCase{
	{"Registration/comes back as stored", func(e *env) {
		full := e.newRegistration("full", "+15550100")
		bare := userpool.Registration{ID: "bare", PoolID: e.pool, Name: "+15550100"}
		e.register(full, bare)
		for _, want := range []userpool.Registration{full, bare} {
			got := read(e, func(tx userpool.Tx) (userpool.Registration, error) { return tx.Registration(e.ctx, want.ID) })
			equal(e, "registration", got, want)
		}
		absent(e, "Registration", func(tx userpool.Tx) (userpool.Registration, error) { return tx.Registration(e.ctx, "FULL") })
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertRegistration(e.ctx, e.newRegistration("full", "other")) })
		equal(e, "the other's name", e.pending("other", e.now), []userpool.RegistrationID{})
	}},
	{"Registrations/of a name stand side by side, newest first, until they expire", func(e *env) {
		first, second, third := e.newRegistration("c", "+15550100"), e.newRegistration("b", "+15550100"), e.newRegistration("a", "+15550100")
		second.CreatedAt, second.ExpiresAt = e.in(time.Minute), e.in(time.Hour)
		third.CreatedAt, third.ExpiresAt = e.in(time.Second), time.Time{} // never
		other := e.newRegistration("d", "+15550101")
		e.register(first, second, third, other)
		equal(e, "all", e.pending("+15550100", e.now), []userpool.RegistrationID{"b", "a", "c"})
		equal(e, "just before one expires", len(e.pending("+15550100", e.in(time.Hour-time.Millisecond))), 3)
		equal(e, "when one has", e.pending("+15550100", e.in(time.Hour)), []userpool.RegistrationID{"a", "c"})
		equal(e, "years later", e.pending("+15550100", e.in(1e5*time.Hour)), []userpool.RegistrationID{"a"})
		equal(e, "another name", e.pending("+15550102", e.now), []userpool.RegistrationID{})
	}},
	{"RegistrationBySub/finds the pending one", func(e *env) {
		r := e.newRegistration("a", "+15550100")
		e.register(r, e.newRegistration("b", "+15550100"))
		bySub := func(sub userpool.UserID, at time.Time) func(userpool.Tx) (userpool.Registration, error) {
			return func(tx userpool.Tx) (userpool.Registration, error) {
				return tx.RegistrationBySub(e.ctx, e.pool, sub, at)
			}
		}
		equal(e, "found", read(e, bySub("sub of a", e.now)), r)
		absent(e, "another case", bySub("SUB of a", e.now))
		absent(e, "expired", bySub("sub of a", r.ExpiresAt))
	}},
	{"DeleteRegistration/ends it with its challenge, text and session, alone", func(e *env) {
		e.signUp(e.newRegistration("a", "+15550100"))
		e.signUp(e.newRegistration("b", "+15550100"))
		e.do(func(tx userpool.Tx) error { return tx.DeleteRegistration(e.ctx, "a") })
		e.do(func(tx userpool.Tx) error { return tx.DeleteRegistration(e.ctx, "a") })
		equal(e, "of the deleted one", e.signedUp("a"), nil)
		equal(e, "of the other", e.signedUp("b"), []string{"registration", "challenge", "session"})
		equal(e, "texts", e.claim(e.in(time.Hour), 10), []userpool.MessageID{"text b"})
	}},
	{"DeleteRegistrations/ends all of the name", func(e *env) {
		e.signUp(e.newRegistration("a", "+15550100"))
		e.signUp(e.newRegistration("b", "+15550100"))
		e.signUp(e.newRegistration("c", "+15550101"))
		e.do(func(tx userpool.Tx) error { return tx.DeleteRegistrations(e.ctx, e.pool, "+15550100") })
		equal(e, "of the deleted", append(e.signedUp("a"), e.signedUp("b")...), nil)
		equal(e, "of the other", e.signedUp("c"), []string{"registration", "challenge", "session"})
		equal(e, "texts", e.claim(e.in(time.Hour), 10), []userpool.MessageID{"text c"})
	}},
	{"SignUpChallenges/are the name's unused and unexpired ones, newest first", func(e *env) {
		e.signUp(e.newRegistration("a", "+15550100"))
		e.signUp(e.newRegistration("b", "+15550100"))
		e.signUp(e.newRegistration("c", "+15550101"))
		late := e.newChallenge("late", "b")
		late.Purpose = userpool.PurposeSignUp
		late.Registration, late.Requester, late.CreatedAt, late.ExpiresAt = "b", "another", e.in(time.Second), e.in(time.Hour)
		e.openChallenge(late)
		signIn := e.newChallenge("sign-in", "b") // of a pending sign-up, for another purpose
		signIn.Registration = "b"
		e.openChallenge(signIn)
		e.exhaust("code b")
		ids := func(at time.Time) []userpool.ChallengeID {
			ids := []userpool.ChallengeID{}
			for _, c := range read(e, func(tx userpool.Tx) ([]userpool.Challenge, error) {
				return tx.SignUpChallenges(e.ctx, e.pool, "+15550100", at)
			}) {
				ids = append(ids, c.ID)
			}
			return ids
		}
		equal(e, "all, dead by tries or not", ids(e.now), []userpool.ChallengeID{"late", "code b", "code a"})
		e.do(func(tx userpool.Tx) error { _, err := tx.ConsumeChallenge(e.ctx, "code a", e.now); return err })
		equal(e, "without the used one", ids(e.now), []userpool.ChallengeID{"late", "code b"})
		equal(e, "without the expired", ids(e.in(10*time.Minute)), []userpool.ChallengeID{"late"})
		equal(e, "of ended registrations", ids(e.in(100*time.Hour)), []userpool.ChallengeID{})
	}},
}
