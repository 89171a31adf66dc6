package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// peer is a connection of which only the ends are of interest.
type peer struct {
	net.Conn
	remote net.Addr
	closed bool
}

// maxConns is small, so that the tests are quick.
const maxConns = 100

func (p *peer) RemoteAddr() net.Addr { return p.remote }
func (p *peer) Close() error         { p.closed = true; return nil }

// limited returns a server's ConnState that limits, and what it logs.
func limited(trusted ...string) (track func(net.Conn, http.ConnState), log *bytes.Buffer) {
	log = &bytes.Buffer{}
	var prefixes []netip.Prefix
	for _, t := range trusted {
		prefixes = append(prefixes, netip.MustParsePrefix(t))
	}
	s := &http.Server{}
	LimitConns(s, slog.New(slog.NewTextHandler(log, nil)), prefixes, maxConns, 3*maxConns)
	return s.ConnState, log
}

func connect(track func(net.Conn, http.ConnState), addr string) *peer {
	p := &peer{remote: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 4711))}
	track(p, http.StateNew)
	return p
}

func TestLimitConns_OneClientAboveTheLimit_IsRefusedUntilItClosesOne(t *testing.T) {
	track, log := limited()
	var held []*peer
	for i := range maxConns {
		p := connect(track, "192.0.2.7")
		if p.closed {
			t.Fatalf("connection %d is refused", i+1)
		}
		held = append(held, p)
	}
	for range 3 {
		refused := connect(track, "192.0.2.7")
		if !refused.closed {
			t.Fatal("a connection above the limit is kept")
		}
		track(refused, http.StateClosed) // as the server says then; it gives no room
	}
	if connect(track, "192.0.2.8").closed {
		t.Error("another client is refused")
	}
	if n := strings.Count(log.String(), "connections were refused"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
	for _, state := range []http.ConnState{http.StateActive, http.StateIdle, http.StateClosed, http.StateClosed} {
		track(held[0], state)
	}
	if connect(track, "192.0.2.7").closed {
		t.Error("no room after a connection was closed")
	}
	if !connect(track, "192.0.2.7").closed {
		t.Error("a connection that closed twice made room for two")
	}
}

func TestLimitConns_Blocks_AreCountedAsOneClient(t *testing.T) {
	track, _ := limited()
	for i := range maxConns {
		connect(track, fmt.Sprintf("2001:db8:1:2::%x", i+1))
	}
	if !connect(track, "2001:db8:1:2:ffff::1").closed {
		t.Error("one /64 holds more than the limit")
	}
	if connect(track, "2001:db8:1:3::1").closed {
		t.Error("the next /64 is refused")
	}
}

func TestLimitConns_TrustedProxy_HoldsAsManyAsItLikes(t *testing.T) {
	track, _ := limited("10.0.0.0/8")
	for range 2 * maxConns {
		if connect(track, "::ffff:10.1.1.1").closed {
			t.Fatal("a trusted proxy is refused")
		}
	}
}

func TestLimitConns_AsManyAsThereMayBe_NobodyElseIsLetIn(t *testing.T) {
	track, log := limited("10.0.0.0/8")
	var held []*peer
	for i := range 3 * maxConns {
		held = append(held, connect(track, []string{"192.0.2.7", "10.1.1.1", "10.1.1.2"}[i%3]))
	}
	for _, addr := range []string{"192.0.2.8", "10.1.1.3", "192.0.2.9"} {
		p := connect(track, addr)
		if !p.closed {
			t.Fatalf("%s is let in", addr)
		}
		track(p, http.StateClosed)
	}
	if n := strings.Count(log.String(), "limit of open files"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log)
	}
	track(held[1], http.StateClosed) // a proxy's
	if connect(track, "192.0.2.8").closed {
		t.Error("no room after a connection was closed")
	}
}

func TestLimitConns_AllClosed_KeepsNothing(t *testing.T) {
	c := &connLimit{max: maxConns, all: maxConns, held: make(map[net.Conn]string), count: make(map[string]int)}
	for _, end := range []http.ConnState{http.StateClosed, http.StateHijacked} {
		c.track(connect(c.track, "192.0.2.7"), end)
	}
	if len(c.held)+len(c.count) > 0 {
		t.Errorf("kept: %v, %v", c.held, c.count)
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// stall opens a connection that sends a request but for most of its body.
func stall(t *testing.T, addr string) {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
}

func TestServer_FloodOfStalledClients_LeavesRoomForAGoodOne(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	reading := make(chan struct{}, maxConns)
	face := Handler(Config{Log: log, Refuse: refuse, Places: 1},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = NewServer(log, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 100 {
			reading <- struct{}{}
		}
		face.ServeHTTP(w, r)
	}))
	LimitConns(srv.Config, log, nil, maxConns, 3*maxConns)
	srv.Start()
	t.Cleanup(srv.Close) // after the stalled clients have gone

	good := srv.Client()
	post := func() (int, error) {
		res, err := good.Post(srv.URL, "application/json", strings.NewReader("{}"))
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	if status, err := post(); err != nil || status != http.StatusNoContent {
		t.Fatalf("before the flood: %d, %v", status, err)
	}
	addr := srv.Listener.Addr().String()
	for range maxConns - 1 {
		stall(t, addr)
	}
	for range maxConns - 1 {
		<-reading
	}
	last := dial(t, addr) // the good client holds one
	if err := last.SetReadDeadline(time.Now().Add(readTimeout / 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := last.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection above the limit is kept: %v", err)
	}
	if status, err := post(); err != nil || status != http.StatusNoContent {
		t.Errorf("during the flood: %d, %v", status, err)
	}
}

func TestServer_HTTP2ConnectionsThatEnded_AreCountedNoMore(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = NewServer(log, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	LimitConns(srv.Config, log, nil, maxConns, 3*maxConns)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	client := srv.Client()
	for i := range maxConns + maxConns/2 {
		res, err := client.Get(srv.URL)
		if err != nil {
			t.Fatalf("connection %d: %v", i+1, err)
		}
		res.Body.Close()
		if res.ProtoMajor != 2 {
			t.Fatalf("spoke %s", res.Proto)
		}
		client.CloseIdleConnections()
	}
}
