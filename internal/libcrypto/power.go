//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"errors"
	"runtime"
	"unsafe"
)

// Modulus is an odd number by which powers are taken. It is used by many goroutines.
type Modulus struct {
	lib  *Library
	size int     // bytes of a residue
	n    uintptr // BIGNUM
	mont uintptr // BN_MONT_CTX, which is only read
}

// Modulus returns the modulus of a number, big-endian. It is never freed: a program
// has one or two.
func (l *Library) Modulus(number []byte) (*Modulus, error) {
	if len(number) == 0 || number[len(number)-1]&1 == 0 {
		return nil, errors.New("libcrypto: the modulus is not odd")
	}
	m := &Modulus{lib: l, size: len(number), n: l.number(number), mont: call(l.fn.newMont)}
	ctx := call(l.fn.newNumbers)
	if m.n == 0 || m.mont == 0 || ctx == 0 || !done(l.fn.setMont, m.mont, m.n, ctx) {
		return nil, errors.New("libcrypto: the modulus was not taken")
	}
	call(l.fn.freeNumbers, ctx)
	return m, nil
}

// Exp returns base to the power of exponent, which are big-endian, base below the
// modulus and of its length, as the result is. Its time depends on the exponent's
// length alone. It returns nil if there is no memory for it.
func (m *Modulus) Exp(base, exponent []byte) []byte {
	if len(base) != m.size || len(exponent) == 0 {
		return nil
	}
	l := m.lib
	defer runtime.KeepAlive(m)
	a, p, r, ctx := l.number(base), l.number(exponent), call(l.fn.newNumber), call(l.fn.newNumbers)
	defer func() {
		for _, n := range []uintptr{a, p, r} {
			call(l.fn.freeNumber, n) // and wipes it; 0 is none
		}
		call(l.fn.freeNumbers, ctx)
	}()
	if a == 0 || p == 0 || r == 0 || ctx == 0 || !l.computed(l.fn.power, r, a, p, m.n, ctx, m.mont) {
		return nil
	}
	out := make([]byte, m.size)
	if int32(call(l.fn.bytes, r, uintptr(unsafe.Pointer(&out[0])), uintptr(len(out)))) != int32(len(out)) {
		return nil
	}
	return out
}

// number makes a BIGNUM, 0 if it cannot.
func (l *Library) number(b []byte) uintptr {
	return call(l.fn.read, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0)
}
