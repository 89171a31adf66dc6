package pgtest

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	StopShared()
	os.Exit(code)
}

func TestCluster_Killed_KeepsWhatItAcknowledged(t *testing.T) {
	c := Start(t, Options{MaxConnections: 20})
	c.SQL(t, "postgres", "create table t (n int); insert into t values (1)")
	before := c.run.cmd.Process.Pid
	kids := children(before)
	if len(kids) == 0 {
		t.Error("the postmaster has no children")
	}
	c.Kill(t)
	for _, pid := range append(kids, before) {
		if runs(pid) {
			t.Errorf("process %d survived", pid)
		}
	}
	c.Start(t)
	if got := c.SQL(t, "postgres", "select n from t"); got != "1" {
		t.Errorf("after the kill the table holds %q", got)
	}
	c.Restart(t)
	if got := c.SQL(t, "postgres", "show max_connections"); got != "20" {
		t.Errorf("max_connections is %s", got)
	}
}

func TestShared_TwoDatabases_AreApart(t *testing.T) {
	a, b := Shared(t), Shared(t)
	if a != b {
		t.Fatal("there are two shared clusters")
	}
	if x, y := a.NewDatabase(t), a.NewDatabase(t); x == y {
		t.Errorf("two databases are both %s", x)
	}
}

func TestDisk_Full_IsFullAndThenIsNot(t *testing.T) {
	d := NewDisk(t, 1)
	d.Fill(t)
	if err := os.WriteFile(d.Dir+"/more", make([]byte, 4096), 0o600); err == nil {
		t.Error("a full disk takes a page")
	}
	d.Free(t)
	if err := os.WriteFile(d.Dir+"/more", make([]byte, 4096), 0o600); err != nil {
		t.Errorf("the disk is still full: %v", err)
	}
}
