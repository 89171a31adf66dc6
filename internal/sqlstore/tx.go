package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// tx is a transaction on a connection that has begun one.
//
// The first statement that fails, or is refused because a context has ended,
// is the last: whatever the function does with that error, its transaction
// fails with it. PostgreSQL behaves so by itself; on SQLite a later statement
// might otherwise run after the engine has left the transaction. What a caller
// may go on after (no such row, key taken) is not a failing statement.
type tx struct {
	conn      conn
	caller    context.Context
	failed    error
	statement error // of a statement that failed, kept beyond end

	ahead  *aheadTx // nil where every counter is exact
	ledger *ledger  // nil but for the writer of an SQLite file
	// snapshot says that the transaction sees the database as it was at its begin,
	// and that of two that write one row the second fails; see touch.
	snapshot bool
	touched  map[string]bool // by this transaction already
	crowded  bool            // what failed is a write of cells

	config *configCache
	fills  bool       // what it reads may be put there
	file   *fileState // that it is on, or is taken to be on until it has asked something; nil if that is not known

	remote     *pgConn // nil: the engine is in this process
	assumes    bool    // what others have read of a configuration, until it is checked
	steady     bool    // what it has read stays so, or it fails
	facts      []fact
	trusts     []*trust
	configured bool // it has changed what config holds
	seen       []userpool.ConfigVersion
}

var _ userpool.Tx = (*tx)(nil)

var errEnded = fault.Wrap(fault.Internal, errors.New("a transaction was used after its end"), "")

// end refuses every later use.
func (t *tx) end() { t.failed = errEnded }

// outcome is how the transaction ends, given how its function did.
func (t *tx) outcome(err error) error {
	if err == nil {
		return t.failed
	}
	return err
}

// call runs the function of an Update. A panic becomes an error with its stack in
// the cause: the goroutine may not be the panicking caller's to end.
func call(t *tx, fn func(userpool.Tx) error) (err error) {
	defer t.end()
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("panic in an Update: %v\n%s", p, debug.Stack()), "")
		}
	}()
	return t.outcome(fn(t))
}

func (t *tx) usable(ctx context.Context) error {
	if t.failed != nil {
		return t.failed
	}
	if t.failed = ctx.Err(); t.failed == nil {
		t.failed = t.caller.Err()
	}
	return t.failed
}

// onLedger does something to the ledger, if there is one.
func (t *tx) onLedger(ctx context.Context, do func() error) error {
	if t.ledger == nil {
		return nil
	}
	if err := t.usable(ctx); err != nil {
		return err
	}
	err := t.ledger.begin()
	if err == nil {
		err = do()
	}
	t.failed, t.statement = err, err
	return err
}

// exec runs a statement and says how many rows it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.usable(ctx); err != nil {
		return 0, err
	}
	t.wrote(query)
	n, err := t.conn.exec(query, args...)
	t.failed, t.statement = err, err
	return n, err
}

// run is exec for whoever does not care how many rows there were. On PostgreSQL the
// statement waits for the next one, or for the commit; what it fails of is told then.
func (t *tx) run(ctx context.Context, query string, args ...any) error {
	t.wrote(query)
	return t.leave(ctx, query, args...)
}

// leave is run for a statement that changes nothing of what a row says.
func (t *tx) leave(ctx context.Context, query string, args ...any) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	err := t.conn.later(query, args...)
	t.failed, t.statement = err, err
	return err
}

// askLater is run for a statement that scan is called for the rows of.
func (t *tx) askLater(ctx context.Context, query string, args []any, scan func(row) error) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	t.wrote(query)
	err := t.conn.askLater(query, args, scan)
	t.failed, t.statement = err, err
	return err
}

// insertNew is insert for a key that was made of chance, or is new for another reason:
// that it is taken ends the transaction.
func (t *tx) insertNew(ctx context.Context, query string, args ...any) error {
	if err := t.usable(ctx); err != nil {
		return err
	}
	t.wrote(query)
	t.failed = t.conn.insertLater(query, args...)
	t.statement = t.failed
	return t.failed
}

// changed says whether the statement changed a row.
func (t *tx) changed(ctx context.Context, query string, args ...any) (bool, error) {
	n, err := t.exec(ctx, query, args...)
	return n > 0, err
}

// insert runs an insert that does nothing where a key is taken.
func (t *tx) insert(ctx context.Context, query string, args ...any) error {
	n, err := t.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return userpool.ErrExists
	}
	return err
}

// assumedNew is insert for a key that mostly is new, where the transaction may assume it
// and is run again if it is not. Elsewhere it says no.
func (t *tx) assumedNew(ctx context.Context, query string, args ...any) (bool, error) {
	if t.remote == nil || !t.assumes || !t.steady {
		return false, nil
	}
	if err := t.usable(ctx); err != nil {
		return false, err
	}
	t.wrote(query)
	t.failed = t.remote.assumeNew(query, args...)
	t.statement = t.failed
	return t.failed == nil, t.failed
}

// The rows that decisions rest on, written as they are.
const (
	sqlTouchPool         = `update pools set name = name where id = $1`
	sqlTouchUser         = `update users set enabled = enabled where pool_id = $1 and id = $2`
	sqlTouchRegistration = `update registrations set requester = requester where id = $1`
	sqlTouchGroup        = `update user_groups set precedence = precedence where pool_id = $1 and name = $2`
	// A name that people sign up with has no row of its own. It has this one until
	// it is swept, which is longer than transactions last.
	sqlTouchName = `insert into counters (name, spent, reset_at) values ($1, 0, $2)
		on conflict (name) do update set reset_at = excluded.reset_at`
)

// touch writes a row as it is. Two transactions that each read what the other
// writes, and write elsewhere, do not notice each other on a snapshot: a token
// would be given to a user who is just being disabled. Where both write the row
// too, the second fails and runs again, and sees the first. A row that is not
// there is not touched, and one that this transaction has touched is its own already.
func (t *tx) touch(ctx context.Context, query string, key ...any) error {
	if !t.snapshot {
		return nil
	}
	row := fmt.Sprint(append([]any{query}, key...)...)
	if t.touched[row] {
		return nil
	}
	if t.touched == nil {
		t.touched = make(map[string]bool)
	}
	t.touched[row] = true
	return t.leave(ctx, query, key...)
}

// replace runs an update of one row by its key.
func (t *tx) replace(ctx context.Context, query string, args ...any) error {
	n, err := t.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return userpool.ErrNotFound
	}
	return err
}

// part runs several statements of which either all count or none, so that the
// caller may go on after an error that is no failing statement.
func (t *tx) part(ctx context.Context, fn func() error) error {
	if err := t.run(ctx, "savepoint part"); err != nil {
		return err
	}
	err := fn()
	if t.failed != nil {
		return t.failed
	}
	if err != nil {
		t.touched = nil // what part touched is not, any more
		if err := t.run(ctx, "rollback to savepoint part"); err != nil {
			return err
		}
	}
	return errors.Join(err, t.run(ctx, "release savepoint part"))
}

// many runs a query and reads its rows.
func many[T any](ctx context.Context, t *tx, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if err := t.usable(ctx); err != nil {
		return nil, err
	}
	t.wrote(query)
	var all []T
	err := t.conn.query(query, args, func(r row) error {
		v, err := scan(r)
		all = append(all, v)
		return err
	})
	if err != nil {
		t.failed, t.statement = err, err
		return nil, err
	}
	return all, nil
}

// maybe runs a query for at most one row and says whether there was one.
func maybe[T any](ctx context.Context, t *tx, scan func(row) (T, error), query string, args ...any) (v T, found bool, err error) {
	if err := t.usable(ctx); err != nil {
		return v, false, err
	}
	t.wrote(query)
	err = t.conn.query(query, args, func(r row) (err error) {
		if !found {
			v, err = scan(r)
			found = true
		}
		return err
	})
	if err != nil {
		t.failed, t.statement = err, err
		return *new(T), false, err
	}
	return v, found, nil
}

// one runs a query for the one row with a key.
func one[T any](ctx context.Context, t *tx, scan func(row) (T, error), query string, args ...any) (T, error) {
	v, found, err := maybe(ctx, t, scan, query, args...)
	if err == nil && !found {
		err = userpool.ErrNotFound
	}
	return v, err
}

// value scans a row of one column.
func value[T any](r row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
