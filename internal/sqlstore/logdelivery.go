package sqlstore

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	logColumns = `pool_id, source, place, level, kind, arn, cursor_id, lost, failures, due_at`

	sqlInsertLog  = `insert into log_deliveries (` + logColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	sqlDeleteLogs = `delete from log_deliveries where pool_id = $1`
	sqlLogsOfPool = `select ` + logColumns + ` from log_deliveries where pool_id = $1 order by place`
	sqlLogs       = `select ` + logColumns + ` from log_deliveries order by pool_id, place`
	sqlClaimLog   = `update log_deliveries set due_at = $4 where pool_id = $1 and source = $2 and due_at <= $3
		returning ` + logColumns
	sqlMoveLog = `update log_deliveries set cursor_id = $4, lost = $5, failures = $6, due_at = $7
		where pool_id = $1 and source = $2 and cursor_id = $3`
)

func scanLog(r row) (d userpool.LogDelivery, err error) {
	err = r.Scan(&d.PoolID, &d.Source, &d.Place, &d.Level, &d.Kind, &d.ARN, &d.Cursor, &d.Lost, &d.Failures, moment{&d.DueAt})
	return d, err
}

func (t *tx) LogDeliveries(ctx context.Context, pool userpool.PoolID) ([]userpool.LogDelivery, error) {
	if pool == "" {
		return many(ctx, t, scanLog, sqlLogs)
	}
	return many(ctx, t, scanLog, sqlLogsOfPool, pool)
}

func (t *tx) SetLogDeliveries(ctx context.Context, pool userpool.PoolID, all []userpool.LogDelivery) error {
	if err := t.touch(ctx, sqlTouchPool, pool); err != nil {
		return err
	}
	if err := t.run(ctx, sqlDeleteLogs, pool); err != nil {
		return err
	}
	for _, d := range all {
		if err := t.run(ctx, sqlInsertLog, pool, d.Source, d.Place, d.Level, d.Kind, d.ARN, d.Cursor, d.Lost, d.Failures, millis(d.DueAt)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) ClaimLogDelivery(ctx context.Context, pool userpool.PoolID, source string, now, until time.Time) (userpool.LogDelivery, bool, error) {
	return maybe(ctx, t, scanLog, sqlClaimLog, pool, source, millis(now), millis(until))
}

func (t *tx) MoveLogDelivery(ctx context.Context, from userpool.AuditID, to userpool.LogDelivery) (bool, error) {
	return t.changed(ctx, sqlMoveLog, to.PoolID, to.Source, from, to.Cursor, to.Lost, to.Failures, millis(to.DueAt))
}
