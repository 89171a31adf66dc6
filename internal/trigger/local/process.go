package local

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// process is one run of the function. Function.mu guards what is below the line.
type process struct {
	secret  string
	overdue *time.Timer // kills it unless it asks for its next event in time
	started time.Time

	pid       int                    // 0 before it runs, and once it may be another's
	dying     bool                   // killed; it gets nothing any more
	ready     bool                   // it has asked for an event
	offer     chan<- *call           // where it waits for one, else nil
	current   *call                  // what it has to answer, else nil
	answering bool                   // an answer is being read
	request   string                 // the last event it got, for its output
	served    int                    // how many it got
	failed    *trigger.FunctionError // why it could not start, as it says
}

// take hands a call to a process that waits for one. Function.mu is held.
func (p *process) take(c *call) {
	p.current = c
	p.offer <- c
	p.offer = nil
}

// kill ends the process and all that it started. Function.mu is held.
func (p *process) kill() {
	p.dying = true
	if p.pid != 0 {
		killGroup(p.pid)
	}
}

// launch starts a process for a call to arn. f.mu is held.
func (f *Function) launch(arn string) error {
	if err := f.listen(); err != nil {
		return err
	}
	p := &process{secret: newSecret(), started: time.Now()}
	env := f.environment(arn, f.address+"/"+p.secret)
	p.overdue = time.AfterFunc(f.initLimit, func() { f.hangs(p) })
	f.processes = append(f.processes, p)
	f.running.Go(func() {
		how, err := f.run(p, env)
		f.ended(p, how, err)
	})
	return nil
}

// hangs ends a process that neither has an event nor asks for one.
func (f *Function) hangs(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !p.dying && p.current == nil && p.offer == nil {
		if !p.ready && p.failed == nil {
			p.failed = startTimedOut(f.initLimit)
		}
		f.log.Warn("a process of the function is killed: it does not ask for an event", "pid", p.pid)
		p.kill()
	}
}

// run runs the process to its end, and returns how that was.
func (f *Function) run(p *process, env []string) (how string, err error) {
	// A child that is to die with us dies with the thread that began it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	printed, out, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer printed.Close()
	stdin, err := f.start.input()
	if err != nil {
		out.Close()
		return "", err
	}
	cmd := &exec.Cmd{
		Path: f.start.path, Args: f.start.args, Dir: f.cfg.Dir, Env: env,
		Stdout: out, Stderr: out, SysProcAttr: ownGroup(),
	}
	if stdin != nil {
		cmd.Stdin = stdin
	}
	err = cmd.Start()
	out.Close()
	if stdin != nil {
		stdin.Close()
	}
	if err != nil {
		return "", err
	}
	f.runs(p, cmd.Process.Pid)
	reading := make(chan struct{})
	go func() {
		defer close(reading)
		f.record(p, cmd.Process.Pid, printed)
	}()
	err = wait(cmd, func() { f.forget(p) })
	// Whoever got out of its group may hold the pipe for ever.
	_ = printed.SetReadDeadline(time.Now().Add(time.Second))
	<-reading
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ProcessState.String(), nil
	}
	return "", err
}

// runs notes that the process has begun, which may be too late for it.
func (f *Function) runs(p *process, pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.pid = pid
	if p.dying {
		p.kill()
		return
	}
	f.log.Info("a process of the function was started", "pid", pid)
}

// forget ends what the process has left behind, and its number, which will be
// another's.
func (f *Function) forget(p *process) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.kill()
	p.pid = 0
}

// ended sees to a process that runs no more: its event, the next start.
func (f *Function) ended(p *process, how string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.dying = true
	p.overdue.Stop()
	f.processes = slices.DeleteFunc(f.processes, func(other *process) bool { return other == p })
	if f.closed {
		return
	}
	f.log.Info("a process of the function has ended", "how", cmp.Or(how, "exit status 0"), "served", p.served,
		"after", time.Since(p.started).Round(time.Millisecond))
	if c := p.current; c != nil && c.started {
		f.settle(c, nil, exited(c.id, how))
	} else if c != nil {
		f.requeue(c)
	}
	if !p.ready {
		f.failedStart(startFailure{said: p.failed, exit: how, cause: err})
	}
	f.dispatch()
}
