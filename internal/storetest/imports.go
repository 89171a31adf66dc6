package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/passwordhash"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newImport(id string) userpool.ImportJob {
	return userpool.ImportJob{
		PoolID: e.pool, ID: id, Name: "Zoë's riders", RoleARN: "arn", Algorithm: passwordhash.Bcrypt,
		Status: userpool.ImportCreated, CreatedAt: e.now,
	}
}

func (e *env) insertImports(all ...userpool.ImportJob) {
	e.Helper()
	for _, j := range all {
		equal(e, j.ID, write(e, func(tx userpool.Tx) (bool, error) { return tx.InsertImportJob(e.ctx, j, 100) }), true)
	}
}

func (e *env) importJob(id string) userpool.ImportJob {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.ImportJob, error) { return tx.ImportJob(e.ctx, e.pool, id) })
}

// uploaded gives a job a file of one piece.
func (e *env) uploaded(id string) {
	e.Helper()
	e.putPieces(id, "file", 1)
	equal(e, "taken", e.takeUpload(id, "file", 1), true)
}

func (e *env) putPieces(job, upload string, n int64) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		for i := range n {
			if err := tx.PutImportPiece(e.ctx, userpool.ImportPiece{Job: job, Upload: upload, Number: i, Text: fmt.Sprint("sealed ", i)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *env) takeUpload(job, upload string, pieces int64) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) { return tx.TakeUpload(e.ctx, job, upload, 7, pieces) })
}

// hasPiece says whether the upload's first piece is there.
func (e *env) hasPiece(job, upload string) bool {
	e.Helper()
	return read(e, func(tx userpool.Tx) (bool, error) {
		p, err := tx.ImportPiece(e.ctx, job, upload, 0)
		if errors.Is(err, userpool.ErrNotFound) {
			return false, nil
		}
		return p == (userpool.ImportPiece{Job: job, Upload: upload, Text: "sealed 0"}), err
	})
}

func (e *env) startImport(id string) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) { return tx.StartImportJob(e.ctx, e.pool, id, e.in(time.Second)) })
}

func (e *env) claimImport(holder string, at time.Time) func(userpool.Tx) (userpool.ImportJob, error) {
	return func(tx userpool.Tx) (userpool.ImportJob, error) {
		return tx.ClaimImportJob(e.ctx, holder, at, at.Add(time.Minute))
	}
}

func (e *env) importing(pool userpool.PoolID) bool {
	e.Helper()
	return read(e, func(tx userpool.Tx) (bool, error) { return tx.Importing(e.ctx, pool) })
}

// noJob fails the test unless the verb finds no job.
func noJob(e *env, what string, fn func(userpool.Tx) (userpool.ImportJob, error)) {
	e.Helper()
	err := e.store.Update(e.ctx, func(tx userpool.Tx) error {
		_, err := fn(tx)
		return err
	})
	if !errors.Is(err, userpool.ErrNotFound) {
		e.Fatalf("%s: %v, want ErrNotFound", what, err)
	}
}

var importCases = []testCase{
	{"ImportJob/comes back as stored, and goes with its pool", func(e *env) {
		j := e.newImport("import-a")
		j.Status, j.Message, j.StartedAt, j.CompletedAt = userpool.ImportFailed, "why", e.in(time.Second), e.in(time.Minute)
		j.ImportCounts = userpool.ImportCounts{Imported: 1, Skipped: 2, Failed: 3}
		j.Upload, j.Size, j.ReadTo, j.Line, j.Holder, j.LeaseUntil = "upload", 1<<40, 5, 6, "me", e.in(time.Hour)
		e.insertImports(j, e.newImport("import-b"))
		equal(e, "job", e.importJob("import-a"), j)
		equal(e, "bare", e.importJob("import-b"), e.newImport("import-b"))
		equal(e, "one too many", write(e, func(tx userpool.Tx) (bool, error) { return tx.InsertImportJob(e.ctx, e.newImport("import-c"), 2) }), false)
		absent(e, "of another pool", func(tx userpool.Tx) (userpool.ImportJob, error) {
			return tx.ImportJob(e.ctx, "us-east-1_Other", "import-a")
		})
		e.putPieces("import-a", "upload", 2)
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		absent(e, "of a pool that is gone", func(tx userpool.Tx) (userpool.ImportJob, error) { return tx.ImportJob(e.ctx, e.pool, "import-a") })
		equal(e, "its file", e.hasPiece("import-a", "upload"), false)
	}},
	{"ImportJobs/lists the newest first, in pages", func(e *env) {
		for i, id := range []string{"import-c", "import-a", "import-d", "import-b"} {
			j := e.newImport(id)
			j.CreatedAt = e.in(time.Duration(i/2) * time.Second) // two at a time
			e.insertImports(j)
		}
		var all []string
		for before := (userpool.ImportJob{}); ; {
			page := read(e, func(tx userpool.Tx) ([]userpool.ImportJob, error) { return tx.ImportJobs(e.ctx, e.pool, before, 3) })
			if len(page) == 0 {
				break
			}
			for _, j := range page {
				all = append(all, j.ID)
			}
			before = userpool.ImportJob{ID: page[len(page)-1].ID, CreatedAt: page[len(page)-1].CreatedAt}
		}
		equal(e, "all", all, []string{"import-d", "import-b", "import-c", "import-a"})
	}},
	{"TakeUpload/takes what came whole, and only before the start", func(e *env) {
		e.insertImports(e.newImport("import-a"))
		equal(e, "without a file", e.startImport("import-a"), false)
		e.putPieces("import-a", "first", 2)
		equal(e, "a part", e.takeUpload("import-a", "first", 3), false)
		equal(e, "all", e.takeUpload("import-a", "first", 2), true)
		e.putPieces("import-a", "second", 1)
		e.putPieces("import-a", "third", 1)
		e.do(func(tx userpool.Tx) error { return tx.DropUploads(e.ctx, "import-a", "first", "third") })
		equal(e, "dropped meanwhile", e.takeUpload("import-a", "second", 1), false)
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.DropUpload(e.ctx, "import-a", "first"), tx.DropUpload(e.ctx, "import-a", "third"))
		})
		equal(e, "the job's own", e.hasPiece("import-a", "first"), true)
		equal(e, "another", e.hasPiece("import-a", "third"), false)
		raceOne(e, "start", func(tx userpool.Tx) (bool, error) {
			return tx.StartImportJob(e.ctx, e.pool, "import-a", e.in(time.Second))
		})
		e.putPieces("import-a", "late", 1)
		equal(e, "late", e.takeUpload("import-a", "late", 1), false)
		j := e.importJob("import-a")
		equal(e, "job", []any{j.Status, j.Upload, j.Size, j.StartedAt}, []any{userpool.ImportPending, "first", int64(7), e.in(time.Second)})
	}},
	{"ClaimImportJob/hands a job to one of many, until the lease ends", func(e *env) {
		e.insertImports(e.newImport("import-a"), e.newImport("import-b"))
		e.uploaded("import-a")
		noJob(e, "not started", e.claimImport("me", e.now))
		equal(e, "importing", e.importing(""), false)
		equal(e, "started", e.startImport("import-a"), true)
		equal(e, "importing", []bool{e.importing(e.pool), e.importing(""), e.importing("us-east-1_Other")}, []bool{true, true, false})
		raceOne(e, "claim", func(tx userpool.Tx) (bool, error) {
			j, err := e.claimImport("me", e.now)(tx)
			if errors.Is(err, userpool.ErrNotFound) {
				return false, nil
			}
			return j.Status == userpool.ImportInProgress && j.Holder == "me", err
		})
		noJob(e, "within the lease", e.claimImport("other", e.in(time.Minute-time.Millisecond)))
		mine := e.importJob("import-a")
		mine.ImportCounts, mine.ReadTo, mine.Line = userpool.ImportCounts{Imported: 5, Skipped: 1}, 70, 7
		mine.LeaseUntil = e.in(2 * time.Minute)
		equal(e, "advanced", write(e, func(tx userpool.Tx) (userpool.ImportJob, error) { return tx.AdvanceImportJob(e.ctx, mine) }), mine)
		next := write(e, e.claimImport("other", e.in(2*time.Minute)))
		equal(e, "goes on", []any{next.Holder, next.ReadTo, next.Imported, next.LeaseUntil}, []any{"other", int64(70), int64(5), e.in(3 * time.Minute)})
		noJob(e, "advance without a lease", func(tx userpool.Tx) (userpool.ImportJob, error) { return tx.AdvanceImportJob(e.ctx, mine) })
		mine.Status = userpool.ImportSucceeded
		end := func(j userpool.ImportJob) func(userpool.Tx) (bool, error) {
			return func(tx userpool.Tx) (bool, error) { return tx.EndImportJob(e.ctx, j) }
		}
		equal(e, "end without a lease", write(e, end(mine)), false)
		stop := func(tx userpool.Tx) (bool, error) { return tx.StopImportJob(e.ctx, e.pool, "import-a") }
		raceOne(e, "stop", stop)
		stopping := write(e, func(tx userpool.Tx) (userpool.ImportJob, error) { return tx.AdvanceImportJob(e.ctx, next) })
		equal(e, "its holder learns", stopping.Status, userpool.ImportStopping)
		next.Status, next.Message, next.CompletedAt = userpool.ImportStopped, "stopped", e.in(time.Hour)
		raceOne(e, "end", end(next))
		equal(e, "file", e.hasPiece("import-a", "file"), false)
		equal(e, "importing", e.importing(""), false)
		equal(e, "stopped twice", write(e, stop), false)
		next.Holder, next.LeaseUntil = "", time.Time{}
		equal(e, "ended", e.importJob("import-a"), next)
	}},
	{"ExpireImportJobs/ends those never started, and their files", func(e *env) {
		old, started, fresh := e.newImport("import-a"), e.newImport("import-b"), e.newImport("import-c")
		fresh.CreatedAt = e.in(time.Hour)
		e.insertImports(old, started, fresh)
		for _, id := range []string{"import-a", "import-b", "import-c"} {
			e.uploaded(id)
		}
		due := func(now, before time.Time) bool {
			return read(e, func(tx userpool.Tx) (bool, error) { return tx.ImportsDue(e.ctx, now, before) })
		}
		equal(e, "due before", due(e.now, e.now), false)
		equal(e, "started", e.startImport("import-b"), true)
		equal(e, "due to claim", due(e.now, e.now), true)
		write(e, e.claimImport("me", e.now))
		equal(e, "due to nobody", due(e.now, e.now), false)
		equal(e, "due to expire", due(e.now, e.in(time.Hour)), true)
		expire := func(tx userpool.Tx) (int, error) {
			return tx.ExpireImportJobs(e.ctx, e.in(time.Hour), e.in(2*time.Hour), "too late", 10)
		}
		equal(e, "expired", write(e, expire), 1)
		equal(e, "again", write(e, expire), 0)
		j := e.importJob("import-a")
		equal(e, "job", []any{j.Status, j.Message, j.CompletedAt, j.Upload}, []any{userpool.ImportExpired, "too late", e.in(2 * time.Hour), ""})
		equal(e, "files", []bool{e.hasPiece("import-a", "file"), e.hasPiece("import-b", "file"), e.hasPiece("import-c", "file")}, []bool{false, true, true})
	}},
	{"HashCosts/are those noted, while a user has a hash", func(e *env) {
		note := func(cost string) {
			e.do(func(tx userpool.Tx) error { return tx.NoteHashCost(e.ctx, e.pool, cost, 2) })
		}
		costs := func() []string {
			return read(e, func(tx userpool.Tx) ([]string, error) { return tx.HashCosts(e.ctx, e.pool) })
		}
		note("b")
		note("a")
		note("a")
		note("one too many")
		equal(e, "of nobody", len(costs()), 0)
		u := e.newUser("sub", "+919876543210")
		u.PasswordHash = "sealed"
		e.insertUser(u)
		equal(e, "costs", costs(), []string{"a", "b"})
		u.PasswordHash = ""
		e.do(func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, u) })
		equal(e, "of nobody again", len(costs()), 0)
	}},
}
