package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
)

// LatestSchema is the version of the schema that this program works with.
func LatestSchema() int { return len(migrations()) }

// SchemaVersion is the version of the schema of a database, 0 where there is no file,
// or nothing in it. It changes nothing.
func SchemaVersion(ctx context.Context, database string) (version int, err error) {
	if IsPostgres(database) {
		return postgresSchemaVersion(ctx, database)
	}
	return sqliteSchemaVersion(ctx, database)
}

func sqliteSchemaVersion(ctx context.Context, path string) (version int, err error) {
	err = onFile(ctx, path, func(c *sql.Conn) error {
		var objects int64
		if err := c.QueryRowContext(ctx, "select count(*) from sqlite_master").Scan(&objects); err != nil || objects == 0 {
			return err
		}
		if err := mustBeBellhops(ctx, c); err != nil {
			return err
		}
		return c.QueryRowContext(ctx, sqlSchemaVersion).Scan(&version)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("database %s: %w", path, explainOpen(err))
	}
	return version, nil
}

// QuickCheck reads all of the database file at path, beside whoever uses it, and
// refuses one that is damaged; whether indexes fit their tables it does not ask.
func QuickCheck(ctx context.Context, path string) error {
	err := onFile(ctx, path, func(c *sql.Conn) error {
		var verdict string
		err := c.QueryRowContext(ctx, "pragma quick_check(1)").Scan(&verdict)
		if err == nil && verdict != "ok" {
			err = errDamaged
		}
		return err
	})
	return explainOpen(err)
}

// mustBeCurrent refuses a database whose schema is not that of the last step, for
// who must not bring it up to date.
func mustBeCurrent(c conn, steps []migration) error {
	there, err := tablesOn(c)
	version := int64(0)
	if err == nil && there["schema_migrations"] {
		version, err = number(c, sqlSchemaVersion)
	}
	if err != nil {
		return err
	}
	if version < int64(len(steps)) {
		return olderSchema(version, len(steps))
	}
	return errors.Join(mustBeWhole(c, steps), mustNotBeNewer(version, len(steps)))
}

// tablesOn are the tables that are there.
func tablesOn(c conn) (map[string]bool, error) {
	there := map[string]bool{}
	err := c.query(c.engine().tables, nil, func(r row) error {
		var name string
		err := r.Scan(&name)
		there[name] = true
		return err
	})
	return there, err
}

func olderSchema(version int64, latest int) error {
	return fmt.Errorf("its schema is version %d and this program needs version %d; bellhop migrate brings it up to date", version, latest)
}

func mustNotBeNewer(version int64, latest int) error {
	if version <= int64(latest) {
		return nil
	}
	return fmt.Errorf("this database was written by a newer Bellhop (its schema is version %d, this program knows %d); run that one", version, latest)
}

// mustBeWhole refuses a schema that lacks a table of its version, or has one of a
// later version: half a restore, or somebody's own changes.
func mustBeWhole(c conn, steps []migration) error {
	version, err := number(c, sqlSchemaVersion)
	if err != nil || version > int64(len(steps)) {
		return err
	}
	there, err := tablesOn(c)
	if err != nil {
		return err
	}
	made := tablesOf(steps)
	for _, table := range slices.Sorted(maps.Keys(made)) {
		if due := made[table] <= version; due != there[table] {
			what := "is missing"
			if there[table] {
				what = "is there already"
			}
			return fmt.Errorf("this database is half made: its schema says version %d, and the table %s of version %d %s; restore it from a backup", version, table, made[table], what)
		}
	}
	return nil
}

var makesTable = regexp.MustCompile(`(?m)^create table (\w+)`)

// tablesOf are the tables that the steps make, with the version that does.
func tablesOf(steps []migration) map[string]int64 {
	made := map[string]int64{}
	for _, step := range steps {
		for _, m := range makesTable.FindAllStringSubmatch(step.text, -1) {
			made[m[1]] = int64(step.version)
		}
	}
	return made
}
