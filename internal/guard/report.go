package guard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// For people who ask how the guard stands.

var cellNames = map[CellKind]string{
	CellBlock: "prefix (10,000 numbers)", CellRange: "prefix (100,000 numbers)", CellArea: "prefix (1,000,000 numbers)",
	CellCountry: "country", CellAddress: "address", CellNetwork: "network", CellGuesses: "wrong answers",
	CellServer: "server", CellCarrier: "carrier range", CellEntry: "country window",
}

func (k CellKind) String() string { return cellNames[k] }

// Of is what the key's cell speaks of, for a reader: a prefix, a country; "" for
// what goes by a hash.
func (k Key) Of() string {
	switch k.Kind {
	case CellBlock, CellRange, CellArea, CellCarrier:
		return "+" + strconv.FormatUint(k.Lo, 10)
	case CellCountry, CellEntry:
		return k.country()
	}
	return ""
}

func (k Key) country() string {
	if k.Lo == 0 {
		return "no country"
	}
	var letters []byte
	for lo := k.Lo; lo > 0; lo >>= 8 {
		letters = append([]byte{byte(lo)}, letters...)
	}
	return string(letters)
}

// Conversion is the part of strangers' codes that are used, as far as the cell has
// learned it.
func (c Cell) Conversion() float64 { return c.usual() }

// Exposure is how much of its budgets the server, the countries, the user pools and
// the app clients that the settings name have spent on texts whose codes are not used,
// in dollars: of strangers, and of known numbers.
func (e *Engine) Exposure(ctx context.Context, s State, countries, pools []string, now time.Time) ([]Level, error) {
	asks := []Ask{{}, {Known: true}, {Device: "any"}}
	for _, iso := range countries {
		asks = append(asks, Ask{Route: Route{Country: iso}})
	}
	for _, id := range pools {
		asks = append(asks, Ask{Pool: id})
	}
	for _, id := range slices.Sorted(maps.Keys(e.settings.Budgets.Clients)) {
		asks = append(asks, Ask{Client: id})
	}
	var all []Level
	seen := map[string]bool{}
	for _, a := range asks {
		for _, b := range e.budgets(a) {
			whose, _, _ := strings.Cut(b.of, "/")
			if seen[b.key] || whose != a.owner() {
				continue
			}
			seen[b.key] = true
			n, err := s.Count(ctx, b.key, now)
			if err != nil {
				return nil, fmt.Errorf("exposure: %w", err)
			}
			of := b.of
			if a.trusted() {
				of += " (known " + map[bool]string{true: "numbers", false: "devices"}[a.Known] + ")"
			}
			if whose != "server" && n == 0 {
				continue
			}
			all = append(all, Level{Rule: RuleBudget, Of: of, Have: Money(n).Float(), Limit: Money(b.limit.Max).Float()})
		}
	}
	return all, nil
}

// owner is whose budgets Exposure asks about by this ask.
func (a Ask) owner() string {
	switch {
	case a.Route.Country != "":
		return "country"
	case a.Pool != "":
		return "pool"
	case a.Client != "":
		return "client"
	}
	return "server"
}

// WrongAnswers is how many answers the user pool has had that were not right, beside
// those that are compared, within the hour and the day.
func (e *Engine) WrongAnswers(ctx context.Context, s State, pool string, now time.Time) ([]Level, error) {
	var all []Level
	for i, p := range e.guessPurses(pool) {
		n, err := s.Count(ctx, p.Key, now)
		if err != nil {
			return nil, fmt.Errorf("wrong answers: %w", err)
		}
		all = append(all, Level{
			Rule: RuleSpray, Of: pool + [...]string{"/hour", "/day"}[i],
			Have: float64(n) / guessUnit, Limit: float64(p.Limit.Max / guessUnit),
		})
	}
	return all, nil
}
