package callback_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/callback"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// provider signs by saying please, and tells one event a line.
type provider struct{ mute bool }

func (p provider) ReadPost(_ context.Context, _ time.Time, post sms.Post) ([]sms.Event, error) {
	if post.Header("X-Please") != post.URL {
		return nil, &sms.ErrForged{Why: "it does not say please"}
	}
	if post.ContentType != "text/plain" {
		return nil, errors.New("not a text")
	}
	if string(post.Body) == "who are you?" {
		return nil, fault.New(fault.Unavailable, "nobody is there to ask")
	}
	var all []sms.Event
	for line := range strings.Lines(string(post.Body)) {
		all = append(all, sms.Event{Kind: sms.Delivered, ID: strings.TrimSpace(line)})
	}
	return all, nil
}

func (p provider) Answer(reply string) (string, []byte) {
	if p.mute {
		return "", nil
	}
	return "text/xml", []byte("<" + reply + ">")
}

func TestPost_EveryCase_HasItsStatus(t *testing.T) {
	const address = "https://id.example.com/callbacks/main?id=7"
	for name, c := range map[string]struct {
		path, please, kind, body string
		method                   string
		err                      error
		status                   int
		answer                   string
		taken                    []string
	}{
		"two events":             {body: "a\nb\n", status: 200, answer: "<hello>", taken: []string{"main a", "main b"}},
		"nothing to tell":        {status: 200, answer: "<>"},
		"forged":                 {please: "no", body: "a", status: 403},
		"of another address":     {please: "https://evil.example.com/callbacks/main?id=7", body: "a", status: 403},
		"signed, and no text":    {kind: "image/png", body: "a", status: 400},
		"not to be verified now": {body: "who are you?", status: 503},
		"too long":               {body: strings.Repeat("x", 70_000), status: 400},
		"of nobody known":        {path: "/callbacks/other?id=7", body: "a", status: 404},
		"of nobody at all":       {path: "/callbacks/", body: "a", status: 404},
		"of one below":           {path: "/callbacks/main/x", body: "a", status: 404},
		"read":                   {method: "GET", status: 405},
		"while the store is up":  {body: "a\nb\n", err: fault.New(fault.Unavailable, "later"), status: 503, taken: []string{"main a"}},
		"while it is broken":     {body: "a", err: errors.New("broken"), status: 500, taken: []string{"main a"}},
		"by one that is mute":    {path: "/callbacks/mute?id=7", please: "https://id.example.com/callbacks/mute?id=7", body: "a", status: 204, taken: []string{"mute a"}},
		"something else":         {path: "/other", status: 200, answer: "next"},
	} {
		t.Run(name, func(t *testing.T) {
			var taken []string
			face := callback.New(callback.Config{
				Callers: map[string]sms.Caller{"main": provider{}, "mute": provider{mute: true}},
				URL:     "https://id.example.com",
				Take: func(_ context.Context, by string, e sms.Event) (string, error) {
					taken = append(taken, by+" "+e.ID)
					return "hello", c.err
				},
				Next:      http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "next") }),
				NextClass: func(*http.Request, []byte) web.Class { return web.Free },
			})
			refuse := func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusTeapot) }
			h := web.Handler(web.Config{Log: slog.New(slog.DiscardHandler), Class: face.Class, Refuse: refuse}, face)
			r := httptest.NewRequest(or(c.method, "POST"), or(c.path, "/callbacks/main?id=7"), strings.NewReader(c.body))
			r.Header.Set("X-Please", or(c.please, address))
			r.Header.Set("Content-Type", or(c.kind, "text/plain"))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || w.Body.String() != c.answer || !slices.Equal(taken, c.taken) {
				t.Errorf("answered %d %q, taken %q; want %d %q, %q", w.Code, w.Body, taken, c.status, c.answer, c.taken)
			}
		})
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// slow asks somebody who does not answer before it knows whether a post is genuine.
type slow struct{ asked, answered chan struct{} }

func (s slow) ReadPost(_ context.Context, _ time.Time, post sms.Post) ([]sms.Event, error) {
	defer post.Wait()()
	close(s.asked)
	<-s.answered
	return nil, &sms.ErrForged{Why: "nobody signed it"}
}

func (s slow) Answer(string) (string, []byte) { return "", nil }

// Whoever posts must not keep others from the server by what it takes to verify a post.
func TestPost_WhileItsProviderIsAsked_HoldsNoPlace(t *testing.T) {
	provider := slow{make(chan struct{}), make(chan struct{})}
	face := callback.New(callback.Config{
		Callers:   map[string]sms.Caller{"main": provider},
		Next:      http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "next") }),
		NextClass: func(*http.Request, []byte) web.Class { return web.Begin },
	})
	refuse := func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusTeapot) }
	h := web.Handler(web.Config{Log: slog.New(slog.DiscardHandler), Class: face.Class, Refuse: refuse, Places: 1, Waiting: 1}, face)
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader("a")))
		return w
	}
	posted := make(chan int)
	go func() { posted <- ask("/callbacks/main").Code }()
	<-provider.asked
	if w := ask("/other"); w.Code != http.StatusOK {
		t.Errorf("another request is answered %d meanwhile", w.Code)
	}
	close(provider.answered)
	if status := <-posted; status != http.StatusForbidden {
		t.Errorf("the post is answered %d", status)
	}
}
