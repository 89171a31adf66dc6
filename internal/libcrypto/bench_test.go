//go:build linux && (amd64 || arm64) && !static

package libcrypto_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"
	"time"

	"filippo.io/bigmod"

	"github.com/bellhop-auth/bellhop/internal/libcrypto"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

func BenchmarkSign(b *testing.B) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	lib, err := libcrypto.Open()
	if err != nil {
		b.Fatal(err)
	}
	fast, err := lib.Signer(private)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256([]byte("x"))
	for name, s := range map[string]crypto.Signer{"go": private, "libcrypto": fast} {
		b.Run(name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/many", func(b *testing.B) {
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("libcrypto/rested", func(b *testing.B) { // a processor that has slept is slower
		var took time.Duration
		for b.Loop() {
			time.Sleep(5 * time.Millisecond)
			began := time.Now()
			if _, err := fast.Sign(nil, digest[:], crypto.SHA256); err != nil {
				b.Fatal(err)
			}
			took += time.Since(began)
		}
		b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "ns/signature")
	})
	sig, _ := fast.Sign(nil, digest[:], crypto.SHA256)
	b.Run("verify/libcrypto", func(b *testing.B) {
		for b.Loop() {
			if !fast.(interface{ Verifies(_, _ []byte) bool }).Verifies(digest[:], sig) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("verify/go", func(b *testing.B) {
		for b.Loop() {
			if err := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA256, digest[:], sig); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("import/libcrypto", func(b *testing.B) {
		for b.Loop() {
			lib.Signer(private)
		}
	})
}

// BenchmarkExp is one power of a password proof: 3072 bits, an exponent of 256.
func BenchmarkExp(b *testing.B) {
	lib, err := libcrypto.Open()
	if err != nil {
		b.Fatal(err)
	}
	m, err := lib.Modulus(srp.N())
	if err != nil {
		b.Fatal(err)
	}
	base, exponent := make([]byte, len(srp.N())), make([]byte, 32)
	rand.Read(base[1:])
	rand.Read(exponent)
	number, err := bigmod.NewModulus(srp.N())
	if err != nil {
		b.Fatal(err)
	}
	residue, err := bigmod.NewNat().SetBytes(base, number)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			bigmod.NewNat().Exp(residue, exponent, number)
		}
	})
	b.Run("libcrypto", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if m.Exp(base, exponent) == nil {
				b.Fatal("no power")
			}
		}
	})
}
