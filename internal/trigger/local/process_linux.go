package local

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup has a child lead a process group, by which all of it is ended, and die
// when we do, however that comes about.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// wait waits for the child. exited is called when it has ended and is a zombie
// still, so that its number cannot yet be anybody else's.
func wait(cmd *exec.Cmd, exited func()) error {
	for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	exited()
	return cmd.Wait()
}

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
