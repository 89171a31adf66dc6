package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
)

// The JWS compact form, cut down to what is needed. A JOSE library would do,
// but it would order the header its own way, and its parser would have to be
// told to leave out most of what it can. Here an incoming header is never
// parsed: it must be, byte for byte, the one that the key writes. So none,
// HS256, another key's algorithm, jku, x5u, jwk and crit cannot even be said
// (RFC 8725, sections 3.1, 3.2, 3.8 and 3.10).

// encodeHeader returns the encoded header, with Cognito's two members in
// Cognito's order.
func encodeHeader(kid string, alg Alg) string {
	header, err := json.Marshal(struct {
		Kid string `json:"kid"`
		Alg Alg    `json:"alg"`
	}{kid, alg})
	if err != nil {
		panic("token: header: " + err.Error()) // impossible for strings
	}
	return base64URL(header)
}

// sign returns the compact form of the room's claims.
func (k *Key) sign(room *signingRoom) (string, error) {
	room.payload = room.claims.append(room.payload[:0])
	text := append(append(room.text[:0], k.header...), '.')
	text = base64.RawURLEncoding.AppendEncode(text, room.payload)
	signature, err := k.signature(text)
	if err != nil {
		return "", fmt.Errorf("token: sign with key %s: %w", k.ID, err)
	}
	text = append(text, '.')
	room.text = base64.RawURLEncoding.AppendEncode(text, signature)
	return string(room.text), nil
}

// signingRoom is where a token is written, one after another.
type signingRoom struct {
	claims        claims
	payload, text []byte
}

var signing = sync.Pool{New: func() any { return new(signingRoom) }}

func (r *signingRoom) leave() {
	clear(r.claims)
	r.claims = r.claims[:0]
	signing.Put(r)
}

func (k *Key) signature(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	switch k.Alg {
	case RS256: // RFC 7518, section 3.3
		return k.signer().Sign(rand.Reader, digest[:], crypto.SHA256)
	case ES256:
		der, err := k.signer().Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		return joinECDSA(der)
	case EdDSA: // RFC 8037, section 3.1: the message itself
		return k.signer().Sign(rand.Reader, input, crypto.Hash(0))
	}
	return nil, errors.New("unknown algorithm")
}

// ecdsaHalf is the length of each of r and s for P-256.
const ecdsaHalf = 32

// joinECDSA turns a signer's ASN.1 into r ‖ s (RFC 7518, section 3.4).
func joinECDSA(der []byte) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &rs); err != nil || len(rest) > 0 {
		return nil, errors.New("signature is not ASN.1")
	}
	if rs.R.BitLen() > 8*ecdsaHalf || rs.S.BitLen() > 8*ecdsaHalf {
		return nil, errors.New("signature of another curve")
	}
	out := make([]byte, 2*ecdsaHalf)
	rs.R.FillBytes(out[:ecdsaHalf])
	rs.S.FillBytes(out[ecdsaHalf:])
	return out, nil
}

// verifier is a signer that verifies RS256 too, faster than Go does.
type verifier interface {
	Verifies(digest, signature []byte) bool
}

// verifies reports whether signature is the key's over input.
func (k *Key) verifies(input, signature []byte) bool {
	digest := sha256.Sum256(input)
	signer := k.signer()
	switch public := signer.Public().(type) {
	case *rsa.PublicKey:
		if v, ok := signer.(verifier); ok {
			return v.Verifies(digest[:], signature)
		}
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	case *ecdsa.PublicKey:
		if len(signature) != 2*ecdsaHalf {
			return false
		}
		r := new(big.Int).SetBytes(signature[:ecdsaHalf])
		s := new(big.Int).SetBytes(signature[ecdsaHalf:])
		return ecdsa.Verify(public, digest[:], r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, input, signature)
	}
	return false
}

// segments takes a compact form apart: exactly three parts, none empty.
func segments(raw string) (header, payload, signature string, ok bool) {
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, ok = strings.Cut(rest, ".")
	if !ok || header == "" || payload == "" || signature == "" || strings.Contains(signature, ".") {
		return "", "", "", false
	}
	return header, payload, signature, true
}

// decodeSegment decodes the one canonical text of a segment: no padding, no
// line ends, no stray bits at the end.
func decodeSegment(s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil
}
