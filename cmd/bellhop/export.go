package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// exportOptions are what `bellhop export` asks for.
type exportOptions struct {
	pool         userpool.PoolID
	format, file string
	exact        bool
}

func (o *exportOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "pool", Arg: "ID", Set: setTo(&o.pool), Help: "user pool to export"},
		{Name: "format", Arg: "FORMAT", Set: o.setFormat, Help: "json, with settings, app clients and their secrets, and groups, an object a line; or csv, Cognito's of users alone (default json)"},
		textFlag("output", "FILE", "where it goes, readable by its owner alone (default standard output)", &o.file),
		switchFlag("exact", "in csv, put no apostrophe before values that a spreadsheet would take for formulas", &o.exact),
	}
}

func (o *exportOptions) setFormat(v string) error {
	if v != "json" && v != "csv" {
		return fmt.Errorf("must be json or csv, not %q", v)
	}
	o.format = v
	return nil
}

func exportHelp() string { return config.Help(new(exportOptions).flags(), toolSettings) }

// export writes a pool to a file, whether or not a server runs on the data folder.
func export(ctx context.Context, in invocation) error {
	options := exportOptions{format: "json"}
	cfg, err := loadTool(in, options.flags()...)
	if err != nil {
		return err
	}
	if options.pool == "" {
		return usageError("--pool says which user pool to export")
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	var said string
	err = options.to(in.stdout, func(w io.Writer) error {
		return audited(ctx, t.service, "ExportUserPool", func(ctx context.Context) (err error) {
			said, err = options.write(ctx, t.service, w)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("the pool cannot be exported: %w", err)
	}
	fmt.Fprintln(in.stderr, said)
	return nil
}

// to gives write the standard output, or a file that is there under its name only
// when it is whole.
func (o *exportOptions) to(stdout io.Writer, write func(io.Writer) error) error {
	if o.file == "" {
		return write(stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(o.file), filepath.Base(o.file)+".*") // 0600
	if err != nil {
		return err
	}
	if err = errors.Join(write(f), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), o.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// write writes the export and says what it is.
func (o *exportOptions) write(ctx context.Context, s *userpool.Service, w io.Writer) (said string, err error) {
	if o.format == "json" {
		n, err := cognito.Export(ctx, s, o.pool, w)
		return fmt.Sprintf("%s exported, with settings, app clients and groups.", usersWere(n)), err
	}
	done, err := s.ExportCSV(ctx, o.pool, o.exact, w)
	said = fmt.Sprintf("%s exported.", usersWere(done.Users))
	if done.Guarded > 0 {
		said += fmt.Sprintf(" %d values have an apostrophe before them, since a spreadsheet would take them for formulas; import jobs of Bellhop take it away, and --exact leaves it out.", done.Guarded)
	}
	if done.Changed > 0 {
		said += fmt.Sprintf(" %d values had line breaks, for which Cognito's CSV has no place; blanks stand there.", done.Changed)
	}
	return said, err
}

func usersWere(n int) string {
	if n == 1 {
		return "1 user was"
	}
	return fmt.Sprintf("%d users were", n)
}
