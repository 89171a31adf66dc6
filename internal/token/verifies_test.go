package token_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"io"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// proving is an RSA that verifies by itself, and accepts or refuses everything.
type proving struct{ accepts bool }

func (p proving) Signer(private *rsa.PrivateKey) (crypto.Signer, error) {
	return &provingSigner{private, p.accepts}, nil
}

type provingSigner struct {
	*rsa.PrivateKey
	accepts bool
}

func (s *provingSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.PrivateKey.Sign(rand, digest, opts)
}

func (s *provingSigner) Verifies(digest, signature []byte) bool {
	return s.accepts && len(digest) == 32 && len(signature) == s.Size()
}

// Who signs verifies too, if he can.
func TestVerifyAccess_OfASignerThatVerifies_IsItsWord(t *testing.T) {
	key, err := token.GenerateKey(token.RS256, token.UseAccess, start)
	if err != nil {
		t.Fatal(err)
	}
	der, err := key.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	idKey := keySets()[token.RS256][0]
	raw := issue(t, token.KeySet{idKey, key}, subject(), start).Access
	forged := raw[:len(raw)-8] + string(bytes.Repeat([]byte{'A'}, 8))
	for _, accepts := range []bool{true, false} {
		by, err := token.ParseKey(der, *key, proving{accepts})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{raw, forged} {
			if _, err := token.VerifyAccess(token.KeySet{by}, issuer, text, start); (err == nil) != accepts {
				t.Errorf("its word is %v, the outcome %v", accepts, err)
			}
		}
	}
}
