package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newKey(id string, pool userpool.PoolID) userpool.SigningKey {
	k := userpool.SigningKey{ID: id, PoolID: pool, Alg: "RS256", Private: "sealed " + id, CreatedAt: e.now}
	if pool != "" {
		k.Use, k.ActiveAt, k.RetiredAt = "id", e.in(time.Hour), e.in(2*time.Hour)
	}
	return k
}

func (e *env) keys(pool userpool.PoolID) []userpool.SigningKey {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]userpool.SigningKey, error) { return tx.Keys(e.ctx, pool) })
}

var keyCases = []testCase{
	{"Keys/come back as stored, oldest first", func(e *env) {
		first, second, third := e.newKey("z", e.pool), e.newKey("y", e.pool), e.newKey("x", e.pool)
		second.ActiveAt = e.in(3 * time.Hour)
		third.ActiveAt, third.RetiredAt = e.in(4*time.Hour), time.Time{}
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.InsertKey(e.ctx, third), tx.InsertKey(e.ctx, first), tx.InsertKey(e.ctx, second))
		})
		equal(e, "Keys", e.keys(e.pool), []userpool.SigningKey{first, second, third})
		equal(e, "Keys of no pool", len(e.keys("us-east-1_None")), 0)
	}},
	{"InsertKey/of a taken id changes nothing", func(e *env) {
		k := e.newKey("kid", e.pool)
		e.do(func(tx userpool.Tx) error { return tx.InsertKey(e.ctx, k) })
		other := k
		other.Private = "another"
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertKey(e.ctx, other) })
		equal(e, "Keys", e.keys(e.pool), []userpool.SigningKey{k})
	}},
	{"DeleteKey/removes the one", func(e *env) {
		a, b := e.newKey("a", e.pool), e.newKey("b", e.pool)
		e.do(func(tx userpool.Tx) error { return errors.Join(tx.InsertKey(e.ctx, a), tx.InsertKey(e.ctx, b)) })
		e.do(func(tx userpool.Tx) error { return errors.Join(tx.DeleteKey(e.ctx, "a"), tx.DeleteKey(e.ctx, "none")) })
		equal(e, "Keys", e.keys(e.pool), []userpool.SigningKey{b})
	}},
	{"ClaimStockKey/hands a key over with its new use and times", func(e *env) {
		e.do(func(tx userpool.Tx) error {
			other := e.newKey("ec", "")
			other.Alg = "ES256"
			return errors.Join(tx.InsertKey(e.ctx, e.newKey("rsa", "")), tx.InsertKey(e.ctx, other))
		})
		stock := func(alg string) int {
			return read(e, func(tx userpool.Tx) (int, error) { return tx.StockKeys(e.ctx, alg) })
		}
		equal(e, "stock", []int{stock("RS256"), stock("ES256"), stock("EdDSA")}, []int{1, 1, 0})

		to := userpool.SigningKey{PoolID: e.pool, Use: "access", CreatedAt: e.in(time.Hour), ActiveAt: e.in(2 * time.Hour)}
		want := to
		want.ID, want.Alg, want.Private = "rsa", "RS256", "sealed rsa"
		got := write(e, func(tx userpool.Tx) (userpool.SigningKey, error) { return tx.ClaimStockKey(e.ctx, "RS256", to) })
		equal(e, "claimed", got, want)
		equal(e, "Keys", e.keys(e.pool), []userpool.SigningKey{want})
		equal(e, "stock", []int{stock("RS256"), stock("ES256")}, []int{0, 1})
		e.try(userpool.ErrNotFound, func(tx userpool.Tx) error {
			_, err := tx.ClaimStockKey(e.ctx, "RS256", to)
			return err
		})
	}},
	{"ClaimStockKey/gives a key to one of many", func(e *env) {
		const keys = racers / 2
		e.do(func(tx userpool.Tx) error {
			for i := range keys {
				if err := tx.InsertKey(e.ctx, e.newKey(fmt.Sprint("kid", i), "")); err != nil {
					return err
				}
			}
			return nil
		})
		claimed := race(e, racers, func(tx userpool.Tx, i int) (string, error) {
			k, err := tx.ClaimStockKey(e.ctx, "RS256", userpool.SigningKey{PoolID: e.pool, Use: fmt.Sprint("use", i)})
			if errors.Is(err, userpool.ErrNotFound) {
				return "", nil
			}
			return k.ID, err
		})
		// Who was beaten to a key may have gone away empty, at weak isolation; what
		// is left is in stock still.
		claimed = slices.DeleteFunc(claimed, func(id string) bool { return id == "" })
		left := read(e, func(tx userpool.Tx) (int, error) { return tx.StockKeys(e.ctx, "RS256") })
		equal(e, "keys claimed and left", len(claimed)+left, keys)
		slices.Sort(claimed)
		equal(e, "keys claimed, each once", len(slices.Compact(claimed)), keys-left)
	}},
}
