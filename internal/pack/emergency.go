package pack

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Where the table does not answer in time, or others change it too fast, nothing can
// be counted. Whoever has never signed in then waits: it would be free to ask for
// texts else. Whom the pool itself knows goes on, within what one process may send
// uncounted.

// The bounds of that.
const (
	emergencyTexts = 10              // at once
	emergencyEvery = time.Minute     // one more
	emergencyGap   = 5 * time.Minute // between two to one number
)

// waitWhenDown is when a stranger may come again.
const waitWhenDown = 30 * time.Second

// errUncounted says that a text may go though it is counted nowhere.
var errUncounted = errors.New("not counted")

// emergency decides without the table, which failed with the cause. What is a fault
// already is none of the table's.
func (p *Pack) emergency(ctx context.Context, who target, cause error, now time.Time) error {
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		return f
	}
	log := p.log.With("limit", string(guard.RuleDown), "to", who.number, "country", country(who.number), "pool", who.pool)
	if who.decoy { // answered as an owner, and takes nothing from them
		return errUncounted
	}
	if who.proved && p.uncounted.take(p.party(who.number).Number, now) {
		log.WarnContext(ctx, "text without the guard", "cause", cause)
		return errUncounted
	}
	log.WarnContext(ctx, "text refused")
	return fault.Wrap(fault.Unavailable, cause, "Texts cannot be counted now").After(waitWhenDown)
}

// uncounted are the texts that this process let through.
type uncounted struct {
	mu    sync.Mutex // guards what is below
	until time.Time  // when all that was taken has come back
	last  map[string]time.Time
}

// take takes one for the number. A clock that steps back brings none.
func (u *uncounted) take(number string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.until.Before(now) {
		u.until = now
	}
	if last, ok := u.last[number]; ok && now.Sub(last) < emergencyGap {
		return false
	}
	if u.until.Sub(now) > (emergencyTexts-1)*emergencyEvery {
		return false
	}
	u.until = u.until.Add(emergencyEvery)
	if u.last == nil {
		u.last = map[string]time.Time{}
	}
	for n, at := range u.last { // as many as can have been taken meanwhile
		if now.Sub(at) >= emergencyGap {
			delete(u.last, n)
		}
	}
	u.last[number] = now
	return true
}
