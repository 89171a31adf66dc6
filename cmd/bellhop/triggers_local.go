package main

import (
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/local"
	"github.com/bellhop-auth/bellhop/internal/triggerfile"
)

// openLocal makes a function that runs here, and sees to its end.
func (f *functions) openLocal(fn triggerfile.Function, log *slog.Logger) (trigger.Invoker, error) {
	l := fn.Local
	function, err := local.New(local.Config{
		Name: localName(fn), Dir: l.Folder, Command: l.Command, Handler: l.Handler, Node: l.Node,
		Environment: l.Environment, Processes: l.Processes, Timeout: l.Timeout, MemoryMB: l.Memory, Log: log,
	})
	if err != nil {
		return nil, err
	}
	f.stops = append(f.stops, function.Close)
	return function, nil
}

// localName is what the log calls a function: the name in its ARN, or its folder's
// where that is a pattern.
func localName(fn triggerfile.Function) string {
	_, name, _ := strings.Cut(fn.ARN, ":function:")
	if name, _, _ = strings.Cut(name, ":"); name == "" || strings.Contains(name, "*") {
		return filepath.Base(fn.Local.Folder)
	}
	return name
}
