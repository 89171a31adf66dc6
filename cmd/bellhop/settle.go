package main

import (
	"context"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"time"
)

// settleAfter is when a start is over: its memory was used, and the first requests
// have come.
const settleAfter = time.Second

// reserve is memory that the collector of garbage counts and nobody touches, so that it
// is none of the machine's. The collector runs when the heap has doubled: a heap of 8 MiB
// does so many times a second under load, which was a twentieth of the CPU of a sign-in.
const reserve = 16 << 20

// settle gives back what only the start needed, almost half of what the process has:
// garbage on the heap, and the pages of the program that nothing needs after it has
// begun. It waits until the start is over, and then keeps the reserve until ctx ends.
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
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return nil // the operator's GOMEMLIMIT says when to collect, and would count it
	}
	kept := make([]byte, reserve)
	<-ctx.Done()
	runtime.KeepAlive(kept)
	return nil
}
