package storetest

import (
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newSession(hash, subject string) userpool.Session {
	return userpool.Session{
		Hash: hash, PoolID: e.pool, ClientID: e.client, Subject: subject, Decoy: true,
		Step: userpool.StepConfirmSignUp, Username: "sub", Name: "+15550100", Challenge: "challenge",
		History: []challenge.Entry{{Name: challenge.SRPA, Result: true}, {Name: challenge.Custom, Metadata: "CODE"}},
		Pending: true, ByID: true, Sealed: "v1.sealed", Device: "us-east-1_device", Proof: "password", CreatedAt: e.now, ExpiresAt: e.in(3 * time.Minute),
	}
}

func (e *env) session(hash string) userpool.Session {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.Session, error) { return tx.Session(e.ctx, hash) })
}

func (e *env) repeat(key string, at time.Time) (string, error) {
	return look(e, func(tx userpool.Tx) (string, error) { return tx.Repeat(e.ctx, key, at) })
}

var sessionCases = []testCase{
	{"Session/comes back as stored", func(e *env) {
		full := e.newSession("full", "sub")
		bare := userpool.Session{Hash: "bare", PoolID: e.pool}
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.InsertSession(e.ctx, full), tx.InsertSession(e.ctx, bare))
		})
		equal(e, "full", e.session("full"), full)
		equal(e, "bare", e.session("bare"), bare)
		absent(e, "Session", func(tx userpool.Tx) (userpool.Session, error) { return tx.Session(e.ctx, "FULL") })
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertSession(e.ctx, e.newSession("full", "other")) })
		equal(e, "after the second", e.session("full"), full)
	}},
	{"ConsumeSession/has one winner, who is seen to have used it", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertSession(e.ctx, e.newSession("h", "sub")) })
		raceOne(e, "ConsumeSession", func(tx userpool.Tx) (bool, error) { return tx.ConsumeSession(e.ctx, "h", e.in(time.Second)) })
		want := e.newSession("h", "sub")
		want.UsedAt = e.in(time.Second)
		equal(e, "session", e.session("h"), want)
	}},
	{"ConsumeSession/is refused at expiry and for none", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertSession(e.ctx, e.newSession("h", "sub")) })
		consume := func(hash string, at time.Time) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.ConsumeSession(e.ctx, hash, at) })
		}
		equal(e, "none", consume("H", e.now), false)
		equal(e, "at expiry", consume("h", e.in(3*time.Minute)), false)
		equal(e, "just before", consume("h", e.in(3*time.Minute-time.Millisecond)), true)
	}},
	{"UseSession/has one winner, who is seen to have used it", func(e *env) {
		used := e.newSession("h", "sub")
		used.UsedAt = e.in(time.Second)
		raceOne(e, "UseSession", func(tx userpool.Tx) (bool, error) { return tx.UseSession(e.ctx, used) })
		equal(e, "session", e.session("h"), used)
	}},
	{"DeleteSessions/ends those of the subject in the pool", func(e *env) {
		e.do(func(tx userpool.Tx) error {
			return errors.Join(
				tx.InsertSession(e.ctx, e.newSession("a", "sub")),
				tx.InsertSession(e.ctx, e.newSession("b", "sub")),
				tx.InsertSession(e.ctx, e.newSession("c", "other")))
		})
		e.do(func(tx userpool.Tx) error { return tx.DeleteSessions(e.ctx, "us-east-1_None", "sub") })
		e.session("a")
		e.do(func(tx userpool.Tx) error { return tx.DeleteSessions(e.ctx, e.pool, "sub") })
		for _, hash := range []string{"a", "b"} {
			absent(e, "Session", func(tx userpool.Tx) (userpool.Session, error) { return tx.Session(e.ctx, hash) })
		}
		e.session("c")
	}},
	{"DeleteSessions/leaves those that end with a challenge", func(e *env) {
		for _, hash := range []string{"code", "code and proof", "code and function"} {
			s := e.newSession(hash, "sub")
			s.Challenge, s.Proof, s.Sealed = "c", "", ""
			switch hash {
			case "code and proof":
				s.Proof = "password"
			case "code and function":
				s.Sealed = "state"
			}
			e.do(func(tx userpool.Tx) error { return tx.InsertSession(e.ctx, s) })
		}
		e.do(func(tx userpool.Tx) error { return tx.DeleteSessions(e.ctx, e.pool, "sub") })
		e.session("code")
		for _, hash := range []string{"code and proof", "code and function"} {
			absent(e, hash, func(tx userpool.Tx) (userpool.Session, error) { return tx.Session(e.ctx, hash) })
		}
	}},
	{"UseNonce/has one winner for each value", func(e *env) {
		raceOne(e, "UseNonce", func(tx userpool.Tx) (bool, error) { return tx.UseNonce(e.ctx, "n", e.in(time.Minute)) })
		equal(e, "another", write(e, func(tx userpool.Tx) (bool, error) { return tx.UseNonce(e.ctx, "N", e.in(time.Minute)) }), true)
	}},
	{"Repeat/is kept until it expires, and replaced", func(e *env) {
		put := func(answer string, expires time.Time) {
			e.do(func(tx userpool.Tx) error { return tx.PutRepeat(e.ctx, "key", answer, expires) })
		}
		put("one", e.in(time.Minute))
		put("two", e.in(2*time.Minute))
		if got, err := e.repeat("key", e.in(2*time.Minute-time.Millisecond)); err != nil || got != "two" {
			e.Fatalf("got %q, %v", got, err)
		}
		for key, at := range map[string]time.Time{"key": e.in(2 * time.Minute), "KEY": e.now} {
			if got, err := e.repeat(key, at); !errors.Is(err, userpool.ErrNotFound) {
				e.Fatalf("%s: got %q, %v", key, got, err)
			}
		}
	}},
}
