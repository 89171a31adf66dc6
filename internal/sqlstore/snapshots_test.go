package sqlstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// look reads a row, and says whether the View found a snapshot that was kept.
func look(t *testing.T, db *DB, key string) (value string, kept bool) {
	t.Helper()
	must(t, db.View(t.Context(), func(u userpool.Tx) (err error) {
		v := u.(*tx).conn.(*lateView)
		kept = v.begun && !v.placed
		value, err = u.Meta(t.Context(), key)
		if errors.Is(err, userpool.ErrNotFound) {
			return nil
		}
		return err
	}))
	return value, kept
}

func putMeta(t *testing.T, db *DB, key, value string) {
	t.Helper()
	must(t, db.Update(t.Context(), func(u userpool.Tx) error { return u.PutMeta(t.Context(), key, value) }))
}

func TestView_OfAFileThatNobodyHasWritten_ReadsOnTheSnapshotBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	a, b := reopen(t, path, Options{Readers: 1}), reopen(t, path, Options{})
	for i, writer := range []*DB{a, b, b, a} {
		want := fmt.Sprint(i)
		putMeta(t, writer, "n", want)
		if got, kept := look(t, a, "n"); got != want || kept {
			t.Errorf("after a commit %s is read on a kept snapshot %v, want %s on a new one", got, kept, want)
		}
		if got, kept := look(t, a, "n"); got != want || !kept {
			t.Errorf("and then %s on a kept snapshot %v, want %s on it", got, kept, want)
		}
	}
}

func TestView_ThatFailed_KeepsNoSnapshot(t *testing.T) {
	db := openTemp(t, Options{Readers: 1})
	putMeta(t, db, "n", "1")
	look(t, db, "n")
	if _, kept := look(t, db, "n"); !kept {
		t.Fatal("none is kept at all")
	}
	if err := db.View(t.Context(), func(u userpool.Tx) error {
		_, err := u.(*tx).conn.exec("delete from meta")
		return err
	}); err == nil {
		t.Fatal("a View writes")
	}
	if _, kept := look(t, db, "n"); kept {
		t.Error("one is")
	}
}

func TestView_ThatDidNotStart_KeepsNoSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	db := reopen(t, path, Options{Readers: 1})
	execSQL(t, path, "insert into schema_migrations (version, name, applied_at) values (99, 'next', 0)")
	execSQL(t, path, fileVersion+" = 99")
	if err := db.View(t.Context(), func(userpool.Tx) error { return nil }); !errors.Is(err, errNewerSchema) {
		t.Fatal(err)
	}
	c := <-db.file().readers
	defer func() { db.file().readers <- c }()
	if c.kept {
		t.Error("one is")
	}
}

func TestView_KeepsItsSnapshotForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{Readers: 1})
		putMeta(t, db, "n", "1")
		for range 2 { // it is so each time
			look(t, db, "n")
			time.Sleep(keptFor - time.Millisecond)
			if _, kept := look(t, db, "n"); !kept {
				t.Error("it is dropped too soon")
			}
			time.Sleep(keptFor)
			synctest.Wait()
			if _, kept := look(t, db, "n"); kept {
				t.Error("it is kept")
			}
			time.Sleep(keptFor)
			synctest.Wait()
		}
	})
}

// Else as many Views as there are connections would keep theirs for ever.
func TestView_UnderWayWhenSnapshotsAreDropped_KeepsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{Readers: 1})
		putMeta(t, db, "n", "1")
		look(t, db, "n")
		must(t, db.View(t.Context(), func(u userpool.Tx) error {
			time.Sleep(keptFor)
			synctest.Wait()
			_, err := u.Meta(t.Context(), "n")
			return err
		}))
		if _, kept := look(t, db, "n"); kept {
			t.Error("it keeps its own")
		}
		if _, kept := look(t, db, "n"); !kept {
			t.Error("the next keeps none")
		}
	})
}

func TestView_ThatEndsJustWhenSnapshotsAreDropped_DoesNotKeepItsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openTemp(t, Options{Readers: 1})
		putMeta(t, db, "n", "1")
		look(t, db, "n") // whose snapshot is to be dropped
		f := db.file()
		c, err := f.reader(t.Context())
		must(t, err)
		must(t, f.view(t.Context(), c, f.file.still(), func(userpool.Tx) error { return nil }))
		if !c.kept {
			t.Fatal("none is kept at all")
		}
		time.Sleep(keptFor)
		synctest.Wait()
		f.giveBack(c)
		time.Sleep(keptFor)
		synctest.Wait()
		if _, kept := look(t, db, "n"); kept {
			t.Error("it is kept")
		}
	})
}

// Else the log could not begin again.
func TestView_OfALongLog_KeepsNoSnapshot(t *testing.T) {
	db := openTemp(t, Options{Readers: 1})
	putMeta(t, db, "much", strings.Repeat("x", (keptBelow-500)*4096))
	look(t, db, "n")
	if _, kept := look(t, db, "n"); !kept {
		t.Error("none is kept of a short one")
	}
	putMeta(t, db, "much", strings.Repeat("y", 500*4096))
	for range 3 {
		if _, kept := look(t, db, "n"); kept {
			t.Error("one is")
		}
	}
}
