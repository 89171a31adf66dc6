package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// triggersSettings are the settings of commands that look at functions.
var triggersSettings = []string{"triggers", "data", "database", "auto-migrate", "master-key-file", "config"}

func triggersListHelp() string {
	return config.Help([]config.Flag{jsonFlag(new(bool))}, triggersSettings)
}

// functionRow is an entry of the triggers file as triggers list prints it.
type functionRow struct {
	Entry     string `json:"entry"`
	Functions string `json:"functions"`
	CalledBy  string `json:"calledBy"`
}

// poolFunction is a function that a pool names, and by which entry it is called.
type poolFunction struct {
	Pool     userpool.PoolID `json:"pool"`
	Trigger  trigger.Name    `json:"trigger"`
	Function string          `json:"function"`
	Entry    string          `json:"entry"` // "" if nothing matches it
}

const builtIn = "built in"

// triggersList prints the triggers file, and who calls the functions of the pools
// where there is a database.
func triggersList(ctx context.Context, in invocation) error {
	var asJSON bool
	cfg, err := loadTool(in, jsonFlag(&asJSON))
	if err != nil {
		return err
	}
	if cfg.Triggers == "" {
		return usageError("name the triggers file with --triggers; without one no function is called")
	}
	f, err := openFunctions(ctx, cfg, quiet())
	if err != nil {
		return err
	}
	defer f.close()
	pools, err := storedPools(ctx, in, cfg)
	if err != nil {
		return err
	}
	rows := make([]functionRow, len(f.routes))
	for i, fn := range f.file.Functions {
		rows[i] = functionRow{f.file.Where(fn), fn.ARN, caller(fn)}
	}
	called := f.ofPools(pools)
	if asJSON {
		return printJSON(in.stdout, struct {
			Functions []functionRow  `json:"functions"`
			Pools     []poolFunction `json:"pools"`
		}{rows, called})
	}
	return printFunctions(in.stdout, rows, called)
}

func printFunctions(w io.Writer, rows []functionRow, called []poolFunction) error {
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{r.Entry, r.Functions, r.CalledBy})
	}
	if err := printTable(w, []string{"ENTRY", "FUNCTIONS", "CALLED BY"}, table); err != nil || len(called) == 0 {
		return err
	}
	table = nil
	for _, c := range called {
		entry := c.Entry
		if entry == "" {
			entry = "NOTHING MATCHES"
		}
		table = append(table, []string{string(c.Pool), string(c.Trigger), c.Function, entry})
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return printTable(w, []string{"POOL", "TRIGGER", "FUNCTION", "ENTRY"}, table)
}

// ofPools are the functions that pools name, in the triggers' order.
func (f *functions) ofPools(pools []userpool.Pool) []poolFunction {
	all := []poolFunction{}
	for _, p := range pools {
		named := p.Settings.Triggers.Functions
		order := trigger.Names()
		names := slices.SortedFunc(maps.Keys(named), func(a, b trigger.Name) int { return slices.Index(order, a) - slices.Index(order, b) })
		for _, name := range names {
			row := poolFunction{Pool: p.ID, Trigger: name, Function: named[name]}
			if trigger.IsBuiltIn(row.Function) {
				row.Entry = builtIn
			} else if fn, _, ok := f.entry(row.Function); ok {
				row.Entry = f.file.Where(fn)
			}
			all = append(all, row)
		}
	}
	return all
}

// storedPools are those of the database, none where there is no database yet.
func storedPools(ctx context.Context, in invocation, cfg *config.Config) ([]userpool.Pool, error) {
	if _, err := os.Stat(cfg.Database); !cfg.OnPostgres() && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return nil, err
	}
	defer t.close()
	return allPools(ctx, t.service)
}

func allPools(ctx context.Context, service *userpool.Service) ([]userpool.Pool, error) {
	var all []userpool.Pool
	for token := ""; ; {
		page, next, err := service.ListUserPools(ctx, 60, token)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if token = next; token == "" {
			return all, nil
		}
	}
}
