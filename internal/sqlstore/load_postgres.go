package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	pgLoadBegin = `
		create table if not exists load_progress (done bigint not null);
		insert into load_progress select 0 where not exists (select 1 from load_progress);
		create table if not exists load_made (position bigint primary key, what text not null, script text not null)`
	// Foreign keys, keys and indexes, in the order in which they must be made again.
	pgLoadParts = `
		select 'alter table ' || conrelid::regclass || ' drop constraint ' || quote_ident(conname),
			'alter table ' || conrelid::regclass || ' add constraint ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid)
			from pg_constraint where conrelid = any($1::regclass[]) and contype in ('p', 'f', 'u')
		union all
		select 'drop index ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
			from pg_index where indrelid = any($1::regclass[])
			and not exists (select 1 from pg_constraint where conindid = indexrelid and contype in ('p', 'u'))
		order by 1`
)

type pgLoad struct {
	pg     *pgx.Conn
	tables []string
	said   func(string)
}

func loadPostgres(ctx context.Context, url string, c Crowd, said func(string)) error {
	cfg, err := poolConfig(url)
	if err != nil {
		return badURL(url)
	}
	pg, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return err
	}
	defer pg.Close(context.WithoutCancel(ctx))
	l := pgLoad{pg: pg, said: said}
	for _, t := range loaded {
		l.tables = append(l.tables, t.table)
	}
	if err := pgx.BeginFunc(ctx, pg, func(pgx.Tx) error { return l.begin(ctx) }); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := l.people(ctx, c); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return l.finish(ctx)
}

// begin takes the indexes down and writes down how they are made.
func (l pgLoad) begin(ctx context.Context) error {
	if _, err := l.pg.Exec(ctx, pgLoadBegin); err != nil {
		return err
	}
	rows, err := l.pg.Query(ctx, pgLoadParts, l.tables)
	if err != nil {
		return err
	}
	type part struct{ Drop, Make string }
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[part])
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := l.pg.Exec(ctx, p.Drop); err != nil {
			return err
		}
		if _, err := l.pg.Exec(ctx, `insert into load_made select count(*), $1, $2 from load_made`, p.Drop, p.Make); err != nil {
			return err
		}
	}
	return nil
}

func (l pgLoad) people(ctx context.Context, c Crowd) error {
	var from int
	if err := l.pg.QueryRow(ctx, "select done from load_progress").Scan(&from); err != nil {
		return err
	}
	for done, rows := range c.chunks(from) {
		err := pgx.BeginFunc(ctx, l.pg, func(tx pgx.Tx) error {
			for _, t := range loaded {
				if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, names(t.columns), pgx.CopyFromRows(rows[t.table])); err != nil {
					return fmt.Errorf("%s: %w", t.table, err)
				}
			}
			_, err := tx.Exec(ctx, "update load_progress set done = $1", done)
			return err
		})
		if err != nil {
			return err
		}
		sayHowFar(l.said, done, c.N)
	}
	return nil
}

// finish makes what was taken down, keys before those who refer to them, and lets the
// planner know what there is, as autovacuum does in time.
func (l pgLoad) finish(ctx context.Context) error {
	rows, err := l.pg.Query(ctx, "select position, script from load_made order by script like '%FOREIGN KEY%', position")
	if err != nil {
		return err
	}
	type part struct {
		Position int64
		Script   string
	}
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[part])
	if err != nil {
		return err
	}
	for _, p := range parts {
		l.said(p.Script)
		err := pgx.BeginFunc(ctx, l.pg, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, p.Script)
			_, gone := tx.Exec(ctx, "delete from load_made where position = $1", p.Position)
			return errors.Join(err, gone)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.Script, err)
		}
	}
	l.said("vacuum")
	if _, err := l.pg.Exec(ctx, "vacuum (analyze) "+strings.Join(l.tables, ", ")); err != nil {
		return err
	}
	_, err = l.pg.Exec(ctx, "drop table load_progress, load_made")
	return err
}
