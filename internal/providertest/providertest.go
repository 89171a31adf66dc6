// Package providertest is what every adapter of a provider must do, whichever it is:
// each brings a constructor, and a table of what its provider's API was recorded, or
// documented, to answer. Tests only.
package providertest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Provider is an adapter under test.
type Provider struct {
	// New makes a sender whose API is at the URL, without a slash at its end. A nil
	// transport stands for the plain network.
	New func(t *testing.T, url string, transport http.RoundTripper) sms.Sender
	// Message is what is sent. Its number, its body and its code must be in no error.
	Message sms.Message
	// Secrets must be in no error either.
	Secrets []string
	// Request checks the one request that a text makes.
	Request func(t *testing.T, r *http.Request, body []byte)
	// Accepted is how the API says that it took a text.
	Accepted Case
	// Cases are other answers of it.
	Cases []Case
}

// Case is an answer of the API's, and what a sender is to make of it.
type Case struct {
	Name   string
	Status int
	Header map[string]string
	Body   string

	// Taken says that there is no error, and ProviderID is then the receipt's.
	Taken      bool
	ProviderID string
	// Outcome, Extent and Code are the error's.
	Outcome sms.Outcome
	Extent  sms.Extent
	Code    string
}

// Beyond returns the case of an answer that says something of other texts.
func Beyond(e sms.Extent, c Case) Case {
	c.Extent = e
	return c
}

// Message returns a text with everything that a provider may need.
func Message(t testing.TB) sms.Message {
	t.Helper()
	to, err := phone.Parse("+919812345678")
	if err != nil {
		t.Fatal(err)
	}
	return sms.Message{
		ID: "0b9d5c1e-7f3a-4a52-9f0e-3d2c1b0a9e8f", To: to, Body: "489316 is your code for Example.", Purpose: "sign_in",
		PoolID: "us-east-1_AbC123xyz", ClientID: "client1", ExpiresAt: time.Now().Add(10 * time.Minute),
		Code: "489316", Wording: "sign-in-en", Language: "en", TemplateID: "65e06f45d6fc05278c7d47e2", EntityID: "1101538750000012345",
	}
}

// Run runs them all.
func Run(t *testing.T, p Provider) {
	t.Run("accepted", func(t *testing.T) { p.answered(t, p.Accepted, p.Request) })
	for _, c := range p.Cases {
		t.Run(c.Name, func(t *testing.T) { p.answered(t, c, nil) })
	}
	for _, c := range common {
		t.Run(c.Name, func(t *testing.T) { p.answered(t, c, nil) })
	}
	t.Run("redirect", p.redirect)
	t.Run("answer without end", p.endless)
	t.Run("answer cut short", p.cut)
	t.Run("no HTTP", p.garbage)
	t.Run("closed without an answer", p.closed)
	t.Run("time-out after it was accepted", p.hung)
	t.Run("time-out before a connection", p.unconnected)
	t.Run("nobody listens", p.refused)
	t.Run("unknown certificate", p.untrusted)
	t.Run("given up before it began", p.over)
	t.Run("many at once", p.many)
}

// common are answers of what may stand before every API.
var common = []Case{
	{Name: "500 of a proxy", Status: 500, Body: "<html>Internal Server Error</html>", Outcome: sms.MaybeSent},
	{Name: "502 of a proxy", Status: 502, Body: "<html>Bad Gateway</html>", Outcome: sms.MaybeSent},
	{Name: "503 of a proxy", Status: 503, Outcome: sms.MaybeSent},
	{Name: "504 of a proxy", Status: 504, Outcome: sms.MaybeSent},
	{Name: "a page with status 200", Status: 200, Body: "<html><title>Sign in to the network</title></html>", Outcome: sms.MaybeSent},
	{Name: "nothing with status 200", Status: 200, Outcome: sms.MaybeSent},
	{Name: "other JSON with status 200", Status: 200, Header: map[string]string{"Content-Type": "application/json"}, Body: `["x"]`, Outcome: sms.MaybeSent},
}

// api is a server that plays the provider's.
type api struct {
	*httptest.Server
	mu       sync.Mutex // guards requests
	requests int
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests
}

func serve(t *testing.T, handle http.HandlerFunc) *api {
	t.Helper()
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.requests++
		a.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (p Provider) answered(t *testing.T, c Case, check func(*testing.T, *http.Request, []byte)) {
	t.Parallel()
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if check != nil {
			check(t, r, body)
		}
		for name, value := range c.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(c.Status)
		io.WriteString(w, c.Body)
	})
	receipt, err := p.New(t, a.URL, nil).Send(t.Context(), p.Message)
	p.judge(t, c, receipt, err)
	if n := a.count(); n != 1 {
		t.Errorf("%d requests for one text", n)
	}
}

// judge compares what became of a text with what the case says.
func (p Provider) judge(t *testing.T, c Case, receipt sms.Receipt, err error) {
	t.Helper()
	if c.Taken {
		if err != nil || receipt.ProviderID != c.ProviderID {
			t.Errorf("%+v, %v; want it taken as %q", receipt, err, c.ProviderID)
		}
		return
	}
	p.fails(t, err, c.Outcome)
	if failed, ok := errors.AsType[*sms.SendError](err); ok && failed.Code != c.Code {
		t.Errorf("code %q, want %q (%v)", failed.Code, c.Code, err)
	}
	if got := sms.ExtentOf(err); got != c.Extent {
		t.Errorf("it says %d of other texts, want %d (%v)", got, c.Extent, err)
	}
}

// fails says that a try failed, as what, and that its error tells nothing.
func (p Provider) fails(t *testing.T, err error, want sms.Outcome) {
	t.Helper()
	if err == nil {
		t.Errorf("taken, want it %v", want)
		return
	}
	if _, ok := errors.AsType[*sms.SendError](err); !ok {
		t.Errorf("%T is no SendError", err)
	}
	if got := sms.OutcomeOf(err); got != want {
		t.Errorf("%v (%v), want %v", got, err, want)
	}
	number := p.Message.To.E164()
	for _, secret := range append([]string{number, number[1:], p.Message.Body, p.Message.Code, "http://", "https://"}, p.Secrets...) {
		for cause := err; cause != nil && secret != ""; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), secret) {
				t.Errorf("an error shows %q: %v", secret, cause)
			}
		}
	}
}

// What is posted is not carried to an address that nobody configured.
func (p Provider) redirect(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		a := serve(t, http.RedirectHandler(elsewhere.URL, status).ServeHTTP)
		_, err := p.New(t, a.URL, nil).Send(t.Context(), p.Message)
		p.fails(t, err, sms.MaybeSent)
	}
	if n := elsewhere.count(); n > 0 {
		t.Errorf("%d requests were carried on", n)
	}
}

// What never ends is not read to its end.
func (p Provider) endless(t *testing.T) {
	t.Parallel()
	const enough = 8 << 20
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x", 64<<10))
		for n := 0; n < enough; n += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		t.Error("all of it was read")
	})
	_, err := p.New(t, a.URL, nil).Send(t.Context(), p.Message)
	p.fails(t, err, sms.MaybeSent)
}

// An answer of success that is cut short leaves open what it would have said.
func (p Provider) cut(t *testing.T) {
	t.Parallel()
	a := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range p.Accepted.Header {
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Length", "100000")
		w.WriteHeader(p.Accepted.Status)
		io.WriteString(w, p.Accepted.Body[:len(p.Accepted.Body)/2])
		panic(http.ErrAbortHandler)
	})
	_, err := p.New(t, a.URL, nil).Send(t.Context(), p.Message)
	p.fails(t, err, sms.MaybeSent)
}

// raw serves connections as given, one at a time.
func raw(t *testing.T, handle func(net.Conn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return "http://" + l.Addr().String()
}

// A client's own error quotes the line that it cannot read.
func (p Provider) garbage(t *testing.T) {
	t.Parallel()
	url := raw(t, func(conn net.Conn) {
		if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.Copy(io.Discard, r.Body)
		}
		io.WriteString(conn, p.Message.To.E164()+" "+p.Message.Body+"\r\n\r\n")
	})
	_, err := p.New(t, url, nil).Send(t.Context(), p.Message)
	p.fails(t, err, sms.MaybeSent)
}

// The request that nobody answered is not made again by the HTTP client: on a new
// connection, and on one that had served before.
func (p Provider) closed(t *testing.T) {
	t.Parallel()
	var served sync.Map
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if _, again := served.LoadOrStore("first", true); again {
			panic(http.ErrAbortHandler)
		}
		for name, value := range p.Accepted.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(p.Accepted.Status)
		io.WriteString(w, p.Accepted.Body)
	})
	s := p.New(t, a.URL, nil)
	if _, err := s.Send(t.Context(), p.Message); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := s.Send(t.Context(), p.Message)
		p.fails(t, err, sms.MaybeSent)
	}
	if n := a.count(); n != 3 {
		t.Errorf("%d requests for three texts", n)
	}
}

// The provider has it and says nothing: whoever waits gives up.
func (p Provider) hung(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	_, err := p.New(t, a.URL, nil).Send(ctx, p.Message)
	p.fails(t, err, sms.MaybeSent)
	if n := a.count(); n != 1 {
		t.Errorf("%d requests for one text", n)
	}
}

// Nobody had it: the connection was never there.
func (p Provider) unconnected(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	_, err := p.New(t, "http://127.0.0.1:9", transport).Send(ctx, p.Message)
	p.fails(t, err, sms.NotYet)
}

func (p Provider) refused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = p.New(t, "http://"+l.Addr().String(), nil).Send(t.Context(), p.Message)
	p.fails(t, err, sms.NotYet)
}

// Nothing is sent to whom nobody vouches for, and that does not get better by itself.
func (p Provider) untrusted(t *testing.T) {
	t.Parallel()
	requests := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would report our distrust
	server.StartTLS()
	_, err := p.New(t, server.URL, nil).Send(t.Context(), p.Message)
	server.Close()
	p.fails(t, err, sms.SurelyNotSent)
	if requests != 0 {
		t.Errorf("%d requests", requests)
	}
}

func (p Provider) over(t *testing.T) {
	t.Parallel()
	a := serve(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.New(t, a.URL, nil).Send(ctx, p.Message)
	p.fails(t, err, sms.NotYet)
	if n := a.count(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// One sender serves many at once, and each gets the answer to its own.
func (p Provider) many(t *testing.T) {
	t.Parallel()
	const texts = 40
	var mu sync.Mutex
	turn := 0
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		mu.Lock()
		turn++
		taken := turn%2 == 0
		mu.Unlock()
		if !taken {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		for name, value := range p.Accepted.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(p.Accepted.Status)
		io.WriteString(w, p.Accepted.Body)
	})
	s := p.New(t, a.URL, nil)
	results := make(chan error, texts)
	for range texts {
		go func() {
			_, err := s.Send(t.Context(), p.Message)
			results <- err
		}()
	}
	taken := 0
	for range texts {
		if err := <-results; err == nil {
			taken++
		} else if sms.OutcomeOf(err) != sms.MaybeSent {
			t.Error(err)
		}
	}
	if n := a.count(); n != texts || taken != texts/2 {
		t.Errorf("%d requests, %d of %d texts taken", n, taken, texts)
	}
}

// Response is an answer for a transport that plays an API.
func Response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}
