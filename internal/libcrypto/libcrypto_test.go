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
