package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
)

// Copy is a copy of a database that was found whole.
type Copy struct {
	Bytes   int64
	Version int // of the schema
}

// Backup copies the database file at from, on which a server may be running, to a
// new file, which only its owner may read. The copy is of one moment and holds
// everything that was acknowledged before. It is checked, and safe on disk, before
// it gets its name: whatever happens meanwhile, there is no half copy under it. The
// copy is written under the name with .part at its end, which one that was cut off
// leaves behind and the next takes over.
func Backup(ctx context.Context, from, to string) (Copy, error) {
	if err := mustBeFree(to); err != nil {
		return Copy{}, err
	}
	part := to + ".part"
	lock, err := lockFile(part)
	if errors.Is(err, ErrServed) {
		err = fmt.Errorf("another backup to %s is being made", to)
	}
	if err != nil {
		return Copy{}, err
	}
	// The lock is let go of last: then no other copy can be under the name.
	defer lock.unlock()
	made, err := backup(ctx, from, part)
	if err == nil {
		err = mustBeFree(to) // it may have come meanwhile
	}
	if err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		return Copy{}, errors.Join(err, os.Remove(part))
	}
	return made, syncFolder(filepath.Dir(to))
}

func mustBeFree(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%s exists, and a backup overwrites nothing; name another file", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// backup writes the copy to an empty or half-written file.
func backup(ctx context.Context, from, part string) (made Copy, err error) {
	if err := errors.Join(os.Truncate(part, 0), os.Chmod(part, 0o600)); err != nil {
		return Copy{}, err
	}
	err = onFile(ctx, from, func(c *sql.Conn) error {
		if err := mustBeBellhops(ctx, c); err != nil {
			return err
		}
		// One snapshot, however long it takes; writers go on meanwhile.
		_, err := c.ExecContext(ctx, "vacuum into ?", part)
		return err
	})
	if err != nil {
		return Copy{}, fmt.Errorf("database %s: %w", from, explainOpen(err))
	}
	if made.Version, err = checkWhole(ctx, part); err != nil {
		return Copy{}, fmt.Errorf("the copy is not good, and was removed: %w", err)
	}
	if err := syncFile(part); err != nil {
		return Copy{}, err
	}
	info, err := os.Stat(part)
	if err != nil {
		return Copy{}, err
	}
	made.Bytes = info.Size()
	return made, nil
}

// checkWhole reads all of a database file, refuses one that is damaged or not
// Bellhop's, and returns the version of its schema.
func checkWhole(ctx context.Context, path string) (version int, err error) {
	err = onFile(ctx, path, func(c *sql.Conn) error {
		if err := mustBeBellhops(ctx, c); err != nil {
			return err
		}
		var verdict string
		if err := c.QueryRowContext(ctx, "pragma integrity_check(1)").Scan(&verdict); err != nil {
			return err
		}
		if verdict != "ok" {
			return errDamaged
		}
		return c.QueryRowContext(ctx, sqlSchemaVersion).Scan(&version)
	})
	return version, explainOpen(err)
}

// mustBeBellhops refuses another program's database, and one in which nothing is.
func mustBeBellhops(ctx context.Context, c *sql.Conn) error {
	var id, tables int64
	if err := c.QueryRowContext(ctx, "pragma application_id").Scan(&id); err != nil {
		return err
	}
	if id != applicationID {
		return errors.New("this is no database of Bellhop's")
	}
	const made = "select count(*) from sqlite_master where type = 'table' and name = 'schema_migrations'"
	if err := c.QueryRowContext(ctx, made).Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		return errors.New("this database has no schema")
	}
	return nil
}

// onFile runs fn on a connection of its own to an existing file, beside whoever
// uses it.
func onFile(ctx context.Context, path string, fn func(*sql.Conn) error) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	connector, err := sqlite.NewConnector(dataSource(path))
	if err != nil {
		return err
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	c, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, s := range []string{"pragma busy_timeout = 5000", "pragma trusted_schema = off", "pragma temp_store = memory"} {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return fn(c)
}

// syncFile makes a file's content durable, whoever wrote it.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder makes names in the folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// copyFile copies a file to another one, which only its owner may read, safe on
// disk when it returns.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
