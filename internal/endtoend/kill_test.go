package endtoend

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// soak says whether the tests may take hours and are to find more.
func soak() bool { return os.Getenv("SOAK") != "" }

// often is how often a fault is made: little where a change is tested, much in a
// soak.
func often(little, much int) int {
	if soak() {
		return much
	}
	return little
}

// chanceOf is a source of chance with a seed that the log names.
func chanceOf(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestKill_AtRandomMoments_NothingAcknowledgedIsLostAndNothingWorksTwice kills
// the server under sign-ups and sign-ins and compares what it knows afterwards
// with what its clients were told.
func TestKill_AtRandomMoments_NothingAcknowledgedIsLostAndNothingWorksTwice(t *testing.T) {
	s := newSite(t, "BELLHOP_LIMITS=off")
	killOften(t, s, s.node)
}

// TestKill_OnPostgres does the same to a server on PostgreSQL, alone and beside
// another, which people are served by meanwhile.
func TestKill_OnPostgres(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, pgtest.Options{})
	for name, others := range map[string]int{"alone": 0, "of two": 1} {
		t.Run(name, func(t *testing.T) {
			s := onPostgres(t, c.NewDatabase(t), "BELLHOP_LIMITS=off")
			s.makePool()
			killOften(t, s, s.more(others)...)
		})
	}
}

// killOften kills the first of the nodes under load, again and again, while the
// others serve on.
func killOften(t *testing.T, s *site, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		n.start()
	}
	kills := often(6, 300)
	chance, rec, b := chanceOf(t), &record{}, newBalancer(t, nodes...)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	people := populate(ctx, s, b, rec, 8)
	var back []time.Duration
	for range kills {
		<-time.After(time.Duration(50+chance.IntN(400)) * time.Millisecond) // the moment of the kill
		s.kill()
		killed := time.Now()
		s.start()
		if _, err := firstGood(ctx, s, newBalancer(t, s.node), rec); err != nil {
			t.Fatalf("no good answer after a kill: %v\n%s", err, s.log)
		}
		back = append(back, time.Since(killed))
	}
	people.disperse()
	check(t, s, b, rec)
	for _, n := range nodes {
		n.stop()
	}
	if rec.signIns() < kills {
		t.Errorf("only %d sign-ins were acknowledged: too few to say anything", rec.signIns())
	}
	median, worst := spread(back)
	t.Logf("%d kills: %d sign-ups, %d confirmations, %d sign-ins acknowledged, none lost; good answers again after %v, at worst %v",
		kills, len(rec.signedUp), len(rec.confirmed), rec.signIns(), median, worst)
}
