package pgcluster

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is what the cluster's processes have used so far, user and system; of those
// that have ended too, once their parent has noticed.
func (c *Cluster) CPU() (time.Duration, error) {
	postmaster := c.run.cmd.Process.Pid
	total, err := buried(postmaster)
	if err != nil {
		return 0, err
	}
	for _, pid := range append(children(postmaster), postmaster) {
		used, err := CPUOf(pid)
		if err != nil {
			continue // it has just ended
		}
		total += used
	}
	return total, nil
}

// CPUOf is what a process has used so far, user and system, with the threads that
// have ended: its own clock, in nanoseconds (clock_getcpuclockid(3)).
func CPUOf(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED of the kernel
	var at unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &at); err != nil {
		return 0, fmt.Errorf("the clock of process %d: %w", pid, err)
	}
	return time.Duration(at.Nano()), nil
}

// buried is what the ended children of a process have used (proc(5), stat: cutime
// and cstime in ticks of 10 ms).
func buried(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, err1 := strconv.Atoi(fields[13])
	system, err2 := strconv.Atoi(fields[14])
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc stat is %q", stat)
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// Memory is what the cluster's processes have in memory, in bytes: pages that they
// share count once.
func (c *Cluster) Memory() (int64, error) {
	postmaster := c.run.cmd.Process.Pid
	total := int64(0)
	for _, pid := range append(children(postmaster), postmaster) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue // it has just ended
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			rest, ok := strings.CutPrefix(lines.Text(), "Pss:")
			if !ok {
				continue
			}
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0, err
			}
			total += kib << 10
		}
	}
	return total, nil
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
