package sqlstore

import (
	"context"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// ahead holds spends that this server has taken in advance from counters that
// many requests share. Two transactions that write one row must wait for each
// other, and on snapshots the second must run again; so such a
// counter is written once for several spends, by a transaction of its own.
//
// What is held is counted in the database already, so that no limit is ever
// exceeded. What nobody needs for a while goes back.
type ahead struct {
	db *postgres

	mu   sync.Mutex // guards held
	held map[string]*holding

	poke chan struct{} // something is held
	ctx  context.Context
	stop func()        // ends ctx, and with it the janitor
	done chan struct{} // closed when the janitor has ended
}

// holding is what is held of one counter.
type holding struct {
	left     int       // to be spent, in the window that closes at resetAt
	count    int       // the counter as it was when it was last asked
	resetAt  time.Time // zero: never asked
	returned int       // given back, and not to be spent here: its window is not known
	seen     time.Time // when the last of those came back
	used     bool      // since the janitor looked
	asking   chan struct{}
}

// holdFor is how long what nobody needs is held, twice that at most.
const holdFor = 5 * time.Second

func newAhead(db *postgres) *ahead {
	a := &ahead{
		db: db, held: make(map[string]*holding),
		poke: make(chan struct{}, 1), done: make(chan struct{}),
	}
	a.ctx, a.stop = context.WithCancel(context.Background())
	go a.run()
	return a
}

// take spends one. It waits for whoever is asking the database about the same
// counter.
func (a *ahead) take(ctx context.Context, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	for {
		a.mu.Lock()
		h := a.hold(key)
		h.used = true
		if h.left > 0 && now.Before(h.resetAt) {
			h.left--
			s := guard.Spent{OK: true, Count: h.count, ResetAt: h.resetAt}
			a.mu.Unlock()
			return s, nil
		}
		if asking := h.asking; asking != nil {
			a.mu.Unlock()
			select {
			case <-asking:
				continue
			case <-ctx.Done():
				return guard.Spent{}, ctx.Err()
			}
		}
		h.asking = make(chan struct{})
		a.mu.Unlock()
		s, err := a.ask(ctx, h, key, l, now)
		if err != nil || !s.OK {
			return s, err
		}
	}
}

// ask gets what a limit lets a server have ahead, or near its end the one that is
// needed.
func (a *ahead) ask(ctx context.Context, h *holding, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	if n := min(l.Ahead, l.Max); n > 1 {
		s, err := a.db.spendAhead(ctx, key, l, n, now, func(s guard.Spent, err error) {
			if err != nil || s.OK {
				a.got(h, n, s, err)
			}
		})
		if err != nil || s.OK {
			return s, err
		}
	}
	return a.db.spendAhead(ctx, key, l, 1, now, func(s guard.Spent, err error) { a.got(h, 1, s, err) })
}

// got notes what an ask has brought, and lets the next ask.
func (a *ahead) got(h *holding, n int, s guard.Spent, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(h.asking)
	h.asking = nil
	if err != nil || !s.OK {
		return
	}
	if !s.ResetAt.Equal(h.resetAt) {
		h.left = 0 // of a window that is over
	}
	h.left, h.count, h.resetAt = h.left+n, s.Count, s.ResetAt
}

// undo takes back what a transaction spent that is not stored.
func (a *ahead) undo(key string, resetAt time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hold(key)
	switch {
	case h.resetAt.IsZero(): // what was held has been put back meanwhile
		h.left, h.resetAt = 1, resetAt
	case h.resetAt.Equal(resetAt): // else its window is over
		h.left++
	}
}

// give takes back what was spent, perhaps in an earlier window and by another
// server.
func (a *ahead) give(key string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hold(key)
	if now.Before(h.resetAt) {
		h.left++
		return
	}
	h.returned++
	h.seen = now
}

// hold finds or makes what is held of a counter. The lock is the caller's.
func (a *ahead) hold(key string) *holding {
	h := a.held[key]
	if h == nil {
		h = &holding{used: true}
		a.held[key] = h
		select {
		case a.poke <- struct{}{}:
		default:
		}
	}
	return h
}

// run is the janitor: it puts back what nobody needs.
func (a *ahead) run() {
	defer close(a.done)
	for {
		select {
		case <-a.poke:
		case <-a.ctx.Done():
			return
		}
		for a.settle(a.ctx, false) > 0 {
			timer := time.NewTimer(holdFor)
			select {
			case <-timer.C:
			case <-a.ctx.Done():
				timer.Stop()
				return
			}
		}
	}
}

// settle puts back what was not used since the last time, or all, and says of how
// many counters something is held then. What is left when ctx ends is still held.
func (a *ahead) settle(ctx context.Context, all bool) int {
	back := map[string]*holding{}
	a.mu.Lock()
	for key, h := range a.held {
		if h.asking == nil && (all || !h.used) {
			back[key] = h
			delete(a.held, key)
		}
		h.used = false
	}
	a.mu.Unlock()
	for key, h := range back {
		if ctx.Err() != nil {
			break
		}
		a.db.putBack(ctx, key, h)
		delete(back, key)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, h := range back {
		if a.held[key] == nil {
			a.held[key] = h
		}
	}
	return len(a.held)
}

// stopKeeping ends the janitor.
func (a *ahead) stopKeeping() {
	a.stop()
	<-a.done
}

// putBackAll gives back what is held, if the server takes it in time. Nobody spends
// any more then.
func (a *ahead) putBackAll() {
	ctx, cancel := context.WithTimeout(context.Background(), a.db.closeWithin)
	defer cancel()
	a.settle(ctx, true)
}

// aheadTx is what one transaction spends and gives back, which counts only if
// it is stored.
type aheadTx struct {
	all   *ahead
	now   time.Time // of the last that was given back
	spent []spentAhead
	given []string
}

type spentAhead struct {
	key     string
	resetAt time.Time // of its window
}

func (t *aheadTx) spend(ctx context.Context, of *tx, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	if err := of.usable(ctx); err != nil || l.Max <= 0 {
		return guard.Spent{}, err
	}
	s, err := t.all.take(of.caller, key, l, now)
	if err != nil {
		of.failed = err
		return guard.Spent{}, err
	}
	if s.OK {
		t.spent = append(t.spent, spentAhead{key, s.ResetAt})
	}
	return s, nil
}

func (t *aheadTx) giveBack(key string, now time.Time) {
	t.given, t.now = append(t.given, key), now
}

// stored makes what was given back count.
func (t *aheadTx) stored() {
	for _, key := range t.given {
		t.all.give(key, t.now)
	}
}

// void undoes what was spent.
func (t *aheadTx) void() {
	for _, s := range t.spent {
		t.all.undo(s.key, s.resetAt)
	}
}
