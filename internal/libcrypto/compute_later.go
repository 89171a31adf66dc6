//go:build linux && (amd64 || arm64) && !static && go1.27

package libcrypto

import "github.com/ebitengine/purego"

// compute is purego's call, which is as good but for the cost that compute_go126.go spares:
// what that names of the runtime and of purego has not been looked at in this Go.
func compute(fn uintptr, args []uintptr) int32 {
	r, _, _ := purego.SyscallN(fn, args...)
	return int32(r)
}
