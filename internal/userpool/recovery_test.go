package userpool_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const newPassword = "Other-Horse-77"

func (w *world) forgot(c userpool.Caller, name string) (userpool.Delivery, error) {
	return w.s.ForgotPassword(w.ctx, userpool.ForgotPasswordRequest{Caller: c, ClientID: w.client, Username: name})
}

func (w *world) reset(c userpool.Caller, name, code, password string) error {
	return w.s.ConfirmForgotPassword(w.ctx, userpool.ConfirmForgotPasswordRequest{
		Caller: c, ClientID: w.client, Username: name, Code: code, Password: password,
	})
}

// status and adminAttribute read a user as an administrator does.
func (w *world) status(name string) userpool.UserStatus {
	w.t.Helper()
	view, err := w.s.AdminGetUser(w.ctx, w.pool, name)
	w.must(err)
	return view.Status
}

func (w *world) adminAttribute(name, attr string) string {
	w.t.Helper()
	view, err := w.s.AdminGetUser(w.ctx, w.pool, name)
	w.must(err)
	i := slices.IndexFunc(view.Attributes, func(a userpool.Attribute) bool { return a.Name == attr })
	if i < 0 {
		return ""
	}
	return view.Attributes[i].Value
}

// recovery sets the order of a pool's ways to reset.
func recovery(ways ...string) func(*userpool.PoolSettings) {
	return func(s *userpool.PoolSettings) { s.Recovery = ways }
}

func TestForgotPassword_AskedOnOneDeviceConfirmedOnAnother(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict, userpool.CognitoExact} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{behaviour: behaviour}, func(w *world) {
				before := w.member(home, asha, password)
				d, err := w.forgot(mobile, asha)
				w.must(err)
				if d != (userpool.Delivery{Destination: "+********3210", Medium: "SMS", Attribute: "phone_number"}) {
					t.Errorf("delivery %+v", d)
				}
				if !w.canSignInWith(asha, password) {
					t.Error("asking for a code took the password away")
				}
				w.must(w.reset(home, asha, w.code(asha), newPassword))
				if w.canSignInWith(asha, password) || !w.canSignInWith(asha, newPassword) {
					t.Error("the password was not replaced")
				}
				_, err = w.s.GetUser(w.ctx, before.Access)
				_, refreshed := w.refresh(before.Refresh)
				if behaviour == userpool.CognitoExact {
					w.must(err)
					w.must(refreshed)
					return
				}
				w.want(err, fault.NotAuthorized, "Access Token has been revoked")
				w.want(refreshed, fault.NotAuthorized, "Refresh Token has been revoked")
			})
		})
	}
}

func TestForgotPassword_MediaInThePoolsOrder(t *testing.T) {
	both := []userpool.Attribute{attr("phone_number", asha), attr("phone_number_verified", "true"), attr("email", ashaMail), attr("email_verified", "true")}
	mailOnly := append([]userpool.Attribute{attr("phone_number_verified", "false")}, both[0], both[2], both[3])
	for _, c := range []struct {
		name  string
		ways  []string
		attrs []userpool.Attribute
		to    string
	}{
		{"nothing said, both verified", nil, both, asha},
		{"nothing said, number not verified", nil, mailOnly, ashaMail},
		{"mail first", []string{"verified_email", "verified_phone_number"}, both, ashaMail},
		{"number only, not verified", []string{"verified_phone_number"}, mailOnly, ""},
		{"nothing verified", nil, []userpool.Attribute{attr("phone_number", asha)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{legacy: true, design: func(s *userpool.PoolSettings) { aliasNames(s); s.Recovery = c.ways }}, func(w *world) {
				w.create("asha", c.attrs...)
				d, err := w.forgot(home, "asha")
				if c.to == "" {
					w.want(err, fault.InvalidParameter, "Cannot reset password for the user as there is no registered/verified email or phone_number")
					return
				}
				w.must(err)
				if (d.Medium == "EMAIL") != (c.to == ashaMail) {
					t.Errorf("went by %s", d.Medium)
				}
				w.must(w.reset(home, "asha", w.codeAt(c.to), newPassword))
				if !w.canSignInWith("asha", newPassword) {
					t.Error("the password was not set")
				}
			})
		})
	}
}

func TestForgotPassword_AdminOnly(t *testing.T) {
	for _, legacy := range []bool{true, false} {
		inWorld(t, options{legacy: legacy, design: recovery("admin_only")}, func(w *world) {
			w.member(home, asha, password)
			for _, name := range []string{asha, ravi} {
				_, err := w.forgot(home, name)
				w.want(err, fault.NotAuthorized, "Contact administrator to reset password.")
			}
			w.want(w.s.AdminResetUserPassword(w.ctx, home, w.pool, asha, nil), fault.NotAuthorized, "Contact administrator")
		})
	}
}

func TestForgotPassword_Legacy_SaysWhatIsWrong(t *testing.T) {
	inWorld(t, options{legacy: true}, func(w *world) {
		w.member(home, asha, password)
		w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
		w.signUp(home, ravi, password)
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "+919800000001", TemporaryPassword: "Temp-Pass-12", Suppress: true})
		w.must(err)
		for name, want := range map[string]*fault.Error{
			asha:            fault.New(fault.NotAuthorized, "User is disabled."),
			ravi:            fault.New(fault.NotAuthorized, "User password cannot be reset in the current state."),
			"+919800000001": fault.New(fault.NotAuthorized, "User password cannot be reset in the current state."),
			"+919800000002": fault.New(fault.UserNotFound, "Username/client id combination not found."),
		} {
			_, err := w.forgot(home, name)
			w.want(err, want.Kind, want.Message)
			w.want(w.reset(home, name, "123456", newPassword), want.Kind, want.Message)
		}
	})
}

func TestForgotPassword_Enabled_NobodyIsToldApart(t *testing.T) {
	const unproved, disabled, pending, temporary, nobody = "+919800000011", "+919800000012", "+919800000013", "+919800000014", "+919800000015"
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{behaviour: behaviour}, func(w *world) {
				w.member(home, asha, password)
				w.create(unproved)
				w.member(home, disabled, password)
				w.must(w.s.AdminDisableUser(w.ctx, w.pool, disabled))
				w.signUp(home, pending, password)
				_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: temporary, TemporaryPassword: "Temp-Pass-12", Suppress: true})
				w.must(err)
				w.pass(11 * time.Minute)
				for _, number := range []string{asha, unproved, disabled, pending, temporary, nobody} {
					// Before a code was asked for, with a wrong one, too often, too late.
					var told []string
					try := func() { told = append(told, w.reset(stranger, number, "000000", newPassword).Error()) }
					sent := w.texts(number)
					try()
					d, err := w.forgot(stranger, number)
					w.must(err)
					if want := "+********" + number[len(number)-4:]; d.Destination != want || d.Medium != "SMS" || d.Attribute != "phone_number" {
						t.Errorf("%s: delivery %+v", number, d)
					}
					for range 6 {
						try()
					}
					w.pass(11 * time.Minute)
					try()
					for i, message := range told {
						if message != "Invalid verification code provided, please try again." {
							t.Errorf("%s: answer %d is %q", number, i, message)
						}
					}
					if got := w.texts(number) - sent; (got == 1) != (number == asha) {
						t.Errorf("%s: %d texts", number, got)
					}
				}
			})
		})
	}
}

func TestForgotPassword_Enabled_UserNames(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		w.create("asha", attr("email", ashaMail), attr("email_verified", "true"))
		media := map[string]int{}
		for i := range 40 {
			d, err := w.forgot(stranger, fmt.Sprint("nobody", i))
			w.must(err)
			again, err := w.forgot(mobile, fmt.Sprint("nobody", i))
			w.must(err)
			if d != again {
				t.Fatalf("told %+v, then %+v", d, again)
			}
			media[d.Medium]++
		}
		if media["SMS"] == 0 || media["EMAIL"] == 0 {
			t.Errorf("a medium tells that there is a user: %v", media)
		}
		d, err := w.forgot(home, "nobody@example.org")
		w.must(err)
		if d.Destination != "n***@e***" {
			t.Errorf("nobody's address is shown as %s", d.Destination)
		}
		w.settle()
		if n := len(w.mail.to("nobody@example.org")) + len(w.phone.Texts()); n != 0 {
			t.Errorf("%d messages to nobody", n)
		}
	})
}

func TestConfirmForgotPassword_Legacy_ExpiredAndWrong(t *testing.T) {
	inWorld(t, options{legacy: true}, func(w *world) {
		w.member(home, asha, password)
		w.want(w.reset(home, asha, "123456", newPassword), fault.ExpiredCode, "Invalid code provided, please request a code again.")
		_, err := w.forgot(home, asha)
		w.must(err)
		code := w.code(asha)
		w.want(w.reset(home, asha, wrongCode(code), newPassword), fault.CodeMismatch, "Invalid verification code provided, please try again.")
		w.want(w.reset(home, asha, code, "short"), fault.InvalidPassword, "Password does not conform to policy: Password not long enough")
		w.pass(10 * time.Minute)
		w.want(w.reset(home, asha, code, newPassword), fault.ExpiredCode, "")
	})
}

func TestConfirmForgotPassword_ExactEnabled_AsCognito(t *testing.T) {
	inWorld(t, options{behaviour: userpool.CognitoExact}, func(w *world) {
		w.want(w.reset(home, asha, "123456", newPassword), fault.ExpiredCode, "")
		_, err := w.forgot(home, asha)
		w.must(err)
		w.want(w.reset(home, asha, "123456", newPassword), fault.CodeMismatch, "")
		w.signUp(home, ravi, password)
		_, err = w.forgot(home, ravi)
		w.want(err, fault.NotAuthorized, "User password cannot be reset in the current state.")
	})
}

func TestConfirmForgotPassword_FiveTriesOnEveryLiveCode(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		_, err := w.forgot(home, asha)
		w.must(err)
		first := w.code(asha)
		_, err = w.forgot(mobile, asha)
		w.must(err)
		second := w.code(asha)
		for range 5 {
			w.want(w.reset(stranger, asha, wrongCode(first), newPassword), fault.CodeMismatch, "")
		}
		w.want(w.reset(home, asha, first, newPassword), fault.CodeMismatch, "")
		w.want(w.reset(home, asha, second, newPassword), fault.CodeMismatch, "")
		_, err = w.forgot(home, asha)
		w.must(err)
		w.must(w.reset(mobile, asha, w.code(asha), newPassword))
	})
}

func TestForgotPassword_SharesTheNumbersBudget(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		w.custom(home, asha)
		w.custom(mobile, asha)
		for _, c := range []userpool.Caller{stranger, from(1), from(2)} {
			w.must(second(w.forgot(c, asha)))
		}
		_, err := w.forgot(home, asha)
		w.want(err, fault.LimitExceeded, "Attempt limit exceeded, please try after some time.")
		for range 100 {
			w.forgot(stranger, asha)
		}
		if n := w.texts(asha); n > 1+5 {
			t.Errorf("%d texts", n)
		}
		if !w.canSignInWith(asha, password) || w.status(asha) != userpool.StatusConfirmed {
			t.Error("requests to reset did something to the owner")
		}
	})
}

func TestConfirmForgotPassword_ClearsTheLockAndEndsWhatIsPending(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		begun := w.custom(stranger, asha)
		signInCode := w.code(asha)
		for range 8 {
			w.byPassword(asha, intruders)
		}
		_, err := w.byPassword(asha, password)
		w.want(err, fault.NotAuthorized, "Password attempts exceeded")
		_, err = w.forgot(home, asha)
		w.must(err)
		w.must(w.reset(home, asha, w.code(asha), newPassword))
		if !w.canSignInWith(asha, newPassword) {
			t.Error("the lock outlived the reset")
		}
		_, err = w.answer(stranger, "CUSTOM_CHALLENGE", begun.Session, "USERNAME", asha, "ANSWER", signInCode)
		w.want(err, fault.NotAuthorized, "")
	})
}

func TestConfirmForgotPassword_TwoRightAnswers_OneEffect(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		_, err := w.forgot(home, asha)
		w.must(err)
		code := w.code(asha)
		passwords := []string{"First-Racer-1", "Second-Racer-2", "Third-Racer-33"}
		errs := make([]error, len(passwords))
		var done sync.WaitGroup
		for i, p := range passwords {
			done.Go(func() { errs[i] = w.reset(caller(fmt.Sprint("192.0.2.", i+1)), asha, code, p) })
		}
		done.Wait()
		won := 0
		for i, p := range passwords {
			if errs[i] == nil {
				won++
			}
			if w.canSignInWith(asha, p) != (errs[i] == nil) {
				t.Errorf("racer %d: %v", i, errs[i])
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	})
}

func TestForgotPassword_Repeats_SendAndCountOnce(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		sent := w.texts(asha)
		for range 3 {
			_, err := w.forgot(tried(home, "forgot", "f"), asha)
			w.must(err)
		}
		if n := w.texts(asha) - sent; n != 1 {
			t.Errorf("%d texts", n)
		}
		code := w.code(asha)
		for range 7 {
			w.want(w.reset(tried(home, "wrong", "w"), asha, wrongCode(code), newPassword), fault.CodeMismatch, "")
		}
		for range 3 {
			w.must(w.reset(tried(home, "right", "r"), asha, code, newPassword))
		}
		neighbour := home // the same bytes from the same address, by somebody else
		neighbour.Body = bodyHash("r")
		w.want(w.reset(neighbour, asha, code, newPassword), fault.CodeMismatch, "")
	})
}

func TestResetCode_ServesNothingElse(t *testing.T) {
	inWorld(t, options{limitsOff: true, legacy: true, design: aliasNames}, func(w *world) {
		w.join("asha", password, asha, attr("phone_number", asha), attr("email", ashaMail))
		auth, err := w.byPassword("asha", password)
		w.must(err)
		access := w.tokens(auth).Access
		_, err = w.forgot(home, "asha")
		w.must(err)
		code := w.code(asha)
		begun := w.custom(home, "asha")
		answered, err := w.answer(home, "CUSTOM_CHALLENGE", begun.Session, "USERNAME", "asha", "ANSWER", code)
		w.must(err)
		if answered.Tokens != nil {
			t.Error("a reset code signed in")
		}
		w.want(w.verify(access, "phone_number", code), fault.ExpiredCode, "")
		_, err = w.s.GetUserAttributeVerificationCode(w.ctx, home, access, "email", nil)
		w.must(err)
		verification := w.mailed(ashaMail)
		w.want(w.verify(access, "email", code), fault.CodeMismatch, "")
		w.want(w.reset(home, "asha", verification, newPassword), fault.CodeMismatch, "")
		w.custom(mobile, "asha")
		w.want(w.reset(home, "asha", w.code(asha), newPassword), fault.CodeMismatch, "")
		_, err = w.confirm(home, "asha", code, "")
		w.want(err, fault.NotAuthorized, "Current status is CONFIRMED")
		w.must(w.verify(access, "email", verification))
		w.must(w.reset(home, "asha", code, newPassword))
	})
}

func TestConfirmForgotPassword_FirstProof_DropsWhatTheSignUpSaid(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.signUp(stranger, asha, intruders, attr("name", "Mallory"))
		w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
		tokens, err := w.byPassword(asha, intruders)
		w.must(err)
		w.must(w.s.AdminUpdateUserAttributes(w.ctx, home, w.pool, asha, []userpool.Attribute{attr("phone_number_verified", "true")}, nil))
		_, err = w.forgot(home, asha)
		w.must(err)
		w.must(w.reset(home, asha, w.code(asha), newPassword))
		if w.adminAttribute(asha, "name") != "" || w.canSignInWith(asha, intruders) || !w.canSignInWith(asha, newPassword) {
			t.Error("the stranger's sign-up survived the owner's reset")
		}
		_, err = w.s.GetUser(w.ctx, tokens.Tokens.Access)
		w.want(err, fault.NotAuthorized, "revoked")
	})
}

func TestAdminResetUserPassword(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.CognitoExact} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{behaviour: behaviour, limitsOff: true, flows: []string{
				userpool.AllowCustom, userpool.AllowSRP, userpool.AllowUserAuth, userpool.AllowPassword, userpool.AllowRefresh,
			}}, func(w *world) {
				tokens := w.member(home, asha, password)
				sent := w.texts(asha)
				w.must(w.s.AdminResetUserPassword(w.ctx, home, w.pool, asha, nil))
				if w.status(asha) != userpool.StatusResetRequired || w.texts(asha) != sent+1 {
					t.Errorf("status %s, %d texts", w.status(asha), w.texts(asha)-sent)
				}
				code := w.code(asha)
				_, err := w.s.GetUser(w.ctx, tokens.Access)
				if behaviour == userpool.Standard {
					w.want(err, fault.NotAuthorized, "revoked")
				} else {
					w.must(err)
				}
				_, err = w.byPassword(asha, password)
				w.want(err, fault.PasswordResetRequired, "Password reset required for the user")
				_, err = w.bySRP("USER_SRP_AUTH", asha, password)
				w.want(err, fault.PasswordResetRequired, "Password reset required for the user")
				_, err = w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", password)
				w.want(err, fault.PasswordResetRequired, "")
				_, err = w.byPassword(asha, intruders)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
				if w.status(asha) != userpool.StatusResetRequired {
					t.Errorf("status %s", w.status(asha))
				}
				w.must(w.reset(mobile, asha, code, newPassword))
				if w.status(asha) != userpool.StatusConfirmed || !w.canSignInWith(asha, newPassword) {
					t.Errorf("status %s after the reset", w.status(asha))
				}
				w.must(w.s.AdminResetUserPassword(w.ctx, home, w.pool, asha, nil))
				w.settle()           // its code is the older of two
				w.texted(home, asha) // a texted code still signs in
			})
		})
	}
}

func TestAdminResetUserPassword_WrongStates(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		reset := func(name string) error { return w.s.AdminResetUserPassword(w.ctx, home, w.pool, name, nil) }
		w.want(reset(asha), fault.UserNotFound, "User does not exist.")
		w.signUp(home, asha, password)
		w.want(reset(asha), fault.NotAuthorized, "User password cannot be reset in the current state.")
		w.create(ravi)
		w.want(reset(ravi), fault.InvalidParameter, "Cannot reset password for the user as there is no registered/verified email or phone_number")
		w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, ravi, "Temp-Pass-12", false))
		w.want(reset(ravi), fault.NotAuthorized, "User password cannot be reset in the current state.")
		w.want(w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha), fault.InvalidParameter, "")
	})
}

func TestAdminUserGlobalSignOut(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, password)
		w.must(w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha))
		_, err := w.s.GetUser(w.ctx, tokens.Access)
		w.want(err, fault.NotAuthorized, "Access Token has been revoked")
		_, err = w.refresh(tokens.Refresh)
		w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
	})
}
