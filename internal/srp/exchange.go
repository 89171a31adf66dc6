package srp

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"filippo.io/bigmod"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// A is the client's public value, as sent: an integer, not zero modulo N. It
// is not secret. Its text form is the hex that ParseA reads.
type A struct {
	integer []byte // without leading zeros
}

// ParseA reads SRP_A: hex digits of any case, of any count up to N's 768, odd
// counts included, since clients drop leading zeros. The error is a
// fault.InvalidParameter. Zero modulo N is refused (RFC 5054, section 2.5.4):
// it would make the session key known to everybody.
func ParseA(s string) (A, error) {
	switch {
	case s == "":
		return A{}, fault.New(fault.InvalidParameter, "SRP_A is empty.")
	case len(s) > 2*size:
		return A{}, fault.New(fault.InvalidParameter, "SRP_A is longer than %d hexadecimal digits.", 2*size)
	case len(s)%2 == 1:
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil { // the decoder's words would echo the value
		return A{}, fault.New(fault.InvalidParameter, "SRP_A is not a hexadecimal number.")
	}
	a := A{integer: bytes.TrimLeft(b, "\x00")}
	if a.residue().IsZero() == 1 {
		return A{}, fault.New(fault.InvalidParameter, "SRP_A is zero modulo N.")
	}
	return a, nil
}

// residue returns A mod N. An A of N's length is at most a few times N.
func (a A) residue() *bigmod.Nat {
	n, err := bigmod.NewNat().SetOverflowingBytes(a.integer, modulus)
	if err != nil {
		panic("srp: " + err.Error()) // impossible: never longer than N
	}
	return n
}

// String returns A in hex.
func (a A) String() string { return integerHex(a.integer) }

// MarshalText returns A in hex.
func (a A) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is ParseA.
func (a *A) UnmarshalText(text []byte) error {
	read, err := ParseA(string(text))
	if err != nil {
		return err
	}
	*a = read
	return nil
}

// exponentSize is the length of the server's secret exponent. 256 bits are
// twice the security of a 3072-bit group (RFC 5054, section 2.5.3, asks for
// that much).
const exponentSize = 32

// Ephemeral is the server's half of one exchange. It has no printable form.
type Ephemeral struct {
	public []byte // B, 384 bytes
	secret []byte // b
}

// Start begins an exchange. It costs one exponentiation.
func (g Group) Start(v Verifier) (Ephemeral, error) {
	if err := v.check(); err != nil {
		return Ephemeral{}, err
	}
	for {
		b := make([]byte, exponentSize)
		rand.Read(b) // never fails since Go 1.24
		if e := g.newEphemeral(v, b); !isZero(e.public) {
			return e, nil
		}
	}
}

// newEphemeral computes B = k·v + g^b mod N.
func (g Group) newEphemeral(v Verifier, b []byte) Ephemeral {
	public := mustResidue(v.V).Mul(multiplier, modulus)
	public.Add(g.power(generator, b), modulus)
	return Ephemeral{public: public.Bytes(modulus), secret: b}
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// B returns the challenge parameter SRP_B.
func (e Ephemeral) B() string { return integerHex(e.public) }

// Secret returns what SessionKey needs of the exchange. It goes through the
// client's hands inside SECRET_BLOCK, so it must be sealed, together with the
// user, A and an expiry.
func (e Ephemeral) Secret() []byte {
	return append(append([]byte(nil), e.public...), e.secret...)
}

// openSecret is Secret's inverse.
func openSecret(secret []byte) (Ephemeral, error) {
	if len(secret) < size+exponentSize || isZero(secret[:size]) {
		return Ephemeral{}, errors.New("srp: not the secret of an exchange")
	}
	return Ephemeral{public: secret[:size], secret: secret[size:]}, nil
}

// String and the others show a constant.
func (Ephemeral) String() string             { return printedEphemeral }
func (Ephemeral) GoString() string           { return printedEphemeral }
func (Ephemeral) Format(s fmt.State, _ rune) { io.WriteString(s, printedEphemeral) }
func (Ephemeral) LogValue() slog.Value       { return slog.StringValue(printedEphemeral) }

const printedEphemeral = "[srp exchange]"

// Key is the key that both sides share at the end. It has no printable form.
type Key [16]byte

// String and the others show a constant.
func (Key) String() string             { return printedKey }
func (Key) GoString() string           { return printedKey }
func (Key) Format(s fmt.State, _ rune) { io.WriteString(s, printedKey) }
func (Key) LogValue() slog.Value       { return slog.StringValue(printedKey) }

const printedKey = "[srp key]"

// SessionKey returns the key of the exchange that Start began and whose Secret
// is given. A client that knows the password has the same. It costs two
// exponentiations.
func (g Group) SessionKey(v Verifier, a A, secret []byte) (Key, error) {
	e, err := openSecret(secret)
	if err != nil {
		return Key{}, err
	}
	if err := v.check(); err != nil {
		return Key{}, err
	}
	if a.residue().IsZero() == 1 { // the zero A, which ParseA never gives
		return Key{}, errors.New("srp: no client value")
	}
	u := scrambler(a, e.public)
	if isZero(u) { // RFC 2945, section 3; once in 2^256
		return Key{}, errors.New("srp: scrambling parameter is zero")
	}
	return deriveKey(g.sharedSecret(v, a, u, e.secret), u), nil
}

// scrambler is u = H(PAD(A) ‖ PAD(B)).
func scrambler(a A, public []byte) []byte { return hash(pad(a.integer), pad(public)) }

// sharedSecret is S = (A · v^u)^b mod N.
func (g Group) sharedSecret(v Verifier, a A, u, b []byte) []byte {
	base := g.power(mustResidue(v.V), u).Mul(a.residue(), modulus)
	return g.power(base, b).Bytes(modulus)
}

// deriveKey is HKDF-SHA-256 with u as salt and S as key material.
func deriveKey(s, u []byte) Key {
	k, err := hkdf.Key(sha256.New, pad(s), pad(u), "Caldera Derived Key", len(Key{}))
	if err != nil {
		panic("srp: hkdf: " + err.Error()) // impossible for this length and hash
	}
	return Key(k)
}
