// Package libcrypto computes with RSA keys by the system's OpenSSL, which on many
// machines is several times faster at it than Go. The library is loaded while the
// program runs, without cgo, and only from the system's own folders. It owns the
// search, the calls and the library's memory; what is signed, and with which key,
// is token's.
package libcrypto

import (
	"crypto/rsa"
	"errors"
)

// ErrNotBuiltIn says that this program cannot load libraries: it was built with the
// tag static, or for a platform on which that was not tried.
var ErrNotBuiltIn = errors.New("this program is built without it")

// Bounds of the keys that are taken.
const (
	minBits = 2048
	maxBits = 4096
)

// usable says whether a key is one to sign with.
func usable(private *rsa.PrivateKey) bool {
	bits := private.N.BitLen()
	return bits >= minBits && bits <= maxBits && len(private.Primes) == 2
}
