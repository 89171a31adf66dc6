package dynamo

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// counter is one as the table has it.
type counter struct {
	n       int
	resetAt time.Time
}

func (s *Store) counter(ctx context.Context, name string) (counter, error) {
	in, err := s.get(ctx, name, kindCounter)
	if err != nil || in == nil {
		return counter{}, err
	}
	r := reader{in: in}
	c := counter{n: int(r.number("n")), resetAt: r.moment("resets_at")}
	return c, r.err
}

// Spend implements guard.Counters: one more in the window that is open, else the
// first of a new one. Both are conditional, so that whoever races with whom,
// counts are exact. Limit.Ahead is not used.
func (s *Store) Spend(ctx context.Context, name string, l guard.Limit, now time.Time) (guard.Spent, error) {
	for range maxRaces {
		in, ok, err := s.update(ctx, change{
			pk: name, kind: kindCounter,
			update:    "SET n = n + :one",
			condition: "resets_at > :now AND n < :max",
			values:    item{":one": number(1), ":now": moment(now), ":max": number(int64(l.Max))},
		})
		if err != nil {
			return guard.Spent{}, wrap("spend", err)
		}
		if ok {
			r := reader{in: in}
			spent := guard.Spent{OK: true, Count: int(r.number("n")), ResetAt: r.moment("resets_at")}
			return spent, wrap("spend", r.err)
		}
		if ok, err = s.openWindow(ctx, name, l, now); err != nil {
			return guard.Spent{}, wrap("spend", err)
		}
		if ok {
			return guard.Spent{OK: true, Count: 1, ResetAt: now.Add(l.Window)}, nil
		}
		c, err := s.counter(ctx, name)
		if err != nil {
			return guard.Spent{}, wrap("spend", err)
		}
		if c.resetAt.After(now) && c.n >= l.Max {
			return guard.Spent{Count: c.n, ResetAt: c.resetAt}, nil
		}
	}
	return guard.Spent{}, wrap("spend", errRaces)
}

func (s *Store) openWindow(ctx context.Context, name string, l guard.Limit, now time.Time) (bool, error) {
	if l.Max < 1 {
		return false, nil
	}
	end := now.Add(l.Window)
	in := key(name, kindCounter)
	in["n"], in["resets_at"], in["ttl"] = number(1), moment(end), ttl(end)
	return s.put(ctx, in, "attribute_not_exists(pk) OR resets_at <= :now", item{":now": moment(now)})
}

// Count implements guard.Counters.
func (s *Store) Count(ctx context.Context, name string, now time.Time) (int, error) {
	c, err := s.counter(ctx, name)
	if err != nil || !c.resetAt.After(now) {
		return 0, wrap("count", err)
	}
	return c.n, nil
}

// GiveBack implements guard.Counters.
func (s *Store) GiveBack(ctx context.Context, name string, _ guard.Limit, now time.Time) error {
	_, _, err := s.update(ctx, change{
		pk: name, kind: kindCounter,
		update:    "SET n = n - :one",
		condition: "resets_at > :now AND n > :none",
		values:    item{":one": number(1), ":now": moment(now), ":none": number(0)},
	})
	return wrap("give back", err)
}

// Clear implements guard.Counters. The item stays until its time to live is over,
// so that the function needs no right to delete.
func (s *Store) Clear(ctx context.Context, names ...string) error {
	for _, name := range names {
		_, _, err := s.update(ctx, change{
			pk: name, kind: kindCounter,
			update:    "SET n = :none",
			condition: "attribute_exists(pk)",
			values:    item{":none": number(0)},
		})
		if err != nil {
			return wrap("clear", err)
		}
	}
	return nil
}
