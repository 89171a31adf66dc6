package sqlstore

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// released is the version of the schema that the last release wrote.
const released = 6

// columnsQuery lists a table's columns and types.
var columnsQuery = map[*dialect]string{
	&sqliteDialect:   `select name, type from pragma_table_info($1) order by cid`,
	&postgresDialect: `select column_name::text, data_type::text from information_schema.columns where table_schema = current_schema() and table_name = $1 order by ordinal_position`,
}

// told are the values of columns that something must be able to read. All others have
// the name of their row, 1, or true.
var told = map[string]string{
	"users.status": "CONFIRMED", "users.names": "", "users.attributes": "", "users.pending": "", "users.password_history": "",
	"pools.settings": "{}", "user_search.attribute": "name",
}

// fillTables puts two rows into each table, and says what is in them.
func fillTables(t *testing.T, c conn) map[string][]string {
	t.Helper()
	there, err := tablesOn(c)
	if err != nil {
		t.Fatal(err)
	}
	delete(there, "schema_migrations")
	tables := slices.Sorted(maps.Keys(there))
	// Others refer to these.
	first := []string{"pools", "registrations"}
	tables = append(first, slices.DeleteFunc(tables, func(table string) bool { return slices.Contains(first, table) })...)
	if len(tables) < 20 {
		t.Fatalf("the schema has only %v", tables)
	}
	columns := map[string][]string{}
	for _, table := range tables {
		for _, row := range []string{"row-1", "row-2"} {
			var values []string
			columns[table] = nil
			err := c.query(columnsQuery[c.engine()], []any{table}, func(r scanned) error {
				var name, kind string
				err := r.Scan(&name, &kind)
				columns[table] = append(columns[table], name)
				value, ok := told[table+"."+name]
				switch kind = strings.ToLower(kind); {
				case kind == "bigint":
					value = "1"
				case kind == "boolean":
					value = "true"
				case ok:
					value = "'" + value + "'"
				default:
					value = "'" + row + "'"
				}
				values = append(values, value)
				return err
			})
			if err == nil {
				err = c.script("insert into " + table + " (" + strings.Join(columns[table], ", ") + ") values (" + strings.Join(values, ", ") + ")")
			}
			if err != nil && !(row == "row-2" && strings.Contains(err.Error(), "exists")) { // a key of numbers alone
				t.Fatalf("%s: %v", table, err)
			}
		}
	}
	return columns
}

// scanned is row, where a row has the name.
type scanned = row

// contents are the rows of the columns, as text.
func contents(t *testing.T, c conn, columns map[string][]string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for table, names := range columns {
		var parts []string
		for _, name := range names {
			parts = append(parts, "cast("+name+" as text)")
		}
		err := c.query("select "+strings.Join(parts, " || '|' || ")+" from "+table+" order by 1", nil, func(r row) error {
			var text string
			err := r.Scan(&text)
			all[table] = append(all[table], text)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
	return all
}

// A database of the last release, with rows in each of its tables, has them all after
// the upgrade, and its users are found.
func TestUpgrade_OfTheLastRelease_KeepsEveryRow(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bellhop.db")
		c, err := newConn(t.Context(), dataSource(path), writerPragmas)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.close() })
		keepRows(t, c, func() *DB { return reopen(t, path, Options{}) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
		keepRows(t, beside(t, url), func() *DB { return &DB{openURL(t, url, repeatableRead)} })
	})
}

func keepRows(t *testing.T, c conn, open func() *DB) {
	if err := migrate(t.Context(), c, migrations()[:released]); err != nil {
		t.Fatal(err)
	}
	columns := fillTables(t, c)
	before := contents(t, c, columns)
	db := open()
	if after := contents(t, c, columns); !reflect.DeepEqual(before, after) {
		for table := range before {
			if !slices.Equal(before[table], after[table]) {
				t.Errorf("%s had\n%v\nand has\n%v", table, before[table], after[table])
			}
		}
	}
	err := db.View(t.Context(), func(u userpool.Tx) error {
		for _, f := range []userpool.Filter{
			{}, {Attribute: "sub", Value: "row-1"}, {Attribute: "sub", Value: "row", Prefix: true}, {Attribute: "name", Value: "row-1"},
			{Attribute: "name", Value: "ro", Prefix: true}, {Attribute: "status", Value: "Enabled"}, {Attribute: "cognito:user_status", Value: "CONFIRMED"},
		} {
			spots, err := u.Places(t.Context(), "row-1", f, userpool.Spot{}, 10, time.UnixMilli(7000))
			if err != nil || len(spots) != 1 || spots[0].Place != "row-1" {
				t.Errorf("%+v: found %v, %v", f, spots, err)
			}
		}
		user, err := u.UserAt(t.Context(), "row-1", "row-1")
		if err == nil && (user.ID != "row-1" || user.PasswordHash != "" || user.MFA != (userpool.MFAPreference{})) {
			err = fmt.Errorf("the user is %+v", user)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
