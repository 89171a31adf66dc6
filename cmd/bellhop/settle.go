package main

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

// settleAfter is when a start is over: its memory was used, and the first requests
// have come.
const settleAfter = time.Second

// settle gives back what only the start needed, almost half of what the process has: garbage
// on the heap, and the pages of the program that nothing needs after it has begun. It
// waits until the start is over, or ctx ends.
func settle(ctx context.Context, log *slog.Logger) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(settleAfter):
	}
	debug.FreeOSMemory()
	if err := dropCode(); err != nil {
		log.Info("memory of the start is kept", "error", err)
	}
	return nil
}
