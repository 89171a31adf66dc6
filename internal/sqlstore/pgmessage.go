package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// pgMessage is a message that several inquiries share. What they assume of one pool is
// asked once.
type pgMessage struct {
	pg    *pgconn.PgConn
	known map[string]*pgStatement // that the connection has prepared for messages
	all   []*inquiry
	until time.Time

	pools []userpool.ConfigVersion // as they are
	there []bool                   // those that are there
}

// pgStatement is a statement that a connection has prepared.
type pgStatement struct {
	*pgconn.StatementDescription
	formats []int16                   // of its columns
	fields  []pgconn.FieldDescription // in these formats
}

// statementsKey is where a connection keeps them.
const statementsKey = "bellhop.statements"

func newPgMessage(c *pgx.Conn, all []*inquiry) *pgMessage {
	m := &pgMessage{pg: c.PgConn(), all: all, until: time.Now().Add(answerWithin)}
	m.known, _ = m.pg.CustomData()[statementsKey].(map[string]*pgStatement)
	if m.known == nil {
		m.known = make(map[string]*pgStatement)
		m.pg.CustomData()[statementsKey] = m.known
	}
	for _, q := range all {
		for _, a := range q.assumed {
			if m.pool(a.Pool) < 0 {
				m.pools = append(m.pools, userpool.ConfigVersion{Pool: a.Pool})
			}
		}
	}
	m.there = make([]bool, len(m.pools))
	return m
}

func (m *pgMessage) pool(id userpool.PoolID) int {
	return slices.IndexFunc(m.pools, func(v userpool.ConfigVersion) bool { return v.Pool == id })
}

// exchange sends the message and reads the answers. Where it fails, nobody is answered, and
// nobody knows in what state the connection is.
func (m *pgMessage) exchange() error {
	m.pg.Conn().SetReadDeadline(m.until)
	if err := m.prepare(); err != nil {
		return err
	}
	p := m.pg.StartPipeline(context.Background())
	defer p.Close()
	m.queue(p)
	if err := p.Sync(); err != nil {
		return err
	}
	if err := m.read(p); err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	for _, q := range m.all {
		q.err = nil
		if slices.ContainsFunc(q.assumed, m.isWrong) {
			q.err = errMistaken
		}
	}
	return nil
}

func (m *pgMessage) isWrong(a assumption) bool {
	i := m.pool(a.Pool)
	return !m.there[i] || m.pools[i].Version != a.Version
}

// prepare prepares what has not been asked on the connection before.
func (m *pgMessage) prepare() error {
	if err := m.learn(sqlConfigVersion); err != nil {
		return err
	}
	for _, q := range m.all {
		for _, a := range q.asks {
			if err := m.learn(a.query); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *pgMessage) learn(query string) error {
	if m.known[query] != nil {
		return nil
	}
	d, err := m.pg.Prepare(context.Background(), "together_"+strconv.Itoa(len(m.known)), query, nil)
	if err != nil {
		return err
	}
	s := &pgStatement{StatementDescription: d, fields: slices.Clone(d.Fields)}
	for i := range s.fields {
		if oid := s.fields[i].DataTypeOID; oid == pgtype.Int8OID || oid == pgtype.BoolOID {
			s.fields[i].Format = pgx.BinaryFormatCode // as putPlain reads them
		}
		s.formats = append(s.formats, s.fields[i].Format)
	}
	m.known[query] = s
	return nil
}

// queue puts what is asked into the pipeline.
func (m *pgMessage) queue(p *pgconn.Pipeline) {
	var room [512]byte // for the arguments of one statement
	params := make([][]byte, 0, 4)
	ask := func(s *pgStatement, args ...any) {
		b := room[:0]
		params = params[:0]
		for _, arg := range args {
			from := len(b)
			b, _ = appendArg(b, arg)
			params = append(params, b[from:len(b):len(b)])
		}
		p.SendQueryStatement(s.StatementDescription, params, nil, s.formats)
	}
	for _, v := range m.pools {
		ask(m.known[sqlConfigVersion], v.Pool)
	}
	for _, q := range m.all {
		for _, a := range q.asks {
			ask(m.known[a.query], a.args...)
		}
	}
}

// read reads the answers to what queue has asked.
func (m *pgMessage) read(p *pgconn.Pipeline) error {
	for i := range m.pools {
		err := eachRow(p, func(values [][]byte) error {
			m.there[i] = true
			return pgRow{m.known[sqlConfigVersion].fields, values}.Scan(&m.pools[i].Version)
		})
		if err != nil {
			return err
		}
	}
	for _, q := range m.all {
		for _, a := range q.asks {
			a.fields = m.known[a.query].fields
			err := eachRow(p, func(values [][]byte) error {
				a.rows = append(a.rows, rowKept(values))
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// eachRow calls do for the rows of the next answer.
func eachRow(p *pgconn.Pipeline, do func(values [][]byte) error) error {
	results, err := p.GetResults()
	if err != nil {
		return err
	}
	r, ok := results.(*pgconn.ResultReader)
	if !ok {
		return errors.New("the server has left out an answer")
	}
	for r.NextRow() {
		if err := do(r.Values()); err != nil {
			return err
		}
	}
	_, err = r.Close()
	return err
}
