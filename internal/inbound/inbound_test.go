package inbound_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/inbound"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/web"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// gateway is a face with plumbing, and what it was told.
type gateway struct {
	http.Handler
	face  *inbound.Face
	log   strings.Builder
	texts []string
	err   error // what taking a text ends in
	reply string
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{}
	face, err := inbound.New(inbound.Config{
		Secret: secret,
		Receive: func(_ context.Context, id string, from phone.Number, body string) (string, error) {
			g.texts = append(g.texts, id+" "+from.E164()+" "+body)
			return g.reply, g.err
		},
		Next:      http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "next") }),
		NextClass: func(*http.Request, []byte) web.Class { return web.Free },
	})
	if err != nil {
		t.Fatal(err)
	}
	g.face = face
	refuse := func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
	g.Handler = web.Handler(web.Config{Log: slog.New(slog.NewTextHandler(&g.log, nil)), Class: face.Class, Refuse: refuse}, face)
	return g
}

// post posts a body signed at the time.
func (g *gateway) post(t *testing.T, body string, at time.Time, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/inbound-text", strings.NewReader(body))
	signer, err := hook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(r.Header, "m-1", at, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

const good = `{"id":"SM1","from":"+919876543210","to":"+447700900123","body":"BELLHOP 7KQ2MX9D"}`

func TestPost_EveryCase_HasItsStatusAndTellsNothing(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		body   string
		at     time.Time
		change func(*http.Request)
		err    error
		status int
		taken  bool
	}{
		"a text":                {good, now, nil, nil, 204, true},
		"four minutes old":      {good, now.Add(-4 * time.Minute), nil, nil, 204, true},
		"six minutes old":       {good, now.Add(-6 * time.Minute), nil, nil, 401, false},
		"of six minutes hence":  {good, now.Add(6 * time.Minute), nil, nil, 401, false},
		"unsigned":              {good, now, func(r *http.Request) { r.Header.Del("webhook-signature") }, nil, 401, false},
		"of another secret":     {good, now, func(r *http.Request) { r.Header.Set("webhook-signature", "v1,"+strings.Repeat("A", 43)+"=") }, nil, 401, false},
		"with another id":       {good, now, func(r *http.Request) { r.Header.Set("webhook-id", "m-2") }, nil, 401, false},
		"with another body":     {good, now, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(good + " ")) }, nil, 401, false},
		"not JSON":              {"x", now, nil, nil, 400, false},
		"no id":                 {`{"from":"+919876543210","body":"x"}`, now, nil, nil, 400, false},
		"no sender":             {`{"id":"1","body":"x"}`, now, nil, nil, 400, false},
		"too long":              {`{"id":"1","body":"` + strings.Repeat("x", 70_000) + `"}`, now, nil, nil, 400, false},
		"from a short code":     {`{"id":"1","from":"60006","body":"BELLHOP 7KQ2MX9D"}`, now, nil, nil, 204, false},
		"from a name":           {`{"id":"1","from":"MyBank","body":"BELLHOP 7KQ2MX9D"}`, now, nil, nil, 204, false},
		"read":                  {good, now, func(r *http.Request) { r.Method = http.MethodGet }, nil, 405, false},
		"while the store is up": {good, now, nil, fault.New(fault.Unavailable, "later"), 503, true},
		"while it is broken":    {good, now, nil, errors.New("broken"), 500, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			g.err = c.err
			w := g.post(t, c.body, c.at, c.change)
			if w.Code != c.status || w.Body.Len() > 0 {
				t.Errorf("answered %d %q", w.Code, w.Body)
			}
			if (len(g.texts) > 0) != c.taken || c.taken && g.texts[0] != "SM1 +919876543210 BELLHOP 7KQ2MX9D" {
				t.Errorf("took %q", g.texts)
			}
			for _, told := range []string{"7KQ2MX9D", "+919876543210", "MfKQ9r8"} {
				if strings.Contains(g.log.String(), told) {
					t.Errorf("the log tells %s: %s", told, g.log.String())
				}
			}
			if !strings.Contains(g.log.String(), "operation=InboundText") {
				t.Errorf("the log: %s", g.log.String())
			}
		})
	}
}

func TestFace_OtherPaths_AreTheNextOnes(t *testing.T) {
	g := newGateway(t)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	if w.Body.String() != "next" || g.face.Class(r, nil) != web.Free {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if class := g.face.Class(httptest.NewRequest(http.MethodPost, "/inbound-text", nil), nil); class != web.Begin {
		t.Errorf("class %s: it takes no place", class)
	}
}

func TestNew_AWrongSecret_IsNotRepeated(t *testing.T) {
	if _, err := inbound.New(inbound.Config{Secret: "whsec_???"}); err == nil || strings.Contains(err.Error(), "???") {
		t.Error(err)
	}
}

func TestPost_HelpIsAsked_ReplyIsInTheAnswer(t *testing.T) {
	g := newGateway(t)
	g.reply = `Codes of "Shop".`
	w := g.post(t, good, time.Now(), nil)
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"reply":"Codes of \"Shop\"."}` {
		t.Errorf("answered %d %s", w.Code, got)
	}
}
