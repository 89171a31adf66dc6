// Package textreport makes the funnel of texts of their sums: how many were asked
// for, sent, delivered and used, how soon, and for what price, by whatever they are
// grouped by; as a table, for machines, and as a picture.
package textreport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Dimension is what texts are grouped by.
type Dimension string

var dimensions = []struct {
	name Dimension
	of   func(userpool.TextGroup) string
}{
	{"day", func(g userpool.TextGroup) string { return g.Day.Format(time.DateOnly) }},
	{"country", func(g userpool.TextGroup) string { return g.Country }},
	{"provider", func(g userpool.TextGroup) string { return g.Provider }},
	{"wording", func(g userpool.TextGroup) string { return g.Wording }},
	{"language", func(g userpool.TextGroup) string { return g.Language }},
	{"purpose", func(g userpool.TextGroup) string { return string(g.Purpose) }},
	{"pool", func(g userpool.TextGroup) string { return string(g.Pool) }},
}

// Dimensions are the names of all of them.
func Dimensions() []string {
	var names []string
	for _, d := range dimensions {
		names = append(names, string(d.name))
	}
	return names
}

// ParseBy reads names of dimensions, separated by commas. Its error is half a
// sentence that follows the name of the flag.
func ParseBy(list string) (by []Dimension, err error) {
	for name := range strings.SplitSeq(list, ",") {
		d := Dimension(strings.TrimSpace(name))
		if !slices.Contains(Dimensions(), string(d)) {
			return nil, fmt.Errorf("must be some of %s, separated by commas, not %q", strings.Join(Dimensions(), ", "), name)
		}
		if slices.Contains(by, d) {
			return nil, fmt.Errorf("has %s twice", d)
		}
		by = append(by, d)
	}
	return by, nil
}

// Report is the funnel of the days from From to To, both included.
type Report struct {
	From, To time.Time
	By       []Dimension
	Rows     []Row // the largest first, or in the order of their days
	Total    userpool.TextSums
	// Refused is what the guard let nobody send, by country; nil where that was not
	// asked for.
	Refused []Refused
}

// Row is what became of the texts of a group.
type Row struct {
	Of []string // what they have in common, in the order of By
	userpool.TextSums
}

// Refused are the requests of a country for which the guard let no text be sent.
type Refused struct {
	Country string `json:"country"`
	Refused int    `json:"refused"`
	StepUp  int    `json:"step_up"` // that were asked for a proof first
}

// Make groups the sums, those of some countries alone where any are named.
func Make(counts []userpool.TextCount, by []Dimension, countries []string) Report {
	r := Report{By: by}
	at := map[string]int{}
	for _, c := range counts {
		if len(countries) > 0 && !slices.Contains(countries, c.Country) {
			continue
		}
		r.Total.Add(c.TextSums)
		of := make([]string, len(by))
		for i, d := range by {
			of[i] = valueOf(d, c.TextGroup)
		}
		key := strings.Join(of, "\x00")
		i, known := at[key]
		if !known {
			i = len(r.Rows)
			at[key], r.Rows = i, append(r.Rows, Row{Of: of})
		}
		r.Rows[i].Add(c.TextSums)
	}
	byDay := slices.Contains(by, "day")
	slices.SortFunc(r.Rows, func(a, b Row) int {
		if byDay {
			return slices.Compare(a.Of, b.Of)
		}
		return cmp.Or(cmp.Compare(b.Asked, a.Asked), slices.Compare(a.Of, b.Of))
	})
	return r
}

func valueOf(of Dimension, g userpool.TextGroup) string {
	for _, d := range dimensions {
		if d.name == of {
			return d.of(g)
		}
	}
	return ""
}

// usedShare is how many of the texts that were or may have been sent had their codes
// used; false where there are none.
func usedShare(s userpool.TextSums) (float64, bool) {
	sent := s.Sent + s.Maybe
	return float64(s.Used) / float64(max(sent, 1)), sent > 0
}

// told is of how many texts the provider said whether they arrived.
func told(s userpool.TextSums) int { return s.Delivered + s.Failed }

// notSent are the texts that nobody was to get, or that were of no use any more.
func notSent(s userpool.TextSums) int { return s.Unsent + s.Expired + s.DryRun }

// bound is a number of seconds that a share of the codes were used within: the upper
// bound of a bucket, so it may have been less.
type bound struct {
	seconds int
	beyond  bool // the bucket has none: it was longer than seconds
	known   bool // false where no code was used
}

// within returns the bound of the bucket that the share, from 0 to 1, falls into.
func within(s userpool.TextSums, share float64) bound {
	if s.Used == 0 {
		return bound{}
	}
	sum := 0
	for i, seconds := range userpool.TextSeconds {
		if sum += s.UsedWithin[i]; float64(sum) >= share*float64(s.Used) {
			return bound{seconds: seconds, known: true}
		}
	}
	return bound{seconds: userpool.TextSeconds[len(userpool.TextSeconds)-1], beyond: true, known: true}
}

func dollars(micros int64) float64 { return float64(micros) / 1e6 }
