package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const ashaMail = "asha@example.com"

// The pool designs beside the one that is named by phone numbers.
func plainNames(s *userpool.PoolSettings) { s.UsernameAttributes = nil }

func aliasNames(s *userpool.PoolSettings) {
	s.UsernameAttributes = nil
	s.AliasAttributes = []string{"phone_number", "email", "preferred_username"}
	s.AutoVerified = []string{"phone_number", "email"}
	s.CaseSensitive = false
	s.FirstFactors = []string{userpool.FactorPassword, userpool.FactorSMSOTP, userpool.FactorEmailOTP}
}

func mailNames(s *userpool.PoolSettings) {
	s.UsernameAttributes = []string{"email"}
	s.AutoVerified = []string{"email"}
	s.CaseSensitive = false
	s.FirstFactors = []string{userpool.FactorPassword, userpool.FactorEmailOTP}
}

func bothNames(s *userpool.PoolSettings) {
	mailNames(s)
	s.UsernameAttributes = []string{"phone_number", "email"}
	s.AutoVerified = s.UsernameAttributes
	s.FirstFactors = append(s.FirstFactors, userpool.FactorSMSOTP)
}

func attr(name, value string) userpool.Attribute { return userpool.Attribute{Name: name, Value: value} }

// join signs a user up and confirms him with the code that reached the contact.
func (w *world) join(name, password, contact string, attrs ...userpool.Attribute) userpool.SignUpResult {
	w.t.Helper()
	r := w.signUp(home, name, password, attrs...)
	_, err := w.confirm(home, name, w.codeAt(contact), r.Session)
	w.must(err)
	return r
}

// codeAt reads the newest code at a number or an address.
func (w *world) codeAt(contact string) string {
	w.t.Helper()
	if contact[0] == '+' {
		return w.code(contact)
	}
	return w.mailed(contact)
}

// byPassword signs in with a password by USER_AUTH.
func (w *world) byPassword(name, password string) (userpool.AuthResult, error) {
	return w.initiate(home, "USER_AUTH", "", "USERNAME", name, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
}

func TestPlainNames_WholeRoad(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		r := w.join("Asha", password, asha, attr("phone_number", asha))
		if r.Delivery.Destination != "+********3210" {
			t.Errorf("sent to %s", r.Delivery.Destination)
		}
		auth, err := w.byPassword("Asha", password)
		w.must(err)
		view, err := w.s.GetUser(w.ctx, w.tokens(auth).Access)
		w.must(err)
		if view.Username != "Asha" || w.attribute(auth.Tokens.Access, "sub") != string(r.Sub) {
			t.Errorf("is %q with sub %q, signed up as %q", view.Username, w.attribute(auth.Tokens.Access, "sub"), r.Sub)
		}
		_, err = w.byPassword("asha", password) // the pool minds case
		w.want(err, fault.NotAuthorized, "")
		_, err = w.byPassword(asha, password) // a number is no name here
		w.want(err, fault.NotAuthorized, "")
		auth, err = w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", "Asha")
		w.must(err)
		if auth.Parameters["USERNAME"] != "Asha" {
			t.Errorf("told %q", auth.Parameters["USERNAME"])
		}
		auth, err = w.answer(home, "CUSTOM_CHALLENGE", auth.Session, "USERNAME", "Asha", "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(auth)
		view, err = w.s.AdminGetUser(w.ctx, w.pool, string(r.Sub))
		w.must(err)
		if view.Username != "Asha" {
			t.Errorf("by sub: %q", view.Username)
		}
	})
}

func TestPlainNames_SignUpWithoutCode_IsToldThatNoneWaits(t *testing.T) {
	for _, legacy := range []bool{true, false} {
		inWorld(t, options{legacy: legacy, design: func(s *userpool.PoolSettings) { plainNames(s); s.AutoVerified = nil }}, func(w *world) {
			w.signUp(home, "asha", password)
			_, err := w.confirm(home, "asha", "123456", "")
			w.want(err, fault.ExpiredCode, "Invalid code provided, please request a code again.")
		})
	}
}

func TestPlainNames_TakenName_IsToldTheAdministratorAsCognitoTellsIt(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		w.create("asha")
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "asha", Suppress: true})
		w.want(err, fault.UsernameExists, "User account already exists")
		_, err = w.trySignUp(home, "asha", password)
		w.want(err, fault.UsernameExists, "User already exists")
	})
}

func TestPlainNames_FirstConfirmedWins(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		w.signUp(stranger, "asha", intruders, attr("phone_number", ravi))
		w.signUp(home, "asha", password, attr("phone_number", asha))
		_, err := w.confirm(home, "asha", w.code(asha), "")
		w.must(err)
		_, err = w.confirm(stranger, "asha", w.code(ravi), "")
		w.want(err, fault.ExpiredCode, "")
		_, err = w.trySignUp(stranger, "asha", intruders, attr("phone_number", ravi))
		w.want(err, fault.UsernameExists, "User already exists")
		if w.canSignInWith("asha", intruders) {
			t.Error("the stranger's password opens the account")
		}
	})
}

func TestPlainNames_TextedCodeMakesTheUserOfItsOwnSignUp(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		w.signUp(stranger, "asha", intruders, attr("phone_number", ravi))
		mine := w.signUp(home, "asha", password, attr("phone_number", asha))
		w.pass(time.Minute)
		auth, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", "asha")
		w.must(err)
		auth, err = w.answer(home, "CUSTOM_CHALLENGE", auth.Session, "USERNAME", "asha", "ANSWER", w.code(asha))
		w.must(err)
		access := w.tokens(auth).Access
		if w.attribute(access, "sub") != string(mine.Sub) || w.attribute(access, "phone_number") != asha {
			t.Error("the user is not of the sign-up whose code was given")
		}
		if w.canSignInWith("asha", password) || w.canSignInWith("asha", intruders) {
			t.Error("a password of a sign-up that nobody proved was kept")
		}
	})
}

func TestSub_IsNobodyElsesUserName(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		r := w.join("asha", password, asha, attr("phone_number", asha))
		_, err := w.trySignUp(stranger, string(r.Sub), intruders, attr("phone_number", ravi))
		w.want(err, fault.UsernameExists, "")
		_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: string(r.Sub), Suppress: true})
		w.want(err, fault.UsernameExists, "")
	})
}

func TestAliasNames_SignInByWhatIsVerified(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		_, err := w.trySignUp(home, asha, password)
		w.want(err, fault.InvalidParameter, "Username cannot be of phone number format, since user pool is configured for phone number alias.")
		_, err = w.trySignUp(home, ashaMail, password)
		w.want(err, fault.InvalidParameter, "Username cannot be of email format, since user pool is configured for email alias.")
		w.join("Asha", password, asha, attr("phone_number", asha), attr("email", "Asha@example.com"))
		for name, opens := range map[string]bool{"Asha": true, "asha": true, asha: true, ashaMail: false, "Asha@Example.com": false} {
			if got := w.canSignInWith(name, password); got != opens {
				t.Errorf("%s opens: %v, want %v", name, got, opens)
			}
		}
		auth, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.must(err)
		if auth.Parameters["USERNAME"] != "asha" {
			t.Errorf("told %q", auth.Parameters["USERNAME"])
		}
		auth, err = w.answer(home, "CUSTOM_CHALLENGE", auth.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(auth)
	})
}

func TestForceAliasCreation(t *testing.T) {
	for _, c := range []struct {
		name      string
		behaviour userpool.Behaviour
		force     bool
		idle      time.Duration // since the owner's last sign-in
		moves     bool
	}{
		{name: "not asked for"},
		{name: "asked for", force: true, moves: true},
		{name: "exact", behaviour: userpool.CognitoExact, force: true, moves: true},
		{name: "strict, owner signed in lately", behaviour: userpool.Strict, force: true},
		{name: "strict, owner long gone", behaviour: userpool.Strict, force: true, idle: 91 * 24 * time.Hour, moves: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{design: aliasNames, behaviour: c.behaviour}, func(w *world) {
				w.join("asha", password, asha, attr("phone_number", asha))
				_, err := w.byPassword(asha, password)
				w.must(err)
				if c.idle > 0 {
					w.passDown(c.idle)
				}
				r := w.signUp(mobile, "ravi", intruders, attr("phone_number", asha))
				confirm := userpool.ConfirmSignUpRequest{
					Caller: mobile, ClientID: w.client, Username: "ravi", Code: w.code(asha), Session: r.Session, ForceAliasCreation: c.force,
				}
				_, err = w.s.ConfirmSignUp(w.ctx, confirm)
				if !c.moves {
					w.want(err, fault.AliasExists, "An account with the given phone_number already exists.")
					if !w.canSignInWith(asha, password) {
						t.Error("the owner lost his alias")
					}
					return
				}
				w.must(err)
				view, err := w.s.AdminGetUser(w.ctx, w.pool, "asha")
				w.must(err)
				for _, a := range view.Attributes {
					if a.Name == "phone_number_verified" && a.Value != "false" {
						t.Error("the old owner's number is still verified")
					}
				}
				if w.canSignInWith(asha, password) || !w.canSignInWith(asha, intruders) || !w.canSignInWith("asha", password) {
					t.Error("the alias did not move")
				}
			})
		})
	}
}

func TestForceAliasCreation_TellsTheOwnerByHisOtherContact(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{
			PoolID: w.pool, Username: "asha", Suppress: true,
			Attributes: []userpool.Attribute{attr("phone_number", asha), attr("phone_number_verified", "true"), attr("email", ashaMail), attr("email_verified", "true")},
		})
		w.must(err)
		w.signUp(mobile, "ravi", "", attr("phone_number", asha))
		_, err = w.s.ConfirmSignUp(w.ctx, userpool.ConfirmSignUpRequest{Caller: mobile, ClientID: w.client, Username: "ravi", Code: w.code(asha), ForceAliasCreation: true})
		w.must(err)
		w.settle()
		if n := len(w.mail.to(ashaMail)); n != 1 {
			t.Errorf("%d notices", n)
		}
	})
}

func TestMailNames_WholeRoad(t *testing.T) {
	inWorld(t, options{design: mailNames}, func(w *world) {
		r := w.join("Asha@Example.com", "", "Asha@example.com")
		if *r.Delivery != (userpool.Delivery{Destination: "A***@e***", Medium: "EMAIL", Attribute: "email"}) {
			t.Errorf("delivery %+v", r.Delivery)
		}
		_, err := w.trySignUp(home, "asha@example.com", "")
		w.want(err, fault.UsernameExists, "An account with the given email already exists.")
		_, err = w.trySignUp(home, "asha", "")
		w.want(err, fault.InvalidParameter, "Username should be an email.")
		auth, err := w.initiate(home, "USER_AUTH", "", "USERNAME", ashaMail, "PREFERRED_CHALLENGE", "EMAIL_OTP")
		w.must(err)
		if auth.Challenge != "EMAIL_OTP" || auth.Parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != "EMAIL" {
			t.Fatalf("%+v", auth)
		}
		auth, err = w.answer(home, "EMAIL_OTP", auth.Session, "USERNAME", ashaMail, "EMAIL_OTP_CODE", w.mailed("Asha@example.com"))
		w.must(err)
		access := w.tokens(auth).Access
		if w.attribute(access, "email_verified") != "true" || w.attribute(access, "email") != "Asha@example.com" {
			t.Error("the address is not the user's")
		}
		auth, err = w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", ashaMail)
		w.must(err)
		auth, err = w.answer(home, "CUSTOM_CHALLENGE", auth.Session, "USERNAME", ashaMail, "ANSWER", w.mailed("Asha@example.com"))
		w.must(err)
		w.tokens(auth)
	})
}

func TestBothNames_TheCodeProvesTheName(t *testing.T) {
	inWorld(t, options{design: bothNames}, func(w *world) {
		r := w.signUp(home, ashaMail, password, attr("phone_number", asha))
		if r.Delivery.Medium != "EMAIL" {
			t.Errorf("the code went by %s: it must prove the name", r.Delivery.Medium)
		}
		_, err := w.confirm(home, ashaMail, w.mailed(ashaMail), r.Session)
		w.must(err)
		if w.canSignInWith(asha, password) {
			t.Error("a number that nobody proved signs in")
		}
		if _, err := w.trySignUp(stranger, asha, password); err != nil {
			t.Errorf("a number that nobody proved keeps its owner out: %v", err)
		}
		_, err = w.trySignUp(stranger, "nothing", password)
		w.want(err, fault.InvalidParameter, "Username should be either an email or a phone number.")
	})
}

func TestExact_SignUpWaitsAsOnCognito(t *testing.T) {
	inWorld(t, options{behaviour: userpool.CognitoExact, legacy: true}, func(w *world) {
		w.signUp(stranger, asha, password, named)
		_, err := w.trySignUp(home, asha, intruders)
		w.want(err, fault.UsernameExists, "User already exists")
		_, err = w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.want(err, fault.UserNotConfirmed, "User is not confirmed.")
		_, err = w.confirm(mobile, asha, w.code(asha), "")
		w.must(err)
		if !w.canSignInWith(asha, password) {
			t.Error("Cognito keeps the password of a sign-up, whoever confirms it")
		}
	})
}
