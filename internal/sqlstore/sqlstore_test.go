package sqlstore

import (
	"path/filepath"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/storetest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// file is the engine of a database that is an SQLite file.
func (db *DB) file() *sqliteFile { return db.store.(*sqliteFile) }

func TestSQLite_PassesTheSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) userpool.Store { return openTemp(t, Options{}) })
}

// openTemp opens a new database that is closed at the end of the test.
func openTemp(t *testing.T, o Options) *DB {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "bellhop.db"), o)
}

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
