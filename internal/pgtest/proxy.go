package pgtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgcluster"
)

// Proxy stands between a program and a cluster and is the network that fails:
// it parts them, swallows what they say, or loses a COMMIT or its answer. The
// connections through it are not encrypted.
type Proxy struct {
	Port int

	listener net.Listener
	lost     atomic.Int64 // commits whose fate the client could not know
	commits  atomic.Int64 // that were asked for
	trips    atomic.Int64 // questions, of which one is all that is said without waiting for an answer

	mu      sync.Mutex // guards the fields below
	target  int
	weather Weather
	chance  func() bool // decides whether a COMMIT is struck; nil for never
	polite  bool        // whoever's COMMIT has lost its answer is told that his connection ends
	links   map[*link]bool
	closed  bool
}

// Weather is what the network does to connections.
type Weather int

const (
	Fair      Weather = iota // everything arrives
	Cut                      // connections break, and new ones at once
	Blackhole                // connections stay, and nothing arrives
)

// link is one connection, with its way on to the cluster.
type link struct {
	proxy    *Proxy
	client   net.Conn
	server   net.Conn
	commits  map[string]bool // names of the prepared statements that are COMMIT
	awaiting atomic.Bool     // a COMMIT was forwarded whose answer is to be lost
	asked    atomic.Bool     // the cluster has not said anything since it was asked
}

// NewProxy starts a proxy to the cluster that lives as long as the test.
func NewProxy(tb testing.TB, to *Cluster) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{Port: l.Addr().(*net.TCPAddr).Port, listener: l, target: to.Port, links: make(map[*link]bool)}
	var loop sync.WaitGroup
	loop.Go(p.accept)
	tb.Cleanup(func() {
		p.close()
		loop.Wait()
	})
	return p
}

// Aim sends later connections to another cluster.
func (p *Proxy) Aim(to *Cluster) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = to.Port
}

// Turn changes the weather. What was swallowed stays lost: connections that
// have seen a Blackhole are cut when it ends.
func (p *Proxy) Turn(w Weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w == p.weather {
		return
	}
	if w == Cut || p.weather == Blackhole {
		for l := range p.links {
			l.cut()
		}
	}
	p.weather = w
}

// StrikeCommits breaks the connection of every COMMIT for which chance is true:
// half of them before the cluster has seen it, half after it has committed.
func (p *Proxy) StrikeCommits(chance func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chance = chance
}

// TakeLeave has the proxy say, as a pooler does, that it ends a connection whose COMMIT
// was carried out and lost its answer.
func (p *Proxy) TakeLeave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polite = true
}

func (p *Proxy) takesLeave() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.polite
}

// Struck is how many commits were left in doubt.
func (p *Proxy) Struck() int { return int(p.lost.Load()) }

// DSN is the address of the database by way of the proxies, the first that
// takes writes.
func DSN(database string, proxies ...*Proxy) string {
	hosts := make([]string, len(proxies))
	for i, p := range proxies {
		hosts[i] = fmt.Sprintf("127.0.0.1:%d", p.Port)
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&target_session_attrs=read-write", pgcluster.Superuser, strings.Join(hosts, ","), database)
}

// Counts are how many commits were asked for so far, and how many round trips were made.
func (p *Proxy) Counts() (commits, trips int64) { return p.commits.Load(), p.trips.Load() }

func (p *Proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for l := range p.links {
		l.cut()
	}
}

func (p *Proxy) accept() {
	var links sync.WaitGroup
	defer links.Wait()
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		l := &link{proxy: p, client: conn, commits: make(map[string]bool)}
		if p.enter(l) {
			links.Go(l.run)
		}
	}
}

// enter lets a connection in, if the weather does.
func (p *Proxy) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.weather == Cut {
		l.cut()
		return false
	}
	server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.target))
	if err != nil { // nobody listens there: so it looks from here
		l.cut()
		return false
	}
	l.server = server
	p.links[l] = true
	return true
}

func (p *Proxy) leave(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
	l.cut()
}

func (p *Proxy) now() Weather {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.weather
}

// strikes decides the fate of a COMMIT.
func (p *Proxy) strikes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chance != nil && p.chance()
}

// cut breaks both ways at once, with a reset rather than a goodbye.
func (l *link) cut() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
			tcp.Close()
		}
	}
}

func (l *link) run() {
	defer l.proxy.leave(l)
	var back sync.WaitGroup
	defer back.Wait()
	back.Go(func() {
		defer l.cut()
		l.answers()
	})
	defer l.cut()
	l.requests()
}

// requests forwards messages of the client one by one, since a COMMIT among them
// may have to be struck.
func (l *link) requests() error {
	if err := l.startup(); err != nil {
		return err
	}
	var head [5]byte
	for {
		if _, err := io.ReadFull(l.client, head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(head[1:])
		if n < 4 || n > 64<<20 {
			return errors.New("no message of PostgreSQL's")
		}
		message := make([]byte, 1+n)
		copy(message, head[:])
		if _, err := io.ReadFull(l.client, message[5:]); err != nil {
			return err
		}
		if !l.asked.Swap(true) {
			l.proxy.trips.Add(1)
		}
		commit := l.isCommit(message)
		if commit {
			l.proxy.commits.Add(1)
		}
		if commit && l.proxy.strikes() {
			l.proxy.lost.Add(1)
			if l.proxy.lost.Load()%2 == 0 {
				return errors.New("a COMMIT was lost on its way")
			}
			l.awaiting.Store(true)
		}
		if err := l.forward(l.server, message); err != nil {
			return err
		}
	}
}

// The requests for encryption that may come before the start. The tests' clusters
// refuse both.
const sslRequest, gssRequest = 80877103, 80877104

// startup forwards the first messages, which have no type.
func (l *link) startup() error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(l.client, head[:]); err != nil {
			return err
		}
		n, code := binary.BigEndian.Uint32(head[:4]), binary.BigEndian.Uint32(head[4:])
		if n < 8 || n > 1<<16 {
			return errors.New("no startup message of PostgreSQL's")
		}
		message := make([]byte, n)
		copy(message, head[:])
		if _, err := io.ReadFull(l.client, message[8:]); err != nil {
			return err
		}
		if err := l.forward(l.server, message); err != nil || (code != sslRequest && code != gssRequest) {
			return err
		}
	}
}

// isCommit says whether the message makes the cluster commit, and keeps account
// of the statements prepared for it.
func (l *link) isCommit(message []byte) bool {
	body := message[5:]
	says := func(text []byte) bool { return strings.EqualFold(strings.Trim(string(text), " ;\n"), "commit") }
	switch message[0] {
	case 'Q': // a query as text
		text, _, _ := bytes.Cut(body, []byte{0})
		return says(text)
	case 'P': // prepare: name, text
		name, rest, _ := bytes.Cut(body, []byte{0})
		text, _, _ := bytes.Cut(rest, []byte{0})
		l.commits[string(name)] = says(text)
	case 'B': // bind: portal, name of what was prepared; the execution follows
		_, rest, _ := bytes.Cut(body, []byte{0})
		name, _, _ := bytes.Cut(rest, []byte{0})
		return l.commits[string(name)]
	}
	return false
}

// readyForQuery begins the message that ends every answer, but for its last byte.
var readyForQuery = []byte("Z\x00\x00\x00\x05")

// leaving is PgBouncer's word for a connection that it ends.
var leaving = []byte("E\x00\x00\x00\x29SFATAL\x00VFATAL\x00C08P01\x00Mquery timeout\x00\x00")

// answers forwards what the cluster says, unless it is the word of a commit that
// is to be lost.
func (l *link) answers() error {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.server.Read(buf)
		if err != nil {
			return err
		}
		l.asked.Store(false)
		if l.awaiting.Load() {
			if bytes.Contains(buf[:n], readyForQuery) { // it has decided
				if l.proxy.takesLeave() {
					l.forward(l.client, leaving)
				}
				return errors.New("the answer to a COMMIT was lost")
			}
			continue
		}
		if err := l.forward(l.client, buf[:n]); err != nil {
			return err
		}
	}
}

// forward writes to one side, or nowhere.
func (l *link) forward(to net.Conn, message []byte) error {
	if l.proxy.now() == Blackhole {
		return nil
	}
	if err := to.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	_, err := to.Write(message)
	return err
}
