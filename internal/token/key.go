// Package token owns what a signed-in app holds: ID and access tokens (JWTs)
// and their key sets, and refresh tokens. It issues, verifies and plans the
// rotation of keys, all as functions of values; storing and sealing keys,
// revocation and refresh families' state are the domain's.
package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Alg is a JWS algorithm (RFC 7518, RFC 8037).
type Alg string

// The algorithms. RS256 is Cognito's and the default; the other two make
// tokens smaller and signing cheaper, for back ends that take them.
const (
	RS256 Alg = "RS256"
	ES256 Alg = "ES256"
	EdDSA Alg = "EdDSA"
)

// Valid reports whether a is one of the algorithms.
func (a Alg) Valid() bool { return a == RS256 || a == ES256 || a == EdDSA }

// Use says which tokens a key signs. As in Cognito, ID and access tokens have
// separate keys, so that neither can be taken for the other. A key in stock
// has no use yet.
type Use string

// The uses.
const (
	UseID     Use = "id"
	UseAccess Use = "access"
)

// rsaBits is what Cognito uses, and what a browser verifies quickly.
const rsaBits = 2048

// Key is a signing key and its place in the rotation. The exported fields are
// the key's record and may be set on a copy; the key itself has no printable
// form.
type Key struct {
	ID        string // kid: 44 characters of base64, as Cognito's
	Alg       Alg
	Use       Use
	CreatedAt time.Time // published from here on
	ActiveAt  time.Time // signs from here on
	RetiredAt time.Time // its successor signs from here on; zero while there is none

	// A function, since fmt prints what unexported fields of a caller's struct
	// hold, past all methods, and of a function that is an address.
	signer func() crypto.Signer
	header string // the JWS header, encoded: fixed by ID and Alg
}

// GenerateKey makes a new key that is published and signs from now on.
func GenerateKey(alg Alg, use Use, now time.Time) (*Key, error) {
	signer, err := generate(alg)
	if err != nil {
		return nil, fmt.Errorf("generate %q key: %w", alg, err)
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, fmt.Errorf("generate %q key: %w", alg, err)
	}
	sum := sha256.Sum256(public)
	return NewKey(signer, Key{
		ID:  base64.StdEncoding.EncodeToString(sum[:]),
		Alg: alg, Use: use, CreatedAt: now, ActiveAt: now,
	})
}

func generate(alg Alg) (crypto.Signer, error) {
	switch alg {
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, errors.New("unknown algorithm")
}

// NewKey returns the key of a record. The signer may be anything that keeps
// the private key, as long as it is of the record's algorithm.
func NewKey(signer crypto.Signer, record Key) (*Key, error) {
	if record.ID == "" {
		return nil, errors.New("token: signing key without id")
	}
	if !fits(signer.Public(), record.Alg) {
		return nil, fmt.Errorf("token: signing key %s is not of algorithm %q", record.ID, record.Alg)
	}
	key := record
	key.signer = func() crypto.Signer { return signer }
	key.header = encodeHeader(key.ID, key.Alg)
	return &key, nil
}

// RSA computes with the private keys of RS256, which is most of what a sign-in costs.
// The other algorithms are cheap wherever they are computed.
type RSA interface {
	// Signer returns what signs with the key by PKCS #1 v1.5, from many goroutines.
	Signer(private *rsa.PrivateKey) (crypto.Signer, error)
}

// GoRSA is RSA by Go's own crypto/rsa, which is there everywhere.
type GoRSA struct{}

// Signer returns the key itself.
func (GoRSA) Signer(private *rsa.PrivateKey) (crypto.Signer, error) { return private, nil }

// ParseKey is NewKey for a private key that MarshalPrivate wrote. RSA keys are
// computed with by the one given.
func ParseKey(pkcs8 []byte, record Key, by RSA) (*Key, error) {
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil { // the cause could say something of the key
		return nil, fmt.Errorf("token: signing key %s is not PKCS #8", record.ID)
	}
	if private, ok := private.(*rsa.PrivateKey); ok {
		signer, err := by.Signer(private)
		if err != nil {
			return nil, fmt.Errorf("token: signing key %s: %w", record.ID, err)
		}
		return NewKey(signer, record)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("token: key %s cannot sign", record.ID)
	}
	return NewKey(signer, record)
}

// fits reports whether a public key is one of the algorithm and strong enough.
func fits(public crypto.PublicKey, alg Alg) bool {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return alg == RS256 && public.N.BitLen() >= rsaBits
	case *ecdsa.PublicKey:
		return alg == ES256 && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == EdDSA
	}
	return false
}

// MarshalPrivate returns the private key as PKCS #8 in DER. Seal it.
func (k *Key) MarshalPrivate() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer())
	if err != nil {
		return nil, fmt.Errorf("token: signing key %s cannot be exported", k.ID)
	}
	return der, nil
}

// Public returns the public key.
func (k *Key) Public() crypto.PublicKey { return k.signer().Public() }

// String and the others show the key's id alone.
func (k Key) String() string             { return "[signing key " + k.ID + "]" }
func (k Key) GoString() string           { return k.String() }
func (k Key) Format(s fmt.State, _ rune) { io.WriteString(s, k.String()) }
func (k Key) LogValue() slog.Value       { return slog.StringValue(k.String()) }
