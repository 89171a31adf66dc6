package brief

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"
)

// pair connects two, the first of them as the function has it.
func pair(t *testing.T, network, address string, as func(net.Conn) net.Conn) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if b, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if a, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return as(a), b
}

func plain(c net.Conn) net.Conn { return c }

func TestConn_CarriesMoreThanTheSystemHasRoomFor(t *testing.T) {
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(t.TempDir(), "s")}} {
		a, b := pair(t, at[0], at[1], wrap)
		want := bytes.Repeat([]byte("0123456789abcde\n"), 1<<20)
		go func() {
			n, err := a.Write(want)
			if n != len(want) || err != nil {
				t.Errorf("%s: wrote %d of %d: %v", at[0], n, len(want), err)
			}
			a.(interface{ CloseWrite() error }).CloseWrite()
		}()
		echoed := make(chan error)
		go func() {
			time.Sleep(10 * time.Millisecond) // in which nothing is read
			_, err := io.Copy(b, b)
			echoed <- errors.Join(err, b.(interface{ CloseWrite() error }).CloseWrite())
		}()
		got, err := io.ReadAll(a)
		if err = errors.Join(err, <-echoed); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d came back: %v", at[0], len(got), len(want), err)
		}
	}
}

// What goes wrong is told as package net tells it.
func TestConn_Errors(t *testing.T) {
	past := time.Unix(1, 0)
	for name, do := range map[string]func(a, b net.Conn) (int, error){
		"its deadline to read has passed": func(a, _ net.Conn) (int, error) {
			a.SetReadDeadline(past)
			return a.Read(make([]byte, 1))
		},
		"its deadline to read passes meanwhile": func(a, _ net.Conn) (int, error) {
			a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			return a.Read(make([]byte, 1))
		},
		"its deadline to write has passed": func(a, _ net.Conn) (int, error) {
			a.SetWriteDeadline(past)
			return a.Write(make([]byte, 1))
		},
		"it is closed, and read": func(a, _ net.Conn) (int, error) {
			a.Close()
			return a.Read(make([]byte, 1))
		},
		"it is closed, and written": func(a, _ net.Conn) (int, error) {
			a.Close()
			return a.Write(make([]byte, 1))
		},
		"the other has ended": func(a, b net.Conn) (int, error) {
			b.Close()
			return a.Read(make([]byte, 1))
		},
		"the other resets, and it is read": func(a, b net.Conn) (int, error) {
			b.(*net.TCPConn).SetLinger(0)
			b.Close()
			return a.Read(make([]byte, 1))
		},
		"the other resets, and it is written": func(a, b net.Conn) (int, error) {
			b.(*net.TCPConn).SetLinger(0)
			b.Close()
			a.Read(make([]byte, 1))
			return a.Write(make([]byte, 1))
		},
		"nothing is to be read": func(a, _ net.Conn) (int, error) { return a.Read(nil) },
		"nothing is written":    func(a, _ net.Conn) (int, error) { return a.Write(nil) },
	} {
		said := func(as func(net.Conn) net.Conn) (said [6]any) {
			a, b := pair(t, "tcp", "127.0.0.1:0", as)
			n, err := do(a, b)
			said = [6]any{n, err == io.EOF, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed)}
			if op, ok := errors.AsType[*net.OpError](err); ok {
				errno, _ := errors.AsType[syscall.Errno](err)
				said[4], said[5] = []any{op.Op, op.Net, op.Timeout(), op.Source != nil, op.Addr != nil}, errno
			}
			return said
		}
		if got, want := said(wrap), said(plain); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestConn_AllocatesNothing(t *testing.T) {
	a, b := pair(t, "tcp", "127.0.0.1:0", wrap)
	p := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		a.Write(p)
		io.ReadFull(b, p)
		b.Write(p)
		io.ReadFull(a, p)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A server and a client of package net/http are served, and the one learns that the
// other has gone.
func TestListenAndDial_ForHTTP(t *testing.T) {
	arrived, gone := make(chan bool), make(chan bool)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
		if r.URL.Path == "/waits" {
			close(arrived)
			<-r.Context().Done()
			close(gone)
		}
	}))
	s.Listener = Listen(s.Listener)
	s.Start()
	defer s.Close()
	var dialer net.Dialer
	dialed := 0
	client := &http.Client{Transport: &http.Transport{DialContext: Dial(func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed++
		return dialer.DialContext(ctx, network, address)
	})}}
	defer client.CloseIdleConnections()
	for range 3 {
		answer, err := client.Post(s.URL, "text/plain", bytes.NewReader([]byte("said")))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(answer.Body); string(body) != "said" || err != nil {
			t.Errorf("answered %q, %v", body, err)
		}
		answer.Body.Close()
	}
	if dialed != 1 {
		t.Errorf("%d connections for requests after each other", dialed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/waits", nil)
	if _, err := client.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that is given up ends with %v", err)
	}
	<-gone
}
