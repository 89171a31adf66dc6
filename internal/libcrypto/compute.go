//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"structs"
	"unsafe"

	"github.com/ebitengine/purego"
)

// computed is done for what only computes, for a few milliseconds at most. The goroutine
// keeps its processor (a P) meanwhile, as it would if Go did the arithmetic. To Go's
// scheduler each other call may be one that waits: it has its monitor look for such every
// 20 µs, and gives the processor to another thread, which on busy cores waits for its turn
// among those that compute. That costs about a tenth of a sign-in.
//
// The function must not call Go.
//
//go:uintptrescapes
func (l *Library) computed(fn uintptr, args ...uintptr) bool {
	if l.callsGo {
		r, _, _ := purego.SyscallN(fn, args...)
		return int32(r) == ok
	}
	a := arguments{fn: fn}
	copy(a.ints[:], args)
	asmcgocall(puregoCall, unsafe.Pointer(&a))
	return int32(a.ints[0]) == ok
}

// arguments are those of purego's trampoline, which leaves the result in the first. Where
// another version of it has others, no key is signed with: see prove.
type arguments struct {
	_      structs.HostLayout
	fn     uintptr
	ints   [32]uintptr
	floats [8]uintptr
	r8     uintptr
}

//go:linkname puregoCall github.com/ebitengine/purego.syscallXABI0
var puregoCall unsafe.Pointer

// asmcgocall is runtime.cgocall but for what that tells the scheduler. Go's linker lets it
// be named because it is of assembly; if it no longer does, the build fails, and purego's
// call is as good but for the cost.
//
//go:linkname asmcgocall runtime.asmcgocall
//go:noescape
func asmcgocall(fn, arg unsafe.Pointer) int32
