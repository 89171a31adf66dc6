package sqlstore

// conn is one connection to an engine. One goroutine at a time uses it. Its
// statements are the constants of this package, so that what is prepared on it
// is bounded. No statement is cut short when a caller's context ends.
type conn interface {
	// exec runs a statement and says how many rows it changed.
	exec(query string, args ...any) (int64, error)
	// later runs a statement at once, or with the next one or the commit, which fail
	// then if it does. insertLater is later for an insert that ends in
	// onConflictDoNothing, whose transaction fails of userpool.ErrExists where the key
	// is taken.
	later(query string, args ...any) error
	insertLater(query string, args ...any) error
	// askLater is later for a statement whose rows, if any, scan is called for then.
	askLater(query string, args []any, scan func(row) error) error
	// query runs a statement to its end and calls scan for each row.
	query(query string, args []any, scan func(row) error) error
	// script runs statements that are used once, as migrations are.
	script(text string) error
	// engine is what else differs between engines.
	engine() *dialect
	close() error
}

const onConflictDoNothing = " on conflict do nothing"

// row is what a scan function reads.
type row interface{ Scan(dest ...any) error }

func number(c conn, query string, args ...any) (n int64, err error) {
	err = c.query(query, args, func(r row) error { return r.Scan(&n) })
	return n, err
}
