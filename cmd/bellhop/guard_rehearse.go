package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
)

// guardRehearseOptions are what `bellhop guard rehearse` asks for.
type guardRehearseOptions struct {
	log, csv, export  string
	since, until      time.Time
	settings, against string
	asJSON            bool
}

func (o *guardRehearseOptions) flags() []config.Flag {
	return []config.Flag{
		textFlag("log", "FILE", "a decision log that --export wrote, - for standard input; without it and --csv the data folder's", &o.log),
		textFlag("csv", "FILE", "a provider's log: a heading that names the columns, then a text a line; - for standard input", &o.csv),
		guardSettingsFlag(&o.settings),
		textFlag("against", "FILE", "settings to compare with, beside what was decided", &o.against),
		{Name: "since", Arg: "TIME", Set: setMoment(&o.since), Help: "of the data folder's log what was decided from then on: a length of time ago, such as 24h or 7d, or RFC 3339"},
		{Name: "until", Arg: "TIME", Set: setMoment(&o.until), Help: "and before then"},
		textFlag("export", "FILE", "write the data folder's log as a JSON object a line, and play nothing; - for standard output", &o.export),
		jsonFlag(&o.asJSON),
	}
}

func guardRehearseHelp() string {
	return config.Help(new(guardRehearseOptions).flags(), toolSettings)
}

// guardRehearse plays what was decided before with other settings.
func guardRehearse(ctx context.Context, in invocation) error {
	var o guardRehearseOptions
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	switch files := o.log + o.csv; {
	case o.log != "" && o.csv != "":
		return usageError("name one log, with --log or with --csv")
	case o.export != "" && files != "":
		return usageError("--export writes the data folder's log: leave out --log and --csv")
	case files != "" && !(o.since.IsZero() && o.until.IsZero()):
		return usageError("--since and --until are of the data folder's log: leave out --log and --csv")
	case files == "":
		return o.ofFolder(ctx, in, cfg)
	}
	file, err := openInput(o.log + o.csv)
	if err != nil {
		return err
	}
	defer file.Close()
	if o.csv == "" {
		return inFile(o.log, o.compare(ctx, in.stdout, rehearse.Cases(rehearse.Entries(file))))
	}
	settings, err := guardSettings(o.settings)
	if err != nil {
		return err
	}
	cases, err := rehearse.CasesOfCSV(file, settings.Prices)
	if err != nil {
		return inFile(o.csv, err)
	}
	return o.compare(ctx, in.stdout, cases)
}

// ofFolder rehearses or exports the data folder's log, whether or not a server
// runs on it.
func (o *guardRehearseOptions) ofFolder(ctx context.Context, in invocation, cfg *config.Config) error {
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	entries := t.service.GuardLog(ctx, o.since, o.until)
	if o.export == "" {
		return o.compare(ctx, in.stdout, rehearse.Cases(entries))
	}
	return toFile(o.export, in.stdout, func(w io.Writer) error {
		lines := json.NewEncoder(w)
		for e, err := range entries {
			if err != nil {
				return fmt.Errorf("the decision log cannot be read: %w", err)
			}
			// An export goes elsewhere. Beside the audit trail's rows of the same requests,
			// which have last digits, its prefixes would be whole numbers.
			e.RequestID = ""
			if err := lines.Encode(e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *guardRehearseOptions) compare(ctx context.Context, w io.Writer, cases iter.Seq2[rehearse.Case, error]) error {
	all, err := o.named()
	if err != nil {
		return err
	}
	c, err := rehearse.Compare(ctx, cases, all...)
	switch {
	case err != nil:
		return err
	case o.asJSON:
		return printJSON(w, c)
	}
	return printComparison(w, c)
}

// named are the settings to compare, the ones that are rehearsed last.
func (o *guardRehearseOptions) named() (all []rehearse.Named, err error) {
	paths := []string{o.settings}
	if o.against != "" {
		paths = []string{o.against, o.settings}
	}
	for _, path := range paths {
		settings, err := guardSettings(path)
		if err != nil {
			return nil, err
		}
		name := "with the shipped ones"
		if path != "" {
			name = "with " + filepath.Base(path)
		}
		all = append(all, rehearse.Named{Name: name, Settings: settings})
	}
	return all, nil
}

// inFile says where a line that cannot be read is.
func inFile(path string, err error) error {
	if _, bad := errors.AsType[*rehearse.LineError](err); bad {
		return usageError(fmt.Sprintf("%s, %v", path, err))
	}
	return err
}

func printComparison(w io.Writer, c rehearse.Comparison) error {
	heading, all := []string{fmt.Sprintf("%d REQUESTS", c.Requests)}, append([]rehearse.Tally{c.Was}, c.Would...)
	for _, t := range all {
		heading = append(heading, t.Name)
	}
	var rows [][]string
	row := func(name string, of func(rehearse.Tally) string) {
		r := []string{name}
		for _, t := range all {
			r = append(r, of(t))
		}
		rows = append(rows, r)
	}
	row("texts sent", func(t rehearse.Tally) string { return strconv.Itoa(t.Sent) })
	row("spent", func(t rehearse.Tally) string { return fmt.Sprintf("$%.2f", t.Spent) })
	row("of it on codes that nobody used", func(t rehearse.Tally) string { return fmt.Sprintf("$%.2f", t.SpentUnused) })
	row("asked for a step-up", func(t rehearse.Tally) string { return strconv.Itoa(t.SteppedUp) })
	row("refused", func(t rehearse.Tally) string { return strconv.Itoa(t.Refused) })
	row("of them known numbers", func(t rehearse.Tally) string { return strconv.Itoa(t.RefusedKnown) })
	row("refused who used their code", func(t rehearse.Tally) string { return share(t.RefusedUsed, c.Used) })
	row("asked for more who used it", func(t rehearse.Tally) string { return share(t.AskedUsed, c.Used) })
	row("first restriction", func(t rehearse.Tally) string {
		if t.First == nil {
			return "never"
		}
		return moment(*t.First, "never")
	})
	if err := printTable(w, heading, rows); err != nil || c.Requests == 0 {
		return err
	}
	last := c.Would[len(c.Would)-1]
	fmt.Fprintf(w, "\nIn %s the settings would have saved $%.2f, and refused %s who used their code.\n",
		c.To.Sub(c.From).Round(time.Second), c.Was.Spent-last.Spent, share(last.RefusedUsed, c.Used))
	return nil
}
