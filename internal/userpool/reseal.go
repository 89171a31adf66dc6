package userpool

import (
	"context"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/seal"
)

// sealedKinds is everything that stays sealed in the store, with the purpose
// that it is sealed for. What lives for minutes (kept answers, secret blocks)
// is not among it. A text that is moved to another kind while a Resealing runs
// goes from an earlier kind to a later one, so that one run finds it.
var sealedKinds = []struct {
	kind    SealedKind
	purpose string
}{
	{SealedServerSecret, sealServer},
	{SealedAccessKeys, sealAccessKey},
	{SealedSigningKeys, sealSigning},
	{SealedClientSecrets, sealSecret},
	{SealedTextSecrets, sealText},
	{SealedLetters, sealLetters},
	{SealedSignUpPasswords, sealVerifier},
	{SealedPasswords, sealVerifier},
	{SealedEarlierPasswords, sealVerifier},
	{SealedPasswordHashes, sealHash},
	{SealedDevices, sealDevice},
	{SealedSoftwareTokens, sealToken},
	{SealedPendingTokens, sealToken},
	{SealedImportFiles, sealImport},
}

// resealBatch is how many rows are read, and at most written, at once.
const resealBatch = 100

// Resealing goes through all that is sealed in the store and seals anew, under
// the current master key, what is under another one. It may be given up and
// begun again at any time, and run on many nodes: a text is replaced only while
// it is the one that was read.
type Resealing struct {
	s     *Service
	kind  int // of sealedKinds
	after SealedRow

	Seen     int // texts looked at
	Resealed int // texts sealed anew
	Broken   int // texts that no key in the ring opens
}

// Reseal begins a Resealing, and notes first that the current key is in use, so
// that whoever seals from then on seals under it too.
func (s *Service) Reseal(ctx context.Context) (*Resealing, error) {
	return &Resealing{s: s}, s.NoteMasterKey(ctx)
}

// Next does a bounded piece of the work and says whether there is more.
func (r *Resealing) Next(ctx context.Context) (more bool, err error) {
	if r.kind == len(sealedKinds) {
		return false, nil
	}
	rows, err := r.s.sealedRows(ctx, sealedKinds[r.kind].kind, r.after)
	if err != nil {
		return false, err
	}
	if len(rows) == 0 {
		r.kind, r.after = r.kind+1, SealedRow{}
		return r.kind < len(sealedKinds), nil
	}
	r.after = rows[len(rows)-1]
	return true, r.replace(ctx, rows)
}

func (s *Service) sealedRows(ctx context.Context, kind SealedKind, after SealedRow) (rows []SealedRow, err error) {
	err = s.store.View(ctx, func(tx Tx) (err error) {
		rows, err = tx.SealedRows(ctx, kind, after, resealBatch)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read sealed %s: %w", kind, err)
	}
	return rows, nil
}

// replacement is a row and what its texts are to be.
type replacement struct {
	row   SealedRow
	texts []string
	fresh int // how many of them are new
}

func (r *Resealing) replace(ctx context.Context, rows []SealedRow) error {
	var stale []replacement
	for _, row := range rows {
		r.Seen += len(row.Texts)
		if next := r.sealAnew(row); next.fresh > 0 {
			stale = append(stale, next)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	var done int
	err := r.s.store.Update(ctx, func(tx Tx) error {
		done = 0
		for _, next := range stale {
			replaced, err := tx.ReplaceSealed(ctx, next.row, next.texts)
			if err != nil {
				return err
			}
			if replaced {
				done += next.fresh
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reseal %s: %w", rows[0].Kind, err)
	}
	r.Resealed += done
	return nil
}

// sealAnew makes the row's texts anew where they are not under the current key.
// One that does not open stays as it is.
func (r *Resealing) sealAnew(row SealedRow) replacement {
	next := replacement{row: row, texts: make([]string, len(row.Texts))}
	purpose := sealedKinds[r.kind].purpose
	for i, text := range row.Texts {
		next.texts[i] = text
		if r.s.ring.IsCurrent(text) {
			continue
		}
		plain, err := r.s.ring.Open(purpose, []byte(row.Owner), text)
		if err != nil {
			r.Broken++
			continue
		}
		next.texts[i] = r.s.ring.Seal(purpose, []byte(row.Owner), plain)
		next.fresh++
	}
	return next
}

// resealAll is the background job that follows a rotation of the master key.
// clean is whether nothing is left to do, as far as this node can.
func (s *Service) resealAll(ctx context.Context) (clean bool, err error) {
	r, err := s.Reseal(ctx)
	if err != nil {
		return false, err
	}
	for more := true; more; {
		if more, err = r.Next(ctx); err != nil {
			return false, err
		}
	}
	if r.Broken > 0 {
		s.log.WarnContext(ctx, "sealed values cannot be opened by any master key of the file", "values", r.Broken)
	}
	if r.Resealed > 0 {
		s.log.InfoContext(ctx, "values were sealed anew under the current master key",
			"values", r.Resealed, "key", s.ring.Current().ID())
	}
	return r.Resealed == 0, nil
}

// countSealed says how many texts are sealed under which master key.
func (s *Service) countSealed(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for _, k := range sealedKinds {
		for after := (SealedRow{}); ; {
			rows, err := s.sealedRows(ctx, k.kind, after)
			if err != nil {
				return nil, err
			}
			if len(rows) == 0 {
				break
			}
			after = rows[len(rows)-1]
			for _, row := range rows {
				for _, text := range row.Texts {
					counts[seal.KeyOf(text)]++
				}
			}
		}
	}
	return counts, nil
}

// keepMasterKey is the background work for master keys: it notes which one is
// current here, and after a rotation seals anew until a run finds nothing.
func (s *Service) keepMasterKey() func(context.Context) error {
	clean := len(s.ring.IDs()) == 1 // with one key there is nothing to open
	return func(ctx context.Context) (err error) {
		if clean {
			return s.NoteMasterKey(ctx)
		}
		clean, err = s.resealAll(ctx)
		return err
	}
}
