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
// Of those that were issued here it remembers who signed them, apart, so that tokens
// which nobody shows do not take the room of those that are shown.
//
// The zero Memory is empty. It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex // guards the rest
	young map[[sha256.Size]byte]*remembered
	old   map[[sha256.Size]byte]*remembered // those before; dropped whole when the young are as many

	issued, before map[[sha256.Size]byte]*Key // who signed what was issued, young and old likewise
}

const (
	// generation is how many tokens each of the two halves of a Memory holds at most:
	// some six megabytes in all, and half of one for those that were issued.
	generation = 4096
	// longestKept is the longest token that is remembered, in bytes. One of many groups
	// takes many times what others do; with this they take some 50 megabytes at most.
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
	shown  bool       // it is remembered as one that was shown
}

// Issued notes tokens that were issued here: that their signature is right nobody need
// find out.
func (m *Memory) Issued(t Tokens) {
	if t.by == nil {
		return
	}
	hash := hashOf(t.Access)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.issued == nil || len(m.issued) >= generation {
		m.issued, m.before = m.before, m.issued
		if clear(m.issued); m.issued == nil {
			m.issued = make(map[[sha256.Size]byte]*Key)
		}
	}
	m.issued[hash] = t.by
}

// Look looks a token up, and reads what it says.
func (m *Memory) Look(raw string) Presented {
	p := Presented{memory: m, raw: raw}
	if len(raw) > maxToken {
		return p // which is refused, and not worth a hash
	}
	p.hash = hashOf(raw)
	r, by := m.recall(p.hash)
	if r != nil {
		p.claims, p.by, p.shown = r.claims, r.by, true
	} else if claims, ok := claimed(raw); ok {
		p.claims, p.by = claims, by
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

// recall finds what is remembered of a token that was shown, or else who signed it where it
// was issued here.
func (m *Memory) recall(hash [sha256.Size]byte) (*remembered, *Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.young[hash]; r != nil {
		return r, nil
	}
	if r := m.old[hash]; r != nil {
		m.put(hash, r)
		return r, nil
	}
	if by := m.issued[hash]; by != nil {
		return nil, by
	}
	return nil, m.before[hash]
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
	by := p.by
	if by == nil || !set.has(by, now) {
		by, p.shown = set.signed(UseAccess, p.raw, now), false
	}
	if by == nil {
		return AccessClaims{}, errInvalidAccess()
	}
	claims, err := p.claims.good(issuer, now)
	if err == nil && !p.shown && len(p.raw) <= longestKept {
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
