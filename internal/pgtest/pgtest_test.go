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
