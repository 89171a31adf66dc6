package userpool

import (
	"context"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/passwordhash"
)

// ImportStatus is Cognito's UserImportJobStatusType.
type ImportStatus string

// The statuses of a job.
const (
	ImportCreated    ImportStatus = "Created"
	ImportPending    ImportStatus = "Pending"
	ImportInProgress ImportStatus = "InProgress"
	ImportStopping   ImportStatus = "Stopping"
	ImportStopped    ImportStatus = "Stopped"
	ImportSucceeded  ImportStatus = "Succeeded"
	ImportFailed     ImportStatus = "Failed"
	ImportExpired    ImportStatus = "Expired"
)

// ImportJob is a job that imports users from a file, as it is stored.
type ImportJob struct {
	PoolID      PoolID
	ID          string
	Name        string
	RoleARN     string                 // for CloudWatch; kept and given back
	Algorithm   passwordhash.Algorithm // of the hashes in the file, "" where it has none
	Status      ImportStatus
	Message     string // why it ended
	CreatedAt   time.Time
	StartedAt   time.Time
	CompletedAt time.Time
	ImportCounts
	Upload     string // the file that it reads, "" before one was uploaded
	Size       int64  // of the file, in bytes
	ReadTo     int64  // the bytes of the file that are done with
	Line       int64  // and its lines
	Holder     string // the run that is at it
	LeaseUntil time.Time
}

// ImportCounts are what became of the users of a file.
type ImportCounts struct {
	Imported, Skipped, Failed int64
}

// ImportPiece is a piece of an uploaded file. All are of importPiece bytes but the
// last.
type ImportPiece struct {
	Job    string
	Upload string
	Number int64 // from 0
	Text   string
}

// ID is the piece's in the store. Pieces of one upload are in the order of theirs.
func (p ImportPiece) ID() string { return fmt.Sprintf("%s/%s/%06d", p.Job, p.Upload, p.Number) }

// importTx keeps jobs that import users, and their files. A file goes with the job's
// end. Whoever is at a job has a lease on it: the verbs of who works at it do nothing
// for anybody else.
type importTx interface {
	// InsertImportJob stores a job unless the pool has as many as most: false then.
	InsertImportJob(ctx context.Context, j ImportJob, most int) (bool, error)
	ImportJob(ctx context.Context, pool PoolID, id string) (ImportJob, error)
	// ImportJobs returns at most limit jobs of the pool, the newest first, those
	// before the given one. Of that only ID and CreatedAt count; zero is none.
	ImportJobs(ctx context.Context, pool PoolID, before ImportJob, limit int) ([]ImportJob, error)
	// Importing says whether a job of the pool, or of any pool where it is "", was
	// started and has not ended.
	Importing(ctx context.Context, pool PoolID) (bool, error)

	// PutImportPiece stores a piece of an upload.
	PutImportPiece(ctx context.Context, p ImportPiece) error
	// ImportPiece finds one piece of the job's file.
	ImportPiece(ctx context.Context, job, upload string, number int64) (ImportPiece, error)
	// TakeUpload makes an upload of so many pieces the file of a job that was not
	// started, in one statement; false if the job was, or pieces are missing.
	TakeUpload(ctx context.Context, job, upload string, size, pieces int64) (bool, error)
	// DropUpload removes an upload that is no job's file.
	DropUpload(ctx context.Context, job, upload string) error
	// DropUploads removes all that was uploaded for the job but the uploads that are
	// named.
	DropUploads(ctx context.Context, job string, keep ...string) error

	// StartImportJob makes a job that has a file Pending, in one statement, if it is
	// Created; false if not.
	StartImportJob(ctx context.Context, pool PoolID, id string, now time.Time) (bool, error)
	// StopImportJob makes a job Stopping, in one statement, if it is Pending or
	// InProgress; false if not.
	StopImportJob(ctx context.Context, pool PoolID, id string) (bool, error)
	// ClaimImportJob hands a started job that nobody has a lease on to the holder;
	// ErrNotFound if there is none. A Pending one is InProgress then.
	ClaimImportJob(ctx context.Context, holder string, now, leaseUntil time.Time) (ImportJob, error)
	// AdvanceImportJob stores how far the holder has come, and his next lease, in one
	// statement; ErrNotFound if he has none any more. The job is as it then stands.
	AdvanceImportJob(ctx context.Context, j ImportJob) (ImportJob, error)
	// EndImportJob ends the job that its holder is at, with its Status, Message and
	// CompletedAt, and its file; false if he has no lease any more.
	EndImportJob(ctx context.Context, j ImportJob) (bool, error)
	// ExpireImportJobs ends, with the message, at most limit jobs that were created
	// before the time and not started, and their files.
	ExpireImportJobs(ctx context.Context, before, now time.Time, message string, limit int) (int, error)
	// ImportsDue says whether there is a job to claim at now, or to expire that was
	// created before the time.
	ImportsDue(ctx context.Context, now, before time.Time) (bool, error)
}
