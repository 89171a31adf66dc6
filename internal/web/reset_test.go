package web

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Types of frames (RFC 9113, section 6).
const headers, reset, settings, ping = 1, 3, 4, 6

// frame is an HTTP/2 frame (RFC 9113, section 4.1).
func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	f := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	f = append(f, flags)
	f = binary.BigEndian.AppendUint32(f, stream)
	return append(f, payload...)
}

// resets are n requests on one connection, each taken back at once: what is
// called rapid reset (CVE-2023-44487).
func resets(n int) []byte {
	const endOfAll = 0x1 | 0x4                        // END_STREAM, END_HEADERS
	request := []byte{0x83, 0x87, 0x84, 0x41, 1, 'a'} // POST https a / (RFC 7541, appendix A)
	out := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settings, 0, 0)...)
	for i := range n {
		stream := uint32(2*i + 1)
		out = append(out, frame(headers, endOfAll, stream, request...)...)
		out = append(out, frame(reset, 0, stream, 0, 0, 0, 8)...) // CANCEL
	}
	return out
}

// untilPong reads until the server has answered a ping, and so has read all that
// was sent before it, or has hung up.
func untilPong(conn net.Conn) {
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head)>>8)); err != nil {
			return
		}
		if head[3] == ping {
			return
		}
	}
}

// TestServer_RapidReset_RunsFewAndAGoodClientIsServed: a client that takes its
// requests back gets no more work done at once than one that waits for them, and
// others are served.
func TestServer_RapidReset_RunsFewAndAGoodClientIsServed(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	var inside, most, ran atomic.Int64
	release := make(chan struct{})
	face := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ran.Add(1)
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer inside.Add(-1)
		if r.Method == http.MethodPost {
			<-release // work does not end because its client has gone
		}
	})
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = NewServer(log, Handler(Config{Log: log, Refuse: refuse, Places: 4, Waiting: 4}, face))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	defer close(release)

	const floods = 3
	for range floods {
		conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go conn.Write(append(resets(5000), frame(ping, 0, 0, make([]byte, 8)...)...)) // fails if the server hangs up
		untilPong(conn)
	}
	if ran.Load() > 4 || most.Load() > 4 {
		t.Errorf("of %d requests that were taken back %d ran, %d at once, in 4 places", floods*5000, ran.Load(), most.Load())
	}
	if inside.Load() > 0 { // on a busy machine all were taken back before they were begun
		release <- struct{}{} // one of those ends
	}
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		t.Errorf("a good client got %s by %s", res.Status, res.Proto)
	}
}
