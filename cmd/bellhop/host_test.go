package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestHost_Stopping_EndsConnectionsWithTheirNextAnswer holds for HTTP/1 and for
// HTTP/2: the next request comes on a new connection.
func TestHost_Stopping_EndsConnectionsWithTheirNextAnswer(t *testing.T) {
	for _, two := range []bool{false, true} {
		h := &host{}
		var peers []string
		srv := httptest.NewUnstartedServer(h.dismissing(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			peers = append(peers, r.RemoteAddr)
		})))
		srv.EnableHTTP2 = two
		srv.StartTLS()
		for range 2 {
			get(t, srv)
		}
		h.stopping.Store(true)
		for range 2 {
			get(t, srv)
		}
		srv.Close()
		if peers[0] != peers[1] || peers[2] != peers[1] || peers[3] == peers[2] {
			t.Errorf("HTTP/2 %v: requests came on %v", two, peers)
		}
	}
}

func get(t *testing.T, srv *httptest.Server) {
	t.Helper()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
}
