package routes

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// Fisher's own example, The Design of Experiments (1935), chapter II: a lady who tells
// all of eight cups, four of each kind, is right by chance once in seventy times.
func TestChance_TheLadyTastingTea(t *testing.T) {
	if got := chance(tally{all: 4, good: 0}, tally{all: 4, good: 4}); math.Abs(got-1.0/70) > 1e-12 {
		t.Errorf("chance = %v, want 1/70", got)
	}
	if got := chance(tally{all: 4, good: 1}, tally{all: 4, good: 3}); math.Abs(got-17.0/70) > 1e-12 {
		t.Errorf("chance = %v, want 17/70", got)
	}
}

// The sum is compared with the same in whole numbers.
func TestChance_AnyTable_IsTheSumOfTheHypergeometricTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, m := rapid.Int64Range(1, 300).Draw(t, "n"), rapid.Int64Range(1, 300).Draw(t, "m")
		x, y := rapid.Int64Range(0, n).Draw(t, "x"), rapid.Int64Range(0, m).Draw(t, "y")
		sum := new(big.Int)
		for i := max(0, x+y-m); i <= x; i++ {
			sum.Add(sum, new(big.Int).Mul(new(big.Int).Binomial(n, i), new(big.Int).Binomial(m, x+y-i)))
		}
		want, _ := new(big.Rat).SetFrac(sum, new(big.Int).Binomial(n+m, x+y)).Float64()
		got := chance(tally{float64(n), float64(x)}, tally{float64(m), float64(y)})
		if math.Abs(got-want) > 1e-9*want+1e-15 {
			t.Errorf("%d of %d against %d of %d: %v, want %v", x, n, y, m, got, want)
		}
	})
}
