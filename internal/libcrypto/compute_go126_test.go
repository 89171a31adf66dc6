//go:build linux && (amd64 || arm64) && !static && !go1.27

package libcrypto

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"math"
	"runtime"
	"testing"
)

// A goroutine that signs keeps its processor: what Go counts as a call of C, it may take
// it away for.
func TestSign_KeepsItsProcessor(t *testing.T) {
	lib, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS1PrivateKey(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	s, err := lib.Signer(private) // which has signed, so that there is a context
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(knownMessage))
	signature, _ := hex.DecodeString(knownSignature)
	verifies(s, digest[:], signature)
	least := int64(math.MaxInt64) // for keys of other tests are freed meanwhile
	for range 10 {
		before := runtime.NumCgoCall()
		if _, err := s.Sign(nil, digest[:], crypto.SHA256); err != nil || !verifies(s, digest[:], signature) {
			t.Fatal(err)
		}
		least = min(least, runtime.NumCgoCall()-before)
	}
	if least != 0 {
		t.Errorf("%d calls to sign and to verify", least)
	}
}
