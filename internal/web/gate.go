package web

import (
	"container/list"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// Class says how much is lost by refusing a request while there is more to do
// than can be done. A higher class goes first, and the lowest is refused first.
// The zero class is the lowest.
type Class uint8

// The classes. What ends something that was begun stands above what begins,
// since the beginning has cost work, a text and somebody's patience.
const (
	Manage Class = iota // administration, lists, and what nobody has named
	Join                // a newcomer
	Begin               // somebody begins to sign in
	Keep                // somebody who is signed in stays so, or ends it
	Finish              // somebody ends what was begun
	Free                // costs next to nothing: takes no place and is not refused
)

const classes = int(Free) // those that queue

// String returns the name for the log.
func (c Class) String() string {
	return [...]string{"manage", "join", "begin", "keep", "finish", "free"}[c]
}

// Places is how many requests work at once on this machine: enough to share
// commits of the store, few enough that under overload the processor goes to them
// and not to changing between them. Of 4, 16, 32 and 64 places on 2 cores, three
// noisy runs each at ten times the capacity, 16 completed the most, at peak too.
func Places() int { return 8 * runtime.GOMAXPROCS(0) }

// Waiting is how many requests wait for a place: about what the machine does in
// the patience below. A shorter queue refuses answers in a burst, a longer one
// only fills with what will have waited too long.
func Waiting() int { return 64 * runtime.GOMAXPROCS(0) }

// patience is how long a request waits for a place. Whoever waited longer has
// most likely been given up by a person, or is about to be sent again.
const patience = 500 * time.Millisecond

// Why a request gets no place.
var (
	errFull    = errors.New("too many requests are waiting")
	errWaited  = errors.New("no place became free in time")
	errEvicted = errors.New("more important requests took the queue")
	errBehind  = errors.New("what was begun before is late")
)

// gate lets a bounded number of requests work at once. The others wait, bounded
// in number and time, and are let in by class, within a class as they came. When
// the queue is full a request takes the place in it of the last that came of the
// lowest class, if that is below its own.
type gate struct {
	places int
	room   int // requests that may wait

	mu      sync.Mutex // guards the fields below
	working int
	waiting [classes]list.List // of *waiter, in order of arrival
	queued  int                // in all of them
}

// waiter is a request that waits. Its outcome is decided once, under the gate's
// mutex, by whoever takes it out of its list.
type waiter struct {
	class   Class
	at      *list.Element // nil once it is decided
	decided chan error    // nil: it has a place
}

func newGate(places, room int) *gate { return &gate{places: places, room: room} }

// enter waits for a place. After nil the caller has one and must leave; after an
// error it has none. A request whose client has gone gets none.
func (g *gate) enter(ctx context.Context, class Class) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := g.come(class)
	if w == nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-w.decided:
		return err
	case <-timer.C:
		return g.giveUp(w, errWaited)
	case <-ctx.Done():
		return g.giveUp(w, ctx.Err())
	}
}

// come takes a place, or a place in the queue, or neither.
func (g *gate) come(class Class) (*waiter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.working < g.places { // then nobody waits
		g.working++
		return nil, nil
	}
	if g.queued >= g.room && !g.evictBelow(class) {
		return nil, errFull
	}
	w := &waiter{class: class, decided: make(chan error, 1)}
	w.at = g.waiting[class].PushBack(w)
	g.queued++
	return w, nil
}

// evictBelow makes room by sending away the last waiter of the lowest class, if
// there is one below class.
func (g *gate) evictBelow(class Class) bool {
	for c := range class {
		if last := g.waiting[c].Back(); last != nil {
			g.decide(last.Value.(*waiter), errEvicted)
			return true
		}
	}
	return false
}

// decide ends a waiter's waiting.
func (g *gate) decide(w *waiter, outcome error) {
	g.waiting[w.class].Remove(w.at)
	g.queued--
	w.at = nil
	w.decided <- outcome
}

// giveUp ends the waiting for a reason of the waiter's own. If it was given a
// place in the same moment, it takes it, unless its client has gone.
func (g *gate) giveUp(w *waiter, why error) error {
	g.mu.Lock()
	if w.at != nil {
		g.decide(w, why)
	}
	g.mu.Unlock()
	outcome := <-w.decided
	if outcome == nil && why != errWaited {
		g.leave()
		return why
	}
	return outcome
}

// rejoin takes a place for a request that stood aside, at once: it has begun its
// work, and what it waited for would be lost if it were sent away now.
func (g *gate) rejoin() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.working++
}

// leave gives the place to who is first in the highest class that waits, unless
// more work than there are places.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.working > g.places {
		g.working--
		return
	}
	for c := classes - 1; c >= 0; c-- {
		if first := g.waiting[c].Front(); first != nil {
			g.decide(first.Value.(*waiter), nil)
			return
		}
	}
	g.working--
}
