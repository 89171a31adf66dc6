package main

import (
	"context"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
)

func migrateFlags(check *bool) []config.Flag {
	return []config.Flag{switchFlag("check", "change nothing; the exit code is 1 if there is something to be done", check)}
}

func migrateHelp() string { return config.Help(migrateFlags(new(bool)), toolSettings) }

// migrate brings the schema up to date, or says whether it is. It makes a database
// where there is none, since a server that may not migrate cannot.
func migrate(ctx context.Context, in invocation) error {
	var check bool
	cfg, err := loadTool(in, migrateFlags(&check)...)
	if err != nil {
		return err
	}
	was, err := sqlstore.SchemaVersion(ctx, cfg.Database)
	if err != nil {
		return err
	}
	latest := sqlstore.LatestSchema()
	if check && was < latest {
		return fmt.Errorf("the schema of %s is version %d and would become version %d; bellhop migrate does that", cfg.DatabaseName(), was, latest)
	}
	if err := bringUpToDate(ctx, cfg, was >= latest); err != nil {
		return err
	}
	if was == latest {
		fmt.Fprintf(in.stdout, "The schema of %s is version %d, which is the latest.\n", cfg.DatabaseName(), was)
		return nil
	}
	fmt.Fprintf(in.stdout, "The schema of %s was version %d and is version %d now.\n", cfg.DatabaseName(), was, latest)
	return nil
}

// bringUpToDate opens the database. One that is up to date, or newer, is looked at only, and
// may have a server on it; else no server must run, which would go on with a schema
// that it does not know.
func bringUpToDate(ctx context.Context, cfg *config.Config, isLatest bool) error {
	if err := makeData(cfg); err != nil {
		return err
	}
	store, err := sqlstore.Open(ctx, cfg.Database, sqlstore.Options{Exclusive: !isLatest, NoMigrate: isLatest})
	if err != nil {
		return err
	}
	return store.Close()
}
