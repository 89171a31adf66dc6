// Package totp makes and checks the codes of authenticator apps: time-based
// one-time passwords (RFC 6238) of six digits, with SHA-1 and steps of 30 seconds,
// which is what the apps expect where they are told nothing. That a code serves
// once is the business of whoever keeps the step that was last accepted.
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // RFC 6238's default, and all that many apps can do
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

// Digits is the length of a code.
const Digits = 6

// step is how long a code is the current one, and skew by how many steps the app's
// clock may differ (RFC 6238, sections 5.2 and 6).
const (
	step = 30 * time.Second
	skew = 1
)

// secretBytes is as long as Cognito's secrets are; RFC 4226 wants at least 16.
const secretBytes = 32

// Secret is what an app and the server share.
type Secret []byte

// NewSecret draws one.
func NewSecret() Secret {
	s := make(Secret, secretBytes)
	rand.Read(s)
	return s
}

// Text is the secret as apps take it: base32 without padding. Whoever calls it
// answers for where it goes.
func (s Secret) Text() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s)
}

// String keeps the secret out of logs.
func (s Secret) String() string   { return "secret" }
func (s Secret) GoString() string { return "secret" }

// Code is the code of the time.
func (s Secret) Code(at time.Time) string { return s.code(stepOf(at)) }

// Match finds the step whose code was given: the one of the time, or one beside it.
// Of two with the same code it is the later, so that the code serves for neither
// again.
func (s Secret) Match(code string, at time.Time) (matched int64, ok bool) {
	for n := stepOf(at) - skew; n <= stepOf(at)+skew; n++ {
		if subtle.ConstantTimeCompare([]byte(s.code(n)), []byte(code)) == 1 {
			matched, ok = n, true
		}
	}
	return matched, ok
}

func stepOf(at time.Time) int64 { return at.Unix() / int64(step/time.Second) }

// code is the HOTP value of the step (RFC 4226, section 5.3).
func (s Secret) code(n int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(n))
	mac := hmac.New(sha1.New, s)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0x0f
	value := binary.BigEndian.Uint32(sum[from:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", Digits, value%1_000_000)
}
