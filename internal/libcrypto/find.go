//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// soname is the library's file in OpenSSL 3, whatever its minor version.
const soname = "libcrypto.so.3"

// folders are where systems with glibc keep it: Debian and its kin, Fedora and its
// kin, Arch. No other place is looked at, and no variable.
func folders() []string {
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return []string{"/usr/lib/" + triplet, "/lib/" + triplet, "/usr/lib64", "/lib64", "/usr/lib"}
}

// find returns the library's file, with no link left in its path.
func find() (string, error) {
	for _, folder := range folders() {
		path, err := filepath.EvalSymlinks(filepath.Join(folder, soname))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = guarded(path)
		}
		return path, err
	}
	return "", fmt.Errorf("there is no %s in the system's folders", soname)
}

// guarded says what is wrong with a file that others than root could have written,
// or put into its place. Who is root already needs no library to read keys.
func guarded(path string) error {
	for p := path; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !ok || owner.Uid != 0 || info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("others than root can write %s", p)
		}
		if p == path && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", p)
		}
		if p == "/" {
			return nil
		}
	}
}
