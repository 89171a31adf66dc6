package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
	"github.com/bellhop-auth/bellhop/internal/guardfile"
)

// guardReplayOptions are what `bellhop guard replay` asks for.
type guardReplayOptions struct {
	events   string
	settings string
	asJSON   bool
}

func (o *guardReplayOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "events", Arg: "FILE", Set: setTo(&o.events), Help: "the trace, a JSON object a line; - for standard input"},
		guardSettingsFlag(&o.settings),
		jsonFlag(&o.asJSON),
	}
}

func guardSettingsFlag(field *string) config.Flag {
	return config.Flag{Name: "settings", Arg: "FILE", Set: setTo(field), Help: "the guard's settings; without it the shipped ones"}
}

func guardReplayHelp() string { return config.Help(new(guardReplayOptions).flags(), []string{}) }

// guardReplay plays a trace against the guard in virtual time.
func guardReplay(ctx context.Context, in invocation) error {
	var o guardReplayOptions
	if _, err := loadTool(in, o.flags()...); err != nil {
		return err
	}
	if o.events == "" {
		return usageError("name the trace with --events; - is standard input")
	}
	settings, err := guardSettings(o.settings)
	if err != nil {
		return err
	}
	trace, err := openInput(o.events)
	if err != nil {
		return err
	}
	defer trace.Close()
	debug.SetGCPercent(50) // most of what is held is tables that the collector need not look at
	began := time.Now()
	score, err := rehearse.Replay(ctx, guard.NewEngine(settings), settings.Prices, trace)
	if err != nil {
		return inFile(o.events, err)
	}
	took := time.Since(began).Seconds()
	if !o.asJSON {
		return printScore(in.stdout, score, took)
	}
	text, err := score.JSON(took)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "%s\n", text)
	return err
}

// guardSettings reads a settings file, or returns what is shipped.
func guardSettings(path string) (guard.Settings, error) {
	if path == "" {
		return guard.Default(), nil
	}
	return guardfile.Read(path)
}

// openInput opens a file, or standard input for -.
func openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(path)
}

func printScore(w io.Writer, s *rehearse.Score, seconds float64) error {
	a, l := s.Attack, s.Legit
	first := "never"
	if f := a.FirstRestricted; f == f {
		first = fmt.Sprintf("at %g s, after %d texts", f, a.SentBefore)
	}
	rows := [][]string{
		{"attack", "requests", strconv.Itoa(a.Requests)},
		{"", "sent", strconv.Itoa(a.Sent)},
		{"", "sent after a step-up", strconv.Itoa(a.SentStepUp)},
		{"", "spent", fmt.Sprintf("$%.2f of $%.2f", a.Spend.Float(), a.SpendOffered.Float())},
		{"", "first restricted", first},
		{"real people", "requests", strconv.Itoa(l.Requests)},
		{"", "refused", share(l.Refused, l.Requests)},
		{"", "asked for more first", share(l.SteppedUp, l.Requests)},
		{"", "known ones refused", strconv.Itoa(l.RefusedKnown)},
	}
	for _, iso := range slices.Sorted(maps.Keys(s.Country)) {
		c := s.Country[iso]
		rows = append(rows, []string{iso, "sent", fmt.Sprintf("%d of %d", c[1], c[0])})
	}
	rows = append(rows, []string{"", "seconds", fmt.Sprintf("%.1f", seconds)})
	return printTable(w, []string{"OF", "WHAT", ""}, rows)
}

func share(n, of int) string {
	if of == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%.3f %%)", n, 100*float64(n)/float64(of))
}
