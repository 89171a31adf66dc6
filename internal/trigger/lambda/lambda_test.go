package lambda_test

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

	"github.com/bellhop-auth/bellhop/internal/lambdatest"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/lambda"
)

const (
	arn   = "arn:aws:lambda:ap-south-1:123456789012:function:create-auth-challenge:live"
	event = `{"request":{"challengeAnswer":"271828"}}`
)

func invoker(t testing.TB, cfg lambda.Config) *lambda.Invoker {
	t.Helper()
	i, err := lambda.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// quiet fails the test if an error tells what it must not.
func quiet(t *testing.T, err error) {
	t.Helper()
	for _, told := range []string{"271828", "127.0.0.1", "http://", lambdatest.Secret} {
		if err != nil && strings.Contains(err.Error(), told) {
			t.Errorf("it tells %s: %v", told, err)
		}
	}
}

func TestInvoke_SignedRequest_BringsTheAnswer(t *testing.T) {
	lambdatest.Env(t)
	var called string
	endpoint := lambdatest.New(t, func(arn string, event []byte) ([]byte, string) {
		called = arn
		return append([]byte("got "), event...), ""
	})
	for _, c := range []struct {
		cfg  lambda.Config
		want string
	}{
		{lambda.Config{Endpoint: endpoint}, arn},
		{lambda.Config{Endpoint: endpoint + "/", Region: "us-west-2"}, arn},
		{lambda.Config{Endpoint: endpoint, Function: "function"}, "function"},
	} {
		got, err := invoker(t, c.cfg).Invoke(t.Context(), arn, []byte(event))
		if err != nil || string(got) != "got "+event || called != c.want {
			t.Errorf("%+v: %q of %s, %v", c.cfg, got, called, err)
		}
	}
}

func TestInvoke_WhatAFunctionSaysOfItself(t *testing.T) {
	lambdatest.Env(t)
	var payload, kind string
	i := invoker(t, lambda.Config{Endpoint: lambdatest.New(t, func(string, []byte) ([]byte, string) { return []byte(payload), kind })})
	for _, c := range []struct {
		kind, payload string
		want          trigger.FunctionError
	}{
		{"Unhandled", `{"errorMessage":"no such code","errorType":"Error","trace":[]}`, trigger.FunctionError{Type: "Error", Message: "no such code"}},
		{"Handled", `{"errorMessage":""}`, trigger.FunctionError{}},
		{"Unhandled", `{"errorType":"Runtime.ExitError"}`, trigger.FunctionError{Type: "Runtime.ExitError", Message: "Runtime.ExitError"}},
		{"Unhandled", `null`, trigger.FunctionError{Message: "Unhandled"}},
		{"Unhandled", ``, trigger.FunctionError{Message: "Unhandled"}},
	} {
		payload, kind = c.payload, c.kind
		_, err := i.Invoke(t.Context(), arn, []byte(event))
		failed, ok := errors.AsType[*trigger.FunctionError](err)
		if !ok || *failed != c.want {
			t.Errorf("%s: %v", c.payload, err)
		}
	}
}

// Whatever answers, it is asked once, and what the error says is our own.
func TestInvoke_WhatGoesWrong_IsOfItsKind(t *testing.T) {
	lambdatest.Env(t)
	refuse := func(status int, exception string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			event, _ := io.ReadAll(r.Body)
			lambdatest.Refuse(w, status, exception, "cannot read "+string(event))
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   trigger.Fault
	}{
		"no such function":    {refuse(404, "ResourceNotFoundException"), trigger.Misconfigured},
		"no permission":       {refuse(403, "AccessDeniedException"), trigger.Misconfigured},
		"unknown key":         {refuse(403, "UnrecognizedClientException"), trigger.Misconfigured},
		"wrong secret":        {refuse(403, "InvalidSignatureException"), trigger.Misconfigured},
		"event not read":      {refuse(400, "InvalidRequestContentException"), trigger.Misconfigured},
		"key of environment":  {refuse(502, "KMSDisabledException"), trigger.Misconfigured},
		"too many":            {refuse(429, "TooManyRequestsException"), trigger.Throttled},
		"network throttled":   {refuse(502, "EC2ThrottledException"), trigger.Throttled},
		"service":             {refuse(500, "ServiceException"), trigger.Unreachable},
		"being updated":       {refuse(409, "ResourceConflictException"), trigger.Unreachable},
		"unknown exception":   {refuse(418, "TeapotException"), trigger.Misconfigured},
		"exception of blanks": {refuse(503, "it\tis 271828"), trigger.Unreachable},
		"429 alone":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, trigger.Throttled},
		"page of a proxy": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(504)
			io.WriteString(w, "<html>"+strings.Repeat("x", 1<<20))
		}, trigger.Unreachable},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, trigger.Misconfigured},
		"7 MB": {func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("x"), 7<<20)) }, trigger.Unreadable},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"resp`)
		}, trigger.Unreachable},
		"crash": {func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, trigger.Unreachable},
	} {
		asked := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			c.answer(w, r)
		}))
		_, err := invoker(t, lambda.Config{Endpoint: server.URL}).Invoke(t.Context(), arn, []byte(event))
		server.Close()
		failed, ok := errors.AsType[*trigger.InvokeError](err)
		if !ok || failed.Fault != c.want || asked != 1 {
			t.Errorf("%s: asked %d times, %v", name, asked, err)
		}
		quiet(t, err)
	}
}

func TestInvoke_LargestAnswer_IsTaken(t *testing.T) {
	lambdatest.Env(t)
	i := invoker(t, lambda.Config{Endpoint: lambdatest.New(t, func(string, []byte) ([]byte, string) { return make([]byte, trigger.MaxAnswer), "" })})
	if got, err := i.Invoke(t.Context(), arn, []byte(event)); err != nil || len(got) != trigger.MaxAnswer {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestInvoke_NobodyThere(t *testing.T) {
	lambdatest.Env(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	i := invoker(t, lambda.Config{Endpoint: "http://" + closed.Addr().String()})
	_, err = i.Invoke(t.Context(), arn, []byte(event))
	if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.Unreachable {
		t.Error(err)
	}
	quiet(t, err)
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	_, err = invoker(t, lambda.Config{Endpoint: untrusted.URL}).Invoke(t.Context(), arn, []byte(event))
	if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.Misconfigured {
		t.Error(err)
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

// A function that hangs is left at the end of the context: its deadline is a fault
// of the call, its cancellation the caller's own.
func TestInvoke_Hangs_EndsWithTheContext(t *testing.T) {
	lambdatest.Env(t)
	entered, left := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // so that the server notices that the caller is gone
		entered <- true
		<-r.Context().Done()
		left <- true
	}))
	defer server.Close()
	i := invoker(t, lambda.Config{Endpoint: server.URL})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if _, err := i.Invoke(ctx, arn, []byte(event)); err != context.Canceled {
		t.Error(err)
	}
	<-left
	over := deadline{t.Context(), make(chan struct{})}
	go func() { <-entered; close(over.done) }()
	_, err := i.Invoke(over, arn, []byte(event))
	if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.TimedOut {
		t.Error(err)
	}
	<-left
	quiet(t, err)
}

func TestInvoke_WithoutARegion_AsksNobody(t *testing.T) {
	lambdatest.Env(t)
	_, err := invoker(t, lambda.Config{}).Invoke(t.Context(), "a-name-alone", []byte(event))
	if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.Misconfigured || !strings.Contains(err.Error(), "no endpoint") {
		t.Error(err)
	}
	if err := invoker(t, lambda.Config{}).Probe(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "no endpoint") {
		t.Error(err)
	}
}

func TestInvoke_WithoutCredentials_SaysSo(t *testing.T) {
	lambdatest.Env(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	i := invoker(t, lambda.Config{Endpoint: lambdatest.New(t, func(string, []byte) ([]byte, string) { return nil, "" })})
	_, err := i.Invoke(t.Context(), arn, []byte(event))
	failed, ok := errors.AsType[*trigger.InvokeError](err)
	if !ok || failed.Fault != trigger.Misconfigured || !strings.Contains(err.Error(), "no credentials") {
		t.Error(err)
	}
	if err := i.Probe(t.Context(), "ap-south-1"); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Error(err)
	}
}

func TestProbe_ConnectsAndCallsNobody(t *testing.T) {
	lambdatest.Env(t)
	endpoint := lambdatest.New(t, func(string, []byte) ([]byte, string) { t.Error("a function was called"); return nil, "" })
	if err := invoker(t, lambda.Config{Endpoint: endpoint}).Probe(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if err := invoker(t, lambda.Config{Endpoint: "http://127.0.0.1:1"}).Probe(t.Context(), ""); err == nil {
		t.Error("nobody is reached")
	}
}

func TestNew_EndpointThatIsNone_IsRefusedUnrepeated(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:9001", "ftp://x", "http://", "http://a b:pass"} {
		_, err := lambda.New(t.Context(), lambda.Config{Endpoint: endpoint})
		if err == nil || strings.Contains(err.Error(), endpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// warm is one connection, cold a client of its own for each call.
func BenchmarkInvoke(b *testing.B) {
	lambdatest.Env(b)
	endpoint := lambdatest.New(b, func(_ string, event []byte) ([]byte, string) { return event, "" })
	call := func(b *testing.B, i *lambda.Invoker) {
		if _, err := i.Invoke(b.Context(), arn, []byte(event)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("warm", func(b *testing.B) {
		i := invoker(b, lambda.Config{Endpoint: endpoint})
		call(b, i)
		b.ReportAllocs()
		for b.Loop() {
			call(b, i)
		}
	})
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			call(b, invoker(b, lambda.Config{Endpoint: endpoint}))
		}
	})
}
