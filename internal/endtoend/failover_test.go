package endtoend

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

const database = "bellhop"

// pair is a primary with a synchronous standby, and the network between them and
// the program.
type pair struct {
	primary, standby *pgtest.Cluster
	toPrimary        *pgtest.Proxy
	toStandby        *pgtest.Proxy
	generation       int
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{primary: pgtest.Start(t, pgtest.Options{})}
	p.primary.SQL(t, "postgres", "create database "+database)
	p.toPrimary = pgtest.NewProxy(t, p.primary)
	p.follow(t)
	p.toStandby = pgtest.NewProxy(t, p.standby)
	return p
}

// follow gives the primary a new synchronous standby.
func (p *pair) follow(t *testing.T) {
	t.Helper()
	p.generation++
	name := fmt.Sprintf("follower%d", p.generation)
	p.standby = p.primary.Standby(t, name)
	p.primary.Synchronous(t, name)
}

// dsn is the address of both, whichever takes writes.
func (p *pair) dsn() string { return pgtest.DSN(database, p.toPrimary, p.toStandby) }

// swap makes the promoted standby the primary of a new pair.
func (p *pair) swap(t *testing.T) {
	t.Helper()
	p.primary, p.toPrimary, p.toStandby = p.standby, p.toStandby, p.toPrimary
	p.follow(t)
	p.toStandby.Aim(p.standby)
	p.toStandby.Turn(pgtest.Fair)
}

// within is how soon there must be good answers again, measured from the fault.
// It bounds the test's waiting; what it took is in the log.
const within = 30 * time.Second

// firstGoodWithin is firstGood with that bound.
func firstGoodWithin(t *testing.T, s *site, b *balancer, rec *record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if _, err := firstGood(ctx, s, b, rec); err != nil {
		t.Fatalf("no good answer within %v of the fault: %v\n%s", within, err, s.log)
	}
}

// TestFailover_PrimaryKilledUnderLoad_NothingAcknowledgedIsLost kills the
// primary, fences it and promotes the standby, which becomes the next primary to
// be killed.
func TestFailover_PrimaryKilledUnderLoad_NothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	s := onPostgres(t, p.dsn(), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	times := often(1, 30)
	chance, rec, b := chanceOf(t), &record{}, newBalancer(t, s.node)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	people := populate(ctx, s, b, rec, 8)
	var back []time.Duration
	for i := range times {
		<-time.After(time.Duration(500+chance.IntN(1000)) * time.Millisecond) // the moment of the fault
		p.primary.Fence(t)
		killed := time.Now()
		p.standby.Promote(t)
		firstGoodWithin(t, s, b, rec)
		back = append(back, time.Since(killed))
		if i < times-1 {
			p.swap(t)
		}
	}
	<-rec.next() // people go on as well
	people.disperse()
	check(t, s, b, rec)
	s.stop()
	median, worst := spread(back)
	t.Logf("%d fail-overs: %d sign-ups, %d sign-ins acknowledged, none lost; good answers again after %v, at worst %v",
		times, len(rec.signedUp), rec.signIns(), median, worst)
}

// TestFailover_TheOldPrimaryLives_AndAcknowledgesNothingMore parts one node from
// the primary, which lives on with another node beside it, and promotes the
// standby. After that the node on the wrong side is to say yes to nothing. In a
// soak the connections to the old primary also stay, and are never answered.
func TestFailover_TheOldPrimaryLives_AndAcknowledgesNothingMore(t *testing.T) {
	t.Parallel()
	t.Run("network cut", func(t *testing.T) { failOverWhileItLives(t, pgtest.Cut) })
	if soak() {
		t.Run("frozen", func(t *testing.T) { failOverWhileItLives(t, pgtest.Blackhole) })
	}
}

func failOverWhileItLives(t *testing.T, w pgtest.Weather) {
	t.Helper()
	p := newPair(t)
	s := onPostgres(t, p.dsn(), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	times := often(1, 10)
	chance, rec, b := chanceOf(t), &record{}, newBalancer(t, s.node)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	var back []time.Duration
	for i := range times {
		people := populate(ctx, s, b, rec, 8)
		stranded := s.another("BELLHOP_DATABASE="+p.primary.DSN(database), "BELLHOP_DATA="+t.TempDir())
		stranded.start()
		<-time.After(time.Duration(500+chance.IntN(1000)) * time.Millisecond) // the moment of the fault
		p.toPrimary.Turn(w)
		cut := time.Now()
		p.standby.Promote(t)
		firstGoodWithin(t, s, b, rec)
		back = append(back, time.Since(cut))
		people.disperse()
		acknowledgesNothing(t, s, stranded)
		p.primary.Fence(t) // the operator comes at last
		stranded.kill()
		if i < times-1 {
			p.swap(t)
		}
	}
	check(t, s, b, rec)
	s.stop()
	median, worst := spread(back)
	t.Logf("%d cuts: %d sign-ups, %d sign-ins acknowledged, none lost; good answers again after %v, at worst %v",
		times, len(rec.signedUp), rec.signIns(), median, worst)
}

// acknowledgesNothing asks a node for sign-ups at once, of which none may be
// acknowledged, nor any be without an answer for ever.
func acknowledgesNothing(t *testing.T, s *site, n *node) {
	t.Helper()
	ctx, b := bounded(t, time.Minute), newBalancer(t, n)
	sdk := s.hasty(b)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			number := newNumber()
			if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); !unknown(err) {
				t.Errorf("a sign-up that cannot be durable was answered with %v", err)
			}
		})
	}
	all.Wait()
	if late := b.late.Load(); late > 0 {
		t.Errorf("%d requests got no answer within %v", late, hung)
	}
	n.alive()
}

// TestFailover_StandbyLost_WritesWaitAndAreUnknown kills the one standby that
// commits wait for, and starts it again.
func TestFailover_StandbyLost_WritesWaitAndAreUnknown(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	s := onPostgres(t, p.dsn(), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	times := often(1, 10)
	chance, rec, b := chanceOf(t), &record{}, newBalancer(t, s.node)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	people := populate(ctx, s, b, rec, 8)
	var back []time.Duration
	for range times {
		<-time.After(time.Duration(500+chance.IntN(1000)) * time.Millisecond) // the moment of the fault
		p.standby.Kill(t)
		acknowledgesNothing(t, s, s.node) // after this no answer is under way that was earned before
		before := rec.signIns()
		acknowledgesNothing(t, s, s.node)
		if after := rec.signIns(); after != before {
			t.Errorf("%d sign-ins were acknowledged without the standby", after-before)
		}
		p.standby.Start(t)
		lost := time.Now()
		firstGoodWithin(t, s, b, rec)
		back = append(back, time.Since(lost))
	}
	people.disperse()
	check(t, s, b, rec)
	s.stop()
	median, worst := spread(back)
	t.Logf("%d standbys lost: %d sign-ups, %d sign-ins acknowledged; good answers after their return after %v, at worst %v",
		times, len(rec.signedUp), rec.signIns(), median, worst)
}

// TestCommitInDoubt_TheRepeatFindsOutWhichItWas breaks connections while a COMMIT
// is on its way, half of them before it counts and half after.
func TestCommitInDoubt_TheRepeatFindsOutWhichItWas(t *testing.T) {
	t.Parallel()
	c := pgtest.Start(t, pgtest.Options{})
	c.SQL(t, "postgres", "create database "+database)
	proxy := pgtest.NewProxy(t, c)
	s := onPostgres(t, pgtest.DSN(database, proxy), "BELLHOP_LIMITS=off")
	s.makePool()
	s.start()
	rec, b := &record{}, newBalancer(t, s.node)
	ctx := bounded(t, time.Hour)
	s.rotating(ctx, s.patient(b))
	chance := chanceOf(t)
	proxy.StrikeCommits(func() bool { return chance.IntN(5) == 0 })
	// Many, since one whose text was claimed in doubt waits for half a minute.
	people := populate(ctx, s, b, rec, 32)
	for doubts := often(60, 2000); proxy.Struck() < doubts; {
		select {
		case <-rec.next():
		case <-ctx.Done():
			t.Fatalf("%d commits were struck, and then nothing more happened\n%s", proxy.Struck(), s.log)
		}
	}
	proxy.StrikeCommits(nil)
	people.disperse()
	check(t, s, b, rec)
	s.stop()
	t.Logf("%d commits in doubt: %d sign-ups, %d sign-ins acknowledged, all of one outcome", proxy.Struck(), len(rec.signedUp), rec.signIns())
}
