package userpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// tried is a caller whose SDK names its user action.
func tried(c userpool.Caller, action, body string) userpool.Caller {
	c.Invocation, c.Body = action, body
	return c
}

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

func TestRepeat_WithoutInvocation_SameBodyAndAddress(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		c := tried(home, "", "InitiateAuth "+asha)
		first := w.custom(c, asha)
		if again := w.custom(c, asha); again.Session != first.Session {
			t.Error("the repeat got another Session")
		}
		c.Address = stranger.Address
		if other := w.custom(c, asha); other.Session == first.Session {
			t.Error("another address got the Session")
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
