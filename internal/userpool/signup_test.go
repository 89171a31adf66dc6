package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var named = userpool.Attribute{Name: "name", Value: "Asha"}

// canSignInWith says whether the password opens the account.
func (w *world) canSignInWith(number, password string) bool {
	r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", number, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
	return err == nil && r.Tokens != nil
}

func TestSignUp_EveryOneItsOwnRegistration(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		first := w.signUp(home, asha, "")
		firstCode := w.code(asha)
		second := w.signUp(stranger, asha, "")
		if first.Sub == second.Sub || first.Session == second.Session {
			t.Error("two sign-ups share a sub or a Session")
		}
		if w.code(asha) == firstCode {
			t.Error("two sign-ups share a code")
		}
		_, err := w.confirm(home, asha, firstCode, "")
		w.must(err) // the later one took nothing away
		view, err := w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.must(err)
		if view.Username != string(first.Sub) {
			t.Error("the match did not win")
		}
		_, err = w.confirm(stranger, asha, w.code(asha), "")
		w.want(err, fault.ExpiredCode, "") // the others ended
	})
}

func TestSignUp_OfAConfirmedNumber(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		_, err := w.trySignUp(home, asha, "")
		w.want(err, fault.UsernameExists, "An account with the given phone_number already exists.")
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestSignUp_StrictConfirmedNumber_AnswersLikeANewOneAndSignsIn(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict}, func(w *world) {
		w.member(home, asha, password, named)
		fresh := w.signUp(stranger, ravi, intruders)
		again := w.signUp(stranger, asha, intruders, userpool.Attribute{Name: "name", Value: "Mallory"})
		if again.Delivery == nil || fresh.Delivery == nil || again.Confirmed != fresh.Confirmed || len(again.Session) != len(fresh.Session) {
			t.Errorf("a known number answers %+v, a new one %+v", again, fresh)
		}
		session, err := w.confirm(stranger, asha, w.code(asha), again.Session)
		w.must(err)
		r, err := w.initiate(stranger, "USER_AUTH", session, "USERNAME", asha)
		w.must(err)
		tokens := w.tokens(r)
		if got := w.attribute(tokens.Access, "name"); got != "Asha" {
			t.Errorf("name is %q: the second sign-up's attributes must be dropped", got)
		}
		if w.canSignInWith(asha, intruders) || !w.canSignInWith(asha, password) {
			t.Error("the second sign-up's password must be dropped, the user's stays")
		}
	})
}

func TestConfirm_KeepsPasswordAndAttributes(t *testing.T) {
	for _, c := range []struct {
		name      string
		behaviour userpool.Behaviour
		confirmer userpool.Caller
		session   bool
		second    userpool.Caller // another sign-up between, if set
		kept      bool
	}{
		{name: "with the Session", confirmer: mobile, session: true, kept: true},
		{name: "from the same address", confirmer: home, kept: true},
		{name: "from another address", confirmer: mobile, kept: false},
		{name: "from the same address, but another signed up too", confirmer: home, second: stranger, kept: false},
		{name: "with the Session, though another signed up too", confirmer: mobile, session: true, second: stranger, kept: true},
		{name: "strict with the Session", behaviour: userpool.Strict, confirmer: mobile, session: true, kept: true},
		{name: "strict from the same address", behaviour: userpool.Strict, confirmer: home, kept: false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{behaviour: c.behaviour}, func(w *world) {
				r := w.signUp(home, asha, password, named)
				code := w.code(asha)
				if c.second.Address.IsValid() {
					w.signUp(c.second, asha, intruders)
				}
				session := ""
				if c.session {
					session = r.Session
				}
				signedUp, err := w.confirm(c.confirmer, asha, code, session)
				w.must(err)
				auth, err := w.initiate(c.confirmer, "USER_AUTH", signedUp, "USERNAME", asha)
				w.must(err)
				name := w.attribute(w.tokens(auth).Access, "name")
				if kept := w.canSignInWith(asha, password); kept != c.kept || (name == "Asha") != c.kept {
					t.Errorf("password kept: %v, name %q, want kept: %v", kept, name, c.kept)
				}
				if w.canSignInWith(asha, intruders) {
					t.Error("the other sign-up's password opens the account")
				}
			})
		})
	}
}

func TestConfirm_CountsOneTryAndFiveAreAll(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(home, asha, "")
		code := w.code(asha)
		for range 5 {
			_, err := w.confirm(home, asha, wrongCode(code), "")
			w.want(err, fault.CodeMismatch, "Invalid verification code provided, please try again.")
		}
		_, err := w.confirm(home, asha, code, "")
		w.want(err, fault.ExpiredCode, "")
		w.pass(31 * time.Second)
		w.must(w.resend(home, asha)) // dead is dead; the next has a new code
		_, err = w.confirm(home, asha, w.code(asha), "")
		w.must(err)
	})
}

func TestTextedSignIn_OfAPendingSignUp_ConfirmsAndDropsBoth(t *testing.T) {
	for _, flow := range []struct{ name, challenge, key string }{
		{"CUSTOM_AUTH", "CUSTOM_CHALLENGE", "ANSWER"},
		{"USER_AUTH", "SMS_OTP", "SMS_OTP_CODE"},
	} {
		t.Run(flow.name, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				w.signUp(home, asha, password, named)
				w.pass(time.Hour)
				r, err := w.initiate(home, flow.name, "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
				w.must(err)
				r, err = w.answer(home, flow.challenge, r.Session, "USERNAME", asha, flow.key, w.code(asha))
				w.must(err)
				access := w.tokens(r).Access
				if name := w.attribute(access, "name"); name != "" {
					t.Errorf("name is %q", name)
				}
				if w.canSignInWith(asha, password) {
					t.Error("the sign-up's password was kept")
				}
				if w.attribute(access, "phone_number_verified") != "true" {
					t.Error("the number is not verified")
				}
			})
		})
	}
}

func TestLimbo_PendingSignUp_BlocksNobodyAndIsSeenByOperators(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		r := w.signUp(stranger, asha, intruders)
		view, err := w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.must(err)
		if view.Status != userpool.StatusUnconfirmed || view.Username != string(r.Sub) {
			t.Errorf("AdminGetUser shows %+v", view)
		}
		bySub, err := w.s.AdminGetUser(w.ctx, w.pool, string(r.Sub))
		w.must(err)
		if bySub.Username != view.Username {
			t.Error("the sub that SignUp gave finds nobody")
		}
		w.passDown(24 * time.Hour)
		w.member(home, asha, password)
		if !w.canSignInWith(asha, password) {
			t.Error("the owner cannot sign in")
		}
	})
}

func TestAdminConfirmSignUp_FirstTextedCode_DropsWhatNobodyProved(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(stranger, asha, intruders)
		w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
		if !w.canSignInWith(asha, intruders) {
			t.Fatal("the approved sign-up cannot sign in")
		}
		w.texted(home, asha)
		if w.canSignInWith(asha, intruders) {
			t.Error("a password that nobody with the phone gave still opens the account")
		}
	})
}

func TestSignedUpSession_OnceThreeMinutesFirstSignInOnly(t *testing.T) {
	signedUp := func(w *world) string {
		w.signUp(home, asha, "")
		session, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		return session
	}
	refused := func(w *world, session string) {
		w.t.Helper()
		_, err := w.initiate(home, "USER_AUTH", session, "USERNAME", asha)
		w.want(err, fault.NotAuthorized, "Invalid session for the user")
	}
	t.Run("once", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			_, err := w.initiate(home, "USER_AUTH", session, "USERNAME", asha)
			w.must(err)
			refused(w, session)
		})
	})
	t.Run("three minutes", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			w.pass(3 * time.Minute)
			refused(w, session)
		})
	})
	t.Run("first sign-in only", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			w.texted(home, asha)
			refused(w, session)
		})
	})
	t.Run("this user only", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			w.member(home, ravi, "")
			_, err := w.initiate(home, "USER_AUTH", session, "USERNAME", ravi)
			w.want(err, fault.NotAuthorized, "Invalid session for the user.")
		})
	})
	t.Run("dead on disable", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
			w.must(w.s.AdminEnableUser(w.ctx, w.pool, asha))
			refused(w, session)
		})
	})
	t.Run("dead on password change", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, password, true))
			refused(w, session)
		})
	})
	t.Run("dead on delete", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			session := signedUp(w)
			w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
			refused(w, session)
		})
	})
	t.Run("custom-auth client may use it through USER_AUTH", func(t *testing.T) {
		inWorld(t, options{flows: []string{userpool.AllowCustom}}, func(w *world) {
			r, err := w.initiate(home, "USER_AUTH", signedUp(w), "USERNAME", asha)
			w.must(err)
			w.tokens(r)
			_, err = w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
			w.want(err, fault.InvalidParameter, "USER_AUTH flow not enabled for this client")
		})
	})
}

func TestExistence_EnabledClient_KnownPendingDisabledAndUnknownLookAlike(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		const pendingNumber, disabled, unknown = "+919800000001", "+919800000002", "+919800000003"
		w.member(home, asha, password)
		w.member(home, disabled, password)
		w.must(w.s.AdminDisableUser(w.ctx, w.pool, disabled))
		w.signUp(stranger, pendingNumber, password)
		w.pass(time.Hour)
		look := func(number string) []string {
			var seen []string
			r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", number)
			seen = append(seen, shape(r, err))
			id := r.Parameters["USERNAME"]
			r2, err := w.initiate(mobile, "CUSTOM_AUTH", "", "USERNAME", number)
			w.must(err)
			if r2.Parameters["USERNAME"] != id {
				t.Errorf("USERNAME changes from call to call")
			}
			r, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", "000000")
			seen = append(seen, shape(r, err))
			r, err = w.initiate(home, "USER_AUTH", "", "USERNAME", number, "PREFERRED_CHALLENGE", "SMS_OTP")
			seen = append(seen, shape(r, err))
			r, err = w.answer(home, "SMS_OTP", r.Session, "USERNAME", number, "SMS_OTP_CODE", "000000")
			seen = append(seen, shape(r, err))
			r, err = w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", number, "SRP_A", "2")
			seen = append(seen, shape(r, err))
			r, err = w.initiate(home, "USER_AUTH", "", "USERNAME", number, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", "Wrong-Pass-1")
			seen = append(seen, shape(r, err))
			return seen
		}
		want := look(asha)
		for _, number := range []string{pendingNumber, disabled, unknown} {
			got := look(number)
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s, step %d: %q, a known number gets %q", number, i, got[i], want[i])
				}
			}
		}
		if n := w.texts(unknown) + w.texts(disabled) - 1; n != 0 {
			t.Errorf("%d texts to numbers that nobody can sign in with", n)
		}
	})
}

// shape is what an outsider sees of an answer, without what is random in it.
func shape(r userpool.AuthResult, err error) string {
	if err != nil {
		return err.Error()
	}
	s := r.Challenge
	for _, key := range []string{"USERNAME", "CODE_DELIVERY_DELIVERY_MEDIUM", "CODE_DELIVERY_DESTINATION", "SALT", "SRP_B", "SECRET_BLOCK", "USER_ID_FOR_SRP"} {
		if v, ok := r.Parameters[key]; ok {
			s += " " + key
			if key == "USERNAME" && len(v) != 36 {
				s += "!"
			}
		}
	}
	for _, a := range r.Available {
		s += " " + a
	}
	return s
}
