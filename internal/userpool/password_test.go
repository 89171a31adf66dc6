package userpool_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// srpClient is the client's half of Cognito's SRP, written from its description
// with plain big integers, as a JavaScript client computes it.
type srpClient struct{ n, g, k, a, bigA *big.Int }

// srpPrime is the 3072-bit MODP prime of RFC 3526, group 15.
var srpPrime = strings.Join([]string{
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD",
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F",
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B",
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510",
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7",
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C",
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
}, "")

func padded(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

func hashed(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

func newSRPClient() srpClient {
	n, _ := new(big.Int).SetString(srpPrime, 16)
	g := big.NewInt(2)
	a := hashed([]byte("a secret exponent of a test"))
	return srpClient{n: n, g: g, k: hashed(padded(n), padded(g)), a: a, bigA: new(big.Int).Exp(g, a, n)}
}

func macOf(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

// prove makes the responses of PASSWORD_VERIFIER.
func (c srpClient) prove(pool userpool.PoolID, p map[string]string, password string, at time.Time) []string {
	name := strings.SplitN(string(pool), "_", 2)[1]
	user := p["USER_ID_FOR_SRP"]
	bigB, _ := new(big.Int).SetString(p["SRP_B"], 16)
	salt, _ := new(big.Int).SetString(p["SALT"], 16)
	u := hashed(padded(c.bigA), padded(bigB))
	inner := sha256.Sum256([]byte(name + user + ":" + password))
	x := hashed(padded(salt), inner[:])
	base := new(big.Int).Sub(bigB, new(big.Int).Mul(c.k, new(big.Int).Exp(c.g, x, c.n)))
	base.Mod(base, c.n)
	s := base.Exp(base, new(big.Int).Add(c.a, new(big.Int).Mul(u, x)), c.n)
	key := macOf(macOf(padded(u), padded(s)), []byte("Caldera Derived Key"), []byte{1})[:16]
	block, _ := base64.StdEncoding.DecodeString(p["SECRET_BLOCK"])
	stamp := at.UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	signature := macOf(key, []byte(name), []byte(user), block, []byte(stamp))
	return []string{
		"USERNAME", user, "PASSWORD_CLAIM_SECRET_BLOCK", p["SECRET_BLOCK"], "TIMESTAMP", stamp,
		"PASSWORD_CLAIM_SIGNATURE", base64.StdEncoding.EncodeToString(signature),
	}
}

// bySRP signs in with a password by SRP in the flow.
func (w *world) bySRP(flow, number, password string, extra ...string) (userpool.AuthResult, error) {
	w.t.Helper()
	c := newSRPClient()
	r, err := w.initiate(home, flow, "", append([]string{"USERNAME", number, "SRP_A", c.bigA.Text(16)}, extra...)...)
	w.must(err)
	if r.Challenge != "PASSWORD_VERIFIER" {
		w.t.Fatalf("%s gave %s", flow, r.Challenge)
	}
	return w.answer(home, "PASSWORD_VERIFIER", r.Session, c.prove(w.pool, r.Parameters, password, time.Now())...)
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
		c := newSRPClient()
		r, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", c.bigA.Text(16))
		w.must(err)
		proof := c.prove(w.pool, r.Parameters, password, time.Now())
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
		n, _ := new(big.Int).SetString(srpPrime, 16)
		for _, a := range []string{"", "0", "xyz", srpPrime, n.Text(16) + "00", "-1"} {
			_, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", a)
			w.want(err, fault.InvalidParameter, "")
		}
		c := newSRPClient()
		r, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", c.bigA.Text(16))
		w.must(err)
		proof := pairs(c.prove(w.pool, r.Parameters, password, time.Now()))
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
		auth, err := w.answer(home, "PASSWORD_VERIFIER", r.Session, c.prove(w.pool, r.Parameters, password, time.Now())...)
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
		c := newSRPClient()
		r, err = w.answer(home, "SELECT_CHALLENGE", choose().Session, "USERNAME", asha, "ANSWER", "PASSWORD_SRP", "SRP_A", c.bigA.Text(16))
		w.must(err)
		r, err = w.answer(home, "PASSWORD_VERIFIER", r.Session, c.prove(w.pool, r.Parameters, password, time.Now())...)
		w.must(err)
		w.tokens(r)
		_, err = w.answer(home, "SELECT_CHALLENGE", choose().Session, "USERNAME", asha, "ANSWER", "WEB_AUTHN")
		w.want(err, fault.InvalidParameter, "")
	})
}
