package sqlstore

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A message costs this machine and the server's more than what is read by it. Views that
// are one message whole share them: the first that comes sends at once, on a connection of
// the pool, and those that come while it waits for the answers go together in the next one.
// So nobody waits for others to come, and the more there is to do the less each costs.
//
// A message is one transaction, whose snapshot is taken after all in it have asked. Where
// the server refuses one of them, each asks again by itself, as if it had been alone.

// inquiry is what a View asks in its one message.
type inquiry struct {
	assumed []assumption
	asks    []*foreseen
	// err is nil where all that is asked is answered, errMistaken where what is assumed is
	// not so, and errApart where it is not answered at all.
	err error
	// turn ends its wait: it is to lead the next message, or has been in one.
	turn chan bool
}

// errApart says that an inquiry is to be made by itself.
var errApart = errors.New("the inquiry has not been answered")

// together has inquiries share messages.
type together struct {
	acquire func(context.Context) (*pgxpool.Conn, error)
	long    time.Duration // longMessage, but for tests

	mu      sync.Mutex // guards the rest
	waiting []*inquiry
	leader  *inquiry  // whose message the others wait for; nil for nobody
	began   time.Time // when it did
}

const (
	// longMessage is how long others wait for a message. Where it hangs they go past it.
	longMessage = 20 * time.Millisecond
	// mostTogether bounds what is asked in one message.
	mostTogether = 64
)

// ask makes an inquiry. What it returns is its err, or that ctx has ended before it was
// sent.
func (g *together) ask(ctx context.Context, q *inquiry) error {
	g.mu.Lock()
	if left := g.left(); left > 0 {
		q.turn = make(chan bool, 1)
		g.waiting = append(g.waiting, q)
		g.mu.Unlock()
		if leads, err := g.await(ctx, q, left); !leads {
			return err
		}
		runtime.Gosched() // others that can run may be about to ask
		g.mu.Lock()
	} else {
		g.leader = q
	}
	if g.leader == q {
		g.began = time.Now()
	}
	n := min(len(g.waiting), mostTogether-1)
	all := append([]*inquiry{q}, g.waiting[:n]...)
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.mu.Unlock()

	defer g.done(all)
	g.send(ctx, all)
	return q.err
}

// left is how long the message is waited for that is under way; with the mutex held.
func (g *together) left() time.Duration {
	if g.leader == nil {
		return 0
	}
	return g.long - time.Since(g.began)
}

// await waits for the turn to lead, or for the answer. Who waits for a message that hangs
// leads when nothing is left.
func (g *together) await(ctx context.Context, q *inquiry, left time.Duration) (leads bool, _ error) {
	hangs := time.NewTimer(left)
	defer hangs.Stop()
	for {
		select {
		case leads = <-q.turn:
			return leads, q.err
		case <-hangs.C:
			g.mu.Lock()
			left = g.left()
			leads = left <= 0 && g.withdraw(q)
			if leads {
				g.leader, g.began = q, time.Now()
			}
			g.mu.Unlock()
			if leads {
				return true, nil
			}
			if left > 0 { // another leads since, or else q has its turn
				hangs.Reset(left)
			}
		case <-ctx.Done():
			g.mu.Lock()
			gone := g.withdraw(q)
			g.mu.Unlock()
			if gone {
				return false, ctx.Err()
			}
			leads = <-q.turn // soon: who has sent it waits as long as anybody does
			return leads, q.err
		}
	}
}

// withdraw says whether q was still waiting; with the mutex held.
func (g *together) withdraw(q *inquiry) bool {
	i := slices.Index(g.waiting, q)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// done tells those who were in a message, and who leads the next one. The leader that
// others have gone past leaves that to them.
func (g *together) done(all []*inquiry) {
	var next *inquiry
	g.mu.Lock()
	if g.leader == all[0] {
		if g.leader = nil; len(g.waiting) > 0 {
			next = g.waiting[0]
			g.waiting = slices.Delete(g.waiting, 0, 1)
			g.leader, g.began = next, time.Now()
		}
	}
	g.mu.Unlock()
	for _, q := range all[1:] {
		q.turn <- false
	}
	if next != nil {
		next.turn <- true
	}
}

// send sends a message, and reads the answers.
func (g *together) send(ctx context.Context, all []*inquiry) {
	for _, q := range all {
		q.err = errApart
	}
	c, err := g.acquire(ctx)
	if err != nil {
		for _, q := range all {
			if ctx.Err() == nil { // else it is this one alone that has no time left
				q.err = err
			}
		}
		return
	}
	err = errExited
	defer func() { release(c, err) }()
	if err = newPgMessage(c.Conn(), all).exchange(); err == nil {
		return
	}
	for _, q := range all {
		if errors.Is(err, os.ErrDeadlineExceeded) || sqlState(err) == lockNotAvailable {
			q.err = broken(err) // nobody has the time for another wait
		}
	}
}

const lockNotAvailable = "55P03"

// share makes the inquiry of a View that is one message whole, with q for the last that it
// asks, if it asks anything. It says whether that was possible.
func (c *pgConn) share(q *foreseen) (bool, error) {
	if !c.whole || c.spent || c.together == nil || len(c.writes) > 0 || len(c.assumed) == 0 {
		return false, nil
	}
	inquiry := &inquiry{assumed: c.assumed, asks: make([]*foreseen, 0, len(c.foreseen)+1)}
	for _, f := range c.foreseen {
		if !f.asked {
			inquiry.asks = append(inquiry.asks, f)
		}
	}
	if q != nil {
		inquiry.asks = append(inquiry.asks, q)
	}
	if slices.ContainsFunc(inquiry.asks, func(f *foreseen) bool { return !f.isShareable() }) {
		return false, nil
	}
	err := c.together(inquiry)
	if err == errApart {
		for _, f := range inquiry.asks {
			f.rows = nil // what had come of a message that failed
		}
		return false, nil
	}
	for _, f := range inquiry.asks {
		f.asked = true
	}
	c.assumed, c.spent = nil, true
	c.told(err)
	return true, err
}

// isShareable says whether it reads, by arguments that text can be made of.
func (f *foreseen) isShareable() bool {
	for _, arg := range f.args {
		if _, ok := appendArg(nil, arg); !ok {
			return false
		}
	}
	return strings.HasPrefix(f.query, "select ")
}
