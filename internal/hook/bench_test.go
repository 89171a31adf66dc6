package hook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/hook"
)

// BenchmarkSigner signs a post as each text by the webhook is, and verifies it as what a
// provider posts back is.
func BenchmarkSigner(b *testing.B) {
	s, err := hook.NewSigner("whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG5vdCBvZiBhbnlib2R5")
	if err != nil {
		b.Fatal(err)
	}
	at, body := time.Unix(1_800_000_000, 0), []byte(strings.Repeat("x", 300))
	b.Run("sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Sign(make(http.Header, 8), "message", at, body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		header := http.Header{}
		if err := s.Sign(header, "message", at, body); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Verify(header.Get, at, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}
