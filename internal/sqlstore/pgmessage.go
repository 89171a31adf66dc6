package sqlstore

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// pgMessage is a message that several inquiries share. What they assume of one pool is
// asked once.
type pgMessage struct {
	*pgExchange
	all []*inquiry

	pools []userpool.ConfigVersion // as they are
	there []bool                   // those that are there
}

func newPgMessage(c *pgx.Conn, all []*inquiry) *pgMessage {
	m := &pgMessage{pgExchange: newPgExchange(c), all: all}
	for _, q := range all {
		for _, a := range q.assumed {
			if m.pool(a.Pool) < 0 {
				m.pools = append(m.pools, userpool.ConfigVersion{Pool: a.Pool})
				m.ask(sqlConfigVersion, a.Pool)
			}
		}
	}
	for _, q := range all {
		for _, a := range q.asks {
			m.ask(a.query, a.args...)
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
	m.on.pg.Conn().SetReadDeadline(time.Now().Add(answerWithin))
	err := m.send()
	if err == nil {
		err = m.answers()
	}
	if err := m.end(err); err != nil {
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

func (m *pgMessage) answers() error {
	for i := range m.pools {
		_, err := m.answer(func(r pgRow) error {
			m.there[i] = true
			return r.Scan(&m.pools[i].Version)
		})
		if err != nil {
			return err
		}
	}
	for _, q := range m.all {
		for _, a := range q.asks {
			if err := a.keep(m.pgExchange); err != nil {
				return err
			}
		}
	}
	return nil
}
