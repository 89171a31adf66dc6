package main

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sqlstore"
)

// postgresServer is the engine of a database on a PostgreSQL server. Its URL, which
// may hold a password, is not shown.
type postgresServer struct{ url string }

func (s postgresServer) unopened(ctx context.Context) ([]finding, bool) {
	facts, err := sqlstore.AskPostgres(ctx, s.url)
	if err != nil {
		return []finding{failure("see to the server, and to --database", "%v", err)}, false
	}
	schema := schemaOf(ctx, s.url)
	return append(durability(facts), schema), schema.Level == levelOK
}

// standbyGone is how long no commit waits for a standby that is there.
const standbyGone = 3 * time.Second

const standbyMissing = "bring a standby back, or take synchronous_standby_names away (alter system, then pg_reload_conf), after which what is acknowledged is on one machine alone"

// durability says what becomes of an acknowledged sign-up when a machine is lost.
func durability(f sqlstore.PostgresFacts) []finding {
	var all []finding
	if f.Fsync != "on" {
		all = append(all, failure("set fsync = on", "the server's fsync is %s: after a power cut the database may be ruined", f.Fsync))
	}
	if f.FullPageWrites != "on" {
		all = append(all, warning("set full_page_writes = on, unless its file system cannot tear pages", "the server's full_page_writes is %s", f.FullPageWrites))
	}
	if f.StandbyNames == "" {
		all = append(all, warning("set synchronous_standby_names to a standby", "no standby is synchronous, so that what was acknowledged last is lost with the primary's disk"))
	} else if f.WaitingFor > standbyGone {
		all = append(all, failure(standbyMissing, "commits wait for a standby of %q: %d now, one of them for %v", f.StandbyNames, f.Waiting, f.WaitingFor.Round(time.Second)))
	} else {
		all = append(all, fine("commits wait for the standbys of %q", f.StandbyNames))
	}
	return append(all, fine("PostgreSQL %d.%d; %d other connections of servers and commands, of %d", f.Version/10000, f.Version%10000, f.Clients, f.MaxConnections))
}

func (s postgresServer) unwritable(ctx context.Context) string {
	if facts, err := sqlstore.AskPostgres(ctx, s.url); err == nil && facts.Waiting > 0 && facts.StandbyNames != "" {
		return "no standby of \"" + facts.StandbyNames + "\" confirms commits: " + standbyMissing
	}
	return "look into the server's log, at its disk, and whether it is the primary"
}

func (postgresServer) opened(context.Context) []finding { return nil }

func (s postgresServer) clock(ctx context.Context) (time.Time, bool, error) {
	facts, err := sqlstore.AskPostgres(ctx, s.url)
	return facts.Now, err == nil, err
}
