package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// versionOneData is a data folder of the first schema.
func versionOneData(t *testing.T) string {
	t.Helper()
	const kept = "../../internal/endtoend/testdata/version-one"
	data := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	packed, err := os.Open(filepath.Join(kept, "bellhop.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(data, "bellhop.db"), text)
	return data
}

func TestMigrate_OlderSchema_IsToldThenBroughtUpToDate(t *testing.T) {
	data := versionOneData(t)
	for range 2 { // the check changes nothing
		refuse(t, exitFailed, "is version 1 and would become version 11", "migrate", "--check", "--data", data)
	}
	refuse(t, exitFailed, "bellhop migrate brings it up to date", "serve", "--data", data, "--listen", "127.0.0.1:0", "--auto-migrate=false")
	refuse(t, exitFailed, "bellhop migrate brings it up to date", "keys", "list", "--data", data, "--auto-migrate=false")
	if out := succeed(t, "migrate", "--data", data); !strings.Contains(out, "was version 1 and is version 11 now") {
		t.Errorf("printed %q", out)
	}
	for _, args := range [][]string{{"migrate", "--data", data}, {"migrate", "--check", "--data", data}} {
		if out := succeed(t, args...); !strings.Contains(out, "is version 11, which is the latest") {
			t.Errorf("%s printed %q", args, out)
		}
	}
	p := start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--auto-migrate=false", "--accept-issuer-change")
	if out := succeed(t, "migrate", "--data", data); !strings.Contains(out, "which is the latest") {
		t.Errorf("beside a server it printed %q", out)
	}
	p.endWell()
}

func TestMigrate_NoDatabase_MakesOneAndCheckDoesNot(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	refuse(t, exitFailed, "is version 0", "migrate", "--check", "--data", data)
	absent(t, data)
	refuse(t, exitFailed, "its schema is version 0", "serve", "--data", data, "--listen", "127.0.0.1:0", "--auto-migrate=false")
	absent(t, filepath.Join(data, "bellhop.db"))
	succeed(t, "migrate", "--data", data)
	start(t, nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--auto-migrate=false").endWell()
}
