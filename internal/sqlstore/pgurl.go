package sqlstore

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bellhop-auth/bellhop/internal/brief"
)

// URLError refuses a URL that no server can be reached by, whatever becomes of the
// servers. It quotes nothing of the URL but the name of a parameter, for there may be
// a password in it.
type URLError struct {
	Parameter string // "" where it is not one parameter
}

func (e *URLError) Error() string {
	if e.Parameter == "pool_max_conns" {
		return fmt.Sprintf("--database: pool_max_conns in the PostgreSQL URL must be %d or more", leastPoolSize)
	}
	if e.Parameter != "" {
		return "--database: the value of " + e.Parameter + " in the PostgreSQL URL cannot be used"
	}
	return "--database: this is no PostgreSQL URL: postgres://USER:PASSWORD@HOST:PORT/NAME, with several hosts separated by commas, and what is special in a password escaped (%40 for @)"
}

// errBadURL is what badURL words.
var errBadURL = errors.New("no PostgreSQL URL")

// badURL says which parameter it is that a URL could be read without.
func badURL(text string) error {
	if u, err := url.Parse(text); err == nil {
		for name := range u.Query() {
			rest, without := *u, u.Query()
			without.Del(name)
			rest.RawQuery = without.Encode()
			if _, err := poolConfig(rest.String()); err == nil {
				return &URLError{Parameter: name}
			}
		}
	}
	return &URLError{}
}

// serverName names a database for the operator, without its password.
func serverName(cfg *pgxpool.Config) string {
	name := cfg.ConnConfig.Database
	if name == "" { // it is the user's then
		name = cfg.ConnConfig.User
	}
	return "database " + name + " at " + hosts(cfg)
}

// hosts names the servers of a URL for the operator.
func hosts(cfg *pgxpool.Config) string {
	all := net.JoinHostPort(cfg.ConnConfig.Host, fmt.Sprint(cfg.ConnConfig.Port))
	seen := map[string]bool{all: true}
	for _, f := range cfg.ConnConfig.Fallbacks { // one more for each way of TLS
		if next := net.JoinHostPort(f.Host, fmt.Sprint(f.Port)); !seen[next] {
			seen[next] = true
			all += ", " + next
		}
	}
	return all
}

// The pool, unless the URL says otherwise (pool_max_conns and the like, see
// pgxpool.ParseConfig). Connections are few: a transaction is a few milliseconds,
// and more of them at once wait for each other's rows.
const (
	minPoolSize    = 16
	connsPerCPU    = 4
	idleConns      = 4
	connectWithin  = 3 * time.Second
	pingWithin     = 2 * time.Second
	keepAliveIdle  = 10 * time.Second
	keepAliveEvery = 5 * time.Second
	keepAliveTries = 3
)

// leastPoolSize has one connection for an Update, one for what it spends ahead
// meanwhile, and one for a View.
const leastPoolSize = 3

// places divides the connections. While commits wait for a standby, Updates and
// those who spend ahead keep theirs, and Views must go on: two are left to them,
// of a small pool one.
func places(conns int) (writes, asks int) {
	views := 2
	if conns < 2*leastPoolSize {
		views = 1
	}
	asks = max(1, (conns-views)/4)
	return conns - views - asks, asks
}

// poolConfig reads the URL. What it says goes before what is set here. No error
// quotes it, for its password.
func poolConfig(text string) (*pgxpool.Config, error) {
	u, err := url.Parse(text)
	if err != nil || strings.Contains(u.Path, "@") { // what is behind a / in a password is no name
		return nil, errBadURL
	}
	said := u.Query()
	if said.Has("pool_max_conns") {
		if n, err := strconv.Atoi(said.Get("pool_max_conns")); err != nil || n < leastPoolSize {
			return nil, errBadURL
		}
	}
	cfg, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, errBadURL
	}
	if !said.Has("pool_max_conns") {
		cfg.MaxConns = int32(max(minPoolSize, connsPerCPU*runtime.GOMAXPROCS(0)))
	}
	if !said.Has("pool_min_conns") {
		cfg.MinConns = min(idleConns, cfg.MaxConns)
	}
	if !said.Has("target_session_attrs") {
		// Among several hosts, the one that takes writes; of one, refused if it
		// does not, now rather than at the first sign-up.
		cfg.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if !said.Has("connect_timeout") {
		cfg.ConnConfig.ConnectTimeout = connectWithin
	}
	dialer := &net.Dialer{
		Timeout:         cfg.ConnConfig.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveEvery, Count: keepAliveTries},
		Control:         giveUpUnacknowledged,
	}
	cfg.ConnConfig.DialFunc = brief.Dial(dialer.DialContext)
	cfg.BeforeConnect = neverCancel
	cfg.ConnConfig.OnNotice = noteWarning
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "bellhop"
	}
	cfg.PingTimeout = pingWithin
	cfg.AfterConnect = setUp
	return cfg, nil
}
