package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/bellhop-auth/bellhop/internal/config"
)

// version prints one line: version, commit if the build knows it, Go, platform.
func version(_ context.Context, in invocation) error {
	if _, err := config.Load(config.Input{Args: in.args, Only: []string{}}); err != nil {
		return err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	commit := revision(info)
	if commit != "" {
		commit = " " + commit
	}
	fmt.Fprintf(in.stdout, "bellhop %s%s %s %s/%s\n", release(info), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func release(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "development"
}

// revision is the commit, "" if the build does not know it.
func revision(info *debug.BuildInfo) string {
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}
