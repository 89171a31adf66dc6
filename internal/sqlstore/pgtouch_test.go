package sqlstore

import (
	"errors"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
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

// What another has deleted since a transaction's snapshot, and the transaction makes
// again, it sees twice. It runs again then, and is not told of that.
func TestUpdate_ThatMakesAgainWhatAnotherDeletesMeanwhile_RunsAgain(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, other := openURL(t, url, repeatableRead), openURL(t, url, repeatableRead)
	ctx := t.Context()
	from, to, client := configPools[0], configPools[1], configClients[0]
	err := db.Update(ctx, func(u userpool.Tx) error {
		return errors.Join(
			u.InsertPool(ctx, userpool.Pool{ID: from, Settings: userpool.DefaultPoolSettings()}),
			u.InsertPool(ctx, userpool.Pool{ID: to, Settings: userpool.DefaultPoolSettings()}),
			u.InsertClient(ctx, userpool.Client{ID: client, PoolID: from}))
	})
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	err = db.Update(ctx, func(u userpool.Tx) error {
		if err := sameAsRows(ctx, u); err != nil { // the snapshot begins
			return err
		}
		if runs++; runs == 1 {
			if err := other.Update(ctx, func(u userpool.Tx) error { return u.DeleteClient(ctx, from, client) }); err != nil {
				return err
			}
		}
		err := u.InsertClient(ctx, userpool.Client{ID: client, PoolID: to})
		if err != nil {
			return err
		}
		return u.UpdateClient(ctx, userpool.Client{ID: client, PoolID: to, Name: "second"})
	})
	if err != nil || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
	var c userpool.Client
	err = db.View(ctx, func(u userpool.Tx) (err error) {
		c, err = u.Client(ctx, client)
		return err
	})
	if err != nil || c.PoolID != to || c.Name != "second" {
		t.Errorf("the client is %+v, %v", c, err)
	}
}

// A statement that gives several rows where one is wanted, whatever others do, is a
// mistake. It is told as what it is, not as a busy database.
func TestUpdate_WhoseStatementGivesSeveralRowsForOne_IsAnInternalError(t *testing.T) {
	db := openURL(t, pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t)), repeatableRead)
	runs := 0
	err := db.Update(t.Context(), func(u userpool.Tx) error {
		runs++
		return u.(*tx).run(t.Context(), `insert into meta (name, value) values ('twice', '1'), ('twice', '2')
			on conflict (name) do update set value = excluded.value`)
	})
	if !fault.Is(err, fault.Internal) || sqlState(err) != "21000" || runs != 2 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}
