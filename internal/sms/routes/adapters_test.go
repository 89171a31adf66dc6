package routes_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/sms/twilio"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
)

// brokenHost is what may be wrong with the host of a provider's API.
type brokenHost struct {
	name      string
	host      func(t *testing.T) (url string, transport http.RoundTripper)
	doubts    bool // it may have taken the text
	openAfter int  // texts, in one country
}

// unnamed is a network whose names cannot be resolved.
func unnamed() http.RoundTripper {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "api.twilio.com", IsNotFound: true}}
	}}
}

func answering(status int, body string) func(*testing.T) (string, http.RoundTripper) {
	return func(t *testing.T) (string, http.RoundTripper) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		return server.URL, nil
	}
}

var brokenHosts = []brokenHost{
	{"its name cannot be resolved", func(*testing.T) (string, http.RoundTripper) { return "http://127.0.0.1:1", unnamed() }, false, 3},
	{"nobody listens", func(t *testing.T) (string, http.RoundTripper) {
		server := httptest.NewServer(nil)
		server.Close()
		return server.URL, nil
	}, false, 3},
	{"its certificate is nobody's", func(t *testing.T) (string, http.RoundTripper) {
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.URL, nil
	}, false, 1},
	{"it takes the text and hangs up", func(t *testing.T) (string, http.RoundTripper) {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}))
		t.Cleanup(server.Close)
		return server.URL, nil
	}, true, 3},
	{"it breaks down", answering(503, "<html>"), true, 3},
	{"it answers garbage", answering(200, "<html>"), true, 3},
	{"it throttles", answering(429, `{"code": 20429}`), false, 3},
	{"it knows no such account", answering(401, `{"code": 20003}`), false, 1},
}

// The adapters that people run: whatever is wrong with Twilio's host, each text goes by
// the other provider once, with its own code, and Twilio soon is asked no more.
func TestSend_WhateverIsWrongWithAHost_TheNextTakesEveryText(t *testing.T) {
	for _, c := range brokenHosts {
		t.Run(c.name, func(t *testing.T) {
			url, transport := c.host(t)
			first, err := twilio.Kind().New(provider.Options{Transport: transport, Values: provider.Values{
				"account-sid": "AC0123456789abcdef0123456789abcdef", "auth-token": "token", "from": "+15017122661", "base-url": url,
			}})
			if err != nil {
				t.Fatal(err)
			}
			var taken atomic.Int64
			own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if n := taken.Add(1); !strings.Contains(string(body), fmt.Sprintf("Your code is %06d.", n)) {
					t.Errorf("text %d is %s", n, body)
				}
				w.WriteHeader(http.StatusNoContent)
			}))
			t.Cleanup(own.Close)
			second, err := webhook.Kind().New(provider.Options{Values: provider.Values{"url": own.URL}})
			if err != nil {
				t.Fatal(err)
			}
			r := router(t, routes.Config{
				Providers: []routes.Provider{{Name: "a", Sender: first}, {Name: "b", Sender: second}},
				Rules:     []routes.Rule{{By: []string{"a", "b"}}},
			})
			const texts = 6
			for n := 1; n <= texts; n++ {
				m := text(fmt.Sprint(n), nigerian)
				m.Code, m.ExpiresAt = fmt.Sprintf("%06d", n), time.Now().Add(10*time.Minute)
				m.Body = "Your code is " + m.Code + "."
				receipt, err := send(r, m)
				doubts := 0
				if c.doubts && n <= c.openAfter {
					doubts = 1
				}
				if err != nil || receipt.Provider != "b" || receipt.Doubled != doubts {
					t.Errorf("text %d: %+v, %v; want it by b with %d doubts", n, receipt, err, doubts)
				}
				want := "a b"
				if n >= c.openAfter {
					want = "b (a)"
				}
				if got := order(r, nigerian); got != want {
					t.Errorf("after text %d the order is %q, want %q", n, got, want)
				}
			}
			if n := taken.Load(); n != texts {
				t.Errorf("b took %d of %d texts", n, texts)
			}
			for _, k := range r.Explain(time.Now(), sms.Destination{To: text("", nigerian).To}).Candidates {
				if why := strings.Join(k.Why, " "); strings.Contains(why, "http") || strings.Contains(why, nigerian[1:]) || strings.Contains(why, "token") {
					t.Errorf("the reasons of %s give too much away: %s", k.Provider, why)
				}
			}
		})
	}
}
