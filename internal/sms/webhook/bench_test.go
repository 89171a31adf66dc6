package webhook_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
)

// accepting is a service that is there at once and takes everything.
type accepting struct{}

func (accepting) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
}

// BenchmarkSend is what it takes to hand a text over, signed, without the network.
func BenchmarkSend(b *testing.B) {
	s, err := webhook.New(webhook.Config{URL: "http://texts.example.com/", Secret: secret, Transport: accepting{}})
	if err != nil {
		b.Fatal(err)
	}
	to, err := phone.Parse(number)
	if err != nil {
		b.Fatal(err)
	}
	m := sms.Message{ID: "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", To: to, Body: "Your code is 489316.", Purpose: "otp",
		PoolID: "us-east-1_AbC123xyz", ClientID: "client1", ExpiresAt: time.Unix(1_800_000_000, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
