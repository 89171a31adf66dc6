package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// csvOptions are what `bellhop import csv` asks for.
type csvOptions struct {
	pool string
}

func (o *csvOptions) flags() []config.Flag {
	return []config.Flag{textFlag("pool", "ID", "user pool that the users come into", &o.pool)}
}

func importCSVHelp() string {
	return "bellhop import csv FILE --pool ID\n\n" + config.Help(new(csvOptions).flags(), toolSettings)
}

// importCSV imports a CSV of users, as a user import job does, into the data folder,
// whether or not a server runs on it. Run again, it skips those who have come.
func importCSV(ctx context.Context, in invocation) error {
	var o csvOptions
	name := argument(&in)
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	if name == "" || o.pool == "" {
		return usageError("say which file, and into which user pool: bellhop import csv FILE --pool ID")
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	return audited(ctx, t.service, "ImportUsers", func(ctx context.Context) error {
		return o.run(ctx, in, t.service, file)
	})
}

func (o *csvOptions) run(ctx context.Context, in invocation, service *userpool.Service, file *os.File) error {
	p, err := service.PoolForImport(ctx, userpool.PoolID(o.pool))
	if err != nil {
		return err
	}
	users, err := userpool.NewUserFile(p, userpool.AnyHash, file)
	if err != nil {
		return err
	}
	var so userpool.ImportCounts
	var shown int64
	err = service.ImportFile(ctx, p, users, func(rows []userpool.UserRow, outcomes []error, counts userpool.ImportCounts) {
		for i, row := range rows {
			if outcomes[i] != nil {
				fmt.Fprintln(in.stdout, row.Result(outcomes[i]))
			}
		}
		so = counts
		if _, line := users.Position(); line >= shown+10_000 {
			shown = line
			fmt.Fprintf(in.stderr, "line %d: %s\n", line, counted(so))
		}
	})
	fmt.Fprintln(in.stdout, counted(so))
	if ctx.Err() != nil {
		return errors.New("the import was interrupted; run the command again, and those who have come are skipped")
	}
	return err
}

func counted(so userpool.ImportCounts) string {
	return fmt.Sprintf("%d imported, %d skipped, %d failed", so.Imported, so.Skipped, so.Failed)
}
