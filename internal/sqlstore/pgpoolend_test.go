package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// signIn writes what a sign-in by a texted code does that stays: a family and a device.
func signIn(ctx context.Context, tx userpool.Tx, pool userpool.PoolID, user userpool.UserID, n int, at time.Time) error {
	if _, err := tx.Pool(ctx, pool); err != nil {
		return err
	}
	if _, err := tx.User(ctx, pool, user); err != nil {
		return err
	}
	key := fmt.Sprint(user, " ", n)
	return errors.Join(
		tx.InsertFamily(ctx, userpool.Family{ID: userpool.FamilyID(key), PoolID: pool, UserID: user, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}),
		tx.InsertDevice(ctx, userpool.Device{PoolID: pool, Key: key, UserID: user, CreatedAt: at}))
}

// askForCode writes what begins a sign-in.
func askForCode(ctx context.Context, tx userpool.Tx, pool userpool.PoolID, subject string, at time.Time) error {
	if _, err := tx.Pool(ctx, pool); err != nil {
		return err
	}
	end := at.Add(time.Minute)
	_, _, err := tx.OpenChallenge(ctx, userpool.Challenge{ID: userpool.ChallengeID(subject), PoolID: pool, Subject: subject, MaxTries: 3, CreatedAt: at, ExpiresAt: end}, at)
	return errors.Join(err,
		tx.InsertSession(ctx, userpool.Session{Hash: subject, PoolID: pool, Subject: subject, Challenge: userpool.ChallengeID(subject), CreatedAt: at, ExpiresAt: end}),
		tx.InsertMessage(ctx, userpool.Message{ID: userpool.MessageID(subject), PoolID: pool, Challenge: userpool.ChallengeID(subject), CreatedAt: at, ExpiresAt: end, NextAt: at}))
}

// detached are the tables whose rows no foreign key takes along.
var detached = []string{"sessions", "challenges", "messages", "families", "devices"}

// leftOf says how many rows tables have.
func leftOf(t *testing.T, db *postgres, tables ...string) map[string]int64 {
	t.Helper()
	left := map[string]int64{}
	err := db.View(t.Context(), func(u userpool.Tx) error {
		for _, table := range tables {
			n, err := one(t.Context(), u.(*tx), value[int64], "select count(*) from "+table)
			if err != nil {
				return err
			}
			if n > 0 {
				left[table] = n
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// A pool that is deleted beside a sign-in, on another server, takes all with it that the
// sign-in has written, or the sign-in fails.
func TestDeletePool_BesideASignIn_LeavesNothingOfAUser(t *testing.T) {
	ctx, at := t.Context(), time.UnixMilli(7000)
	for name, c := range map[string]struct {
		overtaken func(userpool.Tx, userpool.PoolID) error // on a snapshot of before meanwhile
		meanwhile func(userpool.Tx, userpool.PoolID) error
		refused   bool
	}{
		"a sign-in while it is deleted": {
			overtaken: func(tx userpool.Tx, pool userpool.PoolID) error { return tx.DeletePool(ctx, pool) },
			meanwhile: func(tx userpool.Tx, pool userpool.PoolID) error {
				return errors.Join(askForCode(ctx, tx, pool, "user", at), signIn(ctx, tx, pool, "user", 1, at))
			},
		},
		"a new user signs in while it is deleted": {
			overtaken: func(tx userpool.Tx, pool userpool.PoolID) error { return tx.DeletePool(ctx, pool) },
			meanwhile: func(tx userpool.Tx, pool userpool.PoolID) error {
				err := tx.InsertUser(ctx, userpool.User{PoolID: pool, ID: "new", Username: "new"})
				return errors.Join(err, askForCode(ctx, tx, pool, "new", at), signIn(ctx, tx, pool, "new", 1, at))
			},
		},
		"it is deleted while a code is asked for": {
			overtaken: func(tx userpool.Tx, pool userpool.PoolID) error { return askForCode(ctx, tx, pool, "user", at) },
			meanwhile: func(tx userpool.Tx, pool userpool.PoolID) error { return tx.DeletePool(ctx, pool) },
			refused:   true,
		},
		"it is deleted while somebody signs in": {
			overtaken: func(tx userpool.Tx, pool userpool.PoolID) error {
				return signIn(ctx, tx, pool, "user", 1, at)
			},
			meanwhile: func(tx userpool.Tx, pool userpool.PoolID) error { return tx.DeletePool(ctx, pool) },
			refused:   true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, other, pool := twoServers(t)
			err := db.Update(ctx, func(tx userpool.Tx) error {
				return tx.InsertUser(ctx, userpool.User{PoolID: pool.ID, ID: "user", Username: "user"})
			})
			if err != nil {
				t.Fatal(err)
			}
			ran := 0
			err = db.Update(ctx, func(tx userpool.Tx) error {
				if err := lookAtNamed(ctx, tx); err != nil { // from here on it sees what there is now
					return err
				}
				if ran++; ran == 1 {
					if _, err := tx.User(ctx, pool.ID, "user"); err != nil {
						return err
					}
					err := other.Update(ctx, func(tx userpool.Tx) error { return c.meanwhile(tx, pool.ID) })
					if err != nil {
						t.Error(err)
					}
				}
				return c.overtaken(tx, pool.ID)
			})
			if c.refused != errors.Is(err, userpool.ErrNotFound) || !c.refused && err != nil || ran < 2 {
				t.Errorf("after %d runs: %v", ran, err)
			}
			if left := leftOf(t, db, append(detached, "pools", "users")...); len(left) > 0 {
				t.Errorf("left are %v", left)
			}
		})
	}
}

// Of who is nobody some rows may be left: they are swept when they are over.
func TestDeletePool_BesideASignInOfNobody_LeavesWhatIsSwept(t *testing.T) {
	ctx, at := t.Context(), time.UnixMilli(7000)
	db, other, pool := twoServers(t)
	begun := false
	err := db.Update(ctx, func(tx userpool.Tx) error {
		if err := lookAtNamed(ctx, tx); err != nil {
			return err
		}
		if !begun {
			begun = true
			err := other.Update(ctx, func(tx userpool.Tx) error { return askForCode(ctx, tx, pool.ID, "nobody", at) })
			if err != nil {
				t.Error(err)
			}
		}
		return tx.DeletePool(ctx, pool.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := leftOf(t, db, "challenges", "sessions", "messages"); len(left) != 3 {
		t.Errorf("nothing is to be swept, but %v", left)
	}
	later := at.Add(48 * time.Hour)
	err = db.Update(ctx, func(tx userpool.Tx) error {
		_, err := tx.Sweep(ctx, later, later, 100)
		return err
	})
	if left := leftOf(t, db, detached...); err != nil || len(left) > 0 {
		t.Errorf("swept are not %v, %v", left, err)
	}
}

// Many sign in, to two servers, while the pool is deleted.
func TestDeletePool_AmongSignIns_LeavesNoFamilyAndNoDevice(t *testing.T) {
	const users, each = 16, 20
	ctx, at := t.Context(), time.UnixMilli(7000)
	db, other, pool := twoServers(t)
	user := func(i int) userpool.UserID { return userpool.UserID(fmt.Sprint("user ", i)) }
	for i := range users {
		err := db.Update(ctx, func(tx userpool.Tx) error {
			return tx.InsertUser(ctx, userpool.User{PoolID: pool.ID, ID: user(i), Username: string(user(i))})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	many := make(chan struct{}, users*each)
	for i := range users {
		server := []*postgres{db, other}[i%2]
		all.Go(func() {
			for n := range each {
				err := server.Update(ctx, func(tx userpool.Tx) error { return signIn(ctx, tx, pool.ID, user(i), n, at) })
				switch {
				case errors.Is(err, userpool.ErrNotFound):
					return // it is deleted
				case err != nil && !fault.Is(err, fault.Unavailable):
					t.Error(err)
				}
				many <- struct{}{}
			}
		})
	}
	for range users * each / 8 {
		<-many
	}
	if err := other.Update(ctx, func(tx userpool.Tx) error { return tx.DeletePool(ctx, pool.ID) }); err != nil {
		t.Error(err)
	}
	all.Wait()
	if left := leftOf(t, db, append(detached, "pools", "users")...); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}
