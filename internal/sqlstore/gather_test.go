package sqlstore

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// under has the log's writes go through write, beneath what gathers them.
func under(t *testing.T, db *DB, write func(own func() int32, n int32) int32) {
	t.Helper()
	g := db.file().writer.conn.gather
	own := g.below.FxWrite
	beneath = func(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
		return write(func() int32 {
			return method[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](own)(tls, file, data, n, at)
		}, n)
	}
	g.below.FxWrite = callback(writeBeneath)
	t.Cleanup(func() { g.below.FxWrite = own })
}

var beneath func(tls *libc.TLS, file, data uintptr, n int32, at int64) int32

func writeBeneath(tls *libc.TLS, file, data uintptr, n int32, at int64) int32 {
	return beneath(tls, file, data, n, at)
}

func TestCommit_ReachesTheLogInOneWrite(t *testing.T) {
	db := openTemp(t, Options{})
	if err := put(t, db, "before"); err != nil { // which begins the log
		t.Fatal(err)
	}
	var writes []int32
	under(t, db, func(own func() int32, n int32) int32 {
		writes = append(writes, n)
		return own()
	})
	for _, c := range []struct{ pages, writes int }{{1, 1}, {8, 1}, {100, 4}} {
		writes = nil
		value := strings.Repeat("x", c.pages*4096)
		err := db.Update(t.Context(), func(tx userpool.Tx) error { return tx.PutMeta(t.Context(), "much", value) })
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, n := range writes {
			sum += int(n)
		}
		if len(writes) > c.writes || sum < c.pages*frameBytes || sum%frameBytes != 0 {
			t.Errorf("%d pages: %d writes, of %d bytes", c.pages, len(writes), sum)
		}
		if meta(t, db, "much") != value {
			t.Errorf("%d pages: a reader sees something else", c.pages)
		}
	}
}

// Whoever opens what a crash leaves believes the log's checksums alone. A transaction
// larger than the memory for pages writes them ahead of its commit, some again.
func TestCommit_OfAnySize_IsWholeInTheLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bellhop.db")
	db := reopen(t, path, Options{})
	for i, size := range []int{1, 10, 40, 300} {
		name := fmt.Sprint("name ", i)
		err := db.Update(t.Context(), func(u userpool.Tx) error {
			if err := u.(*tx).conn.script("pragma cache_size = 20"); err != nil {
				return err
			}
			for _, letter := range []string{"a", "b", "c"} { // the same pages again
				for part := range 10 {
					key := fmt.Sprint(name, " ", part)
					if err := u.PutMeta(t.Context(), key, strings.Repeat(letter, size*400)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		crashed := filepath.Join(dir, fmt.Sprint("crashed ", i))
		for _, end := range []string{"", "-wal"} {
			if err := copyFile(path+end, crashed+end); err != nil {
				t.Fatal(err)
			}
		}
		again := reopen(t, crashed, Options{})
		mustBeIntact(t, again)
		for part := range 10 {
			if got := meta(t, again, fmt.Sprint(name, " ", part)); got != strings.Repeat("c", size*400) {
				t.Errorf("size %d, part %d: %d bytes", size, part, len(got))
			}
		}
	}
}

func TestCommit_DiskIsFull_StoresNothingAndGoesOnLater(t *testing.T) {
	db := openTemp(t, Options{})
	full, room := false, 0
	under(t, db, func(own func() int32, n int32) int32 {
		if room -= int(n); full && room < 0 {
			return sqlite3.SQLITE_FULL
		}
		return own()
	})
	for _, pages := range []int{1, 8, 100} {
		if err := put(t, db, fmt.Sprint("before ", pages)); err != nil {
			t.Fatal(err)
		}
		full, room = true, pages*2048
		large := func(tx userpool.Tx) error {
			return tx.PutMeta(t.Context(), "much", strings.Repeat(fmt.Sprint(pages), pages*4096))
		}
		if err := db.Update(t.Context(), large); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%d pages: %v", pages, err)
		}
		if got := meta(t, db, "much"); strings.HasPrefix(got, fmt.Sprint(pages)) {
			t.Errorf("%d pages: stored, though the disk is full", pages)
		}
		full = false
		if err := db.Update(t.Context(), large); err != nil || !strings.HasPrefix(meta(t, db, "much"), fmt.Sprint(pages)) {
			t.Errorf("%d pages, when there is room again: %v", pages, err)
		}
	}
	mustBeIntact(t, db)
}

// What is written and not synced is not stored: nobody is told so, nor sees it, and the
// next commit is in its place.
func TestCommit_SyncFails_StoresNothingAndGoesOnLater(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bellhop.db")
	db := reopen(t, path, Options{})
	if err := put(t, db, "before"); err != nil { // which begins the log
		t.Fatal(err)
	}
	g := db.file().writer.conn.gather
	own := g.below.FxSync
	t.Cleanup(func() { g.below.FxSync = own })
	for _, pages := range []int{1, 8, 100} {
		value := strings.Repeat(fmt.Sprint(pages), pages*4096)
		large := func(tx userpool.Tx) error { return tx.PutMeta(t.Context(), "much", value) }
		g.below.FxSync = callback(failSync)
		if err := db.Update(t.Context(), large); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%d pages: %v", pages, err)
		}
		if meta(t, db, "much") == value {
			t.Errorf("%d pages: stored, though the disk did not take them", pages)
		}
		g.below.FxSync = own
		small := fmt.Sprint("small ", pages)
		if err := put(t, db, small); err != nil {
			t.Errorf("%d pages, when the disk is well again: %v", pages, err)
		}
		crashed := filepath.Join(dir, fmt.Sprint("crashed ", pages))
		for _, end := range []string{"", "-wal"} {
			if err := copyFile(path+end, crashed+end); err != nil {
				t.Fatal(err)
			}
		}
		again := reopen(t, crashed, Options{})
		mustBeIntact(t, again)
		if meta(t, again, small) == "" || meta(t, again, "much") == value {
			t.Errorf("%d pages: after a crash what was stored is lost, or what was not is there", pages)
		}
	}
}

func failSync(*libc.TLS, uintptr, int32) int32 { return sqlite3.SQLITE_IOERR_FSYNC }
