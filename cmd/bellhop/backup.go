package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func backupHelp() string {
	return "  bellhop backup FILE\n\n" + config.Help(nil, toolSettings)
}

// backup copies the database of the data folder to a file, whether or not a server
// runs on it.
func backup(ctx context.Context, in invocation) error {
	file := argument(&in)
	if file == "" {
		return usageError("say where to, before any flag: bellhop backup FILE")
	}
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	if cfg.OnPostgres() {
		return errors.New("the database is on PostgreSQL, whose own tools back it up: pg_dump, or pg_basebackup with the archived write-ahead log")
	}
	if err := mustExist(cfg); err != nil {
		return err
	}
	made, err := sqlstore.Backup(ctx, cfg.Database, file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, `%s holds the database, whole: %d bytes, schema version %d.
The master key is not in it: keep a copy of %s elsewhere.
`, file, made.Bytes, made.Version, cfg.MasterKeyFile)
	return err
}

// restoreOptions are what the command asks for besides the settings.
type restoreOptions struct {
	force, endSessions, alreadyRestored bool
}

func (o *restoreOptions) flags() []config.Flag {
	return []config.Flag{
		switchFlag("force", "put an existing database aside, and restore in its place", &o.force),
		switchFlag("end-sessions", "end every sign-in: those that were revoked since the backup come back otherwise", &o.endSessions),
		switchFlag("already-restored", "without FILE: the database was restored by other means; end what must not come back with it", &o.alreadyRestored),
	}
}

func restoreHelp() string {
	return "  bellhop restore FILE\n  bellhop restore --already-restored\n\n" + config.Help(new(restoreOptions).flags(), toolSettings)
}

// restore puts a backup in the place of the database, or takes one that stands
// there already, and ends what must not come back with it.
func restore(ctx context.Context, in invocation) error {
	var o restoreOptions
	file := argument(&in)
	cfg, err := loadTool(in, o.flags()...)
	switch {
	case err != nil:
		return err
	case file == "" && !o.alreadyRestored:
		return usageError("say which backup, before any flag: bellhop restore FILE; or, where the database was restored by other means, bellhop restore --already-restored")
	case file != "" && o.alreadyRestored:
		return usageError("--already-restored restores no file: leave out the one or the other")
	case o.alreadyRestored && o.force:
		return usageError("--force is for the restore of a file")
	case o.alreadyRestored:
		return endRestored(ctx, in, cfg, o)
	case cfg.OnPostgres():
		return errors.New("the database is on PostgreSQL, whose own tools restore it; bellhop restore --already-restored then ends what must not come back")
	}
	return restoreFile(ctx, in, cfg, file, o)
}

func restoreFile(ctx context.Context, in invocation, cfg *config.Config, file string, o restoreOptions) error {
	if err := makeData(cfg); err != nil {
		return err
	}
	r, err := sqlstore.Restore(ctx, file, cfg.Database, o.force)
	if err != nil {
		return err
	}
	defer r.Close()
	copied := *cfg
	copied.Database = r.Path()
	ended, err := endPending(ctx, in, &copied, false, o)
	if err != nil {
		return fmt.Errorf("%s cannot be restored: %w", file, err)
	}
	kept, err := r.Finish(ctx)
	if err != nil {
		return fmt.Errorf("%s cannot be restored: %w", file, err)
	}
	fmt.Fprintf(in.stdout, "%s is restored as %s.\n", file, cfg.Database)
	if kept != "" {
		fmt.Fprintf(in.stdout, "The database that was there is now %s.\n", kept)
	}
	return tellEnded(in, ended, o)
}

// endRestored does the second half of a restore on the database as it stands.
func endRestored(ctx context.Context, in invocation, cfg *config.Config, o restoreOptions) error {
	if err := mustExist(cfg); err != nil {
		return err
	}
	if cfg.OnPostgres() {
		if err := mustBeAlone(ctx, cfg); err != nil {
			return err
		}
	}
	ended, err := endPending(ctx, in, cfg, true, o)
	if errors.Is(err, sqlstore.ErrServed) {
		return errors.New("a server is running on this database; stop it first")
	}
	if err != nil {
		return err
	}
	return tellEnded(in, ended, o)
}

// mustBeAlone refuses while servers are connected, which would go on with what is
// ended under them.
func mustBeAlone(ctx context.Context, cfg *config.Config) error {
	facts, err := sqlstore.AskPostgres(ctx, cfg.Database)
	if err == nil && facts.Clients > 0 {
		err = fmt.Errorf("%d connections of servers or commands are on this database; stop them first", facts.Clients)
	}
	return err
}

// endPending opens a database with the master key and ends what must not come back.
func endPending(ctx context.Context, in invocation, cfg *config.Config, exclusive bool, o restoreOptions) (ended userpool.Ended, err error) {
	v, err := openVault(ctx, cfg, exclusive)
	if err != nil {
		return ended, err
	}
	t, err := newTool(ctx, in, cfg, v)
	if err != nil {
		return ended, err
	}
	err = audited(ctx, t.service, "RestoreDatabase", func(ctx context.Context) (err error) {
		ended, err = t.service.EndAfterRestore(ctx, o.endSessions)
		return err
	})
	return ended, errors.Join(err, t.store.Close())
}

func tellEnded(in invocation, ended userpool.Ended, o restoreOptions) error {
	whose := "of app clients that rotate refresh tokens"
	if o.endSessions {
		whose = "of all app clients"
	}
	lines := []string{
		"Ended, since they may have been used after the backup:",
		fmt.Sprintf("  %d codes and %d Sessions", ended.Challenges, ended.Sessions),
		fmt.Sprintf("  %d messages that were not sent, %d answers kept for repeats", ended.Messages, ended.Repeats),
		fmt.Sprintf("  %d sign-ins %s", ended.SignIns, whose),
	}
	if !o.endSessions {
		lines = append(lines, "Other sign-ins go on, also those that were revoked after the backup; --end-sessions ends them all.")
	}
	lines = append(lines, "Users, passwords, app clients and admin keys are as they were at the time of the backup.")
	_, err := fmt.Fprintln(in.stdout, strings.Join(lines, "\n"))
	return err
}
