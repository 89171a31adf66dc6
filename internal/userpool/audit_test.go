package userpool_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/storetest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// audited runs fn as a call of the operation.
func (w *world) audited(operation string, fn func(ctx context.Context) error) error {
	ctx := w.s.Begin(w.ctx, userpool.Call{Operation: operation, Address: home.Address, RequestID: operation})
	err := fn(ctx)
	w.s.End(ctx, err)
	return err
}

func (w *world) trail(f userpool.AuditFilter) (rows []userpool.AuditRow) {
	w.t.Helper()
	for r, err := range w.s.Audit(w.ctx, f) {
		w.must(err)
		rows = append(rows, r)
	}
	return rows
}

func (w *world) auditedSignUp(number string) error {
	return w.audited("SignUp", func(ctx context.Context) error {
		userpool.Named(ctx, number)
		_, err := w.s.SignUp(ctx, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: number})
		return err
	})
}

// failing is a store whose commits fail: the transaction runs and is rolled back.
type failing struct {
	userpool.Store
	fails atomic.Bool
}

var errCommit = fault.New(fault.Unavailable, "The database cannot write.")

func (s *failing) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.Store.Update(ctx, func(tx userpool.Tx) error {
		if err := fn(tx); err != nil || !s.fails.Load() {
			return err
		}
		return errCommit
	})
}

// on opens another service on the world's store, seen through one that changes
// it.
func (w *world) on(store userpool.Store) {
	w.t.Helper()
	w.stop()
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: store, Ring: w.ring, Sender: w.phone, Region: "us-east-1", PublicURL: "http://localhost:9400",
		AuditRetention: 90 * 24 * time.Hour,
	})
	w.must(err)
	w.s = s
	w.start()
}

func TestAudit_FailingCommit_LeavesNeitherChangeNorItsRow(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		store := &failing{Store: w.store}
		w.on(store)
		w.settle()
		store.fails.Store(true)
		if err := w.auditedSignUp(asha); !errors.Is(err, errCommit) {
			t.Fatalf("SignUp = %v", err)
		}
		store.fails.Store(false)
		w.pass(10 * time.Second) // what waits is tried again
		if n := w.texts(asha); n != 0 {
			t.Errorf("%d texts of a sign-up that is not stored", n)
		}
		rows := w.trail(userpool.AuditFilter{Operation: "SignUp"})
		if len(rows) != 1 || rows[0].Outcome != userpool.OutcomeFailed || rows[0].Reason != "Unavailable" || rows[0].Detail != "" {
			t.Errorf("the trail: %+v", rows)
		}
	})
}

func TestAudit_FlushOfATool_GivesUpOnAStoreThatTakesNoWrites(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		store := &failing{Store: w.store}
		w.on(store)
		w.stop() // a tool does not run the background work
		store.fails.Store(true)
		ctx := w.s.Begin(w.ctx, userpool.Call{Operation: "CreateUserPool", Kind: userpool.ActorOperator, Actor: "root"})
		w.s.End(ctx, errCommit)
		began := time.Now()
		w.s.FlushAudit(w.ctx)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the command ends after %s", took)
		}
		store.fails.Store(false)
		w.start()
	})
}

func TestAudit_FunctionRunTwice_IsOneRow(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.on(storetest.Twice(w.store))
		w.must(w.auditedSignUp(asha))
		w.pass(time.Second)
		rows := w.trail(userpool.AuditFilter{Operation: "SignUp"})
		if len(rows) != 1 || rows[0].Outcome != userpool.OutcomeSuccess || rows[0].Detail != `{"sent":"sign_up"}` {
			t.Errorf("the trail: %+v", rows)
		}
	})
}

func TestAudit_ChangeAndRow_AreThereAtTheSameMoment(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.must(w.auditedSignUp(asha))
		if rows := w.trail(userpool.AuditFilter{}); len(rows) == 0 || rows[len(rows)-1].Operation != "SignUp" {
			t.Errorf("the trail: %+v", rows)
		}
	})
}

func TestAudit_FloodOfRefusals_IsBoundedCountedAndTold(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.pass(time.Minute - time.Since(time.Now().Truncate(time.Minute))) // the start of a minute
		const flood = 200
		refuse := func(address string) {
			ctx := w.s.Begin(w.ctx, userpool.Call{Operation: "InitiateAuth", Address: netip.MustParseAddr(address)})
			w.s.End(ctx, fault.New(fault.ResourceNotFound, "no such client"))
		}
		for range flood {
			refuse("198.51.100.9")
		}
		refuse("203.0.113.7") // somebody else is not crowded out
		ctx := w.s.Begin(w.ctx, userpool.Call{Operation: "AdminGetUser", Kind: userpool.ActorAdmin, Actor: "key", Address: netip.MustParseAddr("198.51.100.9")})
		w.s.End(ctx, nil) // nor is an administrator
		w.pass(2 * time.Minute)
		rows := map[string]int{}
		for _, r := range w.trail(userpool.AuditFilter{Since: time.Now().Add(-time.Hour)}) {
			rows[r.Operation+" "+r.Address]++
			if r.Operation == "AuditTrail" && (r.Detail != fmt.Sprintf(`{"dropped":%d}`, flood-120) || r.ActorKind != userpool.ActorSystem) {
				t.Errorf("the row of what was dropped: %+v", r)
			}
		}
		want := map[string]int{"InitiateAuth 198.51.100.9": 120, "InitiateAuth 203.0.113.7": 1, "AdminGetUser 198.51.100.9": 1, "AuditTrail ": 1}
		for what, n := range want {
			if rows[what] != n {
				t.Errorf("%s: %d rows, want %d", what, rows[what], n)
			}
		}
		if !strings.Contains(w.log.String(), "dropped=80") {
			t.Errorf("the log does not tell: %s", w.log)
		}
	})
}

func TestAudit_QueueFull_NeverWaits(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop() // nobody writes
		for range 5000 {
			ctx := w.s.Begin(w.ctx, userpool.Call{Operation: "AdminGetUser", Kind: userpool.ActorAdmin, Actor: "key"})
			w.s.End(ctx, nil)
		}
		w.start()
		w.pass(60 * time.Millisecond) // it does not rest between full batches
		if b, err := w.s.Backlog(w.ctx); err != nil || b.AuditWaiting > 0 {
			t.Errorf("%d rows wait, %v", b.AuditWaiting, err)
		}
		w.pass(2 * time.Minute)
		kept := len(w.trail(userpool.AuditFilter{Operation: "AdminGetUser"}))
		told := w.trail(userpool.AuditFilter{Operation: "AuditTrail"})
		if len(told) != 1 || told[0].Detail != fmt.Sprintf(`{"dropped":%d}`, 5000-kept) || kept < 4000 {
			t.Errorf("%d rows are kept, and told is %+v", kept, told)
		}
	})
}

func TestAudit_Retention_SweepsWhatIsOlder(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.on(w.store) // 90 days
		w.must(w.auditedSignUp(asha))
		w.passDown(45 * 24 * time.Hour)
		w.must(w.auditedSignUp(ravi))
		w.passDown(45*24*time.Hour - time.Hour)
		if n := len(w.trail(userpool.AuditFilter{Operation: "SignUp"})); n != 2 {
			t.Errorf("before 90 days there are %d rows, want 2", n)
		}
		w.passDown(2 * time.Hour)
		rows := w.trail(userpool.AuditFilter{Operation: "SignUp"})
		if len(rows) != 1 || rows[0].Masked != "+********5678" {
			t.Errorf("after 90 days: %+v", rows)
		}
	})
}

func TestAudit_Filter_FindsTheRowsOfANameInAnySpelling(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for _, name := range []string{asha, ravi, "someone@Example.com", "Plain-Name", "\x1b[31mred"} {
			_ = w.audited("InitiateAuth", func(ctx context.Context) error {
				userpool.Named(ctx, name)
				return fault.New(fault.UserNotFound, "none")
			})
			w.pass(time.Second)
		}
		for name, masked := range map[string]string{
			asha: "+********3210", ravi: "+********5678", "SOMEONE@example.com": "s***@e***", "plain-name": "P***", "\x1b[31mred": "?***",
		} {
			rows := w.trail(userpool.AuditFilter{Name: name})
			if len(rows) != 1 || rows[0].Masked != masked || rows[0].UserID != "" {
				t.Errorf("%q: %+v", name, rows)
			}
		}
		all := w.trail(userpool.AuditFilter{Operation: "InitiateAuth"})
		newest := w.trail(userpool.AuditFilter{Operation: "InitiateAuth", Newest: true, Since: all[1].At, Until: all[3].At})
		if len(all) != 5 || len(newest) != 2 || newest[0].ID != all[2].ID || newest[1].ID != all[1].ID {
			t.Errorf("between: %+v", newest)
		}
	})
}

// A refresh says no name: the row has the one that the store has, as if it had been typed.
func TestAudit_OfACallThatSaysNoName_HasTheUsersOwn(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		w.must(w.audited("GetTokensFromRefreshToken", func(ctx context.Context) error {
			_, err := w.s.GetTokensFromRefreshToken(ctx, userpool.RefreshRequest{Caller: home, ClientID: w.client, RefreshToken: tokens.Refresh})
			return err
		}))
		w.pass(time.Second)
		rows := w.trail(userpool.AuditFilter{Name: asha, Operation: "GetTokensFromRefreshToken"})
		if len(rows) != 1 || rows[0].Masked != "+********3210" || rows[0].UserID == "" || rows[0].ClientID != w.client {
			t.Errorf("the trail: %+v", rows)
		}
	})
}

func TestAudit_LongTrail_IsReadToItsEnd(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		const rows = 1100 // more than two pages
		for i := range rows {
			ctx := w.s.Begin(w.ctx, userpool.Call{Operation: "AdminGetUser", Kind: userpool.ActorAdmin, Actor: fmt.Sprint(i)})
			w.s.End(ctx, nil)
		}
		w.pass(time.Minute)
		for _, newest := range []bool{false, true} {
			got := w.trail(userpool.AuditFilter{Operation: "AdminGetUser", Newest: newest})
			for i, r := range got {
				want := i
				if newest {
					want = rows - 1 - i
				}
				if r.Actor != fmt.Sprint(want) {
					t.Fatalf("newest %v: row %d is that of call %s", newest, i, r.Actor)
				}
			}
			if len(got) != rows {
				t.Errorf("newest %v: %d rows", newest, len(got))
			}
		}
	})
}

// conflicting is a store whose next transaction is run twice, as one is that
// conflicts with another, which comes between.
type conflicting struct {
	userpool.Store
	between atomic.Pointer[func()] // taken by the transaction that it comes between
}

var errConflict = errors.New("conflict")

func (s *conflicting) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	between := s.between.Swap(nil)
	if between == nil {
		return s.Store.Update(ctx, fn)
	}
	err := s.Store.Update(ctx, func(tx userpool.Tx) error { return errors.Join(fn(tx), errConflict) })
	if !errors.Is(err, errConflict) {
		return err
	}
	(*between)()
	return s.Store.Update(ctx, fn)
}

func TestAudit_OfATransactionThatRanAgain_TellsTheLastRun(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		store := &conflicting{Store: w.store}
		w.on(store)
		w.stop()
		w.pass(time.Minute)
		r := w.custom(home, asha)
		admin := w.s
		w.start()
		w.settle()
		w.stop()
		store.between.Store(new(func() { w.must(admin.AdminDisableUser(w.ctx, w.pool, asha)) }))
		err := w.audited("RespondToAuthChallenge", func(ctx context.Context) error {
			_, err := w.s.RespondToAuthChallenge(ctx, userpool.AnswerRequest{
				Caller: home, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
				Responses: map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)},
			})
			return err
		})
		if err == nil {
			t.Fatal("who was disabled meanwhile has signed in")
		}
		w.s.FlushAudit(w.ctx)
		w.start()
		rows := w.trail(userpool.AuditFilter{Operation: "RespondToAuthChallenge"})
		if len(rows) != 1 || rows[0].Outcome != userpool.OutcomeRefused || rows[0].ActorKind != userpool.ActorAnonymous {
			t.Errorf("the trail: %+v", rows)
		}
	})
}
