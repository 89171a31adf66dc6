package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// masterKey reads the master key file. A missing one is made only while the
// database is new: on a used one it would make everything sealed in it
// unreadable, and hide that the real one is lost.
func masterKey(ctx context.Context, cfg *config.Config, store userpool.Store) (*seal.Ring, error) {
	isNew, err := userpool.IsNew(ctx, store)
	if err != nil {
		return nil, fmt.Errorf("read database: %w", err)
	}
	if isNew && !cfg.OnPostgres() {
		if err := makeMasterKey(cfg.MasterKeyFile); err != nil {
			return nil, fmt.Errorf("the master key file cannot be made: %w", err)
		}
	}
	text, err := os.ReadFile(cfg.MasterKeyFile)
	if errors.Is(err, fs.ErrNotExist) && isNew {
		return nil, fmt.Errorf("the master key file %s is missing; make it once with bellhop master-key create, and give the same file to every server of the database", cfg.MasterKeyFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the master key file %s is missing, and the database %s was written under a master key; restore the file from its backup, or name it with --master-key-file", cfg.MasterKeyFile, cfg.DatabaseName())
	}
	if err != nil {
		return nil, fmt.Errorf("the master key file cannot be read: %w", err)
	}
	ring, err := seal.ParseRing(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.MasterKeyFile, err)
	}
	return ring, nil
}

// makeMasterKey writes a new key unless there is a file; of two that race, one
// file stays, whole.
func makeMasterKey(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, text := seal.Generate()
	temp, err := writeTemp(path, text)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// writeTemp writes a file beside path that only its owner may read, safe on
// disk when it returns, and returns its name.
func writeTemp(path string, text []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncFolder makes a new name in the folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// editMasterKey replaces the text of the master key file by what edit makes of
// it. At any moment the file is the old one or the new one, whole; two editors
// do not work at once, for the one's key would be lost.
func editMasterKey(path string, edit func(text []byte) ([]byte, error)) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("the master key file cannot be found: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("the master key file cannot be found: %w", err)
	}
	if info.Mode().Perm()&0o200 == 0 {
		return fmt.Errorf("the master key file %s is read-only; chmod 600 it, or change it where it comes from", path)
	}
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: another command is changing the master key file, or one was cut off; remove it if none is", temp)
	}
	if err != nil {
		return fmt.Errorf("the master key file cannot be written: %w", err)
	}
	if err := errors.Join(rewrite(f, path, info, edit), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("the master key file cannot be replaced: %w", err), os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// rewrite puts the edited text of the file at path into f, safe on disk.
func rewrite(f *os.File, path string, was fs.FileInfo, edit func([]byte) ([]byte, error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the master key file cannot be read: %w", err)
	}
	edited, err := edit(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := keepOwner(f, was); err != nil {
		return fmt.Errorf("the new master key file cannot be given to the owner of the old one: %w", err)
	}
	_, err = f.Write(edited)
	return errors.Join(err, f.Sync())
}
