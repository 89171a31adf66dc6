package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bellhop-auth/bellhop/internal/clock"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// standing are routes as they stand.
type standing []routes.Standing

func (s standing) Standings(time.Time) []routes.Standing { return s }

// queues are a Backlog that counts how often it is asked.
type queues struct {
	asked int
	seen  userpool.Backlog
	err   error
}

func (q *queues) Backlog(context.Context) (userpool.Backlog, error) {
	q.asked++
	return q.seen, q.err
}

// everything is a registry in which every metric has a sample.
func everything() *Metrics {
	m := New(Build{Version: "v1.2.3", Revision: "abc", Go: "go1"})
	m.Follow(&queues{seen: userpool.Backlog{Restricted: map[string]int{"closed": 1}}})
	m.FollowClock(clock.New(clock.Config{}))
	m.FollowRoutes(standing{{Provider: "first", Country: "IN", State: routes.StateDemoted}})
	ctx := context.Background()
	m.Answered(m.Arrived(ctx, nil, false), &web.Event{Operation: "SignUp", Status: http.StatusOK})
	m.CallEnded(ctx, userpool.Report{
		Operation: "InitiateAuth", Outcome: userpool.OutcomeSuccess, Flow: "USER_AUTH", SignedIn: true,
		Queued: []userpool.Purpose{userpool.PurposeOTP}, Answers: []userpool.Answer{{To: userpool.PurposeOTP, Result: userpool.AnswerRight}},
		Guarded: []userpool.Guarded{{Verdict: guard.Send}},
	})
	h := userpool.Handover{Medium: "SMS", Purpose: userpool.PurposeOTP}
	_, end := m.Sending(ctx, h)
	end(sms.Receipt{}, nil)
	m.Dropped(h)
	m.Told(userpool.Telling{Provider: "first", Country: "IN", Status: userpool.TextDelivered, New: true})
	m.Texted(userpool.Text{Provider: "first", Country: "IN", Status: userpool.TextSent, Segments: 2, Micros: 9_600})
	m.Used(userpool.Text{Provider: "first", Country: "IN"})
	_, called := m.Calling(ctx, userpool.TriggerCall{Trigger: trigger.PreSignUp, Attempt: 1})
	called(userpool.TriggerAnswered)
	_, stored := m.Storing(ctx, userpool.StoreView)
	stored(userpool.Transaction{Runs: 1})
	return m
}

func TestMetrics_FollowPrometheusConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(everything().registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// The table of docs/operating.md has every metric with its type and its labels,
// and no other.
func TestDocumentation_HasEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := everything().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "bellhop_") {
			continue
		}
		there[f.GetName()] = true
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		row := fmt.Sprintf("| `%s` | %s | %s | ", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labels, ", "))
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/operating.md must have a row that starts with\n%s%s", row, f.GetHelp())
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(bellhop_[a-z_]+)`").FindAllStringSubmatch(string(page), -1) {
		if !there[m[1]] {
			t.Errorf("docs/operating.md has %s, which is no metric", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`bellhop_[a-z_]+`).FindAllString(string(page), -1) {
		base := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(m, "")
		if !there[m] && !there[base] {
			t.Errorf("docs/operating.md speaks of %s, which is no metric", m)
		}
	}
}

func TestHandler_AnswersGetOfMetricsAlone(t *testing.T) {
	h := everything().Handler()
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/metrics", 200}, {"POST", "/metrics", 405}, {"GET", "/", 404}, {"GET", "/debug/pprof/", 404}, {"GET", "/metrics/x", 404},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, w.Code, c.status)
		}
		if c.status == 200 && !strings.Contains(w.Body.String(), `bellhop_build_info{goversion="go1",revision="abc",version="v1.2.3"} 1`) {
			t.Errorf("the page is %s", w.Body)
		}
	}
}

func TestStoring_EachTransaction_IsTimedOnceWithItsRerunsAndItsFailure(t *testing.T) {
	m := New(Build{})
	for _, how := range []userpool.Transaction{{Runs: 1}, {Runs: 3}, {Runs: 2, Failure: userpool.FailureUnavailable}, {}} {
		_, end := m.Storing(t.Context(), userpool.StoreUpdate)
		end(how)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`bellhop_store_duration_seconds_count{call="update"} 4`, `bellhop_store_reruns_total{call="update"} 3`,
		`bellhop_store_errors_total{call="update",kind="unavailable"} 1`, `bellhop_store_errors_total{call="update",kind="internal"} 0`,
		`bellhop_store_errors_total{call="view",kind="unavailable"} 0`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestBacklog_ManyScrapes_AskTheStoreOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queues{seen: userpool.Backlog{Overdue: 90 * time.Second, Waiting: 5, Oldest: 2 * time.Minute, AuditWaiting: 3, AuditDropped: 7}}
		m := New(Build{})
		m.Follow(q)
		page := func() string {
			w := httptest.NewRecorder()
			m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			return w.Body.String()
		}
		for range 10 {
			body := page()
			for _, want := range []string{"bellhop_outbox_overdue_seconds 90", "bellhop_outbox_messages 5", "bellhop_outbox_oldest_seconds 120", "bellhop_audit_rows_waiting 3", "bellhop_audit_rows_dropped_total 7"} {
				if !strings.Contains(body, want+"\n") {
					t.Fatalf("no %s", want)
				}
			}
		}
		if q.asked != 1 {
			t.Errorf("the store was asked %d times", q.asked)
		}
		<-time.After(backlogFor)
		q.err = errors.New("unreadable")
		body := page()
		if strings.Contains(body, "\nbellhop_outbox_overdue_seconds ") || !strings.Contains(body, "bellhop_audit_rows_waiting 3\n") || q.asked != 2 {
			t.Errorf("unreadable store, asked %d times: %s", q.asked, body)
		}
	})
}

func TestSending_EachOutcome_HasItsLabel(t *testing.T) {
	m := New(Build{})
	h := userpool.Handover{Medium: "EMAIL", Purpose: userpool.PurposeReset}
	for label, err := range map[string]error{
		"taken": nil, "maybe_sent": errors.New("broken pipe"),
		"surely_not_sent":  &sms.SendError{Outcome: sms.SurelyNotSent},
		"not_yet":          &sms.SendError{Outcome: sms.NotYet},
		"refused_for_ever": &sms.SendError{Outcome: sms.RefusedForEver},
	} {
		_, end := m.Sending(t.Context(), h)
		if got := testutil.ToFloat64(m.sending); got != 1 {
			t.Errorf("%v are under way", got)
		}
		end(sms.Receipt{}, err)
		if got := testutil.ToFloat64(m.tries.WithLabelValues("EMAIL", "reset", label)); got != 1 {
			t.Errorf("%s is %v, want 1", label, got)
		}
	}
}

func TestTexts_AreCountedByWhatBecomesOfThem_RepeatsOnce(t *testing.T) {
	m, at := New(Build{}), time.UnixMilli(1_800_000_000_000)
	for _, status := range []userpool.TextStatus{userpool.TextSent, userpool.TextSent, userpool.TextMaybe, userpool.TextUnsent, userpool.TextDryRun} {
		m.Texted(userpool.Text{Country: "IN", Provider: "first", Status: status, Segments: 2, Micros: 250_000})
	}
	m.Texted(userpool.Text{Status: userpool.TextExpired, Segments: 1, Micros: 9})
	m.Used(userpool.Text{Country: "IN", Provider: "first", QueuedAt: at, UsedAt: at.Add(12 * time.Second)})
	for _, isNew := range []bool{true, false, false} {
		m.Told(userpool.Telling{Country: "IN", Provider: "first", Status: userpool.TextFailed, New: isNew})
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`bellhop_texts_total{country="IN",outcome="sent",provider="first"} 2`, `bellhop_texts_total{country="IN",outcome="unsent",provider="first"} 1`,
		`bellhop_texts_total{country="none",outcome="expired",provider="none"} 1`, `bellhop_text_segments_total{country="IN",provider="first"} 6`,
		`bellhop_text_usd_total{country="IN",provider="first"} 0.75`, `bellhop_texts_used_total{country="IN",provider="first"} 1`,
		`bellhop_text_use_seconds_bucket{provider="first",le="10"} 0`, `bellhop_text_use_seconds_bucket{provider="first",le="15"} 1`,
		`bellhop_text_receipts_total{country="IN",provider="first",status="failed"} 1`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestClock_ThatWasSet_ShowsUntilItIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var set time.Duration
		k := clock.New(clock.Config{Wall: func() time.Time { return time.Now().Add(set) }})
		m := New(Build{})
		m.FollowClock(k)
		says := func(wants ...string) {
			t.Helper()
			w := httptest.NewRecorder()
			m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			for _, want := range wants {
				if !strings.Contains(w.Body.String(), want+"\n") {
					t.Errorf("no %s", want)
				}
			}
		}
		says("bellhop_clock_apart_seconds 0", "bellhop_clock_steps_total 0")
		set = time.Hour
		says("bellhop_clock_apart_seconds 3600", "bellhop_clock_steps_total 1")
		<-time.After(11 * time.Minute)
		says("bellhop_clock_apart_seconds 0", "bellhop_clock_steps_total 1")
	})
}
