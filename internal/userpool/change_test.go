package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const raviMail = "ravi@example.org"

func (w *world) update(access string, attrs ...userpool.Attribute) ([]userpool.Delivery, error) {
	return w.s.UpdateUserAttributes(w.ctx, home, access, attrs, nil)
}

func (w *world) verify(access, attr, code string) error {
	return w.s.VerifyUserAttribute(w.ctx, home, access, attr, code)
}

// wants checks what the holder of the token has for an attribute.
func (w *world) wants(access, attr, value string) {
	w.t.Helper()
	if got := w.attribute(access, attr); got != value {
		w.t.Errorf("%s is %q, want %q", attr, got, value)
	}
}

// aliased makes a user of a pool with aliases, with number and address verified.
func (w *world) aliased(name, number, address string) (access string) {
	w.t.Helper()
	w.create(name, attr("phone_number", number), attr("phone_number_verified", "true"), attr("email", address), attr("email_verified", "true"))
	w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, name, password, true))
	auth, err := w.byPassword(name, password)
	w.must(err)
	return w.tokens(auth).Access
}

func TestChangeNumber_OldOneStaysUntilTheNewOneAnswers(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{behaviour: behaviour}, func(w *world) {
				access := w.member(home, asha, password).Access
				sent, err := w.update(access, attr("phone_number", ravi), attr("name", "Asha"))
				w.must(err)
				if len(sent) != 1 || sent[0] != (userpool.Delivery{Destination: "+********5678", Medium: "SMS", Attribute: "phone_number"}) {
					t.Errorf("deliveries %+v", sent)
				}
				w.wants(access, "name", "Asha")
				w.wants(access, "phone_number", asha)
				w.wants(access, "phone_number_verified", "true")
				if !w.canSignInWith(asha, password) || w.canSignInWith(ravi, password) {
					t.Error("the name moved without a code")
				}
				code := w.code(ravi)
				w.want(w.verify(access, "phone_number", wrongCode(code)), fault.CodeMismatch, "Invalid verification code provided, please try again.")
				w.must(w.verify(access, "phone_number", code))
				w.wants(access, "phone_number", ravi)
				w.wants(access, "phone_number_verified", "true")
				if w.canSignInWith(asha, password) || !w.canSignInWith(ravi, password) {
					t.Error("the name did not move")
				}
				w.settle()
				texts := w.phone.TextsTo(asha)
				if last := texts[len(texts)-1].Body; last != "The phone number of your riders account was changed. If it was not you, get in touch with those who run it." {
					t.Errorf("the old number was told %q", last)
				}
				w.want(w.verify(access, "phone_number", code), fault.ExpiredCode, "Invalid code provided, please request a code again.")
				if again := w.signUp(stranger, asha, ""); string(again.Sub) == w.attribute(access, "sub") {
					t.Error("the old number still leads to the user")
				}
			})
		})
	}
}

func TestChangeNumber_SecondChangeVoidsTheFirst(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		const third = "+919800000031"
		_, err := w.update(access, attr("phone_number", ravi))
		w.must(err)
		first := w.code(ravi)
		_, err = w.update(access, attr("phone_number", third))
		w.must(err)
		w.want(w.verify(access, "phone_number", first), fault.CodeMismatch, "")
		again, err := w.s.GetUserAttributeVerificationCode(w.ctx, mobile, access, "phone_number", nil)
		w.must(err)
		if again.Destination != "+********0031" {
			t.Errorf("sent to %s", again.Destination)
		}
		w.must(w.verify(access, "phone_number", w.code(third)))
		w.wants(access, "phone_number", third)
		_, err = w.update(access, attr("phone_number", ravi))
		w.must(err)
		code := w.code(ravi)
		_, err = w.update(access, attr("phone_number", third)) // the one that he has: changed his mind
		w.must(err)
		w.want(w.verify(access, "phone_number", code), fault.ExpiredCode, "")
		_, err = w.s.GetUserAttributeVerificationCode(w.ctx, home, access, "phone_number", nil)
		w.want(err, fault.InvalidParameter, "verified already")
	})
}

func TestChangeNumber_SomebodyElsesShowsOnlyToWhoHasIt(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		inWorld(t, options{behaviour: behaviour}, func(w *world) {
			access := w.member(home, asha, password).Access
			w.member(mobile, ravi, password)
			w.pass(11 * time.Minute)
			taken, err := w.update(access, attr("phone_number", ravi))
			w.must(err)
			code := w.code(ravi)
			free, err := w.update(access, attr("phone_number", "+919800005678"))
			w.must(err)
			if taken[0] != free[0] {
				t.Errorf("told %+v and %+v", taken, free)
			}
			_, err = w.update(access, attr("phone_number", ravi))
			w.must(err)
			w.want(w.verify(access, "phone_number", wrongCode(code)), fault.CodeMismatch, "")
			w.want(w.verify(access, "phone_number", w.code(ravi)), fault.AliasExists, "An account with the given phone_number already exists.")
			w.wants(access, "phone_number", asha)
			if !w.canSignInWith(ravi, password) {
				t.Error("the other lost his name")
			}
		})
	}
}

func TestChangeNumber_SignUpsOfTheNewOneEnd(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		r := w.signUp(stranger, ravi, intruders)
		signUpCode := w.code(ravi)
		_, err := w.update(access, attr("phone_number", ravi))
		w.must(err)
		w.must(w.verify(access, "phone_number", w.code(ravi)))
		_, err = w.confirm(stranger, ravi, signUpCode, r.Session)
		w.want(err, fault.ExpiredCode, "")
		if w.canSignInWith(ravi, intruders) || !w.canSignInWith(ravi, password) {
			t.Error("the number is not the user's alone")
		}
	})
}

func TestChangeNumber_OldOnesCodesEnd(t *testing.T) {
	inWorld(t, options{behaviour: userpool.Strict, limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		begun := w.custom(stranger, asha)
		signIn := w.code(asha)
		_, err := w.forgot(stranger, asha)
		w.must(err)
		resetCode := w.code(asha)
		w.signUp(stranger, asha, "") // strict: its code would sign the user in
		signUpCode := w.code(asha)
		_, err = w.update(access, attr("phone_number", ravi))
		w.must(err)
		w.must(w.verify(access, "phone_number", w.code(ravi)))
		_, err = w.answer(stranger, "CUSTOM_CHALLENGE", begun.Session, "USERNAME", asha, "ANSWER", signIn)
		w.want(err, fault.NotAuthorized, "")
		w.want(w.reset(stranger, asha, resetCode, intruders), fault.CodeMismatch, "")
		w.want(w.reset(stranger, ravi, resetCode, intruders), fault.CodeMismatch, "")
		_, err = w.confirm(stranger, asha, signUpCode, "")
		w.want(err, fault.ExpiredCode, "")
		w.texted(mobile, ravi)
	})
}

// The unexpired change: somebody who had the account for a moment begins to
// change its number, and finishes when the owner has it back.
func TestUnexpiredChange_DiesWithWhatTakesTheAccountBack(t *testing.T) {
	owner := map[string]func(w *world, access string) error{
		"reset": func(w *world, _ string) error {
			if _, err := w.forgot(mobile, asha); err != nil {
				return err
			}
			return w.reset(mobile, asha, w.code(asha), newPassword)
		},
		"new password": func(w *world, access string) error {
			return w.s.ChangePassword(w.ctx, userpool.PasswordChange{Caller: mobile, AccessToken: access, Previous: password, Proposed: newPassword})
		},
		"sign-out":       func(w *world, access string) error { return w.s.GlobalSignOut(w.ctx, access) },
		"admin sign-out": func(w *world, _ string) error { return w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha) },
		"admin password": func(w *world, _ string) error {
			return w.s.AdminSetUserPassword(w.ctx, w.pool, asha, newPassword, true)
		},
		"admin reset":       func(w *world, _ string) error { return w.s.AdminResetUserPassword(w.ctx, mobile, w.pool, asha, nil) },
		"admin's own value": func(w *world, _ string) error { return w.adminUpdate(asha, attr("phone_number", asha)) },
		"change by another": func(w *world, access string) error {
			_, err := w.update(access, attr("phone_number", "+919800000077"))
			return err
		},
	}
	for name, takeBack := range owner {
		for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.CognitoExact} {
			t.Run(name+"/"+string(behaviour), func(t *testing.T) {
				verifyFirst := func(s *userpool.PoolSettings) { s.VerifyFirst = []string{"phone_number"} }
				inWorld(t, options{behaviour: behaviour, limitsOff: true, design: verifyFirst}, func(w *world) {
					access := w.member(home, asha, password).Access
					_, err := w.update(access, attr("phone_number", ravi))
					w.must(err)
					code := w.code(ravi)
					w.must(takeBack(w, access))
					w.settle() // a text of his reset arrives before the next one
					if w.verify(access, "phone_number", code) == nil {
						t.Error("the change was finished")
					}
					if got := w.adminAttribute(asha, "phone_number"); got != asha {
						t.Errorf("the number is %s", got)
					}
					w.settle() // a reset's text is on the phone before the next
					// Nor with a session of his own, as where tokens stay.
					fresh := w.texted(mobile, asha).Access
					if w.verify(fresh, "phone_number", code) == nil {
						t.Error("the change was finished by a new session")
					}
				})
			})
		}
	}
}

func TestChangeContact_NeitherVerifiedNorAName_AtOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		sent, err := w.update(access, attr("email", ashaMail))
		w.must(err)
		if len(sent) != 0 {
			t.Errorf("deliveries %+v", sent)
		}
		w.wants(access, "email", ashaMail)
		w.wants(access, "email_verified", "false")
		d, err := w.s.GetUserAttributeVerificationCode(w.ctx, home, access, "email", nil)
		w.must(err)
		if d != (userpool.Delivery{Destination: "a***@e***", Medium: "EMAIL", Attribute: "email"}) {
			t.Errorf("delivery %+v", d)
		}
		code := w.mailed(ashaMail)
		w.must(w.verify(access, "email", code))
		w.wants(access, "email_verified", "true")
		_, err = w.update(access, attr("email", raviMail))
		w.must(err)
		w.wants(access, "email_verified", "false")
		w.settle()
		if n := len(w.mail.to(ashaMail)); n != 2 {
			t.Errorf("%d e-mails to the old address, want code and notice", n)
		}
		_, err = w.update(access, attr("email", ""))
		w.must(err)
		w.wants(access, "email", "")
		w.wants(access, "email_verified", "")
	})
}

func TestChangeContact_AliasMovesWithItsCode(t *testing.T) {
	inWorld(t, options{design: aliasNames, limitsOff: true}, func(w *world) {
		access := w.aliased("asha", asha, ashaMail)
		sent, err := w.update(access, attr("email", raviMail), attr("phone_number", ravi))
		w.must(err)
		if len(sent) != 2 || sent[0].Attribute != "phone_number" || sent[1].Attribute != "email" {
			t.Errorf("deliveries %+v", sent)
		}
		for name, opens := range map[string]bool{asha: true, ashaMail: true, ravi: false, raviMail: false} {
			if w.canSignInWith(name, password) != opens {
				t.Errorf("%s opens: %v", name, !opens)
			}
		}
		w.must(w.verify(access, "email", w.mailed(raviMail)))
		for name, opens := range map[string]bool{asha: true, ashaMail: false, ravi: false, raviMail: true} {
			if w.canSignInWith(name, password) != opens {
				t.Errorf("after the code %s opens: %v", name, !opens)
			}
		}
		w.must(w.verify(access, "phone_number", w.code(ravi))) // the other change waited
		_, err = w.update(access, attr("preferred_username", "Ravi"))
		w.must(err)
		if !w.canSignInWith("ravi", password) {
			t.Error("the preferred name is no alias")
		}
	})
}

func TestPreferredName_NobodyElsesNameNorNumber(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		access := w.aliased("asha", asha, ashaMail)
		w.aliased("ravi", ravi, raviMail)
		_, err := w.update(access, attr("preferred_username", "RAVI"))
		w.want(err, fault.AliasExists, "An account with the given preferred_username already exists.")
		for _, name := range []string{"+919800000099", "nobody@example.org"} {
			_, err = w.update(access, attr("preferred_username", name))
			w.want(err, fault.InvalidParameter, "preferred_username cannot be of")
			_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "third", Suppress: true, Attributes: []userpool.Attribute{attr("preferred_username", name)}})
			w.want(err, fault.InvalidParameter, "preferred_username cannot be")
		}
	})
}

func TestDeleteUserAttributes(t *testing.T) {
	required := func(s *userpool.PoolSettings) { aliasNames(s); s.Required = []string{"name"} }
	inWorld(t, options{design: required}, func(w *world) {
		access := w.aliased("asha", asha, ashaMail)
		_, err := w.update(access, attr("name", "Asha"), attr("nickname", "A"))
		w.must(err)
		remove := func(names ...string) error { return w.s.DeleteUserAttributes(w.ctx, home, access, names) }
		w.want(remove("nickname", "name"), fault.InvalidParameter, "name: The attribute is required")
		w.wants(access, "nickname", "A")
		w.want(remove("phone_number_verified"), fault.NotAuthorized, "A client attempted to write unauthorized attribute")
		w.want(remove("shoe_size"), fault.InvalidParameter, "shoe_size: Attribute does not exist in the schema.")
		w.must(remove("nickname", "phone_number"))
		for _, name := range []string{"nickname", "phone_number", "phone_number_verified"} {
			w.wants(access, name, "")
		}
		if w.canSignInWith(asha, password) || !w.canSignInWith(ashaMail, password) {
			t.Error("a deleted number is still a name, or another went with it")
		}
	})
}

func TestDeleteUserAttributes_TheNameStays(t *testing.T) {
	inWorld(t, options{design: bothNames, limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		_, err := w.update(access, attr("email", ashaMail))
		w.must(err)
		w.must(w.verify(access, "email", w.mailed(ashaMail)))
		err = w.s.DeleteUserAttributes(w.ctx, home, access, []string{"phone_number"})
		w.want(err, fault.InvalidParameter, "phone_number: The user signs in with it, so it cannot be deleted.")
		_, err = w.update(access, attr("phone_number", ""))
		w.want(err, fault.InvalidParameter, "phone_number: The user signs in with it")
		remove := func(names ...string) error {
			return w.s.AdminDeleteUserAttributes(w.ctx, home, w.pool, ashaMail, names)
		}
		w.want(remove("phone_number", "email"), fault.InvalidParameter, "")
		w.must(remove("phone_number"))
		w.want(remove("email"), fault.InvalidParameter, "email: The user signs in with it")
		if w.canSignInWith(asha, password) || !w.canSignInWith(ashaMail, password) {
			t.Error("the names are not as the administrator left them")
		}
	})
}

func TestExact_ChangeAtOnceAsOnCognito(t *testing.T) {
	inWorld(t, options{behaviour: userpool.CognitoExact, limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.member(mobile, ravi, password)
		_, err := w.update(access, attr("phone_number", ravi))
		w.want(err, fault.AliasExists, "An account with the given phone_number already exists.")
		const third, fourth = "+919800000041", "+919800000042"
		w.signUp(stranger, fourth, password)
		_, err = w.update(access, attr("phone_number", fourth))
		w.want(err, fault.AliasExists, "")
		sent, err := w.update(access, attr("phone_number", third))
		w.must(err)
		if len(sent) != 1 || sent[0].Destination != "+********0041" {
			t.Errorf("deliveries %+v", sent)
		}
		w.wants(access, "phone_number", third)
		w.wants(access, "phone_number_verified", "false")
		if w.canSignInWith(asha, password) || !w.canSignInWith(third, password) {
			t.Error("the name did not move at once")
		}
		w.must(w.verify(access, "phone_number", w.code(third)))
		w.wants(access, "phone_number_verified", "true")
	})
}

func TestExact_VerifyFirst_Waits(t *testing.T) {
	verifyFirst := func(s *userpool.PoolSettings) { s.VerifyFirst = []string{"phone_number"} }
	inWorld(t, options{behaviour: userpool.CognitoExact, limitsOff: true, design: verifyFirst}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.member(mobile, ravi, password)
		_, err := w.update(access, attr("phone_number", ravi))
		w.want(err, fault.AliasExists, "")
		const third = "+919800000041"
		_, err = w.update(access, attr("phone_number", third))
		w.must(err)
		w.wants(access, "phone_number", asha)
		w.must(w.verify(access, "phone_number", w.code(third)))
		w.wants(access, "phone_number", third)
	})
}

func TestExact_AliasIsInactiveUntilVerified(t *testing.T) {
	exact := func(s *userpool.PoolSettings) { aliasNames(s); s.Tags["bellhop:behaviour"] = "cognito-exact" }
	inWorld(t, options{design: exact, limitsOff: true}, func(w *world) {
		access := w.aliased("asha", asha, ashaMail)
		_, err := w.update(access, attr("phone_number", ravi))
		w.must(err)
		if w.canSignInWith(asha, password) || w.canSignInWith(ravi, password) || !w.canSignInWith("asha", password) {
			t.Error("an alias that is not verified signs in")
		}
		w.must(w.verify(access, "phone_number", w.code(ravi)))
		if !w.canSignInWith(ravi, password) {
			t.Error("the verified alias does not sign in")
		}
	})
}

func TestVerificationCode_RefusalsAndBudget(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		ask := func(attr string) error {
			_, err := w.s.GetUserAttributeVerificationCode(w.ctx, home, access, attr, nil)
			return err
		}
		w.want(ask("name"), fault.InvalidParameter, "Only phone_number and email can be verified.")
		w.want(ask("email"), fault.InvalidParameter, "email: The user has none that could be verified.")
		w.want(ask("phone_number"), fault.InvalidParameter, "phone_number: It is verified already.")
		w.want(w.verify(access, "name", "123456"), fault.InvalidParameter, "")
		w.want(w.verify(access, "phone_number", "123456"), fault.ExpiredCode, "")
		_, err := w.update(access, attr("phone_number", ravi))
		w.must(err)
		w.must(ask("phone_number"))
		if n := w.texts(ravi); n != 1 {
			t.Errorf("%d texts inside the gap", n)
		}
		code := w.code(ravi)
		for range 5 {
			w.want(w.verify(access, "phone_number", wrongCode(code)), fault.CodeMismatch, "")
		}
		w.want(w.verify(access, "phone_number", code), fault.ExpiredCode, "")
		for range 2 {
			w.pass(3 * time.Minute)
			w.must(ask("phone_number"))
		}
		w.pass(time.Minute)
		w.want(ask("phone_number"), fault.LimitExceeded, "")
	})
}

func TestUpdateUserAttributes_RepeatSendsOnce(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		for range 3 {
			sent, err := w.s.UpdateUserAttributes(w.ctx, tried(home, "u", "u"), access, []userpool.Attribute{attr("phone_number", ravi)}, nil)
			w.must(err)
			if len(sent) != 1 {
				t.Errorf("deliveries %+v", sent)
			}
		}
		if n := w.texts(ravi); n != 1 {
			t.Errorf("%d texts", n)
		}
		code := w.code(ravi)
		for range 3 {
			w.must(w.s.VerifyUserAttribute(w.ctx, tried(home, "v", "v"), access, "phone_number", code))
		}
	})
}

// Who has got hold of a session for a moment must not be able to stay: a contact
// that he puts in gets no codes to sign in with before it is verified, also where
// the pool verifies nothing by itself.
func TestChange_AnUnverifiedContactGetsNoCodesToSignInWith(t *testing.T) {
	verifiesNothing := func(s *userpool.PoolSettings) {
		plainNames(s)
		s.AutoVerified = nil
		s.FirstFactors = []string{userpool.FactorPassword, userpool.FactorSMSOTP, userpool.FactorEmailOTP}
	}
	inWorld(t, options{design: verifiesNothing, legacy: true}, func(w *world) {
		w.create("asha", attr("phone_number", asha))
		auth, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", "asha")
		w.must(err) // an administrator's word will do for the first time
		auth, err = w.answer(home, "CUSTOM_CHALLENGE", auth.Session, "USERNAME", "asha", "ANSWER", w.code(asha))
		w.must(err)
		stolen := w.tokens(auth).Access
		_, err = w.update(stolen, attr("phone_number", ravi), attr("email", raviMail))
		w.must(err)
		w.pass(time.Hour)
		for _, factor := range []string{"SMS_OTP", "EMAIL_OTP"} {
			auth, err = w.initiate(stranger, "USER_AUTH", "", "USERNAME", "asha", "PREFERRED_CHALLENGE", factor)
			if err == nil && auth.Challenge != "SELECT_CHALLENGE" {
				t.Errorf("%s: %s", factor, auth.Challenge)
			}
		}
		_, err = w.initiate(stranger, "CUSTOM_AUTH", "", "USERNAME", "asha")
		w.want(err, fault.InvalidParameter, "")
		if n := w.texts(ravi) + len(w.mail.to(raviMail)); n != 0 {
			t.Errorf("%d codes to what the thief put in", n)
		}
	})
}
