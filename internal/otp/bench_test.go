package otp_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/otp"
)

// BenchmarkDerive is a code, made when it is texted and again when it is answered, and
// compared with an answer.
func BenchmarkDerive(b *testing.B) {
	key := testKey(1)
	answer := otp.Derive(key, "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", "otp", "+919876543210", 6).Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if !otp.Derive(key, "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", "otp", "+919876543210", 6).Matches(answer) {
			b.Fatal("the code is another")
		}
	}
}
