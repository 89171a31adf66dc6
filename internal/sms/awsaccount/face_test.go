package awsaccount_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/callback"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// SNS is answered as it understands: 2xx is taken, 4xx is not tried again, 5xx is
// (https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html).
func TestCallback_PostsOfSNS_AreTakenForgedOrLater(t *testing.T) {
	a := newAmazon(t)
	now := time.Now()
	a.files[pemPath] = a.certificate(t, "sns.amazonaws.com", now.Add(-time.Hour), now.Add(time.Hour))
	fresh := map[string]string{"Timestamp": now.UTC().Format(time.RFC3339)}
	body := a.posted(t, "1", fresh)
	var taken []string
	face := callback.New(callback.Config{
		Callers: map[string]sms.Caller{"aws": a.caller(t, byMessage, ourTopic)}, URL: "https://id.example.com",
		Take: func(_ context.Context, by string, e sms.Event) (string, error) {
			taken = append(taken, by+" "+e.Kind.String()+" "+e.ID)
			return "Text HELP", nil
		},
		Next: http.NotFoundHandler(), NextClass: func(*http.Request, []byte) web.Class { return web.Free },
	})
	h := web.Handler(web.Config{Log: slog.New(slog.DiscardHandler), Class: face.Class, Refuse: func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusTeapot)
	}}, face)
	for _, c := range []struct {
		name   string
		away   int
		body   string
		status int
		taken  []string
	}{
		{"while SNS is away", 503, string(body), 503, nil},
		{"again", 0, string(body), 204, []string{"aws delivered m-1"}},
		{"and once more", 0, string(body), 204, []string{"aws delivered m-1"}},
		{"forged", 0, strings.Replace(string(body), "m-1", "m-2", 1), 403, nil},
		{"of no use", 0, string(a.posted(t, "2", map[string]string{"Timestamp": fresh["Timestamp"], "Message": "Hello world!"})), 400, nil},
	} {
		taken, a.status = nil, c.away
		r := httptest.NewRequest(http.MethodPost, "/callbacks/aws", strings.NewReader(c.body))
		r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Body.Len() > 0 || !slices.Equal(taken, c.taken) {
			t.Errorf("%s: %d %q, taken %q; want %d, %q", c.name, w.Code, w.Body, taken, c.status, c.taken)
		}
	}
}

func FuzzReadPost_WhateverATopicSays_IsReadOrRefused(f *testing.F) {
	for _, seed := range []string{delivered, `{"inboundMessageId":"i","originationNumber":"+14255550182","messageBody":"489316"}`, `{"eventType":"TEXT_INVALID","messageId":"p","totalMessagePrice":-1}`, "null", "[]", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		if !utf8.ValidString(message) {
			return // JSON holds no such text
		}
		a := newAmazon(t)
		events, err := read(t, a.caller(t, byTopic, ourTopic), day, a.posted(t, "2", map[string]string{"Message": message}))
		if err != nil && (len(events) > 0 || len(message) > 8 && strings.Contains(err.Error(), message)) {
			t.Errorf("%v with %d events", err, len(events))
		}
		for _, e := range events {
			if e.Segments < 0 || e.Micros < 0 || e.ProviderID == "" || e.At.IsZero() || (e.Code != "") != (e.Kind == sms.Failed) {
				t.Errorf("%+v of %q", e, message)
			}
		}
		if _, err := read(t, a.caller(t, byTopic, ourTopic), day, []byte(message)); err == nil {
			t.Errorf("%q is believed unsigned", message)
		}
	})
}
