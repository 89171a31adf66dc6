package sqlstore

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/storetest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// file is the engine of a database that is an SQLite file.
func (db *DB) file() *sqliteFile { return db.store.(*sqliteFile) }

func TestSQLite_PassesTheSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) userpool.Store { return openTemp(t, Options{}) })
}

// openTemp opens a new database that is closed at the end of the test. Its schema
// was made once, since that is most of a short test's time.
func openTemp(t *testing.T, o Options) *DB {
	t.Helper()
	made, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bellhop.db")
	if err := os.WriteFile(path, made, 0o600); err != nil {
		t.Fatal(err)
	}
	return reopen(t, path, o)
}

var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "bellhop-empty-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bellhop.db")
	db, err := Open(context.Background(), path, Options{})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // which puts all into the one file
		return nil, err
	}
	return os.ReadFile(path)
})

func reopen(t *testing.T, path string, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}
