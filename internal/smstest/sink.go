package smstest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Sink is an HTTP service that takes texts as the webhook sender posts them. A
// post that breaks the contract fails the test.
type Sink struct {
	*Phone // what was accepted
	URL    string

	tb     testing.TB
	mu     sync.Mutex // guards the fields below
	status int
	posts  []Post
	held   chan struct{} // posts wait for its close; nil for none
	after  fate
	news   chan struct{} // closed at the next post; nil until somebody waits
}

// fate is what becomes of the answer to a text that was accepted.
type fate int

const (
	told   fate = iota // it says so
	failed             // it says that there was an error
	hung               // it never comes
)

// Post is one request as it arrived, whatever was answered.
type Post struct {
	Header http.Header
	Body   []byte
}

// NewSink starts a sink that lives as long as the test and accepts everything.
func NewSink(tb testing.TB) *Sink {
	s := &Sink{Phone: &Phone{}, tb: tb, status: http.StatusOK}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Answer makes every later post be answered with status; only 2xx is accepted.
func (s *Sink) Answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// AcceptAndFail makes the sink keep later texts and answer that it failed.
func (s *Sink) AcceptAndFail(on bool) { s.afterwards(failed, on) }

// AcceptAndHang makes the sink keep later texts and never answer.
func (s *Sink) AcceptAndHang(on bool) { s.afterwards(hung, on) }

func (s *Sink) afterwards(f fate, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after = told; on {
		s.after = f
	}
}

// Hold makes the sink do nothing with later posts until release is called.
func (s *Sink) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make(chan struct{})
	s.held = held
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = nil
		close(held)
	}
}

// AwaitPosts waits until there were n requests.
func (s *Sink) AwaitPosts(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		if s.news == nil {
			s.news = make(chan struct{})
		}
		had, news := len(s.posts), s.news
		s.mu.Unlock()
		if had >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		}
	}
}

// Posts returns every request so far, refused ones included.
func (s *Sink) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Post(nil), s.posts...)
}

// ServeHTTP implements http.Handler.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender gave up
	}
	status, held, after := s.note(Post{Header: r.Header.Clone(), Body: body})
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done(): // the sender gave up: it was not taken
			return
		}
	}
	if m, ok := s.message(r, body); ok && status/100 == 2 {
		if _, err := s.Send(r.Context(), m); err != nil || after == failed {
			status = http.StatusInternalServerError
		}
		if after == hung {
			<-r.Context().Done()
			return
		}
	}
	w.WriteHeader(status)
}

// note keeps a post and says how it is to be dealt with.
func (s *Sink) note(p Post) (status int, held chan struct{}, after fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts = append(s.posts, p)
	if s.news != nil {
		close(s.news)
		s.news = nil
	}
	return s.status, s.held, s.after
}

func (s *Sink) message(r *http.Request, body []byte) (sms.Message, bool) {
	var f struct {
		ID, To, Body, Purpose, Pool, Client string
		ExpiresAt                           string `json:"expires_at"`
	}
	if err := json.Unmarshal(body, &f); err != nil {
		s.tb.Errorf("webhook posted no object of strings: %v", err)
		return sms.Message{}, false
	}
	to, err := phone.Parse(f.To)
	if err != nil {
		s.tb.Errorf("webhook posted an unusable number: %v", err)
	}
	expires, err := strconv.ParseInt(f.ExpiresAt, 10, 64)
	if err != nil {
		s.tb.Errorf("webhook posted expires_at %q, not epoch seconds", f.ExpiresAt)
	}
	if r.Method != http.MethodPost || r.Header.Get("Idempotency-Key") != f.ID || f.ID == "" {
		s.tb.Errorf("webhook sent %s with Idempotency-Key %q for message %q", r.Method, r.Header.Get("Idempotency-Key"), f.ID)
	}
	return sms.Message{ID: f.ID, To: to, Body: f.Body, Purpose: f.Purpose, PoolID: f.Pool, ClientID: f.Client,
		ExpiresAt: time.Unix(expires, 0)}, true
}
