package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Restoration is a backup on its way to be the database. Until Finish nothing of
// the database is touched; at each moment the database is the old one or the
// restored one, whole.
type Restoration struct {
	path  string      // of the database
	old   bool        // there is one
	owner fs.FileInfo // whoever owns this is to own the database
	lock  *fileLock
}

// Restore begins to put a backup in the place of the database at path: it copies the
// backup beside it and makes sure that the copy is Bellhop's and whole. It refuses
// while a server runs on the database, and where there is a database, unless force
// says to put that aside. No other command may work on the database meanwhile.
// Close it when done.
func Restore(ctx context.Context, backup, path string, force bool) (*Restoration, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if errors.Is(err, ErrServed) {
		err = errors.New("a server is running on this database; stop it first")
	}
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	r := &Restoration{path: path, lock: lock}
	if err := r.begin(ctx, backup, force); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Restoration) begin(ctx context.Context, backup string, force bool) error {
	if err := r.mayReplace(backup, force); err != nil {
		return err
	}
	if err := r.removeCopy(); err != nil { // of a restore that was cut off
		return err
	}
	if err := copyFile(backup, r.Path()); err != nil {
		return err
	}
	for _, made := range []string{r.Path(), r.path + ".lock"} {
		if err := keepOwner(made, r.owner); err != nil {
			return fmt.Errorf("%s cannot be given to the owner of the data: %w", made, err)
		}
	}
	if _, err := checkWhole(ctx, r.Path()); err != nil {
		return fmt.Errorf("%s cannot be restored: %w", backup, err)
	}
	return nil
}

func (r *Restoration) mayReplace(backup string, force bool) error {
	source, err := os.Stat(backup)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no backup %s", backup)
	}
	if err != nil {
		return err
	}
	if log, err := os.Stat(backup + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s has a write-ahead log beside it: it is a database in use, or a bare copy of one, and no backup; bellhop backup makes one", backup)
	}
	target, err := os.Stat(r.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if r.owner, err = os.Stat(filepath.Dir(r.path)); err != nil {
			return err
		}
		return r.noLogLeft()
	case err != nil:
		return err
	case os.SameFile(source, target):
		return fmt.Errorf("%s is the database itself", backup)
	case !force:
		return fmt.Errorf("there is a database %s; --force puts it aside and restores in its place", r.path)
	}
	r.old, r.owner = true, target
	return nil
}

// noLogLeft refuses a log without its database, which would be taken for one of
// the restored database's.
func (r *Restoration) noLogLeft() error {
	for _, suffix := range companions {
		if info, err := os.Stat(r.path + suffix); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s is there without its database; move it away first", r.path+suffix)
		}
	}
	return nil
}

// companions are the files that SQLite keeps beside a database.
var companions = []string{"-wal", "-shm", "-journal"}

// Path is the copy, to be opened and made ready before Finish.
func (r *Restoration) Path() string { return r.path + ".restoring" }

// Finish puts the copy, which must be closed by now, in the place of the database.
// It returns where the old database was put, "" if there was none.
func (r *Restoration) Finish(ctx context.Context) (kept string, err error) {
	if info, err := os.Stat(r.Path() + "-wal"); err == nil && info.Size() > 0 {
		return "", errors.New("another process has the restored copy open")
	}
	if err := syncFile(r.Path()); err != nil {
		return "", err
	}
	if r.old {
		if kept, err = r.putAside(ctx, time.Now()); err != nil {
			return "", fmt.Errorf("the old database cannot be put aside: %w", err)
		}
	}
	if err := os.Rename(r.Path(), r.path); err != nil {
		return kept, err
	}
	return kept, syncFolder(filepath.Dir(r.path))
}

// putAside gives the old database a second name, under which it stays. Its log is
// folded in, for it would be taken for the restored one's; of a database that is too
// damaged for that the log stays beside it as it is.
func (r *Restoration) putAside(ctx context.Context, at time.Time) (kept string, err error) {
	kept = r.path + ".before-" + at.UTC().Format("20060102T150405.000Z")
	if err := os.Link(r.path, kept); err != nil {
		return "", err
	}
	// Linked before it is read: SQLite removes a log that it finds useless.
	if err := os.Link(r.path+"-wal", kept+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(err, os.Remove(kept))
	}
	switch err := foldLog(ctx, r.path); {
	case errors.Is(err, errBusy):
		return "", errors.Join(err, os.Remove(kept), removeAny(kept+"-wal"))
	case err == nil:
		if err := removeAny(kept + "-wal"); err != nil {
			return "", err
		}
	}
	for _, suffix := range companions {
		if err := removeAny(r.path + suffix); err != nil {
			return "", err
		}
	}
	return kept, syncFolder(filepath.Dir(r.path))
}

// removeAny removes a file, if there is one.
func removeAny(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

var errBusy = errors.New("another process has it open; stop that first")

// foldLog puts all of a database into its one file. It is errBusy while anybody
// else has the database open.
func foldLog(ctx context.Context, path string) error {
	err := onFile(ctx, path, func(c *sql.Conn) error {
		var mode string
		// Leaving the write-ahead log needs the database for oneself.
		return c.QueryRowContext(ctx, "pragma journal_mode = delete").Scan(&mode)
	})
	if isBusy(err) {
		return errBusy
	}
	return err
}

// Close ends the restoration; what was not finished leaves nothing behind.
func (r *Restoration) Close() error {
	return errors.Join(r.removeCopy(), r.lock.unlock())
}

func (r *Restoration) removeCopy() error {
	var errs []error
	for _, suffix := range append([]string{""}, companions...) {
		errs = append(errs, removeAny(r.Path()+suffix))
	}
	return errors.Join(errs...)
}
