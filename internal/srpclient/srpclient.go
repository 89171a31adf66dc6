// Package srpclient is an app's side of Cognito's password proof (SRP), written as
// Amplify writes it: for tests, and for measurements, which must be another's work
// than the server's. It keeps no secret from whoever times it.
package srpclient

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ModulusHex is the group of Cognito's SRP (RFC 3526, section 4) with its generator 2.
const ModulusHex = "" +
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

var (
	bigN, _ = new(big.Int).SetString(ModulusHex, 16)
	bigG    = big.NewInt(2)
)

// Client is an app's side of password proofs, of one after the other: the same A
// serves for all of them.
type Client struct {
	a, public *big.Int

	x, raised *big.Int // the last password's, and g to the power of it
}

// New begins a proof.
func New() (*Client, error) {
	a, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 256)) // RFC 5054, section 3.1: 256 bits at least
	if err != nil {
		return nil, err
	}
	return &Client{a: a, public: new(big.Int).Exp(bigG, a, bigN)}, nil
}

// A is SRP_A.
func (c *Client) A() string { return c.public.Text(16) }

// Respond answers PASSWORD_VERIFIER as Amplify does.
func (c *Client) Respond(pool, password string, parameters map[string]string) (map[string]string, error) {
	_, name, _ := strings.Cut(pool, "_")
	return c.respond(name, parameters["USER_ID_FOR_SRP"], password, parameters)
}

// Device is a device that was confirmed: it has a password of its own.
type Device struct{ Key, Group, Password string }

// NewDevice makes the password, and Salt and PasswordVerifier for ConfirmDevice, as
// Amplify does.
func NewDevice(key, group string) (d Device, salt, verifier string) {
	secret, raw := make([]byte, 40), make([]byte, 16)
	rand.Read(secret)
	rand.Read(raw)
	d = Device{key, group, base64.StdEncoding.EncodeToString(secret)}
	padded := pad(new(big.Int).SetBytes(raw))
	inner := sha256.Sum256([]byte(group + key + ":" + d.Password))
	v := new(big.Int).Exp(bigG, hashInt(padded, inner[:]), bigN)
	return d, base64.StdEncoding.EncodeToString(padded), base64.StdEncoding.EncodeToString(pad(v))
}

// RespondAsDevice answers DEVICE_PASSWORD_VERIFIER as Amplify does.
func (c *Client) RespondAsDevice(d Device, parameters map[string]string) (map[string]string, error) {
	responses, err := c.respond(d.Group, d.Key, d.Password, parameters)
	if err != nil {
		return nil, err
	}
	responses["USERNAME"], responses["DEVICE_KEY"] = parameters["USERNAME"], d.Key
	return responses, nil
}

func (c *Client) respond(name, user, password string, parameters map[string]string) (map[string]string, error) {
	salt, ok1 := new(big.Int).SetString(parameters["SALT"], 16)
	serverB, ok2 := new(big.Int).SetString(parameters["SRP_B"], 16)
	block, err := base64.StdEncoding.DecodeString(parameters["SECRET_BLOCK"])
	if !ok1 || !ok2 || err != nil || user == "" {
		return nil, fmt.Errorf("unusable PASSWORD_VERIFIER parameters, %w", err)
	}
	inner := sha256.Sum256([]byte(name + user + ":" + password))
	x := hashInt(pad(salt), inner[:])
	u := hashInt(pad(c.public), pad(serverB))
	base := new(big.Int).Mul(c.raise(x), hashInt(pad(bigN), pad(bigG)))
	base.Sub(serverB, base).Mod(base, bigN)
	shared := new(big.Int).Exp(base, new(big.Int).Add(c.a, new(big.Int).Mul(u, x)), bigN)
	key := hmacOf(hmacOf(pad(u), pad(shared)), []byte("Caldera Derived Key\x01"))[:16]
	stamp := time.Now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	return map[string]string{
		"USERNAME": user, "TIMESTAMP": stamp,
		"PASSWORD_CLAIM_SECRET_BLOCK": parameters["SECRET_BLOCK"],
		"PASSWORD_CLAIM_SIGNATURE":    base64.StdEncoding.EncodeToString(hmacOf(key, []byte(name), []byte(user), block, []byte(stamp))),
	}, nil
}

// raise is g to the power of x. One who proves the same password again has it.
func (c *Client) raise(x *big.Int) *big.Int {
	if c.x == nil || c.x.Cmp(x) != 0 {
		c.x, c.raised = x, new(big.Int).Exp(bigG, x, bigN)
	}
	return c.raised
}

func pad(n *big.Int) []byte {
	s := n.Text(16)
	if len(s)%2 == 1 {
		s = "0" + s
	}
	if s[0] >= '8' {
		s = "00" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func hashInt(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

func hmacOf(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
