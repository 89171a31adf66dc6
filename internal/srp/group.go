// Package srp owns the server's side of the password proof that Cognito's
// clients speak: SRP-6a (RFC 5054) with Cognito's own hashing, padding and key
// derivation. Verifiers and claims come and go as values; sealing them, single
// use, expiry and a bound on the work under way are the domain's.
//
// Secret exponents go through constant-time arithmetic. What remains visible,
// as in every implementation of this protocol, is whether a shared secret has
// leading zero bytes, since those are not hashed.
package srp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"filippo.io/bigmod"
)

// modulusHex is the 3072-bit MODP group of RFC 3526, section 4.
const modulusHex = "" +
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74" +
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437" +
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05" +
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB" +
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718" +
	"3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33" +
	"A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864" +
	"D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2" +
	"08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// size is the length of the modulus and of every residue, in bytes.
const size = 384

// The group's constants, computed once: N, g = 2 (RFC 5054 would take 5 here)
// and k = H(PAD(N) ‖ PAD(g)).
var (
	modulus    = mustModulus(mustHex(modulusHex))
	generator  = mustResidue([]byte{2})
	multiplier = mustResidue(hash(pad(mustHex(modulusHex)), pad([]byte{2})))
)

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("srp: " + err.Error())
	}
	return b
}

func mustModulus(b []byte) *bigmod.Modulus {
	m, err := bigmod.NewModulus(b)
	if err != nil {
		panic("srp: " + err.Error())
	}
	return m
}

func mustResidue(b []byte) *bigmod.Nat {
	n, err := residue(b)
	if err != nil {
		panic("srp: " + err.Error())
	}
	return n
}

// residue reads a big-endian number below N.
func residue(b []byte) (*bigmod.Nat, error) { return bigmod.NewNat().SetBytes(b, modulus) }

// Group computes in the group. The zero Group does so in Go.
type Group struct {
	exp Exp
}

// Exp returns base^exponent mod N, of 384 bytes each but for the exponent, in time
// that depends on the exponent's length alone; nil where it cannot.
type Exp func(base, exponent []byte) []byte

// N returns the group's modulus, 384 bytes.
func N() []byte { return mustHex(modulusHex) }

// NewGroup returns the group with other arithmetic, once that has given a power
// that Go has computed too.
func NewGroup(exp Exp) (Group, error) {
	base, exponent := multiplier.Bytes(modulus), hash([]byte("a known power"))
	if !bytes.Equal(exp(base, exponent), Group{}.power(multiplier, exponent).Bytes(modulus)) {
		return Group{}, errors.New("srp: the arithmetic does not give a power that is known")
	}
	return Group{exp: exp}, nil
}

// power returns base^exponent mod N in time that depends on the exponent's
// length alone.
func (g Group) power(base *bigmod.Nat, exponent []byte) *bigmod.Nat {
	if g.exp != nil {
		if out := g.exp(base.Bytes(modulus), exponent); out != nil {
			return mustResidue(out)
		}
	}
	return bigmod.NewNat().Exp(base, exponent, modulus)
}

// pad is Cognito's PAD: the bytes of Java's BigInteger.toByteArray, that is,
// without leading zeros, but with one where the top bit is set.
func pad(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

// integerHex is a number as Cognito writes it in SALT and SRP_B: lower-case
// hex without leading zeros.
func integerHex(b []byte) string {
	if s := strings.TrimLeft(hex.EncodeToString(b), "0"); s != "" {
		return s
	}
	return "0"
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}
