// Package passkeytest is an authenticator and the browser before it: it makes
// passkeys and signs by them as WebAuthn has it (level 3, sections 6.1, 6.5 and
// 5.8.1). What it is to get wrong, a test says. Tests only.
package passkeytest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
)

// Authenticator keeps passkeys. The zero value is a phone's that verifies its user
// and counts nothing, as those are that synchronise.
type Authenticator struct {
	// Origin is that of the page; "" for https:// and the relying party's id.
	Origin string
	// Unverified leaves the user unverified.
	Unverified bool
	// Counts says that signatures are counted.
	Counts bool
	// RSA makes keys of that kind.
	RSA bool
	// Twist changes what the browser is to sign or hand over; nil for nothing.
	Twist func(*Answer)

	keys []*key
}

// Answer is what an authenticator and the browser say, before it is signed.
type Answer struct {
	Type         string // webauthn.create or webauthn.get
	Challenge    string
	Origin       string
	CrossOrigin  bool
	RelyingParty string // whose hash is signed
	Flags        byte
	Count        uint32
	UserHandle   []byte
	Algorithm    int64 // as the key says of itself
	Spoiled      bool  // the signature is of something else
}

// The flags of authenticator data.
const (
	FlagPresent        = 0x01
	FlagVerified       = 0x04
	FlagBackupEligible = 0x08
	FlagBackedUp       = 0x10
	flagHasKey         = 0x40
)

type key struct {
	id      []byte
	party   string
	handle  []byte
	private crypto.Signer
	count   uint32
}

type creationOptions struct {
	RP   struct{ ID string }
	User struct{ ID string }
	// Challenge is base64url, which the browser hands on as it is.
	Challenge          string
	ExcludeCredentials []descriptor
}

type requestOptions struct {
	Challenge        string
	RPID             string
	AllowCredentials []descriptor
}

type descriptor struct{ ID string }

// Create makes a passkey by the options of a registration and returns the
// RegistrationResponseJSON, "" where the options exclude one that is here.
func (a *Authenticator) Create(t testing.TB, options []byte) []byte {
	t.Helper()
	var o creationOptions
	must(t, json.Unmarshal(options, &o))
	for _, k := range a.keys {
		if lists(o.ExcludeCredentials, k.id) {
			return nil
		}
	}
	k := &key{id: random(20), party: o.RP.ID, handle: decode(t, o.User.ID), private: a.newKey(t)}
	a.keys = append(a.keys, k)
	say := a.answer("webauthn.create", o.Challenge, k)
	data := say.data()
	data[32] |= flagHasKey
	data = append(data, make([]byte, 16)...) // no AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), cose(k.private.Public(), say.Algorithm)...)
	object := slices.Concat([]byte{0xa3}, cborText("fmt"), cborText("none"), cborText("attStmt"), []byte{0xa0}, cborText("authData"), cborBytes(data))
	return a.response(t, k, map[string]any{
		"clientDataJSON": encode(say.clientData(t)), "attestationObject": encode(object),
		"transports": []string{"internal", "hybrid", "carrier-pigeon"}, "authenticatorData": encode(data),
	})
}

// Sign answers a sign-in's options by a passkey that they allow, and returns the
// AuthenticationResponseJSON, nil where there is none.
func (a *Authenticator) Sign(t testing.TB, options string) []byte {
	t.Helper()
	var o requestOptions
	must(t, json.Unmarshal([]byte(options), &o))
	for _, k := range a.keys {
		if k.party == o.RPID && (len(o.AllowCredentials) == 0 || lists(o.AllowCredentials, k.id)) {
			return a.sign(t, k, o.Challenge)
		}
	}
	return nil
}

// SignAnyway answers by the newest passkey, whatever the options allow.
func (a *Authenticator) SignAnyway(t testing.TB, options string) []byte {
	t.Helper()
	var o requestOptions
	must(t, json.Unmarshal([]byte(options), &o))
	return a.sign(t, a.keys[len(a.keys)-1], o.Challenge)
}

// Forge answers with a key of its own under the first id that the options name, or
// under one of its own where they name none.
func (a *Authenticator) Forge(t testing.TB, options string) []byte {
	t.Helper()
	var o requestOptions
	must(t, json.Unmarshal([]byte(options), &o))
	k := &key{id: random(20), party: o.RPID, private: a.newKey(t)}
	if len(o.AllowCredentials) > 0 {
		k.id = decode(t, o.AllowCredentials[0].ID)
	}
	return a.sign(t, k, o.Challenge)
}

// Allowed are the ids that the options of a sign-in name.
func Allowed(t testing.TB, options string) (ids []string) {
	t.Helper()
	var o requestOptions
	must(t, json.Unmarshal([]byte(options), &o))
	for _, d := range o.AllowCredentials {
		ids = append(ids, d.ID)
	}
	return ids
}

func (a *Authenticator) sign(t testing.TB, k *key, challenge string) []byte {
	t.Helper()
	if a.Counts {
		k.count++
	}
	say := a.answer("webauthn.get", challenge, k)
	data, client := say.data(), say.clientData(t)
	hash := sha256.Sum256(client)
	if say.Spoiled {
		hash[0]++
	}
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(t, err)
	return a.response(t, k, map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data),
		"signature": encode(signature), "userHandle": encode(say.UserHandle),
	})
}

func (a *Authenticator) answer(kind, challenge string, k *key) *Answer {
	say := &Answer{
		Type: kind, Challenge: challenge, Origin: a.Origin, RelyingParty: k.party, Count: k.count, UserHandle: k.handle,
		Flags: FlagPresent | FlagVerified | FlagBackupEligible | FlagBackedUp, Algorithm: algorithm(k.private),
	}
	if say.Origin == "" {
		say.Origin = "https://" + k.party
	}
	if a.Unverified {
		say.Flags &^= FlagVerified
	}
	if a.Twist != nil {
		a.Twist(say)
	}
	return say
}

func (a *Authenticator) response(t testing.TB, k *key, response map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"id": encode(k.id), "rawId": encode(k.id), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}}, "response": response,
	})
	must(t, err)
	return text
}

// data is the authenticator data without a key.
func (say *Answer) data() []byte {
	hash := sha256.Sum256([]byte(say.RelyingParty))
	return binary.BigEndian.AppendUint32(append(hash[:], say.Flags), say.Count)
}

func (say *Answer) clientData(t testing.TB) []byte {
	text, err := json.Marshal(map[string]any{
		"type": say.Type, "challenge": say.Challenge, "origin": say.Origin, "crossOrigin": say.CrossOrigin,
	})
	must(t, err)
	return text
}

func (a *Authenticator) newKey(t testing.TB) crypto.Signer {
	if a.RSA {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		must(t, err)
		return k
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return k
}

func algorithm(k crypto.Signer) int64 {
	if _, ok := k.(*rsa.PrivateKey); ok {
		return -257
	}
	return -7
}

// cose is a public key as COSE has it (RFC 9053).
func cose(public crypto.PublicKey, alg int64) []byte {
	if k, ok := public.(*rsa.PublicKey); ok {
		return slices.Concat([]byte{0xa4, 0x01, 0x03, 0x03}, cborInt(alg), []byte{0x20}, cborBytes(k.N.Bytes()), []byte{0x21}, cborBytes([]byte{1, 0, 1}))
	}
	point, err := public.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		panic(err)
	}
	return slices.Concat([]byte{0xa5, 0x01, 0x02, 0x03}, cborInt(alg), []byte{0x20, 0x01, 0x21}, cborBytes(point[1:33]), []byte{0x22}, cborBytes(point[33:]))
}

func cborHead(major byte, n uint64) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{major<<5 | 25}, uint16(n))
}

func cborText(s string) []byte  { return append(cborHead(3, uint64(len(s))), s...) }
func cborBytes(b []byte) []byte { return append(cborHead(2, uint64(len(b))), b...) }

func cborInt(n int64) []byte {
	if n < 0 {
		return cborHead(1, uint64(-1-n))
	}
	return cborHead(0, uint64(n))
}

func lists(all []descriptor, id []byte) bool {
	return slices.ContainsFunc(all, func(d descriptor) bool {
		b, err := base64.RawURLEncoding.DecodeString(d.ID)
		return err == nil && bytes.Equal(b, id)
	})
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	must(t, err)
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
