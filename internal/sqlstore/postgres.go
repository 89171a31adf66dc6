package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// postgres is a database on a PostgreSQL server, with a pool of connections.
// Each transaction has one of them, and commits by itself: the server shares
// commits among those that wait together.
type postgres struct {
	pool      *pgxpool.Pool
	isolation isolation
	queue     chan struct{} // who waits for a place, or has one
	writes    chan struct{} // places of Updates
	asks      chan struct{} // places of those who spend ahead, while they have one of an Update

	ahead    *ahead
	config   configCache
	together *together // nil where no messages are shared

	slowCommit  time.Duration
	closeWithin time.Duration

	mu         sync.Mutex // guards closed and committing, and counting in busy against its wait
	closed     bool
	committing map[*pgConn]bool // false: given up
	busy       sync.WaitGroup   // transactions, and commits that nobody waits for
	hurry      chan struct{}    // closed when Close has waited long enough
	hurryOnce  sync.Once
	ended      chan struct{} // closed when Close has done its work
	closeErr   error         // valid then
}

// isolation is the level of an Update.
//
// The store runs at repeatable read, where of two transactions that write one row
// the second fails and is run again. What that leaves, decisions that rest on a row
// which another transaction changes, is excluded by writing that row too (touch).
// At serializable the server would see to it, but by pages of its indexes: in a
// database of thousands of users nearly every sign-in would conflict with every
// other. The verbs that one statement decides hold at all three levels, and the
// whole suite at the upper two, which tests see to.
type isolation string

const (
	serializable   isolation = "serializable"
	repeatableRead isolation = "repeatable read"
	readCommitted  isolation = "read committed"
)

// What begins at repeatable read says nothing of it: it is what each connection has been set
// to (see sessionSettings), and to set it anew for a transaction, and back, costs the server
// more than the rest of its begin and commit.
const beginView = "begin read only"

func (i isolation) begin() string {
	if i == repeatableRead {
		return "begin"
	}
	return "begin isolation level " + string(i)
}

// oldestServer is the least server_version_num that is let in: what is older has
// had no fixes for years.
const oldestServer = 140000

// openPostgres opens the database of a URL.
func openPostgres(ctx context.Context, url string, level isolation, o Options) (*postgres, error) {
	cfg, err := poolConfig(url)
	if err != nil {
		return nil, badURL(url)
	}
	name := serverName(cfg)
	writes, asks := places(int(cfg.MaxConns))
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	db := &postgres{
		pool: pool, isolation: level,
		queue:  make(chan struct{}, int(cfg.MaxConns)+o.Queue),
		writes: make(chan struct{}, writes),
		asks:   make(chan struct{}, asks),
		hurry:  make(chan struct{}),
		ended:  make(chan struct{}),

		slowCommit: slowCommit, closeWithin: closeWithin,
		committing: make(map[*pgConn]bool),
	}
	if err := db.prepare(ctx, o); err != nil {
		pool.Close()
		return nil, fmt.Errorf("%s: %w", name, explainPostgres(err))
	}
	db.ahead = newAhead(db)
	if cfg.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement { // else the URL wants none prepared
		db.together = &together{acquire: db.acquire, long: longMessage}
	}
	return db, nil
}

// prepare makes sure that the server is one of ours and brings the schema up to
// date.
func (db *postgres) prepare(ctx context.Context, o Options) error {
	c, err := db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer release(c, nil)
	conn := newPgConn(ctx, c.Conn())
	version, err := number(conn, "select current_setting('server_version_num')::bigint")
	if err != nil {
		return err
	}
	if version < oldestServer {
		return fmt.Errorf("this is PostgreSQL %d; Bellhop needs %d or newer", version/10000, oldestServer/10000)
	}
	if o.NoMigrate {
		return mustBeCurrent(conn, migrations())
	}
	// Who waits for another server's migration waits longer than for a row.
	if err := conn.script("set lock_timeout = '60s'"); err != nil {
		return err
	}
	return errors.Join(migrate(ctx, conn, migrations()), conn.script("set lock_timeout = '5s'"))
}

// enter counts a transaction. leave must be called at its end.
func (db *postgres) enter() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errClosed
	}
	select {
	case db.queue <- struct{}{}:
	default:
		return errQueueFull
	}
	db.busy.Add(1)
	return nil
}

func (db *postgres) leave() {
	<-db.queue
	db.busy.Done()
}

// acquire takes a connection. What of the pool's error is not ctx's is the
// server's.
func (db *postgres) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	c, err := db.pool.Acquire(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, unreachable(err)
	}
	return c, nil
}

// release gives a connection back, or ends it where err says that nobody knows
// in what state it is.
func release(c *pgxpool.Conn, err error) {
	c.Conn().PgConn().Conn().SetReadDeadline(time.Time{}) // that of the last statement passes while it is idle
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Conn().Close(ctx) // the pool drops what is closed
	}
	c.Release()
}

// tries is how often an Update is run that conflicts with others; conflicts with
// ones that have ended since come to an end themselves. reconnects is how often
// it is run again after its connection broke.
//
// Who conflicts over cells waits for a turn each time, and is run oftener: others, who
// have not lost yet, come before him by chance.
const (
	tries        = 12
	crowdedTries = 60
	reconnects   = 2
	maxBackoff   = 64 * time.Millisecond
)

func (db *postgres) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.enter(); err != nil {
		return err
	}
	defer db.leave()
	if err := db.awaitPlace(ctx); err != nil {
		return err
	}
	broken, hasDoubled, assumes, leads := 0, false, true, []string{db.isolation.begin()}
	for try := 1; ; try++ {
		again, err := db.attempt(ctx, leads, assumes, fn)
		switch again {
		case never:
			return err
		case mistaken:
			if userpool.RelianceOf(ctx).Mistaken() {
				return err // what called for this transaction was mistaken before it
			}
			assumes = false
		case reconnected:
			if broken++; broken > reconnects {
				return err
			}
		case doubled:
			if hasDoubled {
				return err // nobody else's doing
			}
			hasDoubled = true
		case conflicted, crowded:
			if try >= crowdedTries || try >= tries && again != crowded {
				return fault.Wrap(fault.Unavailable, err, "The database is busy.").After(time.Second)
			}
			if again == crowded {
				leads = []string{db.isolation.begin(), pgOwnCells}
			}
		}
		if again != mistaken { // else nobody is to be waited for
			if err := backOff(ctx, try); err != nil {
				return err
			}
		}
		if err := db.awaitPlace(ctx); err != nil {
			return err
		}
	}
}

func (db *postgres) awaitPlace(ctx context.Context) error {
	select {
	case db.writes <- struct{}{}:
		return nil
	case <-db.hurry:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// backOff waits a while by chance, longer at each try, so that those who met
// once do not meet again.
func backOff(ctx context.Context, try int) error {
	most := min(time.Millisecond<<min(try, 10), maxBackoff)
	timer := time.NewTimer(rand.N(most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again says why an attempt may be repeated: nothing of it is stored then.
type again int

const (
	never again = iota
	conflicted
	crowded // conflicted over cells
	doubled // by another, or by a mistake
	reconnected
	mistaken // it assumed what is not so
)

// pgOwnCells is the turn of those who have lost a race for cells. It comes before the
// snapshot, so that no cell in it is older than the turn: of many who write the cell
// of one country each runs twice or thrice, and not until it has luck. Only a lock of a
// table comes before it; a select of an advisory lock has taken the snapshot when it
// begins to wait. Nobody else waits for this one, for it lets others read and write the
// table, which is one that is hardly ever vacuumed; and who takes it holds nothing yet.
const pgOwnCells = "lock table meta in share update exclusive mode"

// attempt runs fn in a transaction that the leads begin, once. It gives its place back when the commit
// has ended, which may be later than it returns.
func (db *postgres) attempt(ctx context.Context, leads []string, assumes bool, fn func(userpool.Tx) error) (_ again, err error) {
	c, err := db.acquire(ctx)
	if err != nil {
		<-db.writes
		return never, err
	}
	conn := newPgConn(ctx, c.Conn())
	conn.begin(leads...)
	t := &tx{conn: conn, caller: ctx, ahead: &aheadTx{all: db.ahead}, snapshot: true, config: &db.config, remote: conn, assumes: assumes}
	t.steady = db.isolation != readCommitted
	t.fills = t.steady
	r := userpool.RelianceOf(ctx)
	t.rely(r.On(), r)
	returned := false
	defer func() {
		if !returned { // a function ended its goroutine (a test's FailNow does)
			t.ahead.void()
			release(c, errExited)
			<-db.writes
		}
	}()
	err = call(t, fn)
	returned = true
	failed := t.statement // what a statement failed of, whatever fn made of that
	if err == nil {
		failed = t.storeTrusts()
		err = failed
	}
	if failed == nil && (err != nil || conn.isUntouched()) {
		if failed = conn.verify(); failed != nil {
			err = failed
		}
	}
	if err == nil {
		err = ctx.Err() // who stops waiting while fn runs has nothing stored
	}
	if err != nil {
		abandon(c, conn, failed)
		<-db.writes
		t.ahead.void()
		why := whether(ctx, failed)
		if why == conflicted && t.crowded {
			why = crowded
		}
		return why, err
	}
	if conn.isUntouched() {
		release(c, nil)
		<-db.writes
		t.ahead.stored()
		return never, nil
	}
	return db.commit(ctx, c, conn, func(err error) {
		switch {
		case err == nil:
			t.ahead.stored()
		case !errors.Is(err, errInDoubt): // else what was spent stays so
			t.ahead.void()
		}
		<-db.writes
	})
}

// whether says if an attempt that failed before its commit may be repeated.
func whether(ctx context.Context, failed error) again {
	switch {
	case failed == nil || ctx.Err() != nil:
		return never
	case errors.Is(failed, errMistaken):
		return mistaken
	case isConflict(failed):
		return conflicted
	case isDoubled(failed):
		return doubled
	case isReadOnly(failed) || errors.Is(failed, errBroken):
		return reconnected
	}
	return never
}

// closeWithin bounds the wait of Close for commits that hang.
const closeWithin = 10 * time.Second

// Close waits for commits too that nobody waits for. It gives up those that hang,
// which their callers have been told not to know the end of.
func (db *postgres) Close() error {
	db.mu.Lock()
	first := !db.closed
	db.closed = true
	db.mu.Unlock()
	if first {
		db.ahead.stopKeeping()
		db.closeErr = db.finish()
		db.ahead.putBackAll()
		db.closeErr = errors.Join(db.closeErr, db.finish())
		db.partQuickly()
		db.pool.Close()
		close(db.ended)
	}
	<-db.ended
	return db.closeErr
}

// partQuickly keeps a server that does not answer from holding up the close of
// its connections.
func (db *postgres) partQuickly() {
	ctx, cancel := context.WithTimeout(context.Background(), partWithin)
	defer cancel()
	for _, c := range db.pool.AcquireAllIdle(ctx) {
		c.Conn().PgConn().Conn().SetDeadline(time.Now().Add(partWithin))
		c.Release()
	}
}

const partWithin = 2 * time.Second

// finish waits until nothing is under way.
func (db *postgres) finish() error {
	done := make(chan struct{})
	go func() {
		db.busy.Wait()
		close(done)
	}()
	hung := 0
	for wait := db.closeWithin; ; wait = db.closeWithin / 10 {
		timer := time.NewTimer(wait)
		select {
		case <-done:
			timer.Stop()
			if hung > 0 {
				return fmt.Errorf("the server did not answer %d commits in time; whether they are stored is not known", hung)
			}
			return nil
		case <-timer.C:
			hung += db.giveUp() // others may have come to their commits meanwhile
		}
	}
}

// giveUp refuses who waits for a place, and ends the wait of those who commit. It
// says how many these are.
func (db *postgres) giveUp() (n int) {
	db.hurryOnce.Do(func() { close(db.hurry) })
	db.mu.Lock()
	defer db.mu.Unlock()
	for c, waits := range db.committing {
		if waits {
			c.pg.PgConn().Conn().Close()
			db.committing[c] = false
			n++
		}
	}
	return n
}

// postgresSchemaVersion is SchemaVersion on PostgreSQL, by a connection of its own.
func postgresSchemaVersion(ctx context.Context, url string) (version int, err error) {
	err = onServer(ctx, url, func(c conn) error {
		there, err := tablesOn(c)
		if err != nil || len(there) == 0 {
			return err
		}
		if ours, err := number(c, pgOurTables); err != nil || ours != 3 {
			return errors.Join(err, errForeignTables)
		}
		n, err := number(c, sqlSchemaVersion)
		version = int(n)
		return err
	})
	return version, err
}

// onServer runs fn on a connection of its own to the server of a URL.
func onServer(ctx context.Context, url string, fn func(conn) error) error {
	cfg, err := poolConfig(url)
	if err != nil {
		return badURL(url)
	}
	name := serverName(cfg)
	pg, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err == nil {
		defer pg.Close(context.WithoutCancel(ctx))
		if err = setUp(ctx, pg); err == nil {
			err = fn(newPgConn(ctx, pg))
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, explainPostgres(err))
	}
	return nil
}
