package textreport

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Headings are those of the table.
func (r Report) Headings() []string {
	var all []string
	for _, d := range r.By {
		all = append(all, strings.ToUpper(string(d)))
	}
	return append(all, "ASKED", "SENT", "MAYBE", "NOT SENT", "DELIVERED", "FAILED", "USED", "USED %", "HALF IN s", "90 % IN s", "SEGMENTS", "USD")
}

// Cells are the rows of the table, the sums last.
func (r Report) Cells() (rows [][]string) {
	for _, row := range r.Rows {
		rows = append(rows, cells(names(row.Of), row.TextSums))
	}
	if len(r.Rows) == 1 {
		return rows
	}
	all := make([]string, len(r.By))
	if len(all) > 0 {
		all[0] = "all"
	}
	return append(rows, cells(all, r.Total))
}

func names(of []string) []string {
	shown := make([]string, len(of))
	for i, name := range of {
		if shown[i] = plain(name); name == "" {
			shown[i] = "-"
		}
	}
	return shown
}

// plain is a text that stays in its place, whatever the database holds.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
}

func cells(of []string, s userpool.TextSums) []string {
	delivered := "-" // nobody said anything
	if n := told(s); n > 0 {
		delivered = fmt.Sprintf("%d of %d", s.Delivered, n)
	}
	used := "-"
	if share, ok := usedShare(s); ok {
		used = fmt.Sprintf("%.1f", 100*share)
	}
	return append(of, strconv.Itoa(s.Asked), strconv.Itoa(s.Sent), strconv.Itoa(s.Maybe), strconv.Itoa(notSent(s)), delivered,
		strconv.Itoa(s.Failed), strconv.Itoa(s.Used), used, within(s, .5).String(), within(s, .9).String(),
		strconv.Itoa(s.Segments), fmt.Sprintf("%.2f", dollars(s.Micros)))
}

func (b bound) String() string {
	switch {
	case !b.known:
		return "-"
	case b.beyond:
		return fmt.Sprintf("> %d", b.seconds)
	}
	return fmt.Sprintf("<= %d", b.seconds)
}

// csvSums is the heading of a CSV file after the dimensions. Names may be added at
// its end, never changed.
var csvSums = []string{
	"asked", "sent", "maybe", "unsent", "expired", "dry_run", "delivered", "failed", "used", "used_share",
	"half_used_within_seconds", "most_used_within_seconds", "segments", "usd",
}

// CSV writes a heading and a line for each group. What the store holds never begins a
// formula of whoever opens it with a spreadsheet.
func (r Report) CSV(w io.Writer) error {
	lines := csv.NewWriter(w)
	var heading []string
	for _, d := range r.By {
		heading = append(heading, string(d))
	}
	if err := lines.Write(append(heading, csvSums...)); err != nil {
		return err
	}
	for _, row := range r.Rows {
		var line []string
		for _, name := range row.Of {
			line = append(line, noFormula(plain(name)))
		}
		s := row.TextSums
		for _, n := range []int{s.Asked, s.Sent, s.Maybe, s.Unsent, s.Expired, s.DryRun, s.Delivered, s.Failed, s.Used} {
			line = append(line, strconv.Itoa(n))
		}
		used := ""
		if share, ok := usedShare(s); ok {
			used = strconv.FormatFloat(share, 'f', 4, 64)
		}
		line = append(line, used, within(s, .5).forCSV(), within(s, .9).forCSV(), strconv.Itoa(s.Segments), fmt.Sprintf("%.6f", dollars(s.Micros)))
		if err := lines.Write(line); err != nil {
			return err
		}
	}
	lines.Flush()
	return lines.Error()
}

// noFormula is a text that spreadsheets take for a text.
func noFormula(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// forCSV is empty where nothing was used, and inf beyond the last bound.
func (b bound) forCSV() string {
	switch {
	case !b.known:
		return ""
	case b.beyond:
		return "inf"
	}
	return strconv.Itoa(b.seconds)
}

// The report for machines. Members may be added, never changed.
type reportJSON struct {
	From    string      `json:"from"`
	To      string      `json:"to"` // included
	By      []Dimension `json:"by"`
	Groups  []groupJSON `json:"groups"`
	Total   sumsJSON    `json:"total"`
	Refused *[]Refused  `json:"refused_by_guard,omitempty"`
}

type groupJSON struct {
	Of map[Dimension]string `json:"of"`
	sumsJSON
}

type sumsJSON struct {
	Asked     int          `json:"asked"`
	Sent      int          `json:"sent"`
	Maybe     int          `json:"maybe"`
	Unsent    int          `json:"unsent"`
	Expired   int          `json:"expired"`
	DryRun    int          `json:"dry_run"`
	Delivered int          `json:"delivered"`
	Failed    int          `json:"failed"`
	Used      int          `json:"used"`
	UsedShare *float64     `json:"used_share"`
	UsedIn    []bucketJSON `json:"used_within"`
	Segments  int          `json:"segments"`
	USD       float64      `json:"usd"`
}

// bucketJSON are codes that were used within so many seconds, and not within fewer.
type bucketJSON struct {
	Seconds *int `json:"seconds"` // null for longer than the one before
	Used    int  `json:"used"`
}

func sumsOf(s userpool.TextSums) sumsJSON {
	j := sumsJSON{
		Asked: s.Asked, Sent: s.Sent, Maybe: s.Maybe, Unsent: s.Unsent, Expired: s.Expired, DryRun: s.DryRun,
		Delivered: s.Delivered, Failed: s.Failed, Used: s.Used, Segments: s.Segments, USD: dollars(s.Micros),
	}
	if share, ok := usedShare(s); ok {
		j.UsedShare = &share
	}
	for i, n := range s.UsedWithin {
		b := bucketJSON{Used: n}
		if i < len(userpool.TextSeconds) {
			b.Seconds = new(userpool.TextSeconds[i])
		}
		j.UsedIn = append(j.UsedIn, b)
	}
	return j
}

// JSON writes the report as one object.
func (r Report) JSON(w io.Writer) error {
	j := reportJSON{
		From: r.From.Format(time.DateOnly), To: r.To.Format(time.DateOnly), By: r.By, Groups: []groupJSON{}, Total: sumsOf(r.Total),
	}
	for _, row := range r.Rows {
		g := groupJSON{Of: map[Dimension]string{}, sumsJSON: sumsOf(row.TextSums)}
		for i, d := range r.By {
			g.Of[d] = row.Of[i]
		}
		j.Groups = append(j.Groups, g)
	}
	if r.Refused != nil {
		j.Refused = &r.Refused
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(j)
}
