package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a small file system in memory that can be full.
type Disk struct{ Dir string }

// NewDisk mounts a disk of some MiB, which takes root, and unmounts it when the
// test ends, after all that the test starts later.
func NewDisk(tb testing.TB, mib int) Disk {
	tb.Helper()
	dir, err := os.MkdirTemp("", "bellhop-disk-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.Remove(dir) })
	if err := syscall.Mount("bellhop-test", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, fmt.Sprintf("size=%dm,mode=0755", mib)); err != nil {
		tb.Fatalf("a disk that can be full is a tmpfs, and only root may mount one: %v", err)
	}
	tb.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			tb.Errorf("the disk was not unmounted: %v", err)
		}
	})
	return Disk{Dir: dir}
}

// Fill takes all the space that is left, as somebody else's log would.
func (d Disk) Fill(tb testing.TB) {
	tb.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for {
		if _, err := f.Write(page); err != nil {
			return // full
		}
	}
}

// Free gives the space back.
func (d Disk) Free(tb testing.TB) {
	tb.Helper()
	if err := os.Truncate(d.ballast(), 0); err != nil {
		tb.Fatal(err)
	}
}

func (d Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }
