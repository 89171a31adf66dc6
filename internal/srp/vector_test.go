package srp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
)

// The vector was made with the official JavaScript client.
const (
	vectorPool     = "AbCdEfGhI"
	vectorUser     = "3f1c9a52-7b1e-7c44-9f0a-5d2b6e8c1a70"
	vectorPassword = "Correct-Horse-9"
	vectorSalt     = "00c0ffee00112233445566778899aabb"
	vectorA        = "a9b9e21a30f7b43c473fc3b61c80f82c983718c73e7fdb8cb0576939fe042bea" +
		"f18637e4a427d3bb1ece90c693dd90e22a5e337dd9b96acafccc33a62d996438" +
		"8a7235479f3711e9073e56b5b44832e5eba9e313bc823eae2994ddae6e5dfaa0" +
		"d553edea761edd3d9c25c7f60427fa9f7f68f75a7a6f2da03fbfcd59632fe4f5"
	vectorB = "33445729411d97fb7dbe88a84efd8a2b28989931f752af2ea21e43b15dfa6d9f" +
		"ae07eabfbb36d9f2b555c22301c0c85b2c4fd34e6b6fdef39292672275fc879b" +
		"6e8db0f33069bbf63da77dd317271fc3890613322fda0ad2d733eeeca60d7500" +
		"4033e7a417f5f8e97b1742da458f8b1be19842f5b772d5ad092fe77633166c2f"
)

// check compares a number with the printed start of its hex and the start of
// that hex's SHA-256.
func check(t *testing.T, name, gotHex, start, hashStart string) {
	t.Helper()
	if !strings.HasPrefix(gotHex, start) {
		t.Errorf("%s = %.64s…, want %s…", name, gotHex, start)
	}
	sum := sha256.Sum256([]byte(gotHex))
	if got := hex.EncodeToString(sum[:8]); hashStart != "" && got != hashStart {
		t.Errorf("SHA-256 of %s starts %s, want %s", name, got, hashStart)
	}
}

func TestVector_EveryStep(t *testing.T) {
	check(t, "k", hex.EncodeToString(multiplier.Bytes(modulus)[size-32:]),
		"538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6", "")
	if len(modulusHex) != 768 || !strings.HasPrefix(modulusHex, "FFFFFFFFFFFFFFFFC90FDAA2") ||
		!strings.HasSuffix(modulusHex, "A93AD2CAFFFFFFFFFFFFFFFF") {
		t.Error("N is not the group of RFC 3526")
	}
	if n, _ := new(big.Int).SetString(modulusHex, 16); !n.ProbablyPrime(8) {
		t.Error("N is not prime")
	}

	salt := mustHex(vectorSalt)
	if !bytes.Equal(pad(salt), salt) {
		t.Errorf("PAD(salt) = %x", pad(salt))
	}
	inner := hash([]byte(vectorPool + vectorUser + ":" + vectorPassword))
	check(t, "inner", hex.EncodeToString(inner), "420cba61b9d30bc1147dafeb88c0ce392f0f99afc6a9c71f1bb599c28a2b2ffc", "")
	x := privateKey(salt, vectorPool, vectorUser, vectorPassword)
	check(t, "x", hex.EncodeToString(x), "20e963184eef0f0b1ca795ba044ff614f4f0f0cc8c6f5c57bc1909ee2cbaf504", "")

	v := Group{}.newVerifier(salt, vectorPool, vectorUser, vectorPassword)
	check(t, "v", hex.EncodeToString(v.V), "376556d6aed7cc03a214b41eb66509018e8153a5cfdd3a4f0011735931b713d7", "a55b0d7a995e6e0b")
	if v.SaltHex() != "c0ffee00112233445566778899aabb" {
		t.Errorf("SALT = %s", v.SaltHex())
	}

	secretA, _ := new(big.Int).SetString(vectorA, 16)
	publicA := new(big.Int).Exp(big.NewInt(2), secretA, bigN())
	check(t, "A", publicA.Text(16), "3b1d37ec990501d741159b72d609e5634715b99caa8702af62ae3c8c8eaa9789", "601e05af48d412ef")
	a, err := ParseA(publicA.Text(16))
	if err != nil {
		t.Fatal(err)
	}

	e := Group{}.newEphemeral(v, mustHex(vectorB))
	check(t, "B", e.B(), "d0afc136bb7add06f555dc59054b783656085dc8f7f4d9d08558a1ea99b4c5d2", "d39d9c71d9f0043a")
	if len(pad(e.public)) != size+1 {
		t.Error("PAD(B) lacks the 00 before its top bit")
	}
	u := scrambler(a, e.public)
	check(t, "u", hex.EncodeToString(u), "5a620924b4286bc065f732dd686c237c9c1668437f40dc3212a3aa4325bc92bc", "")
	s := Group{}.sharedSecret(v, a, u, e.secret)
	check(t, "S", hex.EncodeToString(s), "22a93a0e590cdc1161ed5d6de9ded4bc02122fcf7eab01d9a20a9d18ad3b8e71", "3065301cd9e426cd")
	prk := hmac.New(sha256.New, pad(u))
	prk.Write(pad(s))
	check(t, "PRK", hex.EncodeToString(prk.Sum(nil)), "abbfc93be7a50b107bc276fd2d6c58b8eec30fda14c8440a583803c1a4a00431", "")

	key, err := Group{}.SessionKey(v, a, e.Secret())
	if err != nil {
		t.Fatal(err)
	}
	check(t, "K", hex.EncodeToString(key[:]), "35d1a1778897e418fed4345643f50eeb", "")

	block, _ := base64.StdEncoding.DecodeString("ZXhhbXBsZS1zZWNyZXQtYmxvY2stYnl0ZXM=")
	claim := Claim{vectorPool, vectorUser, block, "Tue Mar 4 09:07:03 UTC 2025"}
	if got, want := base64.StdEncoding.EncodeToString(claim.Signature(key)), "Af/LjZIvHHlZO1wBkq6ko15T1OW279suGm02zObaJ00="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestPad_IsJavasToByteArray(t *testing.T) {
	for in, want := range map[string]string{
		"": "00", "00": "00", "0000": "00", "02": "02", "0002": "02", "7f": "7f", "80": "0080",
		"0080": "0080", "000080": "0080", "ff00": "00ff00", "00c0ffee": "00c0ffee", "0100": "0100",
	} {
		if got := hex.EncodeToString(pad(mustHex(in))); got != want {
			t.Errorf("PAD(%s) = %s, want %s", in, got, want)
		}
	}
	b := []byte{0x80, 1}
	pad(b)[0] = 7
	if b[0] != 0x80 {
		t.Error("PAD writes to its argument")
	}
}

func bigN() *big.Int {
	n, _ := new(big.Int).SetString(modulusHex, 16)
	return n
}
