package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/textreport"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	oneDay         = 24 * time.Hour
	reportDays     = 7  // without --days, --from and --to
	keptReportDays = 90 // sums of older days are gone
)

// textsReportOptions are what `bellhop texts report` asks for.
type textsReportOptions struct {
	days      int
	from, to  time.Time // midnights
	by        []textreport.Dimension
	countries []string
	format    string
	refused   bool
}

func (o *textsReportOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "days", Arg: "N", Set: o.setDays, Help: fmt.Sprintf("today and the days before it, N in all (default %d, %d at most)", reportDays, keptReportDays)},
		{Name: "from", Arg: "DATE", Set: setDate(&o.from), Help: "from this day on instead, such as 2026-08-31, in UTC"},
		{Name: "to", Arg: "DATE", Set: setDate(&o.to), Help: "to this day, which is included (default today)"},
		{Name: "by", Arg: "LIST", Set: func(v string) (err error) { o.by, err = textreport.ParseBy(v); return err },
			Help: "what texts are grouped by, separated by commas: some of " + strings.Join(textreport.Dimensions(), ", ") + " (default country,provider)"},
		{Name: "country", Arg: "LIST", Set: o.setCountries, Help: "texts to these countries alone, such as IN,NG"},
		{Name: "format", Arg: "FORMAT", Set: o.setFormat, Help: "table, csv, json, or svg for a picture (default table)"},
		switchFlag("refused", "count also what the guard refused, by country, which reads all of its log of these days", &o.refused),
	}
}

func (o *textsReportOptions) setDays(v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > keptReportDays {
		return fmt.Errorf("must be a number of days from 1 to %d, not %q", keptReportDays, v)
	}
	o.days = n
	return nil
}

func setDate(field *time.Time) func(string) error {
	return func(v string) (err error) {
		if *field, err = time.Parse(time.DateOnly, v); err != nil {
			return fmt.Errorf("must be a day such as 2026-08-31, not %q", v)
		}
		return nil
	}
}

func (o *textsReportOptions) setCountries(v string) error {
	for country := range strings.SplitSeq(v, ",") {
		country = strings.ToUpper(strings.TrimSpace(country))
		if !phone.IsCountry(country) {
			return fmt.Errorf("must be codes of countries such as IN, separated by commas, not %q", v)
		}
		o.countries = append(o.countries, country)
	}
	return nil
}

func (o *textsReportOptions) setFormat(v string) error {
	if !slices.Contains([]string{"table", "csv", "json", "svg"}, v) {
		return fmt.Errorf("must be table, csv, json or svg, not %q", v)
	}
	o.format = v
	return nil
}

// span settles which days are meant, at a time.
func (o *textsReportOptions) span(now time.Time) error {
	today := now.UTC().Truncate(oneDay)
	switch {
	case o.days > 0 && !(o.from.IsZero() && o.to.IsZero()):
		return usageError("say either --days or --from and --to")
	case o.from.IsZero() && !o.to.IsZero():
		return usageError("--to needs --from")
	}
	if o.to.IsZero() {
		o.to = today
	}
	if o.from.IsZero() {
		o.from = today.Add(-time.Duration(cmp.Or(o.days, reportDays)-1) * oneDay)
	}
	if o.to.Before(o.from) {
		return usageError("--from must be --to or earlier: between the two there is no day")
	}
	return nil
}

func textsReportHelp() string {
	return config.Help(new(textsReportOptions).flags(), toolSettings)
}

// textsReport prints the funnel of texts, whether or not a server runs on the data.
func textsReport(ctx context.Context, in invocation) error {
	o := textsReportOptions{by: []textreport.Dimension{"country", "provider"}, format: "table"}
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	if err := o.span(time.Now()); err != nil {
		return err
	}
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	counts, err := t.service.TextCounts(ctx, o.from, o.to.Add(oneDay))
	if err != nil {
		return err
	}
	r := textreport.Make(counts, o.by, o.countries)
	r.From, r.To = o.from, o.to
	if o.refused {
		if r.Refused, err = refusedTexts(ctx, t.service, o); err != nil {
			return err
		}
	}
	switch o.format {
	case "csv":
		return r.CSV(in.stdout)
	case "json":
		return r.JSON(in.stdout)
	case "svg":
		_, err := in.stdout.Write(r.Chart())
		return err
	}
	return printReportOfTexts(in.stdout, r)
}

// refusedTexts counts in the decision log what the guard refused, the country with
// most first.
func refusedTexts(ctx context.Context, service *userpool.Service, o textsReportOptions) ([]textreport.Refused, error) {
	of := map[string]textreport.Refused{}
	for e, err := range service.GuardLog(ctx, o.from, o.to.Add(oneDay)) {
		if err != nil {
			return nil, fmt.Errorf("the decision log cannot be read: %w", err)
		}
		country := e.Ask.Route.Country
		if e.Verdict == guard.Send || len(o.countries) > 0 && !slices.Contains(o.countries, country) {
			continue
		}
		c := of[country]
		c.Country = country
		if e.Verdict == guard.Refuse {
			c.Refused++
		} else {
			c.StepUp++
		}
		of[country] = c
	}
	all := make([]textreport.Refused, 0, len(of)) // not nil: it was asked for
	for _, c := range of {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b textreport.Refused) int {
		return cmp.Or(cmp.Compare(b.Refused+b.StepUp, a.Refused+a.StepUp), cmp.Compare(a.Country, b.Country))
	})
	return all, nil
}

func printReportOfTexts(w io.Writer, r textreport.Report) error {
	days := r.From.Format(time.DateOnly)
	if !r.To.Equal(r.From) {
		days += " to " + r.To.Format(time.DateOnly)
	}
	if len(r.Rows) == 0 {
		fmt.Fprintf(w, "No text was asked for on %s (UTC).\n", days)
		if time.Since(r.To) > keptReportDays*24*time.Hour {
			fmt.Fprintf(w, "What became of texts is kept for %d days.\n", keptReportDays)
		}
	} else {
		fmt.Fprintf(w, "Texts of %s (UTC)\n\n", days)
		if err := printTable(w, r.Headings(), r.Cells()); err != nil {
			return err
		}
	}
	if r.Refused == nil {
		return nil
	}
	if len(r.Refused) == 0 {
		_, err := fmt.Fprintln(w, "\nThe guard refused no text.")
		return err
	}
	var rows [][]string
	for _, c := range r.Refused {
		rows = append(rows, []string{orDash(c.Country), strconv.Itoa(c.Refused), strconv.Itoa(c.StepUp)})
	}
	fmt.Fprintln(w, "\nWhat the guard refused, or wanted a proof for first")
	return printTable(w, []string{"COUNTRY", "REFUSED", "STEP-UP"}, rows)
}
