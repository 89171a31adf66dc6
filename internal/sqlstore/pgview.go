package sqlstore

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A View asks the server once where it says ahead what it reads, and not at all where it
// is the first of an operation and reads no more than what is kept of a configuration.

func (db *postgres) View(ctx context.Context, fn func(userpool.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.enter(); err != nil {
		return err
	}
	defer db.leave()
	r := userpool.RelianceOf(ctx)
	if r.Begin() {
		if on, known, err := db.recite(ctx, fn); known {
			r.Rely(on...)
			return err
		}
	}
	again, err := db.view(ctx, true, fn)
	if again == mistaken && !r.Mistaken() {
		_, err = db.view(ctx, false, fn)
	}
	return err
}

// recite runs fn of a View without asking the server. If it wants nothing but what is
// kept of a configuration, its outcome is known, if that is the same still.
func (db *postgres) recite(ctx context.Context, fn func(userpool.Tx) error) (on []userpool.ConfigVersion, known bool, err error) {
	nowhere := newPgConn(ctx, nil)
	t := &tx{conn: nowhere, caller: ctx, config: &db.config, remote: nowhere, assumes: true}
	defer t.end()
	err = t.outcome(fn(t))
	return nowhere.assumed, t.statement == nil && len(nowhere.writes) == 0, err
}

// view runs fn once.
func (db *postgres) view(ctx context.Context, assumes bool, fn func(userpool.Tx) error) (_ again, err error) {
	var c *pgxpool.Conn // taken when it is needed
	conn := newPgConn(ctx, nil)
	conn.open = func() (_ *pgx.Conn, err error) {
		if c, err = db.acquire(ctx); err != nil {
			return nil, err
		}
		return c.Conn(), nil
	}
	if db.together != nil {
		conn.together = func(q *inquiry) error { return db.together.ask(ctx, q) }
	}
	conn.begin(beginView)
	t := &tx{conn: conn, caller: ctx, config: &db.config, fills: true, remote: conn, assumes: assumes}
	r := userpool.RelianceOf(ctx)
	t.rely(r.On(), r)
	defer func() {
		if err := conn.rollback(); c != nil {
			release(c, err)
		}
	}()
	defer t.end()
	err = t.outcome(fn(t))
	failed := t.statement
	switch {
	case failed != nil:
	case err == nil && len(conn.writes) > 0 && conn.whole:
		failed = errMistaken
	case err == nil && len(conn.writes) > 0:
		failed = conn.flush() // the server refuses them
	default:
		failed = conn.verify()
	}
	if t.statement == nil && failed != nil {
		err = failed
	}
	return whether(ctx, failed), err
}

// rely has what the operation relies on checked with what the transaction assumes.
func (t *tx) rely(on []userpool.ConfigVersion, r *userpool.Reliance) {
	if len(on) > 0 {
		t.remote.assumed, t.remote.relies = slices.Clone(on), r
		t.seen = slices.Clone(on)
	}
}

// told notes how a message ended that has checked what is relied on.
func (c *pgConn) told(err error) {
	if c.relies != nil && (err == nil || errors.Is(err, errMistaken)) {
		c.relies.Checked(err == nil)
		c.relies = nil
	}
}

// errNowhere is what a connection to nothing answers to whatever it is asked.
var errNowhere = errors.New("there is no connection")
