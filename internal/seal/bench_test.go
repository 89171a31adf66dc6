package seal_test

import (
	"testing"
)

// BenchmarkRing seals what is kept of a secret, and opens it again.
func BenchmarkRing(b *testing.B) {
	ring, whose, secret := ringOf(b, keyLine(1)), []byte("us-east-1_AbC123xyz"), make([]byte, 64)
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ring.Seal("bench", whose, secret)
		}
	})
	b.Run("open", func(b *testing.B) {
		text := ring.Seal("bench", whose, secret)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ring.Open("bench", whose, text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
