package endtoend

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is a user to whom file modes apply, which they do not to root.
const nobody = 65534

// startBadly runs a server that must end by itself with exit code 1 and one
// sentence.
func startBadly(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	told := strings.TrimSpace(stderr.String())
	if !strings.HasPrefix(told, "bellhop: ") || strings.Contains(told, "\n") || !strings.Contains(told, want) || stdout.Len() > 0 {
		t.Errorf("it said %q and %q, want one sentence with %q", told, stdout.String(), want)
	}
}

// serveAsUser is a server on the data folder to whose user file modes apply.
func serveAsUser(t *testing.T, data string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "http://bellhop.test")
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		return cmd
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	for _, folder := range []string{filepath.Dir(binary), filepath.Dir(filepath.Dir(data))} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := filepath.WalkDir(filepath.Dir(data), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	})
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestServe_FilesThatItMayNotUse_EndWithOneSentence(t *testing.T) {
	for name, c := range map[string]struct {
		path string // in the data folder
		mode fs.FileMode
		want string
	}{
		"unreadable database":   {"bellhop.db", 0, "this file cannot be opened"},
		"read-only database":    {"bellhop.db", 0o400, "takes no writes"},
		"read-only folder":      {".", 0o500, "permission denied"},
		"unreadable folder":     {".", 0, "permission denied"},
		"unreadable master key": {"master.key", 0, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			cmd := serveAsUser(t, s.dir)
			path := filepath.Join(s.dir, c.path)
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			startBadly(t, cmd, c.want)
			if err := os.Chmod(path, 0o700); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// fullDisk mounts a small file system in a name space of its own, fills it but for
// so many bytes, and runs the program that follows there. Without root it asks for
// a user name space as well.
const fullDisk = `set -e
mount -t tmpfs -o size=4m tmpfs "$1"
if [ -n "$2" ]; then cp "$2"/* "$1"; fi
dd if=/dev/zero of="$1/filler" bs=4096 2>/dev/null || true
if [ "$3" -gt 0 ]; then truncate -s "-$3" "$1/filler"; fi
shift 3
exec "$@"`

// mounting is what unshare needs to be told for a mount of the test's own.
func mounting(t *testing.T) []string {
	t.Helper()
	name := []string{"--mount"}
	if os.Getuid() != 0 {
		name = append(name, "--map-root-user")
	}
	if out, err := exec.Command("unshare", append(name, "mount", "-t", "tmpfs", "tmpfs", t.TempDir())...).CombinedOutput(); err != nil {
		t.Skipf("this system lets nobody mount a file system: %v %s", err, out)
	}
	return name
}

func TestDoctor_OnAFullDisk_SaysAllThatItFound(t *testing.T) {
	used := newSite(t)
	used.start()
	used.stop()
	dir := t.TempDir()
	args := append(mounting(t), "sh", "-c", fullDisk, "sh", dir, used.dir, "36864", binary, "doctor", "--data", dir, "--public-url", "http://bellhop.test")
	cmd := exec.Command("unshare", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{"ok    master key", "FAIL  writing        a write failed", "see to room on the disk", "clock  "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it said %s\nwithout %q", out, want)
		}
	}
}

func TestServe_OnAFullDisk_EndsWithOneSentence(t *testing.T) {
	name := mounting(t)
	used := newSite(t)
	used.start()
	used.stop()
	for what, c := range map[string]struct {
		copied string
		room   string
		want   string
	}{
		"a new database":                 {"", "0", "full"},
		"a new database, with some room": {"", "65536", "full"},
		"a used database":                {used.dir, "0", "full"},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir := t.TempDir()
			args := append(name, "sh", "-c", fullDisk, "sh", dir, c.copied, c.room,
				binary, "serve", "--data", dir, "--listen", "127.0.0.1:0", "--public-url", "http://bellhop.test")
			cmd := exec.CommandContext(ctx, "unshare", args...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
			startBadly(t, cmd, c.want)
		})
	}
}

// Root restores, and the server's user goes on.
func TestRestore_ByRoot_LeavesTheDatabaseToTheServersUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "backup")
	s.run("backup", file)
	for _, remove := range []bool{false, true} {
		serveAsUser(t, s.dir) // gives the folder away
		if remove {
			for _, name := range []string{"bellhop.db", "bellhop.db.lock"} {
				if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.run("restore", file, "--force")
		for _, name := range []string{"bellhop.db", "bellhop.db.lock"} {
			info, err := os.Stat(filepath.Join(s.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if owner := info.Sys().(*syscall.Stat_t).Uid; owner != nobody {
				t.Errorf("after a restore, the database removed before: %v, %s belongs to user %d", remove, name, owner)
			}
		}
	}
}
