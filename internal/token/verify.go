package token

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	strict "github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

const (
	maxToken = 48 << 10         // bytes; ours have about one thousand, and what a function adds
	maxSkew  = 60 * time.Second // how far in the future iat may lie: nodes' clocks
)

// AccessClaims is what a verified access token says.
type AccessClaims struct {
	Sub       string
	Username  string
	ClientID  string
	OriginJTI string
	JTI       string
	EventID   string
	Scope     string
	DeviceKey string
	Groups    []string
	AuthTime  time.Time
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// HasScope reports whether the token was granted the scope.
func (c AccessClaims) HasScope(scope string) bool {
	return scope != "" && slices.Contains(strings.Fields(c.Scope), scope)
}

// wireClaims is an access token's payload.
type wireClaims struct {
	Sub       string   `json:"sub"`
	Issuer    string   `json:"iss"`
	TokenUse  Use      `json:"token_use"`
	Username  string   `json:"username"`
	ClientID  string   `json:"client_id"`
	OriginJTI string   `json:"origin_jti"`
	JTI       string   `json:"jti"`
	EventID   string   `json:"event_id"`
	Scope     string   `json:"scope"`
	DeviceKey string   `json:"device_key"`
	Groups    []string `json:"cognito:groups"`
	AuthTime  int64    `json:"auth_time"`
	IssuedAt  int64    `json:"iat"`
	ExpiresAt int64    `json:"exp"`
}

// VerifyAccess returns the claims of an access token that the pool with this
// key set and issuer signed and that is alive at now. Whether it was revoked
// and what it allows is the caller's to check. The error is a
// fault.NotAuthorized in Cognito's words; that a token has expired is said
// only of a token that was good.
func VerifyAccess(set KeySet, issuer, raw string, now time.Time) (AccessClaims, error) {
	w, ok := claimed(raw)
	if !ok || set.signed(UseAccess, raw, now) == nil {
		return AccessClaims{}, errInvalidAccess()
	}
	return w.good(issuer, now)
}

// claimed reads what stands in a token, whoever wrote it.
func claimed(raw string) (w wireClaims, ok bool) {
	if len(raw) > maxToken {
		return w, false
	}
	_, payload, _, ok := segments(raw)
	if !ok {
		return w, false
	}
	text, ok := decodeSegment(payload)
	if w, plain := readPlainClaims(string(text)); ok && plain {
		return w, true
	}
	// Names must be ours to the letter: to encoding/json a claim that somebody
	// added may be one of ours in other letters, and go over it.
	if !ok || strict.Unmarshal(text, &w) != nil {
		return wireClaims{}, false
	}
	return w, true
}

// good returns the claims if they are those of a token of the issuer that is alive.
func (w wireClaims) good(issuer string, now time.Time) (AccessClaims, error) {
	if !w.consistent(issuer, now) {
		return AccessClaims{}, errInvalidAccess()
	}
	claims := w.claims()
	if !now.Before(claims.ExpiresAt) { // RFC 7519, section 4.1.4; no leeway, the clock is ours
		return AccessClaims{}, fault.New(fault.NotAuthorized, "Access Token has expired")
	}
	return claims, nil
}

func errInvalidAccess() error { return fault.New(fault.NotAuthorized, "Invalid Access Token") }

// signed returns the published key of the use that signed a compact JWS; nil for none.
func (s KeySet) signed(use Use, raw string, now time.Time) *Key {
	if len(raw) > maxToken {
		return nil
	}
	header, payload, signature, ok := segments(raw)
	if !ok {
		return nil
	}
	key := s.byHeader(use, header, now)
	if key == nil {
		return nil
	}
	mac, ok := decodeSegment(signature)
	if !ok || !key.verifies([]byte(raw[:len(header)+len(".")+len(payload)]), mac) {
		return nil
	}
	return key
}

// byHeader returns the published key of the use that writes this very header.
func (s KeySet) byHeader(use Use, header string, now time.Time) *Key {
	for _, k := range s {
		if k.Use == use && k.header == header && !k.overAt(now) {
			return k
		}
	}
	return nil
}

// consistent reports whether the claims are those of an access token of the
// issuer. The pool signed them; this keeps tokens of another kind or place
// from being used as access tokens here (RFC 8725, section 3.9).
func (w wireClaims) consistent(issuer string, now time.Time) bool {
	return w.TokenUse == UseAccess &&
		w.Issuer == issuer && issuer != "" &&
		w.Sub != "" && w.Username != "" && w.ClientID != "" &&
		w.IssuedAt > 0 && w.ExpiresAt > w.IssuedAt &&
		!time.Unix(w.IssuedAt, 0).After(now.Add(maxSkew))
}

func (w wireClaims) claims() AccessClaims {
	return AccessClaims{
		Sub: w.Sub, Username: w.Username, ClientID: w.ClientID,
		OriginJTI: w.OriginJTI, JTI: w.JTI, EventID: w.EventID,
		Scope: w.Scope, DeviceKey: w.DeviceKey, Groups: slices.Clone(w.Groups),
		AuthTime:  time.Unix(w.AuthTime, 0).UTC(),
		IssuedAt:  time.Unix(w.IssuedAt, 0).UTC(),
		ExpiresAt: time.Unix(w.ExpiresAt, 0).UTC(),
	}
}

// ClaimedIssuer returns the issuer that a token names, unverified: good for
// choosing the key set that VerifyAccess then holds against it, and for
// nothing else.
func ClaimedIssuer(raw string) (string, bool) {
	if len(raw) > maxToken {
		return "", false
	}
	_, payload, _, ok := segments(raw)
	if !ok {
		return "", false
	}
	b, ok := decodeSegment(payload)
	if !ok {
		return "", false
	}
	var w struct {
		Issuer string `json:"iss"`
	}
	if err := strict.Unmarshal(b, &w); err != nil || w.Issuer == "" {
		return "", false
	}
	return w.Issuer, true
}

// LooksLikeJWT reports whether text has the form of a signed token, which
// RevokeToken answers with another error than mere nonsense.
func LooksLikeJWT(text string) bool {
	header, _, _, ok := segments(text)
	if !ok {
		return false
	}
	b, ok := decodeSegment(header)
	if !ok {
		return false
	}
	var object map[string]json.RawMessage
	return json.Unmarshal(b, &object) == nil && object != nil
}
