package endtoend

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// node is one process of the program, which may be killed and started again.
type node struct {
	tb      testing.TB
	program string
	env     []string
	log     *syncBuffer // all that any run wrote
	under   []string    // a command that the server is started by, which becomes it

	cmd   *exec.Cmd
	ended chan error // gets the outcome of the process

	mu  sync.Mutex // guards url while others than the test use it
	url string
}

func newNode(tb testing.TB) *node { return &node{tb: tb, program: binary, log: &syncBuffer{}} }

// another is a second node with the same settings, and env for those that differ.
func (n *node) another(env ...string) *node {
	other := newNode(n.tb)
	other.program = n.program
	other.env = append(append(other.env, n.env...), env...)
	return other
}

// run runs a command to its end and returns what it printed.
func (n *node) run(args ...string) string {
	n.tb.Helper()
	cmd := exec.Command(n.program, args...)
	cmd.Env = n.env
	cmd.Stderr = n.log
	out, err := cmd.Output()
	if err != nil {
		n.tb.Fatalf("bellhop %s: %v\n%s", args, err, n.log)
	}
	return string(out)
}

// start starts the server and waits until it says where it listens.
func (n *node) start() {
	n.tb.Helper()
	if err := n.launch(); err != nil {
		n.tb.Fatal(err)
	}
}

// launch is start for other goroutines than the test's.
func (n *node) launch() error {
	argv := append(slices.Clone(n.under), n.program, "serve")
	n.cmd = exec.Command(argv[0], argv[1:]...)
	n.cmd.Env = n.env
	n.cmd.Stderr = n.log
	said := &announcement{log: n.log, at: make(chan string, 1)}
	n.cmd.Stdout = said
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := n.cmd, make(chan error, 1)
	n.ended = ended
	go func() { ended <- cmd.Wait() }()
	select {
	case at := <-said.at:
		n.mu.Lock()
		defer n.mu.Unlock()
		n.url = at
		return nil
	case err := <-ended:
		ended <- err
		return fmt.Errorf("the server ended before it listened: %w\n%s", err, n.log)
	case <-time.After(time.Minute):
		return errors.New("the server does not listen after a minute\n" + n.log.String())
	}
}

// base is where the node listens, or did when it last ran.
func (n *node) base() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.url
}

// kill ends the server as a power cut would end the process.
func (n *node) kill() {
	n.tb.Helper()
	n.alive()
	if err := n.cmd.Process.Kill(); err != nil {
		n.tb.Fatal(err)
	}
	n.outcome()
}

// stop ends the server as an operator does.
func (n *node) stop() {
	n.tb.Helper()
	n.alive()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.tb.Fatal(err)
	}
	if err := n.outcome(); err != nil {
		n.tb.Fatalf("the server ended with %v\n%s", err, n.log)
	}
}

// outcome waits until the process has ended.
func (n *node) outcome() error {
	n.tb.Helper()
	select {
	case err := <-n.ended:
		return err
	case <-time.After(time.Minute):
		n.tb.Fatalf("the server does not end\n%s", n.log)
		return nil
	}
}

// alive fails the test if the server has ended by itself.
func (n *node) alive() {
	n.tb.Helper()
	select {
	case err := <-n.ended:
		n.tb.Fatalf("the server ended by itself: %v\n%s", err, n.log)
	default:
	}
}

// cpu is what the server has used, user and system (proc(5), stat, in ticks of
// 10 ms).
func (n *node) cpu() time.Duration {
	n.tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		n.tb.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		n.tb.Fatalf("/proc stat is %q", stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is what the server has resident, in bytes.
func (n *node) memory() int64 {
	n.tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		n.tb.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				n.tb.Fatal(err)
			}
			return kib << 10
		}
	}
	return 0
}

func cpu(nodes []*node) (used time.Duration) {
	for _, n := range nodes {
		used += n.cpu()
	}
	return used
}

// announcement is the standard output of a server, whose first line says where
// it listens.
type announcement struct {
	log io.Writer
	at  chan string

	first bytes.Buffer // until the line was found
	found bool
}

func (a *announcement) Write(p []byte) (int, error) {
	if !a.found {
		a.first.Write(p)
		if _, rest, ok := strings.Cut(a.first.String(), "http://"); ok && strings.Contains(rest, "\n") {
			line, _, _ := strings.Cut(rest, "\n")
			a.found = true
			a.at <- "http://" + strings.TrimSpace(line)
		}
	}
	return a.log.Write(p)
}
