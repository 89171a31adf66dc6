package poolcopy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Count is how many there were of something, and what became of them.
type Count struct {
	Seen    int `json:"seen"`
	Came    int `json:"came"`
	Already int `json:"already"` // were there already
	Refused int `json:"refused"`
}

// progress is where a copy stands: what its file holds. It names no user but by sub.
type progress struct {
	Pool    userpool.PoolID `json:"pool"`
	From    string          `json:"from"`
	Started time.Time       `json:"started"`
	// Token is of the page of users to read next, "" before the first.
	Token    string `json:"token,omitempty"`
	Relisted bool   `json:"relisted"`
	Finished bool   `json:"finished"` // all users were read
	Estimate int    `json:"estimate"`

	PoolMade    bool     `json:"pool_made"` // or about to be
	FactorsSet  bool     `json:"factors_set"`
	Clients     Count    `json:"clients"`
	Groups      Count    `json:"groups"`
	Memberships int      `json:"memberships"`
	Users       Count    `json:"users"`
	Refused     []Reason `json:"refused"`
	Lost        []Reason `json:"lost"`
	Settings    []Loss   `json:"settings"`
}

// readProgress reads the file of a copy, the zero progress where there is none. One
// that was cut off by a power failure is none: whoever came is there already.
func readProgress(file string, pool userpool.PoolID, from string) (p progress, err error) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return progress{}, nil
	case err != nil:
		return progress{}, fmt.Errorf("the progress of the import cannot be read: %w", err)
	}
	if json.Unmarshal(text, &p) != nil {
		return progress{}, nil
	}
	if p.Pool != pool || p.From != from {
		return progress{}, fmt.Errorf("the file %s is of the import of %s from %s; name another one by --progress, or delete it", file, p.Pool, p.From)
	}
	return p, nil
}

// write replaces the file as a whole.
func (p progress) write(file string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // 0600
	if err != nil {
		return fmt.Errorf("the progress of the import cannot be written: %w", err)
	}
	_, err = fresh.Write(text)
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("the progress of the import cannot be written: %w", errors.Join(err, os.Remove(fresh.Name())))
	}
	return nil
}

// remove removes the file of a copy that is finished.
func (p progress) remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
