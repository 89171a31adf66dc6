package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// What is in the order of other keys than people come in waits in files beside, and is
// put in sorted: a tree that grows at its end is written once. Each file goes when what
// it has is in, so that nothing takes its room twice.
const (
	loadBegin = `
		create table if not exists load.progress (done bigint not null);
		create table if not exists load.made (name text primary key);
		create table if not exists load.indexes (name text primary key, sql text not null);
		insert into load.progress select 0 where not exists (select 1 from load.progress);
		insert or ignore into load.indexes select name, sql from main.sqlite_master
			where type = 'index' and sql is not null and tbl_name in (%s);`
	loadFile = ".load"
)

var loadPragmas = []string{
	"pragma busy_timeout = 5000", "pragma journal_mode = truncate", "pragma synchronous = off",
	"pragma cache_size = -500000", "pragma temp_store = file", "pragma foreign_keys = off",
}

// waiting is a table's rows, or those of one attribute in the search, that wait in a
// file, attached by the name.
type waiting struct{ table, attribute, name string }

func allWaiting() []waiting {
	var all []waiting
	for _, t := range loaded[1:] {
		if t.table != "user_search" {
			all = append(all, waiting{t.table, "", "load"})
			continue
		}
		for _, a := range userpool.SearchedAttributes() {
			all = append(all, waiting{t.table, a, "load_" + a})
		}
	}
	return all
}

// loadRowsPer is how many rows one statement is given.
const loadRowsPer = 50

type liteLoad struct {
	conn *liteConn
	path string
	said func(string)
}

func loadSQLite(ctx context.Context, path string, c Crowd, said func(string)) (err error) {
	conn, err := newConn(ctx, dataSource(path), loadPragmas)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	if _, err := conn.exec("attach $1 as load", path+loadFile); err != nil {
		return err
	}
	l := liteLoad{conn, path, said}
	err = l.begin()
	for _, w := range allWaiting() {
		if err == nil {
			err = l.await(w)
		}
	}
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := l.people(ctx, c); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	if err := l.finish(ctx); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	if err := conn.script("detach load"); err != nil {
		return err
	}
	return os.Remove(path + loadFile)
}

func (l liteLoad) begin() error {
	if err := l.conn.script("pragma load.journal_mode = truncate; pragma load.synchronous = off"); err != nil {
		return err
	}
	return inTx(l.conn, func() error {
		var tables []string
		for _, t := range loaded {
			tables = append(tables, "'"+t.table+"'")
		}
		if err := l.conn.script(fmt.Sprintf(loadBegin, strings.Join(tables, ", "))); err != nil {
			return err
		}
		indexes, err := l.list("select name from load.indexes")
		for _, index := range indexes {
			err = errors.Join(err, l.conn.script("drop index if exists main."+index))
		}
		return err
	})
}

// await makes what waits a place to wait in, unless it is in already.
func (l liteLoad) await(w waiting) error {
	done, err := l.isMade(w.table + w.attribute)
	if err != nil || done {
		return err
	}
	if w.name != "load" {
		if _, err := l.conn.exec("attach $1 as "+w.name, l.file(w)); err != nil {
			return err
		}
		if err := l.conn.script("pragma " + w.name + ".journal_mode = truncate; pragma " + w.name + ".synchronous = off"); err != nil {
			return err
		}
	}
	return l.conn.script("create table if not exists " + w.name + "." + w.table + " as select * from main." + w.table + " where false")
}

func (l liteLoad) file(w waiting) string { return l.path + "." + w.name }

func (l liteLoad) isMade(name string) (bool, error) {
	n, err := number(l.conn, "select count(*) from load.made where name = $1", name)
	return n > 0, err
}

func (l liteLoad) list(query string) (all []string, err error) {
	err = l.conn.query(query, nil, func(r row) error {
		var text string
		err := r.Scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}

func (l liteLoad) people(ctx context.Context, c Crowd) error {
	from, err := number(l.conn, "select done from load.progress")
	if err != nil {
		return err
	}
	for done, rows := range c.chunks(int(from)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := inTx(l.conn, func() error {
			if err := l.insert("main.users", names(loaded[0].columns), rows["users"]); err != nil {
				return fmt.Errorf("users: %w", err)
			}
			for _, w := range allWaiting() {
				mine := rows[w.table]
				if w.attribute != "" {
					mine = slices.DeleteFunc(slices.Clone(mine), func(row []any) bool { return row[1] != w.attribute })
				}
				if err := l.insert(w.name+"."+w.table, names(columnsOf(w.table)), mine); err != nil {
					return fmt.Errorf("%s: %w", w.table, err)
				}
			}
			_, err := l.conn.exec("update load.progress set done = $1", done)
			return err
		})
		if err != nil {
			return err
		}
		sayHowFar(l.said, done, c.N)
	}
	return nil
}

// insert puts the rows in, many by one statement.
func (l liteLoad) insert(table string, columns []string, rows [][]any) error {
	for len(rows) > 0 {
		n := loadRowsPer
		if len(rows) < n {
			n = 1
		}
		one := "(" + strings.Repeat("?, ", len(columns)-1) + "?)"
		query := "insert into " + table + " (" + strings.Join(columns, ", ") + ") values " + strings.Repeat(one+", ", n-1) + one
		var args []any
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		if _, err := l.conn.exec(query, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// finish sorts what waits into its tables and makes the indexes, each in a transaction.
func (l liteLoad) finish(ctx context.Context) error {
	for _, w := range allWaiting() {
		done, err := l.isMade(w.table + w.attribute)
		if err != nil {
			return err
		}
		if done { // before it was stopped, which may have left the file
			if w.name != "load" {
				_ = os.Remove(l.file(w))
			}
			continue
		}
		columns := columnsOf(w.table)
		err = l.once(ctx, w.table+w.attribute, "insert into main."+w.table+" ("+columns+") select "+columns+" from "+w.name+"."+w.table+" order by "+keyOf(w.table))
		if err == nil && w.name != "load" {
			err = l.conn.script("detach " + w.name)
			err = cmp.Or(err, os.Remove(l.file(w)))
		}
		if err != nil {
			return err
		}
	}
	indexes, err := l.list("select sql from load.indexes")
	for _, index := range indexes {
		if err == nil {
			err = l.once(ctx, index, index)
		}
	}
	return err
}

func (l liteLoad) once(ctx context.Context, name, script string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if done, err := l.isMade(name); err != nil || done {
		return err
	}
	l.said(name)
	return inTx(l.conn, func() error {
		if err := l.conn.script(script); err != nil {
			return err
		}
		_, err := l.conn.exec("insert into load.made (name) values ($1)", name)
		return err
	})
}
