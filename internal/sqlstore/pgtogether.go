package sqlstore

import (
	"context"
	"errors"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/userpool"
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
	if g.leader != nil && time.Since(g.began) < g.long {
		q.turn = make(chan bool, 1)
		g.waiting = append(g.waiting, q)
		g.mu.Unlock()
		if leads, err := g.await(ctx, q); !leads {
			return err
		}
		runtime.Gosched() // others that can run may be about to ask
		g.mu.Lock()
	} else {
		g.leader = q
	}
	now := time.Now()
	if g.leader == q {
		g.began = now
	}
	n := min(len(g.waiting), mostTogether-1)
	all := append([]*inquiry{q}, g.waiting[:n]...)
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.mu.Unlock()

	defer g.done(all)
	g.send(ctx, all, now)
	return q.err
}

// await waits for the turn to lead, or for the answer.
func (g *together) await(ctx context.Context, q *inquiry) (leads bool, _ error) {
	select {
	case leads = <-q.turn:
		return leads, q.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	if i := slices.Index(g.waiting, q); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		g.mu.Unlock()
		return false, ctx.Err()
	}
	g.mu.Unlock()
	leads = <-q.turn // soon: who has sent it waits as long as anybody does
	return leads, q.err
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
func (g *together) send(ctx context.Context, all []*inquiry, now time.Time) {
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
	if err = newPgMessage(c.Conn(), all, now).exchange(); err == nil {
		return
	}
	for _, q := range all {
		for _, a := range q.asks {
			a.rows = nil
		}
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

// appendArg appends an argument as the server reads it in text.
func appendArg(b []byte, arg any) ([]byte, bool) {
	switch arg := arg.(type) {
	case string:
		return append(b, arg...), true
	case int64:
		return strconv.AppendInt(b, arg, 10), true
	case userpool.UserID:
		return append(b, arg...), true
	case userpool.PoolID:
		return append(b, arg...), true
	case userpool.FamilyID:
		return append(b, arg...), true
	}
	switch v := reflect.ValueOf(arg); {
	case v.Kind() == reflect.String:
		return append(b, v.String()...), true
	case v.CanInt():
		return strconv.AppendInt(b, v.Int(), 10), true
	}
	return b, false
}
