package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

const keySize = 32

// The two families of derived keys. No label of the one can give a key of the
// other, since neither prefix starts with the other.
const (
	derivePrefix = "bellhop derive v1\x00"
	sealPrefix   = "bellhop seal v1\x00"
)

// Key is one master key. It never leaves the package; what leaves is derived
// from it. A Key is safe for concurrent use and has no printable form.
type Key struct {
	id string
	// A function, as what is derived is, since fmt prints what unexported fields of a
	// caller's struct hold, past all methods, and of a function that is an address.
	secret func() []byte

	// By purpose and by label, which are constants of the program, so few.
	mu      sync.Mutex // guards the two below
	aeads   map[string]cipher.AEAD
	derived map[string]func() [keySize]byte
}

func newKey(secret [keySize]byte) *Key {
	sum := sha256.Sum256(append([]byte("bellhop master key id"), secret[:]...))
	return &Key{
		id:      hex.EncodeToString(sum[:4]),
		secret:  func() []byte { return secret[:] },
		aeads:   make(map[string]cipher.AEAD),
		derived: make(map[string]func() [keySize]byte),
	}
}

// ID returns the key's public name: eight hex digits of a hash of it.
func (k *Key) ID() string { return k.id }

// Derive returns 32 bytes that depend on the key and the label alone, by
// HKDF-SHA-256 (RFC 5869). Different labels give unrelated keys. They are constants of
// the program: what was derived once is kept.
func (k *Key) Derive(label string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := k.derived[label]
	if kept == nil {
		fresh := [keySize]byte(k.expand(derivePrefix + label))
		kept = func() [keySize]byte { return fresh }
		k.derived[label] = kept
	}
	out := kept()
	return out[:]
}

func (k *Key) expand(info string) []byte {
	out, err := hkdf.Key(sha256.New, k.secret(), nil, info, keySize)
	if err != nil {
		panic("seal: hkdf: " + err.Error()) // impossible for this length and hash
	}
	return out
}

// aead returns the cipher of a purpose, made once. Nonces are random: one
// (key, purpose) may seal 2^32 values before a repeat is likelier than 2^-32
// (NIST SP 800-38D, section 8.3).
func (k *Key) aead(purpose string) cipher.AEAD {
	k.mu.Lock()
	defer k.mu.Unlock()
	if aead, ok := k.aeads[purpose]; ok {
		return aead
	}
	block, err := aes.NewCipher(k.expand(sealPrefix + purpose))
	if err != nil {
		panic("seal: aes: " + err.Error()) // impossible for 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: gcm: " + err.Error()) // impossible for AES
	}
	k.aeads[purpose] = aead
	return aead
}
