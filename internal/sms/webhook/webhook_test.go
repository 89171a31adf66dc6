package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

const (
	number = "+14155550123"
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func message(t *testing.T) sms.Message {
	t.Helper()
	to, err := phone.Parse(number)
	if err != nil {
		t.Fatal(err)
	}
	return sms.Message{ID: "m-1", To: to, Body: "Your code is 489316.", Purpose: "sign-in",
		PoolID: "us-east-1_AbC123xyz", ClientID: "client1", ExpiresAt: time.Unix(1_800_000_000, 0)}
}

func sender(t *testing.T, cfg webhook.Config) *webhook.Sender {
	t.Helper()
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSend_Accepted_PostsTheContractsFieldsAsStrings(t *testing.T) {
	sink := smstest.NewSink(t)
	if _, err := sender(t, webhook.Config{URL: sink.URL}).Send(context.Background(), message(t)); err != nil {
		t.Fatal(err)
	}
	posts := sink.Posts()
	if len(posts) != 1 {
		t.Fatalf("%d posts, want 1", len(posts))
	}
	var got map[string]string
	if err := json.Unmarshal(posts[0].Body, &got); err != nil {
		t.Fatalf("the body is no object of strings: %v", err)
	}
	want := map[string]string{"id": "m-1", "to": number, "body": "Your code is 489316.", "purpose": "sign-in",
		"pool": "us-east-1_AbC123xyz", "client": "client1", "expires_at": "1800000000"}
	for field, value := range want {
		if got[field] != value {
			t.Errorf("%s = %q, want %q", field, got[field], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("fields %v, want those of %v", got, want)
	}
	header := posts[0].Header
	if header.Get("Idempotency-Key") != "m-1" || header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v lack the id or the type", header)
	}
	for _, name := range []string{"Webhook-Id", "Webhook-Signature", "Webhook-Timestamp"} {
		if header.Get(name) != "" {
			t.Errorf("%s is set though there is no secret", name)
		}
	}
	if code := sink.LastCode(number); code != "489316" {
		t.Errorf("the phone reads code %q", code)
	}
}

func TestSend_WithSecret_IsSignedAsTheLibraryVerifies(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	sink := smstest.NewSink(t)
	s := sender(t, webhook.Config{URL: sink.URL, Secret: secret})
	for range 2 {
		if _, err := s.Send(context.Background(), message(t)); err != nil {
			t.Fatal(err)
		}
	}
	for i, post := range sink.Posts() {
		if err := verifier.Verify(post.Body, post.Header); err != nil {
			t.Errorf("post %d: %v", i, err)
		}
		if id := post.Header.Get("webhook-id"); id != "m-1" {
			t.Errorf("post %d has webhook-id %q, want the message's", i, id)
		}
		if verifier.Verify(append(post.Body, ' '), post.Header) == nil {
			t.Errorf("post %d verifies with another body", i)
		}
	}
}

func TestSend_Statuses_DecideTheOutcome(t *testing.T) {
	sink := smstest.NewSink(t)
	s := sender(t, webhook.Config{URL: sink.URL})
	accepted := map[int]bool{200: true, 201: true, 202: true, 204: true, 299: true}
	outcomes := map[int]sms.Outcome{
		400: sms.SurelyNotSent, 401: sms.SurelyNotSent, 404: sms.SurelyNotSent, 409: sms.SurelyNotSent,
		422: sms.SurelyNotSent, 499: sms.SurelyNotSent,
		408: sms.MaybeSent, 429: sms.MaybeSent, 500: sms.MaybeSent, 502: sms.MaybeSent, 503: sms.MaybeSent,
		301: sms.MaybeSent, 304: sms.MaybeSent, 599: sms.MaybeSent,
	}
	for status := range accepted {
		sink.Answer(status)
		if _, err := s.Send(context.Background(), message(t)); err != nil {
			t.Errorf("status %d: %v, want acceptance", status, err)
		}
	}
	for status, want := range outcomes {
		sink.Answer(status)
		_, err := s.Send(context.Background(), message(t))
		if err == nil {
			t.Errorf("status %d counts as accepted", status)
			continue
		}
		if got := sms.OutcomeOf(err); got != want {
			t.Errorf("status %d: %v, want %v", status, got, want)
		}
	}
}

func TestSend_Redirect_IsNotFollowed(t *testing.T) {
	sink := smstest.NewSink(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := httptest.NewServer(http.RedirectHandler(sink.URL, status))
		defer elsewhere.Close()
		_, err := sender(t, webhook.Config{URL: elsewhere.URL}).Send(context.Background(), message(t))
		if err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
			t.Errorf("redirect %d: error %v, want maybe sent", status, err)
		}
	}
	if n := len(sink.Posts()); n != 0 {
		t.Errorf("%d posts reached the redirects' target", n)
	}
}

func TestSend_ConnectionClosedWithoutAnswer_IsOnePost(t *testing.T) {
	posts := make(chan struct{}, 10)
	rude := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts <- struct{}{}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		if len(posts) == 1 { // the first is answered, so that its connection is used again
			return
		}
		panic(http.ErrAbortHandler)
	}))
	defer rude.Close()
	s := sender(t, webhook.Config{URL: rude.URL})
	if _, err := s.Send(context.Background(), message(t)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Send(context.Background(), message(t))
	if err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
		t.Errorf("error %v, want maybe sent", err)
	}
	if n := len(posts); n != 2 {
		t.Errorf("%d posts for two Sends", n)
	}
}

func TestSend_NoAnswer_GivesUpAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sender(t, webhook.Config{URL: "http://sms.example/", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		start := time.Now()
		_, err := s.Send(context.Background(), message(t))
		if err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
			t.Fatalf("Send = %v, want maybe sent", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("gave up after %v, want 5s", took)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSend_Errors_HoldNothingOfURLBodyAndNumber(t *testing.T) {
	const query, password = "apikey=hunter2", "s3cretpw"
	echo := func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		return string(body)
	}
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := echo(r)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, said+"\r\n\r\n") // the client's own error quotes this line
	}))
	defer garbage.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, echo(r), http.StatusTeapot)
	}))
	defer refusing.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it would report our distrust
	untrusted.StartTLS()
	defer untrusted.Close()

	for name, c := range map[string]struct {
		base   string
		want   sms.Outcome
		others sms.Extent
	}{
		"nobody listens":  {"http://" + freeAddress(t), sms.NotYet, sms.ThisText},
		"unknown host":    {"http://sms.invalid", sms.NotYet, sms.ThisText},
		"speaks garbage":  {garbage.URL, sms.MaybeSent, sms.ThisText},
		"refuses loudly":  {refusing.URL, sms.SurelyNotSent, sms.ThisText},
		"bad certificate": {untrusted.URL, sms.SurelyNotSent, sms.ThisAccount},
	} {
		url := strings.Replace(c.base, "://", "://user:"+password+"@", 1) + "/hook?" + query
		_, err := sender(t, webhook.Config{URL: url}).Send(context.Background(), message(t))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if got, others := sms.OutcomeOf(err), sms.ExtentOf(err); got != c.want || others != c.others {
			t.Errorf("%s: %v of extent %d, want %v of %d", name, got, others, c.want, c.others)
		}
		for _, secret := range []string{query, "hunter2", password, "489316", number, number[1:]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows %q: %v", name, secret, err)
			}
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), "hunter2") {
				t.Errorf("%s: a cause shows the query: %v", name, cause)
			}
		}
	}
}

// freeAddress returns an address on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestSend_UserInURL_IsBasicAuthentication(t *testing.T) {
	sink := smstest.NewSink(t)
	url := strings.Replace(sink.URL, "://", "://bell:hop@", 1)
	if _, err := sender(t, webhook.Config{URL: url}).Send(context.Background(), message(t)); err != nil {
		t.Fatal(err)
	}
	if got := sink.Posts()[0].Header.Get("Authorization"); got != "Basic YmVsbDpob3A=" {
		t.Errorf("Authorization = %q", got)
	}
}

func TestNew_UnusableConfig_IsRefusedWithoutRepeatingIt(t *testing.T) {
	for name, cfg := range map[string]webhook.Config{
		"no URL":       {},
		"no scheme":    {URL: "sms.example/hunter2"},
		"other scheme": {URL: "ftp://sms.example/hunter2"},
		"no host":      {URL: "http:///hunter2"},
		"unparsable":   {URL: "http://sms.example/%zzhunter2"},
		"bad secret":   {URL: "http://sms.example/", Secret: "whsec_hunter2!!"},
	} {
		_, err := webhook.New(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats the value: %v", name, err)
		}
	}
}

func TestProbe_ConnectsByTLSAndPostsNothing(t *testing.T) {
	posts := 0
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts++ }))
	site.Config.ErrorLog = log.New(io.Discard, "", 0)
	site.StartTLS()
	const user = "hook:pass-of-hook@"
	trusting := webhook.Config{URL: strings.Replace(site.URL, "://", "://"+user, 1), Transport: site.Client().Transport}
	if err := sender(t, trusting).Probe(context.Background()); err != nil {
		t.Error(err)
	}
	err := sender(t, webhook.Config{URL: trusting.URL}).Probe(context.Background())
	if err == nil || err.Error() != "webhook: the host's certificate cannot be verified" {
		t.Errorf("with a certificate that nobody knows: %v", err)
	}
	site.Close()
	err = sender(t, trusting).Probe(context.Background())
	if err == nil || err.Error() != "webhook: the host refused the connection" {
		t.Errorf("with nobody there: %v", err)
	}
	if posts != 0 {
		t.Errorf("%d posts", posts)
	}
}

func TestProbe_ByAProxy_AsksTheProxy(t *testing.T) {
	proxy := httptest.NewServer(http.NotFoundHandler())
	by := http.DefaultTransport.(*http.Transport).Clone()
	by.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	s := sender(t, webhook.Config{URL: "https://host.invalid/send", Transport: by})
	if err := s.Probe(context.Background()); err != nil {
		t.Error(err)
	}
	proxy.Close()
	if err := s.Probe(context.Background()); err == nil {
		t.Error("without the proxy it is content")
	}
}
