package sqlstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	crashEnv     = "SQLSTORE_CRASH_CHILD" // the database path; set in the child
	crashKills   = 20
	crashWorkers = 8
)

// crashChild commits rows on many goroutines, and prints the key of each once
// it is acknowledged, until it is killed.
func crashChild(path string) int {
	ctx := context.Background()
	db, err := Open(ctx, path, Options{Exclusive: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	run := time.Now().UnixNano()
	var wg sync.WaitGroup
	for worker := range crashWorkers {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("%d-%d-%d", run, worker, i)
				if err := db.Update(ctx, func(tx userpool.Tx) error { return useUp(ctx, tx, key) }); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(key) // one write a line
			}
		})
	}
	wg.Wait()
	return 0
}

// useUp stores a session and uses it, so that the row must be there, used.
func useUp(ctx context.Context, tx userpool.Tx, key string) error {
	now := time.Now()
	s := userpool.Session{Hash: key, PoolID: "pool", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	if err := tx.InsertSession(ctx, s); err != nil {
		return err
	}
	ok, err := tx.ConsumeSession(ctx, key, now)
	if err == nil && !ok {
		err = errors.New("a new session was used already")
	}
	return err
}

func TestKill_AtAnyMoment_LosesNothingAcknowledged(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "bellhop.db")
	db := reopen(t, path, Options{})
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		return tx.InsertPool(t.Context(), userpool.Pool{ID: "pool"})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for range crashKills {
		keys := runAndKill(t, path, 1+rnd.IntN(400), time.Duration(rnd.IntN(3000))*time.Microsecond)
		acknowledged = append(acknowledged, keys...)
		checkSurvived(t, path, acknowledged)
	}
	t.Logf("%d acknowledged in %d lives", len(acknowledged), crashKills)
}

// runAndKill starts a child and kills it a moment after it has acknowledged
// some rows. It returns what was acknowledged.
func runAndKill(t *testing.T, path string, after int, moment time.Duration) (keys []string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if keys = append(keys, lines.Text()); len(keys) == after {
			time.AfterFunc(moment, func() { _ = child.Process.Kill() })
		}
	}
	_ = child.Wait() // it was killed
	if len(keys) < after {
		t.Fatalf("the child ended by itself after %d rows", len(keys))
	}
	return keys
}

func checkSurvived(t *testing.T, path string, keys []string) {
	t.Helper()
	db, err := Open(t.Context(), path, Options{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	mustBeIntact(t, db)
	err = db.View(t.Context(), func(u userpool.Tx) error {
		for _, key := range keys {
			s, err := u.Session(t.Context(), key)
			if err != nil || s.UsedAt.IsZero() {
				t.Errorf("acknowledged %s: %v, used %v", key, err, s.UsedAt)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// What was used before the kill is not usable after it.
	err = db.Update(t.Context(), func(tx userpool.Tx) error {
		ok, err := tx.ConsumeSession(t.Context(), keys[len(keys)-1], time.Now())
		if ok {
			t.Error("used twice")
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func mustBeIntact(t *testing.T, db *DB) {
	t.Helper()
	var verdict string
	err := db.View(t.Context(), func(u userpool.Tx) error {
		return u.(*tx).conn.query("pragma integrity_check", nil, func(r row) error { return r.Scan(&verdict) })
	})
	if err != nil || verdict != "ok" {
		t.Errorf("integrity check: %q, %v", verdict, err)
	}
}
