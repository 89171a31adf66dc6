package userpool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passwordhash"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const importHeader = "cognito:username,phone_number,phone_number_verified,name,password_hash\n"

// phoneRow is a row of a user with that many-th number.
func phoneRow(n int) string {
	return fmt.Sprintf("+9198%08d,+9198%08d,TRUE,Rider %d,\n", n, n, n)
}

func phoneFile(users int) string {
	var b strings.Builder
	b.WriteString(importHeader)
	for n := range users {
		b.WriteString(phoneRow(n))
	}
	return b.String()
}

func (w *world) newImport(algorithm passwordhash.Algorithm) userpool.ImportJob {
	w.t.Helper()
	j, err := w.s.CreateUserImportJob(w.ctx, userpool.NewImport{PoolID: w.pool, Name: "riders", RoleARN: "arn:aws:iam::1:role/logs", Algorithm: algorithm})
	w.must(err)
	return j
}

func (w *world) upload(j userpool.ImportJob, file io.Reader) error {
	w.t.Helper()
	u, err := url.Parse(w.s.UploadURL(j))
	w.must(err)
	return w.s.UploadImport(w.ctx, strings.TrimPrefix(u.Path, userpool.ImportPath), u.Query(), file)
}

func (w *world) importJob(j userpool.ImportJob) userpool.ImportJob {
	w.t.Helper()
	j, err := w.s.DescribeUserImportJob(w.ctx, w.pool, j.ID)
	w.must(err)
	return j
}

func (w *world) startImport(j userpool.ImportJob) {
	w.t.Helper()
	started, err := w.s.StartUserImportJob(w.ctx, w.pool, j.ID)
	w.must(err)
	if started.Status != userpool.ImportPending || started.StartedAt.IsZero() {
		w.t.Fatalf("a started job is %+v", started)
	}
}

// imported has a file imported to its end.
func (w *world) imported(algorithm passwordhash.Algorithm, file string) userpool.ImportJob {
	w.t.Helper()
	j := w.newImport(algorithm)
	w.must(w.upload(j, strings.NewReader(file)))
	w.startImport(j)
	w.settle()
	return w.importJob(j)
}

// importEnds fails the test unless the job has ended so.
func (w *world) importEnds(j userpool.ImportJob, status userpool.ImportStatus, message string, imported, skipped, failed int64) {
	w.t.Helper()
	if want := (userpool.ImportCounts{Imported: imported, Skipped: skipped, Failed: failed}); j.Status != status || j.Message != message || j.ImportCounts != want || j.CompletedAt.IsZero() {
		w.t.Fatalf("the job is %s %q %+v, completed at %v; want %s %q %+v", j.Status, j.Message, j.ImportCounts, j.CompletedAt, status, message, want)
	}
	if n := w.pieces(); n != 0 {
		w.t.Fatalf("%d pieces of files are left", n)
	}
}

// pieces counts the pieces of files in the store.
func (w *world) pieces() int {
	w.t.Helper()
	var rows []userpool.SealedRow
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		rows, err = tx.SealedRows(w.ctx, userpool.SealedImportFiles, userpool.SealedRow{}, 1000)
		return err
	}))
	return len(rows)
}

func TestImport_ALifeOfAJob(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		j := w.newImport("")
		_, err := w.s.StartUserImportJob(w.ctx, w.pool, j.ID)
		w.want(err, fault.PreconditionNotMet, "No csv file was uploaded for "+j.ID)
		_, err = w.s.StopUserImportJob(w.ctx, w.pool, j.ID)
		w.want(err, fault.PreconditionNotMet, "")

		// The last file that came whole is the job's.
		w.must(w.upload(j, strings.NewReader(phoneFile(5000))))
		broken := io.MultiReader(strings.NewReader(phoneFile(5000)), breaking{})
		if err := w.upload(j, broken); !errors.Is(err, errBroken) {
			t.Fatalf("an upload that broke: %v", err)
		}
		file := "\ufeff" + importHeader + phoneRow(1) + phoneRow(2) + "\r\n" + asha + "," + asha + ",true,Asha,\n" +
			"+919800000003,,,\"Rao, \"\"Ravi\"\"\",\n" + "not a number,,,,\n" + strings.TrimSuffix(phoneRow(4), "\n") + "\r\n" + phoneRow(5) + phoneRow(1)
		w.must(w.upload(j, strings.NewReader(file)))
		if n := w.pieces(); n != 1 {
			t.Errorf("%d pieces are there of a file of one", n)
		}
		w.startImport(j)
		w.settle()
		w.importEnds(w.importJob(j), userpool.ImportSucceeded, "Import Job Completed Successfully.", 4, 2, 2)
		for _, line := range []string{
			"[SKIPPED] Line Number 5 - The user already exists.",
			"[FAILED] Line Number 6 - The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true).",
			"[FAILED] Line Number 7 - ", "[SKIPPED] Line Number 10 - ",
		} {
			if !strings.Contains(w.log.String(), line) {
				t.Errorf("the log lacks %q:\n%s", line, w.log)
			}
		}
		for _, secret := range []string{"98000000", "Rider", "Ravi", "not a number"} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
		w.texted(home, "+919800000004") // without a password, by a code
		_, err = w.s.StartUserImportJob(w.ctx, w.pool, j.ID)
		w.want(err, fault.PreconditionNotMet, "")
		w.want(w.upload(j, strings.NewReader(file)), fault.PreconditionNotMet, "")
		again := w.imported("", file)
		w.importEnds(again, userpool.ImportFailed, "Too many users have failed or been skipped during the import.", 0, 6, 2)
	})
}

var errBroken = errors.New("the connection broke")

type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, errBroken }

func TestImport_UploadsOnlyToASignedAddressForAQuarterOfAnHour(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		j, other := w.newImport(""), w.newImport("")
		u, err := url.Parse(w.s.UploadURL(j))
		w.must(err)
		try := func(id string, change func(url.Values)) error {
			q := u.Query()
			change(q)
			return w.s.UploadImport(w.ctx, id, q, strings.NewReader(phoneFile(1)))
		}
		for name, change := range map[string]func(url.Values){
			"another signature": func(q url.Values) { q.Set("signature", strings.Repeat("0", 64)) },
			"none":              func(q url.Values) { q.Del("signature") },
			"a later end":       func(q url.Values) { q.Set("expires", "99999999999") },
			"another pool":      func(q url.Values) { q.Set("pool", "us-east-1_Other") },
		} {
			if err := try(j.ID, change); !fault.Is(err, fault.NotAuthorized) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.want(try(other.ID, func(url.Values) {}), fault.NotAuthorized, "")
		w.pass(15*time.Minute - time.Second)
		w.must(try(j.ID, func(url.Values) {}))
		w.pass(time.Second)
		w.want(try(j.ID, func(url.Values) {}), fault.NotAuthorized, "expired")
		w.passDown(24 * time.Hour)
		w.importEnds(w.importJob(j), userpool.ImportExpired, "The Import Job has expired.", 0, 0, 0)
		_, err = w.s.StartUserImportJob(w.ctx, w.pool, j.ID)
		w.want(err, fault.PreconditionNotMet, "")
	})
}

// pacedClock is a server's clock that is asked, between a batch of rows and the note
// of it, when the next lease ends. There the server can be held.
type pacedClock struct {
	batches int
	each    func(batch int)
}

func (c *pacedClock) Now() time.Time { return time.Now() }

func (c *pacedClock) After(at time.Time, d time.Duration) time.Time {
	if d == time.Minute {
		c.batches++
		c.each(c.batches)
	}
	return at.Add(d)
}

// node runs one more server on the store, paced, until the function that it returns
// is called.
func (w *world) node(each func(batch int)) (s *userpool.Service, stop func()) {
	w.t.Helper()
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: w.store, Ring: w.ring, Sender: &smstest.Phone{}, Mailer: w.mail, Shared: true,
		Region: "us-east-1", PublicURL: "http://localhost:9400", Clock: &pacedClock{each: each},
	})
	w.must(err)
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		w.must(<-done)
	}
}

// A server dies between a batch and the note of it, keeping its lease; another takes
// over a minute later, and every user has come once and is counted once.
func TestImport_GoesOnElsewhere_AfterItsServerDied(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		const users = 350
		j := w.newImport("")
		w.must(w.upload(j, strings.NewReader(phoneFile(users))))
		w.stop()
		dead := make(chan struct{})
		dying, stop := w.node(func(batch int) {
			if batch == 2 {
				<-dead // as by SIGKILL: nothing of it is seen any more
			}
		})
		_, err := dying.StartUserImportJob(w.ctx, w.pool, j.ID)
		w.must(err)
		w.settle()
		if now := w.importJob(j); now.Status != userpool.ImportInProgress || now.Imported != 100 {
			t.Fatalf("the job is %+v", now)
		}
		w.start()
		w.pass(30 * time.Second)
		if now := w.importJob(j); now.Imported != 100 {
			t.Fatalf("taken over before its lease ended: %+v", now)
		}
		w.pass(45 * time.Second)
		w.importEnds(w.importJob(j), userpool.ImportSucceeded, "Import Job Completed Successfully.", users, 0, 0)
		close(dead) // what is not so dead as it seemed may do nothing any more
		synctest.Wait()
		stop()
		w.importEnds(w.importJob(j), userpool.ImportSucceeded, "Import Job Completed Successfully.", users, 0, 0)
		if n := w.users(); n != users {
			t.Errorf("%d users have come of %d", n, users)
		}
	})
}

func (w *world) users() (n int) {
	w.t.Helper()
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		n, err = tx.CountUsers(w.ctx, w.pool, 1_000_000)
		return err
	}))
	return n
}

// A server that is stopped leaves the job to the next at once.
func TestImport_StopsInTheMiddle_AndServersComeAndGo(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.stop()
		j, later := w.newImport(""), w.newImport("")
		w.must(w.upload(j, strings.NewReader(phoneFile(450))))
		w.must(w.upload(later, strings.NewReader(phoneFile(1))))
		step := make(chan struct{})
		s, stop := w.node(func(int) { step <- struct{}{} })
		_, err := s.StartUserImportJob(w.ctx, w.pool, j.ID)
		w.must(err)
		<-step // the first batch is there
		for name, change := range map[string]func() error{
			"UpdateUserPool": func() error { return w.s.UpdateUserPool(w.ctx, userpool.PoolUpdate{ID: w.pool}) },
			"DeleteUserPool": func() error { return w.s.DeleteUserPool(w.ctx, w.pool) },
			"AddCustomAttributes": func() error {
				return w.s.AddCustomAttributes(w.ctx, w.pool, []userpool.CustomAttribute{{Name: "custom:seat", Type: userpool.TypeString, Mutable: true}})
			},
		} {
			if err := change(); !fault.Is(err, fault.UserImportInProgress) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = w.s.StartUserImportJob(w.ctx, w.pool, later.ID)
		w.want(err, fault.PreconditionNotMet, "Only one")
		w.settle() // the second batch is there, and not noted
		cancelled := make(chan struct{})
		go func() { stop(); close(cancelled) }()
		w.settle()
		<-step
		<-cancelled
		if now := w.importJob(j); now.Status != userpool.ImportInProgress || now.Imported != 100 || w.users() != 200 {
			t.Fatalf("the job of a server that stopped is %+v, with %d users", now, w.users())
		}
		was := w.importJob(j).Imported
		_, stop = w.node(func(int) { step <- struct{}{} })
		<-step
		stopping, err := w.s.StopUserImportJob(w.ctx, w.pool, j.ID)
		w.must(err)
		if stopping.Status != userpool.ImportStopping {
			t.Errorf("a stopped job is %s", stopping.Status)
		}
		_, err = w.s.StopUserImportJob(w.ctx, w.pool, j.ID)
		w.must(err)
		w.settle()
		<-step
		w.settle()
		ended := w.importJob(j)
		if ended.Status != userpool.ImportStopped || ended.Message != "The Import Job was stopped by the developer." || ended.Imported <= was || ended.Imported == 450 {
			t.Errorf("the job ended %+v", ended)
		}
		if n := w.users(); int64(n) != ended.Imported {
			t.Errorf("%d users are there, %d were imported", n, ended.Imported)
		}
		stop()
		w.start()
		w.startImport(later)
		w.settle()
		w.importEnds(w.importJob(later), userpool.ImportFailed, "Too many users have failed or been skipped during the import.", 0, 1, 0)
		w.must(w.s.AddCustomAttributes(w.ctx, w.pool, []userpool.CustomAttribute{{Name: "custom:seat", Type: userpool.TypeString, Mutable: true}}))
	})
}

// A file that cannot be read any more, say since its master key is gone, is tried for
// as long as nobody stops the job.
func TestImport_WhoseFileCannotBeRead_IsStopped(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		j := w.newImport("")
		w.must(w.upload(j, strings.NewReader(phoneFile(3))))
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
			rows, err := tx.SealedRows(w.ctx, userpool.SealedImportFiles, userpool.SealedRow{}, 10)
			if err != nil {
				return err
			}
			_, err = tx.ReplaceSealed(w.ctx, rows[0], []string{"unreadable"})
			return err
		}))
		w.startImport(j)
		w.pass(time.Minute)
		if now := w.importJob(j); now.Status != userpool.ImportInProgress {
			t.Fatalf("the job is %+v", now)
		}
		_, err := w.s.StopUserImportJob(w.ctx, w.pool, j.ID)
		w.must(err)
		w.pass(time.Minute)
		w.importEnds(w.importJob(j), userpool.ImportStopped, "The Import Job was stopped by the developer.", 0, 0, 0)
	})
}
