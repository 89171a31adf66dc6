package pgcluster

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// process is a running server: the postmaster, whose children are all the rest.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the postmaster is gone
}

func launch(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) signal(sig syscall.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// killTree kills the postmaster and its children, none of which gets to do
// anything more. The postmaster is stopped first, so that it has no new ones.
func (p *process) killTree() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	all := children(p.cmd.Process.Pid)
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	for _, pid := range all {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	<-p.ended
	return awaitGone(all)
}
