package otp

import (
	"bytes"
	"fmt"
)

// MinPassword is the least length of a temporary password.
const MinPassword = 12

// The characters of temporary passwords: no 0 O o, 1 I l, and of the symbols
// only some that Cognito's password policy counts, that are easy to find on a
// phone and that no text message or shell example mangles.
const (
	lower   = "abcdefghijkmnpqrstuvwxyz"
	upper   = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	digit   = "23456789"
	symbol  = "!#%+=?-"
	anyChar = lower + upper + digit + symbol
)

// DerivePassword returns the temporary password of id, the same each time for
// the same key: length characters, at least one lower-case and one upper-case
// letter, one digit and one symbol, so that it meets every Cognito policy of
// that length. Every password of that kind is equally likely.
//
// It panics if the key is shorter than 32 bytes or length is below MinPassword.
func DerivePassword(key []byte, id string, length int) Code {
	if length < MinPassword {
		panic(fmt.Sprintf("otp: temporary password of %d characters", length))
	}
	s := newStream(key, "bellhop password v1", id)
	out := make([]byte, length)
	for {
		for i := range out {
			out[i] = anyChar[s.below(len(anyChar))]
		}
		if hasEveryClass(out) { // drawn whole again if not, which keeps it unbiased
			return newCode(string(out))
		}
	}
}

func hasEveryClass(password []byte) bool {
	for _, class := range []string{lower, upper, digit, symbol} {
		if !bytes.ContainsAny(password, class) {
			return false
		}
	}
	return true
}
