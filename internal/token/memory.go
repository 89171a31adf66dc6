package token

import (
	"crypto"
	"crypto/sha256"
	"sync"
	"time"
)

// Memory remembers the access tokens whose signatures were found to be right: an app
// shows the same token for an hour, and to look it up costs a tenth of what the
// signature does. What it remembers is what stands in the token and who signed it, and
// nothing else: whether that key is still published and the token alive is asked each
// time. It keeps a hash of the token, not the token.
//
// The zero Memory is empty. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex // guards the two below
	young map[[sha256.Size]byte]*remembered
	old   map[[sha256.Size]byte]*remembered // those before; dropped whole when the young are as many
}

const (
	// generation is how many tokens each of the two halves of a Memory holds at most:
	// some three megabytes.
	generation = 4096
	// longestKept is the longest token that is remembered, in bytes. One of many groups
	// takes many times what others do; with this they take 16 megabytes at most.
	longestKept = 2 << 10
)

type remembered struct {
	claims wireClaims
	by     *Key
}

// Presented is a token that somebody shows.
type Presented struct {
	memory *Memory
	raw    string
	hash   [sha256.Size]byte
	claims wireClaims // as they stand there, not to be believed yet; zero where it holds none
	by     *Key       // that has signed it, nil if that is not known
}

// Look looks a token up, and reads what it says.
func (m *Memory) Look(raw string) Presented {
	p := Presented{memory: m, raw: raw}
	if len(raw) > maxToken {
		return p // which is refused, and not worth a hash
	}
	p.hash = hashOf(raw)
	if r := m.recall(p.hash); r != nil {
		p.claims, p.by = r.claims, r.by
	} else {
		p.claims, _ = claimed(raw)
	}
	return p
}

// hashOf takes no memory for a token that may be remembered.
func hashOf(raw string) [sha256.Size]byte {
	var room [longestKept]byte
	if len(raw) > len(room) {
		return sha256.Sum256([]byte(raw))
	}
	return sha256.Sum256(room[:copy(room[:], raw)])
}

func (m *Memory) recall(hash [sha256.Size]byte) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.young[hash]
	if r != nil {
		return r
	}
	if r = m.old[hash]; r != nil {
		m.put(hash, r)
	}
	return r
}

// put is called with the mutex held.
func (m *Memory) put(hash [sha256.Size]byte, r *remembered) {
	if m.young == nil || len(m.young) >= generation {
		m.old, m.young = m.young, make(map[[sha256.Size]byte]*remembered)
	}
	m.young[hash] = r
}

// Issuer is the issuer that the token names, as in ClaimedIssuer.
func (p Presented) Issuer() (string, bool) { return p.claims.Issuer, p.claims.Issuer != "" }

// Verify is VerifyAccess of the token, and remembers it if it is good.
func (p Presented) Verify(set KeySet, issuer string, now time.Time) (AccessClaims, error) {
	if p.by != nil && set.has(p.by, now) {
		return p.claims.good(issuer, now)
	}
	by := set.signed(UseAccess, p.raw, now)
	if by == nil {
		return AccessClaims{}, errInvalidAccess()
	}
	claims, err := p.claims.good(issuer, now)
	if err == nil && len(p.raw) <= longestKept {
		p.memory.mu.Lock()
		defer p.memory.mu.Unlock()
		p.memory.put(p.hash, &remembered{claims: p.claims, by: by})
	}
	return claims, err
}

// has says whether a key that signed is still one of the set's.
func (s KeySet) has(by *Key, now time.Time) bool {
	k := s.byHeader(UseAccess, by.header, now)
	if k == nil || k == by {
		return k != nil
	}
	public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool }) // the row was read anew
	return ok && public.Equal(by.Public())
}
