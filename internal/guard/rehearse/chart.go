package rehearse

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// The chart's measures, in pixels.
const (
	chartLabels = 150 // the column of names
	chartPanel  = 330 // one of the two panels
	chartGap    = 40
	chartRow    = 20
	chartHead   = 74
	chartFoot   = 34
	chartWidth  = chartLabels + 2*chartPanel + chartGap + 30
)

const chartStyle = `<style>
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:13px}.tick,.note{fill:#59636e;font-size:11px}
.back{fill:#fff}.band{fill:#f6f8fa}.grid{stroke:#d1d9e0}
.through{stroke:#b35900;fill:#b35900}.refused{stroke:#0969da;fill:#0969da}.mean{fill:#fff}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.tick,.note{fill:#9198a1}
.back{fill:#0d1117}.band{fill:#151b23}.grid{stroke:#3d444d}
.through{stroke:#f0883e;fill:#f0883e}.refused{stroke:#58a6ff;fill:#58a6ff}.mean{fill:#0d1117}}
</style>`

// panel is one figure of all scenarios on a logarithmic scale of percents.
type panel struct {
	title       string
	class       string
	left        int
	least, most float64 // powers of ten
	of          func(Summary) (worst, mean float64, ok bool)
}

func panels() [2]panel {
	return [2]panel{
		{"Attack's spend that got through, %", "through", chartLabels, -2, 2, func(s Summary) (float64, float64, bool) {
			return 100 - s.Blocked.Worst, 100 - s.Blocked.Mean, s.AttackRequests > 0
		}},
		{"Real people who were refused, %", "refused", chartLabels + chartPanel + chartGap, -3, 2, func(s Summary) (float64, float64, bool) {
			return s.Refused.Worst, s.Refused.Mean, true
		}},
	}
}

// x is where a percentage is. What is less than the scale has is at its edge.
func (p panel) x(v float64) float64 {
	at := p.least
	if v > 0 {
		at = min(max(math.Log10(v), p.least), p.most)
	}
	return float64(p.left) + (at-p.least)/(p.most-p.least)*chartPanel
}

// Chart draws the summaries as an SVG picture, for light and for dark pages: a
// row for each scenario, with its worst seed and the mean of all.
func Chart(all []Summary) []byte {
	var b bytes.Buffer
	height := chartHead + chartRow*len(all) + chartFoot
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", chartWidth, height, chartWidth, height)
	fmt.Fprintf(&b, "<title>What attacks get through the guard, and whom it refuses</title>\n%s\n<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n", chartStyle, chartWidth, height)
	for i := range all {
		if i%2 == 0 {
			fmt.Fprintf(&b, `<rect class="band" x="0" y="%d" width="%d" height="%d"/>`+"\n", chartHead+i*chartRow, chartWidth, chartRow)
		}
	}
	for _, p := range panels() {
		p.axis(&b, len(all))
	}
	for i, s := range all {
		y := chartHead + i*chartRow + chartRow/2
		fmt.Fprintf(&b, "<g><title>%s</title>\n<text x=\"12\" y=\"%d\">%s</text>\n", html.EscapeString(s.About), y+4, html.EscapeString(s.Scenario))
		for _, p := range panels() {
			p.dots(&b, s, y)
		}
		b.WriteString("</g>\n")
	}
	fmt.Fprintf(&b, `<text class="note" x="12" y="%d">Full dot: the worst seed. Open dot: the mean. At the left edge: nothing, or less than the scale shows.</text>`+"\n</svg>\n", height-12)
	return b.Bytes()
}

func (p panel) axis(b *bytes.Buffer, rows int) {
	fmt.Fprintf(b, `<text class="title" x="%d" y="26">%s</text>`+"\n", p.left, html.EscapeString(p.title))
	for power := p.least; power <= p.most; power++ {
		x := p.x(math.Pow(10, power))
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", x, chartHead-8, x, chartHead+rows*chartRow)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", x, chartHead-14, math.Pow(10, power))
	}
}

func (p panel) dots(b *bytes.Buffer, s Summary, y int) {
	worst, mean, ok := p.of(s)
	if !ok {
		return
	}
	from, to := p.x(mean), p.x(worst)
	fmt.Fprintf(b, `<line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke-width="2"/>`+"\n", p.class, from, y, to, y)
	if s.Seeds > 1 {
		fmt.Fprintf(b, `<circle class="%s mean" cx="%.1f" cy="%d" r="3.5" stroke-width="1.5"/>`+"\n", p.class, from, y)
	}
	fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%d" r="4"/>`+"\n", p.class, to, y)
}
