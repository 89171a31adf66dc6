package userpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Attacks that a reader of the rules comes up with, each with what must not
// come of it.

// passwordOf tries a password over USER_AUTH.
func (w *world) passwordOf(c userpool.Caller, number, password string) (userpool.AuthResult, error) {
	return w.initiate(c, "USER_AUTH", "", "USERNAME", number, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
}

// withoutRevocation makes a client with EnableTokenRevocation false the world's.
func (w *world) withoutRevocation() {
	w.t.Helper()
	c, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "no revocation", Settings: userpool.ClientSettings{
		ExplicitAuthFlows: []string{userpool.AllowCustom, userpool.AllowUserAuth}, PreventExistence: true, NoRevocation: true,
	}})
	w.must(err)
	w.client = c.ID
}

func TestUnproved_StrictConfirmation_DropsTheStrangersToo(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict, limitsOff: true}, func(w *world) {
		w.signUp(stranger, asha, intruders, userpool.Attribute{Name: "name", Value: "Mallory"})
		w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
		r := w.signUp(home, asha, password)
		session, err := w.confirm(home, asha, w.code(asha), r.Session)
		w.must(err)
		auth, err := w.initiate(home, "USER_AUTH", session, "USERNAME", asha)
		w.must(err)
		access := w.tokens(auth).Access
		if w.attribute(access, "name") != "" || w.attribute(access, "phone_number_verified") != "true" {
			t.Error("the stranger's attributes stay, or the number is not verified")
		}
		if w.canSignInWith(asha, intruders) {
			t.Error("the stranger's password signs in")
		}
	})
}

func TestUnproved_StrangersTokensEndWithTheFirstProof(t *testing.T) {
	for _, c := range []struct {
		name  string
		proof func(w *world)
	}{
		{"texted code", func(w *world) { w.texted(home, asha) }},
		{"administrator's password", func(w *world) {
			w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, password, true))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{limitsOff: true}, func(w *world) {
				w.withoutRevocation()
				w.signUp(stranger, asha, intruders, userpool.Attribute{Name: "email", Value: "m@example.com"})
				w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
				r, err := w.passwordOf(stranger, asha, intruders)
				w.must(err)
				bad := w.tokens(r)
				w.pass(5 * time.Second)
				c.proof(w)
				_, err = w.s.GetUser(w.ctx, bad.Access)
				w.want(err, fault.NotAuthorized, "Access Token has been revoked")
				_, err = w.refresh(bad.Refresh)
				w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
				w.pass(2 * time.Second)
				if got := w.attribute(w.texted(home, asha).Access, "email"); got != "" {
					t.Errorf("the stranger's e-mail address stays: %s", got)
				}
			})
		})
	}
}

func TestSignOut_AndInTheSameSecond_NewTokensWork(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.withoutRevocation()
		old := w.member(home, asha, "")
		w.pass(10 * time.Second)
		w.must(w.s.GlobalSignOut(w.ctx, old.Access))
		fresh := w.texted(home, asha)
		w.attribute(fresh.Access, "sub")
		_, err := w.s.GetUser(w.ctx, old.Access)
		w.want(err, fault.NotAuthorized, "Access Token has been revoked")
	})
}

func TestNewPassword_ServesOnceForOneTemporaryPassword(t *testing.T) {
	const first, again = "Temp-Pass-99", "Temp-Pass-77"
	invited := func(w *world, temporary string, resend bool) {
		w.t.Helper()
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: asha, TemporaryPassword: temporary, Suppress: true, Resend: resend})
		w.must(err)
	}
	demanded := func(w *world, c userpool.Caller) string {
		w.t.Helper()
		r, err := w.passwordOf(c, asha, first)
		w.must(err)
		if r.Challenge != "NEW_PASSWORD_REQUIRED" {
			w.t.Fatalf("challenge is %q", r.Challenge)
		}
		return r.Session
	}
	t.Run("changed by another Session", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			invited(w, first, false)
			mine, his := demanded(w, home), demanded(w, stranger)
			r, err := w.answer(home, "NEW_PASSWORD_REQUIRED", mine, "USERNAME", asha, "NEW_PASSWORD", password)
			w.must(err)
			w.tokens(r)
			_, err = w.answer(stranger, "NEW_PASSWORD_REQUIRED", his, "USERNAME", asha, "NEW_PASSWORD", intruders)
			w.want(err, fault.NotAuthorized, "Invalid session for the user")
			if !w.canSignInWith(asha, password) {
				t.Error("the owner's password was replaced")
			}
		})
	})
	t.Run("invited again", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			invited(w, first, false)
			his := demanded(w, stranger)
			w.pass(time.Second)
			invited(w, again, true)
			_, err := w.answer(stranger, "NEW_PASSWORD_REQUIRED", his, "USERNAME", asha, "NEW_PASSWORD", intruders)
			w.want(err, fault.NotAuthorized, "Invalid session for the user")
		})
	})
}

func TestConfirm_SameAddressDaysLater_DropsThePassword(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(home, asha, intruders) // somebody behind the same address
		w.passDown(6 * 24 * time.Hour)
		w.must(w.resend(home, asha))
		_, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		if w.canSignInWith(asha, intruders) {
			t.Error("a password six days old is the account's")
		}
	})
}

func TestConfirm_StrangerSignsUpAfterwards_OwnerWithASessionGetsIn(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		mine := w.signUp(home, asha, password)
		w.pass(time.Second)
		w.signUp(stranger, asha, intruders)
		w.pass(40 * time.Second)
		w.must(w.resend(home, asha))
		_, err := w.confirm(home, asha, w.code(asha), mine.Session)
		w.must(err)
		if !w.canSignInWith(asha, password) || w.canSignInWith(asha, intruders) {
			t.Error("the owner's sign-up did not win with its password")
		}
	})
}

func TestConfirm_ExpiredSignUpSession_CostsNothing(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		mine := w.signUp(home, asha, password)
		w.pass(11 * time.Minute)
		w.must(w.resend(home, asha))
		_, err := w.confirm(home, asha, w.code(asha), mine.Session)
		w.must(err)
	})
}

func TestApproval_NoCodeSent_OnlyTheAdministratorLetsIn(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		inWorld(t, options{noVerify: true, legacy: legacy}, func(w *world) {
			mine := w.signUp(home, asha, password)
			for range 5 {
				w.pass(time.Second)
				w.signUp(stranger, asha, intruders)
			}
			w.passDown(30 * 24 * time.Hour)
			if _, err := w.s.AdminGetUser(w.ctx, w.pool, string(mine.Sub)); err != nil {
				t.Errorf("the owner's sign-up went: %v", err)
			}
			r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
			if legacy {
				w.want(err, fault.UserNotConfirmed, "User is not confirmed.")
			} else if w.must(err); r.Challenge != "CUSTOM_CHALLENGE" {
				t.Errorf("challenge is %q", r.Challenge)
			}
			if n := w.texts(asha); n != 0 {
				t.Errorf("%d texts to somebody whom nobody approved", n)
			}
			w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
			if w.canSignInWith(asha, intruders) {
				t.Error("the stranger's password is the account's")
			}
			w.pass(time.Minute)
			w.texted(home, asha)
		})
	}
}

func TestPending_DeletedByTheAdministrator_ItsSignInMakesNoUser(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(home, asha, "")
		w.settle()
		r := w.custom(home, asha)
		code := w.code(asha)
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
		_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "")
		_, err = w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.want(err, fault.UserNotFound, "")
	})
}

func TestPending_SignInBegunBeforeTheConfirmation_EndsWithIt(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		r := w.signUp(home, asha, "")
		signUpCode := w.code(asha)
		begun := w.custom(stranger, asha)
		code := w.code(asha)
		_, err := w.confirm(home, asha, signUpCode, r.Session)
		w.must(err)
		_, err = w.answer(stranger, "CUSTOM_CHALLENGE", begun.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "Invalid session for the user.")
	})
}

func TestStrict_DisabledUser_IsTextedNeitherBySignUpNorByResend(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict}, func(w *world) {
		w.member(home, asha, "")
		w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
		before := w.texts(asha)
		w.signUp(stranger, asha, "")
		w.pass(40 * time.Second)
		w.must(w.resend(stranger, asha))
		if n := w.texts(asha); n != before {
			t.Errorf("%d texts to a disabled user", n-before)
		}
	})
}

func TestStrict_UserDeletedMeanwhile_SignUpAnswersExpired(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict}, func(w *world) {
		tokens := w.member(home, asha, "")
		r := w.signUp(home, asha, "")
		code := w.code(asha)
		w.must(w.s.DeleteUser(w.ctx, tokens.Access))
		_, err := w.confirm(home, asha, code, r.Session)
		w.want(err, fault.ExpiredCode, "")
	})
}

func TestExact_TemporaryPassword_NoOneTimeCode(t *testing.T) {
	inWorld(t, options{behaviour: userpool.CognitoExact}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: asha, TemporaryPassword: "Temp-Pass-99", Suppress: true})
		w.must(err)
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		if r.Challenge != "SELECT_CHALLENGE" || w.texts(asha) != 0 {
			t.Errorf("%s, %d texts", shape(r, nil), w.texts(asha))
		}
	})
}

func TestStarts_OneAddress_ThousandAnHour(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		refused := 0
		for i := range 1010 {
			_, err := w.initiate(stranger, "USER_AUTH", "", "USERNAME", fmt.Sprintf("+9198%08d", i))
			if fault.Is(err, fault.TooManyRequests) {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%d of 1010 starts were refused, want 10", refused)
		}
		_, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
		w.must(err) // another address
	})
}

// starts is how many starts of home's address are counted, after what the server
// holds ahead of need has gone back.
func (w *world) starts() (n int) {
	w.pass(15 * time.Second)
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		n, err = tx.Count(w.ctx, "address/starts/1h0m0s/"+w.s.PartyOf(userpool.Contact{}, home).Address, time.Now())
		return err
	}))
	return n
}

func TestStarts_ThatEndInTokens_AreGivenBack(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		count := w.starts
		w.custom(home, ravi) // one that does not
		if count() != 1 {
			t.Fatalf("%d starts are counted, want one", count())
		}
		w.member(home, asha, password)
		w.settle()
		w.texted(home, asha)
		if !w.canSignInWith(asha, password) {
			t.Fatal("no sign-in by password")
		}
		if n := count(); n != 1 {
			t.Errorf("%d starts are counted after three sign-ins, want the one that went nowhere", n)
		}
	})
}

func TestSignUp_AskingWhetherANumberIsTaken_Counts(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		taken := 0
		for range 1010 {
			_, err := w.trySignUp(stranger, asha, "")
			if fault.Is(err, fault.UsernameExists) {
				taken++
			}
		}
		if taken != 1000 {
			t.Errorf("an address was told %d times", taken)
		}
	})
}

func TestDecoy_ThenASignUpElsewhere_TheFirstRealTextIsSent(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.custom(home, asha) // nobody there yet
		w.signUp(mobile, asha, "")
		before := w.texts(asha)
		r := w.custom(home, asha)
		if n := w.texts(asha); n != before+1 {
			t.Fatalf("%d texts, want one for the sign-in", n-before)
		}
		auth, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(auth)
	})
}

func TestUnproved_VerifiedByTheAdministrator_TheFirstCodeStillDropsTheStrangers(t *testing.T) {
	for _, c := range []struct {
		name      string
		behaviour userpool.Behaviour
		proof     func(w *world)
	}{
		{"sign-in", userpool.Standard, func(w *world) { w.texted(home, asha) }},
		{"sign-up of somebody known", userpool.Strict, func(w *world) {
			r := w.signUp(home, asha, "")
			_, err := w.confirm(home, asha, w.code(asha), r.Session)
			w.must(err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				w.signUp(stranger, asha, intruders, attr("name", "Mallory"))
				w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
				w.must(w.adminUpdate(asha, attr("phone_number_verified", "true")))
				w.must(w.s.TagPool(w.ctx, w.pool, map[string]string{"bellhop:behaviour": string(c.behaviour)}))
				c.proof(w)
				if w.canSignInWith(asha, intruders) {
					t.Error("the stranger's password signs in")
				}
				if got := w.adminAttribute(asha, "name"); got != "" {
					t.Errorf("the stranger's attributes stay: %s", got)
				}
			})
		})
	}
}

// Where contacts name users, what an administrator confirmed is named by one that
// nobody has proved; a code to another one says nothing about it.
func TestUnproved_ProofOfAnotherContact_NeitherCostsTheNameNorKeepsItFromItsOwner(t *testing.T) {
	for _, c := range []struct {
		name  string
		proof func(w *world, access string)
	}{
		{"verified", func(w *world, access string) {
			_, err := w.s.GetUserAttributeVerificationCode(w.ctx, home, access, "email", nil)
			w.must(err)
			w.must(w.verify(access, "email", w.mailed(ashaMail)))
		}},
		{"signed in", func(w *world, _ string) {
			r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "EMAIL_OTP")
			w.must(err)
			r, err = w.answer(home, "EMAIL_OTP", r.Session, "USERNAME", asha, "EMAIL_OTP_CODE", w.mailed(ashaMail))
			w.must(err)
			w.tokens(r)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			design := func(s *userpool.PoolSettings) {
				s.AutoVerified = []string{"phone_number", "email"}
				s.FirstFactors = append(s.FirstFactors, userpool.FactorEmailOTP)
			}
			inWorld(t, options{design: design}, func(w *world) {
				w.signUp(home, asha, password, attr("email", ashaMail))
				w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
				r, err := w.passwordOf(home, asha, password)
				w.must(err)
				c.proof(w, w.tokens(r).Access)
				w.wants(r.Tokens.Access, "email_verified", "true")
				if !w.canSignInWith(asha, password) {
					t.Error("the user cannot sign in any more")
				}
				w.texted(mobile, asha)
				if w.canSignInWith(asha, password) || w.adminAttribute(asha, "email") != "" {
					t.Error("the number's owner shares the account with whoever signed up")
				}
			})
		})
	}
}

func TestStarts_WrongPasswordsBySRP_Count(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		count := w.starts
		w.member(home, asha, password)
		before := count()
		_, err := w.bySRP("USER_SRP_AUTH", asha, intruders)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		_, err = w.bySRP("USER_SRP_AUTH", ravi, intruders) // nobody
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		if n := count() - before; n != 2 {
			t.Errorf("two wrong passwords count as %d", n)
		}
		_, err = w.bySRP("USER_SRP_AUTH", asha, password)
		w.must(err)
		if n := count() - before; n != 2 {
			t.Errorf("a right one leaves the count at %d", n)
		}
	})
}

func TestProof_OfASecondName_EndsTheSignUpsThatWaitForIt(t *testing.T) {
	inWorld(t, options{design: bothNames}, func(w *world) {
		w.join(ashaMail, password, ashaMail, attr("phone_number", asha))
		waits := w.signUp(stranger, asha, intruders)
		code := w.code(asha)
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", ashaMail, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		r, err = w.answer(home, "SMS_OTP", r.Session, "USERNAME", ashaMail, "SMS_OTP_CODE", w.code(asha))
		w.must(err)
		w.tokens(r)
		if !w.canSignInWith(asha, password) {
			t.Fatal("the proved number is no name")
		}
		_, err = w.confirm(stranger, asha, code, waits.Session)
		w.want(err, fault.ExpiredCode, "")
		before := w.texts(asha)
		w.pass(time.Minute)
		w.must(w.resend(stranger, asha))
		if n := w.texts(asha); n != before {
			t.Errorf("%d texts for a sign-up that cannot end", n-before)
		}
	})
}
