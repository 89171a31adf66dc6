package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// onTwoHandles runs a test on a database that is open twice, as by two servers.
func onTwoHandles(t *testing.T, test func(t *testing.T, a, b *DB)) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bellhop.db")
		test(t, reopen(t, path, Options{}), reopen(t, path, Options{}))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
		test(t, &DB{openURL(t, url, repeatableRead)}, &DB{openURL(t, url, repeatableRead)})
	})
}

var (
	configPools   = []userpool.PoolID{"us-east-1_One", "us-east-1_Two"}
	configClients = []userpool.ClientID{"first", "second", "third"}
	configKeys    = []string{"key-1", "key-2", "key-3"}
)

// sameAsRows compares what a transaction is given with the rows that it sees.
func sameAsRows(ctx context.Context, u userpool.Tx) error {
	t := u.(*tx)
	var errs []error
	compare := func(what string, got any, err error, want any, wantErr error) {
		if !errors.Is(err, wantErr) || !reflect.DeepEqual(got, want) {
			errs = append(errs, fmt.Errorf("%s is given as %+v, %v; its row holds %+v, %v", what, got, err, want, wantErr))
		}
	}
	for _, id := range configClients {
		got, err := t.Client(ctx, id)
		want, wantErr := one(ctx, t, scanClient, sqlClient, id)
		compare("client "+string(id), got, err, want, wantErr)
	}
	for _, id := range configPools {
		got, err := t.Pool(ctx, id)
		want, wantErr := one(ctx, t, scanPool, sqlPool, id)
		compare("pool "+string(id), got, err, want, wantErr)
		keys, err := t.Keys(ctx, id)
		wantKeys, wantErr := many(ctx, t, scanKey, sqlKeys, id)
		compare("the keys of "+string(id), keys, err, wantKeys, wantErr)
	}
	return errors.Join(errs...)
}

var errThinksBetter = errors.New("taken back")

// change does something by chance to what is cached.
func change(ctx context.Context, u userpool.Tx) error {
	pool, client, key := pick(configPools), pick(configClients), pick(configKeys)
	c := userpool.Client{ID: client, PoolID: pool, Name: newName(), Secrets: []userpool.ClientSecret{{ID: "s", Sealed: newName()}}}
	k := userpool.SigningKey{ID: key, PoolID: pool, Alg: "RS256", Private: newName(), RetiredAt: time.UnixMilli(rand.Int64N(9) + 1).UTC()}
	p := userpool.Pool{ID: pool, Name: newName(), Settings: userpool.DefaultPoolSettings()}
	p.Settings.Tags = map[string]string{"team": newName()}
	switch rand.IntN(11) {
	case 0, 1:
		return u.InsertPool(ctx, p)
	case 2:
		return u.UpdatePool(ctx, p)
	case 3:
		return u.DeletePool(ctx, pool)
	case 4, 5:
		if _, err := one(ctx, u.(*tx), value[string], `select id from pools where id = $1`, pool); err != nil {
			return nil // a client has a pool
		}
		return u.InsertClient(ctx, c)
	case 6:
		return u.UpdateClient(ctx, c)
	case 7:
		return u.DeleteClient(ctx, pool, client)
	case 8:
		if _, err := one(ctx, u.(*tx), value[string], `select id from pools where id = $1`, pool); err != nil {
			return nil // nobody gives a key to a pool that he does not see
		}
		return u.InsertKey(ctx, k)
	case 9:
		return u.DeleteKey(ctx, key)
	}
	return reseal(ctx, u, pick([]userpool.SealedKind{userpool.SealedClientSecrets, userpool.SealedSigningKeys}))
}

func reseal(ctx context.Context, u userpool.Tx, kind userpool.SealedKind) error {
	rows, err := u.SealedRows(ctx, kind, userpool.SealedRow{}, 1)
	if err != nil || len(rows) == 0 {
		return err
	}
	_, err = u.ReplaceSealed(ctx, rows[0], []string{newName()})
	return err
}

func pick[E any](all []E) E { return all[rand.IntN(len(all))] }

func newName() string { return fmt.Sprint("n", rand.Uint32()) }

// changeSome makes a few changes in one Update, looks before, between and after, and
// at times takes all back.
func changeSome(ctx context.Context, db *DB, back bool) error {
	err := db.Update(ctx, func(u userpool.Tx) error {
		err := sameAsRows(ctx, u)
		for range 1 + rand.IntN(3) {
			if err != nil {
				return err
			}
			did := change(ctx, u)
			if did != nil && !errors.Is(did, userpool.ErrExists) && !errors.Is(did, userpool.ErrNotFound) {
				return did
			}
			err = sameAsRows(ctx, u)
		}
		if back && err == nil {
			return errThinksBetter
		}
		return err
	})
	if errors.Is(err, errThinksBetter) {
		return nil
	}
	return err
}

// Whatever changes through whichever of two servers, and whatever is taken back: a
// transaction is given what its rows hold.
func TestConfigCache_GivesWhatTheRowsHold(t *testing.T) {
	onTwoHandles(t, func(t *testing.T, a, b *DB) {
		ctx := t.Context()
		look := func(u userpool.Tx) error { return sameAsRows(ctx, u) }
		for i := range 150 {
			db, other := a, b
			if i%2 == 1 {
				db, other = b, a
			}
			if err := errors.Join(changeSome(ctx, db, rand.IntN(3) == 0), other.View(ctx, look), db.View(ctx, look)); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
	})
}

func TestConfigCache_ManyReadWhileOthersChange(t *testing.T) {
	onTwoHandles(t, func(t *testing.T, a, b *DB) {
		ctx := t.Context()
		var all sync.WaitGroup
		for i, db := range []*DB{a, b, a, b} {
			all.Go(func() {
				for range 30 {
					if err := db.View(ctx, func(u userpool.Tx) error { return sameAsRows(ctx, u) }); err != nil {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for n := range 15 {
					if err := changeSome(ctx, db, (n+i)%3 == 0); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// What nobody has changed is not decoded again; what is made again with its id is.
func TestConfigCache_HoldsWhatIsUnchanged(t *testing.T) {
	onTwoHandles(t, func(t *testing.T, a, b *DB) {
		ctx := t.Context()
		p := userpool.Pool{ID: configPools[0], Name: "riders", Settings: userpool.DefaultPoolSettings()}
		c := userpool.Client{ID: "first", PoolID: p.ID, Secrets: []userpool.ClientSecret{{ID: "s", Sealed: "sealed"}}}
		k := userpool.SigningKey{ID: "key", PoolID: p.ID, Alg: "RS256"}
		makeAll := func(u userpool.Tx) error {
			return errors.Join(u.InsertPool(ctx, p), u.InsertClient(ctx, c), u.InsertKey(ctx, k))
		}
		if err := a.Update(ctx, makeAll); err != nil {
			t.Fatal(err)
		}
		places := func(run func(context.Context, func(userpool.Tx) error) error) (at [3]any) {
			err := run(ctx, func(u userpool.Tx) error {
				pool, err1 := u.Pool(ctx, p.ID)
				client, err2 := u.Client(ctx, c.ID)
				keys, err3 := u.Keys(ctx, p.ID)
				if err := errors.Join(err1, err2, err3); err != nil {
					return err
				}
				at = [3]any{&pool.Settings.FirstFactors[0], &client.Secrets[0], &keys[0]}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		first := places(a.View)
		if second, third := places(a.View), places(a.Update); second != first || third != first {
			t.Error("what is unchanged is decoded again")
		}
		err := b.Update(ctx, func(u userpool.Tx) error { return errors.Join(u.DeletePool(ctx, p.ID), makeAll(u)) })
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range places(a.View) {
			if at == first[i] {
				t.Errorf("part %d of what was made again is that of the pool before", i)
			}
		}
	})
}

// A snapshot that is older than a client has none, though others hold it already.
func TestConfigCache_OlderSnapshotsHaveNoNewClient(t *testing.T) {
	onTwoHandles(t, func(t *testing.T, a, b *DB) {
		ctx := t.Context()
		p := userpool.Pool{ID: configPools[0], Name: "riders", Settings: userpool.DefaultPoolSettings()}
		if err := a.Update(ctx, func(u userpool.Tx) error { return u.InsertPool(ctx, p) }); err != nil {
			t.Fatal(err)
		}
		look := func(u userpool.Tx) error { return sameAsRows(ctx, u) }
		err := a.View(ctx, func(u userpool.Tx) error {
			if err := look(u); err != nil { // the snapshot begins
				return err
			}
			insert := func(u userpool.Tx) error { return u.InsertClient(ctx, userpool.Client{ID: "first", PoolID: p.ID}) }
			var err error
			var beside sync.WaitGroup
			beside.Go(func() { err = errors.Join(b.Update(ctx, insert), a.View(ctx, look)) })
			beside.Wait()
			return errors.Join(err, look(u))
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Clients that come and go do not fill the memory.
func TestConfigCache_IsBounded(t *testing.T) {
	var rows decodedRows[int, int]
	for i := range 3 * cachedMost {
		rows.put(i, &decodedRow[int]{value: i})
	}
	if len(rows.byKey) != cachedMost || rows.get(3*cachedMost-1) == nil {
		t.Errorf("%d are held, and the newest is %v", len(rows.byKey), rows.get(3*cachedMost-1))
	}
}
