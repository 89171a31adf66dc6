package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	strict "github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// FormerKeys are public keys of another server that issued tokens for a pool
// before it came here, by the headers that they write. Cognito signs with RS256.
type FormerKeys map[string]*rsa.PublicKey

// Bounds of a key set that somebody else publishes.
const (
	MaxJWKS       = 64 << 10 // bytes of the document
	maxFormerKeys = 20
	minFormerBits = 2048
	maxFormerBits = 4096
)

// ParseJWKS reads the document of a key set (RFC 7517). Keys of other kinds than
// Cognito's are passed over; a document without any is refused.
func ParseJWKS(document []byte) (FormerKeys, error) {
	if len(document) > MaxJWKS {
		return nil, errors.New("the key set is too long")
	}
	var set struct {
		Keys []struct {
			KID string `json:"kid"`
			KTY string `json:"kty"`
			Alg string `json:"alg"`
			Use string `json:"use"`
			N   string `json:"n"`
			E   string `json:"e"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("the key set is no JSON object with a list of keys")
	}
	if len(set.Keys) > maxFormerKeys {
		return nil, fmt.Errorf("the key set has more than %d keys", maxFormerKeys)
	}
	keys := make(FormerKeys)
	for _, k := range set.Keys {
		if k.KTY != "RSA" || k.Alg != string(RS256) || k.KID == "" || k.Use != "" && k.Use != "sig" {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		e, err2 := base64.RawURLEncoding.DecodeString(k.E)
		if errors.Join(err, err2) != nil || len(e) > 4 {
			continue
		}
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		if bits := public.N.BitLen(); bits < minFormerBits || bits > maxFormerBits || public.E < 3 || public.E%2 == 0 {
			continue
		}
		keys[encodeHeader(k.KID, RS256)] = public
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set holds no RSA key for RS256")
	}
	return keys, nil
}

// VerifyFormer is VerifyAccess for a token of the issuer whose keys they are. As
// there, the header must be the one that the key writes, byte for byte: Cognito and
// Bellhop write the same.
func VerifyFormer(keys FormerKeys, issuer, raw string, now time.Time) (AccessClaims, error) {
	if len(raw) > maxToken {
		return AccessClaims{}, errInvalidAccess()
	}
	header, payload, signature, ok := segments(raw)
	key := keys[header]
	if !ok || key == nil {
		return AccessClaims{}, errInvalidAccess()
	}
	mac, ok := decodeSegment(signature)
	digest := sha256.Sum256([]byte(header + "." + payload))
	if !ok || rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], mac) != nil {
		return AccessClaims{}, errInvalidAccess()
	}
	text, ok := decodeSegment(payload)
	var w wireClaims
	if !ok || strict.Unmarshal(text, &w) != nil || !w.consistent(issuer, now) {
		return AccessClaims{}, errInvalidAccess()
	}
	claims := w.claims()
	if !now.Before(claims.ExpiresAt) {
		return AccessClaims{}, fault.New(fault.NotAuthorized, "Access Token has expired")
	}
	return claims, nil
}
