package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// RefreshToken is what a refresh token stands for: one sign-in and how often
// it has been rotated. The text is a keyed function of it, so the store keeps
// no token, and the same successor can be given twice.
type RefreshToken struct {
	FamilyID   string // 1 to 255 bytes
	Generation uint32
}

const (
	refreshVersion = 1
	refreshDomain  = "bellhop refresh token v1\x00"
	maxRefresh     = 1 << 10 // characters; ours have about 110
	minRefreshKey  = 32
)

// MintRefresh returns the text of a refresh token, of the alphabet that
// Cognito's model allows: base64url of a version, key id, family and
// generation, and of their HMAC-SHA-256 under the key. The key id tells
// ParseRefresh which key that was.
//
// It panics on a short key or an empty or over-long id, which only a
// programmer can get wrong.
func MintRefresh(key []byte, keyID string, r RefreshToken) string {
	if len(key) < minRefreshKey || keyID == "" || len(keyID) > 255 || r.FamilyID == "" || len(r.FamilyID) > 255 {
		panic("token: refresh token of unusable parts")
	}
	body := []byte{refreshVersion}
	body = appendShort(body, keyID)
	body = appendShort(body, r.FamilyID)
	body = binary.BigEndian.AppendUint32(body, r.Generation)
	return base64URL(append(body, refreshMAC(key, body)...))
}

func appendShort(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

func refreshMAC(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(refreshDomain))
	mac.Write(body)
	return mac.Sum(nil)
}

// ParseRefresh returns what a refresh token that MintRefresh wrote stands for.
// keyByID gives the key of an id, current or older. The error is a
// fault.NotAuthorized in Cognito's words and does not tell a forged token from
// a broken one. That the token is still good is the store's to say.
func ParseRefresh(keyByID func(id string) ([]byte, bool), text string) (RefreshToken, error) {
	keyID, r, body, mac, ok := splitRefresh(text)
	if !ok {
		return RefreshToken{}, errInvalidRefresh()
	}
	key, ok := keyByID(keyID)
	if !ok || len(key) < minRefreshKey || !hmac.Equal(mac, refreshMAC(key, body)) {
		return RefreshToken{}, errInvalidRefresh()
	}
	return r, nil
}

func errInvalidRefresh() error { return fault.New(fault.NotAuthorized, "Invalid Refresh Token") }

// splitRefresh takes a text apart without believing it.
func splitRefresh(text string) (keyID string, r RefreshToken, body, mac []byte, ok bool) {
	if len(text) > maxRefresh {
		return "", RefreshToken{}, nil, nil, false
	}
	raw, ok := decodeSegment(text)
	if !ok || len(raw) < sha256.Size+1 || raw[0] != refreshVersion {
		return "", RefreshToken{}, nil, nil, false
	}
	body, mac = raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	keyID, rest, ok1 := cutShort(body[1:])
	family, rest, ok2 := cutShort(rest)
	if !ok1 || !ok2 || len(rest) != 4 {
		return "", RefreshToken{}, nil, nil, false
	}
	return keyID, RefreshToken{family, binary.BigEndian.Uint32(rest)}, body, mac, true
}

// cutShort is appendShort's inverse.
func cutShort(b []byte) (s string, rest []byte, ok bool) {
	if len(b) == 0 || b[0] == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}
