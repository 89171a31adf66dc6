package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// fewFiles is a limit of open files that a crowd of clients reaches.
const fewFiles = 4096

// checkProcess looks at the limit of open files that this shell gives. Of two
// limits Go programs take the higher one.
func checkProcess(context.Context, *patient) []finding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return []finding{warning("look at ulimit -n", "the limit of open files cannot be read (%v)", err)}
	}
	if limit.Cur < fewFiles {
		return []finding{warning(fmt.Sprintf("let the server have %d or more: LimitNOFILE in a unit, ulimit -n in a shell", fewFiles),
			"a process started here may have %d files and connections open", limit.Cur)}
	}
	return []finding{fine("a process started here may have %d files and connections open", limit.Cur)}
}

// The room on the database's disk below which something is to be done.
const (
	littleRoom = 1 << 30
	noRoom     = 64 << 20
)

// networkDisks are file systems on which SQLite's locks and shared memory are not
// to be relied upon, by their magic number.
var networkDisks = map[int64]string{
	0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB", 0x517b: "SMB", 0x65735546: "FUSE", 0x01021997: "9P",
}

const tmpfs = 0x01021994

// checkDisk looks at the file system that a file lies on.
func checkDisk(path string) []finding {
	folder := filepath.Dir(path)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return []finding{warning("look at it", "the file system of %s says nothing (%v)", folder, err)}
	}
	all := checkOwner(path, folder)
	kind := int64(disk.Type)
	if name := networkDisks[kind]; name != "" {
		all = append(all, warning("keep the database on a disk of this machine", "%s is on %s, where SQLite's locks may not hold", folder, name))
	}
	if kind == tmpfs {
		all = append(all, warning("keep the database on a disk", "%s is in memory, and gone after a restart of the machine", folder))
	}
	room := int64(disk.Bavail) * int64(disk.Bsize)
	switch {
	case room < noRoom:
		all = append(all, failure("make room", "%d MiB are free on its disk", room>>20))
	case room < littleRoom:
		all = append(all, warning("make room", "%d MiB are free on its disk", room>>20))
	}
	took, err := syncTime(folder)
	switch {
	case err != nil:
		all = append(all, failure("see to the folder's owner and mode, and to room", "no file can be written in %s (%v)", folder, err))
	case took < tooFast && kind != tmpfs:
		all = append(all, warning("see whether the disk, the hypervisor or the mount ignores it: after a power cut acknowledged sign-ups may be missing",
			"fsync takes %v, which is quicker than a disk can be", took))
	case took > tooSlow:
		all = append(all, warning("use a faster disk: every sign-in waits for it", "fsync takes %v", took.Round(time.Millisecond)))
	default:
		all = append(all, fine("fsync takes %v, and %d MiB are free on its disk", took.Round(time.Microsecond), room>>20))
	}
	return all
}

// checkOwner says that a file is not its folder's owner's, as one that root has made.
func checkOwner(path, folder string) []finding {
	var file, dir syscall.Stat_t
	if syscall.Stat(path, &file) != nil || syscall.Stat(folder, &dir) != nil || file.Uid == dir.Uid {
		return nil
	}
	return []finding{warning("chown it to the user that runs the server", "%s belongs to user %d, and its folder to user %d", path, file.Uid, dir.Uid)}
}

// The times of an fsync that are believed: NVMe with a capacitor takes some 20 µs.
const (
	tooFast = 10 * time.Microsecond
	tooSlow = 50 * time.Millisecond
)

// syncTime is the median time of making a small write durable in the folder.
func syncTime(folder string) (time.Duration, error) {
	f, err := os.CreateTemp(folder, ".bellhop-doctor-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took [9]time.Duration
	for i := range took {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		begun := time.Now()
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took[:])
	return took[len(took)/2], nil
}

// clockIsSynchronised asks the kernel whether something keeps its clock right. Where
// it does not say, it is believed.
func clockIsSynchronised() bool {
	const timeError = 5 // TIME_ERROR of adjtimex(2)
	state, err := syscall.Adjtimex(&syscall.Timex{})
	return err != nil || state != timeError
}
