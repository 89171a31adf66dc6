package userpool_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (w *world) refresh(token string) (userpool.Tokens, error) {
	return w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: home, ClientID: w.client, RefreshToken: token})
}

func (w *world) revoke(token string) error {
	return w.s.RevokeToken(w.ctx, userpool.RevokeRequest{ClientID: w.client, Token: token})
}

func TestRefresh_ThirtyDays_ThenExpired(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		first := w.member(home, asha, "")
		w.passDown(30*24*time.Hour - time.Minute)
		tokens, err := w.refresh(first.Refresh)
		w.must(err)
		if tokens.Refresh != "" {
			t.Error("a refresh without rotation must give no refresh token")
		}
		w.attribute(tokens.Access, "sub")
		w.pass(time.Minute)
		_, err = w.refresh(first.Refresh)
		w.want(err, fault.NotAuthorized, "Refresh Token has expired")
	})
}

func TestAccessToken_OneHour(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		w.pass(time.Hour - time.Second)
		w.attribute(tokens.Access, "sub")
		w.pass(time.Second)
		_, err := w.s.GetUser(w.ctx, tokens.Access)
		w.want(err, fault.NotAuthorized, "Access Token has expired")
	})
}

func TestRotation_SameSuccessorWithinTheGrace_ReuseEndsTheFamily(t *testing.T) {
	inWorld(t, options{rotation: true, grace: 10 * time.Second}, func(w *world) {
		first := w.member(home, asha, "")
		second, err := w.refresh(first.Refresh)
		w.must(err)
		w.pass(9 * time.Second)
		again, err := w.refresh(first.Refresh)
		w.must(err)
		if again.Refresh != second.Refresh || second.Refresh == first.Refresh {
			t.Error("a retry within the grace must give the same successor")
		}
		w.pass(time.Second)
		_, err = w.refresh(first.Refresh)
		w.want(err, fault.RefreshTokenReuse, "")
		_, err = w.refresh(second.Refresh)
		w.want(err, fault.NotAuthorized, "Refresh Token has been revoked")
		_, err = w.s.GetUser(w.ctx, second.Access)
		w.want(err, fault.NotAuthorized, "Access Token has been revoked")
	})
}

// overtaken is a store in which one Update waits while others pass it.
type overtaken struct {
	userpool.Store
	hold atomic.Pointer[chan struct{}] // what the next Update waits for
}

func (s *overtaken) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	if hold := s.hold.Swap(nil); hold != nil {
		<-*hold
	}
	return s.Store.Update(ctx, fn)
}

func TestRotation_WithoutAGrace_WhoBeganEarlierAndIsOvertakenLoses(t *testing.T) {
	inWorld(t, options{rotation: true}, func(w *world) {
		store := &overtaken{Store: w.store}
		w.on(store)
		first := w.member(home, asha, "")
		w.settle()
		hold, late := make(chan struct{}), make(chan error)
		store.hold.Store(&hold)
		go func() {
			_, err := w.refresh(first.Refresh)
			late <- err
		}()
		w.pass(time.Second)
		if _, err := w.refresh(first.Refresh); err != nil {
			t.Fatal(err)
		}
		close(hold)
		w.want(<-late, fault.RefreshTokenReuse, "")
	})
}

func TestRotation_KeepsTheEndAndTheSignIn(t *testing.T) {
	inWorld(t, options{rotation: true}, func(w *world) {
		tokens := w.member(home, asha, "")
		for range 29 {
			w.passDown(24 * time.Hour)
			next, err := w.refresh(tokens.Refresh)
			w.must(err)
			tokens = next
		}
		w.passDown(24 * time.Hour)
		_, err := w.refresh(tokens.Refresh)
		w.want(err, fault.NotAuthorized, "Refresh Token has expired")
	})
}

func TestRotation_ParallelRefreshes_OneSuccessor(t *testing.T) {
	inWorld(t, options{rotation: true, grace: 10 * time.Second}, func(w *world) {
		first := w.member(home, asha, "")
		var mu sync.Mutex
		successors := make(map[string]bool)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				tokens, err := w.refresh(first.Refresh)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("refresh: %v", err)
				}
				successors[tokens.Refresh] = true
			})
		}
		all.Wait()
		if len(successors) != 1 {
			t.Errorf("%d successors", len(successors))
		}
	})
}

func TestRevocation_EndsWhatItShould(t *testing.T) {
	for _, c := range []struct {
		name    string
		do      func(w *world, tokens userpool.Tokens) error
		access  string // what GetUser says then
		refresh string
		kind    fault.Kind
	}{
		{"RevokeToken", func(w *world, tk userpool.Tokens) error { return w.revoke(tk.Refresh) },
			"Access Token has been revoked", "Refresh Token has been revoked", fault.NotAuthorized},
		{"GlobalSignOut", func(w *world, tk userpool.Tokens) error { return w.s.GlobalSignOut(w.ctx, tk.Access) },
			"Access Token has been revoked", "Refresh Token has been revoked", fault.NotAuthorized},
		{"AdminDisableUser", func(w *world, tk userpool.Tokens) error { return w.s.AdminDisableUser(w.ctx, w.pool, asha) },
			"User is disabled.", "Refresh Token has been revoked", fault.NotAuthorized},
		{"DeleteUser", func(w *world, tk userpool.Tokens) error { return w.s.DeleteUser(w.ctx, tk.Access) },
			"User does not exist.", "Refresh Token has been revoked", fault.UserNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				tokens := w.member(home, asha, "")
				other := w.member(home, ravi, "")
				w.must(c.do(w, tokens))
				_, err := w.s.GetUser(w.ctx, tokens.Access)
				w.want(err, c.kind, c.access)
				_, err = w.refresh(tokens.Refresh)
				w.want(err, fault.NotAuthorized, c.refresh)
				w.attribute(other.Access, "sub") // nobody else is touched
			})
		})
	}
}

func TestGlobalSignOut_EndsWhatIsPending(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		r := w.custom(stranger, asha)
		code := w.code(asha)
		w.must(w.s.GlobalSignOut(w.ctx, tokens.Access))
		_, err := w.answer(stranger, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "Invalid session for the user.")
		w.texted(home, asha)
	})
}

func TestRevokeToken_WhatItRefuses(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		w.want(w.revoke(tokens.Access), fault.UnsupportedTokenType, "")
		other, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "other"})
		w.must(err)
		err = w.s.RevokeToken(w.ctx, userpool.RevokeRequest{ClientID: other.ID, Token: tokens.Refresh})
		w.want(err, fault.Unauthorized, "")
		w.must(w.revoke("not-a-token-at-all"))
		w.attribute(tokens.Access, "sub")
		w.must(w.revoke(tokens.Refresh))
		w.must(w.revoke(tokens.Refresh))
	})
}

func TestTokens_OfAnotherClientPoolOrKind_AreRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		_, err := w.s.GetUser(w.ctx, tokens.ID)
		w.want(err, fault.NotAuthorized, "Invalid Access Token")
		_, err = w.refresh(tokens.Access)
		w.want(err, fault.NotAuthorized, "Invalid Refresh Token")
		other, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "other"})
		w.must(err)
		_, err = w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{ClientID: other.ID, RefreshToken: tokens.Refresh})
		w.want(err, fault.NotAuthorized, "Invalid Refresh Token")
	})
}

func TestDeletedUser_NumberIsFreeAndTheIDIsNot(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		first := w.member(home, asha, "")
		sub := w.attribute(first.Access, "sub")
		w.must(w.s.DeleteUser(w.ctx, first.Access))
		w.pass(time.Minute)
		second := w.member(home, asha, "")
		if w.attribute(second.Access, "sub") == sub {
			t.Error("the sub was given again")
		}
		_, err := w.s.GetUser(w.ctx, first.Access)
		w.want(err, fault.UserNotFound, "")
	})
}

func TestDeletedUser_MadeByATextedCode_TheIDIsNotGivenAgain(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		seen := make(map[string]bool)
		for range 3 {
			w.signUp(home, asha, "")
			w.settle() // or the two texts race to the phone
			tokens := w.texted(home, asha)
			sub := w.attribute(tokens.Access, "sub")
			if seen[sub] {
				t.Fatal("a deleted user's sub was given again")
			}
			seen[sub] = true
			w.must(w.s.DeleteUser(w.ctx, tokens.Access))
		}
	})
}

// keyOf is the header of a token, which names its key.
func keyOf(token string) string { return strings.SplitN(token, ".", 2)[0] }

func (w *world) refreshed(old userpool.Tokens) string {
	w.t.Helper()
	tokens, err := w.refresh(old.Refresh)
	w.must(err)
	return tokens.Access
}

func TestSigningKeys_RotateWithOverlap(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		before, err := w.s.JWKS(w.ctx, w.pool)
		w.must(err)
		w.passDown(90*24*time.Hour - 12*time.Hour)
		old := w.member(home, asha, "")
		w.passDown(12 * time.Hour)
		both, err := w.s.JWKS(w.ctx, w.pool)
		w.must(err)
		if len(both) <= len(before) {
			t.Fatal("after 90 days no successor is published beside the keys")
		}
		if next := w.refreshed(old); keyOf(next) != keyOf(old.Access) {
			t.Error("a successor signs before verifiers had a day to fetch it")
		}
		w.passDown(24 * time.Hour)
		next := w.refreshed(old)
		if keyOf(next) == keyOf(old.Access) {
			t.Error("the successor does not sign after its day")
		}
		w.attribute(next, "sub")
		w.passDown(26 * time.Hour)
		w.passDown(time.Hour)
		after, err := w.s.JWKS(w.ctx, w.pool)
		w.must(err)
		if len(after) != len(before) || string(after) == string(before) {
			t.Error("the old keys are still published though no token of theirs can live")
		}
	})
}
