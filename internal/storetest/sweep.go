package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) sweep(now time.Time, limit int) int {
	e.Helper()
	return write(e, func(tx userpool.Tx) (int, error) { return tx.Sweep(e.ctx, now, now, limit) })
}

var sweepCases = []testCase{
	{"Sweep/takes what is useless and leaves the rest", func(e *env) {
		short, long := e.in(time.Minute), e.in(1000*time.Hour)
		e.litter("short", short)
		e.litter("long", long)
		never := e.newRegistration("never", "never")
		never.ExpiresAt = time.Time{}
		e.register(never)
		e.insertUser(e.newUser("user", "+15550100"))

		equal(e, "before", e.sweep(short.Add(-time.Millisecond), 100), 0)
		equal(e, "litter before", e.littered("short"), litterKinds)
		equal(e, "swept", e.sweep(short, 100), litterKinds)
		equal(e, "swept again", e.sweep(short, 100), 0)
		equal(e, "litter after", e.littered("short"), 0)
		equal(e, "what was not due", e.littered("long"), litterKinds)
		equal(e, "who never expires", e.pending("never", short), []userpool.RegistrationID{"never"})
		equal(e, "users", e.byName("+15550100"), "user")
	}},
	{"Sweep/leaves sessions, challenges and families until they are late", func(e *env) {
		over, late := e.in(time.Minute), e.in(time.Hour)
		e.litter("litter", over)
		sweep := func(late time.Time) int {
			return write(e, func(tx userpool.Tx) (int, error) { return tx.Sweep(e.ctx, e.in(2*time.Hour), late, 100) })
		}
		equal(e, "the others", sweep(over.Add(-time.Millisecond)), litterKinds-3)
		equal(e, "those three", sweep(late), 3)
	}},
	{"Sweep/takes at most its limit of each kind", func(e *env) {
		for i := range 5 {
			e.litter(fmt.Sprint("litter", i), e.in(time.Minute))
		}
		equal(e, "first", e.sweep(e.in(time.Hour), 2), 2*litterKinds)
		equal(e, "second", e.sweep(e.in(time.Hour), 2), 2*litterKinds)
		equal(e, "third", e.sweep(e.in(time.Hour), 2), litterKinds)
		equal(e, "fourth", e.sweep(e.in(time.Hour), 2), 0)
	}},
	{"Sweep/leaves a forgotten text and lock for a day", func(e *env) {
		m := e.newMessage("m")
		e.do(func(tx userpool.Tx) error {
			_, err := tx.CountPasswordFailure(e.ctx, e.pool, "sub", m.ExpiresAt, e.now)
			return errors.Join(err, tx.InsertMessage(e.ctx, m))
		})
		equal(e, "within the day", e.sweep(m.ExpiresAt.Add(24*time.Hour-time.Millisecond), 10), 0)
		equal(e, "after it", e.sweep(m.ExpiresAt.Add(24*time.Hour), 10), 2)
		equal(e, "texts", e.nextAt(), time.Time{})
	}},
}

// litterKinds is how many rows litter makes.
const litterKinds = 7

// litter stores one row of each kind that expires.
func (e *env) litter(id string, expires time.Time) {
	e.Helper()
	reg := e.newRegistration(userpool.RegistrationID(id), id)
	challenge := e.newChallenge(userpool.ChallengeID(id), id)
	session, family := e.newSession(id, id), e.newFamily(userpool.FamilyID(id), "user")
	reg.ExpiresAt, challenge.ExpiresAt, session.ExpiresAt, family.ExpiresAt = expires, expires, expires, expires
	e.do(func(tx userpool.Tx) error {
		_, _, openErr := tx.OpenChallenge(e.ctx, challenge, e.now)
		_, nonceErr := tx.UseNonce(e.ctx, id, expires)
		_, spendErr := tx.Spend(e.ctx, id, guard.Limit{Max: 1, Window: expires.Sub(e.now)}, e.now)
		return errors.Join(openErr, nonceErr, spendErr,
			tx.InsertRegistration(e.ctx, reg),
			tx.InsertSession(e.ctx, session),
			tx.InsertFamily(e.ctx, family),
			tx.PutRepeat(e.ctx, id, "answer", expires))
	})
}

// littered counts what is there of a litter.
func (e *env) littered(id string) (n int) {
	e.Helper()
	rollback := errors.New("only looking")
	err := e.store.Update(e.ctx, func(tx userpool.Tx) error {
		_, regErr := tx.Registration(e.ctx, userpool.RegistrationID(id))
		_, challengeErr := tx.Challenge(e.ctx, userpool.ChallengeID(id))
		_, sessionErr := tx.Session(e.ctx, id)
		_, familyErr := tx.Family(e.ctx, userpool.FamilyID(id))
		_, repeatErr := tx.Repeat(e.ctx, id, e.now)
		spent, spentErr := tx.Count(e.ctx, id, e.now)
		fresh, nonceErr := tx.UseNonce(e.ctx, id, e.now)
		n = 0
		for _, there := range []bool{
			regErr == nil, challengeErr == nil, sessionErr == nil, familyErr == nil, repeatErr == nil,
			spentErr == nil && spent > 0, nonceErr == nil && !fresh,
		} {
			if there {
				n++
			}
		}
		return rollback
	})
	if err != rollback {
		e.Fatalf("look for litter: %v", err)
	}
	return n
}
