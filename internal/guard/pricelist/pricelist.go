// Package pricelist owns what texts cost by prefix: the format of a price list, and
// the list that is shipped, each of whose prices names its source and date. What a
// price means for a decision is the guard's.
package pricelist

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Row is what one text costs to the numbers that begin with a prefix.
type Row struct {
	Prefix  string // with the +
	Country string // ISO 3166 code; "" for networks of no country
	Micros  int64  // millionths of a US dollar
	Unknown bool   // no price is known, and the one of a shorter prefix is not it
	Source  string // who asks this price
	Date    string // when he did, YYYY-MM-DD
}

// Problem is what is wrong with a line. What is half a sentence that follows the
// line's place.
type Problem struct {
	Line int
	What string
}

//go:embed prices.csv
var shipped string

// Shipped returns the list that comes with Bellhop.
func Shipped() []Row {
	rows, wrong := Parse(shipped)
	if len(wrong) > 0 {
		panic(fmt.Sprintf("pricelist: prices.csv:%d %s", wrong[0].Line, wrong[0].What))
	}
	return rows
}

// Header is the first line of a price list.
const Header = "prefix,country,usd,source,date"

// columns of a line, in the header's order.
const (
	colPrefix = iota
	colCountry
	colUSD
	colSource
	colDate
	columns
)

// Parse reads a list in CSV, and everything that is wrong with it. Lines that begin
// with # are comments.
func Parse(text string) ([]Row, []Problem) {
	p := parser{lines: map[string]int{}}
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.FieldsPerRecord = '#', -1
	for first := true; ; first = false {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			if first {
				p.problem(1, "is empty; the first line must be %s", Header)
			}
			return p.rows, p.wrong
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			p.problem(broken.Line, "is no line of CSV: %v", broken.Err)
			continue
		}
		line, _ := r.FieldPos(0)
		if !first {
			p.row(line, record)
		} else if strings.Join(record, ",") != Header {
			p.problem(line, "must be %s", Header)
			return nil, p.wrong
		}
	}
}

type parser struct {
	rows  []Row
	wrong []Problem
	lines map[string]int // of the prefixes that were met
}

func (p *parser) problem(line int, format string, args ...any) {
	p.wrong = append(p.wrong, Problem{line, fmt.Sprintf(format, args...)})
}

func (p *parser) row(line int, record []string) {
	if len(record) != columns {
		p.problem(line, "has %d columns, and must have %d: %s", len(record), columns, Header)
		return
	}
	before := len(p.wrong)
	row := Row{Prefix: record[colPrefix], Country: record[colCountry], Source: record[colSource], Date: record[colDate]}
	if err := CheckPrefix(row.Prefix); err != nil {
		p.problem(line, "has a prefix that %v", err)
	} else if earlier, twice := p.lines[row.Prefix]; twice {
		p.problem(line, "prices %s a second time, after line %d", row.Prefix, earlier)
	} else if err := checkCountry(row); err != nil {
		p.problem(line, "%v", err)
	}
	var err error
	if row.Micros, row.Unknown, err = price(record[colUSD]); err != nil {
		p.problem(line, "has a price that %v", err)
	}
	if row.Source == "" {
		p.problem(line, "names no source")
	}
	if _, err := time.Parse(time.DateOnly, row.Date); err != nil {
		p.problem(line, "has a date that is not YYYY-MM-DD")
	}
	p.lines[row.Prefix] = line
	if len(p.wrong) == before {
		p.rows = append(p.rows, row)
	}
}

// longestPrefix is shorter than any whole number that is texted.
const longestPrefix = 9

// CheckPrefix says what is wrong with a prefix of numbers, as half a sentence. It
// repeats no more of it than may be shown.
func CheckPrefix(prefix string) error {
	digits, plus := strings.CutPrefix(prefix, "+")
	switch {
	case !plus || digits == "" || strings.Trim(digits, "0123456789") != "" || digits[0] == '0':
		return errors.New("must be + and the first digits of numbers, such as +91")
	case len(digits) > longestPrefix:
		return fmt.Errorf("has more than %d digits", longestPrefix)
	}
	return nil
}

func checkCountry(row Row) error {
	if row.Country == "" {
		return nil
	}
	if !phone.IsCountry(row.Country) {
		return fmt.Errorf("names the country %q, which is none that has numbers: it must be an ISO 3166 code, such as DE", row.Country)
	}
	for _, country := range phone.CountriesOf(row.Prefix) {
		if country == row.Country {
			return nil
		}
	}
	return fmt.Errorf("gives %s to %s, whose numbers do not begin so", row.Prefix, row.Country)
}

// dearest is more than any text costs.
const dearest = 10

// Unknown stands where a price would.
const Unknown = "fallback"

func price(text string) (micros int64, isUnknown bool, err error) {
	if text == Unknown {
		return 0, true, nil
	}
	usd, err := strconv.ParseFloat(text, 64)
	if err != nil || !(usd >= 0 && usd <= dearest) {
		return 0, false, fmt.Errorf("must be dollars from 0 to %d, such as 0.0464, or %s", dearest, Unknown)
	}
	return int64(math.Round(usd * 1e6)), false, nil
}
