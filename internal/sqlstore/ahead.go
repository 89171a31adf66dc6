package sqlstore

import (
	"context"
	"errors"
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
//
// Payments are spends of several. What is refunded of them, beyond what this server itself
// has just spent, is not spent again here: the database alone knows whether a counter has
// so much to take back. It goes there with the next ask, or soon; until then it is as if it
// were not refunded. Nor does a refund take away there what servers hold: for that they say
// what they have spent.
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
	gone     int       // spent in it by what is stored, and not yet reported
	count    int       // the counter as it was when it was last asked
	resetAt  time.Time // zero: never asked
	returned int       // given back, and not to be spent here: its window or its counter is not known
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

// take spends so many. It waits for whoever is asking the database about the same
// counter.
func (a *ahead) take(ctx context.Context, key string, l guard.Limit, amount int, now time.Time) (guard.Spent, error) {
	for {
		a.mu.Lock()
		h := a.hold(key)
		h.used = true
		left, open := 0, now.Before(h.resetAt)
		if open {
			left = h.left
		}
		if open && left >= amount {
			h.left -= amount
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
		s, err := a.ask(ctx, h, key, l, amount-left, now)
		if err != nil || !s.OK {
			return s, err
		}
	}
}

// ask gets what a limit lets a server have ahead, or near its end what is needed,
// and brings along what goes back.
func (a *ahead) ask(ctx context.Context, h *holding, key string, l guard.Limit, need int, now time.Time) (guard.Spent, error) {
	a.mu.Lock()
	back := report{gone: h.gone, resetAt: h.resetAt, returned: h.returned, seen: h.seen}
	h.gone, h.returned = 0, 0
	a.mu.Unlock()
	return a.db.spendAhead(ctx, key, l, need, back, now, func(n int, s guard.Spent, err error) { a.got(h, n, s, back, err) })
}

// report is what a counter is told: how much of what is held was spent in the window
// that closes at resetAt, and what comes back, of the window that is open at seen.
type report struct {
	gone     int
	resetAt  time.Time
	returned int
	seen     time.Time
}

// got notes what an ask has brought, and lets the next ask. What it reported and
// surely did not arrive is kept.
func (a *ahead) got(h *holding, n int, s guard.Spent, back report, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(h.asking)
	h.asking = nil
	if err != nil && !errors.Is(err, errInDoubt) {
		h.returned += back.returned
		h.seen = later(h.seen, back.seen)
		if h.resetAt.Equal(back.resetAt) {
			h.gone += back.gone
		}
	}
	if err != nil || !s.OK {
		return
	}
	if !s.ResetAt.Equal(h.resetAt) {
		h.left, h.gone = 0, 0 // of a window that is over
	}
	h.left, h.count, h.resetAt = h.left+n, s.Count, s.ResetAt
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// undo takes back what a transaction spent that is not stored.
func (a *ahead) undo(key string, amount int, resetAt time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hold(key)
	switch {
	case h.resetAt.IsZero(): // what was held has been put back meanwhile
		h.left, h.resetAt = amount, resetAt
	case h.resetAt.Equal(resetAt): // else its window is over
		h.left += amount
	}
}

// spent notes that what was taken is spent: its transaction is stored.
func (a *ahead) spent(key string, amount int, resetAt time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hold(key)
	if h.resetAt.IsZero() {
		h.resetAt = resetAt
	}
	if h.resetAt.Equal(resetAt) {
		h.gone += amount
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
		h.gone--
		return
	}
	h.returned++
	h.seen = now
}

// refund takes an amount back. Up to what this server has spent in the window and not
// reported, it is to be spent here again: the database counts that as held, so it has as
// much to take back. The rest goes there.
func (a *ahead) refund(key string, amount int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hold(key)
	if now.Before(h.resetAt) {
		own := min(amount, max(h.gone, 0))
		h.left, h.gone, amount = h.left+own, h.gone-own, amount-own
	}
	if amount > 0 {
		h.returned += amount
		h.seen = now
	}
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
		switch {
		case h.asking != nil:
		case all || !h.used:
			back[key] = h
			delete(a.held, key)
		case h.returned > 0:
			back[key] = &holding{gone: h.gone, resetAt: h.resetAt, returned: h.returned, seen: h.seen}
			h.gone, h.returned = 0, 0
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
		if now := a.held[key]; now == nil {
			a.held[key] = h
		} else {
			now.returned += h.returned
			now.seen = later(now.seen, h.seen)
			if now.resetAt.Equal(h.resetAt) {
				now.left, now.gone = now.left+h.left, now.gone+h.gone
			}
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
	all      *ahead
	now      time.Time // of the last that was given back
	spent    []spentAhead
	given    []string
	refunded []guard.Payment
}

type spentAhead struct {
	key     string
	amount  int
	resetAt time.Time // of its window
}

func (t *aheadTx) spend(ctx context.Context, of *tx, key string, l guard.Limit, amount int, now time.Time) (guard.Spent, error) {
	if err := of.usable(ctx); err != nil || l.Max <= 0 {
		return guard.Spent{}, err
	}
	s, err := t.all.take(of.caller, key, l, amount, now)
	if err != nil {
		of.failed = err
		return guard.Spent{}, err
	}
	if s.OK {
		t.spent = append(t.spent, spentAhead{key, amount, s.ResetAt})
	}
	return s, nil
}

func (t *aheadTx) giveBack(key string, now time.Time) {
	t.given, t.now = append(t.given, key), now
}

func (t *aheadTx) refund(key string, amount int, now time.Time) {
	t.refunded, t.now = append(t.refunded, guard.Payment{Key: key, Amount: amount}), now
}

// stored makes what was spent and given back count.
func (t *aheadTx) stored() {
	for _, s := range t.spent {
		t.all.spent(s.key, s.amount, s.resetAt)
	}
	for _, key := range t.given {
		t.all.give(key, t.now)
	}
	for _, p := range t.refunded {
		t.all.refund(p.Key, p.Amount, t.now)
	}
}

// void undoes what was spent.
func (t *aheadTx) void() {
	for _, s := range t.spent {
		t.all.undo(s.key, s.amount, s.resetAt)
	}
}
