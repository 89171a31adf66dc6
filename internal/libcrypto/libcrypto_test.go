//go:build linux && (amd64 || arm64) && !static

package libcrypto_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/libcrypto"
)

func open(tb testing.TB) *libcrypto.Library {
	tb.Helper()
	lib, err := libcrypto.Open()
	if err != nil {
		tb.Fatal(err) // scripts/need.sh installs it
	}
	return lib
}

func newKey(tb testing.TB, bits int) *rsa.PrivateKey {
	tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return private
}

// Two signers of two keys, from many goroutines, while other signers come and go: each
// signature is the one that Go gives, byte for byte.
func TestSign_FromManyGoroutines_IsWhatGoSigns(t *testing.T) {
	lib := open(t)
	keys := []*rsa.PrivateKey{newKey(t, 2048), newKey(t, 3072)}
	signers := make([]crypto.Signer, len(keys))
	for i, private := range keys {
		var err error
		if signers[i], err = lib.Signer(private); err != nil {
			t.Fatal(err)
		}
		if !keys[i].PublicKey.Equal(signers[i].Public()) {
			t.Errorf("signer %d has another public key", i)
		}
	}
	var all sync.WaitGroup
	for g := range 16 {
		all.Go(func() {
			for n := range 6 {
				i := (g + n) % len(keys)
				signer := signers[i]
				if n%3 == 0 { // one that nobody holds when it has signed
					var err error
					if signer, err = lib.Signer(keys[i]); err != nil {
						t.Error(err)
						return
					}
				}
				digest := sha256.Sum256(fmt.Appendf(nil, "%d %d", g, n))
				got, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
				want, err2 := rsa.SignPKCS1v15(nil, keys[i], crypto.SHA256, digest[:])
				if err != nil || err2 != nil || !bytes.Equal(got, want) {
					t.Errorf("goroutine %d: %x, %v; Go has %x, %v", g, got, err, want, err2)
				}
			}
			runtime.GC()
		})
	}
	all.Wait()
}

// From many goroutines: what the key signed is accepted, and nothing that differs from
// it in any way, as Go has it.
func TestVerifies_FromManyGoroutines_IsGosWord(t *testing.T) {
	lib := open(t)
	private, another := newKey(t, 2048), newKey(t, 2048)
	signer, err := lib.Signer(private)
	if err != nil {
		t.Fatal(err)
	}
	by := signer.(interface{ Verifies(_, _ []byte) bool })
	digest := sha256.Sum256([]byte("this"))
	other := sha256.Sum256([]byte("that"))
	sign := func(by *rsa.PrivateKey, digest []byte, hash crypto.Hash) []byte {
		signature, err := rsa.SignPKCS1v15(nil, by, hash, digest)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	good := sign(private, digest[:], crypto.SHA256)
	flipped := bytes.Clone(good)
	flipped[100] ^= 4
	pss, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string][]byte{
		"good": good, "flipped": flipped, "of another key": sign(another, digest[:], crypto.SHA256),
		"of another digest": sign(private, other[:], crypto.SHA256), "of no hash": sign(private, digest[:], 0),
		"of another hash": sign(private, digest[:], crypto.SHA3_256), "PSS": pss,
		"none": nil, "short": good[1:], "long": append(bytes.Clone(good), 0), "zeros": make([]byte, len(good)),
		"the modulus": private.N.Bytes(), "above the modulus": bytes.Repeat([]byte{0xff}, len(good)),
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				for name, signature := range cases {
					want := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, digest[:], signature) == nil
					if got := by.Verifies(digest[:], signature); got != want || got != (name == "good") {
						t.Errorf("%s: %v, Go says %v", name, got, want)
					}
				}
				if by.Verifies(digest[1:], good) || by.Verifies(nil, good) {
					t.Error("a digest of another length is accepted")
				}
			}
		})
	}
	all.Wait()
}

func TestSign_WhatNoTokenNeeds_IsRefused(t *testing.T) {
	lib := open(t)
	signer, err := lib.Signer(newKey(t, 2048))
	if err != nil {
		t.Fatal(err)
	}
	digest := make([]byte, sha256.Size)
	for name, c := range map[string]struct {
		digest []byte
		opts   crypto.SignerOpts
	}{
		"PSS":              {digest, &rsa.PSSOptions{Hash: crypto.SHA256}},
		"another hash":     {digest, crypto.SHA384},
		"no hash":          {digest, crypto.Hash(0)},
		"a short digest":   {digest[1:], crypto.SHA256},
		"a long digest":    {append(digest, 0), crypto.SHA256},
		"an empty digest":  {nil, crypto.SHA256},
		"the text itself":  {[]byte(strings.Repeat("a", 300)), crypto.SHA256},
		"nothing is asked": {digest, &rsa.PSSOptions{}},
	} {
		if signature, err := signer.Sign(rand.Reader, c.digest, c.opts); err == nil {
			t.Errorf("%s: %x", name, signature)
		}
	}
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: newKey(t, 2048).N, E: 65537}}
	if _, err := lib.Signer(small); err == nil {
		t.Error("a key without primes is taken")
	}
}

// The library is the system's, whatever stands in the working folder and in the
// loader's variables. This test runs itself again in such a place.
func TestOpen_OfAnotherLibraryNearby_TakesTheSystems(t *testing.T) {
	if os.Getenv("BELLHOP_TEST_MAPS") != "" {
		open(t)
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(maps)) {
			if strings.Contains(line, "libcrypto") {
				fmt.Println("mapped", line[strings.Index(line, "/"):])
			}
		}
		return
	}
	decoys := t.TempDir()
	name := open(t).Name()
	path := name[strings.Index(name, "(")+1 : len(name)-1]
	system, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"libcrypto.so", "libcrypto.so.3"} {
		if err := os.WriteFile(filepath.Join(decoys, name), system, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Dir = decoys
	again.Env = append(os.Environ(), "BELLHOP_TEST_MAPS=1", "LD_LIBRARY_PATH="+decoys+":.",
		"OPENSSL_CONF="+filepath.Join(decoys, "none.cnf"), "OPENSSL_MODULES="+decoys)
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "mapped "+path) || strings.Contains(string(out), "mapped "+decoys) {
		t.Errorf("it mapped\n%s", out)
	}
}
