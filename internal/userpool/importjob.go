package userpool

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passwordhash"
)

// A user import job reads users from a file that was uploaded to an address which
// CreateUserImportJob gave out. The file lies in the store, sealed and in pieces, so
// that any server can work at the job, and is gone when the job has ended.

// Cognito's times: the address is good for a quarter of an hour, and a job that is
// not started in a day never will be (developer guide, import jobs).
const (
	uploadFor  = 15 * time.Minute
	startFor   = 24 * time.Hour
	maxImports = 1000 // jobs of a pool

	importPiece = 64 << 10 // bytes of the file
)

// ImportPath begins the paths that files are uploaded to; the job's id ends them.
const ImportPath = "/import/"

const stableUpload = "import upload"

// errUpload is all that whoever uploads to a wrong address is told.
var errUpload = fault.New(fault.NotAuthorized, "The address to upload to is wrong or has expired. Create a new user import job for another.")

// NewImport asks for a job.
type NewImport struct {
	PoolID    PoolID
	Name      string
	RoleARN   string
	Algorithm passwordhash.Algorithm // "" for a file without hashes
}

// CreateUserImportJob makes a job that waits for its file.
func (s *Service) CreateUserImportJob(ctx context.Context, r NewImport) (ImportJob, error) {
	j := ImportJob{
		PoolID: r.PoolID, ID: newImportID(), Name: r.Name, RoleARN: r.RoleARN, Algorithm: r.Algorithm,
		Status: ImportCreated, CreatedAt: s.now(),
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, r.PoolID); err != nil {
			return err
		}
		inserted, err := tx.InsertImportJob(ctx, j, maxImports)
		if err == nil && !inserted {
			err = fault.New(fault.LimitExceeded, "A user pool has at most %d user import jobs.", maxImports)
		}
		return err
	})
	return j, err
}

// newImportID is an id as Cognito's are.
func newImportID() string { return "import-" + newHandle()[:20] }

// DescribeUserImportJob returns a job.
func (s *Service) DescribeUserImportJob(ctx context.Context, pool PoolID, id string) (j ImportJob, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		j, err = loadImport(ctx, tx, pool, id)
		return err
	})
	return j, err
}

func loadImport(ctx context.Context, tx Tx, pool PoolID, id string) (ImportJob, error) {
	if _, err := loadPool(ctx, tx, pool); err != nil {
		return ImportJob{}, err
	}
	j, err := tx.ImportJob(ctx, pool, id)
	return j, notFound(err, fault.New(fault.ResourceNotFound, "User import job does not exist."))
}

// ImportPage is one page of a pool's jobs. Next is "" on the last.
type ImportPage struct {
	Jobs []ImportJob
	Next string
}

const listImports = "ListUserImportJobs"

// ListUserImportJobs returns a page of the pool's jobs, the newest first.
func (s *Service) ListUserImportJobs(ctx context.Context, pool PoolID, limit int, token string) (page ImportPage, err error) {
	after, err := s.openPage(listImports, token, string(pool))
	if err != nil {
		return ImportPage{}, err
	}
	var before ImportJob
	if after != "" {
		at, id, _ := strings.Cut(after, "/")
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return ImportPage{}, fmt.Errorf("page of import jobs: %w", err)
		}
		before.ID, before.CreatedAt = id, time.UnixMilli(ms)
	}
	limit = pageLimit(limit)
	err = s.store.View(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, pool); err != nil {
			return err
		}
		page.Jobs, err = tx.ImportJobs(ctx, pool, before, limit+1)
		return err
	})
	if err != nil {
		return ImportPage{}, err
	}
	page.Jobs, after = cutPage(page.Jobs, limit, func(j ImportJob) string { return fmt.Sprintf("%d/%s", j.CreatedAt.UnixMilli(), j.ID) })
	if after != "" {
		page.Next = s.sealPage(listImports, after, string(pool))
	}
	return page, nil
}

// GetCSVHeader returns the columns of a file for the pool.
func (s *Service) GetCSVHeader(ctx context.Context, pool PoolID) ([]string, error) {
	p, err := s.viewPool(ctx, pool)
	return p.Settings.CSVHeader(), err
}

// UploadURL is the address that the job's file is uploaded to: whoever knows it may,
// for a quarter of an hour from the job's creation.
func (s *Service) UploadURL(j ImportJob) string {
	expires := j.CreatedAt.Add(uploadFor).Unix()
	q := url.Values{
		"pool": {string(j.PoolID)}, "expires": {strconv.FormatInt(expires, 10)},
		"signature": {hex.EncodeToString(s.signUpload(j.PoolID, j.ID, expires))},
	}
	return s.publicURL + ImportPath + j.ID + "?" + q.Encode()
}

func (s *Service) signUpload(pool PoolID, id string, expires int64) []byte {
	return s.stable(stableUpload, string(pool), id, strconv.FormatInt(expires, 10))
}

// mayUpload checks an address to upload to.
func (s *Service) mayUpload(id string, q url.Values, at time.Time) (PoolID, error) {
	pool := PoolID(q.Get("pool"))
	expires, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if err != nil {
		return "", errUpload
	}
	signature, err := hex.DecodeString(q.Get("signature"))
	if err != nil || !hmac.Equal(signature, s.signUpload(pool, id, expires)) || !at.Before(time.Unix(expires, 0)) {
		return "", errUpload
	}
	return pool, nil
}

// uploadTogether is how many pieces one transaction stores.
const uploadTogether = 8

// UploadImport stores the file of a job that was not started, and puts it in the
// place of one that was uploaded before. Until the last of it has come nothing
// changes.
func (s *Service) UploadImport(ctx context.Context, id string, q url.Values, file io.Reader) error {
	pool, err := s.mayUpload(id, q, s.now())
	if err != nil {
		return err
	}
	var j ImportJob
	upload := newHandle()[:16]
	err = s.store.Update(ctx, func(tx Tx) error {
		if j, err = loadImport(ctx, tx, pool, id); err != nil {
			return err
		}
		if j.Status != ImportCreated {
			return errNotCreated
		}
		return tx.DropUploads(ctx, id, j.Upload, upload) // what others began ends
	})
	if err != nil {
		return err
	}
	size, pieces, err := s.storeFile(ctx, id, upload, file)
	if err == nil {
		err = s.takeUpload(ctx, j, upload, size, pieces)
	}
	if err != nil {
		s.dropUpload(ctx, id, upload)
	}
	return err
}

var errNotCreated = fault.New(fault.PreconditionNotMet, "The user import job has been started, or has ended.")

// takeUpload makes the upload the job's file, which is in the audit trail: whoever
// brought it knew the address.
func (s *Service) takeUpload(ctx context.Context, j ImportJob, upload string, size, pieces int64) (err error) {
	ctx = s.Begin(ctx, Call{Operation: "UploadImportFile"})
	defer func() { s.End(ctx, err) }()
	return s.store.Update(ctx, func(tx Tx) error {
		taken, err := tx.TakeUpload(ctx, j.ID, upload, size, pieces)
		if err != nil {
			return err
		}
		if !taken {
			return errNotCreated
		}
		return tx.DropUploads(ctx, j.ID, upload)
	})
}

// dropUpload removes what came of an upload that failed. What stays nevertheless goes
// with the job's end.
func (s *Service) dropUpload(ctx context.Context, id, upload string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	err := s.store.Update(ctx, func(tx Tx) error { return tx.DropUpload(ctx, id, upload) })
	if err != nil {
		s.log.WarnContext(ctx, "an upload that failed was not removed", "job", id, "error", err)
	}
}

// storeFile stores the file in sealed pieces.
func (s *Service) storeFile(ctx context.Context, id, upload string, file io.Reader) (size, pieces int64, err error) {
	var count CountRows
	var waiting []ImportPiece
	store := func() error {
		err := s.store.Update(ctx, func(tx Tx) error {
			for _, p := range waiting {
				if err := tx.PutImportPiece(ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
		waiting = nil
		return err
	}
	buf := make([]byte, importPiece)
	for end := false; !end; {
		n, err := io.ReadFull(file, buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			end = true
		case err != nil:
			return 0, 0, err
		}
		if err := count.Count(buf[:n]); err != nil {
			return 0, 0, err
		}
		if n > 0 {
			p := ImportPiece{Job: id, Upload: upload, Number: pieces}
			p.Text = s.ring.Seal(sealImport, []byte(p.ID()), buf[:n])
			waiting = append(waiting, p)
			pieces++
		}
		if len(waiting) == uploadTogether || end && len(waiting) > 0 {
			if err := store(); err != nil {
				return 0, 0, err
			}
		}
	}
	return count.Size, pieces, nil
}

// importFile reads a job's file from the store.
type importFile struct {
	ctx  context.Context
	s    *Service
	job  ImportJob
	at   int64 // bytes
	text []byte
}

func (f *importFile) Read(p []byte) (int, error) {
	if len(f.text) == 0 {
		if f.at >= f.job.Size {
			return 0, io.EOF
		}
		if err := f.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.text)
	f.text = f.text[n:]
	f.at += int64(n)
	return n, nil
}

// fetch gets what there is of the piece from here on.
func (f *importFile) fetch() error {
	var p ImportPiece
	err := f.s.store.View(f.ctx, func(tx Tx) (err error) {
		p, err = tx.ImportPiece(f.ctx, f.job.ID, f.job.Upload, f.at/importPiece)
		return err
	})
	if err != nil {
		return fmt.Errorf("read file: %w", err)
	}
	plain, err := f.s.ring.Open(sealImport, []byte(p.ID()), p.Text)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	if behind := f.at % importPiece; behind < int64(len(plain)) {
		f.text = plain[behind:]
		return nil
	}
	return io.ErrUnexpectedEOF
}

// metaImporting is written by all who start a job, so that of two that start one at
// once the second sees the first.
const metaImporting = "import_started"

// StartUserImportJob has a job begin that has a file. One at a time does, of all
// pools, as one of an account does on Cognito.
func (s *Service) StartUserImportJob(ctx context.Context, pool PoolID, id string) (j ImportJob, err error) {
	at := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		if j, err = loadImport(ctx, tx, pool, id); err != nil {
			return err
		}
		p, err := tx.Pool(ctx, pool)
		if err != nil {
			return err
		}
		if err := tx.PutMeta(ctx, metaImporting, id); err != nil {
			return err
		}
		busy, err := tx.Importing(ctx, "")
		switch {
		case err != nil:
			return err
		case j.Status != ImportCreated || !at.Before(j.CreatedAt.Add(startFor)):
			return errNotCreated
		case j.Upload == "":
			return fault.New(fault.PreconditionNotMet, "No csv file was uploaded for %s", id)
		case len(p.Settings.AutoVerified) == 0:
			return errNothingVerified
		case busy:
			return fault.New(fault.PreconditionNotMet, "Another user import job is active. Only one can be at a time.")
		}
		started, err := tx.StartImportJob(ctx, pool, id, at)
		if err == nil && !started {
			err = errNotCreated
		}
		if err != nil {
			return err
		}
		j, err = tx.ImportJob(ctx, pool, id)
		return err
	})
	if err != nil {
		return ImportJob{}, err
	}
	s.kickImports()
	return j, nil
}

// StopUserImportJob has a job end that was started. What it has imported stays.
func (s *Service) StopUserImportJob(ctx context.Context, pool PoolID, id string) (j ImportJob, err error) {
	err = s.store.Update(ctx, func(tx Tx) error {
		if j, err = loadImport(ctx, tx, pool, id); err != nil {
			return err
		}
		stopped, err := tx.StopImportJob(ctx, pool, id)
		if err != nil {
			return err
		}
		if !stopped && j.Status != ImportStopping {
			return fault.New(fault.PreconditionNotMet, "The user import job is not running.")
		}
		j, err = tx.ImportJob(ctx, pool, id)
		return err
	})
	if err != nil {
		return ImportJob{}, err
	}
	s.kickImports()
	return j, nil
}

// kickImports asks this server to look for a job.
func (s *Service) kickImports() {
	select {
	case s.imports <- struct{}{}:
	default:
	}
}

// notImporting refuses a change of the pool while users are imported into it.
func notImporting(ctx context.Context, tx Tx, pool PoolID) error {
	busy, err := tx.Importing(ctx, pool)
	if err == nil && busy {
		err = fault.New(fault.UserImportInProgress, "A user import job is in progress for the user pool. Wait for its end, or stop it.")
	}
	return err
}
