//go:build unix && !linux

package local

import (
	"os/exec"
	"syscall"
)

// ownGroup has a child lead a process group, by which all of it is ended.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// wait waits for the child, and calls exited when it has ended.
func wait(cmd *exec.Cmd, exited func()) error {
	defer exited()
	return cmd.Wait()
}

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
