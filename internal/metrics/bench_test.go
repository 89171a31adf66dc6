package metrics

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// BenchmarkSignIn is what the two requests of a texted sign-in and its text tell the
// metrics.
func BenchmarkSignIn(b *testing.B) {
	m, ctx := New(Build{}), b.Context()
	request := func(operation string, r userpool.Report, calls ...string) {
		ctx := m.Arrived(ctx, nil, false)
		for _, call := range calls {
			_, stored := m.Storing(ctx, call)
			stored(userpool.Transaction{Runs: 1})
		}
		m.CallEnded(ctx, r)
		m.Answered(ctx, &web.Event{Operation: operation, Status: http.StatusOK, Took: time.Millisecond})
	}
	begun := userpool.Report{
		Operation: "InitiateAuth", Outcome: userpool.OutcomeSuccess, Flow: "CUSTOM_AUTH",
		Queued: []userpool.Purpose{userpool.PurposeOTP}, Guarded: []userpool.Guarded{{Verdict: guard.Send}},
	}
	ended := userpool.Report{
		Operation: "RespondToAuthChallenge", Outcome: userpool.OutcomeSuccess, Answered: "CUSTOM_CHALLENGE", SignedIn: true,
		Answers: []userpool.Answer{{To: userpool.PurposeOTP, Result: userpool.AnswerRight}},
	}
	text := userpool.Handover{Medium: "SMS", Purpose: userpool.PurposeOTP}
	b.ReportAllocs()
	for b.Loop() {
		request("InitiateAuth", begun, userpool.StoreView, userpool.StoreUpdate)
		_, sent := m.Sending(ctx, text)
		sent(sms.Receipt{}, nil)
		m.Texted(userpool.Text{Provider: "webhook", Country: "IN", Status: userpool.TextSent, Segments: 1})
		request("RespondToAuthChallenge", ended, userpool.StoreView, userpool.StoreUpdate)
		m.Used(userpool.Text{Provider: "webhook", Country: "IN"})
	}
}

// BenchmarkScrape is one look at all metrics, as a collector takes it.
func BenchmarkScrape(b *testing.B) {
	h := everything().Handler()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
