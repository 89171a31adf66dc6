package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// conn is one connection with the statements prepared on it so far. One
// goroutine at a time uses it.
type conn struct {
	// ctx never ends: no statement is cut short. An interrupted statement
	// would cost its neighbours in the same transaction theirs.
	ctx     context.Context
	sql     *sql.Conn
	dialect dialect
	stmts   map[string]*sql.Stmt // by the text as it was written
}

func newConn(ctx context.Context, pool *sql.DB, d dialect, setup []string) (*conn, error) {
	ctx = context.WithoutCancel(ctx)
	sc, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &conn{ctx: ctx, sql: sc, dialect: d, stmts: make(map[string]*sql.Stmt)}
	for _, s := range setup {
		if _, err := sc.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s, d.classify(err)), c.close())
		}
	}
	return c, nil
}

// row is what a scan function reads.
type row interface{ Scan(dest ...any) error }

// exec runs a statement and says how many rows it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(c.ctx, args...)
	if err != nil {
		return 0, c.dialect.classify(err)
	}
	return res.RowsAffected()
}

// query runs a statement to its end and calls scan for each row.
func (c *conn) query(query string, args []any, scan func(row) error) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(c.ctx, args...)
	if err != nil {
		return c.dialect.classify(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return c.dialect.classify(err)
	}
	return c.dialect.classify(rows.Close())
}

// script runs statements that are used once, as migrations are.
func (c *conn) script(text string) error {
	_, err := c.sql.ExecContext(c.ctx, text)
	return c.dialect.classify(err)
}

// prepare returns the statement for a text. The texts are constants, so the
// cache is as large as the package has texts.
func (c *conn) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.sql.PrepareContext(c.ctx, c.dialect.bind(query))
	if err != nil {
		return nil, c.dialect.classify(err)
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.sql.Close())...)
}
