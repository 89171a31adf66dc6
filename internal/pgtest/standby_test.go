package pgtest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/pgcluster"
)

func TestStandby_PromotedAfterAKill_HasWhatWasAcknowledged(t *testing.T) {
	primary := Start(t, Options{})
	primary.SQL(t, "postgres", "create table t (n int)")
	standby := primary.Standby(t, "second")
	primary.Synchronous(t, "second")
	primary.SQL(t, "postgres", "insert into t values (1)")
	primary.Fence(t)
	if err := primary.Cluster.Start(); err == nil {
		t.Error("a fenced cluster started")
	}
	if got := standby.SQL(t, "postgres", "select pg_is_in_recovery()"); got != "t" {
		t.Errorf("before the promotion the standby says %q", got)
	}
	standby.Promote(t)
	standby.SQL(t, "postgres", "insert into t values (2)")
	if got := standby.SQL(t, "postgres", "select count(*) from t"); got != "2" {
		t.Errorf("the new primary has %s rows, not 2", got)
	}
}

// through runs statements one by one by way of the proxy.
func through(c *Cluster, p *Proxy, statements ...string) (string, error) {
	args := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(p.Port), "-U", pgcluster.Superuser, "-d", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"}
	for _, s := range statements {
		args = append(args, "-c", s)
	}
	out, err := c.Tool("psql", args...)
	return strings.TrimSpace(out), err
}

func TestProxy_StrikesCommits_HalfOfThemBeforeAndHalfAfter(t *testing.T) {
	c := Shared(t)
	c.SQL(t, "postgres", "create table struck (n int)")
	p := NewProxy(t, c)
	if out, err := through(c, p, "select 1"); err != nil || out != "1" {
		t.Fatalf("the proxy forwards %q, %v", out, err)
	}
	p.StrikeCommits(func() bool { return true })
	for range 4 {
		if _, err := through(c, p, "begin", "insert into struck values (1)", "commit"); err == nil {
			t.Error("a COMMIT was answered")
		}
	}
	p.StrikeCommits(nil)
	if got, err := through(c, p, "select count(*) from struck"); err != nil || got != "2" {
		t.Errorf("%s of 4 struck commits happened, %v", got, err)
	}
	if p.Struck() != 4 {
		t.Errorf("%d commits were struck, not 4", p.Struck())
	}
}

func TestProxy_Weather(t *testing.T) {
	c := Shared(t)
	p := NewProxy(t, c)
	p.Turn(Cut)
	if _, err := through(c, p, "select 1"); err == nil {
		t.Error("a cut network forwards")
	}
	p.Turn(Blackhole)
	ended := make(chan error)
	go func() {
		_, err := through(c, p, "select 1")
		ended <- err
	}()
	for p.linked() == 0 { // it is there in a moment
	}
	p.Turn(Fair)
	if err := <-ended; err == nil {
		t.Error("what a black hole swallowed was answered")
	}
	if out, err := through(c, p, "select 1"); err != nil || out != "1" {
		t.Errorf("in fair weather the proxy forwards %q, %v", out, err)
	}
}

func (p *Proxy) linked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}
