package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// spendAhead spends what a limit lets a server have ahead, or what is needed, or
// nothing, in a transaction of its own, after it reported what is to be. ended
// is told how many there were and the outcome, which may be later than it is returned:
// whoever asked may go while the commit waits for a standby, and the commit is not
// given up.
func (db *postgres) spendAhead(ctx context.Context, key string, l guard.Limit, need int, back report, now time.Time, ended func(int, guard.Spent, error)) (guard.Spent, error) {
	var s guard.Spent
	taken := 0
	scan := func(r row) error {
		spent, err := scanSpent(r)
		s.Count, s.ResetAt = spent.Count, spent.ResetAt
		return err
	}
	err := db.apart(ctx, func(conn *pgConn) error {
		if err := back.to(conn, key); err != nil {
			return err
		}
		for _, n := range slices.Compact([]int{max(min(l.Ahead, l.Max), need), need}) {
			err := conn.query(sqlSpend, []any{key, millis(now), millis(now.Add(l.Window)), l.Max, n, n}, func(r row) error {
				s.OK, taken = true, n
				return scan(r)
			})
			if err != nil || s.OK {
				return err
			}
		}
		return conn.query(sqlCounter, []any{key, millis(now)}, scan) // until when it is refused
	}, func(err error) { ended(taken, s, err) })
	return s, err
}

// to tells the counter.
func (r report) to(c conn, key string) error {
	if r.gone != 0 {
		if _, err := c.exec(sqlReport, key, millis(r.resetAt), r.gone); err != nil {
			return err
		}
	}
	if r.returned > 0 {
		if _, err := c.exec(sqlGiveBack, key, millis(r.seen), r.returned); err != nil {
			return err
		}
	}
	return nil
}

// apart runs fn in a transaction beside that of an Update, whose outcome ended is
// told as well.
func (db *postgres) apart(ctx context.Context, fn func(*pgConn) error, ended func(error)) error {
	select {
	case db.asks <- struct{}{}:
	case <-ctx.Done():
		ended(ctx.Err())
		return ctx.Err()
	}
	c, err := db.acquire(ctx)
	if err != nil {
		<-db.asks
		ended(err)
		return err
	}
	conn := newPgConn(ctx, c.Conn())
	conn.begin(readCommitted.begin())
	if err := fn(conn); err != nil {
		release(c, conn.rollback())
		<-db.asks
		ended(err)
		return err
	}
	_, err = db.commit(ctx, c, conn, func(err error) {
		<-db.asks
		ended(err)
	})
	return err
}

// putBack gives to a counter what is held of it. What cannot be given comes back
// when the window closes.
func (db *postgres) putBack(ctx context.Context, key string, h *holding) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	_ = db.apart(ctx, func(conn *pgConn) error {
		if h.left > 0 || h.gone != 0 {
			if _, err := conn.exec(sqlPutBack, key, millis(h.resetAt), h.left, h.left+h.gone); err != nil {
				return err
			}
		}
		return report{returned: h.returned, seen: h.seen}.to(conn, key)
	}, func(error) {})
}
