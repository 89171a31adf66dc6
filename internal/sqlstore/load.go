package sqlstore

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Person is a user and what there is of him.
type Person struct {
	User     userpool.User
	Groups   []string
	Families []userpool.Family
	Devices  []userpool.Device
}

// Crowd are people who are to be made: number i of N. Those of one pool come in the
// order of their ids, and are the same whenever they are asked for.
type Crowd struct {
	N      int
	Person func(i int) Person
}

// Load puts a crowd into a database that has their pools and groups, and that no
// server uses meanwhile: the rows that InsertUser and its like would write, but by
// thousands, with the indexes made at the end. Whoever is stopped calls it again, and it
// goes on where it was. said is told how far it is.
func Load(ctx context.Context, database string, c Crowd, said func(string)) error {
	if IsPostgres(database) {
		return loadPostgres(ctx, database, c, said)
	}
	return loadSQLite(ctx, database, c, said)
}

// loadChunk is how many people are put in at once.
const loadChunk = 10_000

type loadTable struct{ table, columns, key string }

// loaded are the tables that a crowd fills, with their columns and what orders them.
var loaded = []loadTable{
	{"users", userColumns + ", place", "pool_id, id"},
	{"user_names", "pool_id, name, user_id", "pool_id, name"},
	{"user_search", "pool_id, attribute, value, place, owner, registration_id", "pool_id, attribute, value, place, owner"},
	{"group_members", "pool_id, group_name, user_id, added_at", "pool_id, group_name, user_id"},
	{"families", familyColumns, "id"},
	{"devices", deviceColumns, "pool_id, user_id, device_key"},
}

// loadRows are the rows of some people, by table.
type loadRows map[string][][]any

func rowsOf(c Crowd, from, to int) loadRows {
	rows := loadRows{}
	add := func(table string, row ...any) { rows[table] = append(rows[table], row) }
	for i := from; i < to; i++ {
		p := c.Person(i)
		u, place := p.User, placeOfUser(p.User)
		add("users", userRow(u, place)...)
		for _, name := range foundBy(u) {
			add("user_names", string(u.PoolID), name, string(u.ID))
		}
		for _, term := range u.SearchTerms() {
			add("user_search", string(u.PoolID), term.Name, term.Value, place, string(u.ID), nil)
		}
		for _, group := range p.Groups {
			add("group_members", string(u.PoolID), group, string(u.ID), millis(u.CreatedAt))
		}
		for _, f := range p.Families {
			add("families", familyRow(f)...)
		}
		for _, d := range p.Devices {
			add("devices", deviceRow(d)...)
		}
	}
	return rows
}

// chunks makes the rows of one chunk while those of the one before are written. Each
// comes with how many people there are then.
func (c Crowd) chunks(from int) iter.Seq2[int, loadRows] {
	return func(yield func(int, loadRows) bool) {
		next := func(from int) chan loadRows {
			made := make(chan loadRows, 1)
			go func() { made <- rowsOf(c, from, min(from+loadChunk, c.N)) }()
			return made
		}
		for made := next(from); from < c.N; {
			rows := <-made
			from = min(from+loadChunk, c.N)
			made = next(from)
			if !yield(from, rows) {
				return
			}
		}
	}
}

func columnsOf(table string) string { return loaded[slices.IndexFunc(loaded, isTable(table))].columns }
func keyOf(table string) string     { return loaded[slices.IndexFunc(loaded, isTable(table))].key }

func isTable(name string) func(loadTable) bool {
	return func(t loadTable) bool { return t.table == name }
}

func names(columns string) []string {
	var all []string
	for name := range strings.SplitSeq(columns, ",") {
		all = append(all, strings.TrimSpace(name))
	}
	return all
}

// saidEvery is after how many people said is told.
const saidEvery = 20 * loadChunk

func sayHowFar(said func(string), done, all int) {
	if done%saidEvery == 0 || done == all {
		said(fmt.Sprintf("%d of %d people", done, all))
	}
}
