package userpool_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// issuedAt is a token's iat, as a back end reads it.
func (w *world) issuedAt(raw string) time.Time {
	w.t.Helper()
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	w.must(err)
	var claims struct {
		IssuedAt int64 `json:"iat"`
	}
	w.must(json.Unmarshal(body, &claims))
	return time.Unix(claims.IssuedAt, 0)
}

// The machine's clock is set by an hour. Whenever the code was made, before that
// or after it: the code serves to the last second of its ten minutes, and no
// longer.
func TestClock_SetByAnHour_CodesLiveTenMinutes(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		for _, made := range []time.Duration{-5 * time.Minute, 0, 2 * time.Minute, 9*time.Minute + 59*time.Second, 12 * time.Minute, 70 * time.Minute} {
			for late, serves := range map[time.Duration]bool{9*time.Minute + 59*time.Second: true, 10 * time.Minute: false} {
				t.Run(fmt.Sprintf("by %s made %s tried after %s", by, made, late), func(t *testing.T) {
					var set atomic.Int64
					inWorld(t, options{set: &set}, func(w *world) {
						w.member(home, asha, "")
						setIt := time.AfterFunc(5*time.Minute, func() { set.Store(int64(by)); w.s.Now() })
						defer setIt.Stop()
						w.pass(5*time.Minute + made)
						_, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
						w.must(err)
						code := w.code(asha)
						w.pass(late)
						if got := w.codeServes(code); got != serves {
							t.Errorf("the code serves: %v", got)
						}
					})
				})
			}
		}
	}
}

// codeServes says whether the code is right still, by a new Session: the one of
// its own start is over before the code is.
func (w *world) codeServes(code string) bool {
	w.t.Helper()
	r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
	w.must(err)
	r, err = w.answer(home, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", code)
	return err == nil && r.Tokens != nil
}

// Tokens keep to the clock of before, until what was made by it is over.
func TestClock_SetByAnHour_TokensAreNotOfTheFuture(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		var set atomic.Int64
		inWorld(t, options{set: &set}, func(w *world) {
			first := w.member(home, asha, "")
			set.Store(int64(by))
			for range 9 {
				tokens := w.texted(home, asha)
				if off := time.Until(w.issuedAt(tokens.Access)); off.Abs() > 5*time.Second {
					t.Errorf("iat is %s off the clock before it was set by %s", off, by)
				}
				w.pass(time.Minute)
			}
			w.pass(time.Minute)
			_, err := w.s.GetUser(w.ctx, first.Access)
			if over := by > 0; (err != nil) != over {
				t.Errorf("an access token of an hour, ten minutes after the clock was set by %s: %v", by, err)
			}
			w.pass(80 * time.Minute)
			if off := w.issuedAt(w.texted(home, asha).Access).Sub(time.Now().Add(by)); off.Abs() > 5*time.Second {
				t.Errorf("iat is %s off the machine's clock long after that", off)
			}
		})
	}
}

// While the server is down the clock is set back: what was sent before must not
// live on until the clock is where it was, and what is sent after it serves.
func TestEndFuture_ClockSetBackWhileDown_CodesUnderWayEnd(t *testing.T) {
	for by, serves := range map[time.Duration]bool{-time.Hour: false, -12 * time.Minute: false, -30 * time.Second: false, -3 * time.Second: true, 0: true, 2 * time.Minute: true} {
		var set atomic.Int64
		inWorld(t, options{set: &set}, func(w *world) {
			w.member(home, asha, "")
			r, err := w.begun("InitiateAuth", func(ctx context.Context) (userpool.AuthResult, error) {
				return w.s.InitiateAuth(ctx, userpool.AuthRequest{Caller: home, ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": asha}})
			})
			w.must(err)
			code := w.code(asha)
			w.s.FlushAudit(w.ctx)
			w.stop()
			set.Store(int64(by))
			w.open(&set)
			w.must(w.s.EndFuture(w.ctx))
			w.start()
			auth, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
			if got := err == nil && auth.Tokens != nil; got != serves {
				t.Errorf("set by %s: the code of before serves: %v, %v", by, got, err)
			}
			w.pass(31 * time.Second)
			w.texted(home, asha)
		})
	}
}

// begun makes a call that has its row in the audit trail, as a face does.
func (w *world) begun(name string, do func(context.Context) (userpool.AuthResult, error)) (userpool.AuthResult, error) {
	ctx := w.s.Begin(w.ctx, userpool.Call{Operation: name, Address: home.Address})
	r, err := do(ctx)
	w.s.End(ctx, err)
	return r, err
}

// What is kept for a minute is kept for a real one, though the clock leaps: the
// repeat of an answer whose first copy was lost, and the token of before a
// rotation.
func TestClock_LeapsBetweenACallAndItsRepeat_RepeatGetsTheSameAnswer(t *testing.T) {
	var set atomic.Int64
	inWorld(t, options{set: &set, rotation: true, grace: time.Minute}, func(w *world) {
		first := w.member(home, asha, "")
		set.Store(int64(time.Hour))
		w.s.Now()
		w.pass(10*time.Minute - 5*time.Second)
		c := tried(home, "leap-1", "start")
		start := w.custom(c, asha)
		refresh := func(action string) userpool.Tokens {
			t.Helper()
			tokens, err := w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: tried(home, action, "refresh"), ClientID: w.client, RefreshToken: first.Refresh})
			w.must(err)
			return tokens
		}
		second := refresh("leap-2")
		w.pass(10 * time.Second)
		if off := time.Until(w.s.Now()); off != time.Hour {
			t.Fatalf("the clock is %s ahead, want an hour: it should have leapt", off)
		}
		if again := w.custom(c, asha); again.Session != start.Session {
			t.Error("the repeat got another Session")
		}
		if again := refresh("leap-3"); again.Refresh != second.Refresh {
			t.Error("within the grace the successor is another")
		}
	})
}
