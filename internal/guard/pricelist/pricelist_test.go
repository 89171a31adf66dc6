package pricelist_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
)

func TestShipped_IsSound(t *testing.T) {
	rows := pricelist.Shipped()
	if !slices.IsSortedFunc(rows, func(a, b pricelist.Row) int { return strings.Compare(a.Prefix, b.Prefix) }) {
		t.Error("it is not sorted by prefix")
	}
	for _, r := range rows {
		if r.Micros < 1000 && !r.Unknown { // a tenth of a cent
			t.Errorf("%s costs %d millionths of a dollar", r.Prefix, r.Micros)
		}
		if _, err := time.Parse(time.DateOnly, r.Date); err != nil || r.Source == "" || r.Country == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestParse(t *testing.T) {
	const header = pricelist.Header + "\n"
	for text, want := range map[string]string{
		"":                                        "1 is empty",
		"prefix,usd\n+1,0.1\n":                    "1 must be prefix,country,usd,source,date",
		header + "+1,US,0.1,x\n":                  "2 has 4 columns",
		header + "# prices\n+1,UK,0,x,soon\n":     "3 names the country \"UK\"",
		header + "+44,FR,0,x,2026-01-01\n":        "2 gives +44 to FR, whose numbers do not begin so",
		header + "+883,FR,0,x,2026-01-01\n":       "2 gives +883 to FR",
		header + "+1,US,fall back,x,2026-01-01\n": "2 has a price that must be dollars",
		header + "+1,US,NaN,x,2026-01-01\n":       "2 has a price that must be dollars",
		header + "+01,,1,x,2026-01-01\n":          "2 has a prefix that must be +",
		header + "+1234567890,,1,x,2026-01-01":    "2 has a prefix that has more than 9 digits",
		header + "+1,US,1,x,2026-02-30\n":         "2 has a date",
	} {
		rows, wrong := pricelist.Parse(text)
		if len(rows) > 0 || len(wrong) == 0 || !strings.HasPrefix(line(wrong[0]), want) {
			t.Errorf("%q: %v, %v, want %q", text, rows, wrong, want)
		}
	}
	rows, wrong := pricelist.Parse(header + "# ours\n+1,US,0.0063,\"x, of y\",2026-01-01\r\n+883,,1e1,x,2026-01-01\n+1876,JM,fallback,x,2026-01-01\n")
	want := []pricelist.Row{
		{Prefix: "+1", Country: "US", Micros: 6300, Source: "x, of y", Date: "2026-01-01"},
		{Prefix: "+883", Micros: 10e6, Source: "x", Date: "2026-01-01"},
		{Prefix: "+1876", Country: "JM", Unknown: true, Source: "x", Date: "2026-01-01"},
	}
	if !slices.Equal(rows, want) || len(wrong) > 0 {
		t.Errorf("%v, %v", rows, wrong)
	}
}

func line(p pricelist.Problem) string { return string(rune('0'+p.Line)) + " " + p.What }
