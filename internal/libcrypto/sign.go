//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// call calls a function and returns what it does. What arguments point to stays
// where it is meanwhile.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}

// done is call for functions that return 1, an int, when they have done it.
//
//go:uintptrescapes
func done(fn uintptr, args ...uintptr) bool {
	r, _, _ := purego.SyscallN(fn, args...)
	return int32(r) == ok
}

// signer signs with one key. It knows the public key alone; the private one is in
// the library's memory.
type signer struct {
	lib    *Library
	public *rsa.PublicKey
	key    *key
}

// key is an EVP_PKEY and the contexts made of it. The library wipes and frees it
// once nobody holds its signer.
type key struct {
	pkey             uintptr
	signing, proving contexts // at most as many as have signed, or verified, at once
}

// contexts are EVP_PKEY_CTX that nobody uses now, ready for what they were made for.
type contexts struct {
	mu   sync.Mutex // guards idle
	idle []uintptr
}

// Signer returns what signs with the key.
func (l *Library) Signer(private *rsa.PrivateKey) (crypto.Signer, error) {
	if !usable(private) {
		return nil, errors.New("libcrypto: RSA key of a kind that is not signed with")
	}
	der := x509.MarshalPKCS1PrivateKey(private)
	defer clear(der)
	k := &key{pkey: l.decode(der)}
	if k.pkey == 0 {
		return nil, errors.New("libcrypto: the RSA key was not taken")
	}
	public := private.PublicKey
	s := &signer{lib: l, public: &public, key: k}
	runtime.AddCleanup(s, l.freeKey, k)
	if err := s.prove(); err != nil {
		return nil, err
	}
	return s, nil
}

// prove has the key sign something that Go then verifies, so that a key which was
// taken for another is found at once. Later signatures are not verified again: the
// library itself does so before it answers, lest a fault in the arithmetic give the
// key away, and once more in Go would cost a tenth of each.
func (s *signer) prove() error {
	digest := sha256.Sum256([]byte(knownMessage))
	signature, err := s.Sign(nil, digest[:], crypto.SHA256)
	if err == nil && rsa.VerifyPKCS1v15(s.public, crypto.SHA256, digest[:], signature) != nil {
		err = errors.New("libcrypto: a signature is not the key's")
	}
	return err
}

// decode makes an EVP_PKEY of a key in DER, 0 if it cannot.
func (l *Library) decode(der []byte) uintptr {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&der[0])
	at := uintptr(unsafe.Pointer(&der[0])) // which the library moves to the end
	return call(l.fn.decode, 0, uintptr(unsafe.Pointer(&at)), uintptr(len(der)))
}

func (l *Library) freeKey(k *key) {
	for _, ctx := range append(k.signing.idle, k.proving.idle...) {
		call(l.fn.freeContext, ctx)
	}
	call(l.fn.freeKey, k.pkey)
}

// Public returns the public key.
func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign signs a SHA-256 digest by PKCS #1 v1.5, which needs no chance.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, errors.New("libcrypto: only SHA-256 by PKCS #1 v1.5 is signed")
	}
	defer runtime.KeepAlive(s) // or the key could be freed while it signs
	ctx, err := s.context(&s.key.signing, s.lib.fn.signInit)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, s.public.Size())
	length := uintptr(len(signature))
	signed := s.lib.computed(s.lib.fn.sign, ctx, uintptr(unsafe.Pointer(&signature[0])), uintptr(unsafe.Pointer(&length)),
		uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)))
	if !signed || length != uintptr(len(signature)) {
		call(s.lib.fn.freeContext, ctx)
		return nil, errors.New("libcrypto: the signature failed")
	}
	s.key.signing.put(ctx)
	return signature, nil
}

// Verifies reports whether a signature is the key's over a SHA-256 digest, by PKCS #1
// v1.5. Go takes twice the time: it prepares the modulus anew for each.
func (s *signer) Verifies(digest, signature []byte) bool {
	if len(digest) != sha256.Size || len(signature) != s.public.Size() {
		return false
	}
	defer runtime.KeepAlive(s)
	ctx, err := s.context(&s.key.proving, s.lib.fn.verifyInit)
	if err != nil { // which says nothing of the signature
		return rsa.VerifyPKCS1v15(s.public, crypto.SHA256, digest, signature) == nil
	}
	good := s.lib.computed(s.lib.fn.verify, ctx, uintptr(unsafe.Pointer(&signature[0])), uintptr(len(signature)),
		uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)))
	s.key.proving.put(ctx)
	return good
}

// context is one of those, or a new one that init has made ready.
func (s *signer) context(of *contexts, init uintptr) (uintptr, error) {
	if ctx := of.take(); ctx != 0 {
		return ctx, nil
	}
	fn := &s.lib.fn
	ctx := call(fn.newContext, s.key.pkey, 0)
	if ctx == 0 {
		return 0, errors.New("libcrypto: no memory for a signature")
	}
	if !done(init, ctx) || !done(fn.padding, ctx, pkcs1Padding) || !done(fn.digest, ctx, s.lib.sha256) {
		call(fn.freeContext, ctx)
		return 0, errors.New("libcrypto: the signature could not be begun")
	}
	return ctx, nil
}

func (c *contexts) take() uintptr {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.idle)
	if n == 0 {
		return 0
	}
	ctx := c.idle[n-1]
	c.idle = c.idle[:n-1]
	return ctx
}

func (c *contexts) put(ctx uintptr) {
	c.mu.Lock()
	c.idle = append(c.idle, ctx)
	c.mu.Unlock()
}
