package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// trust is a counter that a transaction pays of without waiting for the answer. The
// statement that writes it goes with the commit, and fails where there is no room; then
// the transaction is mistaken, and runs again without trust.
//
// A counter of which all is given back is written too, as it is. Of two transactions that
// pay of one counter the second fails then and runs again: of many answers that race, no
// more are looked at than the limit allows. Of several that are always paid together it is
// enough to write one: the others are looked at in the same statement.
type trust struct {
	guard.Payment     // what is paid by now
	most          int // what was paid at once
	now           time.Time
	leader        string // the counter that is written for it, if it is not itself
}

const onTrusted = ` on conflict (name) do update set
		spent    = case when counters.reset_at <= $1 then excluded.spent
			when counters.spent <= excluded.most then counters.spent + excluded.spent
			else counters.spent / 0 end,
		reset_at = case when counters.reset_at <= $1 or counters.spent = 0 and excluded.spent > 0 then excluded.reset_at else counters.reset_at end,
		held     = case when counters.reset_at <= $1 then 0 else counters.held end`

var (
	batchTrust = newBatch(`insert into counters (name, spent, reset_at, most) values `, `({1}, {2}, {3}, {4})`, onTrusted, 1, 4)
	batchLead  = newBatch(`insert into counters (name, spent, reset_at, most) values ($2, $3, $4, cast($5 as bigint) / (
			select case when count(*) = 0 then 1 else 0 end from (values `, `(cast({1} as text), cast({2} as bigint))`, `) as others
			join counters as c on c.name = others.column1 where c.reset_at > $1 and c.spent > others.column2))`+onTrusted, 5, 2)
)

// mayTrust says whether a transaction that is mistaken fails, and is told so.
func (t *tx) mayTrust() bool { return t.remote != nil && t.assumes && t.steady }

// PayTrusting is guard.Trusting's.
func (t *tx) PayTrusting(ctx context.Context, payments []guard.Payment, now time.Time) (bool, error) {
	if err := t.usable(ctx); err != nil || !t.mayTrust() {
		return false, err
	}
	for _, p := range payments {
		if c := t.trusted(p.Key); c != nil && c.most+p.Amount > p.Limit.Max {
			return false, nil
		}
	}
	for _, p := range payments {
		t.trust(p, now)
		if leader := payments[len(payments)-1].Key; p.Key != leader {
			t.trusted(p.Key).leader = leader
		}
	}
	return true, nil
}

func (t *tx) trust(p guard.Payment, now time.Time) {
	c := t.trusted(p.Key)
	if c == nil {
		c = &trust{Payment: guard.Payment{Key: p.Key, Limit: p.Limit}, now: now}
		t.trusts = append(t.trusts, c)
	}
	c.Amount += p.Amount
	c.most = max(c.most, c.Amount)
}

// ClearTrusting is guard.Trusting's.
func (t *tx) ClearTrusting(key string) bool {
	c := t.trusted(key)
	if c != nil {
		c.Amount, c.most = 0, c.Limit.Max
	}
	return c != nil
}

// trusted finds what the transaction pays of a counter so.
func (t *tx) trusted(key string) *trust {
	for _, c := range t.trusts {
		if c.Key == key {
			return c
		}
	}
	return nil
}

// takeBack gives back what it can of what is not written yet, and says how much is left.
func (t *tx) takeBack(key string, amount int) int {
	c := t.trusted(key)
	if c == nil {
		return amount
	}
	own := min(c.Amount, amount)
	c.Amount -= own
	return amount - own
}

// storeTrusts leaves the counters to be written, in the order of their keys, so that two
// transactions never wait for each other crosswise.
func (t *tx) storeTrusts() error {
	slices.SortFunc(t.trusts, func(a, b *trust) int { return strings.Compare(a.Key, b.Key) })
	led := make(map[string][]*trust)
	for _, c := range t.trusts {
		if c.Amount == 0 && c.leader != "" && len(led[c.leader]) < batchMost {
			led[c.leader] = append(led[c.leader], c)
		}
	}
	var alone []*trust
	for _, c := range t.trusts {
		switch others := led[c.Key]; {
		case slices.Contains(led[c.leader], c):
		case len(others) == 0:
			alone = append(alone, c)
		default:
			if err := t.storeAlone(alone); err != nil {
				return err
			}
			alone = nil
			if err := t.storeLeader(c, others); err != nil {
				return err
			}
		}
	}
	return t.storeAlone(alone)
}

func (t *tx) storeAlone(trusts []*trust) error {
	for part := range slices.Chunk(trusts, batchMost) {
		args := make([]any, 1, 1+4*len(part))
		args[0] = millis(part[0].now)
		for _, c := range part {
			args = append(args, c.args()...)
		}
		if err := t.conn.later(batchTrust.text(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) storeLeader(c *trust, others []*trust) error {
	args := append([]any{millis(c.now)}, c.args()...)
	for _, o := range others {
		args = append(args, o.Key, o.Limit.Max-o.most)
	}
	return t.conn.later(batchLead.text(len(others)), args...)
}

func (c *trust) args() []any {
	return []any{c.Key, c.Amount, millis(c.now.Add(c.Limit.Window)), c.Limit.Max - c.most}
}

// What a transaction is going to pay is looked up ahead: then it is decided by that, and
// written with the commit.

// lookAhead notes the counters of payments in a foresight.
func (t *tx) lookAhead(f foresight, payments []guard.Payment, now time.Time) error {
	payments = merged(payments)
	if len(payments) == 0 || len(payments) > batchMost {
		return nil
	}
	args := countersArgs(payments, now)
	f.counters = args
	return f.query(batchCounters.text(len(payments)), args, nil)
}

func countersArgs(payments []guard.Payment, now time.Time) []any {
	args := []any{millis(now)}
	for _, p := range payments {
		args = append(args, p.Key)
	}
	return args
}

// foresaw says whether all of the counters were looked up ahead.
func (t *tx) foresaw(payments []guard.Payment, now time.Time) bool {
	if !t.mayTrust() || len(payments) == 0 || len(t.remote.counters) == 0 || t.remote.counters[0] != any(millis(now)) {
		return false
	}
	for _, p := range payments {
		if !slices.Contains(t.remote.counters[1:], any(p.Key)) || t.trusted(p.Key) != nil {
			return false
		}
	}
	return true
}

// payForeseen pays of counters that were looked up ahead.
func (t *tx) payForeseen(ctx context.Context, payments []guard.Payment, now time.Time, done map[string]guard.Spent) error {
	args := t.remote.counters
	found, err := many(ctx, t, scanNamedSpent, batchCounters.text(len(args)-1), args...)
	if err != nil {
		return err
	}
	for _, p := range payments {
		s := guard.Spent{OK: true, Count: p.Amount, ResetAt: time.UnixMilli(millis(now.Add(p.Limit.Window))).UTC()}
		for _, f := range found {
			if f.name != p.Key {
				continue
			}
			if s = f.Spent; s.Count+p.Amount <= p.Limit.Max {
				s.OK, s.Count = true, s.Count+p.Amount
			}
		}
		if s.OK {
			t.trust(p, now)
		}
		done[p.Key] = s
	}
	return nil
}
