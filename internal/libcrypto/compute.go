//go:build linux && (amd64 || arm64) && !static

package libcrypto

import "github.com/ebitengine/purego"

// computed calls what only computes, for a few milliseconds at most, by compute. The
// function must not call Go.
//
//go:uintptrescapes
func (l *Library) computed(fn uintptr, args ...uintptr) bool {
	if l.callsGo {
		r, _, _ := purego.SyscallN(fn, args...)
		return int32(r) == ok
	}
	return compute(fn, args) == ok
}
