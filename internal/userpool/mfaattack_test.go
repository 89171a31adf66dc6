package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// In a strict pool a sign-up with a user's own contact ends in his sign-in. Whoever
// reads his mail alone is asked for what he cannot read.
func TestMFA_SignUpByMailOfAUser_IsNotFollowedByHisMail(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict, flows: allFlows, design: func(s *userpool.PoolSettings) {
		bothNames(s)
		optional(s)
	}}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.withMail(access)
		w.must(w.prefer(access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true}, userpool.FactorChoice{Factor: "EMAIL_OTP", Enabled: true}))
		w.pass(time.Minute)

		r := w.signUp(stranger, mailbox1, intruders)
		session, err := w.confirm(stranger, mailbox1, w.mailed(mailbox1), r.Session)
		w.must(err)
		next, err := w.initiate(stranger, "USER_AUTH", session, "USERNAME", mailbox1)
		w.asked(next, err, "SMS_MFA")
	})
}

// Where everybody gives a second factor, the password is not reset by the one that
// would be asked for after it: a phone alone would be both.
func TestMFA_Required_PasswordIsNotResetByTheFactorThatFollows(t *testing.T) {
	forgot := func(w *world) error {
		_, err := w.s.ForgotPassword(w.ctx, userpool.ForgotPasswordRequest{Caller: stranger, ClientID: w.client, Username: asha})
		w.settle()
		return err
	}
	inWorld(t, options{flows: allFlows, legacy: true, tags: map[string]string{"bellhop:second-factor": "required"}}, func(w *world) {
		r := w.signUp(home, asha, password)
		_, err := w.confirm(home, asha, w.code(asha), r.Session)
		w.must(err)
		before := w.texts(asha)
		w.want(forgot(w), fault.InvalidParameter, "")
		if n := w.texts(asha) - before; n != 0 {
			t.Errorf("%d texts to the number that is the second factor", n)
		}
	})
	inWorld(t, options{flows: allFlows, legacy: true, design: func(s *userpool.PoolSettings) {
		required(s)
		s.MFA.Configuration = userpool.MFAOptional
	}}, func(w *world) {
		access := w.member(home, asha, password).Access
		_, err := w.s.SetUserPoolMFA(w.ctx, userpool.PoolMFA{ID: w.pool, Factors: true, MFA: userpool.MFASettings{Configuration: userpool.MFAOn, SMS: true, SoftwareToken: true, Email: true}})
		w.must(err)
		w.must(forgot(w)) // he has no other way
		w.withMail(access)
		w.pass(time.Hour)
		texts, mails := w.texts(asha), len(w.mail.to(mailbox1))
		w.must(forgot(w))
		if w.texts(asha) != texts || len(w.mail.to(mailbox1)) != mails+1 {
			t.Errorf("%d texts, %d e-mails", w.texts(asha)-texts, len(w.mail.to(mailbox1))-mails)
		}
	})
}

// Who turns a factor on and off for ever is told of it by text where he has no
// address: no way around the limits on texts, to a number that pays its owner.
func TestMFA_FactorsTurnedOnAndOff_TextLittle(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.withApp(access)
		before, refused := w.texts(asha), 0
		for n := range 60 {
			err := w.prefer(access, userpool.FactorChoice{Factor: "SOFTWARE_TOKEN_MFA", Enabled: n%2 == 1})
			if err != nil {
				w.want(err, fault.LimitExceeded, "")
				refused++
			}
			w.settle()
		}
		if n := w.texts(asha) - before; n > 20 || refused == 0 {
			t.Errorf("%d texts, %d refused", n, refused)
		}
	})
}

// Somebody whose phone was taken turns its codes off. What the thief began with the
// password before that ends with them.
func TestMFA_FactorTurnedOff_EndsWhatWaitsForIt(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.must(w.prefer(access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true}))
		w.pass(time.Minute)
		r, err := w.passwordOf(stranger, asha, password)
		w.asked(r, err, "SMS_MFA")
		code := w.code(asha)
		w.withApp(access)
		w.must(w.prefer(access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: false}))
		_, err = w.answer(stranger, "SMS_MFA", r.Session, "USERNAME", asha, "SMS_MFA_CODE", code)
		w.want(err, fault.NotAuthorized, "Invalid session for the user.")
	})
}
