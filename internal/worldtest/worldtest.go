// Package worldtest has what tests of a whole server begin with, made once a process
// instead of once a test: a database of the latest schema, and signing keys in
// stock. Both would be most of a short test's time.
package worldtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/token"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Database returns the path of a new SQLite file that nothing was put in. It must not
// be called in a bubble of virtual time.
func Database(t testing.TB) string {
	t.Helper()
	made, err := empty()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bellhop.db")
	if err := os.WriteFile(file, made, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "bellhop-empty-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "bellhop.db")
	store, err := sqlstore.Open(context.Background(), file, sqlstore.Options{})
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil { // which puts all into the one file
		return nil, err
	}
	return os.ReadFile(file)
})

// stock is as many keys as a server wants to have there.
const stock = 8

// Stock puts the server's signing keys in stock, so that it makes none. They are real
// and are the same in every test, with ids of their own.
func Stock(t testing.TB, store userpool.Store, ring *seal.Ring) {
	t.Helper()
	ders, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	err = store.Update(t.Context(), func(tx userpool.Tx) error {
		for _, der := range ders {
			fresh, err := token.GenerateKey(token.ES256, token.UseID, at) // for its id
			if err != nil {
				return err
			}
			// Sealed as userpool seals them, under its label.
			row := userpool.SigningKey{ID: fresh.ID, Alg: string(token.RS256), CreatedAt: at, Private: ring.Seal("signing key", []byte(fresh.ID), der)}
			if err := tx.InsertKey(t.Context(), row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var keys = sync.OnceValues(func() ([][]byte, error) {
	var ders [][]byte
	for range stock {
		key, err := token.GenerateKey(token.RS256, token.UseID, time.Now())
		if err != nil {
			return nil, err
		}
		der, err := key.MarshalPrivate()
		if err != nil {
			return nil, err
		}
		ders = append(ders, der)
	}
	return ders, nil
})
