package pgcluster

import "testing"

func TestCluster_Killed_KeepsWhatItAcknowledged(t *testing.T) {
	c, err := New(Options{MaxConnections: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Remove)
	ask := func(text string) string {
		t.Helper()
		out, err := c.Query("postgres", text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ask("create table t (n int); insert into t values (1)")
	before := c.run.cmd.Process.Pid
	kids := children(before)
	if len(kids) == 0 {
		t.Error("the postmaster has no children")
	}
	if used, err := c.CPU(); err != nil || used <= 0 {
		t.Errorf("the cluster has used %v, %v", used, err)
	}
	if held, err := c.Memory(); err != nil || held <= 0 {
		t.Errorf("the cluster holds %d bytes, %v", held, err)
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range append(kids, before) {
		if runs(pid) {
			t.Errorf("process %d survived", pid)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if got := ask("select n from t"); got != "1" {
		t.Errorf("after the kill the table holds %q", got)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if got := ask("show max_connections"); got != "20" {
		t.Errorf("max_connections is %s", got)
	}
}
