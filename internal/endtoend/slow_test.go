package endtoend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slowClients is how many hold the server's connections; the process's limit of
// open files allows the long version, in the server and here.
func slowClients() int {
	if soaking() {
		return 9000
	}
	return 1200
}

// TestSlowClients_AndFloodsOfHeaders_HurtNobodyElse fills the server with clients
// that send a byte and then hardly anything, as headers, as bodies, or that never
// read, beside a flood of headers, and signs in meanwhile.
func TestSlowClients_AndFloodsOfHeaders_HurtNobodyElse(t *testing.T) {
	c := newCrowd(t, 16)
	ctx := bounded(t, 5*time.Minute)
	quiet := c.times(ctx, t, 50)
	before := c.s.memory()

	var held []net.Conn
	defer func() {
		for _, conn := range held {
			conn.Close()
		}
	}()
	addr := strings.TrimPrefix(c.s.url, "http://")
	for i := range slowClients() {
		held = append(held, dialFrom(t, addr, i))
		sent := []string{
			"POST / HTTP/1.1\r\nHost: a\r\nX-",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{",
			strings.Repeat("GET /us-east-1_AbC123xyz/.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n", 20),
		}[i%3]
		if _, err := io.WriteString(held[i], sent); err != nil {
			t.Fatal(err)
		}
	}
	var floods sync.WaitGroup
	flood, stop := context.WithCancel(ctx)
	refused := make([]int, 4)
	for i := range refused {
		floods.Go(func() {
			for flood.Err() == nil {
				refused[i] += headerFlood(t, addr)
			}
		})
	}
	busy := c.times(ctx, t, 50)
	stop()
	floods.Wait()
	t.Logf("%d slow clients: sign-ins took median %s, p99 %s; before %s, %s; %d floods of headers were refused; memory %d MiB, before %d",
		len(held), part(busy, 0.5), part(busy, 0.99), part(quiet, 0.5), part(quiet, 0.99), refused[0]+refused[1]+refused[2]+refused[3],
		c.s.memory()>>20, before>>20)
	if grown := c.s.memory() - before; grown > int64(len(held))*64<<10 {
		t.Errorf("%d slow clients cost %d MiB", len(held), grown>>20)
	}
	c.s.stop() // which they can delay, and not prevent
}

// TestDescriptors_AllTaken_TheDatabaseWorksAndAllIsWellAfterwards floods a server
// that may open few files. Connections take none that the database needs, and when
// the flood is over people sign in.
func TestDescriptors_AllTaken_TheDatabaseWorksAndAllIsWellAfterwards(t *testing.T) {
	c := newCrowd(t, 8)
	ctx := bounded(t, 2*time.Minute)
	c.s.stop()
	c.s.under = []string{"sh", "-c", `ulimit -n 400 && exec "$0" "$@"`}
	c.s.start()
	c.url.Store(c.s.url)
	if err := c.signIn(ctx); err != nil { // on a connection that it keeps
		t.Fatal(err)
	}
	var held []net.Conn
	for i := range 600 {
		conn := dialFrom(t, strings.TrimPrefix(c.s.url, "http://"), i)
		defer conn.Close()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nX-") // fails where it is closed at once
		held = append(held, conn)
	}
	for range 10 {
		if err := c.signIn(ctx); err != nil {
			t.Errorf("during the flood, on a connection from before: %v", err)
		}
	}
	for _, conn := range held {
		conn.Close()
	}
	c.http.CloseIdleConnections()
	start := time.Now()
	for err := c.signIn(ctx); err != nil; err = c.signIn(ctx) {
		if !closedDoor(err) {
			t.Fatalf("after the flood: %v", err)
		}
	}
	t.Logf("a new client was served %s after the flood", time.Since(start).Round(time.Millisecond))
	if log := c.s.log.String(); strings.Contains(log, "too many open files") || strings.Count(log, "limit of open files, allows") != 1 {
		t.Errorf("the log:\n%s", log)
	}
	c.s.stop()
}

// times signs in so often, one after another, and says how long each took. Every
// one must succeed, if need be when told to come again.
func (c *crowd) times(ctx context.Context, t *testing.T, n int) (all []time.Duration) {
	t.Helper()
	for range n {
		start := time.Now()
		if err := c.signIn(ctx); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(start))
	}
	return all
}

// dialFrom connects from the ith client's address, of which five hundred share one.
func dialFrom(t *testing.T, addr string, i int) net.Conn {
	t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/500))}}
	conn, err := from.Dial("tcp", addr)
	if err != nil {
		t.Fatal(fmt.Errorf("client %d: %w", i, err))
	}
	return conn
}

// headerFlood sends far more headers than the server takes. It answers 431 and
// hangs up, without having kept them.
func headerFlood(t *testing.T, addr string) (refused int) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	flood := "POST / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("x", 4000)+"\r\n", 250) // 1 MB
	io.WriteString(conn, flood)                                                                                   // fails when the server hangs up in the middle
	said, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(said), "HTTP/1.1 431 ") && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a flood of headers was answered %q, %v", said, err)
		return 0
	}
	return 1
}
