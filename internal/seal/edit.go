package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
)

// The functions below edit the text of a master key file. Each takes and gives
// a text that ParseRing accepts, and leaves comments as they are.

// AddKey puts a new random key below all others, where it opens only, or above
// them, where it is the current one. It returns the new key's id.
func AddKey(text []byte, current bool) (edited []byte, id string, err error) {
	if _, err := ParseRing(text); err != nil {
		return nil, "", err
	}
	var raw [keySize]byte
	rand.Read(raw[:]) // never fails since Go 1.24
	line := []byte(base64.StdEncoding.EncodeToString(raw[:]))
	lines := linesOf(text)
	at := len(lines)
	if current {
		at = slices.IndexFunc(lines, func(l []byte) bool { return idOf(l) != "" })
	}
	return join(slices.Insert(lines, at, line)), newKey(raw).ID(), nil
}

// PromoteKey moves the key of that id above all others, which makes it the
// current one.
func PromoteKey(text []byte, id string) ([]byte, error) {
	if _, err := ParseRing(text); err != nil {
		return nil, err
	}
	lines := linesOf(text)
	from := slices.IndexFunc(lines, func(l []byte) bool { return idOf(l) == id })
	if id == "" || from < 0 {
		return nil, fmt.Errorf("master key file: it holds no key %s", id)
	}
	line := lines[from]
	lines = slices.Delete(lines, from, from+1)
	first := slices.IndexFunc(lines, func(l []byte) bool { return idOf(l) != "" })
	if first < 0 {
		first = len(lines)
	}
	return join(slices.Insert(lines, first, line)), nil
}

// RemoveKeys takes out the keys of those ids. The current one stays, whatever
// the ids are.
func RemoveKeys(text []byte, ids []string) ([]byte, error) {
	ring, err := ParseRing(text)
	if err != nil {
		return nil, err
	}
	return join(slices.DeleteFunc(linesOf(text), func(l []byte) bool {
		id := idOf(l)
		return id != "" && id != ring.Current().ID() && slices.Contains(ids, id)
	})), nil
}

func linesOf(text []byte) [][]byte {
	return bytes.Split(bytes.TrimRight(text, "\r\n"), []byte("\n"))
}

func join(lines [][]byte) []byte { return append(bytes.Join(lines, []byte("\n")), '\n') }

// idOf returns the id of the key on a line, "" where there is none.
func idOf(line []byte) string {
	key, err := parseKey(bytes.TrimSpace(line))
	if err != nil {
		return ""
	}
	return key.ID()
}
