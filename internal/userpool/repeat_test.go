package userpool_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// tried is a caller whose SDK names its user action.
func tried(c userpool.Caller, action, body string) userpool.Caller {
	c.Invocation, c.Body = action, bodyHash(body)
	return c
}

// bodyHash is a Caller's Body.
func bodyHash(of string) func() string { return func() string { return of } }

func TestRepeat_InitiateAuth_FirstAnswerAndOneText(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		c := tried(home, "a-1", "InitiateAuth "+asha)
		first := w.custom(c, asha)
		w.pass(59 * time.Second) // past the resend gap
		c.Address = mobile.Address
		again := w.custom(c, asha)
		if again.Session != first.Session {
			t.Error("the repeat got another Session")
		}
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts, want the sign-up's and one", n)
		}
		w.pass(time.Second)
		if late := w.custom(c, asha); late.Session == first.Session {
			t.Error("after 60 s it is a new wish")
		}
	})
}

// Without the SDK's invocation a neighbour behind the same address can send the
// same words. He gets a Session of his own, and no text costs anything.
func TestRepeat_WithoutInvocation_NobodyIsGivenAnothersSession(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		c := tried(home, "", "InitiateAuth "+asha)
		mine := w.custom(c, asha)
		his := w.custom(c, asha)
		if his.Session == mine.Session {
			t.Fatal("a neighbour got the Session")
		}
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts, want the sign-up's and one", n)
		}
		code := w.code(asha)
		_, err := w.answer(home, "CUSTOM_CHALLENGE", his.Session, "USERNAME", asha, "ANSWER", wrongCode(code))
		w.must(err)
		r, err := w.answer(home, "CUSTOM_CHALLENGE", mine.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err) // he burnt no Session but his own
		w.tokens(r)
	})
}

func TestRepeat_WithoutInvocation_NoOracleForConfirmedCodes(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(home, asha, "")
		code := w.code(asha)
		body := func(code string) userpool.Caller { return tried(home, "", "ConfirmSignUp "+asha+code) }
		_, err := w.confirm(body(code), asha, code, "")
		w.must(err)
		for _, guess := range []string{wrongCode(code), code} { // a neighbour, at once
			_, err := w.confirm(body(guess), asha, guess, "")
			w.want(err, fault.ExpiredCode, "")
		}
	})
}

func TestRepeat_WithoutInvocation_SignUpAndAnswerWithASession(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		up := tried(home, "", "SignUp "+asha)
		first := w.signUp(up, asha, "")
		if again := w.signUp(up, asha, ""); again.Sub != first.Sub {
			t.Error("the repeat made another registration")
		}
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestRepeat_SignUpOfSomebodyDeletedSince_IsANewOne(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := tried(home, "h-1", "SignUp")
		first := w.signUp(c, asha, "")
		_, err := w.confirm(home, asha, w.code(asha), first.Session)
		w.must(err)
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
		if again := w.signUp(c, asha, ""); again.Sub == first.Sub {
			t.Error("the sub of a deleted user was given again")
		}
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestRepeat_AfterTheAnswerWasUsed_IsANewWish(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		c := tried(home, "", "InitiateAuth "+asha)
		for range 3 { // sign in, out and in again within the minute
			r := w.custom(c, asha)
			r, err := w.answer(tried(home, "", "answer "+r.Session), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
			w.must(err)
			w.tokens(r)
		}
	})
}

func TestRepeat_Answer_SameFamilyFreshlySigned(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r := w.custom(home, asha)
		code := w.code(asha)
		c := tried(home, "b-1", "RespondToAuthChallenge "+r.Session+code)
		send := func() (userpool.Tokens, error) {
			a, err := w.answer(c, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
			if err != nil {
				return userpool.Tokens{}, err
			}
			return w.tokens(a), nil
		}
		first, err := send()
		w.must(err)
		w.pass(30 * time.Second)
		again, err := send()
		w.must(err)
		if again.Refresh != first.Refresh {
			t.Error("the repeat opened another family")
		}
		if again.Access == first.Access {
			t.Error("the repeat was not signed afresh")
		}
		w.must(w.revoke(first.Refresh))
		_, err = send()
		w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
	})
}

func TestRepeat_DisabledSince_GetsNoTokens(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(home, asha, "")
		session, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		c := tried(home, "c-1", "InitiateAuth USER_AUTH")
		_, err = w.initiate(c, "USER_AUTH", session, "USERNAME", asha)
		w.must(err)
		w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
		_, err = w.initiate(c, "USER_AUTH", session, "USERNAME", asha)
		w.want(err, fault.NotAuthorized, "")
	})
}

func TestRepeat_WrongAnswer_CountsOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		code := w.code(asha)
		c := tried(home, "d-1", "wrong")
		for range 10 {
			_, err := w.answer(c, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", wrongCode(code))
			w.want(err, fault.CodeMismatch, "Invalid code or auth state for the user.")
		}
		r, err = w.answer(home, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", code)
		w.must(err)
		w.tokens(r)
	})
}

func TestRepeat_SignUpConfirmAndResend_NothingTwice(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		up := tried(home, "e-1", "SignUp")
		first := w.signUp(up, asha, "")
		if again := w.signUp(up, asha, ""); again.Sub != first.Sub || again.Session != first.Session {
			t.Error("the repeat made another registration")
		}
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts after a repeated SignUp", n)
		}
		w.pass(31 * time.Second)
		again := tried(home, "e-2", "Resend")
		w.must(w.resend(again, asha))
		w.pass(31 * time.Second)
		w.must(w.resend(again, asha)) // 31 s later, but the same action
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts after a repeated resend", n)
		}
		confirm := tried(home, "e-3", "Confirm")
		code := w.code(asha)
		session, err := w.confirm(confirm, asha, code, "")
		w.must(err)
		same, err := w.confirm(confirm, asha, code, "")
		w.must(err)
		if same != session {
			t.Error("the repeat got another Session")
		}
	})
}

func TestRepeat_Rotation_SameSuccessorWithoutAGrace(t *testing.T) {
	inWorld(t, options{rotation: true}, func(w *world) {
		first := w.member(home, asha, "")
		send := func(action string) (userpool.Tokens, error) {
			return w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{
				Caller: tried(home, action, "refresh"), ClientID: w.client, RefreshToken: first.Refresh,
			})
		}
		second, err := send("f-1")
		w.must(err)
		again, err := send("f-1")
		w.must(err)
		if again.Refresh != second.Refresh {
			t.Error("the repeat got another successor")
		}
		_, err = send("f-2")
		w.want(err, fault.RefreshTokenReuse, "")
	})
}

func TestRepeat_RefusedForTheBudget_IsNotCounted(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for i := range 3 {
			w.signUp(caller(fmt.Sprintf("192.0.2.%d", i)), asha, "")
		}
		c := tried(home, "g-1", "SignUp")
		for range 3 {
			_, err := w.trySignUp(c, asha, "")
			w.want(err, fault.LimitExceeded, "")
		}
		w.pass(10 * time.Minute)
		w.signUp(home, asha, "") // refusals have not moved the window
	})
}

// keptKeys notes under which keys answers are kept.
type keptKeys struct {
	userpool.Store
	keys []string
}

type keyNoting struct {
	userpool.Tx
	s *keptKeys
}

func (s *keptKeys) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.Store.Update(ctx, func(tx userpool.Tx) error { return fn(keyNoting{tx, s}) })
}

func (tx keyNoting) PutRepeat(ctx context.Context, key, answer string, expires time.Time) error {
	tx.s.keys = append(tx.s.keys, key)
	return tx.Tx.PutRepeat(ctx, key, answer, expires)
}

// What is kept of sign-ins of one time comes to lie together in the store.
func TestRepeat_KeysOfAnswersToSessions_AreInTheOrderOfTime(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		store := &keptKeys{Store: w.store}
		w.on(store)
		for i := range 12 {
			w.pass(time.Minute)
			r := w.custom(home, asha)
			_, err := w.answer(tried(home, "", fmt.Sprint("RespondToAuthChallenge ", i)), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
			w.must(err)
		}
		if len(store.keys) != 12 || !slices.IsSorted(store.keys) {
			t.Errorf("%d answers were kept, under %q", len(store.keys), store.keys)
		}
	})
}
