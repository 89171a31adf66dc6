//go:build linux && (amd64 || arm64) && !static && !go1.27

package libcrypto

import (
	"structs"
	"unsafe"

	_ "github.com/ebitengine/purego"
)

// compute leaves the goroutine its processor (a P), as it has it where Go does the
// arithmetic. To Go's scheduler each other call may be one that waits: it has its monitor
// look for such every 20 µs, and gives the processor to another thread, which on busy cores
// waits for its turn among those that compute. That costs about a tenth of a sign-in.
func compute(fn uintptr, args []uintptr) int32 {
	a := arguments{fn: fn}
	copy(a.ints[:], args)
	asmcgocall(puregoCall, unsafe.Pointer(&a))
	return int32(a.ints[0])
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
// be named because it is of assembly. A later Go may not: see compute_later.go.
//
//go:linkname asmcgocall runtime.asmcgocall
//go:noescape
func asmcgocall(fn, arg unsafe.Pointer) int32
