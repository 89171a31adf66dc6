package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// What was said ahead is what is read, also where the transaction writes in between, and
// takes back what it wrote.
func TestAhead_IsWhatIsRead(t *testing.T) {
	ctx := t.Context()
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	if err := putKey(ctx, db, "key"); err != nil {
		t.Fatal(err)
	}
	read := func(tx userpool.Tx) string {
		v, err := tx.Meta(ctx, "key")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ahead := func(tx userpool.Tx) {
		tx.Ahead(ctx, func(tx userpool.Tx) {
			if v, err := tx.Meta(ctx, "key"); v != "" || err != nil {
				t.Errorf("what is said ahead is answered by %q, %v", v, err)
			}
			tx.Meta(ctx, "none")
		})
	}
	other := func(tx userpool.Tx) {
		if _, err := tx.Client(ctx, "nobody's"); !errors.Is(err, userpool.ErrNotFound) {
			t.Fatal(err)
		}
	}
	err := db.Update(ctx, func(u userpool.Tx) error {
		ahead(u)
		other(u) // which it goes with
		if err := u.PutMeta(ctx, "key", "written"); err != nil {
			return err
		}
		if v := read(u); v != "written" {
			t.Errorf("after it was written it is %q", v)
		}
		err := u.(*tx).part(ctx, func() error {
			if err := u.PutMeta(ctx, "key", "taken back"); err != nil {
				return err
			}
			ahead(u)
			other(u)
			return userpool.ErrNotFound
		})
		if !errors.Is(err, userpool.ErrNotFound) {
			return err
		}
		if v := read(u); v != "written" {
			t.Errorf("after a part was taken back it is %q", v)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A View that says ahead what it reads is one message, on one snapshot. One that reads
// something else, or would write, is an ordinary one after all.
func TestAhead_OfAView(t *testing.T) {
	ctx := t.Context()
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	put := func(v string) {
		err := db.Update(ctx, func(tx userpool.Tx) error {
			return errors.Join(tx.PutMeta(ctx, "a", v), tx.PutMeta(ctx, "b", v))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("0")
	for name, c := range map[string]struct {
		then func(userpool.Tx) error
		runs int
		fail bool
	}{
		"reads no more":         {func(userpool.Tx) error { return nil }, 1, false},
		"reads something else":  {func(tx userpool.Tx) error { _, err := tx.Meta(ctx, "c"); return err }, 2, false},
		"would write":           {func(tx userpool.Tx) error { return tx.PutMeta(ctx, "a", "view") }, 2, true},
		"would write and knows": {func(tx userpool.Tx) error { _, err := tx.UseNonce(ctx, "n", time.Now()); return err }, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			err := db.View(ctx, func(tx userpool.Tx) error {
				runs++
				tx.Ahead(ctx, func(tx userpool.Tx) {
					tx.Meta(ctx, "a")
					tx.Meta(ctx, "b")
				})
				a, err := tx.Meta(ctx, "a")
				if err != nil {
					return err
				}
				put(a + "'")
				b, err := tx.Meta(ctx, "b")
				if err != nil {
					return err
				}
				if a != b {
					t.Errorf("a is %q and b is %q", a, b)
				}
				return c.then(tx)
			})
			if runs != c.runs || (err != nil) != c.fail {
				t.Errorf("it ended in %v after %d runs", err, runs)
			}
		})
	}
	if !hasKey(t, db, "a") {
		t.Error("a is gone")
	}
	err := db.View(ctx, func(tx userpool.Tx) error {
		if v, err := tx.Meta(ctx, "a"); err != nil || v == "view" {
			t.Errorf("a View has written %q: %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Whose family it is, said ahead by its id alone, comes with the family: a refresh is one
// message.
func TestAhead_OfAFamilysHolder(t *testing.T) {
	ctx := t.Context()
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	family := userpool.Family{ID: "f", PoolID: "pool", UserID: "user", ExpiresAt: time.UnixMilli(1_800_000_000_000)}
	for _, fn := range []func(userpool.Tx) error{
		func(tx userpool.Tx) error { return tx.InsertPool(ctx, userpool.Pool{ID: "pool"}) },
		func(tx userpool.Tx) error {
			return tx.InsertUser(ctx, userpool.User{PoolID: "pool", ID: "user", Username: "asha"})
		},
		func(tx userpool.Tx) error { return tx.InsertFamily(ctx, family) },
	} {
		if err := db.Update(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	runs := 0
	err := db.View(ctx, func(tx userpool.Tx) error {
		runs++
		tx.Ahead(ctx, func(tx userpool.Tx) {
			tx.Family(ctx, "f")
			tx.Holder(ctx, userpool.Family{ID: "f"})
		})
		f, err := tx.Family(ctx, "f")
		if err != nil {
			return err
		}
		u, _, err := tx.Holder(ctx, f)
		if u.Username != "asha" {
			t.Errorf("the holder is %q", u.Username)
		}
		return err
	})
	if err != nil || runs != 1 {
		t.Errorf("it ended in %v after %d runs", err, runs)
	}
}

// Of two who each have read that a Session, or a code, is unused, and use it, one does:
// the other is not told so before he has seen it used.
func TestKnownOutcome_HasOneWinner(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	ctx := t.Context()
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, other := openURL(t, url, repeatableRead), openURL(t, url, repeatableRead)
	err := db.Update(ctx, func(tx userpool.Tx) error {
		if err := tx.InsertPool(ctx, userpool.Pool{ID: "pool"}); err != nil {
			return err
		}
		return tx.InsertSession(ctx, userpool.Session{Hash: "h", PoolID: "pool", ExpiresAt: at.Add(time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	use := func(tx userpool.Tx, at time.Time, between func() error) (bool, error) {
		if _, err := tx.Session(ctx, "h"); err != nil {
			return false, err
		}
		if err := between(); err != nil {
			return false, err
		}
		return tx.ConsumeSession(ctx, "h", at)
	}
	none := func() error { return nil }
	err = db.Update(ctx, func(tx userpool.Tx) error {
		used, err := use(tx, at.Add(time.Hour), none)
		if used {
			t.Error("a Session is used when it has expired")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var won []string
	runs := 0
	err = db.Update(ctx, func(tx userpool.Tx) error {
		runs++
		first := runs == 1
		used, err := use(tx, at, func() error {
			if !first {
				return nil
			}
			return other.Update(ctx, func(tx userpool.Tx) error {
				used, err := use(tx, at, none)
				if used {
					won = append(won, "other")
				}
				return err
			})
		})
		if used && !first {
			won = append(won, fmt.Sprint("run ", runs))
		}
		return err
	})
	if err != nil || runs != 2 || len(won) != 1 || won[0] != "other" {
		t.Errorf("%q have used it, after %d runs: %v", won, runs, err)
	}
	err = db.Update(ctx, func(tx userpool.Tx) error {
		c := userpool.Challenge{ID: "code", PoolID: "pool", MaxTries: 3, ExpiresAt: at.Add(time.Hour)}
		live, isNew, err := tx.OpenChallenge(ctx, c, at)
		if err != nil || !isNew {
			return cmp.Or(err, errors.New("it is not new"))
		}
		for i, want := range []bool{true, false, true} {
			marked, err := tx.MarkSent(ctx, live.ID, live.Sends+i/2, at)
			if err != nil || marked != want {
				t.Errorf("text %d is marked %v: %v", i, marked, err)
			}
		}
		if _, claimed, err := tx.ClaimAttempt(ctx, live.ID, at); err != nil || !claimed {
			t.Errorf("a try is claimed %v: %v", claimed, err)
		}
		for _, want := range []bool{true, false} {
			if used, err := tx.ConsumeChallenge(ctx, live.ID, at); err != nil || used != want {
				t.Errorf("the code is used %v: %v", used, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A challenge is taken to be new, and costs no round trip. Where one lives already the
// transaction runs again and finds it, and nothing of its first run is stored.
func TestOpenChallenge_IsTakenToBeNew(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	ctx := t.Context()
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	if err := db.Update(ctx, func(tx userpool.Tx) error { return tx.InsertPool(ctx, userpool.Pool{ID: "pool"}) }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		isNew bool
		runs  int
	}{{true, 1}, {false, 2}} {
		var live userpool.Challenge
		var isNew bool
		runs := 0
		err := db.Update(ctx, func(u userpool.Tx) (err error) {
			runs++
			if _, err := u.Meta(ctx, "run"); err != nil && !errors.Is(err, userpool.ErrNotFound) {
				return err
			}
			if err := u.PutMeta(ctx, fmt.Sprint("run ", runs, " of ", i), "stored"); err != nil {
				return err
			}
			c := userpool.Challenge{
				ID: userpool.ChallengeID(fmt.Sprint("code ", i)), PoolID: "pool", Subject: "s", MaxTries: 3,
				CreatedAt: at, ExpiresAt: at.Add(time.Hour),
			}
			live, isNew, err = u.OpenChallenge(ctx, c, at)
			if waits := len(u.(*tx).remote.writes) > 0; waits != (runs == 1) {
				t.Errorf("run %d waits for its insert: %v", runs, !waits)
			}
			return err
		})
		if err != nil || isNew != want.isNew || runs != want.runs || live.ID != "code 0" {
			t.Errorf("%q is new: %v, after %d runs: %v", live.ID, isNew, runs, err)
		}
		for run := 1; run <= runs; run++ {
			if stored := hasKey(t, db, fmt.Sprint("run ", run, " of ", i)); stored != (run == runs) {
				t.Errorf("run %d of %d is stored: %v", run, runs, stored)
			}
		}
	}
}
