package srp_test

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/srp"
)

// FuzzVerifier reads any bytes as a stored verifier. What is taken is what
// MarshalBinary would have written, and can be computed with.
func FuzzVerifier(f *testing.F) {
	good, err := srp.FakeVerifier(make([]byte, 32), pool, user).MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	modulus, err := hex.DecodeString(modulusHex)
	if err != nil {
		f.Fatal(err)
	}
	zero := append([]byte{1, 1, 5}, make([]byte, 384)...)
	for _, seed := range [][]byte{nil, {1}, {1, 0}, good, good[:len(good)-1], append(bytes.Clone(good), 0), zero,
		append([]byte{1, 1, 5}, modulus...), append([]byte{1, 0}, modulus...), append([]byte{2}, good[1:]...)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v srp.Verifier
		given := bytes.Clone(b)
		if err := v.UnmarshalBinary(b); err != nil {
			if !v.IsZero() {
				t.Fatal("half a verifier was read")
			}
			return
		}
		clear(b) // the verifier must not live in the caller's bytes
		again, err := v.MarshalBinary()
		if err != nil || !bytes.Equal(again, given) {
			t.Fatalf("%x is written as %x, %v", given, again, err)
		}
		n := new(big.Int).SetBytes(v.V)
		if n.Sign() == 0 || n.Cmp(bigN) >= 0 || len(v.Salt) == 0 {
			t.Fatalf("taken: V %x, salt %x", v.V, v.Salt)
		}
		e, err := inGo.Start(v)
		if err != nil || e.B() == "0" || len(e.B()) > 768 {
			t.Fatalf("SRP_B %q, %v", e.B(), err)
		}
	})
}

// FuzzClaim signs a claim with one key and holds any signature against it: it is
// right only if it is the HMAC that the client computes, under the same key.
func FuzzClaim(f *testing.F) {
	key := srp.Key(bytes.Repeat([]byte{3}, 16))
	good := srp.Claim{PoolName: pool, UserID: user, SecretBlock: []byte("block"), Timestamp: stamp}.Signature(key)
	f.Add(pool, user, []byte("block"), stamp, good)
	f.Add("", "", []byte{}, "", []byte{})
	f.Add(pool, user, []byte("block"), stamp+" ", good)
	f.Add(pool, user, []byte("block"), stamp, good[:31])
	f.Add(pool, user, []byte("block"), stamp, append(bytes.Clone(good), 0))
	f.Fuzz(func(t *testing.T, pool, user string, block []byte, stamp string, signature []byte) {
		c := srp.Claim{PoolName: pool, UserID: user, SecretBlock: block, Timestamp: stamp}
		want := mac(key[:], []byte(pool), []byte(user), block, []byte(stamp))
		if c.SignedWith(key, signature) != hmac.Equal(want, signature) || !c.SignedWith(key, want) {
			t.Fatalf("%x for the claim whose signature is %x", signature, want)
		}
		if c.SignedWith(srp.Key{}, want) {
			t.Fatal("another key signs the same")
		}
	})
}

// FuzzSessionKey gives any client value and any sealed half of an exchange. The
// key is the one that the protocol's formula gives in plain big integers.
func FuzzSessionKey(f *testing.F) {
	v := srp.FakeVerifier(make([]byte, 32), pool, user)
	secret := append(new(big.Int).Sub(bigN, big.NewInt(1)).Bytes(), bytes.Repeat([]byte{9}, 32)...)
	f.Add("abcdef", secret)
	f.Add("1", secret[:415])
	f.Add(modulusHex, secret)
	f.Add("8"+strings.Repeat("0", 767), secret)
	f.Add("ff", append(make([]byte, 384), secret[384:]...))
	f.Add("80", append(make([]byte, 383), append([]byte{0x80}, make([]byte, 32)...)...))
	f.Add(strings.Repeat("f", 768), append(bytes.Clone(secret), 1, 2, 3))
	f.Fuzz(func(t *testing.T, text string, secret []byte) {
		a, err := srp.ParseA(text)
		if err != nil {
			a = srp.A{}
		}
		if len(secret) > 600 {
			return // as long as the exponentiation takes
		}
		key, err := inGo.SessionKey(v, a, secret)
		usable := len(secret) >= 416 && new(big.Int).SetBytes(secret[:min(384, len(secret))]).Sign() != 0
		A, _ := new(big.Int).SetString(a.String(), 16)
		if (err == nil) != (usable && A.Sign() != 0) {
			t.Fatalf("A %s, secret of %d bytes: %v", a, len(secret), err)
		}
		if err != nil {
			if key != (srp.Key{}) {
				t.Fatal("a key with an error")
			}
			return
		}
		B, b := new(big.Int).SetBytes(secret[:384]), new(big.Int).SetBytes(secret[384:])
		u := sum(padHex(A), padHex(B))
		S := new(big.Int).Exp(new(big.Int).SetBytes(v.V), u, bigN)
		S.Mul(S, A).Exp(S, b, bigN)
		want := mac(mac(padHex(u), padHex(S)), []byte("Caldera Derived Key\x01"))[:16]
		if !bytes.Equal(key[:], want) {
			t.Fatalf("A %s, secret %x: another key than the client's", a, secret)
		}
	})
}
