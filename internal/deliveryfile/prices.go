package deliveryfile

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// priceFile reads a provider's list. It is not nil where the place names a file.
func (r *reader) priceFile(p place) []pricelist.Row {
	text := r.Text(p)
	if text == "" {
		return nil
	}
	path := r.From(text)
	raw, err := os.ReadFile(path)
	if err != nil {
		r.Problem(p, "names a file that cannot be read: %v", err)
		return []pricelist.Row{}
	}
	list, wrong := pricelist.Parse(string(raw))
	for _, w := range wrong {
		r.Problems = append(r.Problems, config.Problem{Where: fmt.Sprintf("%s:%d:", path, w.Line), What: w.What})
	}
	if len(wrong) == 0 && len(list) == 0 {
		r.Problem(p, "names a file without a price")
	}
	return append([]pricelist.Row{}, list...)
}

// prices are a list by prefix.
type prices struct {
	rows    map[string]pricelist.Row
	longest int
}

func newPrices(list []pricelist.Row) prices {
	p := prices{rows: make(map[string]pricelist.Row, len(list))}
	for _, row := range list {
		p.rows[row.Prefix] = row
		p.longest = max(p.longest, len(row.Prefix))
	}
	return p
}

// price is what the longest prefix in the list says of a number.
func (p prices) price(e164 string) (micros int64, known bool) {
	for n := min(len(e164), p.longest); n > 1; n-- {
		if row, ok := p.rows[e164[:n]]; ok {
			return row.Micros, !row.Unknown
		}
	}
	return 0, false
}

// coversPrefix says whether the list knows a price of numbers that begin so.
func (p prices) coversPrefix(prefix string) bool {
	if _, known := p.price(prefix); known {
		return true
	}
	for at, row := range p.rows {
		if strings.HasPrefix(at, prefix) && !row.Unknown {
			return true
		}
	}
	return false
}

// coversCountry says whether the list knows a price of the country's numbers: a row
// that names it, or one of the calling code that names nobody else.
func (p prices) coversCountry(country string) bool {
	for prefix, row := range p.rows {
		shares := slices.Contains(phone.CountriesOf(prefix), country)
		if !row.Unknown && (row.Country == country || shares && isCallingCode(prefix)) {
			return true
		}
	}
	return false
}

// uncovered are the countries and prefixes of a rule that the list has no price of.
func (p prices) uncovered(countries, prefixes []string) []string {
	var all []string
	for _, prefix := range prefixes {
		if !p.coversPrefix(prefix) {
			all = append(all, prefix)
		}
	}
	if len(prefixes) > 0 { // they say more exactly which numbers
		return all
	}
	for _, country := range countries {
		if !p.coversCountry(country) {
			all = append(all, country)
		}
	}
	return all
}

// isCallingCode says that the prefix is a country calling code, neither less nor more.
func isCallingCode(prefix string) bool {
	return len(prefix) > 1 && len(phone.CountriesOf(prefix)) > 0 && len(phone.CountriesOf(prefix[:len(prefix)-1])) == 0
}
