package pgtest

import (
	"bufio"
	"io"
	"sync"
	"testing"
	"time"
)

// TrySQL is SQL for statements that may fail.
func (c *Cluster) TrySQL(database, text string) error {
	_, err := c.Query(database, text)
	return err
}

// Occupy takes every connection that the cluster has free, now and as others
// give theirs up, until free is called.
func (c *Cluster) Occupy(tb testing.TB) (free func()) {
	tb.Helper()
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if !c.hold(stop, &all) {
				select { // there is none free at the moment
				case <-stop:
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
	})
	free = sync.OnceFunc(func() {
		close(stop)
		all.Wait()
	})
	tb.Cleanup(free)
	return free
}

// hold takes one connection and keeps it until stop, if there is one.
func (c *Cluster) hold(stop <-chan struct{}, all *sync.WaitGroup) bool {
	cmd, err := c.Console("postgres")
	if err != nil {
		return false
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return false
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false
	}
	if err := cmd.Start(); err != nil {
		return false
	}
	io.WriteString(in, "select 'held';\n")
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "held\n" {
		in.Close()
		cmd.Wait()
		return false
	}
	all.Go(func() {
		<-stop
		in.Close()
		cmd.Wait()
	})
	return true
}
