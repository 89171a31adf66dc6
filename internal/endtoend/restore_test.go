package endtoend

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// cut runs a command and kills it after a while. It says whether the command had
// ended before, as it should.
func (s *site) cut(after time.Duration, args ...string) (ended bool) {
	s.tb.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = s.env
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Wait()
	if _, killed := errors.AsType[*exec.ExitError](err); killed && !strings.Contains(err.Error(), "killed") {
		s.tb.Fatalf("bellhop %s: %v\n%s", args, err, s.log)
	}
	return err == nil
}

// fillTrail makes a database large enough that copying it takes a while.
func fillTrail(t *testing.T, path string, rows int) {
	t.Helper()
	inStore(t, path, func(ctx context.Context, store *sqlstore.DB) error {
		return store.Update(ctx, func(tx userpool.Tx) error {
			for i := range rows {
				row := userpool.AuditRow{ID: userpool.AuditID(fmt.Sprintf("00000000-%08d", i)), Detail: strings.Repeat("x", 900)}
				if err := tx.InsertAudit(ctx, row); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func inStore(t *testing.T, path string, fn func(context.Context, *sqlstore.DB) error) {
	t.Helper()
	ctx := bounded(t, time.Minute)
	store, err := sqlstore.Open(ctx, path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fn(ctx, store), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// mark writes, and marked reads, which of two databases this is.
func mark(t *testing.T, path, value string) {
	t.Helper()
	inStore(t, path, func(ctx context.Context, store *sqlstore.DB) error {
		return store.Update(ctx, func(tx userpool.Tx) error { return tx.PutMeta(ctx, "mark", value) })
	})
}

func marked(t *testing.T, path string) (value string) {
	t.Helper()
	inStore(t, path, func(ctx context.Context, store *sqlstore.DB) error {
		return store.View(ctx, func(tx userpool.Tx) (err error) {
			value, err = tx.Meta(ctx, "mark")
			return err
		})
	})
	return value
}

// lasting is how long a command takes that is left alone.
func (s *site) lasting(args ...string) time.Duration {
	begun := time.Now()
	s.run(args...)
	return time.Since(begun)
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestBackup_KilledAtRandomMoments_LeavesAWholeFileOrNone(t *testing.T) {
	s := newSite(t)
	database := filepath.Join(s.dir, "bellhop.db")
	fillTrail(t, database, 20_000)
	out := t.TempDir()
	whole := s.lasting("backup", filepath.Join(out, "first"))
	cutOff := 0
	for i := range often(12, 400) {
		file := filepath.Join(out, fmt.Sprint("backup-", i))
		if !s.cut(rand.N(whole), "backup", file) {
			cutOff++
		}
		if exists(t, file) { // checked again by who restores it
			r, err := sqlstore.Restore(t.Context(), file, filepath.Join(t.TempDir(), "bellhop.db"), false)
			if err != nil {
				t.Fatalf("what is there after a kill: %v", err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		s.run("backup", file) // the leftover is in nobody's way
		if left, _ := filepath.Glob(file + "?*"); len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if cutOff == 0 {
		t.Error("no backup was cut off")
	}
	t.Logf("%d of %d were cut off; a whole one takes %v", cutOff, often(12, 400), whole)
}

func TestRestore_KilledAtRandomMoments_LeavesTheOldDatabaseOrTheRestoredOne(t *testing.T) {
	s := newSite(t)
	database := filepath.Join(s.dir, "bellhop.db")
	fillTrail(t, database, 10_000)
	mark(t, database, "backup")
	file := filepath.Join(t.TempDir(), "backup")
	s.run("backup", file)
	whole := s.lasting("restore", file, "--force")
	outcomes := map[string]int{}
	for range often(12, 400) {
		mark(t, database, "old")
		ended := s.cut(rand.N(whole*5/4), "restore", file, "--force")
		got := marked(t, database)
		if ended && got != "backup" || !ended && got != "old" && got != "backup" {
			t.Fatalf("after a restore that ended: %v, the database is %q", ended, got)
		}
		outcomes[got]++
		s.run("restore", file, "--force") // what was left is in nobody's way
		if got := marked(t, database); got != "backup" {
			t.Fatalf("after the next one the database is %q", got)
		}
		aside, err := filepath.Glob(database + ".before-*")
		if err != nil || len(aside) == 0 || exists(t, database+".restoring") {
			t.Fatalf("aside is %v, %v", aside, err)
		}
		for _, old := range aside {
			if err := os.Remove(old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if outcomes["old"] == 0 {
		t.Error("no restore was cut off")
	}
	s.start() // the restored database serves
	s.stop()
	t.Logf("outcomes %v; a whole one takes %v", outcomes, whole)
}
