package endtoend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestStop_UnderLoad_NothingBegunIsLost stops the server while sign-ins go on,
// and starts it again. A client may find the door closed, or be told to come
// again; what it must not find is half an answer, an error of the server, or that
// its sign-in is gone: who was let in to begin gets the text and the tokens, if
// need be of the next process.
func TestStop_UnderLoad_NothingBegunIsLost(t *testing.T) {
	c := newCrowd(t, 64)
	ctx := bounded(t, 2*time.Minute)
	p := &passage{c: c, back: make(chan struct{})}
	var done atomic.Int64
	enough := make(chan struct{})
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for number := range c.free {
				a, err := c.begin(ctx, number)
				if closedDoor(err) {
					return
				}
				if err != nil || a.status != http.StatusOK {
					t.Errorf("a beginning got %d, %v", a.status, err)
					return
				}
				if err := p.finish(ctx, number, a.body.Session); err != nil {
					t.Errorf("a sign-in that was begun: %v", err)
					return
				}
				c.free <- number
				switch n := done.Add(1); {
				case n == 100:
					close(enough)
				case n > 100 && p.isBack():
					return
				}
			}
		})
	}
	<-enough
	c.s.stop() // it ends by itself, without an error
	c.s.start()
	c.url.Store(c.s.url)
	close(p.back)
	all.Wait()
	c.s.stop()
	t.Logf("%d sign-ins, %d of them answered by the second process", done.Load(), p.later.Load())
}

// passage is what clients know of a server that is started again.
type passage struct {
	c     *crowd
	back  chan struct{} // closed when it listens again
	later atomic.Int64  // answers that found the first closed
}

func (p *passage) isBack() bool {
	select {
	case <-p.back:
		return true
	default:
		return false
	}
}

// finish gives the code to whichever process takes it.
func (p *passage) finish(ctx context.Context, number, session string) error {
	code, err := p.c.desk.code(ctx, number)
	if err != nil {
		return fmt.Errorf("no text came: %w", err)
	}
	for {
		again := p.isBack()
		a, err := p.c.respond(ctx, number, session, code)
		switch {
		case closedDoor(err) && !again:
			<-p.back
			p.later.Add(1)
			continue
		case err != nil:
			return err
		case a.status != http.StatusOK || a.body.AuthenticationResult == nil:
			return fmt.Errorf("the answer got %d", a.status)
		}
		return nil
	}
}

// closedDoor says whether an error says that nobody takes the request: the
// connection was refused, or ended before a byte of the answer, as SDKs know and
// send again.
func closedDoor(err error) bool {
	return err != nil && !errors.Is(err, errHalf) && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		strings.HasSuffix(err.Error(), "http: server closed idle connection")) // net/http has no name for it
}

// TestStop_BehindABalancer_NobodyNotices plays a balancer that asks /readyz: it
// sends nobody any more once that says no, and until then every request is served.
func TestStop_BehindABalancer_NobodyNotices(t *testing.T) {
	c := newCrowd(t, 64, "BELLHOP_DRAIN_DELAY=3s")
	ctx := bounded(t, 2*time.Minute)
	var done, after atomic.Int64
	var stopping, away atomic.Bool // told to stop; told so by /readyz, twice
	enough := make(chan struct{})
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for !away.Load() {
				if err := c.signIn(ctx); err != nil {
					t.Errorf("behind a balancer: %v", err)
					return
				}
				if stopping.Load() {
					after.Add(1)
				}
				if done.Add(1) == 100 {
					close(enough)
				}
			}
		})
	}
	all.Go(func() {
		probe := http.Client{Transport: loopback(1)}
		defer probe.CloseIdleConnections()
		for failures := 0; failures < 2; <-time.After(100 * time.Millisecond) {
			if status := ready(ctx, t, &probe, c.s.url); status == http.StatusServiceUnavailable {
				failures++
			} else if status != http.StatusOK {
				t.Errorf("/readyz says %d", status)
				break
			}
		}
		away.Store(true)
	})
	<-enough
	stopping.Store(true)
	c.s.stop()
	all.Wait()
	if after.Load() == 0 {
		t.Error("nobody was served between the signal and the balancer's notice")
	}
}

func ready(ctx context.Context, t *testing.T, probe *http.Client, url string) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	res, err := probe.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}
