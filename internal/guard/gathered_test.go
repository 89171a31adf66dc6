package guard_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Texts that are credited together earn what they earn one after the other, however many
// share a cell, a budget or a number.
func TestUseAll_EarnsWhatOneAfterTheOtherEarns(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		d := newDesk(t, guard.Default())
		var sent []guard.Receipt
		for range 40 {
			a := d.ask(rnd.Uint64N(3), from(rnd.Uint64N(4)*100))
			a.Known, a.Stepped = rnd.IntN(3) == 0, rnd.IntN(4) == 0
			if got := d.decide(a); got.Verdict == guard.Send {
				sent = append(sent, got.Receipt)
			}
			d.now = d.now.Add(time.Duration(rnd.IntN(20)) * time.Second)
		}
		for i := range sent {
			if sent[i].Matured = rnd.IntN(3) == 0; sent[i].Matured {
				d.mature(sent[i], false)
			}
		}
		together, ctx := d.state.Clone(), context.Background()
		for _, r := range sent {
			d.use(r)
		}
		if err := d.engine.UseAll(ctx, together, sent, d.now); err != nil {
			t.Fatal(err)
		}
		a := d.ask(0, from(0))
		keys := []guard.Key{guard.CountryKey("ID"), guard.ServerKey(), {Kind: guard.CellEntry, Lo: guard.CountryKey("ID").Lo}}
		for _, r := range sent {
			keys = append(keys, r.Address, r.Network)
		}
		for block := range uint64(3) {
			n := a.Route.Block + block
			keys = append(keys, guard.Key{Kind: guard.CellBlock, Hi: 8, Lo: n}, guard.Key{Kind: guard.CellRange, Hi: 7, Lo: n / 10}, guard.Key{Kind: guard.CellArea, Hi: 6, Lo: n / 100})
		}
		want, _ := d.state.Cells(ctx, keys)
		if got, _ := together.Cells(ctx, keys); !slices.Equal(got, want) {
			t.Fatalf("seed %d: the cells are\n%+v, not\n%+v", seed, got, want)
		}
		for _, key := range []string{"money/strangers/server/hour", "money/known/country/ID/day", "number/texts/1h0m0s/" + sent[0].Party.Number} {
			want, _ := d.state.Count(ctx, key, d.now)
			if got, _ := together.Count(ctx, key, d.now); got != want {
				t.Errorf("seed %d: %s is at %d, not %d", seed, key, got, want)
			}
		}
	}
}
