package userpool_test

import (
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// prove makes the responses of PASSWORD_VERIFIER.
func (w *world) prove(c srptest.Client, parameters map[string]string, password string) (responses []string) {
	w.t.Helper()
	for key, value := range c.Respond(w.t, string(w.pool), password, parameters) {
		responses = append(responses, key, value)
	}
	return responses
}

// bySRP signs in with a password by SRP in the flow.
func (w *world) bySRP(flow, number, password string, extra ...string) (userpool.AuthResult, error) {
	w.t.Helper()
	c := srptest.New(w.t)
	r, err := w.initiate(home, flow, "", append([]string{"USERNAME", number, "SRP_A", c.A()}, extra...)...)
	w.must(err)
	if r.Challenge != "PASSWORD_VERIFIER" {
		w.t.Fatalf("%s gave %s", flow, r.Challenge)
	}
	return w.answer(home, "PASSWORD_VERIFIER", r.Session, w.prove(c, r.Parameters, password)...)
}

func TestSRP_EveryFlow_RightPasswordSignsInWithoutAText(t *testing.T) {
	for _, c := range []struct {
		flow  string
		extra []string
	}{
		{"USER_SRP_AUTH", nil},
		{"CUSTOM_AUTH", []string{"CHALLENGE_NAME", "SRP_A"}},
		{"USER_AUTH", []string{"PREFERRED_CHALLENGE", "PASSWORD_SRP"}},
	} {
		t.Run(c.flow, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				w.member(home, asha, password)
				r, err := w.bySRP(c.flow, asha, password, c.extra...)
				w.must(err)
				w.tokens(r)
				_, err = w.bySRP(c.flow, asha, intruders, c.extra...)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
				if n := w.texts(asha); n != 1 {
					t.Errorf("%d texts", n)
				}
			})
		})
	}
}

func TestSRP_ProofServesOnceWithAndWithoutSession(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		c := srptest.New(w.t)
		r, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", c.A())
		w.must(err)
		proof := w.prove(c, r.Parameters, password)
		_, err = w.answer(home, "PASSWORD_VERIFIER", strings.Repeat("y", 43), proof...)
		w.want(err, fault.NotAuthorized, "Invalid session for the user.")
		auth, err := w.answer(home, "PASSWORD_VERIFIER", "", proof...) // old clients send none
		w.must(err)
		w.tokens(auth)
		_, err = w.answer(home, "PASSWORD_VERIFIER", r.Session, proof...)
		w.want(err, fault.NotAuthorized, "session can only be used once")
	})
}

func TestSRP_BadInput_IsRefusedByType(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		n, _ := new(big.Int).SetString(srptest.ModulusHex, 16)
		for _, a := range []string{"", "0", "xyz", srptest.ModulusHex, n.Text(16) + "00", "-1"} {
			_, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", a)
			w.want(err, fault.InvalidParameter, "")
		}
		c := srptest.New(w.t)
		r, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", c.A())
		w.must(err)
		proof := pairs(w.prove(c, r.Parameters, password))
		for key, values := range map[string][]string{
			"PASSWORD_CLAIM_SECRET_BLOCK": {"", "###", hex.EncodeToString([]byte("block")), flip(proof["PASSWORD_CLAIM_SECRET_BLOCK"])},
			"PASSWORD_CLAIM_SIGNATURE":    {"", "###"},
			"TIMESTAMP":                   {"", "yesterday", time.Now().Add(-16 * time.Minute).Format("Mon Jan 2 15:04:05 UTC 2006")},
			"USERNAME":                    {"", ravi},
		} {
			for _, v := range values {
				broken := pairs(nil)
				for k, old := range proof {
					broken[k] = old
				}
				broken[key] = v
				_, err := w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
					Caller: home, ClientID: w.client, Challenge: "PASSWORD_VERIFIER", Session: r.Session, Responses: broken,
				})
				if k := fault.KindOf(err); k != fault.InvalidParameter && k != fault.NotAuthorized {
					t.Errorf("%s=%q: %v", key, v, err)
				}
			}
		}
		auth, err := w.answer(home, "PASSWORD_VERIFIER", r.Session, w.prove(c, r.Parameters, password)...)
		w.must(err)
		w.tokens(auth)
	})
}

// flip changes one character in the middle of a base64 text.
func flip(s string) string {
	b := []byte(s)
	if b[len(b)/2]++; b[len(b)/2] > 'z' {
		b[len(b)/2] = 'A'
	}
	return string(b)
}

func TestSRP_PendingSignUp_RightPasswordSaysUnconfirmed(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.signUp(home, asha, password)
		_, err := w.bySRP("USER_SRP_AUTH", asha, password)
		w.want(err, fault.UserNotConfirmed, "User is not confirmed.")
		_, err = w.bySRP("USER_SRP_AUTH", asha, intruders)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestPasswordLock_DoublesAndForgets(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		try := func(pw string) error {
			_, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", pw)
			return err
		}
		for range 5 {
			w.want(try(intruders), fault.NotAuthorized, "Incorrect username or password.")
		}
		w.want(try(password), fault.NotAuthorized, "Password attempts exceeded")
		for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			w.pass(wait - time.Millisecond)
			w.want(try(password), fault.NotAuthorized, "Password attempts exceeded")
			w.pass(time.Millisecond)
			w.want(try(intruders), fault.NotAuthorized, "Incorrect username or password.")
		}
		w.pass(15*time.Minute + time.Millisecond)
		w.want(try(intruders), fault.NotAuthorized, "Incorrect username or password.")
		w.must(try(password))
	})
}

func TestAdminCreateUser_TemporaryPassword_MustBeChanged(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		view, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: asha, TemporaryPassword: "Temp-Pass-12"})
		w.must(err)
		if view.Status != userpool.StatusForceChangePassword {
			t.Errorf("status is %s", view.Status)
		}
		w.settle()
		if body := w.phone.TextsTo(asha)[0].Body; !strings.Contains(body, "Temp-Pass-12") || !strings.Contains(body, asha) {
			t.Errorf("the invitation does not tell name and password")
		}
		r, err := w.bySRP("USER_SRP_AUTH", asha, "Temp-Pass-12")
		w.must(err)
		if r.Challenge != "NEW_PASSWORD_REQUIRED" {
			t.Fatalf("challenge is %q", r.Challenge)
		}
		_, err = w.answer(home, r.Challenge, r.Session, "USERNAME", asha, "NEW_PASSWORD", "weak")
		w.want(err, fault.InvalidPassword, "Password does not conform to policy: Password not long enough")
		r, err = w.answer(home, r.Challenge, r.Session, "USERNAME", asha, "NEW_PASSWORD", password)
		w.must(err)
		w.tokens(r)
		if !w.canSignInWith(asha, password) || w.canSignInWith(asha, "Temp-Pass-12") {
			t.Error("the new password did not replace the temporary one")
		}
	})
}

func TestNewPassword_UserWithoutAttributes_GivesSome(t *testing.T) {
	inWorld(t, options{design: plainNames}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "asha", TemporaryPassword: "Temp-Pass-12", Suppress: true})
		w.must(err)
		r, err := w.bySRP("USER_SRP_AUTH", "asha", "Temp-Pass-12")
		w.must(err)
		// Apps delete members of the parsed object before they show a form.
		if shown := r.Parameters["userAttributes"]; shown != "{}" {
			t.Errorf("userAttributes is %s, want an empty object", shown)
		}
		r, err = w.answer(home, r.Challenge, r.Session, "USERNAME", "asha", "NEW_PASSWORD", password, "userAttributes.name", "Asha")
		w.must(err)
		if name := w.attribute(w.tokens(r).Access, "name"); name != "Asha" {
			t.Errorf("the name is %q", name)
		}
	})
}

func TestAdminCreateUser_TemporaryPassword_EndsAfterItsDays(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: asha, TemporaryPassword: "Temp-Pass-12", Suppress: true})
		w.must(err)
		w.passDown(7 * 24 * time.Hour)
		_, err = w.bySRP("USER_SRP_AUTH", asha, "Temp-Pass-12")
		w.want(err, fault.NotAuthorized, "Temporary password has expired")
	})
}

func TestUserAuth_Choice_EachFactorServes(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		choose := func() userpool.AuthResult {
			r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
			w.must(err)
			if r.Challenge != "SELECT_CHALLENGE" || len(r.Available) != 3 {
				t.Fatalf("choice is %+v", r)
			}
			return r
		}
		r, err := w.answer(home, "SELECT_CHALLENGE", choose().Session, "USERNAME", asha, "ANSWER", "SMS_OTP")
		w.must(err)
		r, err = w.answer(home, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", w.code(asha))
		w.must(err)
		w.tokens(r)
		r, err = w.answer(home, "SELECT_CHALLENGE", choose().Session, "USERNAME", asha, "ANSWER", "PASSWORD", "PASSWORD", password)
		w.must(err)
		w.tokens(r)
		c := srptest.New(w.t)
		r, err = w.answer(home, "SELECT_CHALLENGE", choose().Session, "USERNAME", asha, "ANSWER", "PASSWORD_SRP", "SRP_A", c.A())
		w.must(err)
		r, err = w.answer(home, "PASSWORD_VERIFIER", r.Session, w.prove(c, r.Parameters, password)...)
		w.must(err)
		w.tokens(r)
		_, err = w.answer(home, "SELECT_CHALLENGE", choose().Session, "USERNAME", asha, "ANSWER", "WEB_AUTHN")
		w.want(err, fault.InvalidParameter, "")
	})
}
