//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
)

// Open finds the system's libcrypto, loads it, and has it sign something of which
// the signature is known. Whoever gets an error should sign in Go.
func Open() (*Library, error) {
	path, err := find()
	if err != nil {
		return nil, err
	}
	l, err := load(path)
	if err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// Name says which library it is.
func (l *Library) Name() string { return "OpenSSL " + l.Version() + " (" + l.path + ")" }

// Version is the library's own.
func (l *Library) Version() string {
	v := l.version
	return fmt.Sprintf("%d.%d.%d", v>>28, v>>20&0xff, v>>4&0xff)
}

// The known answer. A signature by PKCS #1 v1.5 has no chance in it, so that there
// is one right answer alone. The key guards nothing.
//
//go:embed known.der
var knownKey []byte

const knownMessage = "Bellhop signs this to see whether it can."

//go:embed known.sig
var knownSignature string

// check has the library give the known answer, and Go and the library accept it, and the
// library no other.
func (l *Library) check() error {
	private, err := x509.ParsePKCS1PrivateKey(knownKey)
	if err != nil {
		return fmt.Errorf("the key of the known answer: %w", err)
	}
	s, err := l.Signer(private)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(knownMessage))
	signature, err := s.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	want, err := hex.DecodeString(knownSignature)
	if err != nil || !bytes.Equal(signature, want) || rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return errors.New("it does not give the signature that is known")
	}
	if !verifies(s, digest[:], signature) {
		return errors.New("it refuses the signature that is known")
	}
	signature[len(signature)-1] ^= 1
	other := sha256.Sum256(nil)
	if verifies(s, digest[:], signature) || verifies(s, other[:], want) {
		return errors.New("it accepts a signature that is none")
	}
	return nil
}

func verifies(s crypto.Signer, digest, signature []byte) bool {
	return s.(*signer).Verifies(digest, signature)
}
