package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// refuse is a face's envelope, as small as it can be.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusInternalServerError
	if fault.Is(err, fault.Unavailable) {
		status = http.StatusServiceUnavailable
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "refused")
}

// serve sends one request through the plumbing and returns the answer and the
// lines of the log.
func serve(t *testing.T, cfg Config, face http.HandlerFunc, r *http.Request) (*httptest.ResponseRecorder, []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	cfg.Log = slog.New(slog.NewJSONHandler(&out, nil))
	cfg.Refuse = refuse
	w := httptest.NewRecorder()
	Handler(cfg, face).ServeHTTP(w, r)
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return w, lines
}

func TestHandler_EveryRequest_HasUUIDInHeaderEventAndLog(t *testing.T) {
	var inside string
	w, lines := serve(t, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		inside = EventOf(r.Context()).RequestID
	}, httptest.NewRequest(http.MethodPost, "/", nil))

	id := w.Header().Get("x-amzn-RequestId")
	if _, err := uuid.Parse(id); err != nil {
		t.Fatalf("request id %q: %v", id, err)
	}
	if inside != id || len(lines) != 1 || lines[0]["request_id"] != id {
		t.Fatalf("ids differ: header %q, event %q, log %v", id, inside, lines)
	}
}

func TestHandler_FilledEvent_LeavesOneLineWithClosedSetOfFields(t *testing.T) {
	_, lines := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		e := EventOf(r.Context())
		e.Operation, e.Pool, e.Client = "SignUp", "us-east-1_a", "abc"
		e.Error, e.Cause = "InternalErrorException", errors.New("disk full")
		w.WriteHeader(http.StatusInternalServerError)
	}, httptest.NewRequest(http.MethodPost, "/?secret=1", strings.NewReader("{}")))

	want := map[string]any{
		"msg": "request", "level": "ERROR", "operation": "SignUp", "pool": "us-east-1_a", "client": "abc",
		"error": "InternalErrorException", "cause": "disk full", "status": 500.0, "remote": "192.0.2.1",
	}
	if len(lines) != 1 {
		t.Fatalf("want one line, got %d", len(lines))
	}
	for k, v := range want {
		if lines[0][k] != v {
			t.Errorf("%s = %v, want %v", k, lines[0][k], v)
		}
	}
	for _, k := range []string{"time", "request_id", "duration_ms"} {
		if _, ok := lines[0][k]; !ok {
			t.Errorf("no %s", k)
		}
	}
	if got, all := len(lines[0]), len(want)+3; got != all {
		t.Errorf("%d fields, want %d: %v", got, all, lines[0])
	}
}

func TestHandler_HostileValues_CannotForgeALogLine(t *testing.T) {
	var out bytes.Buffer
	face := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e := EventOf(r.Context())
		e.Client = "x\nlevel=ERROR msg=forged\x1b[2J" + strings.Repeat("y", 4096)
	})
	log := slog.New(slog.NewTextHandler(&out, nil))
	Handler(Config{Log: log, Refuse: refuse}, face).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))

	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Fatalf("%d lines: %q", n, out.String())
	}
	if strings.ContainsRune(out.String(), 0x1b) || out.Len() > 1024 {
		t.Fatalf("unbounded or unprintable: %d bytes, %q", out.Len(), out.String())
	}
}

func TestHandler_Panic_IsAnsweredByTheFaceAndTheStackStaysInTheLog(t *testing.T) {
	w, lines := serve(t, Config{}, func(http.ResponseWriter, *http.Request) {
		panic("code 123456")
	}, httptest.NewRequest(http.MethodPost, "/", nil))

	if w.Code != http.StatusInternalServerError || w.Body.String() != "refused" {
		t.Fatalf("got %d %q", w.Code, w.Body)
	}
	if len(lines) != 2 || !strings.Contains(lines[0]["stack"].(string), "web_test.go") {
		t.Fatalf("no stack in %v", lines)
	}
	for _, l := range lines {
		if text, _ := json.Marshal(l); bytes.Contains(text, []byte("123456")) {
			t.Fatalf("the panic's value is in the log: %s", text)
		}
	}
	if lines[1]["status"] != 500.0 {
		t.Fatalf("event says %v", lines[1]["status"])
	}
}

func TestHandler_PanicAfterTheAnswerBegan_DoesNotWriteASecondOne(t *testing.T) {
	w, lines := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		var none map[string]int
		none["x"] = 1 //lint:ignore SA5000 the panic is what is tested
	}, httptest.NewRequest(http.MethodPost, "/", nil))

	if w.Body.String() != "half" {
		t.Fatalf("body %q", w.Body)
	}
	if lines[0]["panic"] != "assignment to entry in nil map" {
		t.Fatalf("log says %v", lines[0]["panic"])
	}
}

func TestHandler_AbortedConnection_IsLeftToNetHTTP(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Fatalf("recovered %v", v)
		}
	}()
	serve(t, Config{}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		httptest.NewRequest(http.MethodPost, "/", nil))
}

func TestHandler_BodyPastTheLimit_IsATypedErrorForTheFace(t *testing.T) {
	for size, want := range map[int]bool{10: false, 11: true} {
		var tooLarge *http.MaxBytesError
		serve(t, Config{MaxBody: 10}, func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			if got := errors.As(err, &tooLarge); got != want {
				t.Errorf("%d bytes: %v", size, err)
			}
		}, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size))))
	}
}

func TestHandler_MoreThanThePlaces_IsRefusedAsUnavailable(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	var out bytes.Buffer
	h := Handler(Config{Places: 1, Refuse: refuse, Log: slog.New(slog.NewTextHandler(&out, nil))},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			close(entered)
			<-release
		}))
	done := make(chan struct{})
	go func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
		close(done)
	}()
	<-entered
	second := httptest.NewRecorder()
	h.ServeHTTP(second, httptest.NewRequest(http.MethodPost, "/", nil))
	close(release)
	<-done

	if second.Code != http.StatusServiceUnavailable {
		t.Fatalf("second request got %d", second.Code)
	}
}

func TestHandler_StalledBody_HoldsNoPlace(t *testing.T) {
	var out bytes.Buffer
	h := Handler(Config{Places: 1, Refuse: refuse, Log: slog.New(slog.NewTextHandler(&out, nil))},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Write(body)
		}))
	body, stalled := io.Pipe()
	first, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		h.ServeHTTP(first, httptest.NewRequest(http.MethodPost, "/", body))
		close(done)
	}()
	io.WriteString(stalled, "ha") // read, so the request is under way
	second := httptest.NewRecorder()
	h.ServeHTTP(second, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("whole")))
	if second.Code != http.StatusOK || second.Body.String() != "whole" {
		t.Errorf("beside a stalled body: %d %q", second.Code, second.Body)
	}
	io.WriteString(stalled, "lf")
	stalled.Close()
	<-done
	if first.Code != http.StatusOK || first.Body.String() != "half" {
		t.Errorf("the slow one: %d %q", first.Code, first.Body)
	}
}

func TestHandler_LongBodies_AreBoundedInNumberAndShortOnesAreNot(t *testing.T) {
	h := Handler(Config{Places: 1, Refuse: refuse, Log: slog.New(slog.DiscardHandler)},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	send := func(body io.Reader) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", body))
		return w
	}
	long := strings.Repeat("x", smallBody+1)
	var stalled []*io.PipeWriter
	var all sync.WaitGroup
	for range maxLarge {
		body, sender := io.Pipe()
		stalled = append(stalled, sender)
		all.Go(func() { send(body) })
		io.WriteString(sender, long) // returns when all of it was read
	}
	if w := send(strings.NewReader(long)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("one long body more got %d", w.Code)
	}
	if w := send(strings.NewReader(long[2:])); w.Code != http.StatusOK || w.Body.Len() != smallBody-1 {
		t.Errorf("a short one got %d and %d bytes", w.Code, w.Body.Len())
	}
	for _, sender := range stalled {
		sender.Close()
	}
	all.Wait()
	if w := send(strings.NewReader(long)); w.Code != http.StatusOK || w.Body.String() != long {
		t.Errorf("afterwards a long one got %d and %d bytes", w.Code, w.Body.Len())
	}
}

func TestHandler_Overload_IsNoErrorLine(t *testing.T) {
	_, lines := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, fault.New(fault.Unavailable, "busy"))
	}, httptest.NewRequest(http.MethodPost, "/", nil))
	if lines[0]["level"] != "WARN" {
		t.Errorf("level is %v", lines[0]["level"])
	}
}

func TestHandler_ForwardedByAPeerThatIsNotTrusted_IsToldOnce(t *testing.T) {
	var out bytes.Buffer
	h := Handler(Config{Refuse: refuse, Log: slog.New(slog.NewTextHandler(&out, nil)), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, peer := range []string{"10.1.2.3:4", "192.0.2.1:4", "192.0.2.1:5"} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if n := strings.Count(out.String(), "--trusted-proxies"); n != 1 {
		t.Errorf("told %d times:\n%s", n, out.String())
	}
}

func TestClientAddr_ForwardedHops_AreBelievedFromTrustedPeersOnly(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.7:999", nil, "192.0.2.7"},
		{"untrusted peer lies", "192.0.2.7:999", []string{"198.51.100.1"}, "192.0.2.7"},
		{"trusted peer", "10.1.1.1:999", []string{"198.51.100.1"}, "198.51.100.1"},
		{"client wrote hops of its own", "10.1.1.1:999", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"two trusted proxies", "10.1.1.1:999", []string{"203.0.113.9, 198.51.100.1, 10.2.2.2"}, "198.51.100.1"},
		{"several header lines are one list", "10.1.1.1:999", []string{"203.0.113.9", "198.51.100.1", "10.2.2.2"}, "198.51.100.1"},
		{"all hops trusted", "10.1.1.1:999", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		{"no hop", "10.1.1.1:999", nil, "10.1.1.1"},
		{"nonsense next to the proxy", "10.1.1.1:999", []string{"198.51.100.1, unknown"}, "10.1.1.1"},
		{"nonsense behind a proxy", "10.1.1.1:999", []string{"unknown, 10.2.2.2"}, "10.2.2.2"},
		{"hop with a port", "10.1.1.1:999", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"bracketed v6 hop", "10.1.1.1:999", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"v6 hop without brackets", "[fd00::1]:999", []string{"2001:db8::1"}, "2001:db8::1"},
		{"v4 in v6 is v4", "[::ffff:10.1.1.1]:999", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"zones are dropped", "[fe80::1%eth0]:999", nil, "fe80::1"},
		{"no peer address", "@", nil, "invalid IP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.forwarded
			peer, _ := parseAddr(r.RemoteAddr)
			if got := clientAddr(peer, r.Header, trusted).String(); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestBlock_IsAddressForV4AndSlash64ForV6(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64"} {
		if got := Block(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := Block(netip.Addr{}); got != "" {
		t.Errorf("no address: got %q", got)
	}
}

func TestHealth_AnswersItsTwoPathsAndNothingElse(t *testing.T) {
	var broken error
	h := Health(func(context.Context) error { return broken }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	check := func(method, path string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != want {
			t.Errorf("%s %s: got %d, want %d", method, path, w.Code, want)
		}
		if strings.Contains(w.Body.String(), "secret reason") {
			t.Errorf("%s %s tells why: %q", method, path, w.Body)
		}
	}
	check(http.MethodGet, "/healthz", http.StatusOK)
	check(http.MethodGet, "/readyz", http.StatusOK)
	check(http.MethodPost, "/healthz", http.StatusTeapot)
	check(http.MethodGet, "/readyz/", http.StatusTeapot)
	check(http.MethodGet, "//readyz", http.StatusTeapot)
	broken = errors.New("secret reason")
	check(http.MethodGet, "/readyz", http.StatusServiceUnavailable)
	check(http.MethodGet, "/healthz", http.StatusOK)
}

func TestNewServer_SetsEveryLimit(t *testing.T) {
	s := NewServer(slog.New(slog.DiscardHandler), http.NotFoundHandler())
	for name, set := range map[string]bool{
		"ReadHeaderTimeout": s.ReadHeaderTimeout > 0, "ReadTimeout": s.ReadTimeout > 0,
		"WriteTimeout": s.WriteTimeout > s.ReadTimeout, "IdleTimeout": s.IdleTimeout > 0,
		"MaxHeaderBytes": s.MaxHeaderBytes > 0, "MaxConcurrentStreams": s.HTTP2.MaxConcurrentStreams > 0,
	} {
		if !set {
			t.Errorf("%s is not set", name)
		}
	}
}

func TestNewServer_HugeHeaders_AreRefusedBeforeTheHandler(t *testing.T) {
	called := false
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = NewServer(slog.New(slog.DiscardHandler), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	srv.Start()
	defer srv.Close()
	req, err := http.NewRequest(http.MethodPost, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Big", strings.Repeat("x", maxHeaderBytes+8192))
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge || called {
		t.Fatalf("got %d, handler called: %v", res.StatusCode, called)
	}
}

// pipeListener is a network of one connection that lives in a bubble.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error   { close(l.done); return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// cutOff says how long the server bears with a client that sends this and then
// nothing, and what the server says before it hangs up.
func cutOff(t *testing.T, sent string) (after time.Duration, said string) {
	synctest.Test(t, func(t *testing.T) {
		l := pipeListener{make(chan net.Conn), make(chan struct{})}
		srv := NewServer(slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusRequestTimeout)
			}
		}))
		served := make(chan error)
		go func() { served <- srv.Serve(l) }()
		client, server := net.Pipe()
		l.conns <- server
		start := time.Now()
		if _, err := io.WriteString(client, sent); err != nil {
			t.Error(err)
		}
		answer, err := io.ReadAll(client)
		if err != nil {
			t.Error(err)
		}
		after, said = time.Since(start), string(answer)
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return after, said
}

func TestNewServer_SlowClients_AreCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		sent, said string
		after      time.Duration
	}{
		"nothing":        {"", "", readHeaderTimeout},
		"half a header":  {"POST / HTTP/1.1\r\nHost: a\r\nX-", "", readHeaderTimeout},
		"half a body":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{", "HTTP/1.1 408 ", readTimeout},
		"no more to say": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 ", idleTimeout},
	} {
		after, said := cutOff(t, c.sent)
		if after < c.after || after > c.after+time.Second || !strings.HasPrefix(said, c.said) {
			t.Errorf("%s: cut off after %s with %q, want %s and %q", name, after, said, c.after, c.said)
		}
	}
}

// onlooker is an Observer that writes down what it is told.
type onlooker struct {
	fromProxy []bool
	answered  []Event
}

type onlookerKey struct{}

func (o *onlooker) Arrived(ctx context.Context, h http.Header, fromProxy bool) context.Context {
	o.fromProxy = append(o.fromProxy, fromProxy)
	return context.WithValue(ctx, onlookerKey{}, h.Get("Traceparent"))
}

func (o *onlooker) Answered(ctx context.Context, e *Event) {
	e.TraceID, _ = ctx.Value(onlookerKey{}).(string)
	o.answered = append(o.answered, *e)
}

func TestObserver_EachRequest_IsToldOnceAndBeforeTheLogIsWritten(t *testing.T) {
	o := &onlooker{}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Traceparent", "t-1")
	cfg := Config{Observers: []Observer{o}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	_, lines := serve(t, cfg, func(w http.ResponseWriter, r *http.Request) {
		e := EventOf(r.Context())
		e.Operation, e.Error, e.Reason, e.Repeat, e.Store = "SignUp", "NotAuthorizedException", "LockedOut", true, 1500*time.Microsecond
		w.WriteHeader(http.StatusBadRequest)
	}, r)
	if len(o.answered) != 1 || !o.fromProxy[0] {
		t.Fatalf("told %+v, from a proxy %v", o.answered, o.fromProxy)
	}
	if e := o.answered[0]; e.Operation != "SignUp" || e.Outcome() != "NotAuthorizedException" || e.Status != 400 || e.Took <= 0 {
		t.Errorf("told %+v", e)
	}
	for k, want := range map[string]any{"trace_id": "t-1", "reason": "LockedOut", "repeat": true, "store_ms": 1.5} {
		if lines[0][k] != want {
			t.Errorf("%s = %v, want %v", k, lines[0][k], want)
		}
	}
	_, _ = serve(t, Config{Observers: []Observer{o}}, func(http.ResponseWriter, *http.Request) {}, httptest.NewRequest(http.MethodPost, "/", nil))
	if o.fromProxy[1] {
		t.Error("a stranger was taken for a proxy")
	}
}

func TestObserver_ReasonThatTheErrorSaysAlready_IsNotLoggedTwice(t *testing.T) {
	_, lines := serve(t, Config{}, func(_ http.ResponseWriter, r *http.Request) {
		EventOf(r.Context()).Error, EventOf(r.Context()).Reason = "CodeMismatchException", "CodeMismatch"
	}, httptest.NewRequest(http.MethodPost, "/", nil))
	if reason, ok := lines[0]["reason"]; ok {
		t.Errorf("reason %v", reason)
	}
}

func TestObserver_RefusedAtTheDoor_IsToldWithoutALine(t *testing.T) {
	o, inside, leave := &onlooker{}, make(chan struct{}), make(chan struct{})
	var out bytes.Buffer
	h := Handler(Config{
		Log: slog.New(slog.NewJSONHandler(&out, nil)), Places: 1, Observers: []Observer{o},
		Class: func(*http.Request, []byte) Class { return Begin },
		Refuse: func(w http.ResponseWriter, r *http.Request, err error) {
			EventOf(r.Context()).Error = "ServiceUnavailableException"
			refuse(w, r, err)
		},
	}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(inside)
		<-leave
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	}()
	<-inside
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	if len(o.answered) != 1 || o.answered[0].Outcome() != "ServiceUnavailableException" || o.answered[0].Status != 503 {
		t.Errorf("told %+v", o.answered)
	}
	if strings.Contains(out.String(), "request_id") {
		t.Errorf("a line of its own: %s", out.String())
	}
	close(leave)
	<-done
}

func TestLate_BeginningsAreRefused_WhereProcessorsAreShort(t *testing.T) {
	for class := Manage; class <= Free; class++ {
		for _, tt := range []struct {
			late  time.Duration
			short bool
		}{{0, true}, {patience, true}, {time.Minute, false}, {patience + 1, true}} {
			h := Handler(Config{
				Log: slog.New(slog.DiscardHandler), Places: 1, Waiting: 1, Late: func() time.Duration { return tt.late },
				Class: func(*http.Request, []byte) Class { return class }, Refuse: refuse,
			}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).(*handler)
			h.short = func() bool { return tt.short }
			res := httptest.NewRecorder()
			h.ServeHTTP(res, httptest.NewRequest(http.MethodPost, "/", nil))
			want := class <= Begin && tt.short && tt.late > patience
			if refused := res.Code != http.StatusOK; refused != want {
				t.Errorf("%s, %s late, processors short %v: status %d", class, tt.late, tt.short, res.Code)
			}
		}
	}
}

func TestObserver_DroppedConnection_IsToldToo(t *testing.T) {
	o := &onlooker{}
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the connection was not dropped")
			}
		}()
		serve(t, Config{Observers: []Observer{o}}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			httptest.NewRequest(http.MethodPost, "/", nil))
	}()
	if len(o.answered) != 1 || o.answered[0].Outcome() != "unanswered" {
		t.Errorf("told %+v", o.answered)
	}
}
