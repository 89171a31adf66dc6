package stepup

import (
	"crypto/sha256"
	"math/bits"
	"strings"
)

// Bounds are the least and the most bits of proof of work that are asked for. Each
// bit doubles what it costs.
type Bounds struct{ Least, Most int }

// MostBits is more than any client solves within a demand's life.
const MostBits = 28

// Bits is what is asked for at the asked-th demand in a row: the least for the
// first few, and from there one bit more each time that the demands double.
func (b Bounds) Bits(asked int) int {
	const free = 8
	return min(b.Least+bits.Len(uint(max(asked, 0)/free)), b.Most)
}

// maxCounter is as long as a counter may be: decimal, of 64 bits.
const maxCounter = 20

// worked says whether the SHA-256 of the token, a colon and the counter begins with
// the demand's zero bits. It costs one hash, whatever is asked of it.
func (d Demand) worked(counter string) bool {
	if counter == "" || len(counter) > maxCounter || strings.Trim(counter, "0123456789") != "" {
		return false
	}
	sum := sha256.Sum256([]byte(d.Token + ":" + counter))
	zeros := 0
	for _, b := range sum {
		zeros += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return zeros >= d.Bits
}
