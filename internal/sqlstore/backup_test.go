package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// backedUp is a backup of a new database in which the key is stored.
func backedUp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	db := reopen(t, filepath.Join(dir, "bellhop.db"), Options{Exclusive: true})
	if err := put(t, db, "key"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "backup")
	if _, err := Backup(t.Context(), filepath.Join(dir, "bellhop.db"), file); err != nil {
		t.Fatal(err)
	}
	return file
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there (%v)", path, err)
	}
}

func TestBackup_BesideAServerThatWrites_IsWholeAndHasWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bellhop.db")
	db := reopen(t, path, Options{Exclusive: true})
	if err := put(t, db, "before"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	writing := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if err := put(t, db, fmt.Sprint("key", time.Now().UnixNano())); err != nil {
				writing <- err
				return
			}
		}
		writing <- nil
	}()
	file := filepath.Join(dir, "backup")
	made, err := Backup(t.Context(), path, file)
	stop()
	if err := errors.Join(err, <-writing); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != made.Bytes || made.Version != len(migrations()) {
		t.Errorf("%v, %v, said to be %+v", info, err, made)
	}
	gone(t, file+".part")
	if got := meta(t, reopen(t, file, Options{}), "before"); got != "stored" {
		t.Errorf("got %q", got)
	}
}

func TestBackup_TakenName_IsRefusedAndUntouched(t *testing.T) {
	file := backedUp(t)
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(taken, []byte("dear diary"), 0o644); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{taken, dangling, file} {
		if _, err := Backup(t.Context(), file, to); err == nil || !strings.Contains(err.Error(), "overwrites nothing") {
			t.Errorf("%s: got %v", to, err)
		}
		gone(t, to+".part")
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "dear diary" {
		t.Errorf("it holds %q, %v", text, err)
	}
}

func TestBackup_OfWhatIsNoneOfOurs_IsRefusedAndLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		make func(path string)
	}{
		"a text":           {"not an SQLite database", func(path string) { os.WriteFile(path, []byte(strings.Repeat("dear diary, ", 100)), 0o600) }},
		"another database": {"no database of Bellhop's", func(path string) { execSQL(t, path, "create table recipes (id integer)") }},
		"an empty file":    {"no database of Bellhop's", func(path string) { os.WriteFile(path, nil, 0o600) }},
		"a damaged one":    {"damaged", func(path string) { damage(t, backedUp(t), path) }},
		"nothing":          {"no such file", func(string) {}},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
			c.make(from)
			if _, err := Backup(t.Context(), from, to); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			gone(t, to)
			gone(t, to+".part")
		})
	}
}

// damage writes the database with the pages after its schema overwritten.
func damage(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(text) / 4; i < len(text)*3/4; i++ {
		text[i] = 0xa5
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBackup_LeftoverOfOneThatWasCutOff_IsTakenOver(t *testing.T) {
	file := backedUp(t)
	to := filepath.Join(t.TempDir(), "to")
	if err := os.WriteFile(to+".part", []byte("half a database"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), file, to); err != nil {
		t.Fatal(err)
	}
	gone(t, to+".part")
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestBackup_TwoToOneName_OneIsRefused(t *testing.T) {
	file := backedUp(t)
	to := filepath.Join(t.TempDir(), "to")
	lock, err := lockFile(to + ".part")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), file, to); err == nil || !strings.Contains(err.Error(), "is being made") {
		t.Errorf("got %v", err)
	}
	if err := lock.unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestRestore_PutsTheBackupThereAndKeepsTheOldOne(t *testing.T) {
	file, path := backedUp(t), filepath.Join(t.TempDir(), "bellhop.db")
	finish := func(force bool) (kept string, err error) {
		r, err := Restore(t.Context(), file, path, force)
		if err != nil {
			return "", err
		}
		kept, err = r.Finish(t.Context())
		return kept, errors.Join(err, r.Close())
	}
	if kept, err := finish(false); err != nil || kept != "" {
		t.Fatalf("kept %q, %v", kept, err)
	}
	db := reopen(t, path, Options{Exclusive: true})
	if err := put(t, db, "newer"); err != nil {
		t.Fatal(err)
	}
	if _, err := finish(true); err == nil || !strings.Contains(err.Error(), "a server is running") {
		t.Errorf("beside a server: got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := finish(false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over a database: got %v", err)
	}
	tool := reopen(t, path, Options{})
	if _, err := finish(true); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("beside a tool: got %v", err)
	}
	if got := meta(t, tool, "newer"); got != "stored" {
		t.Errorf("after three refusals: got %q", got)
	}
	if err := tool.Close(); err != nil {
		t.Fatal(err)
	}
	kept, err := finish(true)
	if err != nil {
		t.Fatal(err)
	}
	if got := meta(t, reopen(t, kept, Options{}), "newer"); got != "stored" {
		t.Errorf("the old one has %q", got)
	}
	restored := reopen(t, path, Options{})
	if got, newer := meta(t, restored, "key"), meta(t, restored, "newer"); got != "stored" || newer != "" {
		t.Errorf("the restored one has %q and %q", got, newer)
	}
	gone(t, path+".restoring")
}

// The log of a server that was killed belongs to the old database, and would be
// taken for the restored one's.
func TestRestore_OverAKilledServersDatabase_TakesItsLogAside(t *testing.T) {
	file, path := backedUp(t), filepath.Join(t.TempDir(), "bellhop.db")
	if err := reopen(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	runAndKill(t, prepared(t, path), 50, 0)
	if log, err := os.Stat(path + "-wal"); err != nil || log.Size() == 0 {
		t.Fatalf("the kill left no log: %v", err)
	}
	for name, ruin := range map[string]bool{"whole": false, "ruined": true} {
		t.Run(name, func(t *testing.T) {
			own := filepath.Join(t.TempDir(), "bellhop.db")
			for _, suffix := range []string{"", "-wal"} {
				if err := copyFile(path+suffix, own+suffix); err != nil {
					t.Fatal(err)
				}
			}
			if ruin {
				for _, suffix := range []string{"", "-wal"} { // a whole log would mend the file
					if err := os.WriteFile(own+suffix, []byte(strings.Repeat("ruin", 5000)), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			r, err := Restore(t.Context(), file, own, true)
			if err != nil {
				t.Fatal(err)
			}
			kept, err := r.Finish(t.Context())
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			gone(t, own+"-wal")
			if got := meta(t, reopen(t, own, Options{}), "key"); got != "stored" {
				t.Errorf("got %q", got)
			}
			if _, err := os.Stat(kept + "-wal"); (err == nil) != ruin {
				t.Errorf("the old log: %v", err)
			}
		})
	}
}

// prepared has the pool that the child's rows need.
func prepared(t *testing.T, path string) string {
	t.Helper()
	db := reopen(t, path, Options{})
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		return tx.InsertPool(t.Context(), userpool.Pool{ID: "pool"})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRestore_OfWhatIsNoBackup_LeavesEverythingAsItWas(t *testing.T) {
	good := backedUp(t)
	for name, c := range map[string]struct {
		want string
		make func(path string)
	}{
		"a text":           {"not an SQLite database", func(path string) { os.WriteFile(path, []byte(strings.Repeat("dear diary, ", 100)), 0o600) }},
		"another database": {"no database of Bellhop's", func(path string) { execSQL(t, path, "create table recipes (id integer)") }},
		"damaged":          {"damaged", func(path string) { damage(t, good, path) }},
		"cut short": {"damaged", func(path string) {
			if err := errors.Join(copyFile(good, path), os.Truncate(path, 100_000)); err != nil {
				t.Fatal(err)
			}
		}},
		"files of a running server": {"no backup", func(path string) {
			if err := errors.Join(copyFile(good, path), os.WriteFile(path+"-wal", []byte("log"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}},
		"nothing": {"there is no backup", func(string) {}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, path := filepath.Join(t.TempDir(), "file"), filepath.Join(dir, "bellhop.db")
			c.make(file)
			if err := copyFile(good, path); err != nil {
				t.Fatal(err)
			}
			if _, err := Restore(t.Context(), file, path, true); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			before, _ := os.ReadFile(good)
			after, err := os.ReadFile(path)
			if err != nil || string(before) != string(after) {
				t.Errorf("the database has changed (%v)", err)
			}
			left, _ := filepath.Glob(filepath.Join(dir, "*"))
			if len(left) != 2 { // the database and its lock
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestRestore_StrayLogWithoutDatabase_IsRefused(t *testing.T) {
	file, path := backedUp(t), filepath.Join(t.TempDir(), "bellhop.db")
	if err := os.WriteFile(path+"-wal", []byte("log of something"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), file, path, false); err == nil || !strings.Contains(err.Error(), "without its database") {
		t.Errorf("got %v", err)
	}
}

func TestRestore_OfTheDatabaseItself_IsRefused(t *testing.T) {
	file := backedUp(t)
	if _, err := Restore(t.Context(), file, file, true); err == nil || !strings.Contains(err.Error(), "the database itself") {
		t.Errorf("got %v", err)
	}
}
