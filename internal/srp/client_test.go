package srp_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/srp"
)

const modulusHex = "" +
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

var (
	bigN, _ = new(big.Int).SetString(modulusHex, 16)
	bigG    = big.NewInt(2)
)

// client is a client as the official JavaScript library writes it: big
// integers, and padding decided on hex text.
type client struct {
	a, A *big.Int
}

func newClient(a *big.Int) client {
	return client{a, new(big.Int).Exp(bigG, a, bigN)}
}

func randomClient(t testing.TB) client {
	t.Helper()
	a, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 1024))
	if err != nil {
		t.Fatal(err)
	}
	return newClient(a)
}

func padHex(n *big.Int) []byte {
	s := n.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	} else if strings.Contains("89abcdef", s[:1]) {
		s = "00" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func sum(parts ...[]byte) *big.Int {
	h := sha256.Sum256(bytes.Join(parts, nil))
	return new(big.Int).SetBytes(h[:])
}

func mac(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(bytes.Join(parts, nil))
	return m.Sum(nil)
}

// answer returns PASSWORD_CLAIM_SIGNATURE for SALT and SRP_B.
func (c client) answer(t testing.TB, saltHex, bHex, pool, user, password string, block []byte, stamp string) []byte {
	t.Helper()
	salt, ok1 := new(big.Int).SetString(saltHex, 16)
	B, ok2 := new(big.Int).SetString(bHex, 16)
	if !ok1 || !ok2 || B.Sign() == 0 {
		t.Fatalf("SALT %q, SRP_B %q", saltHex, bHex)
	}
	inner := sha256.Sum256([]byte(pool + user + ":" + password))
	x := sum(padHex(salt), inner[:])
	k := sum(padHex(bigN), padHex(bigG))
	u := sum(padHex(c.A), padHex(B))
	base := new(big.Int).Exp(bigG, x, bigN)
	base.Mul(base, k).Sub(B, base).Mod(base, bigN)
	S := new(big.Int).Exp(base, new(big.Int).Add(c.a, new(big.Int).Mul(u, x)), bigN)
	prk := mac(padHex(u), padHex(S))
	key := mac(prk, []byte("Caldera Derived Key\x01"))[:16]
	return mac(key, []byte(pool), []byte(user), block, []byte(stamp))
}

var inGo srp.Group

// signIn plays the whole exchange and reports whether the server believes it.
func signIn(t testing.TB, v srp.Verifier, c client, password string) bool {
	t.Helper()
	e, err := inGo.Start(v)
	if err != nil {
		t.Fatal(err)
	}
	block := []byte("a sealed block")
	signature := c.answer(t, v.SaltHex(), e.B(), pool, user, password, block, stamp)
	a, err := srp.ParseA(c.A.Text(16))
	if err != nil {
		t.Fatal(err)
	}
	key, err := inGo.SessionKey(v, a, e.Secret())
	if err != nil {
		t.Fatal(err)
	}
	return srp.Claim{PoolName: pool, UserID: user, SecretBlock: block, Timestamp: stamp}.SignedWith(key, signature)
}
