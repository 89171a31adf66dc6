package sqlstore

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	importColumns = `pool_id, id, name, role_arn, algorithm, status, message, created_at, started_at, completed_at,
		imported, skipped, failed, upload, size, read_to, line, holder, lease_until`

	sqlInsertImport = `insert into import_jobs (` + importColumns + `)
		select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
		where (select count(*) from import_jobs where pool_id = $1) < $20`
	sqlImport  = `select ` + importColumns + ` from import_jobs where pool_id = $1 and id = $2`
	sqlImports = `select ` + importColumns + ` from import_jobs
		where pool_id = $1 and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4`
	importStarted = `completed_at = 0 and status in ('Pending', 'InProgress', 'Stopping')`
	sqlImporting  = `select count(*) from import_jobs where ` + importStarted + ` and (pool_id = $1 or $1 = '')`

	sqlPutPiece = `insert into import_files (id, job_id, upload, piece, sealed) values ($1, $2, $3, $4, $5)
		on conflict (id) do update set sealed = excluded.sealed`
	sqlPiece      = `select job_id, upload, piece, sealed from import_files where job_id = $1 and upload = $2 and piece = $3`
	sqlTakeUpload = `update import_jobs set upload = $2, size = $3
		where id = $1 and status = 'Created'
			and (select count(*) from import_files where job_id = $1 and upload = $2) = $4`
	sqlDropUpload = `delete from import_files where job_id = $1 and upload = $2
		and not exists (select 1 from import_jobs where id = $1 and upload = $2)`
	sqlDropUploads = `delete from import_files where job_id = $1 and upload <> $2 and upload <> $3`

	sqlStartImport = `update import_jobs set status = 'Pending', started_at = $3
		where pool_id = $1 and id = $2 and status = 'Created' and upload <> ''`
	sqlStopImport = `update import_jobs set status = 'Stopping'
		where pool_id = $1 and id = $2 and status in ('Pending', 'InProgress')`
	// The second look at the lease decides between two that chose the same row.
	sqlClaimImport = `update import_jobs set holder = $1, lease_until = $3,
		status = case status when 'Pending' then 'InProgress' else status end
		where ` + importStarted + ` and lease_until <= $2 and id = (
			select id from import_jobs where ` + importStarted + ` and lease_until <= $2
			order by started_at, id limit 1)
		returning ` + importColumns
	sqlAdvanceImport = `update import_jobs set imported = $3, skipped = $4, failed = $5, read_to = $6, line = $7, lease_until = $8
		where id = $1 and holder = $2 and ` + importStarted + `
		returning ` + importColumns
	sqlEndImport = `update import_jobs set status = $3, message = $4, completed_at = $5, holder = '', lease_until = 0
		where id = $1 and holder = $2 and ` + importStarted
	importUnstarted  = `completed_at = 0 and status = 'Created' and created_at < $1`
	sqlExpiredImport = `select id from import_jobs where ` + importUnstarted + ` order by id limit $2`
	sqlExpireImport  = `update import_jobs set status = 'Expired', completed_at = $2, message = $3, upload = ''
		where id = $1 and status = 'Created'`
	sqlImportsDue = `select count(*) from import_jobs
		where ` + importStarted + ` and lease_until <= $2 or ` + importUnstarted
)

func scanImport(r row) (j userpool.ImportJob, err error) {
	err = r.Scan(&j.PoolID, &j.ID, &j.Name, &j.RoleARN, &j.Algorithm, &j.Status, &j.Message,
		moment{&j.CreatedAt}, moment{&j.StartedAt}, moment{&j.CompletedAt}, &j.Imported, &j.Skipped, &j.Failed,
		&j.Upload, &j.Size, &j.ReadTo, &j.Line, &j.Holder, moment{&j.LeaseUntil})
	return j, err
}

// InsertImportJob touches the pool: of two that see one place left, the second sees
// the first.
func (t *tx) InsertImportJob(ctx context.Context, j userpool.ImportJob, most int) (bool, error) {
	if err := t.touch(ctx, sqlTouchPool, j.PoolID); err != nil {
		return false, err
	}
	return t.changed(ctx, sqlInsertImport, j.PoolID, j.ID, j.Name, j.RoleARN, j.Algorithm, j.Status, j.Message,
		millis(j.CreatedAt), millis(j.StartedAt), millis(j.CompletedAt), j.Imported, j.Skipped, j.Failed,
		j.Upload, j.Size, j.ReadTo, j.Line, j.Holder, millis(j.LeaseUntil), most)
}

func (t *tx) ImportJob(ctx context.Context, pool userpool.PoolID, id string) (userpool.ImportJob, error) {
	return one(ctx, t, scanImport, sqlImport, pool, id)
}

func (t *tx) ImportJobs(ctx context.Context, pool userpool.PoolID, before userpool.ImportJob, limit int) ([]userpool.ImportJob, error) {
	at := int64(math.MaxInt64)
	if before.ID != "" {
		at = millis(before.CreatedAt)
	}
	return many(ctx, t, scanImport, sqlImports, pool, at, before.ID, limit)
}

func (t *tx) Importing(ctx context.Context, pool userpool.PoolID) (bool, error) {
	n, err := one(ctx, t, value[int], sqlImporting, pool)
	return n > 0, err
}

func (t *tx) PutImportPiece(ctx context.Context, p userpool.ImportPiece) error {
	return t.run(ctx, sqlPutPiece, p.ID(), p.Job, p.Upload, p.Number, p.Text)
}

func (t *tx) ImportPiece(ctx context.Context, job, upload string, number int64) (userpool.ImportPiece, error) {
	return one(ctx, t, func(r row) (p userpool.ImportPiece, err error) {
		err = r.Scan(&p.Job, &p.Upload, &p.Number, &p.Text)
		return p, err
	}, sqlPiece, job, upload, number)
}

func (t *tx) TakeUpload(ctx context.Context, job, upload string, size, pieces int64) (bool, error) {
	return t.changed(ctx, sqlTakeUpload, job, upload, size, pieces)
}

func (t *tx) DropUpload(ctx context.Context, job, upload string) error {
	return t.run(ctx, sqlDropUpload, job, upload)
}

func (t *tx) DropUploads(ctx context.Context, job string, keep ...string) error {
	keep = append(keep, "", "")
	return t.run(ctx, sqlDropUploads, job, keep[0], keep[1])
}

func (t *tx) StartImportJob(ctx context.Context, pool userpool.PoolID, id string, now time.Time) (bool, error) {
	return t.changed(ctx, sqlStartImport, pool, id, millis(now))
}

func (t *tx) StopImportJob(ctx context.Context, pool userpool.PoolID, id string) (bool, error) {
	return t.changed(ctx, sqlStopImport, pool, id)
}

func (t *tx) ClaimImportJob(ctx context.Context, holder string, now, leaseUntil time.Time) (userpool.ImportJob, error) {
	return one(ctx, t, scanImport, sqlClaimImport, holder, millis(now), millis(leaseUntil))
}

func (t *tx) AdvanceImportJob(ctx context.Context, j userpool.ImportJob) (userpool.ImportJob, error) {
	return one(ctx, t, scanImport, sqlAdvanceImport, j.ID, j.Holder, j.Imported, j.Skipped, j.Failed, j.ReadTo, j.Line, millis(j.LeaseUntil))
}

func (t *tx) EndImportJob(ctx context.Context, j userpool.ImportJob) (bool, error) {
	ended, err := t.changed(ctx, sqlEndImport, j.ID, j.Holder, j.Status, j.Message, millis(j.CompletedAt))
	if err != nil || !ended {
		return false, err
	}
	return true, t.DropUploads(ctx, j.ID)
}

func (t *tx) ExpireImportJobs(ctx context.Context, before, now time.Time, message string, limit int) (int, error) {
	ids, err := many(ctx, t, value[string], sqlExpiredImport, millis(before), limit)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := cmp.Or(t.run(ctx, sqlExpireImport, id, millis(now), message), t.DropUploads(ctx, id)); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

func (t *tx) ImportsDue(ctx context.Context, now, before time.Time) (bool, error) {
	n, err := one(ctx, t, value[int], sqlImportsDue, millis(before), millis(now))
	return n > 0, err
}
