package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/country"
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

func countriesListHelp() string {
	return config.Help([]config.Flag{jsonFlag(new(bool))}, []string{"config"})
}

func countriesShowHelp() string {
	return "bellhop countries show COUNTRY\n\n" + config.Help([]config.Flag{jsonFlag(new(bool))}, []string{"config"})
}

func countriesCheckHelp() string {
	return "bellhop countries check FILE\n\n" + config.Help(nil, []string{"config"})
}

// packLine is a country of the list.
type packLine struct {
	Country string `json:"country"`
	Name    string `json:"name"`
	Known   int    `json:"known"` // keys that a fact speaks of
	Of      int    `json:"of"`
	Newest  string `json:"newest"` // date of a source
}

func countriesList(_ context.Context, in invocation) error {
	var asJSON bool
	if _, err := loadTool(in, jsonFlag(&asJSON)); err != nil {
		return err
	}
	var lines []packLine
	for _, p := range append(country.All(), country.Everywhere()) {
		lines = append(lines, packLineOf(p))
	}
	if asJSON {
		return printJSON(in.stdout, lines)
	}
	var rows [][]string
	for _, l := range lines {
		rows = append(rows, []string{l.Country, l.Name, fmt.Sprintf("%d of %d", l.Known, l.Of), l.Newest})
	}
	if err := printTable(in.stdout, []string{"COUNTRY", "NAME", "KNOWN", "NEWEST SOURCE"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprint(in.stdout, "\nOf other countries nothing is known here; how to send one in stands in docs/countries.md.\n")
	return err
}

func packLineOf(p country.Pack) packLine {
	l := packLine{Country: p.Country, Name: p.Name}
	for _, row := range country.Schema() {
		l.Of++
		if len(p.Facts(row.Key)) > 0 {
			l.Known++
		}
	}
	for _, s := range p.Sources() {
		l.Newest = max(l.Newest, s.Date)
	}
	return l
}

// countryPage is a country for machines. Members may be added, never changed.
type countryPage struct {
	Country string        `json:"country"`
	Name    string        `json:"name"`
	Keys    []countryKey  `json:"keys"`
	Prices  []countryCost `json:"prices"`
}

// countryKey is a key of the schema, with what is known of it.
type countryKey struct {
	Key   country.Key   `json:"key"`
	About string        `json:"about"`
	Known bool          `json:"known"`
	Facts []countryFact `json:"facts"`
	Acts  string        `json:"acts,omitempty"` // what Bellhop does with it
}

type countryFact struct {
	Is     country.Value `json:"is"`
	List   []string      `json:"list,omitempty"`
	Note   string        `json:"note,omitempty"`
	Source string        `json:"source"`
	URL    string        `json:"url"`
	Dated  string        `json:"dated,omitempty"`
	Read   string        `json:"read,omitempty"`
}

// countryCost is a price of the list that is shipped, which is the guard's.
type countryCost struct {
	Prefix string `json:"prefix"`
	USD    string `json:"usd"`
	Source string `json:"source"`
	Date   string `json:"date"`
}

func countriesShow(_ context.Context, in invocation) error {
	code := countryArgument(&in)
	var asJSON bool
	if _, err := loadTool(in, jsonFlag(&asJSON)); err != nil {
		return err
	}
	p, err := packOf(code)
	if err != nil {
		return err
	}
	page := pageOf(p)
	if asJSON {
		return printJSON(in.stdout, page)
	}
	return printPage(in.stdout, page)
}

// countryArgument takes the argument that is no flag off the others.
func countryArgument(in *invocation) string {
	if len(in.args) == 0 || strings.HasPrefix(in.args[0], "-") {
		return ""
	}
	first := in.args[0]
	in.args = in.args[1:]
	return first
}

func packOf(code string) (country.Pack, error) {
	iso := strings.ToUpper(code)
	if strings.EqualFold(code, country.World) {
		return country.Everywhere(), nil
	}
	p, ok := country.Lookup(iso)
	switch {
	case ok:
		return p, nil
	case code == "":
		return p, usageError("name a country, such as bellhop countries show IN")
	case !phone.IsCountry(iso):
		return p, usageError(fmt.Sprintf("%q is no country: name one by its ISO 3166 code of two letters, such as IN", code))
	}
	var known []string
	for _, p := range country.All() {
		known = append(known, p.Country)
	}
	return p, fmt.Errorf("nothing is known of texts in %s; something is of %s. How to send in what you know stands in docs/countries.md", iso, strings.Join(known, ", "))
}

func pageOf(p country.Pack) countryPage {
	page := countryPage{Country: p.Country, Name: p.Name, Prices: []countryCost{}}
	for _, row := range country.Schema() {
		key := countryKey{Key: row.Key, About: row.About, Facts: []countryFact{}, Acts: row.Acts}
		for _, f := range p.Facts(row.Key) {
			fact := countryFact{Is: f.Is, List: f.List, Note: f.Note, Source: f.Source.Title, URL: f.Source.URL}
			if f.Source.Read {
				fact.Read = f.Source.Date
			} else {
				fact.Dated = f.Source.Date
			}
			key.Facts = append(key.Facts, fact)
		}
		key.Known = len(key.Facts) > 0
		page.Keys = append(page.Keys, key)
	}
	for _, r := range pricelist.Shipped() {
		if r.Country == p.Country && !r.Unknown {
			page.Prices = append(page.Prices, countryCost{r.Prefix, dollars(r), r.Source, r.Date})
		}
	}
	return page
}

// pageWidth is how wide the lines of a country's page are.
const pageWidth = 88

func printPage(w io.Writer, page countryPage) error {
	known := 0
	for _, k := range page.Keys {
		if k.Known {
			known++
		}
	}
	p := pagePrinter{numbers: map[string]int{}}
	p.line("%s (%s): what is known of texts there, %d of %d", page.Name, page.Country, known, len(page.Keys))
	for _, k := range page.Keys {
		p.key(k)
	}
	p.prices(page.Prices)
	p.line("\nSources")
	for _, s := range p.sources {
		p.line("%s", s)
	}
	_, err := io.WriteString(w, p.text.String())
	return err
}

// pagePrinter lays out a country's page, and numbers the sources as they come.
type pagePrinter struct {
	text    strings.Builder
	numbers map[string]int // of sources, by their address
	sources []string
}

func (p *pagePrinter) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func (p *pagePrinter) key(k countryKey) {
	p.line("\n%s: %s", k.Key, k.About)
	if !k.Known {
		p.line("  not known")
		return
	}
	for i, f := range k.Facts {
		but := ""
		if i > 0 && f.Is != k.Facts[0].Is && f.List == nil && !strings.Contains(string(f.Is), " ") {
			but = "but "
		}
		p.wrapped("  ", fmt.Sprintf("%s%s [%d, %s]", but, f.Is, p.number(f), dateOf(f)))
		if f.Note != "" {
			p.wrapped("    ", f.Note)
		}
	}
	if k.Acts != "" {
		p.wrapped("  > ", k.Acts)
	}
}

// number is the source's, which is given when it is first named.
func (p *pagePrinter) number(f countryFact) int {
	n, ok := p.numbers[f.URL]
	if !ok {
		n = len(p.sources) + 1
		p.numbers[f.URL] = n
		p.sources = append(p.sources, fmt.Sprintf("  [%d] %s\n      %s", n, f.Source, f.URL))
	}
	return n
}

func dateOf(f countryFact) string {
	if f.Read != "" {
		return "read " + f.Read
	}
	return "dated " + f.Dated
}

func (p *pagePrinter) prices(all []countryCost) {
	p.line("\nprice: what a text is taken to cost, where you set none")
	if len(all) == 0 {
		p.line("  not known")
	}
	for _, c := range all {
		p.line("  $%s to %s (%s, dated %s)", c.USD, c.Prefix, c.Source, c.Date)
	}
	p.line("  > The guard's budgets and routes that prefer a price count with it.")
}

// wrapped writes words under an indent, which marks the first line only.
func (p *pagePrinter) wrapped(indent, text string) {
	line, empty := indent, true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > pageWidth {
			p.line("%s", line)
			line, empty = strings.Repeat(" ", len(indent)), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	p.line("%s", line)
}

// undone are facts whose sources are of days that have not begun anywhere.
func undone(p country.Pack, now time.Time) (all []country.Problem) {
	latest := now.UTC().Add(14 * time.Hour).Format(time.DateOnly) // of the easternmost zone
	for _, row := range country.Schema() {
		for _, f := range p.Facts(row.Key) {
			if f.Source.Date > latest {
				all = append(all, country.Problem{Line: f.Line, What: fmt.Sprintf("%s is from the source %s, whose date is in the future", row.Key, f.Source.Name)})
			}
		}
	}
	return all
}

// countriesCheck says what is wrong with a file before somebody sends it in.
func countriesCheck(_ context.Context, in invocation) error {
	path := countryArgument(&in)
	if _, err := loadTool(in); err != nil {
		return err
	}
	if path == "" {
		return usageError("name a file, such as bellhop countries check KE.yaml")
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p, wrong := country.Parse(string(raw))
	if len(wrong) == 0 {
		wrong = undone(p, time.Now())
	}
	if len(wrong) == 0 {
		_, err := fmt.Fprintf(in.stdout, "fine: %s has %d of %d\n", p.Name, packLineOf(p).Known, packLineOf(p).Of)
		return err
	}
	var problems config.Problems
	for _, w := range slices.CompactFunc(wrong, func(a, b country.Problem) bool { return a == b }) {
		problems = append(problems, config.Problem{Where: fmt.Sprintf("%s:%d:", path, w.Line), What: w.What})
	}
	return problems
}
