package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
)

// guardRehearseOptions are what `bellhop guard rehearse` asks for.
type guardRehearseOptions struct {
	log, csv          string
	settings, against string
	asJSON            bool
}

func (o *guardRehearseOptions) flags() []config.Flag {
	return []config.Flag{
		textFlag("log", "FILE", "a decision log, a JSON object a line; - for standard input", &o.log),
		textFlag("csv", "FILE", "a provider's log: a heading that names the columns, then a text a line; - for standard input", &o.csv),
		guardSettingsFlag(&o.settings),
		textFlag("against", "FILE", "settings to compare with, beside what was decided", &o.against),
		jsonFlag(&o.asJSON),
	}
}

func guardRehearseHelp() string { return config.Help(new(guardRehearseOptions).flags(), []string{}) }

// guardRehearse plays what was decided before with other settings.
func guardRehearse(ctx context.Context, in invocation) error {
	var o guardRehearseOptions
	if _, err := loadTool(in, o.flags()...); err != nil {
		return err
	}
	if (o.log == "") == (o.csv == "") {
		return usageError("name a decision log with --log, or a provider's log with --csv")
	}
	all, err := o.named()
	if err != nil {
		return err
	}
	file, err := openInput(o.log + o.csv)
	if err != nil {
		return err
	}
	defer file.Close()
	cases, err := o.cases(file, all[len(all)-1].Settings.Prices)
	if err != nil {
		return inFile(o.csv, err)
	}
	c, err := rehearse.Compare(ctx, cases, all...)
	if err != nil {
		return inFile(o.log, err)
	}
	if o.asJSON {
		return printJSON(in.stdout, c)
	}
	return printComparison(in.stdout, c)
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

func (o *guardRehearseOptions) cases(file io.Reader, prices *guard.PriceTable) (iter.Seq2[rehearse.Case, error], error) {
	if o.csv != "" {
		return rehearse.CasesOfCSV(file, prices)
	}
	return rehearse.Cases(rehearse.Entries(file)), nil
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
