package pgtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// CPU is what the cluster's processes have used so far, user and system; of those
// that have ended too, once their parent has noticed (proc(5), stat, in ticks of
// 10 ms).
func (c *Cluster) CPU(tb testing.TB) time.Duration {
	tb.Helper()
	postmaster := c.run.cmd.Process.Pid
	total := 0
	for _, pid := range append(children(postmaster), postmaster) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has just ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		last := 13 // utime, stime
		if pid == postmaster {
			last = 15 // cutime, cstime
		}
		for _, field := range fields[11:last] {
			n, err := strconv.Atoi(field)
			if err != nil {
				tb.Fatalf("/proc stat is %q", stat)
			}
			total += n
		}
	}
	return time.Duration(total) * 10 * time.Millisecond
}

// Schedstats are the files that say how long each process of the cluster has run
// (schedstat of proc(5), in nanoseconds).
func (c *Cluster) Schedstats() []string {
	var files []string
	for _, pid := range children(c.run.cmd.Process.Pid) {
		files = append(files, fmt.Sprintf("/proc/%d/schedstat", pid))
	}
	return files
}
