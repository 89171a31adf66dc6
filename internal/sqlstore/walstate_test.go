package sqlstore

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var statePool = userpool.Pool{ID: configPools[0], Name: "riders", Settings: userpool.DefaultPoolSettings()}

// onOneFile opens a file twice, with a pool and a client in it.
func onOneFile(t *testing.T) (a, b *DB) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	a, b = reopen(t, path, Options{}), reopen(t, path, Options{})
	must(t, a.Update(t.Context(), func(u userpool.Tx) error {
		c := userpool.Client{ID: "first", PoolID: statePool.ID}
		return errors.Join(u.InsertPool(t.Context(), statePool), u.InsertClient(t.Context(), c))
	}))
	return a, b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// asks says whether a View that reads the client and its pool asks the file.
func asks(t *testing.T, db *DB) (asked bool) {
	t.Helper()
	db.file().dropKept()
	must(t, db.View(t.Context(), func(u userpool.Tx) error {
		_, err1 := u.Client(t.Context(), "first")
		_, err2 := u.Pool(t.Context(), statePool.ID)
		asked = u.(*tx).conn.(*lateView).begun
		return errors.Join(err1, err2)
	}))
	return asked
}

func writeRepeat(ctx context.Context, db *DB) error {
	return db.Update(ctx, func(u userpool.Tx) error { return u.PutRepeat(ctx, newName(), "sealed", time.Now().Add(time.Hour)) })
}

func rename(ctx context.Context, db *DB, end error) error {
	return db.Update(ctx, func(u userpool.Tx) error {
		p := statePool
		p.Name = newName()
		return errors.Join(u.UpdatePool(ctx, p), end)
	})
}

func TestView_OfAConfigurationThatNobodyChanged_AsksNothing(t *testing.T) {
	a, b := onOneFile(t)
	ctx := t.Context()
	asks(t, a) // fills the cache
	for _, step := range []struct {
		what string
		do   func() error
		asks bool
	}{
		{"nothing", func() error { return nil }, false},
		{"a row of something else", func() error { return writeRepeat(ctx, a) }, false},
		{"another process has written", func() error { return writeRepeat(ctx, b) }, true},
		{"and this one after it", func() error { return errors.Join(writeRepeat(ctx, b), writeRepeat(ctx, a)) }, true},
		{"a pool", func() error { return rename(ctx, a, nil) }, true},
		{"a pool, through another process", func() error { return rename(ctx, b, nil) }, true},
		{"a pool, which is taken back", func() error {
			if err := rename(ctx, a, errThinksBetter); !errors.Is(err, errThinksBetter) {
				return err
			}
			return writeRepeat(ctx, a)
		}, false},
	} {
		must(t, step.do())
		if asked := asks(t, a); asked != step.asks {
			t.Errorf("%s: asked %v", step.what, asked)
		}
		asks(t, a) // what has changed is read
		if asks(t, a) {
			t.Errorf("%s: and all others ask too", step.what)
		}
	}
}

// What a View takes from memory and what it reads are of one moment.
func TestView_WhoseClientIsDeletedBeforeItsFirstStatement_SeesThat(t *testing.T) {
	a, b := onOneFile(t)
	ctx := t.Context()
	for _, by := range []*DB{a, b} {
		asks(t, a)
		var found []error
		must(t, a.View(ctx, func(u userpool.Tx) error {
			_, err := u.Client(ctx, "first")
			if found = append(found, err); len(found) == 1 {
				done := make(chan error)
				go func() {
					done <- by.Update(ctx, func(u userpool.Tx) error { return u.DeleteClient(ctx, statePool.ID, "first") })
				}()
				must(t, <-done)
			}
			_, err = u.Repeat(ctx, "none", time.Now())
			if !errors.Is(err, userpool.ErrNotFound) {
				return err
			}
			return nil
		}))
		if len(found) != 2 || found[0] != nil || !errors.Is(found[1], userpool.ErrNotFound) {
			t.Errorf("the client was found so: %v", found)
		}
		must(t, b.Update(ctx, func(u userpool.Tx) error {
			return u.InsertClient(ctx, userpool.Client{ID: "first", PoolID: statePool.ID})
		}))
	}
}

// A statement's snapshot that is on a head which nobody has told of still serves.
func TestView_BetweenTheCommitsOfAnother_GoesOn(t *testing.T) {
	a, b := onOneFile(t)
	ctx := t.Context()
	asks(t, a)
	runs := 0
	must(t, a.View(ctx, func(u userpool.Tx) error {
		runs++
		_, err := u.Client(ctx, "first")
		must(t, errors.Join(err, writeRepeat(ctx, b)))
		if _, err = u.Repeat(ctx, "none", time.Now()); !errors.Is(err, userpool.ErrNotFound) {
			return err
		}
		_, err = u.Pool(ctx, statePool.ID)
		return err
	}))
	if runs != 1 {
		t.Errorf("run %d times", runs)
	}
}
