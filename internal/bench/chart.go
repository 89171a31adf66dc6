package bench

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
)

// The chart's measures, in pixels.
const (
	chartLabels = 280 // the column of names
	chartBars   = 330 // CPU
	chartGap    = 60
	chartTimes  = 270 // latencies
	chartRates  = 80  // flows a second, as numbers
	chartRow    = 22
	chartHead   = 92
	chartFoot   = 52
	chartWidth  = chartLabels + chartBars + chartGap + chartTimes + chartRates
	timesLeft   = chartLabels + chartBars + chartGap
)

const chartStyle = `<style>
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:13px}.tick,.note{fill:#59636e;font-size:11px}
.back{fill:#fff}.band{fill:#f6f8fa}.grid{stroke:#d1d9e0}
.signing{fill:#6e7781}.server{fill:#0969da}.database{fill:#b35900}.time{stroke:#0969da;fill:#0969da}.open{fill:#fff}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.tick,.note{fill:#9198a1}
.back{fill:#0d1117}.band{fill:#151b23}.grid{stroke:#3d444d}
.signing{fill:#8b949e}.server{fill:#58a6ff}.database{fill:#f0883e}.time{stroke:#58a6ff;fill:#58a6ff}.open{fill:#0d1117}}
</style>`

// WriteChart draws the run as an SVG picture, for light and for dark pages: a row for
// each cell, with what a flow costs and how long it takes.
func (r Run) WriteChart(w io.Writer) error {
	rows := r.charted()
	c := chart{sign: r.Sign, most: scale(rows), height: chartHead + chartRow*len(rows) + chartFoot}
	c.frame(len(rows))
	for i, cell := range rows {
		c.row(cell, chartHead+i*chartRow)
	}
	c.notes()
	c.b.WriteString("</svg>\n")
	_, err := w.Write(c.b.Bytes())
	return err
}

// charted is the cells of the chart: each flow at one load, and the texted sign-in at
// all; whatever there is where that leaves none.
func (r Run) charted() []Cell {
	var rows []Cell
	for _, c := range r.Cells {
		if c.Rate == 0 && c.Workers == TargetWorkers || c.Flow == "texted" && c.Limits == "off" {
			rows = append(rows, c)
		}
	}
	if len(rows) == 0 {
		return r.Cells
	}
	return rows
}

type chart struct {
	b      bytes.Buffer
	sign   func(Cell) float64
	most   float64 // of CPU
	height int
}

// scale is the CPU at the right end of the bars: a round number that all have room in.
func scale(rows []Cell) float64 {
	most := 1.0
	for _, c := range rows {
		most = max(most, c.Server+c.Store)
	}
	return math.Ceil(most)
}

// The scale of latencies, as powers of ten of milliseconds.
const leastPower, mostPower = -1, 3

func (c *chart) cpuX(ms float64) float64 { return chartLabels + ms/c.most*chartBars }

func timeX(ms float64) float64 {
	at := float64(leastPower)
	if ms > 0 {
		at = min(max(math.Log10(ms), leastPower), mostPower)
	}
	return timesLeft + (at-leastPower)/(mostPower-leastPower)*chartTimes
}

func (c *chart) frame(rows int) {
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", chartWidth, c.height, chartWidth, c.height)
	fmt.Fprintf(&c.b, "<title>What each flow costs, and how long it takes</title>\n%s\n<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n", chartStyle, chartWidth, c.height)
	for i := 0; i < rows; i += 2 {
		fmt.Fprintf(&c.b, `<rect class="band" x="0" y="%d" width="%d" height="%d"/>`+"\n", chartHead+i*chartRow, chartWidth, chartRow)
	}
	c.text("title", chartLabels, 26, "start", "CPU, milliseconds a flow")
	x := chartLabels
	for _, k := range []struct{ class, name string }{{"signing", "its signatures"}, {"server", "the rest of the server"}, {"database", "PostgreSQL"}} {
		fmt.Fprintf(&c.b, `<rect class="%s" x="%d" y="38" width="10" height="10"/>`+"\n", k.class, x)
		c.text("note", float64(x+14), 47, "start", k.name)
		x += 30 + 6*len(k.name)
	}
	c.text("title", timesLeft, 26, "start", "Time from beginning to end, milliseconds")
	c.text("note", timesLeft, 47, "start", "open dot: p50, full dot: p99, bar: p99.9")
	c.text("title", chartWidth-14, 47, "end", "a second")
	bottom := chartHead + rows*chartRow
	step := math.Ceil(c.most / 8)
	for ms := 0.0; ms <= c.most; ms += step {
		c.line(c.cpuX(ms), bottom, fmt.Sprint(ms))
	}
	for power := leastPower; power <= mostPower; power++ {
		ms := math.Pow(10, float64(power))
		c.line(timeX(ms), bottom, fmt.Sprintf("%g", ms))
	}
}

func (c *chart) line(x float64, bottom int, label string) {
	fmt.Fprintf(&c.b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", x, chartHead-8, x, bottom)
	c.text("tick", x, chartHead-14, "middle", label)
}

func (c *chart) text(class string, x, y float64, anchor, text string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%.1f" y="%.0f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, html.EscapeString(text))
}

func (c *chart) row(cell Cell, top int) {
	y := float64(top) + chartRow/2
	c.text("name", 12, y+4, "start", cell.name())
	from := 0.0
	signing := min(float64(cell.Signatures)*c.sign(cell), cell.Server)
	for _, part := range []struct {
		class string
		ms    float64
	}{{"signing", signing}, {"server", cell.Server - signing}, {"database", cell.Store}} {
		fmt.Fprintf(&c.b, `<rect class="%s" x="%.1f" y="%.0f" width="%.1f" height="12"/>`+"\n", part.class, c.cpuX(from), y-6, c.cpuX(from+part.ms)-c.cpuX(from))
		from += part.ms
	}
	c.text("tick", c.cpuX(from)+5, y+4, "start", short(from))
	fmt.Fprintf(&c.b, `<line class="time" x1="%.1f" y1="%.0f" x2="%.1f" y2="%.0f" stroke-width="2"/>`+"\n", timeX(cell.P50), y, timeX(cell.P999), y)
	fmt.Fprintf(&c.b, `<line class="time" x1="%.1f" y1="%.0f" x2="%.1f" y2="%.0f" stroke-width="2"/>`+"\n", timeX(cell.P999), y-5, timeX(cell.P999), y+5)
	fmt.Fprintf(&c.b, `<circle class="time open" cx="%.1f" cy="%.0f" r="3.5" stroke-width="1.5"/>`+"\n", timeX(cell.P50), y)
	fmt.Fprintf(&c.b, `<circle class="time" cx="%.1f" cy="%.0f" r="4"/>`+"\n", timeX(cell.P99), y)
	c.text("count", chartWidth-14, y+4, "end", short(cell.PerSecond))
}

// name is the cell in a row's words.
func (c Cell) name() string {
	load := c.Load()
	switch {
	case c.Rate > 0:
		load = "at " + load
	case c.Workers == 1:
		load = "1 worker"
	default:
		load += " workers"
	}
	name := fmt.Sprintf("%s, %s, %s", databases[c.Database], c.Flow, load)
	if c.Limits == "enforce" {
		name += ", limits"
	}
	return name
}

var databases = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}

func (c *chart) notes() {
	c.text("note", 12, float64(c.height-28), "start", "Closed loops have so many workers; open loops begin so many flows a second, whose time counts from when they were to begin.")
	c.text("note", 12, float64(c.height-12), "start", "The server, its database and the driver share the machine's processors. limits: those that count requests and money were in force.")
}
