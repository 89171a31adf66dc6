package rehearse

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// What is remembered of a number's prefix is what the library says of the number.
func TestNumbers_OfOnePrefix_AreAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	n := &numbers{}
	const tries = 1000
	for range tries {
		prefix := fmt.Sprintf("+%d%0*d", 1+r.IntN(998), 2+r.IntN(5), r.IntN(1e6))
		n.canonical(prefix + fmt.Sprintf("%04d", r.IntN(1e4)))
		number := prefix + fmt.Sprintf("%04d", r.IntN(1e4))
		got, route, kind := n.canonical(number)
		want, f := look(number)
		if got != want.E164() || route != f.route || kind != f.kind {
			t.Errorf("%s: %s %v %s, want %s %v %s", number, got, route, kind, want.E164(), f.route, f.kind)
		}
	}
}
