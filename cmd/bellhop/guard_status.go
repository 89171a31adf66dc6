package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func guardStatusHelp() string {
	return config.Help([]config.Flag{jsonFlag(new(bool))}, guardToolSettings())
}

// guardStatus says how the guard stands: budgets, alarms, prefixes that are closed,
// and the countries that convert worst.
func guardStatus(ctx context.Context, in invocation) error {
	var asJSON bool
	cfg, err := loadTool(in, jsonFlag(&asJSON))
	if err != nil {
		return err
	}
	t, err := openGuardTool(ctx, in, cfg)
	if err != nil {
		return err
	}
	defer t.close()
	st, err := t.service.GuardStatus(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(in.stdout, statusOf(st))
	}
	return printStatus(in.stdout, st)
}

// statusLine is the status for machines. Members may be added, never changed.
type statusLine struct {
	At        string         `json:"at"`
	Budgets   []guard.Level  `json:"budgets"` // dollars
	Standings []standingLine `json:"standings"`
	Countries []countryLine  `json:"countries"`
	Guesses   []guard.Level  `json:"wrong_answers"` // to codes, of each user pool
}

type standingLine struct {
	Kind     string  `json:"kind"`
	Of       string  `json:"of"`
	Standing string  `json:"standing"`
	Since    string  `json:"since"`
	Probe    string  `json:"next_probe,omitempty"`
	Credit   float32 `json:"credit"`
}

type countryLine struct {
	Country    string  `json:"country"`
	Standing   string  `json:"standing"`
	Conversion float64 `json:"conversion"`
	Texts      float32 `json:"texts"` // to strangers, decayed
	Score      float32 `json:"score"`
}

func statusOf(st userpool.GuardStatus) statusLine {
	line := statusLine{At: utc(st.At), Budgets: levels(st.Budgets), Guesses: levels(st.Guesses), Standings: []standingLine{}, Countries: []countryLine{}}
	for _, c := range st.Standings {
		line.Standings = append(line.Standings, standingLine{
			Kind: c.Key.Kind.String(), Of: c.Key.Of(), Standing: c.Cell.Standing.String(), Since: millis(c.Cell.Since),
			Probe: millis(c.Cell.ProbeAt), Credit: c.Cell.Credit,
		})
	}
	for _, c := range st.Countries {
		line.Countries = append(line.Countries, countryLine{
			Country: c.Key.Of(), Standing: c.Cell.Standing.String(), Conversion: c.Cell.Conversion(),
			Texts: c.Cell.Sends, Score: c.Cell.Score,
		})
	}
	return line
}

func millis(ms int64) string {
	if ms == 0 {
		return ""
	}
	return utc(time.UnixMilli(ms))
}

// printGuesses prints the wrong answers of the pools that had any.
func printGuesses(w io.Writer, all []guard.Level) error {
	var rows [][]string
	for _, g := range all {
		if g.Have > 0 {
			rows = append(rows, []string{g.Of, fmt.Sprintf("%.0f", g.Have), fmt.Sprintf("%.0f", g.Limit)})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nWrong answers to codes, less those that right ones make room for")
	return printTable(w, []string{"POOL", "WRONG", "LIMIT"}, rows)
}

// shownCountries is how many the table has; JSON has all.
const shownCountries = 20

func printStatus(w io.Writer, st userpool.GuardStatus) error {
	line := statusOf(st)
	rows := make([][]string, len(line.Budgets))
	for i, b := range line.Budgets {
		rows[i] = []string{b.Of, fmt.Sprintf("$%.2f", b.Have), fmt.Sprintf("$%.2f", b.Limit)}
	}
	fmt.Fprintln(w, "Unverified exposure: what was spent on texts whose codes are not used")
	if err := printTable(w, []string{"BUDGET", "SPENT", "LIMIT"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if len(line.Standings) == 0 {
		fmt.Fprintln(w, "No alarm; no prefix is closed.")
	} else {
		rows = rows[:0]
		for _, s := range line.Standings {
			rows = append(rows, []string{s.Kind, s.Of, s.Standing, orDash(s.Since), orDash(s.Probe)})
		}
		if err := printTable(w, []string{"KIND", "OF", "STANDING", "SINCE", "NEXT PROBE"}, rows); err != nil {
			return err
		}
	}
	if err := printGuesses(w, line.Guesses); err != nil {
		return err
	}
	if len(line.Countries) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nCountries, those that convert worst first")
	rows = rows[:0]
	for _, c := range line.Countries[:min(len(line.Countries), shownCountries)] {
		rows = append(rows, []string{c.Country, c.Standing, fmt.Sprintf("%.0f %%", 100*c.Conversion), fmt.Sprintf("%.0f", c.Texts)})
	}
	return printTable(w, []string{"COUNTRY", "STANDING", "CODES USED", "TEXTS"}, rows)
}
