//go:build linux

package plant

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bellhop-auth/bellhop/internal/pgcluster"
)

// Spent is what has been used since the processes began.
type Spent struct{ Server, Database, Driver time.Duration }

// Spent reads the clocks of the server, of its database where that has processes of
// its own, and of whoever asks.
func (s *Site) Spent() (Spent, error) {
	var all Spent
	var err error
	if all.Server, err = pgcluster.CPUOf(s.cmd.Process.Pid); err != nil {
		return all, err
	}
	if s.cluster != nil {
		if all.Database, err = s.cluster.CPU(); err != nil {
			return all, err
		}
	}
	all.Driver, err = own()
	return all, err
}

// own is what this process has used.
func own() (time.Duration, error) {
	var at unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &at)
	return time.Duration(at.Nano()), err
}

// Minus is what was used since earlier.
func (s Spent) Minus(earlier Spent) Spent {
	return Spent{s.Server - earlier.Server, s.Database - earlier.Database, s.Driver - earlier.Driver}
}

// Memory is what the server has resident and had at most since ForgetPeak, and what
// its database has in memory beside it, all in bytes.
type Memory struct{ Resident, Peak, Database int64 }

// Memory reads it.
func (s *Site) Memory() (m Memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		at := map[string]*int64{"VmRSS": &m.Resident, "VmHWM": &m.Peak}[name]
		if at == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		if err != nil {
			return m, err
		}
		*at = kib << 10
	}
	if s.cluster != nil {
		m.Database, err = s.cluster.Memory()
	}
	return m, err
}

// ForgetPeak begins the peak anew (proc(5), clear_refs).
func (s *Site) ForgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}
