package challenge_test

import (
	"fmt"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/challenge"
)

// Short names of the entries that histories are made of.
var (
	srpA  = challenge.Entry{Name: challenge.SRPA, Result: true}
	proof = challenge.Entry{Name: challenge.PasswordVerifier, Result: true}
	right = challenge.Entry{Name: challenge.Custom, Result: true}
	wrong = challenge.Entry{Name: challenge.Custom}
)

var (
	tokens = challenge.Decision{Tokens: true}
	fail   = challenge.Decision{Fail: true}
)

func next(n challenge.Name) challenge.Decision { return challenge.Decision{Next: n} }

func TestDefine_EveryRuleOfTheBuiltInFlow(t *testing.T) {
	for _, c := range []struct {
		history []challenge.Entry
		want    challenge.Decision
	}{
		{nil, next(challenge.Custom)},
		{[]challenge.Entry{srpA}, next(challenge.PasswordVerifier)},
		{[]challenge.Entry{srpA, proof}, tokens},
		{[]challenge.Entry{right}, tokens},
		{[]challenge.Entry{wrong}, next(challenge.Custom)},
		{[]challenge.Entry{wrong, wrong}, next(challenge.Custom)},
		{[]challenge.Entry{wrong, wrong, right}, tokens},
		{[]challenge.Entry{wrong, wrong, wrong}, fail},
	} {
		if got := challenge.Define(c.history, 3); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.history, got, c.want)
		}
	}
}

// Whatever the history, there is exactly one decision, and tokens only where
// the last answer was right and nothing stands before it but what the rules
// make.
func TestDefine_AnyHistory_TokensOnlyWhereARuleSaysSo(t *testing.T) {
	entries := []challenge.Entry{
		srpA, {Name: challenge.SRPA}, proof, {Name: challenge.PasswordVerifier},
		right, wrong, {Name: "SMS_MFA", Result: true}, {},
	}
	granted := map[string]bool{
		fmt.Sprint([]challenge.Entry{srpA, proof}):         true,
		fmt.Sprint([]challenge.Entry{right}):               true,
		fmt.Sprint([]challenge.Entry{wrong, right}):        true,
		fmt.Sprint([]challenge.Entry{wrong, wrong, right}): true,
	}
	var walk func([]challenge.Entry)
	walk = func(h []challenge.Entry) {
		d := challenge.Define(h, 3)
		said := 0
		for _, b := range []bool{d.Next != "", d.Tokens, d.Fail} {
			if b {
				said++
			}
		}
		if said != 1 {
			t.Errorf("%v: %+v decides %d things", h, d, said)
		}
		if d.Tokens != granted[fmt.Sprint(h)] {
			t.Errorf("%v: %+v", h, d)
		}
		if len(h) == 5 {
			return
		}
		for _, e := range entries {
			walk(append(h[:len(h):len(h)], e))
		}
	}
	walk(nil)
}
