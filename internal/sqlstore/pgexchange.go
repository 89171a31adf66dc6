package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// pgExchange is one message to the server and its answers: statements that the connection
// has prepared, each with its arguments, and an answer to each in their order. The driver
// has the protocol. What it does besides, for whatever a program may ask and into whatever
// it may read that, costs more than the statements of this package need.
type pgExchange struct {
	on   *pgStatements
	asks []pgAsk
	p    *pgconn.Pipeline
	read int // answers
}

type pgAsk struct {
	*pgStatement
	args []any
}

// pgStatement is a statement as a connection knows it.
type pgStatement struct {
	query   string
	sent    *pgconn.StatementDescription // nil before it is prepared
	params  []uint32                     // types of its arguments
	formats []int16                      // of its columns
	fields  []pgconn.FieldDescription    // in these formats
}

// pgStatements are those that a connection has prepared. They are constants of this
// package, so that there is an end to them.
type pgStatements struct {
	pg       *pgconn.PgConn
	prepares bool // unless its URL wants none prepared
	known    map[string]*pgStatement
	made     int      // names
	dropped  []string // names of those that are to be prepared again

	text   []byte // room for the arguments of one statement
	values [][]byte
}

const statementsKey = "bellhop.statements" // among the custom data of a connection

func newPgStatements(c *pgx.Conn) *pgStatements {
	return &pgStatements{
		pg: c.PgConn(), known: make(map[string]*pgStatement), text: make([]byte, 0, 512),
		prepares: c.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement,
	}
}

func newPgExchange(c *pgx.Conn) *pgExchange {
	return &pgExchange{on: c.PgConn().CustomData()[statementsKey].(*pgStatements), asks: make([]pgAsk, 0, 8)}
}

// ask adds a statement to the message.
func (e *pgExchange) ask(query string, args ...any) {
	s := e.on.known[query]
	if s == nil {
		s = &pgStatement{query: query}
		e.on.known[query] = s
	}
	e.asks = append(e.asks, pgAsk{s, args})
}

// send sends the message. Whatever comes of it, end must be called.
func (e *pgExchange) send() error {
	if err := e.prepare(); err != nil {
		return err
	}
	e.p = e.on.pg.StartPipeline(context.Background())
	for _, a := range e.asks {
		values, err := e.on.encode(a)
		switch {
		case err != nil:
			return err
		case a.sent == nil:
			e.p.SendQueryParams(a.query, values, nil, nil, nil)
		default:
			e.p.SendQueryStatement(a.sent, values, nil, a.formats)
		}
	}
	return e.p.Sync()
}

// answer reads the next answer, and calls row for its rows, if that is not nil.
func (e *pgExchange) answer(row func(pgRow) error) (tag pgconn.CommandTag, err error) {
	asked := e.asks[e.read]
	e.read++
	results, err := e.p.GetResults()
	if err != nil {
		return tag, err
	}
	r, ok := results.(*pgconn.ResultReader)
	if !ok {
		return tag, errors.New("the server has left out an answer")
	}
	fields := asked.fields
	if asked.sent == nil {
		fields = slices.Clone(r.FieldDescriptions())
	}
	for r.NextRow() {
		if row == nil {
			continue
		}
		if err := row(pgRow{fields, r.Values()}); err != nil {
			return tag, err
		}
	}
	return r.Close()
}

// end leaves out the answers that were not read. It returns err, or why the exchange failed
// if that is not known yet.
func (e *pgExchange) end(err error) error {
	if e.p != nil {
		if closed := e.p.Close(); err == nil {
			err = closed
		}
	}
	if state := sqlState(err); state == featureNotSupported || state == noSuchStatement {
		e.on.forget()
	}
	return err
}

// A server says these of a statement that was prepared for tables that have changed since,
// and of one that somebody has dropped.
const (
	featureNotSupported = "0A000"
	noSuchStatement     = "26000"
)

// forget has statements prepared again.
func (on *pgStatements) forget() {
	for _, s := range on.known {
		if s.sent != nil {
			on.dropped = append(on.dropped, s.sent.Name)
		}
	}
	clear(on.known)
}

// prepare prepares what has not been asked on the connection before.
func (e *pgExchange) prepare() (err error) {
	if !e.on.prepares || !slices.ContainsFunc(e.asks, func(a pgAsk) bool { return a.sent == nil }) {
		return nil
	}
	p := e.on.pg.StartPipeline(context.Background())
	defer func() {
		if closed := p.Close(); err == nil {
			err = closed
		}
	}()
	for _, name := range e.on.dropped {
		p.SendDeallocate(name)
	}
	var all []*pgStatement
	var names []string
	for _, a := range e.asks {
		if a.sent != nil || slices.Contains(all, a.pgStatement) {
			continue
		}
		e.on.made++
		name := "bellhop_" + strconv.Itoa(e.on.made)
		p.SendPrepare(name, a.query, nil)
		all, names = append(all, a.pgStatement), append(names, name)
	}
	if err := p.Sync(); err != nil {
		return err
	}
	for range e.on.dropped {
		if _, err := p.GetResults(); err != nil {
			return err
		}
	}
	e.on.dropped = nil
	for i, s := range all {
		results, err := p.GetResults()
		if err != nil {
			return err
		}
		d, ok := results.(*pgconn.StatementDescription)
		if !ok {
			return errors.New("the server has left out a statement")
		}
		d.Name = names[i]
		s.prepared(d)
	}
	return nil
}

// noRows is what the driver is told of a statement that has no columns: of one without
// fields it asks the server each time whether it has some by now.
var noRows = []pgconn.FieldDescription{{}}

func (s *pgStatement) prepared(d *pgconn.StatementDescription) {
	s.params, s.fields = d.ParamOIDs, slices.Clone(d.Fields)
	for i := range s.fields {
		if oid := s.fields[i].DataTypeOID; oid == pgtype.Int8OID || oid == pgtype.BoolOID {
			s.fields[i].Format = pgx.BinaryFormatCode // as putPlain reads them
		}
		s.formats = append(s.formats, s.fields[i].Format)
	}
	if len(d.Fields) == 0 {
		d.Fields = noRows
	}
	s.sent = d
}

// encode is the arguments of a statement in text, which are good until it is called again.
func (on *pgStatements) encode(a pgAsk) ([][]byte, error) {
	if a.sent != nil && len(a.params) != len(a.args) {
		return nil, fmt.Errorf("%d arguments for %d: %s", len(a.args), len(a.params), a.query)
	}
	b, values := on.text[:0], on.values[:0]
	for i, arg := range a.args {
		from := len(b)
		longer, plain := appendArg(b, arg)
		if !plain {
			var err error
			if longer, err = a.encodeByDriver(i, b); err != nil {
				return nil, err
			}
		}
		if longer == nil { // NULL
			values = append(values, nil)
			continue
		}
		b = longer
		values = append(values, b[from:len(b):len(b)])
	}
	if on.values = values; cap(b) <= mostRoom {
		on.text = b
	}
	return values, nil
}

// mostRoom bounds what a connection keeps for the next arguments.
const mostRoom = 1 << 14

func (a pgAsk) encodeByDriver(i int, b []byte) ([]byte, error) {
	var oid uint32 // 0: by what it is here
	if a.sent != nil {
		oid = a.params[i]
	}
	types := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(types)
	return types.Encode(oid, pgx.TextFormatCode, a.args[i], b)
}

// appendArg appends an argument as the server reads it in text, if it is a plain one. b is
// not nil.
func appendArg(b []byte, arg any) ([]byte, bool) {
	switch arg := arg.(type) {
	case string:
		return append(b, arg...), true
	case int64:
		return strconv.AppendInt(b, arg, 10), true
	case bool:
		return strconv.AppendBool(b, arg), true
	case userpool.UserID:
		return append(b, arg...), true
	case userpool.PoolID:
		return append(b, arg...), true
	case userpool.ClientID:
		return append(b, arg...), true
	case userpool.FamilyID:
		return append(b, arg...), true
	case []string:
		if arg == nil {
			return b, false
		}
		return appendArray(b, arg, appendQuoted), true
	case []int64:
		if arg == nil {
			return b, false
		}
		return appendArray(b, arg, func(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }), true
	}
	switch v := reflect.ValueOf(arg); {
	case v.Kind() == reflect.String:
		return append(b, v.String()...), true
	case v.CanInt():
		return strconv.AppendInt(b, v.Int(), 10), true
	case v.CanUint():
		return strconv.AppendUint(b, v.Uint(), 10), true
	}
	return b, false
}

func appendArray[T any](b []byte, all []T, add func([]byte, T) []byte) []byte {
	b = append(b, '{')
	for i, v := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = add(b, v)
	}
	return append(b, '}')
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
