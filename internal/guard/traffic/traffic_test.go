package traffic_test

import (
	"crypto/sha256"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// small are options that cost little.
var small = traffic.Options{Seed: 3, CodesPerDay: 500, WarmUp: 1, Requests: 200}

func digest(s traffic.Scenario, o traffic.Options) (sum [32]byte) {
	h := sha256.New()
	for _, part := range []*traffic.Stream{s.History(o), s.Stream(o)} {
		for e := range part.All() {
			h.Write(e.AppendJSON(nil))
		}
	}
	return [32]byte(h.Sum(nil))
}

func TestScenarios_SameSeed_SameRequestsInOrder(t *testing.T) {
	// The others are made of the same, and larger.
	for _, name := range []string{"S1", "S3-0.025", "S4", "S9", "S12", "S5-10-paid", "S11", "S2-nat"} {
		s, o := scenario(t, name), small
		if one, two := digest(s, o), digest(s, o); one != two {
			t.Errorf("%s: two runs of one seed differ", s.Name)
		}
		other := o
		other.Seed++
		if digest(s, o) == digest(s, other) {
			t.Errorf("%s: two seeds are alike", s.Name)
		}
		last, ids, attacks := 0.0, map[string]bool{}, 0
		for e := range s.Stream(o).All() {
			if e.T < last {
				t.Fatalf("%s: %s comes at %g, after %g", s.Name, e.ID, e.T, last)
			}
			if last = e.T; ids[e.ID] {
				t.Fatalf("%s: two requests are called %s", s.Name, e.ID)
			}
			if ids[e.ID] = true; e.Attack {
				attacks++
			}
		}
		span := s.Span(o)
		if !(span.Begin <= span.From && span.From < span.To && span.To <= span.End) {
			t.Errorf("%s: its moments are %v", s.Name, span)
		}
	}
}

// A real phone could have each number, and it is of the country that it is said
// to be of.
func TestScenarios_Numbers_AreMobilesOfTheirCountry(t *testing.T) {
	seen, wrong := 0, 0
	for _, name := range []string{"quiet", "S4", "S3-0.025"} {
		for e := range scenario(t, name).Stream(small).All() {
			n, err := phone.Parse(e.Phone)
			if seen++; err != nil || n.E164() != e.Phone {
				wrong++
				t.Logf("%s of %s: %v", n, e.ID, err)
			}
		}
	}
	if wrong*100 > seen {
		t.Errorf("%d of %d numbers are none", wrong, seen)
	}
}

func scenario(t *testing.T, name string) traffic.Scenario {
	t.Helper()
	for _, s := range traffic.Scenarios() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return traffic.Scenario{}
}

// The models are what docs/guard.md says of them.
func TestScenarios_Volumes(t *testing.T) {
	for name, want := range map[string]struct{ legit, attack [2]int }{
		"quiet": {[2]int{500, 650}, [2]int{0, 0}},
		"S2":    {[2]int{50, 400}, [2]int{200, 200}},
		"S4":    {[2]int{50, 400}, [2]int{200, 200}},
		"S6":    {[2]int{50, 400}, [2]int{3400, 3800}},
		"S8":    {[2]int{77000, 82000}, [2]int{0, 0}},
		"shop":  {[2]int{2000, 2600}, [2]int{0, 0}},
	} {
		legit, attack := 0, 0
		for e := range scenario(t, name).Stream(small).All() {
			if e.Attack {
				attack++
			} else {
				legit++
			}
		}
		if legit < want.legit[0] || legit > want.legit[1] || attack < want.attack[0] || attack > want.attack[1] {
			t.Errorf("%s: %d requests of people and %d of an attacker, want %v", name, legit, attack, want)
		}
	}
}
