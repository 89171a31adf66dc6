package seal

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

// What can be wrong with a sealed value. ErrUnknownKey is the operator's: the
// master key file lacks a key that the database needs. ErrTampered covers all
// else: another purpose, another owner, a changed or cut text.
var (
	ErrUnknownKey = errors.New("seal: sealed under a master key that this server does not have")
	ErrTampered   = errors.New("seal: not a value sealed here for this purpose and owner")
)

const version = "v1"

// encoding refuses all but the one canonical text of a value.
var encoding = base64.RawURLEncoding.Strict()

// Seal encrypts plain under the current key so that only Open with the same
// purpose and aad gives it back. The purpose is a constant of the program
// ("signing key"); aad says whose value it is (a pool id, a user id), so that
// a row copied over another row does not open. The text is
// v1.<key id>.<base64url of nonce and ciphertext>, AES-256-GCM.
func (r *Ring) Seal(purpose string, aad, plain []byte) string {
	key := r.Current()
	sealed := key.aead(purpose).Seal(nil, nil, plain, bind(key.id, purpose, aad))
	return version + "." + key.id + "." + encoding.EncodeToString(sealed)
}

// Open returns what Seal was given, or ErrUnknownKey or ErrTampered.
func (r *Ring) Open(purpose string, aad []byte, sealed string) ([]byte, error) {
	id, body, ok := split(sealed)
	if !ok {
		return nil, ErrTampered
	}
	key, ok := r.ByID(id)
	if !ok {
		return nil, ErrUnknownKey
	}
	raw, err := encoding.DecodeString(body)
	if err != nil || strings.ContainsAny(body, "\r\n") { // the decoder skips line ends
		return nil, ErrTampered
	}
	plain, err := key.aead(purpose).Open(nil, nil, raw, bind(key.id, purpose, aad))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// SealBytes is Seal for who has a text of his own to put the value into.
func (r *Ring) SealBytes(purpose string, aad, plain []byte) []byte {
	key := r.Current()
	return key.aead(purpose).Seal([]byte(key.id), nil, plain, bind(key.id, purpose, aad))
}

// OpenBytes returns what SealBytes was given, or ErrUnknownKey or ErrTampered.
func (r *Ring) OpenBytes(purpose string, aad, sealed []byte) ([]byte, error) {
	id := string(sealed[:min(len(sealed), idLength)])
	if len(id) < idLength || strings.Trim(id, idDigits) != "" {
		return nil, ErrTampered
	}
	key, ok := r.ByID(id)
	if !ok {
		return nil, ErrUnknownKey
	}
	plain, err := key.aead(purpose).Open(nil, nil, sealed[idLength:], bind(id, purpose, aad))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// The id of a key is so many digits.
const (
	idLength = 8
	idDigits = "0123456789abcdef"
)

// IsCurrent reports whether a sealed value is under the current key, that is,
// whether rotation has nothing left to do for it.
func (r *Ring) IsCurrent(sealed string) bool {
	id, _, ok := split(sealed)
	return ok && id == r.Current().id
}

// KeyOf returns the id of the master key that a text is sealed under, "" if it
// is no sealed text. Whether it opens is not asked.
func KeyOf(sealed string) string {
	id, _, _ := split(sealed)
	return id
}

// split takes a sealed text apart. An id that no key can have is not an
// unknown key but a broken text.
func split(sealed string) (id, body string, ok bool) {
	rest, ok := strings.CutPrefix(sealed, version+".")
	if !ok {
		return "", "", false
	}
	id, body, ok = strings.Cut(rest, ".")
	if !ok || len(id) != idLength || strings.Trim(id, idDigits) != "" {
		return "", "", false
	}
	return id, body, true
}

// bind is the additional data of the cipher: each part with its length before
// it, so that no two triples give the same bytes.
func bind(id, purpose string, aad []byte) []byte {
	out := []byte("bellhop sealed " + version)
	for _, part := range []string{id, purpose, string(aad)} {
		out = binary.BigEndian.AppendUint64(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}
