package httpsms_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/httpsms"
)

// What a failure means, package providertest tries with every provider.

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.example.com/texts?hunter2", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDo_NoAnswer_GivesUpByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := httpsms.New("someone", roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		start := time.Now()
		_, err := c.Do(request(t))
		if err == nil || sms.OutcomeOf(err) != sms.MaybeSent || time.Since(start) != 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A transport that says nothing of connections is believed nothing.
func TestDo_AForeignTransportsError_LeavesItOpen(t *testing.T) {
	c := httpsms.New("someone", roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("hunter2") }))
	_, err := c.Do(request(t))
	if err == nil || sms.OutcomeOf(err) != sms.MaybeSent || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestCode_TakesCodesAlone(t *testing.T) {
	for text, want := range map[string]string{"21610": "21610", "InvalidParameter": "InvalidParameter", "": "", "+14155550123": "",
		"a code": "", strings.Repeat("x", 33): "", "a\nb": ""} {
		if got := httpsms.Code(text); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
	if id := strings.Repeat("f", 34); httpsms.ID(id) != id || httpsms.ID(strings.Repeat("f", 65)) != "" || httpsms.ID("+1 415") != "" {
		t.Error("ids")
	}
}

func TestCheckBase_SecretsGoOverTLSOrNowhereFar(t *testing.T) {
	for base, good := range map[string]bool{
		"https://api.twilio.com": true, "https://10.0.0.1/x": true, "http://localhost:4010": true, "http://127.0.0.1:4010": true,
		"http://[::1]:4010": true, "http://mock:4010": true, "http://10.1.2.3": true,
		"http://api.twilio.com": false, "http://8.8.8.8": false, "https://u@api.twilio.com": false, "https://api.twilio.com?x": false,
		"https://api.twilio.com#x": false, "api.twilio.com": false, "": false, "ftp://mock": false,
	} {
		if err := httpsms.CheckBase(base); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}
