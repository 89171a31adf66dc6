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

// MaxAllConns is how many connections there may be in all, whosever they are:
// about 600 MiB at worst, since nine thousand slow ones were measured at 310.
const MaxAllConns = 16384

// LimitConns lets a client, which is an address or a /64, hold at most max
// connections to the server at once, and all together at most all; those above
// are closed unanswered. Trusted proxies hold as many of the all as they like,
// since they stand for many clients. The first refusal of a kind is logged, the
// rest are a stranger's to cause at will.
func LimitConns(s *http.Server, log *slog.Logger, trusted []netip.Prefix, max, all int) {
	c := &connLimit{log: log, trusted: trusted, max: max, all: all, held: make(map[net.Conn]string), count: make(map[string]int)}
	s.ConnState = c.track
}

type connLimit struct {
	log       *slog.Logger
	trusted   []netip.Prefix
	max, all  int
	warned    sync.Once
	warnedAll sync.Once

	mu    sync.Mutex          // guards held and count
	held  map[net.Conn]string // the block that each connection counts for, "" for nobody's
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
	block := ""
	if addr, ok := parseAddr(conn.RemoteAddr().String()); ok && !contains(c.trusted, addr) {
		block = Block(addr)
	}
	switch c.take(conn, block) {
	case fits:
		return
	case tooManyOfOne:
		c.warned.Do(func() {
			c.log.Warn("connections were refused: one client, or a proxy that is not among the trusted ones, holds too many",
				slog.String("remote", block), slog.Int("connections", c.max))
		})
	case tooMany:
		c.warnedAll.Do(func() {
			c.log.Warn("connections were refused: there are as many as the server, or the process's limit of open files, allows",
				slog.Int("connections", c.all))
		})
	}
	_ = conn.Close() // the server notices when it reads
}

// room is what a new connection finds.
type room uint8

const (
	fits room = iota
	tooManyOfOne
	tooMany
)

func (c *connLimit) take(conn net.Conn, block string) room {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.held) >= c.all:
		return tooMany
	case block != "" && c.count[block] >= c.max:
		return tooManyOfOne
	case block != "":
		c.count[block]++
	}
	c.held[conn] = block
	return fits
}

func (c *connLimit) closed(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	block, ok := c.held[conn]
	if !ok { // it was refused
		return
	}
	delete(c.held, conn)
	if block == "" {
		return
	}
	if c.count[block]--; c.count[block] == 0 {
		delete(c.count, block)
	}
}
