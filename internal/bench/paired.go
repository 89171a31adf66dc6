package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
)

// Ratio is a figure of a new program as a multiple of an old one's, measured in
// pairs of rounds that followed each other.
type Ratio struct {
	Name     string  `json:"name"`
	Old      float64 `json:"old"` // the median
	New      float64 `json:"new"`
	Median   float64 `json:"ratio"` // of the pairs' ratios
	Low      float64 `json:"low"`   // 95 % of such medians lie between these
	High     float64 `json:"high"`
	Least    float64 `json:"least"` // of all pairs
	Most     float64 `json:"most"`
	Pairs    int     `json:"pairs"`
	MoreGood bool    `json:"more_is_better"`
}

// resamples is how often the pairs are drawn anew for the interval.
const resamples = 2000

// Paired compares figures of the same length. The interval is a bootstrap's: it says
// what the median would have been with other such pairs. The same figures have the
// same interval.
func Paired(name string, old, fresh []float64, moreGood bool) Ratio {
	r := Ratio{Name: name, Old: Median(old), New: Median(fresh), Pairs: len(old), MoreGood: moreGood}
	var all []float64
	for i := range old {
		if old[i] > 0 {
			all = append(all, fresh[i]/old[i])
		}
	}
	if len(all) == 0 {
		return r
	}
	r.Median, r.Least, r.Most = Median(all), slices.Min(all), slices.Max(all)
	dice := rand.New(rand.NewPCG(1, 2))
	medians, drawn := make([]float64, resamples), make([]float64, len(all))
	for i := range medians {
		for j := range drawn {
			drawn[j] = all[dice.IntN(len(all))]
		}
		medians[i] = Median(drawn)
	}
	slices.Sort(medians)
	r.Low, r.High = medians[resamples*25/1000], medians[resamples*975/1000-1]
	return r
}

// fewPairs are too few to tell: that five ratios lie on the same side of 1 comes by
// chance once in sixteen times.
const fewPairs = 6

// Verdict says in a word what the interval tells.
func (r Ratio) Verdict() string {
	switch {
	case r.Pairs < fewPairs:
		return "too few pairs to tell"
	case r.Low <= 1 && r.High >= 1:
		return "no difference shown"
	case (r.High < 1) != r.MoreGood:
		return "better"
	default:
		return "worse"
	}
}

// Comparison is one flow under one load, measured by two sides in turns: two programs, or
// one without limits and with them.
type Comparison struct {
	Database string    `json:"database"`
	Limits   string    `json:"limits,omitempty"` // of both sides; "" where they differ in that
	Flow     string    `json:"flow"`
	Load     string    `json:"load"`
	Seconds  float64   `json:"seconds"` // of a round
	Sides    [2]string `json:"sides"`
	Failed   int       `json:"failed"`
	Ratios   []Ratio   `json:"ratios"`
}

// Of finds the ratio of a figure, nil where it was not measured.
func (c Comparison) Of(name string) *Ratio {
	for i, r := range c.Ratios {
		if r.Name == name {
			return &c.Ratios[i]
		}
	}
	return nil
}

// ServerCPU is the name of the figure that tells most.
const ServerCPU = "server CPU"

// Write writes the ratios as people read them.
func (c Comparison) Write(w io.Writer) error {
	limits := c.Limits
	if limits == "" {
		limits = c.Sides[0] + " and " + c.Sides[1]
	}
	pairs := 0
	for _, r := range c.Ratios {
		pairs = r.Pairs
	}
	fmt.Fprintf(w, "%s, limits %s, %s at %s: %d pairs of %gs, CPU in ms a flow\n", c.Database, limits, c.Flow, c.Load, pairs, c.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "figure\t%[1]s\t%[2]s\t%[2]s/%[1]s\t95 %% interval\tleast and most\t\n", c.Sides[0], c.Sides[1])
	for _, r := range c.Ratios {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.3f\t%.3f to %.3f\t%.3f to %.3f\t%s\n", r.Name, short(r.Old), short(r.New), r.Median, r.Low, r.High, r.Least, r.Most, r.Verdict())
	}
	return t.Flush()
}
