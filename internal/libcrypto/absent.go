//go:build !(linux && (amd64 || arm64)) || static

package libcrypto

import (
	"crypto"
	"crypto/rsa"
)

// Library is none here.
type Library struct{}

// Open answers ErrNotBuiltIn.
func Open() (*Library, error) { return nil, ErrNotBuiltIn }

// Name says that there is none.
func (*Library) Name() string { return "none" }

// Signer answers ErrNotBuiltIn.
func (*Library) Signer(*rsa.PrivateKey) (crypto.Signer, error) { return nil, ErrNotBuiltIn }

// Modulus is none here.
type Modulus struct{}

// Modulus answers ErrNotBuiltIn.
func (*Library) Modulus([]byte) (*Modulus, error) { return nil, ErrNotBuiltIn }

// Exp answers that it cannot.
func (*Modulus) Exp(_, _ []byte) []byte { return nil }
