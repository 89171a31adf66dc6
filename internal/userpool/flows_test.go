package userpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var passwordFlows = []string{userpool.AllowPassword, userpool.AllowAdminPassword, userpool.AllowUserAuth, userpool.AllowCustom, userpool.AllowRefresh}

// backendAuth is AdminInitiateAuth by a backend that tells nobody's address.
func (w *world) backendAuth(flow string, parameters ...string) (userpool.AuthResult, error) {
	return w.s.InitiateAuth(w.ctx, userpool.AuthRequest{
		Caller: userpool.Caller{Address: home.Address, Backend: true}, PoolID: w.pool, ClientID: w.client,
		Flow: flow, Parameters: pairs(parameters),
	})
}

func TestPasswordFlows(t *testing.T) {
	inWorld(t, options{flows: passwordFlows}, func(w *world) {
		w.member(home, asha, password)
		direct := func(name, password string) (userpool.AuthResult, error) {
			return w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", name, "PASSWORD", password)
		}
		r, err := direct(asha, password)
		w.must(err)
		w.tokens(r)
		for _, flow := range []string{"ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"} {
			r, err := w.backendAuth(flow, "USERNAME", asha, "PASSWORD", password)
			w.must(err)
			w.tokens(r)
		}
		_, wrong := direct(asha, intruders)
		_, nobody := direct(ravi, password)
		w.want(wrong, fault.NotAuthorized, "Incorrect username or password.")
		if nobody == nil || nobody.Error() != wrong.Error() {
			t.Errorf("unknown: %v, wrong: %v", nobody, wrong)
		}
		_, err = w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", asha)
		w.want(err, fault.InvalidParameter, "Missing required parameter PASSWORD")
		_, err = w.initiate(home, "ADMIN_USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", password)
		w.want(err, fault.InvalidParameter, "Initiate Auth method not supported")
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts: a password needs none", n)
		}
	})
}

func TestPasswordFlows_ClientThatDoesNotAllowThem(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		_, err := w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", password)
		w.want(err, fault.InvalidParameter, "USER_PASSWORD_AUTH flow not enabled for this client")
		_, err = w.backendAuth("ADMIN_USER_PASSWORD_AUTH", "USERNAME", asha, "PASSWORD", password)
		w.want(err, fault.InvalidParameter, "Auth flow not enabled for this client")
	})
}

func TestPasswordFlows_PendingSignUp(t *testing.T) {
	for _, legacy := range []bool{true, false} {
		inWorld(t, options{flows: passwordFlows, legacy: legacy}, func(w *world) {
			w.signUp(home, asha, password)
			_, err := w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", password)
			w.want(err, fault.UserNotConfirmed, "User is not confirmed.")
			_, err = w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", intruders)
			w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		})
	}
}

// The password lock is one for all flows, and says nothing of who exists.
func TestPasswordFlows_ShareTheLock(t *testing.T) {
	inWorld(t, options{flows: passwordFlows}, func(w *world) {
		w.member(home, asha, password)
		for _, name := range []string{asha, ravi} {
			for n := range 5 {
				flow := []string{"USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH"}[n%2]
				_, err := w.backendAuth(flow, "USERNAME", name, "PASSWORD", intruders)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
			}
			_, err := w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", name, "PASSWORD", password)
			w.want(err, fault.NotAuthorized, "Password attempts exceeded")
		}
		w.pass(2 * time.Second)
		r, err := w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", password)
		w.must(err)
		w.tokens(r)
	})
}

func TestBackend_AnswersChallenges(t *testing.T) {
	inWorld(t, options{flows: passwordFlows}, func(w *world) {
		backend := userpool.Caller{Address: home.Address, Backend: true}
		answer := func(name, session string, responses ...string) (userpool.AuthResult, error) {
			return w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
				Caller: backend, PoolID: w.pool, ClientID: w.client, Challenge: name, Session: session, Responses: pairs(responses),
			})
		}
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: asha, TemporaryPassword: intruders, Suppress: true})
		w.must(err)
		r, err := w.backendAuth("ADMIN_USER_PASSWORD_AUTH", "USERNAME", asha, "PASSWORD", intruders)
		w.must(err)
		if r.Challenge != "NEW_PASSWORD_REQUIRED" {
			t.Fatalf("challenge %s", r.Challenge)
		}
		r, err = answer("NEW_PASSWORD_REQUIRED", r.Session, "USERNAME", asha, "NEW_PASSWORD", password)
		w.must(err)
		w.tokens(r)
		r, err = w.backendAuth("CUSTOM_AUTH", "USERNAME", asha)
		w.must(err)
		r, err = answer("CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(r)
	})
}

func TestBackend_ClientOfAnotherPool(t *testing.T) {
	inWorld(t, options{flows: passwordFlows}, func(w *world) {
		set := userpool.DefaultPoolSettings()
		set.Tags = map[string]string{"bellhop:token-alg": "ES256"}
		other, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "other", Settings: set})
		w.must(err)
		_, err = w.s.InitiateAuth(w.ctx, userpool.AuthRequest{Caller: home, PoolID: other.ID, ClientID: w.client, Flow: "CUSTOM_AUTH"})
		w.want(err, fault.ResourceNotFound, "User pool client")
		_, err = w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{Caller: home, PoolID: "us-east-1_None", ClientID: w.client})
		w.want(err, fault.ResourceNotFound, "User pool us-east-1_None does not exist.")
	})
}

// All users of a backend share its address, so nothing is counted by it; what is
// counted by number is.
func TestBackend_ItsAddressIsNobodys(t *testing.T) {
	inWorld(t, options{flows: passwordFlows}, func(w *world) {
		for i := range 120 { // an address may ask for a hundred texts an hour
			number := fmt.Sprintf("+1415555%04d", 100+i%100+i/100*1000)
			_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: number, Suppress: true})
			w.must(err)
			_, err = w.backendAuth("CUSTOM_AUTH", "USERNAME", number)
			w.must(err)
		}
		var err error
		for range 4 {
			w.pass(2 * time.Minute)
			if _, err = w.backendAuth("CUSTOM_AUTH", "USERNAME", "+14155550100"); err != nil {
				break
			}
		}
		w.want(err, fault.LimitExceeded, "")
	})
}
