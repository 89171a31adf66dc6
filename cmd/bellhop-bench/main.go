//go:build linux

// Command bellhop-bench measures what a bellhop costs: it starts one on a database
// of its own, has people sign in to it from this process, and says how many did,
// how long it took them and what the server spent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it could not, or a flow failed
	exitUsage  = 2
)

// run is the program without its process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	do := measure
	if len(args) > 0 {
		switch args[0] {
		case "compare":
			do, args = compare, args[1:]
		case "model":
			do, args = model, args[1:]
		}
	}
	err := do(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, new(usageError)):
		complain(stderr, err)
		return exitUsage
	default:
		complain(stderr, err)
		return exitFailed
	}
}

// usageError is a command line that cannot be meant.
type usageError string

func (e usageError) Error() string { return string(e) }

// complain writes each line of an error as a line of its own.
func complain(stderr io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "bellhop-bench: %s\n", strings.TrimSuffix(line, "\n"))
	}
}
