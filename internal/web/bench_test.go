package web

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// blank is an answer that nobody reads.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(int)             {}

// BenchmarkHandler_Served is what the plumbing spends on a request that it lets in and
// logs, behind a proxy, without net/http and the face.
func BenchmarkHandler_Served(b *testing.B) {
	cfg := Config{
		Places: Places(), Waiting: Waiting(), Refuse: refuse, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	}
	h := Handler(cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := EventOf(r.Context())
		e.Operation, e.Pool, e.Client = "InitiateAuth", "us-east-1_a", "abc"
		w.WriteHeader(http.StatusOK)
	}))
	body := bytes.NewReader([]byte(`{"AuthFlow":"CUSTOM_AUTH","ClientId":"abc","AuthParameters":{"USERNAME":"+919876543210"}}`))
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	content := r.Body
	b.ReportAllocs()
	for b.Loop() {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		r.Body = content
		h.ServeHTTP(&blank{header: make(http.Header, 8)}, r)
	}
}
