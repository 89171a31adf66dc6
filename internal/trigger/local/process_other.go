//go:build !unix

package local

import (
	"os"
	"os/exec"
	"syscall"
)

func ownGroup() *syscall.SysProcAttr { return nil }

// wait waits for the child, and calls exited when it has ended.
func wait(cmd *exec.Cmd, exited func()) error {
	defer exited()
	return cmd.Wait()
}

// killGroup ends the process itself; there are no groups here.
func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}
