package pgtest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Standby starts a copy of the cluster that follows it by streaming. The name is
// its application_name and its slot. It lives as long as the test.
func (c *Cluster) Standby(tb testing.TB, name string) *Cluster {
	tb.Helper()
	s, err := c.Cluster.Standby(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Remove)
	return &Cluster{s}
}

// Synchronous makes commits wait for the standbys that are named, and waits
// until they follow so. Without names commits wait for nobody.
func (c *Cluster) Synchronous(tb testing.TB, names ...string) {
	tb.Helper()
	list := ""
	if len(names) > 0 {
		list = fmt.Sprintf("%d (%s)", len(names), strings.Join(names, ", "))
	}
	c.SQL(tb, "postgres", "alter system set synchronous_standby_names = '"+list+"'")
	c.SQL(tb, "postgres", "select pg_reload_conf()")
	for _, name := range names {
		c.await(tb, fmt.Sprintf("select 1 from pg_stat_replication where application_name = '%s' and sync_state = 'sync'", name), "1")
	}
}

// Promote makes a standby the primary and waits until it takes writes.
func (c *Cluster) Promote(tb testing.TB) {
	tb.Helper()
	if got := c.SQL(tb, "postgres", "select pg_promote(true, 60)"); got != "t" {
		tb.Fatalf("the standby was not promoted: %s\n%s", got, c.Log())
	}
}

// Fence kills the cluster and makes sure that it never starts again.
func (c *Cluster) Fence(tb testing.TB) {
	tb.Helper()
	if err := c.Cluster.Fence(); err != nil {
		tb.Fatal(err)
	}
}

// await asks again until the answer is as wanted.
func (c *Cluster) await(tb testing.TB, query, want string) {
	tb.Helper()
	got := ""
	for patience := time.Now().Add(time.Minute); time.Now().Before(patience); {
		if got = c.SQL(tb, "postgres", query); got == want {
			return
		}
	}
	tb.Fatalf("%s is %q after a minute, not %q\n%s", query, got, want, c.Log())
}
