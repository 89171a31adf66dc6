package userpool_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// kids are the ids in the pool's key set document.
func (w *world) kids() map[string]bool {
	w.t.Helper()
	doc, err := w.s.JWKS(w.ctx, w.pool)
	w.must(err)
	var set struct {
		Keys []struct {
			Kid string `json:"kid"`
		} `json:"keys"`
	}
	w.must(json.Unmarshal(doc, &set))
	ids := map[string]bool{}
	for _, k := range set.Keys {
		ids[k.Kid] = true
	}
	return ids
}

func kidOf(t *testing.T, raw string) string {
	t.Helper()
	var header struct {
		Kid string `json:"kid"`
	}
	text, _, _ := strings.Cut(raw, ".")
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(plain, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

func (w *world) rotate(how userpool.KeyRotation) userpool.RotatedKeys {
	w.t.Helper()
	all, err := w.s.RotateKeys(w.ctx, w.pool, how)
	w.must(err)
	if len(all) != 1 || all[0].Pool != w.pool {
		w.t.Fatalf("rotated %+v", all)
	}
	return all[0]
}

func TestRotateKeys_AskedTwice_BeginsOne(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.pass(time.Hour)
		began := time.Now().UTC()
		first := w.rotate(userpool.KeyRotation{})
		w.pass(time.Hour)
		second := w.rotate(userpool.KeyRotation{})
		if first.Made != 2 || second.Made != 0 || !first.SignsFrom.Equal(began.Add(24*time.Hour)) || !second.SignsFrom.Equal(first.SignsFrom) {
			t.Errorf("first %+v, second %+v", first, second)
		}
		views, err := w.s.SigningKeys(w.ctx, w.pool)
		w.must(err)
		states := map[userpool.KeyState]int{}
		for _, v := range views {
			states[v.State]++
			if v.State == userpool.KeySigns && !v.PublishedUntil.Equal(first.SignsFrom.Add(25*time.Hour)) {
				t.Errorf("the old key is published until %v", v.PublishedUntil)
			}
		}
		if states[userpool.KeySigns] != 2 || states[userpool.KeyWaits] != 2 || len(views) != 4 {
			t.Errorf("states %v", states)
		}
		w.passDown(24 * time.Hour)
		if third := w.rotate(userpool.KeyRotation{}); third.Made != 2 {
			t.Errorf("after its end: %+v", third)
		}
	})
}

func TestRotateKeys_AtOnce_KeepsTokensOfTheOldKeyUnlessRevoked(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		old := w.member(home, asha, "")
		w.pass(time.Minute)
		w.rotate(userpool.KeyRotation{AtOnce: true})
		fresh := w.texted(home, asha)
		if kidOf(t, fresh.Access) == kidOf(t, old.Access) || !w.kids()[kidOf(t, old.ID)] || !w.kids()[kidOf(t, fresh.ID)] {
			t.Error("the new key does not sign at once, or the old one is not published")
		}
		_, err := w.s.GetUser(w.ctx, old.Access)
		w.must(err)

		w.pass(time.Minute)
		w.rotate(userpool.KeyRotation{AtOnce: true, RevokeOld: true})
		if kids := w.kids(); len(kids) != 2 || kids[kidOf(t, fresh.Access)] {
			t.Errorf("%d keys are published", len(kids))
		}
		for _, revoked := range []string{old.Access, fresh.Access} {
			_, err := w.s.GetUser(w.ctx, revoked)
			w.want(err, fault.NotAuthorized, "")
		}
		again, err := w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", fresh.Refresh)
		w.must(err)
		_, err = w.s.GetUser(w.ctx, w.tokens(again).Access)
		w.must(err)
	})
}

func TestRotateKeys_WithoutSense_IsRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		_, err := w.s.RotateKeys(w.ctx, w.pool, userpool.KeyRotation{RevokeOld: true})
		w.want(err, fault.InvalidParameter, "")
		_, err = w.s.RotateKeys(w.ctx, "us-east-1_None", userpool.KeyRotation{})
		w.want(err, fault.ResourceNotFound, "")
		_, err = w.s.SigningKeys(w.ctx, "us-east-1_None")
		w.want(err, fault.ResourceNotFound, "")
	})
}

// sighting is a key set that a verifier fetched, and when.
type sighting struct {
	at   time.Time
	kids map[string]bool
}

// issued is a token's life as a verifier sees it.
type issued struct {
	kid       string
	from, end time.Time
}

// TestRotateKeys_UnderLoad_EveryTokenIsInEveryKeySetOfItsLife has people who
// sign in and use their tokens, a verifier that fetches the key set, and an
// operator who rotates, again and again, over days.
func TestRotateKeys_UnderLoad_EveryTokenIsInEveryKeySetOfItsLife(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		const people, rounds = 4, 20
		var (
			mu      sync.Mutex // guards the two below
			tokens  []issued
			fetched []sighting
			all     sync.WaitGroup
		)
		numbers, family := make([]string, people), make([]string, people)
		for i := range people {
			numbers[i] = fmt.Sprintf("+9198765432%02d", i)
			family[i] = w.member(home, numbers[i], password).Refresh
		}
		note := func(raw string, life time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			tokens = append(tokens, issued{kidOf(t, raw), time.Now(), time.Now().Add(life)})
		}
		use := func(r userpool.AuthResult, err error) {
			if err != nil || r.Tokens == nil {
				t.Errorf("no tokens: %v", err)
				return
			}
			note(r.Tokens.Access, time.Hour)
			note(r.Tokens.ID, time.Hour)
			if _, err := w.s.GetUser(w.ctx, r.Tokens.Access); err != nil {
				t.Errorf("a fresh token: %v", err)
			}
			time.Sleep(59 * time.Minute)
			if _, err := w.s.GetUser(w.ctx, r.Tokens.Access); err != nil {
				t.Errorf("a token at the end of its life: %v", err)
			}
		}
		for i := range people {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Minute)
				for round := range rounds {
					if round%2 == 0 {
						use(w.passwordOf(home, numbers[i], password))
					} else {
						use(w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", family[i]))
					}
					time.Sleep(time.Duration(2+i) * time.Hour)
				}
			})
		}
		all.Go(func() {
			for range 150 {
				kids := w.kids()
				mu.Lock()
				fetched = append(fetched, sighting{time.Now(), kids})
				mu.Unlock()
				time.Sleep(30 * time.Minute)
			}
		})
		all.Go(func() {
			for range 10 {
				time.Sleep(7 * time.Hour)
				if _, err := w.s.RotateKeys(w.ctx, w.pool, userpool.KeyRotation{}); err != nil {
					t.Errorf("rotate: %v", err)
				}
			}
		})
		all.Wait()
		synctest.Wait()
		signers := map[string]bool{}
		for _, k := range tokens {
			signers[k.kid] = true
			for _, f := range fetched {
				if !f.at.Before(k.from) && f.at.Before(k.end) && !f.kids[k.kid] {
					t.Fatalf("the key set of %v lacks the key of a token that lives from %v", f.at, k.from)
				}
				// A verifier that fetched the set hours before knows the key too.
				if age := k.from.Sub(f.at); age > 0 && age < 23*time.Hour && !f.kids[k.kid] {
					t.Fatalf("the key set of %v before lacks the key of a new token", age)
				}
			}
		}
		if len(signers) < 6 {
			t.Errorf("only %d keys signed in all that time", len(signers))
		}
	})
}

func TestRotateKeys_FailingCommit_IsNotToldAsDone(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		store := &failing{Store: w.store}
		w.on(store)
		w.settle()
		store.fails.Store(true)
		rotated, err := w.s.RotateKeys(w.ctx, w.pool, userpool.KeyRotation{AtOnce: true})
		store.fails.Store(false)
		if !errors.Is(err, errCommit) || len(rotated) != 0 {
			t.Errorf("RotateKeys = %+v, %v; want none and the store's error", rotated, err)
		}
	})
}
