package guardfile

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// reader reads what only this file has.
type reader struct {
	*yamlfile.Reader
	getenv func(string) string // nil: secrets are not looked at
}

type place = yamlfile.Place

// given are the places of the keys that the file has, with dots.
type given map[string]place

// read sets what the mapping gives, in the table's order.
func read[T any](r *reader, p place, rows []row[T], into *T) given {
	known := make([]string, len(rows))
	for i, row := range rows {
		known[i] = row.key
	}
	g := given{}
	r.collect(p, "", known, g)
	for _, row := range rows {
		if at, ok := g[row.key]; ok {
			row.set(r, at, into)
		}
	}
	return g
}

// collect finds the values of keys in the mapping, which stands under a path.
func (r *reader) collect(p place, under string, keys []string, found given) {
	pairs, _ := r.Pairs(p)
	for _, pair := range pairs {
		path := under + pair.Key
		switch {
		case slices.Contains(keys, path):
			found[path] = pair.Place
		case slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, path+".") }):
			found[path] = pair.Place
			r.collect(pair.Place, path+".", keys, found)
		default:
			r.Unknown(pair.Place, pair.Key, next(keys, under))
		}
	}
}

// next are the keys of the mapping under a path.
func next(keys []string, under string) []string {
	found := map[string]bool{}
	for _, k := range keys {
		if rest, ok := strings.CutPrefix(k, under); ok {
			rest, _, _ = strings.Cut(rest, ".")
			found[rest] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// list reads a list of plain values.
func list[T any](r *reader, p place, parse func(string) (T, error)) []T {
	return yamlfile.List(r.Reader, p, parse)
}

// everything says that the place is the word all; a list of none is a problem.
func (r *reader) everything(p place) bool {
	if p.Scalar() && p.Node.Value == "all" {
		return true
	}
	if p.Node.Kind == yaml.SequenceNode && len(p.Node.Content) == 0 {
		r.Problem(p, "is an empty list: write all, or name those that are allowed")
	}
	return false
}

func (r *reader) allowed(p place, parse func(*reader, string) (string, error)) []string {
	if r.everything(p) {
		return nil
	}
	return list(r, p, func(text string) (string, error) { return parse(r, text) })
}

func (r *reader) allowedNetworks(p place) []netip.Prefix {
	if r.everything(p) {
		return nil
	}
	return list(r, p, r.network)
}

func (r *reader) country(text string) (string, error) { return text, yamlfile.CheckCountry(text) }

// narrowest is how many digits a choice of prefixes may look at. The guard knows a
// number without its last four digits, and the short ones have eleven.
const narrowest = 7

func (r *reader) prefix(text string) (string, error) {
	if err := pricelist.CheckPrefix(text); err != nil {
		return "", err
	}
	if len(text) > len("+")+narrowest {
		return "", fmt.Errorf("has more than %d digits", narrowest)
	}
	return text, nil
}

func (r *reader) network(text string) (netip.Prefix, error) {
	p, err := config.ParseNetwork(text)
	if err != nil {
		return p, errors.New("is no network such as 192.0.2.0/24 and no address")
	}
	return p, nil
}

func (r *reader) numberType(text string) (phone.Kind, error) {
	for k := phone.Unknown; k <= phone.Voicemail; k++ {
		if typeName(k) != text {
			continue
		}
		switch k {
		case phone.Unknown:
			return k, errors.New("cannot be denied: it is also what numbers are that were allocated lately")
		case phone.Mobile:
			return k, errors.New("cannot be denied: nobody else takes texts")
		}
		return k, nil
	}
	near := config.Nearest(text, deniable())
	if near != "" {
		near = "; did you mean " + near + "?"
	}
	return 0, fmt.Errorf("is no type of numbers%s", near)
}

// clientID is an id as Cognito has it: CreateUserPoolClient, "ClientId".
var clientID = regexp.MustCompile(`^[\w+]{1,128}$`)

func checkClient(text string) error {
	if !clientID.MatchString(text) {
		return errors.New("is no id of an app client")
	}
	return nil
}

// named reads budgets of those who have their own.
func (r *reader) named(p place, check func(string) error, general guard.Budget) map[string]guard.Budget {
	pairs, _ := r.Pairs(p)
	all := map[string]guard.Budget{}
	for _, pair := range pairs {
		if err := check(pair.Key); err != nil {
			r.Problem(pair.Place, "%v", err)
			continue
		}
		b := general
		g := read(r, pair.Place, spans, &b)
		r.checkBudget(pair.Place, g, b)
		all[pair.Key] = b
	}
	return all
}

// most is more than anybody spends on texts, or sends.
const most = 1e9

// amount is the number of a text that may begin with a dollar sign.
func amount(text string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimPrefix(text, "$"), 64)
	return n, err == nil && !math.IsNaN(n)
}

// money reads dollars above none.
func (r *reader) money(p place) guard.Money {
	usd, ok := amount(p.Node.Value)
	if !p.Scalar() || !ok || usd <= 0 || usd > most {
		r.Problem(p, "must be dollars above 0, such as $0.25")
		return 0
	}
	return guard.Dollars(usd)
}

// bound reads dollars, or none for no bound, which is zero.
func (r *reader) bound(p place) guard.Money {
	if p.Scalar() && p.Node.Value == "none" {
		return 0
	}
	usd, ok := amount(p.Node.Value)
	if !p.Scalar() || !ok || usd <= 0 || usd > most {
		r.Problem(p, "must be dollars above 0, such as $5, or none, which is no bound")
		return 0
	}
	return guard.Dollars(usd)
}

// part reads a part of a whole: 75%, or 0.75.
func (r *reader) part(p place, least, most float64) float64 {
	text, isPercent := strings.CutSuffix(p.Node.Value, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if isPercent {
		n /= 100
	}
	if !p.Scalar() || err != nil || !(n >= least && n <= most) {
		r.Problem(p, "must be a part from %s to %s, such as 75%%", percent(least), percent(most))
		return most
	}
	return n
}

// count reads a number of texts, which may be a broken one.
func (r *reader) count(p place) float64 {
	n, err := strconv.ParseFloat(p.Node.Value, 64)
	if !p.Scalar() || err != nil || !(n >= 0 && n <= most) {
		r.Problem(p, "must be a number, 0 or more")
		return 0
	}
	return n
}

// priceFile puts a list in the place of the shipped one.
func (r *reader) priceFile(p place, f *File) {
	text := r.Text(p)
	if text == "" {
		return
	}
	path := r.From(text)
	raw, err := os.ReadFile(path)
	if err != nil {
		r.Problem(p, "names a file that cannot be read: %v", err)
		return
	}
	list, wrong := pricelist.Parse(string(raw))
	for _, w := range wrong {
		r.Problems = append(r.Problems, config.Problem{Where: fmt.Sprintf("%s:%d:", path, w.Line), What: w.What})
	}
	if len(wrong) == 0 && len(list) == 0 {
		r.Problem(p, "names a file without a price")
	}
	f.Prices = list
	f.Settings.Prices = guard.PricesOf(list, f.Settings.Prices.Fallback)
}

// fallback is read after the list, for which it counts.
func (r *reader) fallback(p place, f *File) {
	price := r.money(p)
	if price > 10*guard.Dollar {
		r.Problem(p, "is more than any text costs: $10 at most")
	}
	f.Settings.Prices = guard.PricesOf(f.Prices, price)
}

func texts[T fmt.Stringer](all []T) []string {
	var named []string
	for _, one := range all {
		named = append(named, one.String())
	}
	return named
}

func bound(m guard.Money) string {
	if m == 0 {
		return "none"
	}
	return m.String()
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func percent(part float64) string { return number(math.Round(part*1e6)/1e4) + "%" }
