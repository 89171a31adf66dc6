package local

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

// What a function prints goes to the log, within bounds: a line is cut, and one
// that prints without end is left out until it has been quiet enough. It is read in
// any case, so that no function waits for its output to be taken.
const (
	longestLine = 4 << 10
	lineCost    = 256       // what a line takes in the log besides its text
	printBurst  = 256 << 10 // bytes at once
	printRate   = 16 << 10  // bytes a second, for good: 1.4 GB a day
)

// allowance is how much the processes of a function may print, together.
type allowance struct {
	mu   sync.Mutex // guards the rest
	left float64
	at   time.Time
	lost int // lines left out since the allowance was used up; 0 while it is not
}

func newAllowance(now time.Time) allowance { return allowance{left: printBurst, at: now} }

// spend says whether a line may be printed, whether it is the first that may not,
// and, of the first that may again, how many could not before it.
func (a *allowance) spend(line int, now time.Time) (ok, first bool, lost int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = min(printBurst, a.left+printRate*now.Sub(a.at).Seconds())
	a.at = now
	cost := float64(line + lineCost)
	// Once silent, it stays so until there is room for more than a line or two.
	if a.left < cost || a.lost > 0 && a.left < printBurst/4 {
		a.lost++
		return false, a.lost == 1, 0
	}
	a.left -= cost
	lost, a.lost = a.lost, 0
	return true, false, lost
}

// record logs what a process prints until it ends.
func (f *Function) record(p *process, pid int, printed io.Reader) {
	lines := bufio.NewReaderSize(printed, longestLine)
	for {
		line, err := lines.ReadSlice('\n')
		cut := errors.Is(err, bufio.ErrBufferFull)
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			f.logLine(p, pid, text, cut)
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}

func (f *Function) logLine(p *process, pid int, text string, cut bool) {
	ok, first, lost := f.prints.spend(len(text), time.Now())
	switch {
	case first:
		f.log.Warn("the function prints too much; lines are left out", "pid", pid)
	case lost > 0:
		f.log.Warn("lines of the function were left out", "lines", lost)
	}
	if !ok {
		return
	}
	if cut {
		text += "…"
	}
	f.mu.Lock()
	request := p.request
	f.mu.Unlock()
	f.log.Info("the function printed", "pid", pid, "request", request, "line", strings.ToValidUTF8(text, "\uFFFD"))
}
