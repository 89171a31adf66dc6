package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/email"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/mail/webhook"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

const (
	address = "asha.rao@customers.example"
	secret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func message(t *testing.T) mail.Message {
	t.Helper()
	to, err := email.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Message{ID: "m-1", To: to, Subject: "Your code", Body: "Your code is 489316.", Purpose: "sign_up",
		PoolID: "us-east-1_AbC123xyz", ClientID: "client1", ExpiresAt: time.Unix(1_800_000_000, 0)}
}

func send(t *testing.T, cfg webhook.Config, m mail.Message) error {
	t.Helper()
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s.Send(context.Background(), m)
}

func TestSend_Accepted_PostsTheContractsFieldsAsStrings(t *testing.T) {
	for contentType, isHTML := range map[string]bool{"text/plain": false, "text/html": true} {
		sink := smstest.NewMailSink(t)
		m := message(t)
		m.HTML, m.ReplyTo = isHTML, netmail.Address{Name: "Help", Address: "help@bellhop.example"}
		if err := send(t, webhook.Config{URL: sink.URL, Secret: secret}, m); err != nil {
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
		want := map[string]string{"id": "m-1", "channel": "email", "to": address, "subject": "Your code", "body": "Your code is 489316.",
			"content_type": contentType, "purpose": "sign_up", "pool": "us-east-1_AbC123xyz", "client": "client1", "expires_at": "1800000000",
			"reply_to": `"Help" <help@bellhop.example>`}
		if !maps.Equal(got, want) {
			t.Errorf("fields %v, want %v", got, want)
		}
		header := posts[0].Header
		if header.Get("Idempotency-Key") != "m-1" || header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v lack the id or the type", header)
		}
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(posts[0].Body, header); err != nil {
			t.Errorf("the signature: %v", err)
		}
	}
}

func TestSend_Refused_SaysWhatIsKnownAndNothingElse(t *testing.T) {
	for status, want := range map[int]sms.Outcome{400: sms.SurelyNotSent, 422: sms.SurelyNotSent, 429: sms.MaybeSent, 503: sms.MaybeSent} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			io.Copy(w, r.Body) // a loud one
		}))
		defer server.Close()
		err := send(t, webhook.Config{URL: strings.Replace(server.URL, "://", "://user:hunter2@", 1)}, message(t))
		if err == nil || sms.OutcomeOf(err) != want {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			for _, hidden := range []string{"hunter2", "489316", "asha", "customers"} {
				if strings.Contains(cause.Error(), hidden) {
					t.Errorf("status %d: an error shows %q: %v", status, hidden, cause)
				}
			}
		}
	}
}

func TestNew_UnusableConfig_IsRefused(t *testing.T) {
	for name, cfg := range map[string]webhook.Config{"no URL": {}, "bad secret": {URL: "http://mail.example/", Secret: "whsec_!!"}} {
		if _, err := webhook.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
