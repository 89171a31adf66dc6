package simulation

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// harm is what befalls one use of the store.
type harm uint8

const (
	unharmed       harm = iota
	refused             // the store took nothing: it was too busy
	rolledBack          // the connection broke before the commit, which did not happen
	inDoubt             // it broke during the commit, which did happen
	ranTwice            // the first run lost a race, the second committed
	crashBefore         // the node died before
	crashAfter          // the node died after the commit, before it knew
	crashUndecided      // the node died during the commit, which did not happen
)

var harmNames = [...]string{"", "refused", "rolled back", "in doubt", "ran twice", "crash before", "crash after", "crash in commit"}

func (h harm) String() string { return harmNames[h] }

var (
	errBroken = fault.New(fault.Unavailable, "The outcome is unknown.")
	errDead   = fault.New(fault.Unavailable, "The node is gone.")
	errRerun  = errors.New("run again")
)

// line is a node's way to the store.
type line struct {
	userpool.Store
	sim *sim

	mu         sync.Mutex // guards the fields below
	dead       bool
	died       time.Time
	background []harm // of the next writes that no caller waits for
	calls      int    // under way
	quiet      *sync.Cond
}

func newLine(s *sim) *line {
	l := &line{Store: s.store, sim: s}
	l.quiet = sync.NewCond(&l.mu)
	return l
}

// begin and end enclose a call. Background work waits for its end, so that which
// of them comes first is no matter of chance; but where calls race all may.
func (l *line) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
}

// end says whether the node lived to give its answer.
func (l *line) end() (lived bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls--
	l.quiet.Broadcast()
	return !l.dead
}

// call is one try of somebody's request, which travels in its context.
type call struct {
	action string // the SDK's invocation, the same for all tries
	harms  map[int]harm
	uses   int // of the store, so far
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// next is what befalls this use of the store.
func (l *line) next(ctx context.Context, writes bool) (h harm, action string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := callOf(ctx)
	for c == nil && l.calls > 0 && !l.sim.races {
		l.quiet.Wait()
	}
	switch {
	case l.dead:
		return crashBefore, ""
	case c != nil:
		h, action = c.harms[c.uses], c.action
		c.uses++
	case writes && len(l.background) > 0:
		h = l.background[0]
		l.background = l.background[1:]
	}
	if h == crashBefore && !l.dead {
		l.dead, l.died = true, time.Now()
	}
	return h, action
}

func (l *line) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.dead, l.died = true, time.Now()
	}
}

func (l *line) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *line) View(ctx context.Context, fn func(userpool.Tx) error) error {
	switch h, _ := l.next(ctx, false); h {
	case refused, rolledBack, inDoubt:
		return errBroken
	case crashBefore, crashAfter, crashUndecided:
		l.die()
		return errDead
	}
	return l.Store.View(ctx, func(tx userpool.Tx) error { return fn(&witness{Tx: tx}) })
}

func (l *line) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	h, action := l.next(ctx, true)
	switch h {
	case refused:
		return errBroken
	case crashBefore:
		return errDead
	case ranTwice:
		_ = l.run(ctx, "", func(tx userpool.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return errRerun
		})
	case rolledBack, crashUndecided:
		err := l.run(ctx, "", func(tx userpool.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return errBroken
		})
		return l.lost(h, err)
	}
	err := l.run(ctx, action, fn)
	if h == inDoubt && err == nil {
		err = errBroken
	}
	return l.lost(h, err)
}

// lost is the outcome as a node that died meanwhile learns it: not at all.
func (l *line) lost(h harm, err error) error {
	if h == crashAfter || h == crashUndecided {
		l.die()
		return errDead
	}
	return err
}

// run runs one transaction and takes down what it did, if it committed.
func (l *line) run(ctx context.Context, action string, fn func(userpool.Tx) error) error {
	var w *witness
	err := l.Store.Update(ctx, func(tx userpool.Tx) error {
		w = &witness{Tx: tx}
		return fn(w)
	})
	if err == nil {
		l.sim.committed(action, w)
	}
	return err
}

// witness is a transaction that takes down what happens in it.
type witness struct {
	userpool.Tx
	registrations, users, families, rotations int
	texts                                     []userpool.Message
	sessions                                  []userpool.Session
	opened                                    userpool.ChallengeID
	consumed                                  []userpool.ChallengeID
	requests                                  []string // of audit rows
}

// StockKeys: the stock of RSA keys is full, for making them would be most of the
// time.
func (w *witness) StockKeys(context.Context, string) (int, error) { return 1 << 20, nil }

func (w *witness) InsertRegistration(ctx context.Context, r userpool.Registration) error {
	w.registrations++
	return w.Tx.InsertRegistration(ctx, r)
}

func (w *witness) InsertUser(ctx context.Context, u userpool.User) error {
	w.users++
	return w.Tx.InsertUser(ctx, u)
}

func (w *witness) InsertFamily(ctx context.Context, f userpool.Family) error {
	w.families++
	return w.Tx.InsertFamily(ctx, f)
}

func (w *witness) RotateRefresh(ctx context.Context, id userpool.FamilyID, from uint32, now time.Time) (bool, error) {
	ok, err := w.Tx.RotateRefresh(ctx, id, from, now)
	if ok {
		w.rotations++
	}
	return ok, err
}

func (w *witness) InsertMessage(ctx context.Context, m userpool.Message) error {
	w.texts = append(w.texts, m)
	return w.Tx.InsertMessage(ctx, m)
}

func (w *witness) OpenChallenge(ctx context.Context, c userpool.Challenge, now time.Time) (userpool.Challenge, bool, error) {
	c, isNew, err := w.Tx.OpenChallenge(ctx, c, now)
	w.opened = c.ID
	return c, isNew, err
}

func (w *witness) InsertSession(ctx context.Context, s userpool.Session) error {
	w.sessions = append(w.sessions, s)
	return w.Tx.InsertSession(ctx, s)
}

func (w *witness) ConsumeChallenge(ctx context.Context, id userpool.ChallengeID, now time.Time) (bool, error) {
	ok, err := w.Tx.ConsumeChallenge(ctx, id, now)
	if ok {
		w.consumed = append(w.consumed, id)
	}
	return ok, err
}

func (w *witness) ConsumeAttempt(ctx context.Context, id userpool.ChallengeID, now time.Time) (bool, error) {
	ok, err := w.Tx.ConsumeAttempt(ctx, id, now)
	if ok {
		w.consumed = append(w.consumed, id)
	}
	return ok, err
}

func (w *witness) PutAudit(ctx context.Context, r userpool.AuditRow) error {
	w.requests = append(w.requests, r.RequestID)
	return w.Tx.PutAudit(ctx, r)
}

func (w *witness) AddAudit(ctx context.Context, r userpool.AuditRow) error {
	w.requests = append(w.requests, r.RequestID)
	return w.Tx.AddAudit(ctx, r)
}
