package textreport

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The chart's measures, in pixels.
const (
	chartWidth  = 760
	chartLeft   = 100 // of the bars; the stages' names are before them
	chartBars   = 440 // the bar of all that was asked for
	chartHead   = 58
	chartBar    = 13
	chartStep   = 17 // from bar to bar
	chartBlock  = 4*chartStep + 34
	chartFoot   = 48
	chartGroups = 20 // more are summed up
	chartName   = 90 // letters of a group's name
)

const chartStyle = `<style>
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:14px}.of{font-weight:600}.stage,.note{fill:#59636e}
.back{fill:#fff}.band{fill:#f6f8fa}.whole{fill:#eaeef2}
.asked{fill:#6e7781}.sent{fill:#0969da}.delivered{fill:#1b7c83}.used{fill:#1a7f37}.untold{fill:#1b7c83;fill-opacity:.3}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.stage,.note{fill:#9198a1}
.back{fill:#0d1117}.band{fill:#151b23}.whole{fill:#21262d}
.asked{fill:#8b949e}.sent{fill:#58a6ff}.delivered,.untold{fill:#56d4dd}.used{fill:#3fb950}}
</style>`

// Chart draws the report as an SVG picture, for light and for dark pages: a funnel
// for each group, in the order of the table. What is beyond a handful is summed up: the
// oldest where the groups are by day first, else the last ones of the table.
func (r Report) Chart() []byte {
	rows := r.Rows
	if len(rows) > chartGroups {
		shown, others := rows[:chartGroups-1], rows[chartGroups-1:]
		if len(r.By) > 0 && r.By[0] == "day" {
			others, shown = rows[:len(rows)-chartGroups+1], rows[len(rows)-chartGroups+1:]
		}
		rest := Row{Of: []string{fmt.Sprintf("%d others", len(others))}}
		for _, row := range others {
			rest.Add(row.TextSums)
		}
		rows = append(slices.Clone(shown), rest)
	}
	days := r.From.Format(time.DateOnly)
	if !r.To.Equal(r.From) {
		days += " to " + r.To.Format(time.DateOnly)
	}
	var b bytes.Buffer
	height := chartHead + chartBlock*max(len(rows), 1) + chartFoot
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`+"\n", chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, "<title id=\"title\">What became of texts, %s</title>\n<desc id=\"desc\">%s</desc>\n%s\n", days, html.EscapeString(describe(rows)), chartStyle)
	fmt.Fprintf(&b, "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n<text class=\"title\" x=\"16\" y=\"28\">What became of texts, %s (UTC)</text>\n", chartWidth, height, days)
	for i, row := range rows {
		drawFunnel(&b, row, i)
	}
	if len(rows) == 0 {
		fmt.Fprintf(&b, "<text x=\"16\" y=\"%d\">No text was asked for in these days.</text>\n", chartHead+20)
	}
	fmt.Fprintf(&b, "<text class=\"note\" x=\"16\" y=\"%d\">A bar's full width is what was asked for. Pale: sent, and the provider has not said whether it arrived.</text>\n", height-28)
	fmt.Fprintf(&b, "<text class=\"note\" x=\"16\" y=\"%d\">Half of the codes that were used were so within the seconds that are given: the bound of a range.</text>\n</svg>\n", height-11)
	return b.Bytes()
}

// describe says what the chart shows, for who does not see it.
func describe(rows []Row) string {
	var parts []string
	for _, row := range rows {
		parts = append(parts, fmt.Sprintf("%s: %d asked for, %d sent, %d delivered of %d of which that is known, %d used.",
			nameOf(row), row.Asked, row.Sent, row.Delivered, told(row.TextSums), row.Used))
	}
	if len(parts) == 0 {
		return "No text was asked for in these days."
	}
	return strings.Join(parts, " ")
}

// nameOf is what a group is called.
func nameOf(row Row) string {
	name := []rune(strings.Join(names(row.Of), " · "))
	if len(name) > chartName {
		name = append(name[:chartName-1], '…')
	}
	if len(name) == 0 {
		return "all texts"
	}
	return string(name)
}

// stage is a bar of a funnel.
type stage struct {
	name string
	n    int
	note string
}

func stages(s userpool.TextSums) []stage {
	sent, delivered, used := stage{"sent", s.Sent, ""}, stage{"delivered", s.Delivered, "as far as is known"}, stage{"used", s.Used, ""}
	if s.Maybe > 0 {
		sent.note = fmt.Sprintf("and %d maybe", s.Maybe)
	}
	if n := told(s); n > 0 {
		delivered.note = fmt.Sprintf("of %d told", n)
	}
	if half := within(s, .5); half.known {
		share, _ := usedShare(s)
		used.note = fmt.Sprintf("%.1f %%, half %s", 100*share, half.words())
	}
	return []stage{{"asked", s.Asked, fmt.Sprintf("$%.2f", dollars(s.Micros))}, sent, delivered, used}
}

func (b bound) words() string {
	if b.beyond {
		return fmt.Sprintf("after over %d s", b.seconds)
	}
	return fmt.Sprintf("in %d s", b.seconds)
}

func drawFunnel(b *bytes.Buffer, row Row, i int) {
	top := chartHead + i*chartBlock
	if i%2 == 0 {
		fmt.Fprintf(b, "<rect class=\"band\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", top-8, chartWidth, chartBlock)
	}
	fmt.Fprintf(b, "<text class=\"of\" x=\"16\" y=\"%d\">%s</text>\n", top+10, html.EscapeString(nameOf(row)))
	width := func(n int) float64 { return chartBars * float64(n) / float64(max(row.Asked, 1)) }
	for j, st := range stages(row.TextSums) {
		y := top + 18 + j*chartStep
		fmt.Fprintf(b, "<text class=\"stage\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", chartLeft-8, y+10, st.name)
		fmt.Fprintf(b, "<rect class=\"whole\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"2\"/>\n", chartLeft, y, chartBars, chartBar)
		if untold := row.Sent - told(row.TextSums); st.name == "delivered" && untold > 0 {
			fmt.Fprintf(b, "<rect class=\"untold\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n", chartLeft+width(st.n), y, width(untold), chartBar)
		}
		if st.n > 0 {
			fmt.Fprintf(b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", st.name, chartLeft, y, max(width(st.n), 1), chartBar)
		}
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">%d <tspan class=\"note\">%s</tspan></text>\n", chartLeft+chartBars+10, y+11, st.n, html.EscapeString(st.note))
	}
}
