package token

import (
	"crypto/sha256"
	"encoding/binary"
)

const Generation = generation

func (m *Memory) Len() int { return len(m.young) + len(m.old) }

// Fill remembers a token that nobody shows.
func (m *Memory) Fill(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(sha256.Sum256(binary.AppendVarint(nil, int64(n))), &remembered{by: new(Key)})
}

func (p Presented) Known() bool { return p.by != nil }

func (m *Memory) IssuedLen() int { return len(m.issued) + len(m.before) }

// FillIssued notes a token that is like no other.
func (m *Memory) FillIssued(n int) {
	m.Issued(Tokens{Access: string(binary.AppendVarint(nil, int64(n))), by: new(Key)})
}
