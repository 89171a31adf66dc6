package sqlstore

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	auditColumns = `id, at, operation, actor_kind, actor, pool_id, client_id, user_id, name_hash, masked,
		address, request_id, outcome, reason, detail, device, feedback`
	auditValues = `($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`

	sqlInsertAudit = `insert into audit (` + auditColumns + `) values ` + auditValues + ` on conflict do nothing`
	sqlPutAudit    = `insert into audit (` + auditColumns + `) values ` + auditValues + `
		on conflict (id) do update set actor_kind = excluded.actor_kind, actor = excluded.actor,
			pool_id = excluded.pool_id, client_id = excluded.client_id, user_id = excluded.user_id,
			name_hash = excluded.name_hash, masked = excluded.masked, outcome = excluded.outcome,
			reason = excluded.reason, detail = excluded.detail, device = excluded.device`

	auditBetween = ` id > $1 and id < $2`
	auditOldest  = ` order by id limit $3`
	auditNewest  = ` order by id desc limit $3`

	sqlAudit             = `select ` + auditColumns + ` from audit where` + auditBetween + auditOldest
	sqlAuditNewest       = `select ` + auditColumns + ` from audit where` + auditBetween + auditNewest
	sqlAuditOfPool       = `select ` + auditColumns + ` from audit where pool_id = $4 and` + auditBetween + auditOldest
	sqlAuditOfPoolNewest = `select ` + auditColumns + ` from audit where pool_id = $4 and` + auditBetween + auditNewest
	sqlAuditOfUser       = `select ` + auditColumns + ` from audit where user_id = $4 and` + auditBetween + auditOldest
	sqlAuditOfUserNewest = `select ` + auditColumns + ` from audit where user_id = $4 and` + auditBetween + auditNewest
	sqlAuditOfName       = `select ` + auditColumns + ` from audit where name_hash = $4 and` + auditBetween + auditOldest
	sqlAuditOfNameNewest = `select ` + auditColumns + ` from audit where name_hash = $4 and` + auditBetween + auditNewest

	sqlSweepAudit = `delete from audit where id in (
		select id from audit where id < $1 order by id limit $2)`
	sqlAuditRow   = `select ` + auditColumns + ` from audit where id = $1`
	sqlSayOfAudit = `update audit set feedback = $2 where id = $1`

	sqlForgetMasks = `update audit set masked = '' where user_id = $1 and pool_id = $2 and masked <> ''`
)

// afterEveryID is above every id: those are hexadecimal.
const afterEveryID = "~"

func scanAudit(r row) (a userpool.AuditRow, err error) {
	err = r.Scan(&a.ID, moment{&a.At}, &a.Operation, &a.ActorKind, &a.Actor, &a.PoolID, &a.ClientID, &a.UserID,
		&a.NameHash, &a.Masked, &a.Address, &a.RequestID, &a.Outcome, &a.Reason, &a.Detail, &a.Device, &a.Feedback)
	return a, err
}

func (t *tx) PutAudit(ctx context.Context, r userpool.AuditRow) error {
	return t.writeAudit(ctx, sqlPutAudit, r)
}

func (t *tx) InsertAudit(ctx context.Context, r userpool.AuditRow) error {
	return t.writeAudit(ctx, sqlInsertAudit, r)
}

func (t *tx) AddAudit(ctx context.Context, r userpool.AuditRow) error {
	return t.insertNew(ctx, sqlInsertAudit, auditRow(r)...)
}

func (t *tx) writeAudit(ctx context.Context, query string, r userpool.AuditRow) error {
	return t.run(ctx, query, auditRow(r)...)
}

func auditRow(r userpool.AuditRow) []any {
	return []any{r.ID, millis(r.At), r.Operation, r.ActorKind, r.Actor, r.PoolID, r.ClientID, r.UserID,
		r.NameHash, r.Masked, r.Address, r.RequestID, r.Outcome, r.Reason, r.Detail, r.Device, r.Feedback}
}

func (t *tx) AuditRow(ctx context.Context, id userpool.AuditID) (userpool.AuditRow, error) {
	return one(ctx, t, scanAudit, sqlAuditRow, id)
}

func (t *tx) SayOfAudit(ctx context.Context, id userpool.AuditID, feedback string) (bool, error) {
	return t.changed(ctx, sqlSayOfAudit, id, feedback)
}

// Audit has a statement for each index and direction, so that a page never reads
// more rows than it returns.
func (t *tx) Audit(ctx context.Context, p userpool.AuditPage) ([]userpool.AuditRow, error) {
	below := p.Below
	if below == "" {
		below = afterEveryID
	}
	args := []any{p.Above, below, p.Limit}
	oldest, newest := sqlAudit, sqlAuditNewest
	switch {
	case p.NameHash != "":
		oldest, newest, args = sqlAuditOfName, sqlAuditOfNameNewest, append(args, p.NameHash)
	case p.User != "":
		oldest, newest, args = sqlAuditOfUser, sqlAuditOfUserNewest, append(args, p.User)
	case p.Pool != "":
		oldest, newest, args = sqlAuditOfPool, sqlAuditOfPoolNewest, append(args, p.Pool)
	}
	if p.Newest {
		return many(ctx, t, scanAudit, newest, args...)
	}
	return many(ctx, t, scanAudit, oldest, args...)
}

func (t *tx) SweepAudit(ctx context.Context, below userpool.AuditID, limit int) (int, error) {
	n, err := t.exec(ctx, sqlSweepAudit, below, limit)
	return int(n), err
}
