package sqlstore

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

var postgresDialect = dialect{
	schema: postgresSchema,
	begin:  "begin isolation level read committed", // sees what was committed before its turn
	turn:   migrationTurn,
	claim:  claimSchema,

	prepare:     holdPools,
	noteVersion: tellServers,
	tables:      `select relname::text from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')`,
}

var textType = regexp.MustCompile(`(?m)^([^-\n]*?)\btext\b`)

// postgresSchema compares all texts by their bytes, as SQLite does: by what
// language the database was made for would differ from machine to machine, and
// between versions of the system's library.
func postgresSchema(text string) string {
	text = strings.NewReplacer("{without rowid}", "", "{bytes}", "").Replace(text)
	return textType.ReplaceAllString(text, `${1}text collate "C"`)
}

// migrationLock is the advisory lock that servers take turns by when they bring
// the schema up to date: "Bellhop" in ASCII.
const migrationLock = 0x42656c6c686f70

const (
	pgMigrationTurn = `select count(*) from (select pg_advisory_xact_lock($1)) turn`
	pgTables        = `select count(*) from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')`
	pgOurTables     = `select count(*) from pg_attribute where attrelid = to_regclass('schema_migrations')
		and attname in ('version', 'name', 'applied_at')`
)

func migrationTurn(c conn) error {
	_, err := number(c, pgMigrationTurn, migrationLock)
	return err
}

const (
	pgNoOtherPools = "lock table pools in share row exclusive mode"
	pgPoolsAlone   = "lock table pools in access exclusive mode"
)

// holdPools takes its turn where the servers take theirs: a transaction of theirs reads
// pools first and writes other tables after that, so that a step which locked these first
// would wait for it, and it for the step. What it takes is the most that the step asks of
// pools, for who asks for more later meets those who wait for it meanwhile.
//
// To take a foreign key away is to lock the table that it refers to, against readers too.
func holdPools(c conn, version int64) error {
	lock := pgNoOtherPools
	switch {
	case version <= firstConfigVersion: // the text of that one locks pools first
		return nil
	case version == detachedVersion:
		lock = pgPoolsAlone
	}
	_, err := c.exec(lock)
	return err
}

// tellServers has every server that is of an older schema notice a step: it asks for no
// more than the version of a pool's configuration, and for that of the schema where the
// former has changed. Whoever makes or changes a pool just now has come before the step, or
// comes after its commit: holdPools sees to that.
func tellServers(c conn, version int64) error {
	if version <= firstConfigVersion { // no server knows one
		return nil
	}
	_, err := c.exec(sqlRenewEveryConfig, newConfigVersion())
	return err
}

// claimSchema makes an empty schema Bellhop's and refuses somebody else's.
func claimSchema(c conn) error {
	ours, err := number(c, pgOurTables)
	if err != nil || ours == 3 {
		return err
	}
	tables, err := number(c, pgTables)
	if err != nil {
		return err
	}
	if tables != 0 {
		return errForeignTables
	}
	return c.script(sqlMakeMigrations)
}

var errForeignTables = errors.New("another program's tables are in this database; give Bellhop a database of its own, or a schema by ?search_path=NAME")

// classifyPostgres sorts by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html),
// never by text. Of a server's error only the message is kept, for its detail may
// quote a row.
func classifyPostgres(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch {
	case e.Code == "23503":
		// Every foreign key is a row's pool.
		return fault.Wrap(fault.ResourceNotFound, err, "The user pool does not exist.")
	case e.Code == "40001", e.Code == "40P01", e.Code == "55P03", e.Code == "57014":
		return fault.Wrap(fault.Unavailable, err, "The database is busy.").After(time.Second)
	case strings.HasPrefix(e.Code, "23"):
		return fault.Wrap(fault.Conflict, err, "The record exists.")
	case e.Code == "54000": // a name that is longer than a third of a page
		return fault.Wrap(fault.InvalidParameter, err, "A text is too long to be a name.")
	case strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "58"), e.Code == "25006":
		return fault.Wrap(fault.Unavailable, err, "The database cannot write.").After(10 * time.Second)
	case strings.HasPrefix(e.Code, "57"), strings.HasPrefix(e.Code, "08"), e.Code == "25P03", e.Code == "25P04":
		return fault.Wrap(fault.Unavailable, err, "The database cannot be reached.").After(time.Second)
	}
	return fault.Wrap(fault.Internal, err, "")
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// isConflict says whether a transaction must be run again for what others did
// meanwhile.
func isConflict(err error) bool {
	code := sqlState(err)
	return code == "40001" || code == "40P01"
}

// isDoubled says whether a statement failed of several rows where it takes them for one.
// A transaction that makes again what another has deleted since its snapshot sees both
// rows of the key (at repeatable read by design: postgr.es/m/708274.1638118266@sss.pgh.pa.us),
// and need only run again; but a mistake in a statement fails of the same.
func isDoubled(err error) bool { return sqlState(err) == "21000" }

func isReadOnly(err error) bool { return sqlState(err) == "25006" }

// errBroken marks a statement whose connection ended: what ran on it and was not
// committed is not stored.
var errBroken = errors.New("the connection to the database is broken")

func broken(cause error) error {
	if isReadOnly(cause) { // known as what it is
		return classifyPostgres(cause)
	}
	return fault.Wrap(fault.Unavailable, fmt.Errorf("%w: %w", errBroken, cause), "The database cannot be reached.").After(time.Second)
}

// unreachable is why no connection could be had.
func unreachable(cause error) error {
	cause = oneLine{cause}
	if sqlState(cause) == "53300" {
		return fault.Wrap(fault.Unavailable, cause, "The database is busy.").After(time.Second)
	}
	return fault.Wrap(fault.Unavailable, cause, "The database cannot be reached.").After(time.Second)
}

// explainPostgres words for the operator why a database cannot be opened.
func explainPostgres(err error) error {
	var why string
	connecting := errors.As(err, new(*pgconn.ConnectError))
	switch code := sqlState(err); {
	case code == "28P01", code == "28000":
		why = "the server refuses the user or the password"
	case code == "3D000":
		why = "there is no such database; make it with createdb"
	case code == "42501":
		why = "the user lacks rights here; let it own the database, or run bellhop migrate as one who may make tables and grant this one select, insert, update and delete on them"
	case code == "25006":
		why = "the server is read-only, as a standby is; name the primary, or all hosts separated by commas"
	case code == "55P03":
		why = "another server has been bringing the schema up to date for a minute; start again when it has done"
	case code == "53300":
		why = "the server has no connection left; raise its max_connections or lower pool_max_conns in the URL"
	case connecting && code == "42704":
		why = "the URL has a parameter that neither Bellhop nor the server knows"
	case connecting && strings.Contains(err.Error(), "read only connection"):
		why = "no server of the URL takes writes; see whether the primary is down, or all of them are standbys"
	case connecting && strings.Contains(err.Error(), "ValidateConnect failed"):
		why = "no server of the URL is what its target_session_attrs asks for; leave that out, and the one that takes writes is looked for"
	case connecting && strings.Contains(err.Error(), "tls error"):
		why = "TLS to the server fails; see its ssl setting, and sslmode and sslrootcert in the URL"
	case connecting, errors.Is(err, errBroken):
		why = "the server cannot be reached; see whether it is up, and its host and port right"
	default:
		return err
	}
	return fmt.Errorf("%s: %w", why, oneLine{err})
}

// oneLine is an error whose text is one line, and says nothing twice: the driver
// lists each address, and each again for the way without TLS.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	var lines []string
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) < 2 {
		return strings.Join(lines, "")
	}
	return lines[0] + " " + strings.Join(lines[1:], "; ")
}
