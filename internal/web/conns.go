package web

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// MaxConns is how many connections one client may hold. An address may be a
// carrier's, with many people behind it, or a proxy that nobody has named as
// trusted, so it is wide; still a few addresses do not take all there are.
const MaxConns = 1000

// LimitConns lets a client, which is an address or a /64, hold at most max
// connections to the server at once; those above are closed unanswered. Trusted
// proxies hold as many as they like, since they stand for many clients. The
// first refusal is logged, the rest are a stranger's to cause at will.
func LimitConns(s *http.Server, log *slog.Logger, trusted []netip.Prefix, max int) {
	c := &connLimit{log: log, trusted: trusted, max: max, held: make(map[net.Conn]string), count: make(map[string]int)}
	s.ConnState = c.track
}

type connLimit struct {
	log     *slog.Logger
	trusted []netip.Prefix
	max     int
	warned  sync.Once

	mu    sync.Mutex          // guards held and count
	held  map[net.Conn]string // the block that each counted connection counts for
	count map[string]int      // the connections of a block; never zero
}

// track is an http.Server's ConnState. The server calls it for a new connection
// before it reads from it.
func (c *connLimit) track(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.opened(conn)
	case http.StateClosed, http.StateHijacked:
		c.closed(conn)
	}
}

func (c *connLimit) opened(conn net.Conn) {
	addr, ok := parseAddr(conn.RemoteAddr().String())
	if !ok || contains(c.trusted, addr) || c.take(conn, Block(addr)) {
		return
	}
	_ = conn.Close() // the server notices when it reads
	c.warned.Do(func() {
		c.log.Warn("connections were refused: one client, or a proxy that is not among the trusted ones, holds too many",
			slog.String("remote", Block(addr)), slog.Int("connections", c.max))
	})
}

func (c *connLimit) take(conn net.Conn, block string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[block] >= c.max {
		return false
	}
	c.count[block]++
	c.held[conn] = block
	return true
}

func (c *connLimit) closed(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	block, ok := c.held[conn]
	if !ok { // refused, or not counted
		return
	}
	delete(c.held, conn)
	if c.count[block]--; c.count[block] == 0 {
		delete(c.count, block)
	}
}
