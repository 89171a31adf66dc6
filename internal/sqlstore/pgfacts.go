package sqlstore

import (
	"context"
	"time"
)

// PostgresFacts are what a PostgreSQL server says of itself to an ordinary user.
type PostgresFacts struct {
	Version        int64 // server_version_num
	Now            time.Time
	Fsync          string // on or off, as the next
	FullPageWrites string
	StandbyNames   string // synchronous_standby_names, "" for none
	MaxConnections int64
	Clients        int64 // other connections of servers and commands to the database

	Waiting    int64         // statements of this user that wait for a standby's confirmation, commits mostly
	WaitingFor time.Duration // the longest of them so far
}

const (
	pgFacts = `select current_setting('server_version_num')::bigint,
		(extract(epoch from clock_timestamp()) * 1000)::bigint,
		current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_standby_names'),
		current_setting('max_connections')::bigint`
	pgOtherClients = `select count(*) from pg_stat_activity
		where datname = current_database() and application_name = current_setting('application_name') and pid <> pg_backend_pid()`
	pgWaiting = `select count(*), coalesce((extract(epoch from clock_timestamp() - min(query_start)) * 1000)::bigint, 0)
		from pg_stat_activity where datname = current_database() and wait_event = 'SyncRep'`
)

// AskPostgres asks the server of a URL, on a connection of its own.
func AskPostgres(ctx context.Context, url string) (f PostgresFacts, err error) {
	err = onServer(ctx, url, func(c conn) error {
		err := c.query(pgFacts, nil, func(r row) error {
			return r.Scan(&f.Version, moment{&f.Now}, &f.Fsync, &f.FullPageWrites, &f.StandbyNames, &f.MaxConnections)
		})
		if err != nil {
			return err
		}
		if f.Clients, err = number(c, pgOtherClients); err != nil {
			return err
		}
		var ms int64
		err = c.query(pgWaiting, nil, func(r row) error { return r.Scan(&f.Waiting, &ms) })
		f.WaitingFor = time.Duration(ms) * time.Millisecond
		return err
	})
	return f, err
}

const pgNow = `select floor(extract(epoch from clock_timestamp()) * 1000)::bigint`

func (db *postgres) serverTime(ctx context.Context) (said time.Time, roundTrip time.Duration, err error) {
	c, err := db.acquire(ctx)
	if err != nil {
		return said, 0, err
	}
	defer release(c, nil)
	conn := newPgConn(ctx, c.Conn())
	for range 2 { // the first time the statement is prepared, which takes longer
		asked := time.Now()
		if err := conn.query(pgNow, nil, func(r row) error { return r.Scan(moment{&said}) }); err != nil {
			return said, 0, err
		}
		roundTrip = time.Since(asked)
	}
	return said, roundTrip, nil
}
