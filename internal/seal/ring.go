// Package seal owns the master key, the one secret that lives outside the
// database: reading its file, deriving keys for other packages, and sealing
// values for the store. Where the file lies and who may read it is its
// caller's business.
package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Ring is the master keys that this server accepts: the current one, which
// seals, and older ones, which still open while their values are being sealed
// anew. A Ring is safe for concurrent use and has no printable form.
type Ring struct {
	keys []*Key // the first is the current one; never empty
}

// fileHeader opens a generated master key file.
const fileHeader = `# Bellhop master key. Whoever has this file and the database can read all that
# is sealed in it; without this file the sealed part of the database is lost.
# Keep a copy apart from the backups of the database.
# The first key is the current one. bellhop master-key rotate puts a new one above it.
`

// Generate returns a new ring of one random key and the text of its file.
func Generate() (*Ring, []byte) {
	var raw [keySize]byte
	rand.Read(raw[:]) // never fails since Go 1.24
	text := fileHeader + base64.StdEncoding.EncodeToString(raw[:]) + "\n"
	return &Ring{keys: []*Key{newKey(raw)}}, []byte(text)
}

// ParseRing reads the text of a master key file: one key a line, each the
// standard base64 of 32 bytes, the current one first. Blank lines and lines
// that start with # are passed over. The error names every bad line at once
// and never shows what stands on it.
func ParseRing(text []byte) (*Ring, error) {
	var (
		ring     Ring
		problems []string
		lines    = make(map[string]int) // key id to the line that brought it
	)
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		key, err := parseKey(line)
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d: %v", i+1, err))
			continue
		}
		if first, taken := lines[key.ID()]; taken {
			problems = append(problems, fmt.Sprintf("line %d: the same key as line %d", i+1, first))
			continue
		}
		lines[key.ID()] = i + 1
		ring.keys = append(ring.keys, key)
	}
	if len(problems) == 0 && len(ring.keys) == 0 {
		problems = append(problems, "it holds no key")
	}
	if len(problems) > 0 {
		return nil, errors.New("master key file: " + strings.Join(problems, "; "))
	}
	return &ring, nil
}

// parseKey reads one line. Its errors never quote the line.
func parseKey(line []byte) (*Key, error) {
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, line)
	if err != nil {
		return nil, errors.New("not standard base64 with padding")
	}
	if len(raw) != keySize {
		return nil, fmt.Errorf("%d bytes after decoding, want %d", len(raw), keySize)
	}
	key := [keySize]byte(raw)
	if key == [keySize]byte{} {
		return nil, errors.New("all zero")
	}
	return newKey(key), nil
}

// WithCurrent returns a ring of the same keys in which the key of that id is the
// current one; false if it is not among them.
func (r *Ring) WithCurrent(id string) (*Ring, bool) {
	key, ok := r.ByID(id)
	if !ok {
		return nil, false
	}
	keys := []*Key{key}
	for _, k := range r.keys {
		if k != key {
			keys = append(keys, k)
		}
	}
	return &Ring{keys: keys}, true
}

// Current returns the key that seals.
func (r *Ring) Current() *Key { return r.keys[0] }

// ByID returns the key of that id, current or older.
func (r *Ring) ByID(id string) (*Key, bool) {
	for _, key := range r.keys {
		if key.id == id {
			return key, true
		}
	}
	return nil, false
}

// IDs returns the ids of all keys, the current one first.
func (r *Ring) IDs() []string {
	ids := make([]string, len(r.keys))
	for i, key := range r.keys {
		ids[i] = key.id
	}
	return ids
}
