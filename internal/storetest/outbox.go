package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newMessage(id userpool.MessageID) userpool.Message {
	return userpool.Message{
		ID: id, PoolID: e.pool, ClientID: e.client, Purpose: userpool.PurposeSignIn, KeyID: "k1", Digits: 6,
		Template: "Your code is {####}.", AppHost: "app.example", Headline: "Your code", To: userpool.ContactOf("ann@example.com"),
		Secret: "sealed", Username: "sub", Letter: "sealed letter", Decoy: true, Requester: "192.0.2.1",
		Wording: "sign-in-hi", Language: "hi", Country: "IN", Known: true, Nth: 2,
		CreatedAt: e.now, ExpiresAt: e.in(10 * time.Minute), NextAt: e.now,
	}
}

// put stores messages that are created and due at the given distances.
func (e *env) put(due ...time.Duration) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		for i, d := range due {
			m := e.newMessage(userpool.MessageID(fmt.Sprint("m", i)))
			m.CreatedAt, m.NextAt = e.in(d), e.in(d)
			if err := tx.InsertMessage(e.ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// claim claims for an hour and returns the ids in the order they came.
func (e *env) claim(now time.Time, limit int) []userpool.MessageID {
	e.Helper()
	return write(e, func(tx userpool.Tx) ([]userpool.MessageID, error) {
		return claimIDs(e, tx, now, limit)
	})
}

func claimIDs(e *env, tx userpool.Tx, now time.Time, limit int) ([]userpool.MessageID, error) {
	ids := []userpool.MessageID{}
	all, err := tx.ClaimMessages(e.ctx, now, now.Add(time.Hour), limit)
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids, err
}

func (e *env) nextAt() time.Time {
	e.Helper()
	return read(e, func(tx userpool.Tx) (time.Time, error) { return tx.NextMessageAt(e.ctx) })
}

var outboxCases = []testCase{
	{"Message/comes back as stored, leased and counted", func(e *env) {
		m := e.newMessage("m")
		m.Challenge, m.Attempts = "challenge", 2
		e.do(func(tx userpool.Tx) error { return tx.InsertMessage(e.ctx, m) })
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertMessage(e.ctx, e.newMessage("m")) })
		got := write(e, func(tx userpool.Tx) ([]userpool.Message, error) {
			return tx.ClaimMessages(e.ctx, e.now, e.in(time.Minute), 10)
		})
		m.NextAt, m.Attempts = e.in(time.Minute), 3
		equal(e, "messages", got, []userpool.Message{m})
	}},
	{"ClaimMessages/takes what is due, oldest first, up to its limit", func(e *env) {
		e.put(3*time.Second, time.Second, 2*time.Second, 4*time.Second, 10*time.Second)
		equal(e, "before any is due", e.claim(e.in(time.Second-time.Millisecond), 10), []userpool.MessageID{})
		equal(e, "the oldest two", e.claim(e.in(4*time.Second), 2), []userpool.MessageID{"m1", "m2"})
		equal(e, "the other two", e.claim(e.in(4*time.Second), 10), []userpool.MessageID{"m0", "m3"})
		equal(e, "none is due", e.claim(e.in(9*time.Second), 10), []userpool.MessageID{})
		equal(e, "when leases end", len(e.claim(e.in(2*time.Hour), 10)), 5)
	}},
	{"ClaimMessages/by many gives each message to one", func(e *env) {
		e.put(make([]time.Duration, 2*racers)...)
		var all []userpool.MessageID
		for _, ids := range race(e, racers, func(tx userpool.Tx, _ int) ([]userpool.MessageID, error) {
			return claimIDs(e, tx, e.now, 3)
		}) {
			all = append(all, ids...)
		}
		// Who looked at what others took may have got less, at weak isolation.
		for rest := e.claim(e.now, 3); len(rest) > 0; rest = e.claim(e.now, 3) {
			all = append(all, rest...)
		}
		slices.Sort(all)
		equal(e, "claimed", len(all), 2*racers)
		equal(e, "claimed once", len(slices.Compact(all)), 2*racers)
	}},
	{"FreeMessages/makes due what is claimed until then, and not what is parked or due later", func(e *env) {
		e.put(0, 0, 0, -time.Minute)
		e.claim(e.now, 10)
		e.do(func(tx userpool.Tx) error {
			return errors.Join(
				tx.PostponeMessage(e.ctx, "m1", e.in(61*time.Minute), true),
				tx.ParkMessage(e.ctx, "m2", e.in(time.Hour)))
		})
		e.do(func(tx userpool.Tx) error { return tx.FreeMessages(e.ctx, e.now, e.in(time.Hour)) })
		equal(e, "due", e.claim(e.now, 10), []userpool.MessageID{"m3", "m0"})
		equal(e, "due later", e.claim(e.in(time.Hour), 10), []userpool.MessageID{"m3", "m0", "m2"})
	}},
	{"PostponeMessage/sets when it is due again", func(e *env) {
		e.put(0, 0)
		e.claim(e.now, 10)
		e.do(func(tx userpool.Tx) error { return tx.PostponeMessage(e.ctx, "m1", e.in(time.Second), true) })
		e.do(func(tx userpool.Tx) error { return tx.PostponeMessage(e.ctx, "none", e.in(time.Second), true) })
		equal(e, "too early", e.claim(e.now, 10), []userpool.MessageID{})
		equal(e, "due", e.claim(e.in(time.Second), 10), []userpool.MessageID{"m1"})
	}},
	{"PostponeMessage/counts tries that surely sent nothing", func(e *env) {
		e.put(0)
		for _, unsent := range []bool{true, false, true} {
			e.claim(e.now, 10)
			e.do(func(tx userpool.Tx) error { return tx.PostponeMessage(e.ctx, "m0", e.now, unsent) })
		}
		var all []userpool.Message
		e.do(func(tx userpool.Tx) (err error) {
			all, err = tx.ClaimMessages(e.ctx, e.now, e.in(time.Minute), 10)
			return err
		})
		if len(all) != 1 || all[0].Attempts != 4 || all[0].Unsent != 2 {
			e.Errorf("claimed %+v, want 4 attempts of which 2 surely sent nothing", all)
		}
	}},
	{"UnclaimMessage/gives back the last claim, and no other", func(e *env) {
		e.put(0)
		unclaim := func(leaseUntil time.Time) {
			e.do(func(tx userpool.Tx) error { return tx.UnclaimMessage(e.ctx, "m0", leaseUntil, e.now) })
		}
		claim := func(now, leaseUntil time.Time) (all []userpool.Message) {
			e.do(func(tx userpool.Tx) (err error) {
				all, err = tx.ClaimMessages(e.ctx, now, leaseUntil, 10)
				return err
			})
			return all
		}
		first, second := e.in(time.Minute), e.in(2*time.Minute)
		claim(e.now, first)
		unclaim(second)
		equal(e, "no such claim", len(claim(e.now, second)), 0)
		unclaim(first)
		all := claim(e.now, first)
		if len(all) != 1 || all[0].Attempts != 1 || all[0].Unsent != 0 {
			e.Errorf("claimed %+v, want its first attempt", all)
		}
		claim(first, second)
		unclaim(first)
		equal(e, "another's claim", len(claim(first, second)), 0)
	}},
	{"WakeMessage/makes one due that is parked, once", func(e *env) {
		wake := func(id userpool.MessageID) (woken bool) {
			e.do(func(tx userpool.Tx) (err error) { woken, err = tx.WakeMessage(e.ctx, id, e.now); return err })
			return woken
		}
		e.put(0, 0)
		e.claim(e.now, 10)
		e.do(func(tx userpool.Tx) error { return tx.ParkMessage(e.ctx, "m1", e.in(time.Hour)) })
		equal(e, "waiting", read(e, func(tx userpool.Tx) (userpool.OutboxDepth, error) { return tx.OutboxDepth(e.ctx) }).Messages, 1)
		equal(e, "parked", e.claim(e.now, 10), []userpool.MessageID{})
		equal(e, "one that is not parked", wake("m0"), false)
		equal(e, "none", wake("none"), false)
		equal(e, "woken", wake("m1"), true)
		equal(e, "due", e.claim(e.now, 10), []userpool.MessageID{"m1"})
		equal(e, "again", wake("m1"), false)
		e.do(func(tx userpool.Tx) error { return tx.ParkMessage(e.ctx, "m1", e.now) })
		var kept []userpool.Message
		e.do(func(tx userpool.Tx) (err error) {
			kept, err = tx.ClaimMessages(e.ctx, e.now, e.in(time.Minute), 10)
			return err
		})
		if len(kept) != 1 || !kept[0].Parked || kept[0].Unsent != kept[0].Attempts-2 {
			e.Errorf("kept until its time was over: %+v", kept)
		}
	}},
	{"NextMessageAt/is when the first is due", func(e *env) {
		equal(e, "empty", e.nextAt(), time.Time{})
		e.put(5*time.Second, 2*time.Second)
		equal(e, "two", e.nextAt(), e.in(2*time.Second))
		e.do(func(tx userpool.Tx) error { return tx.DeleteMessage(e.ctx, "m1") })
		e.do(func(tx userpool.Tx) error { return tx.DeleteMessage(e.ctx, "m1") })
		equal(e, "one", e.nextAt(), e.in(5*time.Second))
		e.do(func(tx userpool.Tx) error { return tx.DeleteMessage(e.ctx) })
		equal(e, "none ended", e.nextAt(), e.in(5*time.Second))
		e.do(func(tx userpool.Tx) error { return tx.DeleteMessage(e.ctx, "m0") })
		e.put(5*time.Second, 2*time.Second)
		e.do(func(tx userpool.Tx) error { return tx.DeleteMessage(e.ctx, "m0", "m1") })
		equal(e, "all ended", e.nextAt(), time.Time{})
	}},
	{"OutboxDepth/counts what is there, claimed and postponed too", func(e *env) {
		depth := func() userpool.OutboxDepth {
			return read(e, func(tx userpool.Tx) (userpool.OutboxDepth, error) { return tx.OutboxDepth(e.ctx) })
		}
		equal(e, "empty", depth(), userpool.OutboxDepth{})
		e.put(5*time.Second, 2*time.Second)
		e.claim(e.in(2*time.Second), 10)
		e.do(func(tx userpool.Tx) error { return tx.PostponeMessage(e.ctx, "m0", e.in(time.Hour), false) })
		equal(e, "two", depth(), userpool.OutboxDepth{Messages: 2, Oldest: e.in(2 * time.Second)})
		e.do(func(tx userpool.Tx) error { return tx.DeleteMessage(e.ctx, "m1") })
		equal(e, "one", depth(), userpool.OutboxDepth{Messages: 1, Oldest: e.in(5 * time.Second)})
	}},
}
