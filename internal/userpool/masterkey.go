package userpool

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/seal"
)

// keyUse is when a master key was current on a server, as far as it was noted:
// servers note theirs at start and every hour.
type keyUse struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// keyUses are the notes by key id.
type keyUses map[string]keyUse

// codesLinger is how long after the last note of a key something that is derived
// from it or sealed under it for minutes may be about: a server uses it until
// the next note was due, and codes outlive all else of that kind.
const codesLinger = keysEvery + codeTTL

func readKeyUses(ctx context.Context, tx Tx) (keyUses, error) {
	text, err := tx.Meta(ctx, metaMasterKeys)
	if err != nil || text == "" {
		return keyUses{}, err
	}
	var uses keyUses
	if err := json.Unmarshal([]byte(text), &uses); err != nil {
		return nil, fmt.Errorf("notes of master keys: %w", err)
	}
	return uses, nil
}

// NoteMasterKey notes that the ring's first key is current on a server now, which
// tools beside it go by: a server does so before it serves, and Run goes on. The
// first note of all says so of every key in the ring: who was current before
// notes were taken is not known.
func (s *Service) NoteMasterKey(ctx context.Context) error {
	at := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		uses, err := readKeyUses(ctx, tx)
		if err != nil {
			return err
		}
		ids := s.ring.IDs()
		if len(uses) > 0 {
			ids = ids[:1]
		}
		for _, id := range ids {
			uses.note(id, at)
		}
		text, err := json.Marshal(uses)
		if err != nil {
			return err
		}
		return tx.PutMeta(ctx, metaMasterKeys, string(text))
	})
	if err != nil {
		return fmt.Errorf("note master key: %w", err)
	}
	return nil
}

func (u keyUses) note(id string, at time.Time) {
	use := u[id]
	if use.First.IsZero() {
		use.First = at
	}
	if at.After(use.Last) {
		use.Last = at
	}
	u[id] = use
}

// latest is the key that a server noted last, "" where none did.
func (u keyUses) latest() string {
	last := ""
	for id, use := range u {
		if last == "" || use.Last.After(u[last].Last) || use.Last.Equal(u[last].Last) && use.First.After(u[last].First) {
			last = id
		}
	}
	return last
}

// KnowsMasterKeys makes sure that the ring has the keys that servers on the store
// use; else it answers ErrWrongMasterKey. A server asks before it serves.
func (s *Service) KnowsMasterKeys(ctx context.Context) error {
	at := s.now()
	return s.store.View(ctx, func(tx Tx) error { return s.knowsKeysInUse(ctx, tx, at) })
}

// knowsKeysInUse makes sure that this server can read what the others write: that
// it has every key of which something that lives for minutes may be about, and not
// the latest alone, which may be its own.
func (s *Service) knowsKeysInUse(ctx context.Context, tx Tx, at time.Time) error {
	uses, err := readKeyUses(ctx, tx)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(uses)) {
		if _, ok := s.ring.ByID(id); !ok && at.Before(uses[id].Last.Add(codesLinger)) {
			return fmt.Errorf("%w: servers seal under the key %s, which this one has not read", ErrWrongMasterKey, id)
		}
	}
	return nil
}

// RingInUse returns the ring with that key as the current one that servers on
// the store seal under. A tool beside a server must seal under no key that the
// server may not have read yet. It answers ErrWrongMasterKey if the ring lacks
// the key.
func RingInUse(ctx context.Context, store Store, ring *seal.Ring) (*seal.Ring, error) {
	var uses keyUses
	err := store.View(ctx, func(tx Tx) (err error) {
		uses, err = readKeyUses(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	id := uses.latest()
	if id == "" || uses[id].Last.Equal(uses[ring.Current().ID()].Last) {
		return ring, nil
	}
	inUse, ok := ring.WithCurrent(id)
	if !ok {
		return nil, fmt.Errorf("%w: servers seal under the key %s", ErrWrongMasterKey, id)
	}
	return inUse, nil
}

// MasterKeyView is what is known of a master key, which itself is not shown.
type MasterKeyView struct {
	ID      string
	Current bool // it stands first in the file
	Missing bool // values are sealed under it, and the file lacks it
	Sealed  int  // values in the store that are sealed under it
	// FirstUsed and LastUsed are when a server, or a resealing, had it as the
	// current one, to the hour; zero where none ever had.
	FirstUsed, LastUsed time.Time
	// NeededUntil is when the last code and the last refresh token that were
	// made with it expire, if no server makes more; zero for the current key,
	// and for one that was never current.
	NeededUntil time.Time
}

// Staged says that the key was added to the file and was never current.
func (k MasterKeyView) Staged() bool {
	return !k.Current && !k.Missing && k.Sealed == 0 && k.FirstUsed.IsZero()
}

// Useless says that nothing needs the key any more at the time.
func (k MasterKeyView) Useless(at time.Time) bool {
	return !k.Current && !k.Missing && !k.Staged() && k.Sealed == 0 && !at.Before(k.NeededUntil)
}

// MasterKeys says what each key is needed for: those of the file, in its order,
// and after them those that the file lacks.
func (s *Service) MasterKeys(ctx context.Context, file *seal.Ring) ([]MasterKeyView, error) {
	counts, err := s.countSealed(ctx)
	if err != nil {
		return nil, err
	}
	var views []MasterKeyView
	err = s.store.View(ctx, func(tx Tx) error {
		views = nil
		uses, err := readKeyUses(ctx, tx)
		if err != nil {
			return err
		}
		for i, id := range file.IDs() {
			view := MasterKeyView{ID: id, Current: i == 0, Sealed: counts[id], FirstUsed: uses[id].First, LastUsed: uses[id].Last}
			if view.NeededUntil, err = neededUntil(ctx, tx, view); err != nil {
				return err
			}
			views = append(views, view)
		}
		return nil
	})
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		if _, ok := file.ByID(id); !ok {
			views = append(views, MasterKeyView{ID: id, Missing: true, Sealed: counts[id]})
		}
	}
	return views, err
}

// neededUntil is when nothing derived from an old key can be alive any more. A
// refresh token names the key that it was made with, and its family does not:
// so every family counts that began while the key may have been current.
func neededUntil(ctx context.Context, tx Tx, k MasterKeyView) (time.Time, error) {
	if k.Current || k.LastUsed.IsZero() {
		return time.Time{}, nil
	}
	until := k.LastUsed.Add(codesLinger)
	last, err := tx.LastFamilyEnd(ctx, k.LastUsed.Add(keysEvery))
	if err != nil {
		return time.Time{}, err
	}
	if last.After(until) {
		until = last
	}
	return until, nil
}
