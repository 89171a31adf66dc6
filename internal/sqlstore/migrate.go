package sqlstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks an SQLite file as Bellhop's: "Bell" in ASCII.
const applicationID = 0x42656c6c

// migration is one step forward of the schema. There are none backward.
type migration struct {
	version int
	name    string
	text    string
	fill    func(ctx context.Context, c conn) error // nil where the text does all
}

// fills are what steps do besides their text, by version: what SQL alone cannot
// compute. Each runs after the text, in the same transaction.
var fills = map[int]func(ctx context.Context, c conn) error{
	2:                  fillPlaces,
	firstConfigVersion: fillConfigVersions,
	9:                  rekeyDevices,
	detachedVersion:    detachHotRows,
}

const (
	firstConfigVersion = 8  // the first schema that has versions of configurations
	detachedVersion    = 10 // the first one whose hot rows refer to no pool
)

// migrations returns the steps that this program knows, in order. A file is
// named NNNN_words.sql; a wrong name or a gap is a mistake of the build.
func migrations() []migration {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err)
	}
	slices.Sort(files)
	all := make([]migration, len(files))
	for i, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
		number, words, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		text, readErr := fs.ReadFile(migrationFiles, file)
		if err := errors.Join(err, readErr); err != nil || version != i+1 {
			panic(fmt.Sprintf("migration %s is not number %d: %v", file, i+1, err))
		}
		all[i] = migration{version, words, string(text), fills[version]}
	}
	return all
}

const (
	sqlMakeMigrations = `create table if not exists schema_migrations (
		version bigint primary key, name text not null, applied_at bigint not null)`
	sqlNoteMigration = `insert into schema_migrations (version, name, applied_at) values ($1, $2, $3)`
	sqlSchemaVersion = `select coalesce(max(version), 0) from schema_migrations`
)

// migrate brings the schema from whatever version it has to the last of steps,
// each step in a transaction of its own. Two processes may do so at once, and on
// PostgreSQL servers of an older schema may still run.
func migrate(ctx context.Context, c conn, steps []migration) error {
	err := inTx(c, func() error {
		if err := c.engine().claim(c); err != nil {
			return err
		}
		return mustBeWhole(c, steps)
	})
	if err != nil {
		return err
	}
	for _, m := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := insist(ctx, func() error { return inTx(c, func() error { return step(ctx, c, m) }) }); err != nil {
			return fmt.Errorf("migration %04d_%s: %w", m.version, m.name, err)
		}
	}
	version, err := number(c, sqlSchemaVersion)
	if err != nil {
		return err
	}
	if err := mustNotBeNewer(version, len(steps)); err != nil {
		return err
	}
	return whole(c, steps)
}

// insist runs a transaction again, as often as an Update, that conflicts with others.
func insist(ctx context.Context, transaction func() error) error {
	for try := 1; ; try++ {
		err := transaction()
		if !isConflict(err) || try == tries {
			return err
		}
		if err := backOff(ctx, try); err != nil {
			return err
		}
	}
}

// whole makes sure that the tables of the schema's version are there: a copy that
// was cut off, or a hand that slipped, must not be found out by a request.
func whole(c conn, steps []migration) error {
	for _, m := range steps {
		for _, made := range makesTable.FindAllStringSubmatch(m.text, -1) {
			if _, err := number(c, "select count(*) from (select 1 from "+made[1]+" limit 1) found"); err != nil {
				return fmt.Errorf("this database is not whole: it says that its schema is version %d, but %s of version %d cannot be read; restore it from a backup: %w", len(steps), made[1], m.version, err)
			}
		}
	}
	return nil
}

// known makes sure, within a transaction, that the schema is the one that this
// program was written for: a newer program may have migrated the database since
// it was opened, and what the statements here would do then nobody knows.
//
// The file has the version in its first page too, which every transaction reads.
func known(c conn) error {
	version, err := number(c, fileVersion)
	if err == nil && version != lastVersion {
		version, err = number(c, sqlSchemaVersion)
	}
	if err == nil && version != lastVersion {
		err = errNewerSchema
	}
	return err
}

// fileVersion is SQLite's alone.
const fileVersion = "pragma user_version"

// noteVersion puts the version of the schema into the first page of an SQLite file.
func noteVersion(c conn, version int64) error {
	return c.script(fmt.Sprintf("%s = %d", fileVersion, version))
}

var lastVersion = int64(len(migrations()))

var errNewerSchema = fault.New(fault.Unavailable, "The database was brought up to date by a newer Bellhop; this server must be replaced by that one.")

// claimFile makes an empty database Bellhop's and refuses somebody else's.
func claimFile(c conn) error {
	id, err := number(c, "pragma application_id")
	if err != nil {
		return err
	}
	objects, err := number(c, "select count(*) from sqlite_master")
	if err != nil {
		return err
	}
	switch {
	case id == applicationID:
	case id != 0 || objects != 0:
		return errors.New("this is another program's SQLite database; name another file")
	default:
		if err := c.script(fmt.Sprintf("pragma application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	if err := c.script(sqlMakeMigrations); err != nil {
		return err
	}
	// A Bellhop that did not note the version may have made the file.
	noted, err := number(c, fileVersion)
	if err != nil {
		return err
	}
	version, err := number(c, sqlSchemaVersion)
	if err != nil || version == noted || version > lastVersion {
		return err
	}
	return noteVersion(c, version)
}

func step(ctx context.Context, c conn, m migration) error {
	version, err := number(c, sqlSchemaVersion)
	if err != nil || version >= int64(m.version) {
		return err
	}
	if err := c.engine().prepare(c, int64(m.version)); err != nil {
		return err
	}
	if err := c.script(c.engine().schema(m.text)); err != nil {
		return err
	}
	if m.fill != nil {
		if err := m.fill(ctx, c); err != nil {
			return err
		}
	}
	if _, err = c.exec(sqlNoteMigration, m.version, m.name, time.Now().UnixMilli()); err != nil {
		return err
	}
	return c.engine().noteVersion(c, int64(m.version))
}

// inTx runs fn in a transaction, before there is a writer to do so.
func inTx(c conn, fn func() error) error {
	if _, err := c.exec(c.engine().begin); err != nil {
		return err
	}
	err := c.engine().turn(c)
	if err == nil {
		err = fn()
	}
	if err == nil {
		_, err = c.exec("commit")
	}
	if err != nil {
		c.exec("rollback")
	}
	return err
}
