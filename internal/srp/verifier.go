package srp

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
)

const saltSize = 16

// Verifier is what the server keeps of a password. With it passwords can be
// guessed at the speed of SHA-256 and one exponentiation, so it is stored
// sealed only, by MarshalBinary, and has no printable form.
type Verifier struct {
	Salt []byte // PAD(salt)
	V    []byte // g^x mod N, 384 bytes
}

// NewVerifier returns the verifier of a password, with a fresh salt. The pool
// name is the part of the pool's id behind the first underscore; the user id
// is what clients get as USER_ID_FOR_SRP. Neither may ever change for a
// verifier that is in use.
func (g Group) NewVerifier(poolName, userID, password string) Verifier {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails since Go 1.24
	return g.newVerifier(pad(salt), poolName, userID, password)
}

func (g Group) newVerifier(salt []byte, poolName, userID, password string) Verifier {
	x := privateKey(salt, poolName, userID, password)
	return Verifier{Salt: salt, V: g.power(generator, x).Bytes(modulus)}
}

// privateKey is x = H(PAD(salt) ‖ H(P ‖ I ‖ ":" ‖ pw)).
func privateKey(salt []byte, poolName, userID, password string) []byte {
	return hash(salt, hash([]byte(poolName+userID+":"+password)))
}

// FakeVerifier returns a verifier that no password has, the same each time for
// the same name, for the answer to users that do not exist. Its V is a number
// drawn by HMAC, not a power, so that making it costs next to nothing: an
// answer made with it takes as long as one made with a stored verifier.
func FakeVerifier(key []byte, poolName, name string) Verifier {
	salt := fake(key, "salt", poolName, name)[:saltSize]
	v := make([]byte, 0, size)
	for i := 0; len(v) < size; i++ {
		v = append(v, fake(key, "verifier", poolName, name, strconv.Itoa(i))...)
	}
	v[0] &= 0x7f // below N, whose top bit is set
	return Verifier{Salt: pad(salt), V: v[:size]}
}

// ReadVerifier reads a verifier that a client made, as it does for its device: the
// salt as it was hashed, and V with or without the zeros before it.
func ReadVerifier(salt, value []byte) (Verifier, error) {
	value = bytes.TrimLeft(value, "\x00")
	if len(value) > size {
		return Verifier{}, errVerifier
	}
	v := Verifier{Salt: salt, V: append(make([]byte, size-len(value)), value...)}
	return v, v.check()
}

func fake(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, "bellhop srp decoy v1")
	for _, part := range parts {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		io.WriteString(mac, part)
	}
	return mac.Sum(nil)
}

// Matches reports whether the password is the verifier's, in time that does
// not depend on how nearly it is.
func (g Group) Matches(v Verifier, poolName, userID, password string) bool {
	if v.check() != nil {
		return false
	}
	other := g.newVerifier(v.Salt, poolName, userID, password)
	return subtle.ConstantTimeCompare(v.V, other.V) == 1
}

// SaltHex returns the challenge parameter SALT.
func (v Verifier) SaltHex() string { return integerHex(v.Salt) }

// IsZero reports whether there is no verifier.
func (v Verifier) IsZero() bool { return len(v.Salt) == 0 && len(v.V) == 0 }

var errVerifier = errors.New("srp: not a verifier")

// check makes sure that v can be computed with.
func (v Verifier) check() error {
	if len(v.Salt) == 0 || len(v.Salt) > 255 || len(v.V) != size {
		return errVerifier
	}
	n, err := residue(v.V)
	if err != nil || n.IsZero() == 1 {
		return errVerifier
	}
	return nil
}

const marshalVersion = 1

// MarshalBinary returns what UnmarshalBinary reads: a version, the salt's
// length, the salt, V. Seal it.
func (v Verifier) MarshalBinary() ([]byte, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	out := append([]byte{marshalVersion, byte(len(v.Salt))}, v.Salt...)
	return append(out, v.V...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote and refuses all else.
func (v *Verifier) UnmarshalBinary(b []byte) error {
	if len(b) < 2 || b[0] != marshalVersion || len(b) != 2+int(b[1])+size {
		return errVerifier
	}
	salt, value := b[2:2+int(b[1])], b[2+int(b[1]):]
	read := Verifier{Salt: append([]byte(nil), salt...), V: append([]byte(nil), value...)}
	if err := read.check(); err != nil {
		return err
	}
	*v = read
	return nil
}

// printed is all that any printer shows of a Verifier.
const printed = "[verifier]"

// String and the others show a constant. MarshalText refuses: JSON would be
// either a leak or a loss.
func (Verifier) String() string             { return printed }
func (Verifier) GoString() string           { return printed }
func (Verifier) Format(s fmt.State, _ rune) { io.WriteString(s, printed) }
func (Verifier) LogValue() slog.Value       { return slog.StringValue(printed) }
func (Verifier) MarshalText() ([]byte, error) {
	return nil, errors.New("srp: a verifier is stored sealed, by MarshalBinary")
}
