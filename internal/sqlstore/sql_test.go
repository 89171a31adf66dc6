package sqlstore

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// statements returns every SQL text of the package, its constants named sql… and
// some of each batch.
func statements(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	// Imports are left unresolved; the constants need none.
	conf := types.Config{Importer: importer.Default(), Error: func(error) {}}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	_, _ = conf.Check("sqlstore", fset, parsed, info)
	texts := map[string]string{}
	for ident, def := range info.Defs {
		c, ok := def.(*types.Const)
		if ok && strings.HasPrefix(ident.Name, "sql") && c.Val().Kind() == constant.String {
			texts[ident.Name] = constant.StringVal(c.Val())
		}
	}
	for name, b := range map[string]*batch{
		"batchCells": &batchCells, "batchPutCells": &batchPutCells, "batchPay": &batchPay, "batchCounters": &batchCounters,
		"batchRefund": &batchRefund, "batchInsertDecisions": &batchInsertDecisions, "batchClear": &batchClear, "batchTrust": &batchTrust, "batchLead": &batchLead, "batchMarkUsed": &batchMarkUsed,
	} {
		for _, rows := range []int{1, 2, batchMost} {
			texts[name+strconv.Itoa(rows)] = b.text(rows)
		}
	}
	return texts
}

func TestSQL_EveryStatementPrepares(t *testing.T) {
	db := openTemp(t, Options{})
	texts := statements(t)
	if len(texts) < 60 {
		t.Fatalf("found only %d statements", len(texts))
	}
	err := db.View(t.Context(), func(u userpool.Tx) error {
		for name, text := range texts {
			if _, err := u.(*tx).conn.(*lateView).prepare(text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSQL_PlaceholdersAreNumberedWithoutGaps(t *testing.T) {
	for name, text := range statements(t) {
		used := map[string]bool{}
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
		for n := range len(used) {
			if !used[strconv.Itoa(n+1)] {
				t.Errorf("%s has %d arguments and no $%d", name, len(used), n+1)
			}
		}
		if strings.Contains(text, "?") || strings.Contains(strings.ToLower(text), "now()") {
			t.Errorf("%s is not in the portable subset", name)
		}
	}
}

// mayScan are the statements that may read a whole table, and why.
var mayScan = map[string]string{
	"sqlSchemaVersion":    "one row a migration",
	"sqlAccessKeys":       "a handful of rows, for one person to read",
	"sqlLogs":             "at most two rows of each pool that has its events delivered",
	"sqlRenewEveryConfig": "it is all pools that a migration gives a version",
	"sqlEndChallenges":    restoreEndsAll, "sqlEndSessions": restoreEndsAll, "sqlEndRepeats": restoreEndsAll,
	"sqlDeleteClientChallenges": clientEnds + shortLived, "sqlDeleteClientSessions": clientEnds + shortLived, "sqlDeleteClientMessages": clientEnds + shortLived,
	"sqlDeletePoolChallenges": poolEnds + shortLived, "sqlDeletePoolSessions": poolEnds + shortLived, "sqlDeletePoolMessages": poolEnds + shortLived,
	"sqlEndMessages": restoreEndsAll, "sqlEndAllFamilies": restoreEndsAll, "sqlScoreNoMore": restoreEndsAll,
}

// mayReadPool are the statements that may read all rows of a pool in a table, and why.
var mayReadPool = map[string]string{
	"sqlCountUsers": "it stops", "sqlPlaceBehind": "it stops",
	"sqlDeletePoolKeys": "they are few", "sqlKeys": "they are few", "sqlInsertGroup": "groups are few", "sqlInsertImport": "jobs are few",
	"sqlLogsOfPool": "one or two", "sqlDeleteLogs": "one or two",
	"sqlHashCosts": "costs are few, and the index has only who has a hash", "sqlNoteHashCost": "costs are few",
	"sqlDeleteClientFamilies": clientEnds, "sqlDeleteClientRegistrations": clientEnds, "sqlEndClientFamilies": clientEnds,
	"sqlDeletePoolFamilies": poolEnds, "sqlDeletePoolDevices": poolEnds, "sqlDeletePoolForgotten": poolEnds,
}

const clientEnds = "what was begun through a client ends with it, which is rare"

const poolEnds = "what is of a pool ends with it, which is rare"

const shortLived = ", and is a matter of minutes"

const restoreEndsAll = "a restore ends them all"

func TestSQL_EveryStatementUsesAnIndex(t *testing.T) {
	db := openTemp(t, Options{})
	scan := regexp.MustCompile(`^SCAN (\w+)`)
	tables := tableNames(t)
	err := db.View(t.Context(), func(u userpool.Tx) error {
		for name, text := range statements(t) {
			if strings.HasPrefix(text, "create") || mayScan[name] != "" {
				continue
			}
			query := "explain query plan " + placeholder.ReplaceAllString(text, "'$1'")
			err := u.(*tx).conn.query(query, nil, func(r row) error {
				var id, parent, unused int64
				var detail string
				if err := r.Scan(&id, &parent, &unused, &detail); err != nil {
					return err
				}
				if m := scan.FindStringSubmatch(detail); m != nil && tables[m[1]] {
					t.Errorf("%s reads a whole table: %s", name, detail)
				}
				if strings.HasSuffix(detail, "(pool_id=?)") && mayReadPool[name] == "" {
					t.Errorf("%s reads all that a pool has, which may be millions of rows: %s", name, detail)
				}
				if strings.Contains(detail, "AUTOMATIC") {
					t.Errorf("%s makes an index at each run: %s", name, detail)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tableNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, step := range migrations() {
		for _, m := range regexp.MustCompile(`create table (\w+)`).FindAllStringSubmatch(step.text, -1) {
			names[m[1]] = true
		}
	}
	if len(names) < 10 {
		t.Fatalf("found only the tables %v", names)
	}
	return names
}

func TestBind_KeepsNumbers(t *testing.T) {
	got := bindSQLite("select $2, $1, $10 where a = $1")
	if want := "select ?2, ?1, ?10 where a = ?1"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}
