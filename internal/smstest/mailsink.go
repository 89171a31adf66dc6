package smstest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/mail"
)

// MailSink is an HTTP service that takes e-mails as the webhook sender posts
// them, and everybody's mailbox. A post that breaks the contract fails the test.
type MailSink struct {
	URL string

	tb    testing.TB
	mu    sync.Mutex // guards the fields below
	mails []mail.Message
	posts []Post
	news  chan struct{} // closed at the next e-mail
}

// NewMailSink starts a sink that lives as long as the test and accepts
// everything.
func NewMailSink(tb testing.TB) *MailSink {
	s := &MailSink{tb: tb, news: make(chan struct{})}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Posts returns every request so far.
func (s *MailSink) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.posts)
}

// Nth waits for the nth e-mail to an address, from 1, and returns it.
func (s *MailSink) Nth(ctx context.Context, address string, n int) (mail.Message, error) {
	for {
		s.mu.Lock()
		news, all := s.news, slices.Clone(s.mails)
		s.mu.Unlock()
		all = slices.DeleteFunc(all, func(m mail.Message) bool { return m.To.Text() != address })
		if len(all) >= n {
			return all[n-1], nil
		}
		select {
		case <-ctx.Done():
			return mail.Message{}, ctx.Err()
		case <-news:
		}
	}
}

// ServeHTTP implements http.Handler.
func (s *MailSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender gave up
	}
	m, ok := s.message(r, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts = append(s.posts, Post{Header: r.Header.Clone(), Body: body})
	if ok {
		s.mails = append(s.mails, m)
		close(s.news)
		s.news = make(chan struct{})
	}
}

func (s *MailSink) message(r *http.Request, body []byte) (mail.Message, bool) {
	var f struct {
		ID, Channel, To, Subject, Body, Purpose, Pool, Client string
		ContentType                                           string `json:"content_type"`
		ExpiresAt                                             string `json:"expires_at"`
	}
	if err := json.Unmarshal(body, &f); err != nil {
		s.tb.Errorf("webhook posted no object of strings: %v", err)
		return mail.Message{}, false
	}
	to, err := email.Parse(f.To)
	if err != nil || f.Channel != "email" {
		s.tb.Errorf("webhook posted to an unusable address by channel %q: %v", f.Channel, err)
	}
	expires, err := strconv.ParseInt(f.ExpiresAt, 10, 64)
	if err != nil {
		s.tb.Errorf("webhook posted expires_at %q, not epoch seconds", f.ExpiresAt)
	}
	if r.Method != http.MethodPost || r.Header.Get("Idempotency-Key") != f.ID || f.ID == "" {
		s.tb.Errorf("webhook sent %s with Idempotency-Key %q for message %q", r.Method, r.Header.Get("Idempotency-Key"), f.ID)
	}
	return mail.Message{ID: f.ID, To: to, Subject: f.Subject, Body: f.Body, HTML: f.ContentType == "text/html",
		Purpose: f.Purpose, PoolID: f.Pool, ClientID: f.Client, ExpiresAt: time.Unix(expires, 0)}, true
}
