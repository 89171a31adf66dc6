package storetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) spend(key string, l guard.Limit, at time.Time) guard.Spent {
	e.Helper()
	return write(e, func(tx userpool.Tx) (guard.Spent, error) { return tx.Spend(e.ctx, key, l, at) })
}

func (e *env) spent(key string, at time.Time) int {
	e.Helper()
	return read(e, func(tx userpool.Tx) (int, error) { return tx.Count(e.ctx, key, at) })
}

var counterCases = []testCase{
	{"Spend/counts up to the limit within the window that the first opened", func(e *env) {
		l := guard.Limit{Max: 2, Window: time.Minute}
		reset := e.in(time.Minute)
		equal(e, "first", e.spend("key", l, e.now), guard.Spent{OK: true, Count: 1, ResetAt: reset})
		equal(e, "second", e.spend("key", l, e.in(30*time.Second)), guard.Spent{OK: true, Count: 2, ResetAt: reset})
		equal(e, "third", e.spend("key", l, e.in(time.Minute-time.Millisecond)), guard.Spent{Count: 2, ResetAt: reset})
		equal(e, "count", e.spent("key", e.in(time.Minute-time.Millisecond)), 2)
		equal(e, "count when the window closes", e.spent("key", reset), 0)
		equal(e, "next window", e.spend("key", l, reset), guard.Spent{OK: true, Count: 1, ResetAt: e.in(2 * time.Minute)})
		equal(e, "another key", e.spent("KEY", e.now), 0)
	}},
	{"Spend/with nothing allowed is refused", func(e *env) {
		equal(e, "spent", e.spend("key", guard.Limit{Window: time.Minute}, e.now), guard.Spent{})
		equal(e, "count", e.spent("key", e.now), 0)
	}},
	{"Spend/by many is exact", func(e *env) {
		const limit = 10
		var numbers []int
		for _, s := range race(e, racers, func(tx userpool.Tx, _ int) (guard.Spent, error) {
			return tx.Spend(e.ctx, "key", guard.Limit{Max: limit, Window: time.Minute}, e.now)
		}) {
			if s.OK {
				numbers = append(numbers, s.Count)
			} else {
				equal(e, "refused", s, guard.Spent{Count: limit, ResetAt: e.in(time.Minute)})
			}
		}
		equal(e, "allowed", len(numbers), limit)
		equal(e, "numbers", oneToN(numbers), true)
	}},
	{"GiveBack/takes one back, never below zero, never from a later window", func(e *env) {
		l := guard.Limit{Max: 1, Window: time.Minute}
		giveBack := func(at time.Time) {
			e.do(func(tx userpool.Tx) error { return tx.GiveBack(e.ctx, "key", l, at) })
		}
		giveBack(e.now) // of a counter that is not there
		equal(e, "count", e.spent("key", e.now), 0)
		e.spend("key", l, e.now)
		giveBack(e.in(time.Second))
		giveBack(e.in(time.Second))
		equal(e, "count", e.spent("key", e.in(time.Second)), 0)
		equal(e, "room again, in a new window", e.spend("key", l, e.in(2*time.Second)),
			guard.Spent{OK: true, Count: 1, ResetAt: e.in(time.Minute + 2*time.Second)})
	}},
	{"Clear/forgets the counter", func(e *env) {
		l := guard.Limit{Max: 1, Window: time.Minute}
		e.spend("key", l, e.now)
		e.spend("other", l, e.now)
		e.do(func(tx userpool.Tx) error { return tx.Clear(e.ctx, "key") })
		equal(e, "counts", []int{e.spent("key", e.now), e.spent("other", e.now)}, []int{0, 1})
		equal(e, "a new window", e.spend("key", l, e.in(time.Second)).ResetAt, e.in(time.Second+time.Minute))
	}},
	{"Counters/do what a simple model does", func(e *env) {
		seed := rand.Uint64()
		e.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		model := counterModel{}
		for now := e.now; now.Before(e.in(time.Hour)); {
			var ops []counterOp
			for range 20 {
				now = now.Add(time.Duration(rnd.IntN(4000)) * time.Millisecond)
				ops = append(ops, counterOp{
					kind: rnd.IntN(10), key: fmt.Sprint("key", rnd.IntN(3)), at: now,
					limit: guard.Limit{Max: rnd.IntN(5), Window: time.Duration(1+rnd.IntN(30)) * time.Second},
				})
			}
			got := write(e, func(tx userpool.Tx) ([]guard.Spent, error) {
				var all []guard.Spent
				for _, op := range ops {
					s, err := op.run(e, tx)
					if err != nil {
						return nil, err
					}
					all = append(all, s)
				}
				return all, nil
			})
			for i, op := range ops {
				equal(e, fmt.Sprintf("%+v", op), got[i], model.run(op))
			}
		}
	}},
}

// counterOp is one random step: mostly spends.
type counterOp struct {
	kind  int
	key   string
	limit guard.Limit
	at    time.Time
}

func (op counterOp) run(e *env, tx userpool.Tx) (s guard.Spent, err error) {
	switch op.kind {
	case 0:
		return s, tx.Clear(e.ctx, op.key)
	case 1, 2:
		return s, tx.GiveBack(e.ctx, op.key, op.limit, op.at)
	case 3:
		s.Count, err = tx.Count(e.ctx, op.key, op.at)
		return s, err
	}
	return tx.Spend(e.ctx, op.key, op.limit, op.at)
}

// counterModel says in Go what guard.Counters says in words.
type counterModel map[string]guard.Spent

func (m counterModel) run(op counterOp) guard.Spent {
	c := m[op.key]
	if !c.ResetAt.After(op.at) || c.Count == 0 {
		c = guard.Spent{}
	}
	switch op.kind {
	case 0:
		delete(m, op.key)
		return guard.Spent{}
	case 1, 2:
		c.Count = max(0, c.Count-1)
		m[op.key] = c
		return guard.Spent{}
	case 3:
		return guard.Spent{Count: c.Count}
	}
	if c.Count >= op.limit.Max {
		return c
	}
	if c.ResetAt.IsZero() {
		c.ResetAt = op.at.Add(op.limit.Window)
	}
	c.Count++
	m[op.key] = c
	c.OK = true
	return c
}
