package guard

import (
	"context"
	"time"
)

// Limit allows Max spends in a window that opens with the first of them.
type Limit struct {
	Max    int
	Window time.Duration
	// Ahead is how many spends a server may take in advance, for a counter that
	// many requests share: what it has it spends without asking. Less what was
	// given back there are never more than Max spends; there may be fewer by what
	// servers hold when others ask, and for the rest of the window by what a server
	// held that died. Zero is exact. Count includes what is held.
	Ahead int
}

// exact is the Ahead of counters that few requests share.
const exact = 0

// Spent is what a Spend did.
type Spent struct {
	OK      bool      // within the limit, and counted
	Count   int       // in the current window, this one included if OK
	ResetAt time.Time // when the current window closes
}

// Counters keep how often something happened. A counter's window opens with
// its first spend and lasts Limit.Window, or until all is given back; the next spend
// after that opens a new one. Counts are exact, whatever races, but for Limit.Ahead. A transaction that
// is not stored has spent nothing.
type Counters interface {
	// Spend counts one under the key if the window has room, in one statement:
	// a spend beyond Max changes nothing and is not OK.
	Spend(ctx context.Context, key string, l Limit, now time.Time) (Spent, error)
	// Count reads a counter: its count in the window open at now, else zero.
	Count(ctx context.Context, key string, now time.Time) (int, error)
	// GiveBack takes one spend of the limit back, never below zero.
	GiveBack(ctx context.Context, key string, l Limit, now time.Time) error
	// Clear forgets the counters.
	Clear(ctx context.Context, keys ...string) error
}

// Trusting is what a State may pay without asking whether there is room. It goes by it
// that there is; if there is not, it finds out by the commit, and the transaction runs
// again and may not trust.
type Trusting interface {
	// PayTrusting pays all, or says that it may not. What is paid so is exact, whatever
	// the limit says, and can be refunded in the same transaction. Whoever pays of one of
	// them pays of all, so the last stands for the others where all is given back.
	PayTrusting(ctx context.Context, payments []Payment, now time.Time) (bool, error)
	// ClearTrusting forgets a counter that was paid so, and goes by it that there is
	// nothing to be forgotten. Of every other it says no.
	ClearTrusting(key string) bool
}

// Asking is for a State that trusts nobody.
type Asking struct{}

// PayTrusting pays nothing.
func (Asking) PayTrusting(context.Context, []Payment, time.Time) (bool, error) { return false, nil }

// ClearTrusting forgets nothing.
func (Asking) ClearTrusting(string) bool { return false }
