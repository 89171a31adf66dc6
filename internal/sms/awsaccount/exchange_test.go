package awsaccount_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/endusermessaging"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/sns"
)

// Both kinds are tried here side by side, by the SDK's own clients against servers of
// the tests' own. Nothing of AWS itself is reached.

const number = "+919876543210"

var kinds = map[string]provider.Kind{
	sns.Kind().Name:              sns.Kind(),
	endusermessaging.Kind().Name: endusermessaging.Kind(),
}

// alone has the SDK find nothing of the machine's.
func alone(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, os.DevNull)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// sender is one of a kind at the endpoint, with the pairs of further settings.
func sender(t *testing.T, kind, endpoint string, pairs ...string) sms.Sender {
	t.Helper()
	return open(t, kind, nil, append([]string{"endpoint", endpoint}, pairs...)...)
}

func open(t *testing.T, kind string, transport http.RoundTripper, pairs ...string) sms.Sender {
	t.Helper()
	v := provider.Values{"region": "ap-south-1", "access-key-id": "AKIATEST", "secret-access-key": "hunter2"}
	for pair := range slices.Chunk(pairs, 2) {
		v[pair[0]] = pair[1]
	}
	s, err := kinds[kind].New(provider.Options{Values: v, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text() sms.Message {
	return sms.Message{ID: "m-1", To: phone.FromCanonical(number), Body: "Your code is 482913."}
}

// tell fails for an error that says what no log may hold.
func tell(t *testing.T, err error) {
	t.Helper()
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		for _, secret := range []string{number[1:], "482913", "hunter2"} {
			if strings.Contains(cause.Error(), secret) {
				t.Errorf("the error shows %s: %v", secret, cause)
			}
		}
	}
}

func TestSend_EveryAnswer_HasItsOutcomeAndIsOneRequest(t *testing.T) {
	alone(t)
	raw, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Name, Kind, Source, Body, Outcome, Code string
		ProviderID                              string `json:"provider_id"`
		Status                                  int
	}
	var recorded struct{ Answers []answer }
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	all := recorded.Answers
	for kind := range kinds {
		for _, garbage := range []string{"<html>" + number, "{", "", `{"__type":"` + number[1:] + `"}`, "<ErrorResponse><Error><Code>" + number[1:] + "</Code></Error></ErrorResponse>"} {
			all = append(all, answer{Name: "garbage and a failure", Kind: kind, Status: 502, Body: garbage, Outcome: "maybe sent"},
				answer{Name: "garbage and a refusal", Kind: kind, Status: 403, Body: garbage, Outcome: "surely not sent"},
				answer{Name: "garbage and too much", Kind: kind, Status: 429, Body: garbage, Outcome: "not yet sent"},
				answer{Name: "garbage and too late", Kind: kind, Status: 408, Body: garbage, Outcome: "maybe sent"})
		}
		all = append(all, answer{Name: "success and garbage", Kind: kind, Status: 200, Body: "<{" + number, Outcome: "maybe sent"},
			answer{Name: "a redirect", Kind: kind, Status: 302, Outcome: "maybe sent"})
	}
	for _, c := range all {
		var requests atomic.Int32
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(c.Status)
			io.WriteString(w, c.Body)
		}))
		receipt, err := sender(t, c.Kind, service.URL).Send(t.Context(), text())
		service.Close()
		if n := requests.Load(); n != 1 {
			t.Errorf("%s: %d requests for one text", c.Name, n)
		}
		if c.Outcome == "" {
			if err != nil || receipt.ProviderID != c.ProviderID {
				t.Errorf("%s: %+v, %v", c.Name, receipt, err)
			}
			continue
		}
		failure, ok := errors.AsType[*sms.SendError](err)
		if !ok || failure.Outcome.String() != c.Outcome || failure.Code != c.Code {
			t.Errorf("%s with %d %q: %v (code %q), want %s with code %q", c.Name, c.Status, c.Body, err, failure.Code, c.Outcome, c.Code)
		}
		tell(t, err)
	}
}

func TestSend_NoAnswer_SaysWhetherAnythingLeft(t *testing.T) {
	alone(t)
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			closed := httptest.NewServer(http.NotFoundHandler())
			closed.Close()
			untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
			untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
			untrusted.StartTLS()
			defer untrusted.Close()
			for name, endpoint := range map[string]string{
				"nobody listens": closed.URL, "unknown host": "http://aws.invalid", "bad certificate": untrusted.URL,
			} {
				_, err := sender(t, kind, endpoint).Send(t.Context(), text())
				if err == nil || sms.OutcomeOf(err) != sms.NotYet {
					t.Errorf("%s: %v, want not yet", name, err)
				}
				tell(t, err)
			}

			var requests atomic.Int32
			taken, over := make(chan struct{}), make(chan struct{})
			silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				io.Copy(io.Discard, r.Body)
				close(taken)
				<-over
			}))
			defer silent.Close()
			defer close(over)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-taken
				cancel()
			}()
			if _, err := sender(t, kind, silent.URL).Send(ctx, text()); err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
				t.Errorf("given up after it was taken: %v, want maybe", err)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests for one text", n)
			}

			// A connection that was used before, and breaks in the middle of a request:
			// net/http would send some requests again by itself.
			var posts atomic.Int32
			rude := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if posts.Add(1) > 1 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			defer rude.Close()
			s := sender(t, kind, rude.URL)
			s.Send(t.Context(), text())
			if _, err := s.Send(t.Context(), text()); err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
				t.Errorf("broken off: %v, want maybe", err)
			}
			if n := posts.Load(); n != 2 {
				t.Errorf("%d requests for two texts", n)
			}
		})
	}
}

func TestSend_WithoutCredentials_SaysSoAndSendsNothing(t *testing.T) {
	alone(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for kind := range kinds {
		_, err := sender(t, kind, "http://"+l.Addr().String(), "access-key-id", "").Send(t.Context(), text())
		if err == nil || sms.OutcomeOf(err) != sms.NotYet || !strings.Contains(err.Error(), "finds no credentials") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestSend_NobodyAnswers_GivesUpAfterFiveSeconds(t *testing.T) {
	alone(t)
	for kind := range kinds {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, kind, roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}))
			start := time.Now()
			_, err := s.Send(t.Context(), text())
			if err == nil || sms.OutcomeOf(err) != sms.MaybeSent {
				t.Errorf("%s: %v, want maybe", kind, err)
			}
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("%s: gave up after %v", kind, took)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
