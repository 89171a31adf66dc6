package token

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"time"
)

// MaxTTL is the longest life of an ID or access token, Cognito's.
const MaxTTL = 24 * time.Hour

// The times of rotation. A new key is published a day before it signs, since
// verifiers keep a fetched key set for hours; an old key stays published until
// the last token that it signed is dead, and an hour more.
const (
	RotateAfter   = 90 * 24 * time.Hour
	publishBefore = 24 * time.Hour
	publishAfter  = MaxTTL + time.Hour
)

// KeySet is the signing keys of one pool, in any order.
type KeySet []*Key

// Signing returns the key that signs at now: of those of the use that are
// active, the one that became so last. Where none is, it is the one that will be
// first: the node that made it may have a clock that is a little ahead, and it is
// published already. It is nil if there is no key of the use.
func (s KeySet) Signing(use Use, now time.Time) *Key {
	var newest, first *Key
	for _, k := range s {
		switch {
		case k.Use != use:
		case k.ActiveAt.After(now):
			if first == nil || byAge(k, first) < 0 {
				first = k
			}
		case newest == nil || byAge(k, newest) > 0:
			newest = k
		}
	}
	if newest == nil {
		return first
	}
	return newest
}

// byAge orders keys by when they sign, and if that is the same so that all
// nodes agree.
func byAge(a, b *Key) int {
	return cmp.Or(a.ActiveAt.Compare(b.ActiveAt), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// Published returns the keys that verifiers may meet or will meet at now, ID
// keys first, older ones first.
func (s KeySet) Published(now time.Time) []*Key {
	var keys []*Key
	for _, k := range s {
		if k.Use != "" && !k.overAt(now) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b *Key) int {
		if a.Use != b.Use {
			return cmp.Compare(b.Use, a.Use) // "id" before "access"
		}
		return byAge(a, b)
	})
	return keys
}

// PublishedUntil is when the key leaves the key set, since no token of it can be
// alive from then on; zero while it has no successor.
func (k *Key) PublishedUntil() time.Time {
	if k.RetiredAt.IsZero() {
		return time.Time{}
	}
	return k.RetiredAt.Add(publishAfter)
}

func (k *Key) overAt(now time.Time) bool {
	return !k.RetiredAt.IsZero() && !now.Before(k.PublishedUntil())
}

// Plan is what the rotation of a key set wants done, in one transaction. When
// that is done does not matter much: a late plan gives late keys.
type Plan struct {
	Create []NewKeySpec
	Retire []Retirement
	Drop   []string // ids of keys that no living token needs
}

// NewKeySpec asks for a key that is published at once and signs from ActiveAt.
type NewKeySpec struct {
	Alg      Alg
	Use      Use
	ActiveAt time.Time
}

// Retirement sets a key's RetiredAt.
type Retirement struct {
	ID        string
	RetiredAt time.Time
}

// IsEmpty reports whether there is nothing to do.
func (p Plan) IsEmpty() bool { return len(p.Create)+len(p.Retire)+len(p.Drop) == 0 }

// Plan returns what the rotation wants at now for a pool that signs with alg.
// A key that has signed for 90 days, or is of another algorithm, gets a
// successor, which is published for a day before it signs; a use without a key
// gets one at once.
func (s KeySet) Plan(alg Alg, now time.Time) Plan { return s.plan(alg, now, false) }

// PlanRotation is Plan for who does not want to wait for the 90 days: each use
// gets a successor, unless one waits for its time already.
func (s KeySet) PlanRotation(alg Alg, now time.Time) Plan { return s.plan(alg, now, true) }

// PlanReplacement is a rotation for keys that have become known: new ones sign
// at once, and keys that wait for their time, which may be known as well, go.
// Those that have signed stay published until their tokens are dead, or go too
// if they are to be revoked.
func (s KeySet) PlanReplacement(alg Alg, now time.Time, revoke bool) Plan {
	plan := Plan{Create: []NewKeySpec{{alg, UseID, now}, {alg, UseAccess, now}}}
	for _, k := range s {
		switch {
		case revoke, k.ActiveAt.After(now), k.overAt(now):
			plan.Drop = append(plan.Drop, k.ID)
		case k.RetiredAt.IsZero(), k.RetiredAt.After(now):
			plan.Retire = append(plan.Retire, Retirement{k.ID, now})
		}
	}
	return plan
}

func (s KeySet) plan(alg Alg, now time.Time, early bool) Plan {
	var plan Plan
	for _, use := range []Use{UseID, UseAccess} {
		s.planUse(&plan, alg, use, now, early)
	}
	for _, k := range s {
		if k.overAt(now) && k != s.Signing(k.Use, now) {
			plan.Drop = append(plan.Drop, k.ID)
		}
	}
	return plan
}

func (s KeySet) planUse(plan *Plan, alg Alg, use Use, now time.Time, early bool) {
	current := s.Signing(use, now)
	since := now
	if current != nil && current.ActiveAt.After(now) {
		since = current.ActiveAt
	}
	successor := s.successor(alg, use, since)
	switch {
	case current == nil:
		plan.Create = append(plan.Create, NewKeySpec{alg, use, now})
	case successor == nil && (early || current.dueAt(alg, now)):
		at := now.Add(publishBefore)
		plan.Create = append(plan.Create, NewKeySpec{alg, use, at})
		plan.retire(current, at)
	case successor != nil:
		plan.retire(current, successor.ActiveAt)
	}
	for _, k := range s { // keys that were overtaken while nobody was looking
		if k.Use == use && k != current && !k.ActiveAt.After(now) {
			plan.retire(k, current.ActiveAt)
		}
	}
}

// retire plans a key's end unless it has one.
func (p *Plan) retire(k *Key, at time.Time) {
	if k.RetiredAt.IsZero() {
		p.Retire = append(p.Retire, Retirement{k.ID, at})
	}
}

// successor returns the next key of the use that waits for its time, which is
// after the one given.
func (s KeySet) successor(alg Alg, use Use, now time.Time) *Key {
	var next *Key
	for _, k := range s {
		if k.Use == use && k.Alg == alg && k.ActiveAt.After(now) && (next == nil || byAge(k, next) < 0) {
			next = k
		}
	}
	return next
}

func (k *Key) dueAt(alg Alg, now time.Time) bool {
	return k.Alg != alg || !now.Before(k.ActiveAt.Add(RotateAfter))
}

// jwk is a public key as in RFC 7517; its fields stand in Cognito's order.
type jwk struct {
	Alg Alg    `json:"alg"`
	Crv string `json:"crv,omitempty"`
	E   string `json:"e,omitempty"`
	Kid string `json:"kid"`
	Kty string `json:"kty"`
	N   string `json:"n,omitempty"`
	Use string `json:"use"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// JWKS returns the published keys as a JWK set, the document that stands at
// <issuer>/.well-known/jwks.json.
func (s KeySet) JWKS(now time.Time) []byte {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range s.Published(now) {
		set.Keys = append(set.Keys, k.jwk())
	}
	out, err := json.Marshal(set)
	if err != nil {
		panic("token: jwks: " + err.Error()) // impossible for strings
	}
	return out
}

func (k *Key) jwk() jwk {
	out := jwk{Alg: k.Alg, Kid: k.ID, Use: "sig"}
	switch public := k.Public().(type) {
	case *rsa.PublicKey:
		out.Kty = "RSA"
		out.N = base64URL(public.N.Bytes())
		out.E = base64URL(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 04 ‖ X ‖ Y
		if err != nil {
			panic("token: ec key: " + err.Error()) // impossible: NewKey let it in
		}
		out.Kty, out.Crv = "EC", "P-256"
		out.X, out.Y = base64URL(point[1:33]), base64URL(point[33:])
	case ed25519.PublicKey:
		out.Kty, out.Crv = "OKP", "Ed25519"
		out.X = base64URL(public)
	}
	return out
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
