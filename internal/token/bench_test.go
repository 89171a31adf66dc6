package token_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// BenchmarkIssue is the pair of tokens of a sign-in, its two signatures included: what
// RS256 costs more than EdDSA is theirs.
func BenchmarkIssue(b *testing.B) {
	for alg, set := range keySets() {
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			s := subject()
			for b.Loop() {
				if _, err := token.Issue(set, s, hour, start); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerifyAccess is what each request with an access token pays.
func BenchmarkVerifyAccess(b *testing.B) {
	for alg, set := range keySets() {
		b.Run(string(alg), func(b *testing.B) {
			tokens, err := token.Issue(set, subject(), hour, start)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := token.VerifyAccess(set, issuer, tokens.Access, start.Add(time.Minute)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefreshToken makes one and takes it apart again.
func BenchmarkRefreshToken(b *testing.B) {
	key := make([]byte, 32)
	keyOf := func(string) ([]byte, bool) { return key, true }
	b.ReportAllocs()
	for b.Loop() {
		text := token.MintRefresh(key, "key", token.RefreshToken{FamilyID: "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", Generation: 7})
		if _, err := token.ParseRefresh(keyOf, text); err != nil {
			b.Fatal(err)
		}
	}
}
