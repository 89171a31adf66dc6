// Package otp owns one-time codes and temporary passwords. Both are keyed
// functions of what they belong to and are therefore kept nowhere: whoever
// holds the server's key derives them again. Lifetimes, tries and single use
// are the domain's.
package otp

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// MinDigits and MaxDigits bound a code's length. Six is the floor of NIST SP
// 800-63B-4, section 3.1.3; eight is what Cognito texts for SMS_OTP.
const (
	MinDigits = 6
	MaxDigits = 8
)

// Code is a one-time code. It has no printable form: Reveal is the only way
// out, for the one place that renders the text message. The zero Code matches
// nothing.
type Code struct {
	digits *string // behind a pointer: fmt prints what unexported fields hold
}

// Derive returns the code of a challenge: decimal digits drawn without bias
// from HMAC-SHA-256 under the key over the challenge's id, its purpose and the
// number that it was texted to, each with its length before it. The same
// arguments give the same code on every node; leading zeros are kept.
//
// It panics if the key is shorter than 32 bytes or digits is not within
// MinDigits and MaxDigits, which only a programmer can get wrong.
func Derive(key []byte, challengeID, purpose, number string, digits int) Code {
	if digits < MinDigits || digits > MaxDigits {
		panic(fmt.Sprintf("otp: %d digits", digits))
	}
	s := newStream(key, "bellhop code v1", challengeID, purpose, number)
	out := make([]byte, digits)
	for i := range out {
		out[i] = byte('0' + s.below(10))
	}
	return newCode(string(out))
}

// Fixed returns a code that somebody has chosen, and says whether it is MinDigits
// ASCII digits.
func Fixed(digits string) (Code, bool) {
	if len(digits) != MinDigits || strings.Trim(digits, "0123456789") != "" {
		return Code{}, false
	}
	return newCode(digits), true
}

func newCode(digits string) Code { return Code{digits: &digits} }

// Reveal returns the digits.
func (c Code) Reveal() string {
	if c.digits == nil {
		return ""
	}
	return *c.digits
}

// Matches reports whether answer is the code, digit for digit. Its time
// depends on the lengths alone.
func (c Code) Matches(answer string) bool {
	if c.digits == nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(*c.digits), []byte(answer)) == 1
}

// printed is all that any printer shows of a Code.
const printed = "[code]"

// String, GoString, Format, LogValue and MarshalText all show a constant.
func (Code) String() string               { return printed }
func (Code) GoString() string             { return printed }
func (Code) Format(s fmt.State, _ rune)   { io.WriteString(s, printed) }
func (Code) LogValue() slog.Value         { return slog.StringValue(printed) }
func (Code) MarshalText() ([]byte, error) { return []byte(printed), nil }
