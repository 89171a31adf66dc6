package storetest

import (
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newLogDelivery(source string, place int) userpool.LogDelivery {
	return userpool.LogDelivery{
		PoolID: e.pool, Source: source, Place: place, Level: "INFO", Kind: userpool.LogGroup,
		ARN: "arn:aws:logs:us-east-1:123456789012:log-group:" + source, Cursor: "a", Lost: 7, Failures: 2, DueAt: e.now,
	}
}

func (e *env) setLogs(all ...userpool.LogDelivery) {
	e.Helper()
	e.do(func(tx userpool.Tx) error { return tx.SetLogDeliveries(e.ctx, e.pool, all) })
}

func (e *env) logsOf(pool userpool.PoolID) []userpool.LogDelivery {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]userpool.LogDelivery, error) { return tx.LogDeliveries(e.ctx, pool) })
}

func (e *env) claimLog(source string, now, until time.Time) (d userpool.LogDelivery, ok bool) {
	e.Helper()
	e.do(func(tx userpool.Tx) (err error) {
		d, ok, err = tx.ClaimLogDelivery(e.ctx, e.pool, source, now, until)
		return err
	})
	return d, ok
}

var logDeliveryCases = []testCase{
	{"LogDelivery/configurations are set as a whole, and go with their pool", func(e *env) {
		mails, auth := e.newLogDelivery("userNotification", 0), e.newLogDelivery("userAuthEvents", 1)
		e.setLogs(mails, auth)
		equal(e, "both", e.logsOf(e.pool), []userpool.LogDelivery{mails, auth})
		equal(e, "of all pools", e.logsOf(""), []userpool.LogDelivery{mails, auth})
		equal(e, "of another", len(e.logsOf("us-east-1_Away")), 0)
		auth.Place, auth.ARN, auth.Cursor = 0, "arn:aws:s3:::bucket", "b"
		e.setLogs(auth)
		equal(e, "one", e.logsOf(e.pool), []userpool.LogDelivery{auth})
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		equal(e, "without the pool", len(e.logsOf("")), 0)
	}},
	{"ClaimLogDelivery/by many gives it to one, until its lease is over", func(e *env) {
		d := e.newLogDelivery("userAuthEvents", 0)
		e.setLogs(d)
		winners := 0
		for _, won := range race(e, racers, func(tx userpool.Tx, _ int) (bool, error) {
			_, ok, err := tx.ClaimLogDelivery(e.ctx, e.pool, d.Source, e.now, e.in(time.Minute))
			return ok, err
		}) {
			if won {
				winners++
			}
		}
		equal(e, "winners", winners, 1)
		_, early := e.claimLog(d.Source, e.in(time.Minute-time.Millisecond), e.in(2*time.Minute))
		equal(e, "before the lease is over", early, false)
		got, ok := e.claimLog(d.Source, e.in(time.Minute), e.in(2*time.Minute))
		d.DueAt = e.in(2 * time.Minute)
		equal(e, "after it", got, d)
		equal(e, "claimed", ok, true)
		_, other := e.claimLog("userNotification", e.in(time.Hour), e.in(2*time.Hour))
		equal(e, "of one that is not there", other, false)
	}},
	{"MoveLogDelivery/moves from where it stands", func(e *env) {
		d := e.newLogDelivery("userAuthEvents", 0)
		e.setLogs(d)
		move := func(from userpool.AuditID, to userpool.LogDelivery) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.MoveLogDelivery(e.ctx, from, to) })
		}
		to := d
		to.Cursor, to.Lost, to.Failures, to.DueAt = "c", 9, 0, e.in(time.Second)
		equal(e, "from elsewhere", move("b", to), false)
		equal(e, "as it was", e.logsOf(e.pool), []userpool.LogDelivery{d})
		equal(e, "from there", move("a", to), true)
		equal(e, "moved", e.logsOf(e.pool), []userpool.LogDelivery{to})
	}},
}
