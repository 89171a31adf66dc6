package userpool_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// stock is the signing keys that wait for the next pools.
func (w *world) stock() []userpool.SigningKey {
	w.t.Helper()
	return w.keysOf("")
}

func (w *world) keysOf(pool userpool.PoolID) (keys []userpool.SigningKey) {
	w.t.Helper()
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		keys, err = tx.Keys(w.ctx, pool)
		return err
	}))
	return keys
}

func (w *world) rsaPool() []userpool.SigningKey {
	w.t.Helper()
	p, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "riders", Settings: userpool.DefaultPoolSettings()})
	w.must(err)
	return w.keysOf(p.ID)
}

func ids(keys []userpool.SigningKey) (list []string) {
	for _, k := range keys {
		list = append(list, k.ID)
	}
	return list
}

func TestStock_PoolsTakeWhatIsThere_AndMakeOnlyWhatIsMissing(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop()
		waiting := w.stock()
		if len(waiting) < 8 {
			t.Fatalf("%d keys are in stock, want those of four pools", len(waiting))
		}
		var used []string
		for range len(waiting) / 2 {
			used = append(used, ids(w.rsaPool())...)
		}
		if slices.Sort(used); !slices.Equal(used, slices.Sorted(slices.Values(ids(waiting)))) || len(w.stock()) != 0 {
			t.Errorf("the pools have the keys %v, in stock were %v", used, ids(waiting))
		}

		w.start()
		w.pass(5 * time.Minute) // the stock is filled again
		w.stop()
		again := w.stock()
		if len(again) != len(waiting) {
			t.Fatalf("%d keys are in stock after five minutes, want %d again", len(again), len(waiting))
		}
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
			for _, k := range again[1:] {
				if err := tx.DeleteKey(w.ctx, k.ID); err != nil {
					return err
				}
			}
			return nil
		}))
		have := w.rsaPool()
		if len(have) != 2 || have[0].Use == have[1].Use || have[0].ID == have[1].ID {
			t.Fatalf("its keys are %v", have)
		}
		if !slices.Contains(ids(have), again[0].ID) || len(w.stock()) != 0 {
			t.Error("the last key in stock was left there")
		}
		w.start() // for the world's end
	})
}
