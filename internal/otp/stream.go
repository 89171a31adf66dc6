package otp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// stream is an endless row of bytes that depends on a key and a row of fields:
// block i is HMAC-SHA-256(key, fields with their lengths ‖ i), counter mode as
// in NIST SP 800-108.
type stream struct {
	mac     hash.Hash
	prefix  []byte
	counter uint32
	block   []byte // what is left of the current block
}

func newStream(key []byte, fields ...string) *stream {
	if len(key) < sha256.Size {
		panic("otp: key shorter than 32 bytes")
	}
	var prefix []byte
	for _, field := range fields {
		prefix = binary.BigEndian.AppendUint32(prefix, uint32(len(field)))
		prefix = append(prefix, field...)
	}
	return &stream{mac: hmac.New(sha256.New, key), prefix: prefix}
}

func (s *stream) next() byte {
	if len(s.block) == 0 {
		s.mac.Reset()
		s.mac.Write(s.prefix)
		s.mac.Write(binary.BigEndian.AppendUint32(nil, s.counter))
		s.block = s.mac.Sum(nil)
		s.counter++
	}
	b := s.block[0]
	s.block = s.block[1:]
	return b
}

// below returns a number in [0, n), n at most 256, each equally likely: bytes
// at or above the greatest multiple of n are thrown away.
func (s *stream) below(n int) int {
	limit := 256 - 256%n
	for {
		if b := int(s.next()); b < limit {
			return b % n
		}
	}
}
