package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// lines is a log's writer that writes at most once in restOfLog: what comes in between
// is written together, at most so much later. A busy server writes some lines for each
// of thousands of requests a second, and each write is a system call, and wakes whoever
// reads the log, and the scheduler's thread that looks after calls of the system, for some
// milliseconds (see package brief).
type lines struct {
	w io.Writer

	mu      sync.Mutex // guards those below, and orders what is written
	waiting []byte     // whole lines
	resting bool       // something was written a moment ago; a timer ends that
}

const (
	restOfLog   = 20 * time.Millisecond
	mostWaiting = 64 << 10 // bytes: what an empty pipe has room for (pipe(7))
	onePiece    = 4 << 10  // what a pipe takes in one piece, whoever else writes to it (PIPE_BUF)
)

// Write writes a line, or keeps it for a moment. What goes wrong with a line that was
// kept nobody is told, as slog tells nobody.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.resting {
		l.resting = true
		time.AfterFunc(restOfLog, l.rested)
		return l.w.Write(line)
	}
	if len(l.waiting)+len(line) > mostWaiting {
		l.write()
	}
	l.waiting = append(l.waiting, line...)
	return len(line), nil
}

// rested writes what came while there was rest, and begins another if there was any.
func (l *lines) rested() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resting = len(l.waiting) > 0
	if l.resting {
		l.write()
		time.AfterFunc(restOfLog, l.rested)
	}
}

// Flush writes what is waiting.
func (l *lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

// write is called with the mutex held.
func (l *lines) write() {
	for rest := l.waiting; len(rest) > 0; {
		n := pieceOf(rest)
		_, _ = l.w.Write(rest[:n])
		rest = rest[n:]
	}
	l.waiting = l.waiting[:0]
}

// pieceOf is how long the first piece is: as many of the lines as go into one, and one at
// least.
func pieceOf(lines []byte) int {
	if len(lines) <= onePiece {
		return len(lines)
	}
	if end := bytes.LastIndexByte(lines[:onePiece], '\n'); end >= 0 {
		return end + 1
	}
	return onePiece + bytes.IndexByte(lines[onePiece:], '\n') + 1
}
