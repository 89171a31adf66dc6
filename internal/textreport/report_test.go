package textreport

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var monday = time.Date(2026, 8, 31, 0, 0, 0, 0, time.UTC)

// count are texts of which all were sent, and so many used within 20 seconds.
func count(day int, country, provider string, asked, used int) userpool.TextCount {
	c := userpool.TextCount{
		TextGroup: userpool.TextGroup{Day: monday.AddDate(0, 0, day), Pool: "us-east-1_A", Purpose: "sign_in", Country: country, Provider: provider},
		TextSums:  userpool.TextSums{Asked: asked, Sent: asked, Used: used, Segments: asked, Micros: int64(asked) * 40_000},
	}
	c.UsedWithin[3] = used
	return c
}

func make7(counts []userpool.TextCount, by string, countries ...string) Report {
	dims, err := ParseBy(by)
	if err != nil {
		panic(err)
	}
	r := Make(counts, dims, countries)
	r.From, r.To = monday, monday.AddDate(0, 0, 6)
	return r
}

func TestMake_GroupsAndSums_TheLargestFirst_DaysInTheirOrder(t *testing.T) {
	counts := []userpool.TextCount{
		count(1, "NG", "second", 10, 1), count(0, "IN", "first", 5, 5), count(1, "IN", "first", 6, 4), count(0, "IN", "second", 20, 10), count(0, "", "", 1, 0),
	}
	for by, want := range map[string][]string{
		"country": {"[IN] 31 19", "[NG] 10 1", "[] 1 0"}, "provider,country": {"[second IN] 20 10", "[first IN] 11 9", "[second NG] 10 1", "[ ] 1 0"},
		"day": {"[2026-08-31] 26 15", "[2026-09-01] 16 5"}, "pool,purpose": {"[us-east-1_A sign_in] 42 20"},
	} {
		var got []string
		r := make7(counts, by)
		for _, row := range r.Rows {
			got = append(got, fmt.Sprint(row.Of, row.Asked, row.Used))
		}
		if !reflect.DeepEqual(got, want) || r.Total.Asked != 42 || r.Total.Used != 20 || r.Total.UsedWithin[3] != 20 {
			t.Errorf("by %s: %q, want %q; in all %+v", by, got, want, r.Total)
		}
	}
	if r := make7(counts, "country", "NG", "BR"); len(r.Rows) != 1 || r.Total.Asked != 10 {
		t.Errorf("of one country: %+v", r)
	}
}

func TestParseBy_OtherWords_AreNamed(t *testing.T) {
	for list, want := range map[string]string{"": "must be some of", "country,colour": `"colour"`, "country,country": "has country twice", "day,": "must be"} {
		if _, err := ParseBy(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestWithin_IsTheBoundOfTheBucket(t *testing.T) {
	s := userpool.TextSums{Used: 10}
	s.UsedWithin[0], s.UsedWithin[4], s.UsedWithin[12] = 4, 5, 1
	for share, want := range map[float64]string{.1: "<= 5", .4: "<= 5", .5: "<= 30", .9: "<= 30", .95: "> 600"} {
		if got := within(s, share).String(); got != want {
			t.Errorf("%g of them: %s, want %s", share, got, want)
		}
	}
	if got := within(userpool.TextSums{}, .5).String(); got != "-" {
		t.Errorf("of none: %s", got)
	}
}

// hostile names are what somebody may call a provider.
var hostile = []string{`=HYPERLINK("http://x")`, "+1", "-1", "@SUM(A1)", "\t=1", "a,b\"c\nd", "<script>&\x00\x1b[2J", "\u202eabc", "]]>"}

func TestCSV_NoCellBeginsAFormula_AndEachLineHasEveryCell(t *testing.T) {
	counts := []userpool.TextCount{count(0, "IN", "first", 4, 2)}
	for i, name := range hostile {
		counts = append(counts, count(0, "", name, 3-i%2, 0))
	}
	var b bytes.Buffer
	if err := make7(counts, "provider,country").CSV(&b); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) != len(counts)+1 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if got := strings.Join(lines[0], ","); got != "provider,country,asked,sent,maybe,unsent,expired,dry_run,delivered,failed,used,used_share,half_used_within_seconds,most_used_within_seconds,segments,usd" {
		t.Errorf("the heading is %s", got)
	}
	if got := strings.Join(lines[1], ","); got != "first,IN,4,4,0,0,0,0,0,0,2,0.5000,20,20,4,0.160000" {
		t.Errorf("the first line is %s", got)
	}
	for _, line := range lines {
		for _, cell := range line {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("a cell is %q", cell)
			}
		}
	}
}

func TestJSON_HasEveryGroupWithItsHistogram(t *testing.T) {
	r := make7([]userpool.TextCount{count(0, "IN", "=first", 4, 2)}, "country,provider")
	r.Refused = []Refused{{Country: "NG", Refused: 7}}
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		From, To string
		Groups   []struct {
			Of        map[string]string
			Used      int
			UsedShare float64 `json:"used_share"`
			Within    []struct {
				Seconds *int
				Used    int
			} `json:"used_within"`
		}
		Refused []Refused `json:"refused_by_guard"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	g := got.Groups[0]
	if got.From != "2026-08-31" || got.To != "2026-09-06" || g.Of["provider"] != "=first" || g.UsedShare != .5 || len(g.Within) != 13 ||
		*g.Within[3].Seconds != 20 || g.Within[3].Used != 2 || g.Within[12].Seconds != nil || got.Refused[0].Refused != 7 {
		t.Errorf("got %+v", got)
	}
}

// parsed reads an SVG picture as an XML document and returns its texts by element.
func parsed(t *testing.T, picture []byte) map[string][]string {
	t.Helper()
	texts, open := map[string][]string{}, []string{}
	d := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, picture)
		}
		switch x := token.(type) {
		case xml.StartElement:
			open = append(open, x.Name.Local)
			for _, a := range x.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") || strings.HasPrefix(a.Value, "-") {
					t.Errorf("%s of %s is %s", a.Name.Local, x.Name.Local, a.Value)
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				texts[open[len(open)-1]] = append(texts[open[len(open)-1]], string(x))
			}
		}
	}
}

func TestChart_IsXMLThatSaysWhatItShows_WhateverTheNames(t *testing.T) {
	counts := []userpool.TextCount{{TextGroup: userpool.TextGroup{Day: monday, Country: "IN", Provider: "first"}, TextSums: userpool.TextSums{
		Asked: 100, Sent: 90, Maybe: 3, Unsent: 7, Delivered: 60, Failed: 10, Used: 50, Micros: 9_876_543,
	}}}
	counts[0].UsedWithin[2], counts[0].UsedWithin[12] = 40, 10
	for _, name := range append(hostile, strings.Repeat("long ", 100)) {
		counts = append(counts, count(0, "NG", name, 0, 0), count(0, "NG", name, 1, 1))
	}
	texts := parsed(t, make7(counts, "country,provider").Chart())
	if got := texts["title"][0]; got != "What became of texts, 2026-08-31 to 2026-09-06" {
		t.Errorf("the title is %q", got)
	}
	if got := texts["desc"][0]; !strings.HasPrefix(got, "IN · first: 100 asked for, 90 sent, 60 delivered of 70 of which that is known, 50 used.") {
		t.Errorf("it says %q", got)
	}
	all := strings.Join(append(texts["text"], texts["tspan"]...), "\n")
	for _, want := range []string{"$9.88", "and 3 maybe", "of 70 told", "53.8 %, half in 15 s", "NG · =HYPERLINK", "as far as is known"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
}

func TestChart_OfManyGroups_SumsUpTheSmall_AndOfNoneSaysSo(t *testing.T) {
	var counts []userpool.TextCount
	for i := range 50 {
		counts = append(counts, count(0, "IN", fmt.Sprint("p", i), 50-i, 0))
	}
	texts := parsed(t, make7(counts, "provider").Chart())
	if all := strings.Join(texts["text"], "\n"); !strings.Contains(all, "31 others") || !strings.Contains(all, "p18\n") || strings.Contains(all, "p19\n") ||
		!strings.Contains(all, "496") || !strings.Contains(strings.Join(texts["tspan"], "\n"), "$19.84") {
		t.Errorf("it has\n%s", all)
	}
	if texts := parsed(t, make7(nil, "provider").Chart()); !strings.Contains(strings.Join(texts["text"], "\n"), "No text was asked for") {
		t.Errorf("it has\n%s", texts["text"])
	}
}

// Of many days the newest are what somebody looks for.
func TestChart_ByDay_SumsUpTheOldest(t *testing.T) {
	var counts []userpool.TextCount
	for day := range 30 {
		counts = append(counts, count(day, "IN", "first", 100-day, 0))
	}
	all := strings.Join(parsed(t, make7(counts, "day").Chart())["text"], "\n")
	for text, there := range map[string]bool{"2026-09-29\n": true, "2026-09-11\n": true, "2026-09-10\n": false, "2026-08-31\n": false, "11 others": true} {
		if strings.Contains(all, text) != there {
			t.Errorf("%q is there: %t, in\n%s", text, !there, all)
		}
	}
}
