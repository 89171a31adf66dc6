package userpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// One of the servers on the store works at a job, on a lease that it renews with each
// batch of rows. If it dies, another goes on at the row where the last batch ended
// that was noted. A batch that was stored and not noted is done again, and finds its
// users there: the sub of each is made of job and line, so they are known for the
// job's own.

const (
	importsEvery = 10 * time.Second
	importLease  = time.Minute
	importBatch  = arriveBatch
	expireAtOnce = 20
)

// What is said of jobs that have ended, in Cognito's words.
const (
	sayImported  = "Import Job Completed Successfully."
	sayMostNot   = "Too many users have failed or been skipped during the import."
	sayStopped   = "The Import Job was stopped by the developer."
	sayExpired   = "The Import Job has expired."
	saySucceeded = "[SUCCEEDED] Line Number %d - The import succeeded."
	saySkipped   = "[SKIPPED] Line Number %d - The user already exists."
	sayFailed    = "[FAILED] Line Number %d - %s"
)

// runImports works at jobs until there are none.
func (s *Service) runImports(ctx context.Context) error {
	for ctx.Err() == nil {
		at := s.now()
		old := at.Add(-startFor)
		var due bool
		err := s.store.View(ctx, func(tx Tx) (err error) {
			due, err = tx.ImportsDue(ctx, at, old)
			return err
		})
		if err != nil || !due {
			return err
		}
		if err := s.expireImports(ctx, at, old); err != nil {
			return err
		}
		j, err := s.claimImport(ctx, at)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil {
			err = s.workAt(ctx, j)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) expireImports(ctx context.Context, at, old time.Time) error {
	return s.store.Update(ctx, func(tx Tx) error {
		_, err := tx.ExpireImportJobs(ctx, old, at, sayExpired, expireAtOnce)
		return err
	})
}

func (s *Service) claimImport(ctx context.Context, at time.Time) (j ImportJob, err error) {
	holder := newID()
	err = s.store.Update(ctx, func(tx Tx) (err error) {
		j, err = tx.ClaimImportJob(ctx, holder, at, at.Add(importLease))
		return err
	})
	return j, err
}

// errLeaseLost says that another is at the job.
var errLeaseLost = errors.New("another server has taken the job over")

// workAt works at a job until it ends, or ctx does. Then the job is left to whoever
// looks next.
func (s *Service) workAt(ctx context.Context, j ImportJob) error {
	s.log.InfoContext(ctx, "users are imported", "pool", j.PoolID, "job", j.ID, "line", j.Line)
	left, err := s.importRows(ctx, &j)
	switch {
	case errors.Is(err, errLeaseLost):
		s.log.WarnContext(ctx, "a user import job was taken over", "job", j.ID)
		return nil
	case err != nil:
		s.leaveImport(ctx, j)
		return fmt.Errorf("import job %s: %w", j.ID, err)
	}
	return s.endImport(ctx, j, left)
}

// leaveImport ends the lease, so that another need not wait for its end.
func (s *Service) leaveImport(ctx context.Context, j ImportJob) {
	ctx, cancel := outlasting(ctx, finishWithin)
	defer cancel()
	j.LeaseUntil = time.Time{}
	err := s.store.Update(ctx, func(tx Tx) error {
		_, err := tx.AdvanceImportJob(ctx, j)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		s.log.WarnContext(ctx, "the lease on a user import job stays until it ends", "job", j.ID, "error", err)
	}
}

// ended is how a job ends.
type ended struct {
	status  ImportStatus
	message string
}

// importRows imports the rows that are left of the job's file, and says how it ends.
func (s *Service) importRows(ctx context.Context, j *ImportJob) (ended, error) {
	if j.Status == ImportStopping { // whether or not its file can be read
		return ended{ImportStopped, sayStopped}, nil
	}
	p, err := s.viewPool(ctx, j.PoolID)
	if err != nil {
		return ended{}, err
	}
	f, err := NewUserFile(p, j.Algorithm, &importFile{ctx: ctx, s: s, job: *j})
	if wrong, ok := errors.AsType[ErrUserFile](err); ok {
		return ended{ImportFailed, wrong.Error()}, nil
	}
	if err != nil {
		return ended{}, err
	}
	if j.ReadTo > 0 {
		f.Resume(&importFile{ctx: ctx, s: s, job: *j, at: j.ReadTo}, j.ReadTo, j.Line)
	}
	for {
		rows, err := f.Rows(importBatch)
		last := errors.Is(err, io.EOF)
		wrong, isWrong := errors.AsType[ErrUserFile](err)
		if err != nil && !last && !isWrong {
			return ended{}, err
		}
		if err := s.importBatch(ctx, j, f, rows); err != nil {
			return ended{}, err
		}
		switch {
		case j.Status == ImportStopping:
			return ended{ImportStopped, sayStopped}, nil
		case isWrong:
			return ended{ImportFailed, wrong.Error()}, nil
		case last && j.Skipped+j.Failed > j.Imported:
			return ended{ImportFailed, sayMostNot}, nil
		case last:
			return ended{ImportSucceeded, sayImported}, nil
		}
	}
}

// importBatch imports rows and notes how far the job has come.
func (s *Service) importBatch(ctx context.Context, j *ImportJob, f *UserFile, rows []UserRow) error {
	var users []Arrival
	var of []UserRow
	next := *j
	for _, row := range rows {
		if row.Why != nil {
			next.Failed++
			s.tellRow(ctx, *j, row, row.Why)
			continue
		}
		row.User.ID = s.rowID(*j, row)
		users, of = append(users, row.User), append(of, row)
	}
	outcomes, err := s.Arrive(ctx, j.PoolID, users)
	if err != nil {
		return err
	}
	for i, outcome := range outcomes {
		if next.count(of[i], outcome) {
			s.tellRow(ctx, *j, of[i], outcome)
		}
	}
	next.ReadTo, next.Line = f.Position()
	next.LeaseUntil = s.after(s.now(), importLease)
	err = s.store.Update(ctx, func(tx Tx) error {
		*j, err = tx.AdvanceImportJob(ctx, next)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return errLeaseLost
	}
	return err
}

// count counts what became of a row, and says whether there is something to tell. A
// user who is there by the sub that the job gave him has come by the same row, in a
// run that did not live to note it.
func (c *ImportCounts) count(row UserRow, outcome error) (tell bool) {
	switch {
	case outcome == nil, errors.Is(outcome, ErrSkipped) && row.User.ID != "":
		c.Imported++
		return false
	case errors.Is(outcome, ErrSkipped), fault.Is(outcome, fault.UsernameExists), fault.Is(outcome, fault.AliasExists):
		c.Skipped++
	default:
		c.Failed++
	}
	return true
}

// tellRow writes to the log what became of a row, in Cognito's words: by its line,
// and with none of its values.
func (s *Service) tellRow(ctx context.Context, j ImportJob, row UserRow, outcome error) {
	s.log.LogAttrs(ctx, slog.LevelWarn, "user import", slog.String("pool", string(j.PoolID)), slog.String("job", j.ID),
		slog.String("result", row.Result(outcome)))
}

// Result words what became of a row.
func (r UserRow) Result(outcome error) string {
	switch {
	case outcome == nil:
		return fmt.Sprintf(saySucceeded, r.Line)
	case errors.Is(outcome, ErrSkipped), fault.Is(outcome, fault.UsernameExists), fault.Is(outcome, fault.AliasExists):
		return fmt.Sprintf(saySkipped, r.Line)
	}
	return fmt.Sprintf(sayFailed, r.Line, r.WhyNot(outcome))
}

// rowID is the sub of the user of a row: the same however often the row is read. Who
// brings his own sub for a name keeps it.
func (s *Service) rowID(j ImportJob, row UserRow) UserID {
	if uuidText.MatchString(row.User.Username) {
		return ""
	}
	b := [16]byte(s.stable(stableImport, j.ID, strconv.FormatInt(row.Line, 10))[:16])
	b[standInVersion] = 0x40 | b[standInVersion]&0x0f
	b[standInVariant] = 0x80 | b[standInVariant]&0x3f
	return UserID(uuid.UUID(b).String())
}

const stableImport = "import row"

// endImport ends a job, and its file.
func (s *Service) endImport(ctx context.Context, j ImportJob, how ended) error {
	j.Status, j.Message, j.CompletedAt = how.status, how.message, s.now()
	var mine bool
	err := s.store.Update(ctx, func(tx Tx) error {
		now, err := tx.ImportJob(ctx, j.PoolID, j.ID)
		if err != nil {
			return err
		}
		if now.Status == ImportStopping { // while the last rows were imported
			j.Status, j.Message = ImportStopped, sayStopped
		}
		mine, err = tx.EndImportJob(ctx, j)
		return err
	})
	if err != nil || !mine {
		return err
	}
	s.log.InfoContext(ctx, "a user import job has ended", "pool", j.PoolID, "job", j.ID, "status", j.Status, "message", j.Message,
		"imported", j.Imported, "skipped", j.Skipped, "failed", j.Failed)
	return nil
}

// ImportFile imports what is left of a file at once, without a job, and tells of each
// batch what became of its rows. Whoever is interrupted begins again: users who are
// there are skipped.
func (s *Service) ImportFile(ctx context.Context, p Pool, f *UserFile, tell func(rows []UserRow, outcomes []error, so ImportCounts)) error {
	var counts ImportCounts
	for {
		rows, end := f.Rows(importBatch)
		if end != nil && !errors.Is(end, io.EOF) {
			return end
		}
		outcomes := make([]error, len(rows))
		var users []Arrival
		var of []int
		for i, row := range rows {
			if outcomes[i] = row.Why; row.Why == nil {
				users, of = append(users, row.User), append(of, i)
			}
		}
		came, err := s.Arrive(ctx, p.ID, users)
		if err != nil {
			return err
		}
		for i, outcome := range came {
			outcomes[of[i]] = outcome
		}
		for i, row := range rows {
			counts.count(row, outcomes[i])
		}
		tell(rows, outcomes, counts)
		if end != nil {
			return nil
		}
	}
}
