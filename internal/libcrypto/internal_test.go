//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebitengine/purego"
)

func TestKnownAnswer_IsGos(t *testing.T) {
	private, err := x509.ParsePKCS1PrivateKey(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(knownMessage))
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	if err != nil || hex.EncodeToString(signature) != knownSignature {
		t.Errorf("Go signs %x, %v", signature, err)
	}
}

// loaded is the library before it has signed anything. Its functions may be replaced.
func loaded(t *testing.T) *Library {
	t.Helper()
	path, err := find()
	if err != nil {
		t.Fatal(err)
	}
	l, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	l.callsGo = true
	return l
}

// A library that does not give the known answer is not used.
func TestCheck_OfALibraryThatAnswersWrongly_SaysSo(t *testing.T) {
	for name, spoil := range map[string]func(*Library){
		"it signs nothing and says so": func(l *Library) { l.fn.sign = answering(0) },
		"it signs nothing":             func(l *Library) { l.fn.sign = answering(1) },
		"it takes no key":              func(l *Library) { l.fn.decode = answering(0) },
		"it has no memory":             func(l *Library) { l.fn.newContext = answering(0) },
		"it keeps to no padding":       func(l *Library) { l.fn.padding = answering(1); l.fn.digest = answering(1) },
		"it cannot be told a padding":  func(l *Library) { l.fn.padding = answering(0) },
		"it signs for another hash":    func(l *Library) { l.sha256 = call(symbol(t, l, "EVP_sha3_256")) },
		"it verifies nothing":          func(l *Library) { l.fn.verify = answering(0) },
		"it verifies everything":       func(l *Library) { l.fn.verify = answering(1) },
	} {
		l := loaded(t)
		spoil(l)
		if err := l.check(); err == nil {
			t.Error(name)
		}
	}
}

// What the library gives is given back once nobody holds the signer, also where the
// signer was never given out.
func TestSigner_ThatNobodyHolds_IsFreed(t *testing.T) {
	l := loaded(t)
	private, err := x509.ParsePKCS1PrivateKey(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	var keys, contexts, signs atomic.Int64
	l.fn.decode = counted(l.fn.decode, &keys, 1)
	l.fn.freeKey = counted(l.fn.freeKey, &keys, -1)
	l.fn.newContext = counted(l.fn.newContext, &contexts, 1)
	l.fn.freeContext = counted(l.fn.freeContext, &contexts, -1)
	works, fails := counted(l.fn.sign, &signs, 1), answering(0)
	const rounds = 30
	for i := range rounds {
		if l.fn.sign = works; i%3 == 0 {
			l.fn.sign = fails
		}
		s, err := l.Signer(private)
		if (err != nil) != (i%3 == 0) {
			t.Fatal(err)
		}
		if err == nil {
			verifies(s, make([]byte, sha256.Size), make([]byte, private.Size()))
		}
	}
	if signs.Load() != rounds*2/3 {
		t.Errorf("%d signatures", signs.Load())
	}
	for deadline := time.Now().Add(time.Minute); keys.Load() != 0 || contexts.Load() != 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d keys and %d contexts are left", keys.Load(), contexts.Load())
		}
	}
}

// counted adds to the count whenever the function gives or takes something.
func counted(fn uintptr, count *atomic.Int64, by int64) uintptr {
	return purego.NewCallback(func(a, b, c, d, e uintptr) uintptr {
		count.Add(by)
		return call(fn, a, b, c, d, e)
	})
}

// answering is a function that does nothing and says the number.
func answering(number uintptr) uintptr {
	return purego.NewCallback(func(_, _, _, _, _ uintptr) uintptr { return number })
}

func symbol(t *testing.T, l *Library, name string) uintptr {
	t.Helper()
	handle, err := purego.Dlopen(l.path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		t.Fatal(err)
	}
	address, err := purego.Dlsym(handle, name)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestGuarded_WhatOthersCanWrite_IsNotLoaded(t *testing.T) {
	dir := t.TempDir() // below /tmp, which anybody can write
	path := filepath.Join(dir, soname)
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := guarded(path); err == nil {
		t.Error("a file below a folder that anybody can write is taken")
	}
	if err := guarded("/usr/lib"); err == nil {
		t.Error("a folder is taken")
	}
}

// A library without memory for a context says nothing of a signature: Go is asked.
func TestVerifies_WithoutAContext_IsGosWord(t *testing.T) {
	l := loaded(t)
	private, err := x509.ParsePKCS1PrivateKey(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Signer(private)
	if err != nil {
		t.Fatal(err)
	}
	l.fn.newContext = answering(0)
	digest := sha256.Sum256([]byte(knownMessage))
	good, _ := hex.DecodeString(knownSignature)
	if !verifies(s, digest[:], good) {
		t.Error("the known signature is refused")
	}
	good[0] ^= 1
	if verifies(s, digest[:], good) {
		t.Error("another is accepted")
	}
}
