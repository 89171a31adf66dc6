package storetest

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// tries is how many a case's challenge has.
const tries = 5

func (e *env) newChallenge(id userpool.ChallengeID, subject string) userpool.Challenge {
	return userpool.Challenge{
		ID: id, PoolID: e.pool, ClientID: e.client, Subject: subject, Purpose: userpool.PurposeSignIn,
		Requester: "192.0.2.1", To: userpool.ContactOf("+15550100"), KeyID: "k1", Digits: 6, MaxTries: tries,
		CreatedAt: e.now, ExpiresAt: e.in(10 * time.Minute),
	}
}

type opened struct {
	live  userpool.Challenge
	isNew bool
}

func (e *env) open(c userpool.Challenge, at time.Time) opened {
	e.Helper()
	return write(e, func(tx userpool.Tx) (o opened, err error) {
		o.live, o.isNew, err = tx.OpenChallenge(e.ctx, c, at)
		return o, err
	})
}

// openChallenge stores a challenge whose slot is free.
func (e *env) openChallenge(c userpool.Challenge) {
	e.Helper()
	equal(e, "opened", e.open(c, c.CreatedAt), opened{c, true})
}

func (e *env) challenge(id userpool.ChallengeID) userpool.Challenge {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.Challenge, error) { return tx.Challenge(e.ctx, id) })
}

type attempt struct {
	c  userpool.Challenge
	ok bool
}

func (e *env) attempt(id userpool.ChallengeID, at time.Time) attempt {
	e.Helper()
	return write(e, func(tx userpool.Tx) (a attempt, err error) {
		a.c, a.ok, err = tx.ClaimAttempt(e.ctx, id, at)
		return a, err
	})
}

// exhaust spends all of a challenge's tries.
func (e *env) exhaust(id userpool.ChallengeID) {
	e.Helper()
	for range tries {
		if !e.attempt(id, e.now).ok {
			e.Fatal("too few tries")
		}
	}
}

func (e *env) consume(id userpool.ChallengeID, at time.Time) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) { return tx.ConsumeChallenge(e.ctx, id, at) })
}

var challengeCases = []testCase{
	{"Challenge/comes back as stored", func(e *env) {
		c := e.newChallenge("c", "sub")
		c.Registration, c.Tries, c.Sends = "reg", 2, 3
		c.SentAt, c.UsedAt = e.in(time.Second), time.Time{}
		e.openChallenge(c)
		equal(e, "challenge", e.challenge("c"), c)
		absent(e, "Challenge", func(tx userpool.Tx) (userpool.Challenge, error) { return tx.Challenge(e.ctx, "C") })
	}},
	{"OpenChallenge/gives the live one of the slot", func(e *env) {
		first := e.newChallenge("first", "sub")
		e.openChallenge(first)
		equal(e, "again", e.open(e.newChallenge("second", "sub"), e.in(9*time.Minute)), opened{first, false})
		absent(e, "the other", func(tx userpool.Tx) (userpool.Challenge, error) { return tx.Challenge(e.ctx, "second") })
	}},
	{"LeaveSlot/makes room for a new one, and the old one lives on", func(e *env) {
		first, second := e.newChallenge("first", "sub"), e.newChallenge("second", "sub")
		e.openChallenge(first)
		e.do(func(tx userpool.Tx) error { return tx.LeaveSlot(e.ctx, second) })
		e.openChallenge(second)
		equal(e, "a try of the old one", e.attempt("first", e.now).ok, true)
		equal(e, "the slot's", e.open(e.newChallenge("third", "sub"), e.now).live.ID, "second")
	}},
	{"OpenChallenge/gives every other slot its own", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, e.newPool("us-east-1_Other")) })
		e.openChallenge(e.newChallenge("first", "sub"))
		for i, change := range []func(*userpool.Challenge){
			func(c *userpool.Challenge) { c.PoolID = "us-east-1_Other" },
			func(c *userpool.Challenge) { c.ClientID = "another" },
			func(c *userpool.Challenge) { c.Subject = "another" },
			func(c *userpool.Challenge) { c.Purpose = userpool.PurposeOTP },
			func(c *userpool.Challenge) { c.Requester = "another" },
			func(c *userpool.Challenge) { c.Requester = "" },
		} {
			c := e.newChallenge(userpool.ChallengeID(fmt.Sprint("other", i)), "sub")
			change(&c)
			e.openChallenge(c)
		}
	}},
	{"OpenChallenge/replaces one that is used, out of tries or expired, and keeps it", func(e *env) {
		e.openChallenge(e.newChallenge("used", "sub"))
		e.consume("used", e.now)
		e.openChallenge(e.newChallenge("tried", "sub"))
		e.exhaust("tried")
		old := e.newChallenge("old", "sub")
		e.openChallenge(old)
		equal(e, "just before its expiry", e.open(e.newChallenge("early", "sub"), old.ExpiresAt.Add(-time.Millisecond)).isNew, false)
		late := e.newChallenge("late", "sub")
		late.CreatedAt, late.ExpiresAt = old.ExpiresAt, e.in(time.Hour)
		equal(e, "at its expiry", e.open(late, old.ExpiresAt), opened{late, true})
		equal(e, "what each was", []int{e.challenge("used").Tries, e.challenge("tried").Tries, e.challenge("old").Tries}, []int{0, tries, 0})
	}},
	{"OpenChallenge/with a taken id is refused", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		e.try(userpool.ErrExists, func(tx userpool.Tx) error {
			_, _, err := tx.OpenChallenge(e.ctx, e.newChallenge("c", "another"), e.now)
			return err
		})
	}},
	{"OpenChallenge/by many opens one", func(e *env) {
		all := race(e, racers, func(tx userpool.Tx, i int) (o opened, err error) {
			o.live, o.isNew, err = tx.OpenChallenge(e.ctx, e.newChallenge(userpool.ChallengeID(fmt.Sprint("c", i)), "sub"), e.now)
			return o, err
		})
		fresh := 0
		for _, o := range all {
			equal(e, "the one", o.live.ID, all[0].live.ID)
			if o.isNew {
				fresh++
			}
		}
		equal(e, "openers", fresh, 1)
	}},
	{"Challenges/are the subject's of a purpose that may still be answered, newest first", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, e.newPool("us-east-1_Other")) })
		add := func(id userpool.ChallengeID, change func(*userpool.Challenge)) {
			c := e.newChallenge(id, "sub")
			c.Purpose, c.Requester = userpool.PurposeReset, string(id)
			change(&c)
			e.openChallenge(c)
		}
		add("first", func(*userpool.Challenge) {})
		add("tried", func(c *userpool.Challenge) { c.CreatedAt = e.in(time.Second) })
		add("elsewhere", func(c *userpool.Challenge) { c.CreatedAt, c.ClientID = e.in(2*time.Second), "another" })
		add("used", func(*userpool.Challenge) {})
		add("early", func(c *userpool.Challenge) { c.ExpiresAt = e.in(time.Minute) })
		add("other pool", func(c *userpool.Challenge) { c.PoolID = "us-east-1_Other" })
		add("other subject", func(c *userpool.Challenge) { c.Subject = "SUB" })
		add("other purpose", func(c *userpool.Challenge) { c.Purpose = userpool.PurposeReset + "_email" })
		e.exhaust("tried")
		e.consume("used", e.now)
		list := func(subject string, at time.Time) (ids []userpool.ChallengeID) {
			for _, c := range read(e, func(tx userpool.Tx) ([]userpool.Challenge, error) {
				return tx.Challenges(e.ctx, e.pool, subject, userpool.PurposeReset, at)
			}) {
				ids = append(ids, c.ID)
			}
			return ids
		}
		equal(e, "live", list("sub", e.in(time.Minute)), []userpool.ChallengeID{"elsewhere", "tried", "first"})
		equal(e, "before", list("sub", e.in(time.Minute-time.Millisecond)), []userpool.ChallengeID{"elsewhere", "tried", "first", "early"})
		equal(e, "at expiry", list("sub", e.in(10*time.Minute)), nil)
		equal(e, "of nobody", list("none", e.now), nil)
	}},
	{"UnmarkSent/takes back what was counted and no more", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		unmark := func(id userpool.ChallengeID) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.UnmarkSent(e.ctx, id) })
		}
		equal(e, "before a send", unmark("c"), false)
		equal(e, "a send", write(e, func(tx userpool.Tx) (bool, error) { return tx.MarkSent(e.ctx, "c", 0, e.in(time.Second)) }), true)
		equal(e, "taken back", unmark("c"), true)
		equal(e, "taken back twice", unmark("c"), false)
		got := e.challenge("c")
		equal(e, "sends", got.Sends, 0)
		equal(e, "sent at", got.SentAt, time.Time{})
		equal(e, "of none", unmark("none"), false)
	}},
	{"MarkSent/counts a send once", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		mark := func(tx userpool.Tx) (bool, error) { return tx.MarkSent(e.ctx, "c", 0, e.in(time.Second)) }
		raceOne(e, "MarkSent", mark)
		c := e.challenge("c")
		equal(e, "sends", c.Sends, 1)
		equal(e, "sent", c.SentAt, e.in(time.Second))
		equal(e, "second send", write(e, func(tx userpool.Tx) (bool, error) { return tx.MarkSent(e.ctx, "c", 1, e.in(time.Minute)) }), true)
		equal(e, "of none", write(e, func(tx userpool.Tx) (bool, error) { return tx.MarkSent(e.ctx, "none", 0, e.now) }), false)
	}},
	{"ClaimAttempt/counts tries up to the limit and not beyond", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		for i := range tries {
			want := e.newChallenge("c", "sub")
			want.Tries = i + 1
			equal(e, "try", e.attempt("c", e.now), attempt{want, true})
		}
		equal(e, "beyond", e.attempt("c", e.now), attempt{})
		equal(e, "tries", e.challenge("c").Tries, tries)
	}},
	{"ClaimAttempt/is refused at expiry, after use, and for none", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		equal(e, "just before expiry", e.attempt("c", e.in(10*time.Minute-time.Millisecond)).ok, true)
		equal(e, "at expiry", e.attempt("c", e.in(10*time.Minute)).ok, false)
		e.consume("c", e.now)
		equal(e, "after use", e.attempt("c", e.now).ok, false)
		equal(e, "for none", e.attempt("none", e.now).ok, false)
		equal(e, "tries", e.challenge("c").Tries, 1)
	}},
	{"ClaimAttempt/by many gives each try once", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		numbers := []int{}
		for _, a := range race(e, racers, func(tx userpool.Tx, _ int) (a attempt, err error) {
			a.c, a.ok, err = tx.ClaimAttempt(e.ctx, "c", e.now)
			return a, err
		}) {
			if a.ok {
				numbers = append(numbers, a.c.Tries)
			}
		}
		equal(e, "tries", len(numbers), tries)
		equal(e, "numbers", oneToN(numbers), true)
	}},
	{"Answerable/finds what ClaimAttempt would count, and counts nothing", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		look := func(id userpool.ChallengeID, at time.Time) attempt {
			return read(e, func(tx userpool.Tx) (a attempt, err error) {
				a.c, a.ok, err = tx.Answerable(e.ctx, id, at)
				return a, err
			})
		}
		equal(e, "found", look("c", e.now), attempt{e.newChallenge("c", "sub"), true})
		equal(e, "just before expiry", look("c", e.in(10*time.Minute-time.Millisecond)).ok, true)
		equal(e, "at expiry", look("c", e.in(10*time.Minute)), attempt{})
		equal(e, "none", look("none", e.now), attempt{})
		equal(e, "tries", e.challenge("c").Tries, 0)
		e.exhaust("c")
		equal(e, "out of tries", look("c", e.now), attempt{})
		e.openChallenge(e.newChallenge("used", "another"))
		e.consume("used", e.now)
		equal(e, "used", look("used", e.now), attempt{})
	}},
	{"ConsumeAttempt/counts the try, marks the challenge used and has one winner", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		raceOne(e, "ConsumeAttempt", func(tx userpool.Tx) (bool, error) {
			if _, ok, err := tx.Answerable(e.ctx, "c", e.in(time.Second)); err != nil || !ok {
				return false, err
			}
			return tx.ConsumeAttempt(e.ctx, "c", e.in(time.Second))
		})
		equal(e, "tries", e.challenge("c").Tries, 1)
		equal(e, "used", e.challenge("c").UsedAt, e.in(time.Second))
		equal(e, "the slot is free", e.open(e.newChallenge("next", "sub"), e.now).isNew, true)
	}},
	{"ConsumeAttempt/is refused at expiry, out of tries, after use, and for none", func(e *env) {
		use := func(id userpool.ChallengeID, at time.Time) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.ConsumeAttempt(e.ctx, id, at) })
		}
		e.openChallenge(e.newChallenge("c", "sub"))
		equal(e, "at expiry", use("c", e.in(10*time.Minute)), false)
		equal(e, "in time", use("c", e.now), true)
		equal(e, "after use", use("c", e.now), false)
		e.openChallenge(e.newChallenge("tried", "sub"))
		e.exhaust("tried")
		equal(e, "out of tries", use("tried", e.now), false)
		equal(e, "none", use("none", e.now), false)
		equal(e, "tries", []int{e.challenge("c").Tries, e.challenge("tried").Tries}, []int{1, tries})
	}},
	{"ConsumeChallenge/has one winner and keeps the first time", func(e *env) {
		e.openChallenge(e.newChallenge("c", "sub"))
		raceOne(e, "ConsumeChallenge", func(tx userpool.Tx) (bool, error) { return tx.ConsumeChallenge(e.ctx, "c", e.in(time.Second)) })
		equal(e, "again", e.consume("c", e.in(time.Hour)), false)
		equal(e, "used", e.challenge("c").UsedAt, e.in(time.Second))
		equal(e, "none", e.consume("none", e.now), false)
	}},
	{"DeleteChallenges/ends what is the subject's, and its unsent texts", func(e *env) {
		e.openChallenge(e.newChallenge("a", "sub"))
		e.openChallenge(e.newChallenge("b", "SUB"))
		for _, id := range []string{"a", "b"} {
			m := e.newMessage(userpool.MessageID("text " + id))
			m.Challenge = userpool.ChallengeID(id)
			e.do(func(tx userpool.Tx) error { return tx.InsertMessage(e.ctx, m) })
		}
		e.do(func(tx userpool.Tx) error { return tx.DeleteChallenges(e.ctx, e.pool, "sub") })
		absent(e, "Challenge", func(tx userpool.Tx) (userpool.Challenge, error) { return tx.Challenge(e.ctx, "a") })
		equal(e, "the other", e.challenge("b").ID, "b")
		equal(e, "texts", e.claim(e.in(time.Hour), 10), []userpool.MessageID{"text b"})
	}},
}
