//go:build unix

package sqlstore

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner of another one, or of its folder, so that the
// server can use what root has restored. Nobody else may, nor needs to.
func keepOwner(path string, of fs.FileInfo) error {
	owner, ok := of.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() != 0 {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}
