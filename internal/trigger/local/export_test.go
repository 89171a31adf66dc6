package local

import "time"

// Bootstrap is the script that node runs.
var Bootstrap = bootstrap

// RestFor makes the first pause after a failed start that long.
func (f *Function) RestFor(pause time.Duration) { f.rest.first = pause }

// InitWithin makes the limit on a start that long.
func (f *Function) InitWithin(limit time.Duration) { f.initLimit = limit }

// Processes is how many run, or are about to.
func (f *Function) Processes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.processes)
}

// Waiting is how many calls wait for a process.
func (f *Function) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting)
}
