package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// toolSettings are the settings that matter to commands that work on a data
// folder; the others are accepted, so that they can share a server's file and
// environment.
var toolSettings = []string{"data", "database", "auto-migrate", "master-key-file", "config"}

// loadTool reads the settings of such a command.
func loadTool(in invocation, flags ...config.Flag) (*config.Config, error) {
	return config.Load(config.Input{Args: in.args, Env: in.env, ReadFile: os.ReadFile, Extra: flags, Tool: true})
}

// tool is an opened data folder, whether or not a server runs on it.
type tool struct {
	*vault
	service *userpool.Service
	cfg     *config.Config
	log     *slog.Logger
}

func openTool(ctx context.Context, in invocation, cfg *config.Config) (*tool, error) {
	if err := mustExist(cfg); err != nil {
		return nil, err
	}
	v, err := openVault(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	return newTool(ctx, in, cfg, v)
}

func newTool(ctx context.Context, in invocation, cfg *config.Config, v *vault) (*tool, error) {
	t := &tool{vault: v, cfg: cfg, log: newLogger(in.stderr, slog.LevelWarn)}
	var err error
	if t.service, err = v.service(ctx, cfg, noSenders(), "", t.log); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *tool) close() { closeVault(t.vault, t.log) }

// mustExist refuses a mistyped data folder before a database is made in it.
func mustExist(cfg *config.Config) error {
	if cfg.OnPostgres() { // a mistyped one is the server's to refuse
		return nil
	}
	_, err := os.Stat(cfg.Database)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s; name the data folder with --data", cfg.Database)
	}
	return err
}

// argument takes the first argument, where it is no flag.
func argument(in *invocation) string {
	if len(in.args) == 0 || strings.HasPrefix(in.args[0], "-") {
		return ""
	}
	first := in.args[0]
	in.args = in.args[1:]
	return first
}

// numberArgument takes a phone number out of the words after the command, wherever
// it is: nothing else begins with a plus sign. Without one it is argument.
func numberArgument(in *invocation) string {
	for i, word := range in.args {
		if strings.HasPrefix(word, "+") && (i == 0 || in.args[i-1] != "--number" && in.args[i-1] != "-number") {
			in.args = slices.Delete(slices.Clone(in.args), i, i+1)
			return word
		}
	}
	return argument(in)
}

func textFlag(name, arg, help string, field *string) config.Flag {
	return config.Flag{Name: name, Arg: arg, Help: help, Set: func(v string) error { *field = v; return nil }}
}

func switchFlag(name, help string, field *bool) config.Flag {
	return config.Flag{Name: name, Help: help, Set: func(v string) error {
		if v != "true" && v != "false" {
			return fmt.Errorf("must be true or false, not %q", v)
		}
		*field = v == "true"
		return nil
	}}
}

func jsonFlag(field *bool) config.Flag {
	return switchFlag("json", "print JSON instead of text", field)
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printTable writes rows under a heading, in columns.
func printTable(w io.Writer, heading []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// moment is a time for a reader, never for one that is none.
func moment(t time.Time, never string) string {
	if t.IsZero() {
		return never
	}
	return t.UTC().Format(time.RFC3339)
}
