package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestOpen_SecondServer_IsRefusedUntilTheFirstHasStopped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	first := reopen(t, path, Options{Exclusive: true})
	_, err := Open(t.Context(), path, Options{Exclusive: true})
	if err == nil || !strings.Contains(err.Error(), "another server is running on this database") {
		t.Fatalf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	reopen(t, path, Options{Exclusive: true})
}

func TestOpen_ToolBesideAServer_BothWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	server := reopen(t, path, Options{Exclusive: true})
	tool := reopen(t, path, Options{})
	const each = 50
	var wg sync.WaitGroup
	for name, db := range map[string]*DB{"server": server, "tool": tool} {
		wg.Go(func() {
			for i := range each {
				if err := put(t, db, fmt.Sprint(name, i)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	wg.Wait()
	for i := range each {
		if meta(t, tool, fmt.Sprint("server", i)) == "" || meta(t, server, fmt.Sprint("tool", i)) == "" {
			t.Fatalf("number %d is missing", i)
		}
	}
}

func TestOpen_ManyAtOnceOnANewFile_MakeOneSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := Open(t.Context(), path, Options{Readers: 1})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(put(t, db, "key"), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOpen_FileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	db := reopen(t, path, Options{Exclusive: true})
	if err := put(t, db, "key"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 4 { // itself, -wal, -shm, .lock
		t.Fatalf("got %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
}

func TestOpen_OddPath(t *testing.T) {
	for _, name := range []string{"with space.db", "ü?mode=memory&x=%20#y.db", "file:a.db"} {
		path := filepath.Join(t.TempDir(), name)
		db := reopen(t, path, Options{})
		if err := put(t, db, "key"); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOpen_ReopenedFile_HasWhatWasStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	db := reopen(t, path, Options{})
	if err := errors.Join(put(t, db, "key"), db.Close()); err != nil {
		t.Fatal(err)
	}
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		t.Errorf("the log was not folded in: %d bytes", wal.Size())
	}
	if got := meta(t, reopen(t, path, Options{}), "key"); got != "stored" {
		t.Fatalf("got %q", got)
	}
}

func TestOpen_ForeignFile_IsRefusedAndUntouched(t *testing.T) {
	for _, c := range []struct {
		name, want string
		make       func(t *testing.T, path string)
	}{
		{"a text", "not an SQLite database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("dear diary, ", 100)), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"another program's database", "another program's SQLite database", func(t *testing.T, path string) {
			execSQL(t, path, "create table recipes (id integer)")
		}},
		{"another application id", "another program's SQLite database", func(t *testing.T, path string) {
			execSQL(t, path, "pragma application_id = 7")
		}},
		{"a newer Bellhop's database", "newer Bellhop", func(t *testing.T, path string) {
			if err := reopen(t, path, Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			execSQL(t, path, "insert into schema_migrations (version, name, applied_at) values (9999, 'later', 0)")
		}},
		{"a database that lacks a table", "the table user_groups of version 2 is missing", func(t *testing.T, path string) {
			if err := reopen(t, path, Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			execSQL(t, path, "drop table user_groups")
		}},
		{"a database that is further than it says", "is there already", func(t *testing.T, path string) {
			if err := reopen(t, path, Options{}).Close(); err != nil {
				t.Fatal(err)
			}
			execSQL(t, path, "delete from schema_migrations where version > 1")
		}},
		{"a folder", "cannot be opened", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			db, err := Open(t.Context(), path, Options{})
			if err == nil {
				t.Fatal("opened", db.Close())
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %q, want it to say %q", err, c.want)
			}
			if strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("more than one sentence: %q", err)
			}
			if c.name == "a text" {
				if after, _ := os.ReadFile(path); string(after) != string(before) {
					t.Error("the file was changed")
				}
			}
		})
	}
}

func TestOpen_NoMigrate_RefusesWhatIsNotUpToDateAndChangesNothing(t *testing.T) {
	none := filepath.Join(t.TempDir(), "bellhop.db")
	empty := filepath.Join(t.TempDir(), "bellhop.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, version := range map[string]int{none: 0, empty: 0, versionOneFile(t): 1} {
		_, err := Open(t.Context(), path, Options{NoMigrate: true})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("its schema is version %d", version)) || !strings.Contains(err.Error(), "bellhop migrate") {
			t.Errorf("of version %d: got %v", version, err)
		}
		if got, err := SchemaVersion(t.Context(), path); err != nil || got != version {
			t.Errorf("afterwards it is version %d, %v; want %d", got, err, version)
		}
	}
	gone(t, none)
	path := filepath.Join(t.TempDir(), "bellhop.db")
	if err := reopen(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(t, reopen(t, path, Options{NoMigrate: true}), "key"); err != nil {
		t.Error(err)
	}
	execSQL(t, path, "drop table user_groups")
	if _, err := Open(t.Context(), path, Options{NoMigrate: true}); err == nil || !strings.Contains(err.Error(), "user_groups") {
		t.Errorf("without a table: got %v", err)
	}
}

func TestSchemaVersion_OfAForeignFile_IsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "recipes.db")
	execSQL(t, path, "create table recipes (id integer)")
	if v, err := SchemaVersion(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no database of Bellhop's") {
		t.Errorf("got %d, %v", v, err)
	}
}

// execSQL runs SQL on a file as another program would.
func execSQL(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}

func TestMigrate_AppliesEachStepOnce(t *testing.T) {
	steps := []migration{
		{version: 1, name: "one", text: "create table first (id text not null primary key) {without rowid}; insert into first values ('a');"},
		{version: 2, name: "two", text: "alter table first add column extra text; insert into first (id) values ('b');"},
	}
	c := bareConn(t)
	for _, upTo := range []int{1, 1, 2, 2} {
		if err := migrate(t.Context(), c, steps[:upTo]); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]int64{
		"select count(*) from first":             2,
		"select count(*) from schema_migrations": 2,
		sqlSchemaVersion:                         2,
		fileVersion:                              2,
	} {
		if got, err := number(c, query); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", query, got, err, want)
		}
	}
	if err := migrate(t.Context(), c, steps[:1]); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("an older program: got %v", err)
	}
}

func TestMigrate_FailingStep_LeavesTheVersionBeforeIt(t *testing.T) {
	c := bareConn(t)
	err := migrate(t.Context(), c, []migration{
		{version: 1, name: "one", text: "create table first (id text)"},
		{version: 2, name: "two", text: "create table second (id text); insert into nowhere values (1);"},
	})
	if err == nil || !strings.Contains(err.Error(), "0002_two") {
		t.Fatalf("got %v", err)
	}
	for query, want := range map[string]int64{
		sqlSchemaVersion: 1,
		fileVersion:      1,
		"select count(*) from sqlite_master where name = 'second'": 0,
	} {
		if got, err := number(c, query); err != nil || got != want {
			t.Errorf("%s: got %d, %v", query, got, err)
		}
	}
}

// A server may go on for a moment after a newer one has changed the schema.
func TestSQLite_WhoseSchemaIsNewerNow_SaysSo(t *testing.T) {
	for _, noted := range []bool{true, false} { // the version, in the file's first page
		path := filepath.Join(t.TempDir(), "bellhop.db")
		db := reopen(t, path, Options{})
		if !noted {
			execSQL(t, path, fileVersion+" = 0")
		}
		if err := put(t, db, "before"); err != nil {
			t.Fatal(err)
		}
		newer, err := newConn(t.Context(), dataSource(path), writerPragmas)
		if err != nil {
			t.Fatal(err)
		}
		defer newer.close()
		next := migration{version: int(lastVersion) + 1, name: "next", text: "create table next (id text)"}
		if err := inTx(newer, func() error { return step(t.Context(), newer, next) }); err != nil {
			t.Fatal(err)
		}
		if err := put(t, db, "after"); !errors.Is(err, errNewerSchema) {
			t.Errorf("noted %t: Update: %v", noted, err)
		}
		err = db.View(t.Context(), func(userpool.Tx) error { return nil })
		if !errors.Is(err, errNewerSchema) {
			t.Errorf("noted %t: View: %v", noted, err)
		}
	}
}

// What an older Bellhop has made has no version in its first page.
func TestOpen_FileOfAnOlderBellhop_NotesItsVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	reopen(t, path, Options{})
	execSQL(t, path, fileVersion+" = 0")
	db := reopen(t, path, Options{})
	noted, err := number(db.file().writer.conn, fileVersion)
	if err != nil || noted != lastVersion {
		t.Errorf("got %d, %v", noted, err)
	}
}

// bareConn is a connection to a new file without a schema.
func bareConn(t *testing.T) *liteConn {
	t.Helper()
	c, err := newConn(t.Context(), dataSource(filepath.Join(t.TempDir(), "bare.db")), writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestWriter_IsDurableAndWaitsForLocks(t *testing.T) {
	db := openTemp(t, Options{})
	for query, want := range map[string]int64{
		"pragma synchronous": 2, "pragma foreign_keys": 1, "pragma busy_timeout": 5000, "pragma query_only": 0,
	} {
		err := db.Update(t.Context(), func(u userpool.Tx) error {
			got, err := number(u.(*tx).conn, query)
			if got != want {
				t.Errorf("%s is %d, want %d", query, got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var mode string
	err := db.View(t.Context(), func(u userpool.Tx) error {
		return u.(*tx).conn.query("pragma journal_mode", nil, func(r row) error { return r.Scan(&mode) })
	})
	if err != nil || mode != "wal" {
		t.Fatalf("journal mode %q, %v", mode, err)
	}
}
