package userpool_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	activities = "arn:aws:logs:us-east-1:123456789012:log-group:activity"
	failures   = "arn:aws:logs:us-east-1:123456789012:log-group:failures"
	nowhere    = "arn:aws:logs:us-east-1:123456789012:log-group:nowhere"
)

// sink takes events, and fails or hangs when a test says so.
type sink struct {
	mu    sync.Mutex // guards the fields below
	taken []userpool.LogEvent
	tries int
	fail  error
	hang  bool          // until its context ends
	delay time.Duration // before the events are taken
	lose  bool          // the answer: the events are taken, and the server hears nothing
}

func (*sink) Leads(arn string) bool { return arn != nowhere }

func (k *sink) set(change func(*sink)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k)
}

func (k *sink) Deliver(ctx context.Context, _ string, batch []userpool.LogEvent) error {
	k.mu.Lock()
	k.tries++
	fail, hang, delay, lose := k.fail, k.hang, k.delay, k.lose
	k.mu.Unlock()
	if fail != nil {
		return fail
	}
	if delay > 0 {
		<-time.After(delay)
	}
	if !hang || lose {
		k.set(func(k *sink) { k.taken = append(k.taken, batch...) })
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// seen are the ids of what was taken, each with how often.
func (k *sink) seen() map[userpool.AuditID]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := map[userpool.AuditID]int{}
	for _, e := range k.taken {
		n[e.Row().ID]++
	}
	return n
}

func (k *sink) count() int { return len(k.seen()) }

// logServer is one more server on the world's store, whose events go to the sink.
func (w *world) logServer(k userpool.LogSink, retention time.Duration) (s *userpool.Service, stop func()) {
	w.t.Helper()
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: w.store, Ring: w.ring, Sender: w.phone, Mailer: w.mail, Region: "us-east-1", PublicURL: "http://localhost:9400",
		Guard: guard.NewEngine(w.guard), StepUp: w.stepUp, Logs: k, AuditRetention: retention, Shared: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

func (w *world) sendsLogs(source, arn string) {
	w.t.Helper()
	w.must(w.s.SetLogDelivery(w.ctx, w.pool, []userpool.LogDelivery{{Source: source, Level: "INFO", Kind: userpool.LogGroup, ARN: arn}}))
}

// strangers sign up, so many, one a second: an event each.
func (w *world) strangers(n int) {
	w.t.Helper()
	for i := range n {
		ctx := w.s.Begin(w.ctx, userpool.Call{Operation: "SignUp", Address: home.Address, RequestID: "r"})
		_, err := w.s.SignUp(ctx, userpool.SignUpRequest{ClientID: w.client, Caller: home, Username: "+9198123450" + string(rune('0'+i/10)) + string(rune('0'+i%10)), Password: password})
		w.s.End(ctx, err)
		w.must(err)
		w.pass(time.Second)
	}
}

// everyOnce checks that each event was taken, and how often at most.
func everyOnce(t *testing.T, k *sink, events, most int) {
	t.Helper()
	seen := k.seen()
	if len(seen) != events {
		t.Errorf("%d events were taken, want %d", len(seen), events)
	}
	for id, n := range seen {
		if n > most {
			t.Errorf("%s was taken %d times", id, n)
		}
	}
}

func TestLogDelivery_TwoServers_DeliverEachEventOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.strangers(1) // before anybody wants to know
		w.sendsLogs(userpool.LogAuthEvents, activities)
		k := &sink{delay: 3 * time.Second}
		_, stop := w.logServer(k, 0)
		_, stopToo := w.logServer(k, 0)
		w.strangers(30)
		w.pass(2 * time.Minute)
		everyOnce(t, k, 30, 1)
		w.strangers(3)
		w.pass(time.Minute)
		everyOnce(t, k, 33, 1)
		tries := k.tries
		w.pass(10 * time.Minute)
		if k.tries != tries {
			t.Error("an idle server delivers")
		}
		e := k.taken[0]
		if e.Auth == nil || e.Auth.Type != userpool.EventSignUp || e.Auth.Response != userpool.EventInProgress || e.Row().PoolID != w.pool {
			t.Errorf("the first event is %+v", e)
		}
		stop()
		stopToo()
	})
}

// A destination that is down or hangs holds up neither sign-ups nor another
// destination, and nothing is missing when it is back.
func TestLogDelivery_DestinationDown_EventsWaitAndSignInsDoNot(t *testing.T) {
	t.Parallel()
	inWorld(t, options{limitsOff: true}, func(w *world) {
		k := &sink{}
		s, stop := w.logServer(k, 0)
		defer stop()
		for name, trouble := range map[string]func(*sink){
			"down":  func(k *sink) { k.fail = errors.New("answered with status 500") },
			"hangs": func(k *sink) { k.hang = true },
		} {
			w.sendsLogs(userpool.LogAuthEvents, activities)
			before := k.count()
			k.set(trouble)
			began := time.Now()
			w.strangers(20)
			if took := time.Since(began); took > 21*time.Second {
				t.Errorf("%s: 20 sign-ups took %v", name, took)
			}
			w.pass(10 * time.Minute)
			b, err := s.Backlog(w.ctx)
			w.must(err)
			if b.Logs.Failing != 1 || b.Logs.Lag < 9*time.Minute || k.count() != before {
				t.Errorf("%s: the backlog is %+v, and %d were taken", name, b.Logs, k.count()-before)
			}
			if k.tries > 40 {
				t.Errorf("%s: it was tried %d times in ten minutes", name, k.tries)
			}
			k.set(func(k *sink) { k.fail, k.hang, k.tries = nil, false, 0 })
			w.pass(6 * time.Minute)
			b, err = s.Backlog(w.ctx)
			w.must(err)
			if b.Logs != (userpool.LogBacklog{}) {
				t.Errorf("%s, and back: the backlog is %+v", name, b.Logs)
			}
			everyOnce(t, k, before+20, 1)
			w.must(w.s.SetLogDelivery(w.ctx, w.pool, nil))
			w.must(w.s.DeleteUserPool(w.ctx, w.pool))
			w.makePool(options{})
		}
	})
}

// A server that is killed in the middle of a batch leaves it to the next, which may
// deliver it again and misses none.
func TestLogDelivery_KilledOverABatch_MissesNone(t *testing.T) {
	t.Parallel()
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.sendsLogs(userpool.LogAuthEvents, activities)
		dead := &killed{Store: w.store}
		doomed := &sink{lose: true}
		s, err := userpool.Open(w.ctx, userpool.Config{
			Store: dead, Ring: w.ring, Sender: w.phone, Mailer: w.mail, Region: "us-east-1", PublicURL: "http://localhost:9400",
			Guard: guard.NewEngine(w.guard), StepUp: w.stepUp, Logs: takesThenDies{doomed, dead}, Shared: true,
		})
		w.must(err)
		ctx, cancel := context.WithCancel(w.ctx)
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		w.strangers(10)
		w.pass(logsSettled)
		everyOnce(t, doomed, doomed.count(), 1)
		if doomed.count() == 0 {
			t.Fatal("nothing was under way")
		}
		cancel()
		<-ended

		k := &sink{}
		_, stop := w.logServer(k, 0)
		defer stop()
		w.pass(3 * time.Minute)
		everyOnce(t, k, 10, 1)
	})
}

// logsSettled is when events of a moment ago have been delivered.
const logsSettled = time.Minute

// killed is a store whose server is gone: nothing of it is written any more.
type killed struct {
	userpool.Store
	mu   sync.Mutex // guards gone
	gone bool
}

var errKilled = errors.New("killed")

func (k *killed) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	k.mu.Lock()
	gone := k.gone
	k.mu.Unlock()
	if gone {
		return errKilled
	}
	return k.Store.Update(ctx, fn)
}

// takesThenDies is a destination that gets a batch just before the server is killed.
type takesThenDies struct {
	*sink
	server *killed
}

func (d takesThenDies) Deliver(ctx context.Context, arn string, batch []userpool.LogEvent) error {
	err := d.sink.Deliver(ctx, arn, batch)
	d.server.mu.Lock()
	d.server.gone = true
	d.server.mu.Unlock()
	return err
}

// What the retention takes before its destination does is counted and told.
func TestLogDelivery_SweptBeforeDelivery_IsCounted(t *testing.T) {
	t.Parallel()
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.sendsLogs(userpool.LogAuthEvents, activities)
		k := &sink{fail: errors.New("answered with status 503")}
		s, stop := w.logServer(k, 10*time.Minute)
		defer stop()
		w.strangers(5)
		w.pass(12 * time.Minute)
		b, err := s.Backlog(w.ctx)
		w.must(err)
		if b.Logs.Lost != 5 || b.Logs.Lag != 0 {
			t.Errorf("the backlog is %+v", b.Logs)
		}
		k.set(func(k *sink) { k.fail = nil })
		w.strangers(2)
		w.pass(8 * time.Minute)
		everyOnce(t, k, 2, 1)
	})
}

// What a destination is taking while the retention passes by is not delivered again.
func TestLogDelivery_SweptMeanwhile_ArrivesOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.sendsLogs(userpool.LogAuthEvents, activities)
		k := &sink{}
		_, stop := w.logServer(k, 10*time.Minute)
		defer stop()
		k.set(func(k *sink) { k.delay = 9 * time.Second })
		for range 12 { // after a silence that is longer than the retention, which comes by each minute, at other seconds
			w.pass(12*time.Minute + 5*time.Second)
			w.strangers(1)
			w.pass(time.Minute)
		}
		everyOnce(t, k, 12, 1)
	})
}

func TestLogDelivery_Nowhere_IsKeptAndTold(t *testing.T) {
	t.Parallel()
	inWorld(t, options{}, func(w *world) {
		w.sendsLogs(userpool.LogAuthEvents, nowhere)
		kept, err := w.s.LogDelivery(w.ctx, w.pool)
		w.must(err)
		if len(kept) != 1 || kept[0].ARN != nowhere || !strings.Contains(w.log.String(), "leads nowhere") {
			t.Errorf("kept %+v, told %s", kept, w.log)
		}
	})
}

// A message that does not arrive is an event, with nobody's number in it.
func TestLogDelivery_MessageThatFails_IsAnEvent(t *testing.T) {
	t.Parallel()
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.sendsLogs(userpool.LogNotifications, failures)
		k := &sink{}
		_, stop := w.logServer(k, 0)
		defer stop()
		w.phone.Fail(&sms.SendError{Outcome: sms.RefusedForEver, Code: "30003", Cause: errors.New("unreachable")})
		up, err := w.s.SignUp(w.ctx, userpool.SignUpRequest{ClientID: w.client, Caller: home, Username: asha, Password: password})
		w.must(err)
		w.pass(2 * time.Minute)
		synctest.Wait()
		if len(k.taken) != 1 || k.taken[0].Undelivered == nil {
			t.Fatalf("taken: %+v", k.taken)
		}
		u := *k.taken[0].Undelivered
		if u.Row.Reason != "30003" || u.Row.UserID != up.Sub || u.Row.Masked != "+********3210" || u.Medium != "SMS" || u.Purpose != "sign_up" {
			t.Errorf("the event is %+v", u)
		}
		if strings.Contains(u.Row.Detail+u.Row.Masked, "98765") {
			t.Errorf("a number is in it: %+v", u.Row)
		}
	})
}
