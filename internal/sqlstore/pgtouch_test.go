package sqlstore

import (
	"errors"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A row that was touched in a part that is taken back is not touched; one that was
// touched is not written again.
func TestTouch_IsOnceInATransactionUnlessItIsTakenBack(t *testing.T) {
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	if err := putKey(t.Context(), db, "key"); err != nil {
		t.Fatal(err)
	}
	const touchMeta = `update meta set value = value where name = $1`
	err := db.Update(t.Context(), func(u userpool.Tx) error {
		tx := u.(*tx)
		touch := func() error { return tx.touch(t.Context(), touchMeta, "key") }
		err := tx.part(t.Context(), func() error { return errors.Join(touch(), userpool.ErrNotFound) })
		if !errors.Is(err, userpool.ErrNotFound) {
			return err
		}
		var places []string
		for range 2 {
			if err := touch(); err != nil {
				return err
			}
			place, err := one(t.Context(), tx, value[string],
				`select ctid::text from meta where name = $1 and xmin::text = txid_current()::text`, "key")
			if err != nil { // not written by this transaction
				return err
			}
			places = append(places, place)
		}
		if places[0] != places[1] {
			t.Errorf("the row moved from %s to %s", places[0], places[1])
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
