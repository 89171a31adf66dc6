package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

const (
	arn    = "arn:aws:lambda:eu-central-1:123456789012:function:pre-sign-up"
	event  = `{"request":{"challengeAnswer":"271828"}}`
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// inside is an Invoker for a server of the test, which is on a private address.
func inside(t testing.TB, url string) *Invoker {
	t.Helper()
	i, err := New(Config{URL: strings.Replace(url, "://", "://hook:pass-of-hook@", 1), Secret: secret, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// quiet fails the test if an error tells what it must not.
func quiet(t *testing.T, err error) {
	t.Helper()
	for _, told := range []string{"271828", "pass-of-hook", "127.0.0.1", "http", secret} {
		if err != nil && strings.Contains(err.Error(), told) {
			t.Errorf("it tells %s: %v", told, err)
		}
	}
}

func TestInvoke_IsSignedAsTheLibraryVerifies(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verifier.Verify(body, r.Header); err != nil {
			t.Error(err)
		}
		if verifier.Verify(append(body, ' '), r.Header) == nil {
			t.Error("it verifies with another body")
		}
		if user, pass, _ := r.BasicAuth(); user != "hook" || pass != "pass-of-hook" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s of %s with %v", r.Method, user, r.Header)
		}
		ids = append(ids, r.Header.Get("webhook-id"))
		w.WriteHeader(http.StatusCreated)
		w.Write(append([]byte("got "), body...))
	}))
	defer server.Close()
	i := inside(t, server.URL)
	for _, ctx := range []context.Context{t.Context(), t.Context(), trigger.WithInvocation(t.Context(), "call-1"), trigger.WithInvocation(t.Context(), "call-1")} {
		if got, err := i.Invoke(ctx, arn, []byte(event)); err != nil || string(got) != "got "+event {
			t.Errorf("%q, %v", got, err)
		}
	}
	if ids[0] == "" || ids[0] == ids[1] || ids[2] != "call-1" || ids[3] != "call-1" {
		t.Errorf("the ids are %q", ids)
	}
}

func TestInvoke_AnHandlerThrows_ByAnErrorMessage(t *testing.T) {
	var status int
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	defer server.Close()
	i := inside(t, server.URL)
	for _, c := range []struct {
		status int
		body   string
		want   trigger.FunctionError
	}{
		{400, `{"errorMessage":"not from here","errorType":"Refused"}`, trigger.FunctionError{Type: "Refused", Message: "not from here"}},
		{422, `{"errorMessage":""}`, trigger.FunctionError{}},
		{500, `{"errorMessage":"boom","trace":["a"]}`, trigger.FunctionError{Message: "boom"}},
		{408, `{"errorMessage":"slow"}`, trigger.FunctionError{Message: "slow"}},
	} {
		status, body = c.status, c.body
		_, err := i.Invoke(t.Context(), arn, []byte(event))
		failed, ok := errors.AsType[*trigger.FunctionError](err)
		if !ok || *failed != c.want {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}

// Whatever answers, it is asked once, and what the error says is our own.
func TestInvoke_WhatGoesWrong_IsOfItsKind(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	followed := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer elsewhere.Close()
	redirect := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, code) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   trigger.Fault
	}{
		"400 without a message":  {status(400, `{"message":"bad"}`), trigger.Misconfigured},
		"401":                    {status(401, "<html>"), trigger.Misconfigured},
		"404":                    {status(404, ""), trigger.Misconfigured},
		"408":                    {status(408, ""), trigger.Unreachable},
		"429":                    {status(429, ""), trigger.Throttled},
		"429 with a message":     {status(429, `{"errorMessage":"no"}`), trigger.Throttled},
		"500":                    {status(500, "oops "+event), trigger.Unreachable},
		"503 of a gateway":       {status(503, `{"message":"Service Unavailable"}`), trigger.Unreachable},
		"a message past its end": {status(500, `{"pad":"`+strings.Repeat("x", 1<<20)+`","errorMessage":"no"}`), trigger.Unreachable},
		"301":                    {redirect(301), trigger.Misconfigured},
		"302":                    {redirect(302), trigger.Misconfigured},
		"307":                    {redirect(307), trigger.Misconfigured},
		"308":                    {redirect(308), trigger.Misconfigured},
		"7 MB":                   {func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 7<<20)) }, trigger.Unreadable},
		"crash":                  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, trigger.Unreachable},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"resp`)
		}, trigger.Unreachable},
		"header without end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}, trigger.Unreachable},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			c.answer(w, r)
		}))
		_, err := inside(t, server.URL).Invoke(t.Context(), arn, []byte(event))
		server.Close()
		failed, ok := errors.AsType[*trigger.InvokeError](err)
		if !ok || failed.Fault != c.want || asked != 1 {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
		quiet(t, err)
	}
	if followed {
		t.Error("a redirect was followed")
	}
}

func TestInvoke_LargestAnswer_IsTaken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, trigger.MaxAnswer)) }))
	defer server.Close()
	if got, err := inside(t, server.URL).Invoke(t.Context(), arn, []byte(event)); err != nil || len(got) != trigger.MaxAnswer {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// deadline is a context whose time is over when done is closed.
type deadline struct {
	context.Context
	done chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.done }

func (d deadline) Err() error {
	select {
	case <-d.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A handler that hangs is left at the end of the context: its deadline is a fault
// of the call, its cancellation the caller's own.
func TestInvoke_Hangs_EndsWithTheContext(t *testing.T) {
	for name, begin := range map[string]func(http.ResponseWriter){
		"before its answer": func(http.ResponseWriter) {},
		"in its answer":     func(w http.ResponseWriter) { io.WriteString(w, "{"); w.(http.Flusher).Flush() },
	} {
		entered, left := make(chan bool), make(chan bool)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			begin(w)
			entered <- true
			<-r.Context().Done()
			left <- true
		}))
		i := inside(t, server.URL)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-entered; cancel() }()
		if _, err := i.Invoke(ctx, arn, []byte(event)); err != context.Canceled {
			t.Errorf("%s: %v", name, err)
		}
		<-left
		over := deadline{t.Context(), make(chan struct{})}
		go func() { <-entered; close(over.done) }()
		_, err := i.Invoke(over, arn, []byte(event))
		if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.TimedOut {
			t.Errorf("%s: %v", name, err)
		}
		quiet(t, err)
		<-left
		server.Close()
	}
}

func TestInvoke_NobodyToTrust(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	for url, want := range map[string]trigger.Fault{
		"http://" + closed.Addr().String(): trigger.Unreachable,
		untrusted.URL:                      trigger.Misconfigured,
	} {
		i := inside(t, url)
		_, err := i.Invoke(t.Context(), arn, []byte(event))
		if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != want {
			t.Errorf("%s: %v", url, err)
		}
		quiet(t, err)
		if err := i.Probe(t.Context()); err == nil {
			t.Errorf("%s is reached", url)
		}
	}
}

// A name of a host inside leads nowhere, whatever it is looked up to, and neither a
// proxy nor a probe is a way around.
func TestInvoke_PrivateHost_IsNotConnectedTo(t *testing.T) {
	reached := make(chan bool, 8)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(net.Conn, http.ConnState) { reached <- true }
	server.StartTLS()
	defer server.Close()
	t.Setenv("HTTPS_PROXY", server.URL)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	i, err := New(Config{URL: "https://localhost:" + port + "/hook", Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Invoke(t.Context(), arn, []byte(event))
	failed, ok := errors.AsType[*trigger.InvokeError](err)
	if !ok || failed.Fault != trigger.Misconfigured || !strings.Contains(err.Error(), "allow-private") {
		t.Error(err)
	}
	if err := i.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "allow-private") {
		t.Error(err)
	}
	if len(reached) > 0 {
		t.Error("it was connected to")
	}
}

func TestProbe_ConnectsAndPostsNothing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it posts") }))
	defer server.Close()
	if err := inside(t, server.URL).Probe(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNew_WhatCannotBeUsed_IsRefusedUnrepeated(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		good bool
	}{
		{Config{URL: "https://hooks.example.com/pre", Secret: secret}, true},
		{Config{URL: "https://8.8.8.8/", Secret: secret}, true},
		{Config{URL: "http://hooks.example.com/", Secret: secret, AllowPrivate: true}, true},
		{Config{URL: "https://[::1]/", Secret: secret, AllowPrivate: true}, true},
		{Config{URL: "http://hooks.example.com/", Secret: secret}, false},
		{Config{URL: "http://localhost/", Secret: secret}, false},
		{Config{URL: "https://10.1.2.3/", Secret: secret}, false},
		{Config{URL: "https://[::ffff:169.254.169.254]/", Secret: secret}, false},
		{Config{URL: "https://[::1%25lo]/", Secret: secret}, false},
		{Config{URL: "https://hooks.example.com/"}, false},
		{Config{URL: "https://hooks.example.com/", Secret: "pass-of-hook!"}, false},
		{Config{URL: "ftp://pass-of-hook@x/", Secret: secret}, false},
		{Config{URL: "https://", Secret: secret}, false},
		{Config{URL: "https://u:pass-of-hook@a b/", Secret: secret}, false},
	} {
		_, err := New(c.cfg)
		if (err == nil) != c.good {
			t.Errorf("%+v: %v", c.cfg, err)
		}
		if err != nil && (strings.Contains(err.Error(), "pass-of-hook") || strings.Contains(err.Error(), secret)) {
			t.Errorf("it is repeated: %v", err)
		}
	}
}

// warm is one connection, cold a client of its own for each call.
func BenchmarkInvoke(b *testing.B) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer server.Close()
	trusting := func() *Invoker {
		i := inside(b, server.URL)
		i.transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
		return i
	}
	call := func(i *Invoker) {
		if _, err := i.Invoke(b.Context(), arn, []byte(event)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("warm", func(b *testing.B) {
		i := trusting()
		call(i)
		b.ReportAllocs()
		for b.Loop() {
			call(i)
		}
	})
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i := trusting()
			call(i)
			i.client.CloseIdleConnections()
		}
	})
}
