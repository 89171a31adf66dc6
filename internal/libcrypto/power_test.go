//go:build linux && (amd64 || arm64) && !static

package libcrypto_test

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"sync"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/libcrypto"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

func TestExp_ManyAtOnce_IsGos(t *testing.T) {
	lib, err := libcrypto.Open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := lib.Modulus(srp.N())
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).SetBytes(srp.N())
	zero, one := make([]byte, len(srp.N())), make([]byte, len(srp.N()))
	one[len(one)-1] = 1
	most := new(big.Int).Sub(n, big.NewInt(1)).Bytes()
	check := func(base, exponent []byte) {
		want := new(big.Int).Exp(new(big.Int).SetBytes(base), new(big.Int).SetBytes(exponent), n).FillBytes(make([]byte, len(base)))
		if got := m.Exp(base, exponent); !bytes.Equal(got, want) {
			t.Errorf("%x to the power of %x is %x, want %x", base, exponent, got, want)
		}
	}
	for _, base := range [][]byte{zero, one, most} {
		for _, exponent := range [][]byte{{0}, {1}, {0, 2}, bytes.Repeat([]byte{0xff}, 32)} {
			check(base, exponent)
		}
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 5 {
				base, exponent := make([]byte, len(srp.N())), make([]byte, 32)
				rand.Read(base[1:])
				rand.Read(exponent)
				check(base, exponent)
			}
		})
	}
	all.Wait()
}

func TestModulus_BadInput_IsRefused(t *testing.T) {
	lib, err := libcrypto.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range [][]byte{nil, {0x10}} {
		if _, err := lib.Modulus(number); err == nil {
			t.Errorf("%x is taken", number)
		}
	}
	m, err := lib.Modulus([]byte{0x01, 0x01})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{
		"a short base": m.Exp([]byte{1}, []byte{1}), "a long base": m.Exp([]byte{0, 0, 1}, []byte{1}), "no exponent": m.Exp([]byte{0, 1}, nil),
	} {
		if got != nil {
			t.Errorf("%s gives %x", name, got)
		}
	}
}
