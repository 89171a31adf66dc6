package userpool_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/storetest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// onlooker writes down what it is told.
type onlooker struct {
	mu      sync.Mutex // guards the fields below
	reports []userpool.Report
	sent    []userpool.Handover
	results []error
	dropped []userpool.Handover
	told    []userpool.Telling
	texted  []userpool.Text
	used    []userpool.Text
	stored  []userpool.Transaction
	called  []string
}

type onlookerKey struct{}

func (o *onlooker) CallEnded(_ context.Context, r userpool.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reports = append(o.reports, r)
}

func (o *onlooker) Sending(ctx context.Context, h userpool.Handover) (context.Context, func(sms.Receipt, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, h)
	return context.WithValue(ctx, onlookerKey{}, true), func(_ sms.Receipt, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.results = append(o.results, err)
	}
}

func (o *onlooker) Told(t userpool.Telling) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, t)
}

func (o *onlooker) Texted(t userpool.Text) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.texted = append(o.texted, t)
}

func (o *onlooker) Used(t userpool.Text) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used = append(o.used, t)
}

func (o *onlooker) Calling(ctx context.Context, c userpool.TriggerCall) (context.Context, func(string)) {
	return ctx, func(outcome string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.called = append(o.called, fmt.Sprintf("%s %d %s", c.Trigger, c.Attempt, outcome))
	}
}

func (o *onlooker) Dropped(h userpool.Handover) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped = append(o.dropped, h)
}

func (o *onlooker) Storing(ctx context.Context, _ string) (context.Context, func(userpool.Transaction)) {
	return ctx, func(t userpool.Transaction) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.stored = append(o.stored, t)
	}
}

// last is what was told of the newest call.
func (o *onlooker) last() userpool.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reports[len(o.reports)-1]
}

// watchedBy restarts the server with an onlooker, another store and sender.
func (w *world) watchedBy(o *onlooker, store userpool.Store, sender sms.Sender) {
	w.t.Helper()
	w.stop()
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: store, Ring: w.ring, Sender: sender, Region: "us-east-1", PublicURL: "http://localhost:9400",
		Observers: []userpool.Observer{o},
	})
	w.must(err)
	w.s = s
	w.start()
}

func (w *world) wantReport(o *onlooker, want userpool.Report) {
	w.t.Helper()
	if got := o.last(); !reflect.DeepEqual(got, want) {
		w.t.Errorf("told\n%+v, want\n%+v", got, want)
	}
}

func TestObserver_SignUpRunTwiceAndWrongCode_AreToldOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		o := &onlooker{}
		w.watchedBy(o, storetest.Twice(w.store), w.phone)
		w.must(w.auditedSignUp(asha))
		w.wantReport(o, userpool.Report{
			Operation: "SignUp", Pool: w.pool, Outcome: userpool.OutcomeSuccess, Queued: []userpool.Purpose{userpool.PurposeSignUp},
			Guarded: []userpool.Guarded{{Verdict: guard.Send}},
		})
		confirm := func(code string) {
			_ = w.audited("ConfirmSignUp", func(ctx context.Context) error {
				_, err := w.s.ConfirmSignUp(ctx, userpool.ConfirmSignUpRequest{Caller: home, ClientID: w.client, Username: asha, Code: code})
				return err
			})
		}
		w.pass(time.Second) // the text is written down
		confirm(wrongCode(w.code(asha)))
		w.wantReport(o, userpool.Report{
			Operation: "ConfirmSignUp", Pool: w.pool, Outcome: userpool.OutcomeRefused, Reason: "CodeMismatch",
			Answers: []userpool.Answer{{To: userpool.PurposeSignUp, Result: userpool.AnswerWrong}},
		})
		confirm(w.code(asha))
		w.wantReport(o, userpool.Report{
			Operation: "ConfirmSignUp", Pool: w.pool, Outcome: userpool.OutcomeSuccess,
			Answers: []userpool.Answer{{To: userpool.PurposeSignUp, Result: userpool.AnswerRight}},
		})
		if want := []userpool.Handover{{Pool: w.pool, Purpose: userpool.PurposeSignUp, Medium: "SMS", Attempt: 1, Country: "IN"}}; !reflect.DeepEqual(o.sent, want) {
			t.Errorf("sent %+v, want %+v", o.sent, want)
		}
		if len(o.results) != 1 || o.results[0] != nil {
			t.Errorf("results %v", o.results)
		}
		if len(o.texted) != 1 || len(o.used) != 1 || o.used[0].ID != o.texted[0].ID || o.used[0].Country != "IN" || o.used[0].UsedAt.IsZero() {
			t.Errorf("texted %+v, used %+v", o.texted, o.used)
		}
	})
}

func TestObserver_WhatIsRolledBackOrRepeated_IsNotTold(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		o, store := &onlooker{}, &failing{Store: w.store}
		w.watchedBy(o, store, w.phone)
		w.settle()
		store.fails.Store(true)
		if err := w.auditedSignUp(asha); !errors.Is(err, errCommit) {
			t.Fatalf("SignUp = %v", err)
		}
		store.fails.Store(false)
		w.wantReport(o, userpool.Report{Operation: "SignUp", Pool: w.pool, Outcome: userpool.OutcomeFailed, Reason: "Unavailable"})

		start := func() {
			w.must(w.audited("InitiateAuth", func(ctx context.Context) error {
				userpool.Note(ctx, "flow", "CUSTOM_AUTH")
				_, err := w.s.InitiateAuth(ctx, userpool.AuthRequest{
					Caller: tried(home, "action-1", "body"), ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": asha},
				})
				return err
			}))
		}
		w.must(w.auditedSignUp(asha))
		start()
		if r := o.last(); r.Repeat || r.Flow != "CUSTOM_AUTH" || len(r.Queued) != 1 {
			t.Errorf("told of the first: %+v", r)
		}
		start()
		w.wantReport(o, userpool.Report{
			Operation: "InitiateAuth", Pool: w.pool, Outcome: userpool.OutcomeSuccess, Flow: "CUSTOM_AUTH", Repeat: true,
		})
	})
}

func TestObserver_WordsThatAreNoneOfOurs_AreNotPassedOn(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		o := &onlooker{}
		w.watchedBy(o, w.store, w.phone)
		w.must(w.audited("InitiateAuth", func(ctx context.Context) error {
			userpool.Note(ctx, "flow", asha)
			userpool.Note(ctx, "answered", asha)
			return nil
		}))
		w.wantReport(o, userpool.Report{Operation: "InitiateAuth", Outcome: userpool.OutcomeSuccess})
	})
}

// carried is a sender that sees the observer's context.
type carried struct {
	provider
	seen bool
}

func (c *carried) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	c.seen = ctx.Value(onlookerKey{}) == true
	return c.provider.Send(ctx, m)
}

func TestObserver_MessageThatFailsAndExpires_IsToldOfEachTryAndOfTheDrop(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		o := &onlooker{}
		notYet := &sms.SendError{Outcome: sms.NotYet}
		p := &carried{provider: provider{count: map[string]int{}, fails: []error{notYet}}}
		w.watchedBy(o, w.store, p)
		w.must(w.auditedSignUp(asha))
		w.pass(3 * time.Second)
		if len(o.sent) != 2 || o.sent[1].Attempt != 2 || !errors.Is(o.results[0], notYet) || o.results[1] != nil {
			t.Errorf("tries %+v, results %v", o.sent, o.results)
		}
		if !p.seen {
			t.Error("the sender did not get the observer's context")
		}
		w.stop()
		w.must(w.auditedSignUp(ravi))
		w.pass(11 * time.Minute) // the code expires while the server is down
		w.start()
		w.settle()
		if len(o.dropped) != 1 || o.dropped[0].Purpose != userpool.PurposeSignUp || len(o.sent) != 2 {
			t.Errorf("dropped %+v, sent %+v", o.dropped, o.sent)
		}
	})
}

func TestBacklog_MessageThatNobodyTakes_IsOverdue(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		look := func() userpool.Backlog {
			b, err := w.s.Backlog(w.ctx)
			w.must(err)
			return b
		}
		rest := userpool.Backlog{Restricted: map[string]int{"closed": 0, "outage": 0, "step-up": 0}}
		if b := look(); !reflect.DeepEqual(b, rest) {
			t.Errorf("at rest: %+v", b)
		}
		w.stop()
		w.signUp(home, asha, "")
		w.must(w.audited("AdminGetUser", func(ctx context.Context) error {
			userpool.By(ctx, userpool.ActorAdmin, "key")
			return nil
		}))
		w.pass(7 * time.Second)
		if b := look(); b.Overdue != 7*time.Second || b.Waiting != 1 || b.Oldest != 7*time.Second || b.AuditWaiting != 1 || b.AuditDropped != 0 {
			t.Errorf("while nothing runs: %+v", b)
		}
		w.start()
		w.pass(time.Second)
		if b := look(); !reflect.DeepEqual(b, rest) {
			t.Errorf("after: %+v", b)
		}
	})
}

// odd is a store whose Updates fail in a way of their own, before or after their
// function has run.
type odd struct {
	userpool.Store
	before, after error
}

func (s *odd) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	if s.before != nil {
		return s.before
	}
	return s.Store.Update(ctx, func(tx userpool.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return s.after
	})
}

func TestObserver_FailuresOfTheStore_AreSortedAndRefusalsAreNone(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		o, store := &onlooker{}, &odd{Store: w.store}
		w.watchedBy(o, store, w.phone)
		w.stop() // so that nothing else is stored
		defer w.start()
		full := fault.Wrap(fault.Unavailable, errors.New("disk full"), "The database cannot write.")
		damaged := fault.Wrap(fault.Internal, errors.New("damaged"), "")
		for name, c := range map[string]struct {
			before, after error
			want          userpool.Transaction
		}{
			"none":             {nil, nil, userpool.Transaction{Runs: 1}},
			"queue full":       {full, nil, userpool.Transaction{Failure: userpool.FailureUnavailable}},
			"full at commit":   {nil, full, userpool.Transaction{Runs: 1, Failure: userpool.FailureUnavailable}},
			"damaged":          {nil, damaged, userpool.Transaction{Runs: 1, Failure: userpool.FailureInternal}},
			"of no kind":       {errors.New("odd"), nil, userpool.Transaction{Failure: userpool.FailureInternal}},
			"caller gone":      {context.Canceled, nil, userpool.Transaction{Failure: userpool.FailureCanceled}},
			"time over":        {nil, context.DeadlineExceeded, userpool.Transaction{Runs: 1, Failure: userpool.FailureCanceled}},
			"a refusal":        {nil, fault.New(fault.LimitExceeded, "no"), userpool.Transaction{Runs: 1}},
			"nothing is there": {nil, userpool.ErrNotFound, userpool.Transaction{Runs: 1}},
		} {
			store.before, store.after = c.before, c.after
			o.stored = nil
			<-time.After(4 * time.Second) // past what Ready remembers
			_ = w.s.Ready(w.ctx)
			if len(o.stored) != 1 || o.stored[0] != c.want {
				t.Errorf("%s: told %+v, want %+v", name, o.stored, c.want)
			}
		}
		store.before, store.after, o.stored = nil, nil, nil
		if _, err := w.s.InitiateAuth(w.ctx, userpool.AuthRequest{Caller: home, ClientID: "nobody", Flow: "CUSTOM_AUTH"}); err == nil {
			t.Error("an unknown client began a sign-in")
		}
		if want := []userpool.Transaction{{Runs: 1}}; !reflect.DeepEqual(o.stored, want) {
			t.Errorf("an unknown client: told %+v", o.stored)
		}
	})
}

// mistakenOnce is a store that finds once that an operation relies on what is not so.
type mistakenOnce struct {
	userpool.Store
	found bool
}

var errRelied = errors.New("it is not so")

func (s *mistakenOnce) View(ctx context.Context, fn func(userpool.Tx) error) error {
	if r := userpool.RelianceOf(ctx); r.Begin() && !s.found {
		s.found = true
		r.Checked(false)
		return errRelied
	}
	return s.Store.View(ctx, fn)
}

// A call that runs again, because it relied on what another server has changed, is no
// failure of the store.
func TestObserver_CallThatReliedOnWhatIsNotSo_IsNoFailure(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		o, store := &onlooker{}, &mistakenOnce{Store: w.store}
		w.watchedBy(o, store, w.phone)
		w.settle()
		o.stored = nil
		w.custom(home, asha)
		if !store.found || len(o.stored) < 2 {
			t.Fatalf("told %+v", o.stored)
		}
		for _, how := range o.stored {
			if how.Failure != "" {
				t.Errorf("told %+v", how)
			}
		}
	})
}
