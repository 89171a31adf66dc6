package userpool_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// reopen ends the server and starts another one with the master key file.
func (w *world) reopen(keyFile []byte) {
	w.t.Helper()
	w.stop()
	w.s = w.beside(keyFile)
	w.start()
	w.settle()
}

// beside opens a service on the world's store without background work.
func (w *world) beside(keyFile []byte) *userpool.Service {
	w.t.Helper()
	ring, err := seal.ParseRing(keyFile)
	w.must(err)
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: w.store, Ring: ring, Sender: w.phone, Region: "us-east-1",
		PublicURL: "http://localhost:9400", Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	w.must(err)
	w.keyFile = keyFile
	return s
}

// newKey puts a new master key into the text of the file.
func (w *world) newKey(current bool) (text []byte, id string) {
	w.t.Helper()
	text, id, err := seal.AddKey(w.keyFile, current)
	w.must(err)
	return text, id
}

func (w *world) masterKeys() map[string]userpool.MasterKeyView {
	w.t.Helper()
	file, err := seal.ParseRing(w.keyFile)
	w.must(err)
	all, err := w.s.MasterKeys(w.ctx, file)
	w.must(err)
	views := map[string]userpool.MasterKeyView{}
	for _, k := range all {
		views[k.ID] = k
	}
	return views
}

// sealedThings makes something sealed of every kind, and returns what proves
// that each still opens.
func (w *world) sealedThings() (check func()) {
	w.t.Helper()
	w.member(home, asha, password)
	pending := w.signUp(stranger, ravi, password)
	secret, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "back end", GenerateSecret: true})
	w.must(err)
	access, accessSecret, err := w.s.CreateAccessKey(w.ctx, userpool.NewAccessKey{Name: "ci"})
	w.must(err)
	w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
		u, err := tx.UserByName(w.ctx, w.pool, asha)
		if err != nil {
			return err
		}
		u.PasswordHistory = []string{u.Verifier, u.Verifier}
		return tx.UpdateUser(w.ctx, u)
	}))
	return func() {
		w.t.Helper()
		w.texted(home, asha)
		auth, err := w.bySRP("USER_SRP_AUTH", asha, password)
		w.must(err)
		w.tokens(auth)
		view, err := w.s.DescribeUserPoolClient(w.ctx, w.pool, secret.ID)
		w.must(err)
		key, err := w.s.Credential(w.ctx, access.ID)
		w.must(err)
		if view.Secret != secret.Secret || key.Secret != accessSecret {
			w.t.Error("a secret has changed")
		}
		var reg []userpool.Registration
		w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
			reg, err = tx.Registrations(w.ctx, w.pool, ravi, time.Now())
			return err
		}))
		if len(reg) != 1 || reg[0].Sub != pending.Sub {
			w.t.Errorf("sign-ups: %+v", reg)
		}
	}
}

func TestMasterKey_Rotated_EverythingIsSealedAnewAndTheOldLineMayGo(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		check := w.sealedThings()
		old := w.ring.Current().ID()
		before := w.masterKeys()[old]
		if before.Sealed < 9 || !before.Current || before.FirstUsed.IsZero() {
			t.Fatalf("before: %+v", before)
		}
		text, fresh := w.newKey(true)
		w.reopen(text)
		w.pass(time.Second)
		keys := w.masterKeys()
		if keys[old].Sealed != 0 || keys[fresh].Sealed < before.Sealed {
			t.Errorf("of %d values %d are under the old key and %d under the new one", before.Sealed, keys[old].Sealed, keys[fresh].Sealed)
		}
		if keys[old].Useless(time.Now()) {
			t.Error("the old key is useless while refresh tokens of it live")
		}
		check()

		text, err := seal.RemoveKeys(w.keyFile, []string{old})
		w.must(err)
		w.reopen(text)
		w.pass(time.Minute)
		check()
	})
}

func TestMasterKey_OldRefreshTokens_KeepTheLineUntilTheLastExpires(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.pass(time.Minute)
		tokens := w.member(home, asha, "")
		expires := time.Now().Add(30 * 24 * time.Hour).UTC()
		old := w.ring.Current().ID()
		text, fresh := w.newKey(true)
		w.reopen(text)
		again, err := w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", tokens.Refresh)
		w.must(err)
		w.tokens(again)

		view := w.masterKeys()[old]
		if !view.NeededUntil.Equal(expires) || view.Useless(expires.Add(-1)) || !view.Useless(expires) {
			t.Errorf("needed until %v, want %v", view.NeededUntil, expires)
		}
		w.pass(2 * time.Hour)
		w.texted(home, asha) // under the new key: it does not count
		if later := w.masterKeys()[old]; !later.NeededUntil.Equal(expires) {
			t.Errorf("needed until %v, want %v as before", later.NeededUntil, expires)
		}
		if current := w.masterKeys()[fresh]; current.Useless(expires.Add(1e6 * time.Hour)) {
			t.Error("the current key is useless")
		}
		_, err = w.s.GetUser(w.ctx, tokens.Access)
		w.want(err, fault.NotAuthorized, "") // expired meanwhile
	})
}

// Whoever was signed out everywhere, disabled or deleted has no token that waits for a key.
func TestMasterKey_OldRefreshTokensThatWereEnded_KeepNoLine(t *testing.T) {
	for name, end := range map[string]func(w *world) error{
		"signed out": func(w *world) error { return w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha) },
		"disabled":   func(w *world) error { return w.s.AdminDisableUser(w.ctx, w.pool, asha) },
		"deleted":    func(w *world) error { return w.s.AdminDeleteUser(w.ctx, w.pool, asha) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				w.pass(time.Minute)
				w.member(home, asha, "")
				w.pass(time.Minute)
				w.member(home, ravi, "")
				ravis := time.Now().Add(30 * 24 * time.Hour).UTC()
				w.pass(time.Minute)
				w.texted(home, asha)
				old := w.ring.Current().ID()
				text, _ := w.newKey(true)
				w.reopen(text)
				w.must(end(w))
				if view := w.masterKeys()[old]; !view.NeededUntil.Equal(ravis) {
					t.Errorf("needed until %v, want %v", view.NeededUntil, ravis)
				}
				w.must(w.s.AdminUserGlobalSignOut(w.ctx, w.pool, ravi))
				if view := w.masterKeys()[old]; view.NeededUntil.After(time.Now().Add(day)) {
					t.Errorf("with everybody signed out needed until %v", view.NeededUntil)
				}
			})
		})
	}
}

func TestMasterKey_AddedOnly_OpensAndWaits(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.settle()
		text, staged := w.newKey(false)
		w.reopen(text)
		w.pass(2 * time.Hour)
		keys := w.masterKeys()
		if !keys[staged].Staged() || keys[staged].Useless(time.Now().Add(1e6*time.Hour)) || keys[staged].Sealed != 0 {
			t.Errorf("%+v", keys[staged])
		}
		promoted, err := seal.PromoteKey(text, staged)
		w.must(err)
		// A node that was not restarted yet knows what the promoted one seals.
		node := w.s
		other := w.beside(promoted)
		c, err := other.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "x", GenerateSecret: true})
		w.must(err)
		seen, err := node.DescribeUserPoolClient(w.ctx, w.pool, c.ID)
		w.must(err)
		if seen.Secret != c.Secret {
			t.Error("the secret is another")
		}
	})
}

func TestMasterKey_ToolBesideAServer_SealsUnderTheServersKey(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.settle()
		old := w.ring.Current().ID()
		text, fresh := w.newKey(true)
		file, err := seal.ParseRing(text)
		w.must(err)
		ring, err := userpool.RingInUse(w.ctx, w.store, file)
		w.must(err)
		if ring.Current().ID() != old {
			t.Error("the tool seals under a key that the server has not read")
		}
		w.pass(time.Minute)
		w.reopen(text)
		if ring, err = userpool.RingInUse(w.ctx, w.store, file); err != nil || ring.Current().ID() != fresh {
			t.Errorf("after the restart: %v", err)
		}
		if _, err := userpool.RingInUse(w.ctx, w.store, w.ring); !errors.Is(err, userpool.ErrWrongMasterKey) {
			t.Errorf("with a file that lacks the key: %v", err)
		}
	})
}

// A server that lacks a key of the others is not ready, though it notes its own key
// after them; nor may it start.
func TestMasterKey_ServerThatLacksAKeyOfAnother_IsNotReadyWhileThatIsInUse(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.must(w.s.Ready(w.ctx))
		lacks := w.keyFile
		text, _ := w.newKey(true)
		w.must(w.beside(text).NoteMasterKey(w.ctx))
		w.pass(61 * time.Minute) // the one that lacks it has noted its own meanwhile
		if err := w.s.Ready(w.ctx); !errors.Is(err, userpool.ErrWrongMasterKey) {
			t.Errorf("Ready = %v", err)
		}
		if err := w.beside(lacks).KnowsMasterKeys(w.ctx); !errors.Is(err, userpool.ErrWrongMasterKey) {
			t.Errorf("KnowsMasterKeys = %v", err)
		}
		w.must(w.beside(text).KnowsMasterKeys(w.ctx))
		w.pass(time.Hour) // the other is gone, and what it made is over
		w.must(w.s.Ready(w.ctx))
	})
}

func TestReseal_CutOffAndRunByTwoAtOnce_LosesNothing(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		check := w.sealedThings()
		w.stop()
		text, fresh := w.newKey(true)
		a, b := w.beside(text), w.beside(text)
		cut, err := a.Reseal(w.ctx)
		w.must(err)
		_, err = cut.Next(w.ctx) // and then that node dies
		w.must(err)

		first, err := a.Reseal(w.ctx)
		w.must(err)
		second, err := b.Reseal(w.ctx)
		w.must(err)
		for moreA, moreB := true, true; moreA || moreB; {
			moreA, err = first.Next(w.ctx)
			w.must(err)
			moreB, err = second.Next(w.ctx)
			w.must(err)
		}
		if second.Resealed != 0 || first.Broken+second.Broken != 0 || cut.Resealed == 0 {
			t.Errorf("the cut one %d, the first %d, the second %d, broken %d", cut.Resealed, first.Resealed, second.Resealed, first.Broken+second.Broken)
		}
		w.s = a
		w.start()
		keys := w.masterKeys()
		for id, k := range keys {
			if id != fresh && k.Sealed != 0 {
				t.Errorf("%d values are left under %s", k.Sealed, id)
			}
		}
		check()
	})
}

func TestReseal_ValueThatNoKeyOpens_IsLeftAndCounted(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		foreign, _ := seal.Generate()
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
			return tx.InsertAccessKey(w.ctx, userpool.AccessKey{ID: "lost", Name: "lost", Secret: foreign.Seal("admin access key", []byte("lost"), []byte("x")), CreatedAt: time.Now()})
		}))
		text, _ := w.newKey(true)
		w.reopen(text)
		w.pass(time.Second)
		if !strings.Contains(w.log.String(), "cannot be opened by any master key") {
			t.Errorf("the log does not say so:\n%s", w.log)
		}
		lost := w.masterKeys()[foreign.Current().ID()]
		if !lost.Missing || lost.Sealed != 1 {
			t.Errorf("%+v", lost)
		}
	})
}

func TestAdminKeyOfAnEarlierVersion_BecomesAnAccessKey(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
			return errors.Join(
				tx.PutMeta(w.ctx, "admin_access_key_id", "BHAKOLD"),
				tx.PutMeta(w.ctx, "admin_secret_access_key", w.ring.Seal("server secret", []byte("BHAKOLD"), []byte("its secret"))))
		}))
		for range 2 {
			w.reopen(w.keyFile)
			key, made, err := w.s.EnsureAdminKey(w.ctx)
			w.must(err)
			if made || key != (userpool.AdminKey{ID: "BHAKOLD", Secret: "its secret"}) {
				t.Errorf("made is %v, the id %q", made, key.ID)
			}
		}
		all, err := w.s.AccessKeys(w.ctx)
		w.must(err)
		if len(all) != 1 || all[0].Name != "first start" {
			t.Errorf("%d keys", len(all))
		}
		w.must(w.s.DeleteAccessKey(w.ctx, "BHAKOLD"))
		if key, made, err := w.s.EnsureAdminKey(w.ctx); err != nil || made || key.ID != "" {
			t.Errorf("deleted, it comes back: %q, %v", key.ID, err)
		}
	})
}

func TestAccessKey_LastUse_IsNotedOnceAMinute(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		made, _, err := w.s.CreateAccessKey(w.ctx, userpool.NewAccessKey{Name: "ci"})
		w.must(err)
		use := func() time.Time {
			k, err := w.s.Credential(w.ctx, made.ID)
			w.must(err)
			w.s.NoteUse(w.ctx, k, time.Now())
			all, err := w.s.AccessKeys(w.ctx)
			w.must(err)
			i := slices.IndexFunc(all, func(k userpool.AccessKey) bool { return k.ID == made.ID })
			return all[i].LastUsedAt
		}
		first := use()
		w.pass(59 * time.Second)
		second := use()
		w.pass(time.Second)
		if third := use(); first.IsZero() || !second.Equal(first) || !third.Equal(first.Add(time.Minute)) {
			t.Errorf("%v, %v, %v", first, second, third)
		}
		w.must(w.s.DeleteAccessKey(w.ctx, made.ID))
		_, err = w.s.Credential(context.Background(), made.ID)
		if !errors.Is(err, userpool.ErrNotFound) {
			t.Errorf("deleted, it opens: %v", err)
		}
		w.want(w.s.DeleteAccessKey(w.ctx, made.ID), fault.ResourceNotFound, "")
	})
}

func TestCreateAccessKey_WithoutSense_IsRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		for _, n := range []userpool.NewAccessKey{
			{}, {Name: "two\nlines"}, {Name: strings.Repeat("x", 129)}, {Name: "x", Lifetime: -1},
		} {
			_, _, err := w.s.CreateAccessKey(w.ctx, n)
			w.want(err, fault.InvalidParameter, "")
		}
		_, _, err := w.s.CreateAccessKey(w.ctx, userpool.NewAccessKey{Name: "x", Pools: []userpool.PoolID{w.pool, "us-east-1_None"}})
		w.want(err, fault.ResourceNotFound, "us-east-1_None")
	})
}

func TestCredential_MayCall_TakesNamesAndBeginnings(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		name     string
		want     bool
	}{
		{nil, "ListUsers", true},
		{[]string{"ListUsers"}, "ListUsers", true},
		{[]string{"ListUsers"}, "ListUsersInGroup", false},
		{[]string{"ListUsers*"}, "ListUsersInGroup", true},
		{[]string{"AdminGet*", "List*"}, "AdminGetUser", true},
		{[]string{"AdminGet*", "List*"}, "AdminDeleteUser", false},
		{[]string{"*"}, "CreateUserPool", true},
		{[]string{"listusers"}, "ListUsers", false},
	} {
		if got := (userpool.Credential{Operations: c.patterns}).MayCall(c.name); got != c.want {
			t.Errorf("%v and %s: %v", c.patterns, c.name, got)
		}
	}
}
