package userpool_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// begun is what sign-ins have begun, by many goroutines.
type begun struct {
	mu       sync.Mutex // guards the fields below
	refresh  []string
	sessions map[string]string // the challenge, by its Session
}

func (b *begun) keep(r userpool.AuthResult, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err != nil:
	case r.Tokens != nil:
		b.refresh = append(b.refresh, r.Tokens.Refresh)
	default:
		b.sessions[r.Session] = r.Challenge
	}
}

// Whatever a sign-in has begun on any node while a user was being disabled is dead
// when he is enabled again.
func TestAdminDisableUser_RacingSignIns_EndsAllOfThem(t *testing.T) {
	flows := []string{userpool.AllowCustom, userpool.AllowUserAuth, userpool.AllowRefresh, userpool.AllowPassword}
	inWorld(t, options{limitsOff: true, flows: flows}, func(w *world) {
		second, err := userpool.Open(w.ctx, userpool.Config{
			Store: w.store, Ring: w.ring, Sender: w.phone, Region: "us-east-1", PublicURL: "http://localhost:9400", LimitsOff: true,
		})
		w.must(err)
		nodes := []*userpool.Service{w.s, second}
		w.member(home, asha, password)
		for round := range 10 {
			w.pass(time.Minute)
			w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, password, round%2 == 0)) // else temporary
			b := &begun{sessions: map[string]string{}}
			var all sync.WaitGroup
			begin := func(flow string, parameters ...string) {
				for i := range 4 {
					all.Go(func() {
						b.keep(nodes[i%len(nodes)].InitiateAuth(w.ctx, userpool.AuthRequest{
							Caller: home, ClientID: w.client, Flow: flow, Parameters: pairs(append(parameters[:len(parameters):len(parameters)], "USERNAME", asha)),
						}))
					})
				}
			}
			begin("USER_PASSWORD_AUTH", "PASSWORD", password)
			begin("CUSTOM_AUTH")
			begin("USER_AUTH", "PREFERRED_CHALLENGE", "SMS_OTP")
			all.Go(func() {
				if err := w.s.AdminDisableUser(w.ctx, w.pool, asha); err != nil {
					t.Error(err)
				}
			})
			all.Wait()
			w.settle()
			w.must(w.s.AdminEnableUser(w.ctx, w.pool, asha))
			w.allDead(b)
		}
	})
}

// allDead tries to go on with everything that has begun.
func (w *world) allDead(b *begun) {
	w.t.Helper()
	for _, text := range b.refresh {
		if _, err := w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", text); err == nil {
			w.t.Error("a refresh token lives")
		}
	}
	code := w.phone.LastCode(asha)
	for session, challenge := range b.sessions {
		answer := map[string]string{"CUSTOM_CHALLENGE": "ANSWER " + code, "SMS_OTP": "SMS_OTP_CODE " + code, "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD Other-Pass-99"}[challenge]
		key, value, _ := strings.Cut(answer, " ")
		if r, err := w.answer(home, challenge, session, "USERNAME", asha, key, value); err == nil && r.Tokens != nil {
			w.t.Errorf("a Session of %s lives", challenge)
		}
	}
}

// So is what an answer has begun, under a Session that its client carries too.
func TestAdminDisableUser_RacingAnswers_EndsAllOfThem(t *testing.T) {
	inWorld(t, options{limitsOff: true, flows: []string{userpool.AllowCustom, userpool.AllowRefresh}}, func(w *world) {
		second, err := userpool.Open(w.ctx, userpool.Config{
			Store: w.store, Ring: w.ring, Sender: w.phone, Region: "us-east-1", PublicURL: "http://localhost:9400", LimitsOff: true,
		})
		w.must(err)
		nodes := []*userpool.Service{w.s, second}
		w.member(home, asha, "")
		for range 10 {
			w.pass(time.Minute)
			b := &begun{sessions: map[string]string{}}
			r := w.custom(home, asha)
			code := w.code(asha)
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					b.keep(nodes[i%len(nodes)].RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
						Caller: home, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
						Responses: pairs([]string{"USERNAME", asha, "ANSWER", code}),
					}))
				})
			}
			all.Go(func() {
				if err := w.s.AdminDisableUser(w.ctx, w.pool, asha); err != nil {
					t.Error(err)
				}
			})
			all.Wait()
			w.settle()
			w.must(w.s.AdminEnableUser(w.ctx, w.pool, asha))
			if len(b.refresh) > 1 {
				t.Errorf("one code gave the tokens of %d sign-ins", len(b.refresh))
			}
			b.sessions[r.Session] = r.Challenge
			w.allDead(b)
		}
	})
}
