package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// liteConn is a connection to an SQLite file with the statements prepared on it
// so far.
type liteConn struct {
	// ctx never ends: an interrupted statement would cost its neighbours in the
	// same transaction theirs.
	ctx   context.Context
	sql   *sql.Conn
	stmts map[string]*sql.Stmt // by the text as it was written
}

func newConn(ctx context.Context, pool *sql.DB, setup []string) (*liteConn, error) {
	ctx = context.WithoutCancel(ctx)
	sc, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &liteConn{ctx: ctx, sql: sc, stmts: make(map[string]*sql.Stmt)}
	for _, s := range setup {
		if _, err := sc.ExecContext(ctx, s); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s, classifySQLite(err)), c.close())
		}
	}
	return c, nil
}

func (c *liteConn) engine() *dialect { return &sqliteDialect }

func (c *liteConn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(c.ctx, args...)
	if err != nil {
		return 0, classifySQLite(err)
	}
	return res.RowsAffected()
}

func (c *liteConn) later(query string, args ...any) error {
	_, err := c.exec(query, args...)
	return err
}

func (c *liteConn) insertLater(query string, args ...any) error {
	n, err := c.exec(query, args...)
	if err == nil && n == 0 {
		return userpool.ErrExists
	}
	return err
}

func (c *liteConn) query(query string, args []any, scan func(row) error) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(c.ctx, args...)
	if err != nil {
		return classifySQLite(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return classifySQLite(err)
	}
	return classifySQLite(rows.Close())
}

func (c *liteConn) script(text string) error {
	_, err := c.sql.ExecContext(c.ctx, text)
	return classifySQLite(err)
}

// prepare returns the statement for a text. The texts are constants, so the
// cache is as large as the package has texts.
func (c *liteConn) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.sql.PrepareContext(c.ctx, bindSQLite(query))
	if err != nil {
		return nil, classifySQLite(err)
	}
	c.stmts[query] = s
	return s, nil
}

func (c *liteConn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.sql.Close())...)
}
