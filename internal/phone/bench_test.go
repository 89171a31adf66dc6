package phone_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// BenchmarkParse reads a number as each request with one does, and where it is from, as
// each text asks.
func BenchmarkParse(b *testing.B) {
	for _, number := range []string{"+919876543210", "+14155550123"} {
		b.Run(number[:3], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := phone.ParseLine(number); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
