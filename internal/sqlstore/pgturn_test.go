package sqlstore

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const pgWhoWaits = `select count(*) from pg_locks where not granted
	and pid in (select pid from pg_stat_activity where datname = current_database())`

// Who has waited for the turn finds the cells as the one before left them: he writes
// them without another conflict.
func TestTurnForCells_IsOlderThanTheSnapshot(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, operator := openURL(t, url, repeatableRead), beside(t, url)
	key := guard.Key{Kind: guard.CellKind(1), Hi: 7}
	put := func(u userpool.Tx) error {
		if _, err := u.Cells(t.Context(), []guard.Key{key}); err != nil {
			return err
		}
		return u.PutCells(t.Context(), []guard.Key{key}, []guard.Cell{{At: time.Now().UnixMilli()}})
	}
	inTurn := func(fn func(userpool.Tx) error) <-chan again {
		done := make(chan again, 1)
		if err := db.awaitPlace(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() {
			why, err := db.attempt(t.Context(), []string{db.isolation.begin(), pgOwnCells}, true, fn)
			if err != nil {
				t.Error(err)
			}
			done <- why
		}()
		return done
	}
	inside, leave := make(chan struct{}), make(chan struct{})
	first := inTurn(func(u userpool.Tx) error {
		if err := put(u); err != nil {
			return err
		}
		close(inside)
		<-leave
		return nil
	})
	<-inside
	second := inTurn(put)
	for {
		waiting, err := number(operator, pgWhoWaits)
		if err != nil {
			t.Fatal(err)
		}
		if waiting > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(leave)
	if why := <-first; why != never {
		t.Errorf("the first is to run again: %d", why)
	}
	if why := <-second; why != never {
		t.Errorf("the second is to run again: %d", why)
	}
}
