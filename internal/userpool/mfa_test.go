package userpool_test

import (
	"context"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/totp"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// app is an authenticator app on somebody's phone.
type app struct{ secret totp.Secret }

// code is what the app shows.
func (a app) code() string { return a.secret.Code(time.Now()) }

func (w *world) appOf(secret string) app {
	w.t.Helper()
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	w.must(err)
	return app{raw}
}

// optional is a pool with every second factor for who wants one.
func optional(set *userpool.PoolSettings) {
	set.MFA = userpool.MFASettings{Configuration: userpool.MFAOptional, SMS: true, SoftwareToken: true, Email: true}
	set.AutoVerified = []string{"phone_number", "email"}
}

// required is one that wants one of everybody.
func required(set *userpool.PoolSettings) {
	optional(set)
	set.MFA.Configuration = userpool.MFAOn
	set.FirstFactors = []string{userpool.FactorPassword}
}

const mailbox1 = "asha@example.com"

// withApp sets up an authenticator app for the holder of the token, and turns it on.
// The app's next code is a fresh one.
func (w *world) withApp(access string) app {
	w.t.Helper()
	made, err := w.s.AssociateSoftwareToken(w.ctx, userpool.TokenHolder{Caller: home, AccessToken: access})
	w.must(err)
	a := w.appOf(made.Secret)
	_, err = w.s.VerifySoftwareToken(w.ctx, userpool.TokenHolder{Caller: home, AccessToken: access}, a.code(), "Asha's phone")
	w.must(err)
	w.must(w.prefer(access, userpool.FactorChoice{Factor: "SOFTWARE_TOKEN_MFA", Enabled: true, Preferred: true}))
	w.pass(time.Minute)
	return a
}

func (w *world) prefer(access string, choices ...userpool.FactorChoice) error {
	return w.s.SetUserMFAPreference(w.ctx, access, choices)
}

// withMail gives the holder of the token a verified address.
func (w *world) withMail(access string) {
	w.t.Helper()
	_, err := w.s.UpdateUserAttributes(w.ctx, home, access, []userpool.Attribute{{Name: "email", Value: mailbox1}}, nil)
	w.must(err)
	w.must(w.s.VerifyUserAttribute(w.ctx, home, access, "email", w.mailed(mailbox1)))
}

// asked fails the test unless the sign-in goes on with the challenge.
func (w *world) asked(r userpool.AuthResult, err error, challenge string) userpool.AuthResult {
	w.t.Helper()
	w.must(err)
	if r.Challenge != challenge || r.Session == "" || r.Tokens != nil {
		w.t.Fatalf("got %+v, want %s", r, challenge)
	}
	return r
}

func (w *world) token(r userpool.AuthResult, code string) (userpool.AuthResult, error) {
	return w.answer(home, "SOFTWARE_TOKEN_MFA", r.Session, "USERNAME", asha, "SOFTWARE_TOKEN_MFA_CODE", code)
}

func TestMFA_EveryFirstFactor_IsFollowedByTheApp(t *testing.T) {
	for _, c := range []struct {
		name  string
		first func(w *world) (userpool.AuthResult, error)
	}{
		{"USER_PASSWORD_AUTH", func(w *world) (userpool.AuthResult, error) { return w.plainPassword(home, asha, password) }},
		{"USER_AUTH with PASSWORD", func(w *world) (userpool.AuthResult, error) { return w.passwordOf(home, asha, password) }},
		{"USER_SRP_AUTH", func(w *world) (userpool.AuthResult, error) { return w.bySRP("USER_SRP_AUTH", asha, password) }},
		{"CUSTOM_AUTH with SRP", func(w *world) (userpool.AuthResult, error) {
			return w.bySRP("CUSTOM_AUTH", asha, password, "CHALLENGE_NAME", "SRP_A")
		}},
		{"CUSTOM_AUTH", func(w *world) (userpool.AuthResult, error) {
			return w.answer(home, "CUSTOM_CHALLENGE", w.custom(home, asha).Session, "USERNAME", asha, "ANSWER", w.code(asha))
		}},
		{"USER_AUTH with SMS_OTP", func(w *world) (userpool.AuthResult, error) {
			r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			return w.answer(home, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", w.code(asha))
		}},
		{"ADMIN_USER_PASSWORD_AUTH", func(w *world) (userpool.AuthResult, error) {
			return w.s.InitiateAuth(w.ctx, userpool.AuthRequest{Caller: home, PoolID: w.pool, ClientID: w.client, Flow: "ADMIN_USER_PASSWORD_AUTH",
				Parameters: pairs([]string{"USERNAME", asha, "PASSWORD", password})})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{flows: append(slices.Clone(allFlows), userpool.AllowAdminPassword), design: optional}, func(w *world) {
				a := w.withApp(w.member(home, asha, password).Access)
				before := w.texts(asha)
				r, err := c.first(w)
				w.asked(r, err, "SOFTWARE_TOKEN_MFA")
				if r.Parameters["FRIENDLY_DEVICE_NAME"] != "Asha's phone" || r.Parameters["USER_ID_FOR_SRP"] == "" {
					t.Errorf("parameters %v", r.Parameters)
				}
				_, err = w.token(r, wrongCode(a.code()))
				w.want(err, fault.CodeMismatch, "Invalid code received for user")
				done, err := w.token(r, a.code())
				w.must(err)
				w.tokens(done)
				_, err = w.token(r, a.code())
				w.want(err, fault.NotAuthorized, "session can only be used once")
				if more := w.texts(asha) - before; more > 1 {
					t.Errorf("%d texts", more)
				}
			})
		})
	}
}

func TestMFA_CodeOfTheApp_ServesOnce_AndNoneBeforeIt(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		a := w.withApp(w.member(home, asha, password).Access)
		first := func() userpool.AuthResult {
			r, err := w.passwordOf(home, asha, password)
			return w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		}
		earlier, code := a.secret.Code(time.Now().Add(-30*time.Second)), a.code()
		r := first()
		done, err := w.token(r, code)
		w.must(err)
		w.tokens(done)
		r = first()
		for _, used := range []string{code, earlier} {
			_, err = w.token(r, used)
			w.want(err, fault.ExpiredCode, "Your software token has already been used once.")
		}
		w.pass(30 * time.Second)
		done, err = w.token(r, a.code())
		w.must(err)
		w.tokens(done)
	})
}

func TestMFA_SameCodeFromManySessions_HasOneWinner(t *testing.T) {
	const racers = 32
	inWorld(t, options{design: optional, limitsOff: true}, func(w *world) {
		a := w.withApp(w.member(home, asha, password).Access)
		sessions := make([]userpool.AuthResult, racers)
		for i := range sessions {
			r, err := w.passwordOf(caller(fmt.Sprint("203.0.113.", i+1)), asha, password) // each with tries of its own
			sessions[i] = w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		}
		code, won := a.code(), make([]bool, racers)
		var all sync.WaitGroup
		for i, r := range sessions {
			all.Go(func() {
				done, err := w.token(r, code)
				won[i] = err == nil && done.Tokens != nil
			})
		}
		all.Wait()
		if n := len(slices.DeleteFunc(won, func(b bool) bool { return !b })); n != 1 {
			t.Errorf("%d sign-ins by one code", n)
		}
	})
}

// A stranger who has the password has few guesses, and those of the owner's own
// device are not among them.
func TestMFA_StrangerWithThePassword_GuessesLittle_AndShutsNobodyOut(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		first := w.member(home, asha, password)
		a, phone := w.withApp(first.Access), on(home, w.newDevice(first))
		guesses, refused := 0, 0
		for range 40 {
			r, err := w.passwordOf(stranger, asha, password)
			w.must(err)
			for range 5 {
				_, err := w.answer(stranger, "SOFTWARE_TOKEN_MFA", r.Session, "USERNAME", asha, "SOFTWARE_TOKEN_MFA_CODE", wrongCode(a.code()))
				switch {
				case fault.Is(err, fault.CodeMismatch):
					guesses++
				case fault.Is(err, fault.LimitExceeded):
					refused++
				default:
					t.Fatal(err)
				}
			}
			w.pass(30 * time.Minute)
		}
		if guesses > 25 || refused == 0 {
			t.Errorf("%d guesses in 20 hours, %d refused", guesses, refused)
		}
		r, err := w.passwordOf(phone, asha, password)
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		done, err := w.answer(phone, "SOFTWARE_TOKEN_MFA", r.Session, "USERNAME", asha, "SOFTWARE_TOKEN_MFA_CODE", a.code())
		w.must(err)
		w.tokens(done)
	})
}

func TestMFA_ByTextAndMail_AndTheChoiceOfSeveral(t *testing.T) {
	inWorld(t, options{design: optional, flows: allFlows}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.withMail(access)
		sms, mail := userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true}, userpool.FactorChoice{Factor: "EMAIL_OTP", Enabled: true}
		w.must(w.prefer(access, sms))
		w.pass(time.Minute)
		before := w.texts(asha)
		r, err := w.plainPassword(home, asha, password)
		w.asked(r, err, "SMS_MFA")
		if r.Parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != "SMS" || !strings.HasSuffix(r.Parameters["CODE_DELIVERY_DESTINATION"], "3210") || w.texts(asha) != before+1 {
			t.Errorf("%v, %d texts", r.Parameters, w.texts(asha)-before)
		}
		_, err = w.answer(home, "SMS_MFA", r.Session, "USERNAME", asha, "SMS_MFA_CODE", wrongCode(w.code(asha)))
		w.want(err, fault.CodeMismatch, "Invalid code or auth state for the user.")
		done, err := w.answer(home, "SMS_MFA", r.Session, "USERNAME", asha, "SMS_MFA_CODE", w.code(asha))
		w.must(err)
		w.tokens(done)

		w.must(w.prefer(access, mail))
		r, err = w.plainPassword(home, asha, password)
		w.asked(r, err, "SELECT_MFA_TYPE")
		if got := r.Parameters["MFAS_CAN_CHOOSE"]; got != `["SMS_MFA","EMAIL_OTP"]` {
			t.Errorf("can choose %s", got)
		}
		_, err = w.answer(home, "SELECT_MFA_TYPE", r.Session, "USERNAME", asha, "ANSWER", "SOFTWARE_TOKEN_MFA")
		w.want(err, fault.InvalidParameter, "")
		r, err = w.answer(home, "SELECT_MFA_TYPE", r.Session, "USERNAME", asha, "ANSWER", "EMAIL_OTP")
		w.asked(r, err, "EMAIL_OTP")
		_, err = w.answer(home, "EMAIL_OTP", r.Session, "USERNAME", asha, "EMAIL_OTP_CODE", wrongCode(w.mailed(mailbox1)))
		w.want(err, fault.CodeMismatch, "")
		done, err = w.answer(home, "EMAIL_OTP", r.Session, "USERNAME", mailbox1, "EMAIL_MFA_CODE", w.mailed(mailbox1))
		if err == nil || done.Tokens != nil {
			t.Error("an address that is no sign-in name names the user")
		}
		done, err = w.answer(home, "EMAIL_OTP", r.Session, "USERNAME", asha, "EMAIL_MFA_CODE", w.mailed(mailbox1))
		w.must(err)
		w.tokens(done)

		mail.Preferred = true
		w.must(w.prefer(access, mail))
		w.pass(time.Minute)
		r, err = w.plainPassword(home, asha, password)
		w.asked(r, err, "EMAIL_OTP")
	})
}

func TestMFA_Required_SetsUpAnAppBeforeThereAreTokens(t *testing.T) {
	inWorld(t, options{design: func(set *userpool.PoolSettings) {
		required(set)
		set.MFA = userpool.MFASettings{Configuration: userpool.MFAOn, SoftwareToken: true}
	}, flows: allFlows}, func(w *world) {
		r := w.signUp(home, asha, password)
		_, err := w.confirm(home, asha, w.code(asha), r.Session)
		w.must(err)
		auth, err := w.plainPassword(home, asha, password)
		w.asked(auth, err, "MFA_SETUP")
		if got := auth.Parameters["MFAS_CAN_SETUP"]; got != `["SOFTWARE_TOKEN_MFA"]` {
			t.Errorf("can set up %s", got)
		}
		_, err = w.answer(home, "MFA_SETUP", auth.Session, "USERNAME", asha)
		w.want(err, fault.InvalidParameter, "")

		other, err := w.plainPassword(stranger, asha, password) // begun at the same time
		w.asked(other, err, "MFA_SETUP")
		theirs, err := w.s.AssociateSoftwareToken(w.ctx, userpool.TokenHolder{Caller: stranger, Session: other.Session})
		w.must(err)

		made, err := w.s.AssociateSoftwareToken(w.ctx, userpool.TokenHolder{Caller: home, Session: auth.Session})
		w.must(err)
		a := w.appOf(made.Secret)
		_, err = w.s.AssociateSoftwareToken(w.ctx, userpool.TokenHolder{Caller: mobile, Session: auth.Session})
		w.want(err, fault.NotAuthorized, "session can only be used once")
		holder := userpool.TokenHolder{Caller: home, Session: made.Session}
		_, err = w.s.VerifySoftwareToken(w.ctx, holder, wrongCode(a.code()), "")
		w.want(err, fault.EnableSoftwareToken, "Code mismatch")
		session, err := w.s.VerifySoftwareToken(w.ctx, holder, a.code(), "phone")
		w.must(err)
		done, err := w.answer(home, "MFA_SETUP", session, "USERNAME", asha)
		w.must(err)
		view, err := w.s.GetUser(w.ctx, w.tokens(done).Access)
		w.must(err)
		if !slices.Equal(view.MFA, []string{"SOFTWARE_TOKEN_MFA"}) {
			t.Errorf("on is %v", view.MFA)
		}
		_, err = w.s.VerifySoftwareToken(w.ctx, userpool.TokenHolder{Caller: stranger, Session: theirs.Session}, w.appOf(theirs.Secret).code(), "")
		w.want(err, fault.NotAuthorized, "Invalid session")
		w.pass(time.Minute)
		auth, err = w.plainPassword(home, asha, password)
		w.asked(auth, err, "SOFTWARE_TOKEN_MFA")
	})
}

func TestMFA_Required_SetsUpAnAddress(t *testing.T) {
	inWorld(t, options{design: func(set *userpool.PoolSettings) {
		required(set)
		set.MFA = userpool.MFASettings{Configuration: userpool.MFAOn, Email: true}
	}, flows: allFlows}, func(w *world) {
		r := w.signUp(home, asha, password)
		_, err := w.confirm(home, asha, w.code(asha), r.Session)
		w.must(err)
		auth, err := w.plainPassword(home, asha, password)
		w.asked(auth, err, "MFA_SETUP")
		auth, err = w.answer(home, "MFA_SETUP", auth.Session, "USERNAME", asha, "EMAIL", mailbox1)
		w.asked(auth, err, "EMAIL_OTP")
		done, err := w.answer(home, "EMAIL_OTP", auth.Session, "USERNAME", asha, "EMAIL_OTP_CODE", w.mailed(mailbox1))
		w.must(err)
		access := w.tokens(done).Access
		if w.attribute(access, "email") != mailbox1 || w.attribute(access, "email_verified") != "true" {
			t.Error("the address is not the user's")
		}
		auth, err = w.plainPassword(home, asha, password)
		w.asked(auth, err, "EMAIL_OTP")
	})
}

// What follows a texted code, by the pool's tag and what the user has.
func TestSecondFactor_AfterATextedCode(t *testing.T) {
	sms := userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true}
	for _, c := range []struct {
		name     string
		tag      string
		mfaOff   bool // no MfaConfiguration: the tag alone
		password string
		has      func(w *world, access string)
		want     string // "" for tokens
		refused  fault.Kind
	}{
		{name: "off, none", tag: "off"},
		{name: "off, an app", tag: "off", has: func(w *world, access string) { w.withApp(access) }, want: "SOFTWARE_TOKEN_MFA"},
		{name: "optional, none", tag: "optional", mfaOff: true},
		{name: "optional, an app", tag: "optional", mfaOff: true, has: func(w *world, access string) { w.withApp(access) }, want: "SOFTWARE_TOKEN_MFA"},
		{name: "optional, an address that is no factor", tag: "optional", mfaOff: true, has: func(w *world, access string) { w.withMail(access) }},
		{name: "required, none", tag: "required", mfaOff: true, want: "MFA_SETUP"},
		{name: "required, an address", tag: "required", mfaOff: true, has: func(w *world, access string) { w.withMail(access) }, want: "EMAIL_OTP"},
		{name: "texts alone, no password", tag: "optional", has: func(w *world, access string) { w.must(w.prefer(access, sms)) }},
		{name: "texts alone and a password", tag: "optional", password: password, has: func(w *world, access string) { w.must(w.prefer(access, sms)) }, refused: fault.NotAuthorized},
		{name: "required, texts alone, no password", tag: "required", has: func(w *world, access string) { w.must(w.prefer(access, sms)) }, want: "MFA_SETUP"},
	} {
		t.Run(c.name, func(t *testing.T) {
			design := optional
			if c.mfaOff {
				design = func(set *userpool.PoolSettings) { set.AutoVerified = []string{"phone_number", "email"} }
			}
			inWorld(t, options{tags: map[string]string{"bellhop:second-factor": "optional"}, design: design}, func(w *world) {
				access := w.member(home, asha, c.password).Access
				if c.has != nil {
					c.has(w, access)
				}
				w.must(w.s.TagPool(w.ctx, w.pool, map[string]string{"bellhop:second-factor": c.tag}))
				w.pass(time.Minute)
				before := w.texts(asha)
				r := w.custom(home, asha)
				r, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
				switch {
				case c.refused != 0:
					w.want(err, c.refused, "Sign in with the password")
				case c.want == "":
					w.must(err)
					w.tokens(r)
				default:
					w.asked(r, err, c.want)
				}
				if n := w.texts(asha) - before; n != 1 {
					t.Errorf("%d texts, and a phone is proved once", n)
				}
			})
		})
	}
}

func TestFactors_OfAUserWithASecondFactor_AreOfferedAsCognitoOffersThem(t *testing.T) {
	for _, c := range []struct {
		behaviour userpool.Behaviour
		tag       string
		want      []string
	}{
		{userpool.CognitoExact, "off", []string{"PASSWORD", "PASSWORD_SRP"}},
		{userpool.CognitoExact, "required", []string{"PASSWORD", "PASSWORD_SRP"}},
		{userpool.Standard, "off", []string{"PASSWORD", "PASSWORD_SRP"}},
		{userpool.Standard, "optional", []string{"PASSWORD", "PASSWORD_SRP", "SMS_OTP"}},
	} {
		t.Run(string(c.behaviour)+" "+c.tag, func(t *testing.T) {
			inWorld(t, options{behaviour: c.behaviour, legacy: true, tags: map[string]string{"bellhop:second-factor": c.tag}, design: optional}, func(w *world) {
				access := w.member(home, asha, password).Access
				r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
				w.must(err)
				if !slices.Contains(r.Available, "SMS_OTP") {
					t.Errorf("without a factor: %v", r.Available)
				}
				w.withApp(access)
				r, err = w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
				w.must(err)
				if !slices.Equal(r.Available, c.want) {
					t.Errorf("with one: %v, want %v", r.Available, c.want)
				}
			})
		})
	}
}

func TestMFA_UnprovedNumber_IsNoFactor_ButOnCognito(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.CognitoExact} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{behaviour: behaviour, flows: allFlows, design: func(set *userpool.PoolSettings) {
				required(set)
				set.UsernameAttributes, set.AutoVerified = nil, []string{"email"}
				set.MFA = userpool.MFASettings{Configuration: userpool.MFAOn, SMS: true, SoftwareToken: true}
			}}, func(w *world) {
				_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "asha", TemporaryPassword: intruders, Suppress: true,
					Attributes: []userpool.Attribute{{Name: "phone_number", Value: asha}}})
				w.must(err)
				w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, "asha", password, true))
				err = w.s.AdminSetUserMFAPreference(w.ctx, w.pool, "asha", []userpool.FactorChoice{{Factor: "SMS_MFA", Enabled: true}})
				r, signIn := w.plainPassword(home, "asha", password)
				if behaviour == userpool.Standard {
					w.want(err, fault.InvalidParameter, "User does not have delivery config set to turn on SMS_MFA")
					w.asked(r, signIn, "MFA_SETUP")
					return
				}
				w.must(err)
				w.asked(r, signIn, "SMS_MFA")
				done, err := w.answer(home, "SMS_MFA", r.Session, "USERNAME", "asha", "SMS_MFA_CODE", w.code(asha))
				w.must(err)
				if w.attribute(w.tokens(done).Access, "phone_number_verified") != "true" {
					t.Error("the number is not verified by its code")
				}
			})
		})
	}
}

// A reset of the password opens the account to nobody without the second factor, and
// a code by the second factor's own way resets none.
func TestMFA_Reset_DoesNotBypassIt(t *testing.T) {
	inWorld(t, options{design: optional, legacy: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		a := w.withApp(access)
		_, err := w.s.ForgotPassword(w.ctx, userpool.ForgotPasswordRequest{Caller: home, ClientID: w.client, Username: asha})
		w.must(err)
		w.must(w.reset(home, asha, w.code(asha), "Another-Horse-7"))
		r, err := w.passwordOf(home, asha, "Another-Horse-7")
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		done, err := w.token(r, a.code())
		w.must(err)
		w.must(w.prefer(w.tokens(done).Access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true}))
		_, err = w.s.ForgotPassword(w.ctx, userpool.ForgotPasswordRequest{Caller: home, ClientID: w.client, Username: asha})
		w.want(err, fault.InvalidParameter, "Cannot reset password")
	})
}

func TestMFA_ChangesOfFactors_AreToldByAnotherWay_AndWrittenDown(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.withMail(access)
		mails, texts := len(w.mail.to(mailbox1)), w.texts(asha)
		w.withApp(access) // verified, and turned on
		w.must(w.prefer(access, userpool.FactorChoice{Factor: "EMAIL_OTP", Enabled: true}))
		w.must(w.prefer(access, userpool.FactorChoice{Factor: "SOFTWARE_TOKEN_MFA"}))
		w.settle()
		if got := len(w.mail.to(mailbox1)) - mails; got != 2 {
			t.Errorf("%d e-mails of the app", got)
		}
		if got := w.texts(asha) - texts; got != 1 {
			t.Errorf("%d texts of the e-mail factor", got)
		}
		view, err := w.s.GetUser(w.ctx, access)
		w.must(err)
		if !slices.Equal(view.MFA, []string{"EMAIL_OTP"}) || view.PreferredMFA != "" {
			t.Errorf("on is %v, preferred %q", view.MFA, view.PreferredMFA)
		}
	})
}

func TestSetUserMFAPreference_RefusesWhatIsNoFactor(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		access := w.member(home, asha, password).Access
		for factor, message := range map[string]string{
			"SOFTWARE_TOKEN_MFA": "User has not verified software token mfa",
			"EMAIL_OTP":          "User does not have delivery config set to turn on EMAIL_OTP",
		} {
			w.want(w.prefer(access, userpool.FactorChoice{Factor: factor, Enabled: true}), fault.InvalidParameter, message)
		}
		w.withApp(access)
		w.want(w.prefer(access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true, Preferred: true},
			userpool.FactorChoice{Factor: "SOFTWARE_TOKEN_MFA", Enabled: true, Preferred: true}), fault.InvalidParameter, "Only one")
		w.must(w.prefer(access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true, Preferred: true}))
		view, err := w.s.GetUser(w.ctx, access)
		w.must(err)
		if !slices.Equal(view.MFA, []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA"}) || view.PreferredMFA != "SMS_MFA" {
			t.Errorf("on is %v, preferred %q", view.MFA, view.PreferredMFA)
		}
		f, err := w.s.GetUserAuthFactors(w.ctx, access)
		w.must(err)
		if !slices.Equal(f.Configured, []string{"PASSWORD", "SMS_OTP", "SOFTWARE_TOKEN"}) {
			t.Errorf("configured are %v", f.Configured)
		}
	})
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		_, err := w.s.AssociateSoftwareToken(w.ctx, userpool.TokenHolder{Caller: home, AccessToken: access})
		w.want(err, fault.SoftwareTokenNotFound, "Software Token MFA has not been enabled by the userPool")
		w.want(w.prefer(access, userpool.FactorChoice{Factor: "SMS_MFA", Enabled: true}), fault.InvalidParameter, "no second factor of this user pool")
	})
}

// A pool's own functions see a second factor as little as Cognito's: theirs is the
// first, and PostAuthentication and PreTokenGeneration come at the end.
func TestMFA_AfterThePoolsOwnFunctions_AndWhatIsCalledWhen(t *testing.T) {
	f := tutorial()
	f.on(trigger.PostAuthentication, passing)
	f.on(trigger.PreTokenGeneration, passing)
	f.on(trigger.CustomMessage, func(e event) (map[string]any, error) {
		return map[string]any{"smsMessage": "Second step: {####}"}, nil
	})
	inTutorial(t, f, options{design: optional}, func(w *world) {
		w.must(w.s.AdminSetUserMFAPreference(w.ctx, w.pool, asha, []userpool.FactorChoice{{Factor: "SMS_MFA", Enabled: true}}))
		w.pass(time.Minute)
		f.forget()
		r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.must(err)
		r, err = w.reply(r, secretAnswer)
		w.asked(r, err, "SMS_MFA")
		w.settle()
		if texts := w.phone.TextsTo(asha); !strings.HasPrefix(texts[len(texts)-1].Body, "Second step: ") {
			t.Errorf("the text says %q", texts[len(texts)-1].Body)
		}
		called := func(source trigger.Source) bool { return slices.Contains(f.sources(), source) }
		if called(trigger.PostAuthenticationAuthentication) || called(trigger.TokenGenerationAuthentication) {
			t.Error("the sign-in is told of before it is one")
		}
		done, err := w.answer(home, "SMS_MFA", r.Session, "USERNAME", asha, "SMS_MFA_CODE", w.code(asha))
		w.must(err)
		w.tokens(done)
		if !called(trigger.PostAuthenticationAuthentication) || !called(trigger.TokenGenerationAuthentication) {
			t.Error("the sign-in is not told of")
		}
	})
}

// A user who comes to be by his first texted code is one, and the pool is told of him,
// though he goes away from the second step.
func TestMFA_UserMadeOnTheWay_IsToldOfAtOnce(t *testing.T) {
	f := newFunctions(trigger.PostConfirmation)
	inWorld(t, options{functions: f, tags: map[string]string{"bellhop:second-factor": "required"}}, func(w *world) {
		w.signUp(home, asha, "")
		w.pass(time.Minute)
		r := w.custom(home, asha)
		f.forget()
		r, err := w.answer(tried(home, "a-1", "code"), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.asked(r, err, "MFA_SETUP")
		if got := f.sources(); !slices.Equal(got, []trigger.Source{trigger.PostConfirmationConfirmSignUp}) {
			t.Errorf("called were %v", got)
		}
		view, err := w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.must(err)
		if view.Status != userpool.StatusConfirmed {
			t.Errorf("the user is %s", view.Status)
		}
	})
}

// Each step sent again, as SDKs do, has its first answer; and a new password does not
// pass the second factor by.
func TestMFA_NewPassword_ThenTheApp_AndRepeatsOfEachStep(t *testing.T) {
	inWorld(t, options{design: optional, flows: allFlows}, func(w *world) {
		a := w.withApp(w.member(home, asha, password).Access)
		w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, intruders, false))
		r, err := w.plainPassword(home, asha, intruders)
		w.asked(r, err, "NEW_PASSWORD_REQUIRED")
		answers := func(action, name, session string, responses ...string) userpool.AuthResult {
			var first userpool.AuthResult
			for range 3 {
				got, err := w.answer(tried(home, action, action), name, session, responses...)
				w.must(err)
				if first.Session != "" && got.Session != first.Session || first.Tokens != nil && w.claims(got.Tokens.Access)["origin_jti"] != w.claims(first.Tokens.Access)["origin_jti"] {
					t.Errorf("%s: another answer to a repeat", name)
				}
				first = got
			}
			return first
		}
		r = answers("invocation-of-a-password", "NEW_PASSWORD_REQUIRED", r.Session, "USERNAME", asha, "NEW_PASSWORD", password)
		w.asked(r, nil, "SOFTWARE_TOKEN_MFA")
		w.tokens(answers("invocation-of-the-app", "SOFTWARE_TOKEN_MFA", r.Session, "USERNAME", asha, "SOFTWARE_TOKEN_MFA_CODE", a.code()))
	})
}

// What ends the Sessions of a user ends those that wait for his second factor.
func TestMFA_SessionOfTheSecondStep_EndsWithThePassword(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		a := w.withApp(w.member(home, asha, password).Access)
		r, err := w.passwordOf(stranger, asha, password)
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, "Another-Horse-7", true))
		_, err = w.token(r, a.code())
		w.want(err, fault.NotAuthorized, "Invalid session")
	})
}

// An app that somebody set up in a sign-up that he never proved goes with the first
// proof of whose the number is.
func TestMFA_OfWhoNeverProvedTheNumber_GoesWithItsFirstCode(t *testing.T) {
	inWorld(t, options{design: optional, flows: allFlows}, func(w *world) {
		w.signUp(stranger, asha, intruders)
		w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
		r, err := w.plainPassword(stranger, asha, intruders)
		w.must(err)
		w.withApp(w.tokens(r).Access)
		access := w.texted(home, asha).Access // no app of a stranger's is asked for
		view, err := w.s.GetUser(w.ctx, access)
		w.must(err)
		if len(view.MFA) > 0 {
			t.Errorf("on is %v", view.MFA)
		}
		w.want(w.prefer(access, userpool.FactorChoice{Factor: "SOFTWARE_TOKEN_MFA", Enabled: true}), fault.InvalidParameter, "not verified")
	})
}

func TestMFA_TheTrailTellsOfIt(t *testing.T) {
	inWorld(t, options{design: optional}, func(w *world) {
		access := w.member(home, asha, password).Access
		a := w.withApp(access)
		w.must(w.audited("SetUserMFAPreference", func(ctx context.Context) error {
			return w.s.SetUserMFAPreference(ctx, access, []userpool.FactorChoice{{Factor: "SMS_MFA", Enabled: true}})
		}))
		var r userpool.AuthResult
		w.must(w.audited("InitiateAuth", func(ctx context.Context) (err error) {
			r, err = w.s.InitiateAuth(ctx, userpool.AuthRequest{Caller: home, ClientID: w.client, Flow: "USER_AUTH",
				Parameters: pairs([]string{"USERNAME", asha, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password})})
			return err
		}))
		err := w.audited("RespondToAuthChallenge", func(ctx context.Context) (err error) {
			_, err = w.s.RespondToAuthChallenge(ctx, userpool.AnswerRequest{Caller: home, ClientID: w.client, Challenge: "SOFTWARE_TOKEN_MFA", Session: r.Session,
				Responses: pairs([]string{"USERNAME", asha, "SOFTWARE_TOKEN_MFA_CODE", wrongCode(a.code())})})
			return err
		})
		w.want(err, fault.CodeMismatch, "")
		w.s.FlushAudit(w.ctx)
		details := map[string]string{}
		for _, row := range w.trail(userpool.AuditFilter{}) {
			details[row.Operation] = row.Detail + " " + row.Reason
		}
		for operation, want := range map[string]string{
			"SetUserMFAPreference": `"mfa":["sms"]`, "InitiateAuth": `"first_factor":"password"`, "RespondToAuthChallenge": "CodeMismatch",
		} {
			if !strings.Contains(details[operation], want) {
				t.Errorf("%s: %s, want %s", operation, details[operation], want)
			}
		}
	})
}
