package simulation

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// steps is how long a play is: hours of virtual time.
const steps = 60

// replay is the command that plays a seed again.
func replay(p play) string {
	return fmt.Sprintf("SIM_SEED=%d go test -run TestSimulation_Seed ./internal/simulation", p.seed)
}

// ofSeed is how a seed is played: one of four has steps at which calls race.
func ofSeed(seed uint64) play { return play{seed: seed, steps: steps, races: seed%4 == 3} }

func judge(t *testing.T, p play, out outcome) {
	t.Helper()
	if out.broken != "" {
		t.Errorf("seed %d: %s\nplay it again: %s\n%s", p.seed, out.broken, replay(p), tail(out.trace, 25))
	}
}

// Tens of seeds, and with SOAK thousands; SIM_SEEDS says how many, SIM_FIRST with
// which to begin.
func TestSimulation_ManySeeds_ObeyTheInvariants(t *testing.T) {
	first, seeds := number(t, "SIM_FIRST", 1), number(t, "SIM_SEEDS", fewSeeds)
	if os.Getenv("SOAK") != "" {
		seeds = number(t, "SIM_SEEDS", 4000)
	}
	var sum score
	for seed := first; seed < first+seeds && !t.Failed(); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			p := ofSeed(seed)
			out := run(t, p)
			judge(t, p, out)
			sum.add(out.score)
		})
	}
	t.Logf("%d seeds: %+v", seeds, sum)
	for what, n := range map[string]int{
		"crash": sum.crashes, "repeat": sum.repeated, "sign-in": sum.tokens, "confirmation": sum.confirmed,
		"refresh": sum.refreshed, "text": sum.texts, "race": sum.races,
	} {
		if n == 0 && seeds >= fewSeeds {
			t.Errorf("no play has seen a %s", what)
		}
	}
}

// One seed with all that happened, for who looks for the cause.
func TestSimulation_Seed(t *testing.T) {
	p := ofSeed(number(t, "SIM_SEED", 1))
	out := run(t, p)
	judge(t, p, out)
	t.Logf("trace %016x, %+v\n%s", out.hash, out.score, tail(out.trace, len(out.trace)))
}

// A seed is worth its name only if it plays the same again. Seeds with races are
// left out: who wins them is not the seed's to say.
func TestSimulation_SameSeed_SameTrace(t *testing.T) {
	for _, seed := range []uint64{5, 6} {
		var before outcome
		for again := range 2 {
			t.Run(fmt.Sprint(seed, again), func(t *testing.T) {
				out := run(t, ofSeed(seed))
				if again == 1 && out.hash != before.hash {
					for i := range min(len(out.trace), len(before.trace)) {
						if out.trace[i] != before.trace[i] {
							t.Fatalf("seed %d went another way in line %d:\n%s\n%s", seed, i, before.trace[i], out.trace[i])
						}
					}
					t.Fatalf("seed %d: one trace is longer", seed)
				}
				before = out
			})
		}
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
