package guardfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// row is one row of a table of keys.
type row[T any] struct {
	key   string // with dots between a mapping's key and those in it
	takes string // what its value is, for a reader
	help  string
	shown func(T) string // the value that it has in a T, for a reader
	set   func(*reader, place, *T)
}

// rows is the table of the file, in the order of the documentation, which is that of
// reading: what is inherited stands before those who inherit it.
func rows() []row[File] {
	all := []row[File]{
		{"countries.allow", "`all`, or a list of ISO 3166 codes", "countries whose numbers are texted; no others are, but those that `prefixes.allow` has",
			func(f File) string { return orAll(f.Settings.Countries.Allow) },
			func(r *reader, p place, f *File) { f.Settings.Countries.Allow = r.allowed(p, (*reader).country) }},
		{"countries.deny", "list of ISO 3166 codes", "countries whose numbers are not texted",
			func(f File) string { return orNone(f.Settings.Countries.Deny) },
			func(r *reader, p place, f *File) { f.Settings.Countries.Deny = list(r, p, r.country) }},
		{"prefixes.allow", "`all`, or a list of prefixes", "first digits of numbers that are texted, such as `\"+4915\"`, whatever their country; no others are, but those of `countries.allow`",
			func(f File) string { return orAll(f.Settings.Prefixes.Allow) },
			func(r *reader, p place, f *File) { f.Settings.Prefixes.Allow = r.allowed(p, (*reader).prefix) }},
		{"prefixes.deny", "list of prefixes", "first digits of numbers that are not texted; of several that match, here and above, the longest decides",
			func(f File) string { return orNone(f.Settings.Prefixes.Deny) },
			func(r *reader, p place, f *File) { f.Settings.Prefixes.Deny = list(r, p, r.prefix) }},
		{"number-types.deny", "list of types", "sorts of lines that are not texted: `" + strings.Join(deniable(), "`, `") + "`. A list replaces the default one",
			func(f File) string { return orNone(typesOf(f.Settings.Types)) },
			func(r *reader, p place, f *File) {
				f.Settings.Types = map[phone.Kind]bool{}
				for _, kind := range list(r, p, r.numberType) {
					f.Settings.Types[kind] = true
				}
			}},
		{"addresses.allow", "`all`, or a list of networks", "callers' addresses that may ask for texts, such as `192.0.2.0/24`; of several that match the longest decides",
			func(f File) string { return orAll(texts(f.Settings.Addresses.Allow)) },
			func(r *reader, p place, f *File) { f.Settings.Addresses.Allow = r.allowedNetworks(p) }},
		{"addresses.deny", "list of networks", "callers' addresses that may not",
			func(f File) string { return orNone(texts(f.Settings.Addresses.Deny)) },
			func(r *reader, p place, f *File) { f.Settings.Addresses.Deny = list(r, p, r.network) }},
		{"test-numbers", "list, see below", "numbers that have a fixed code until a day and are sent nothing",
			func(File) string { return "none" },
			func(r *reader, p place, f *File) { r.testNumbers(p, f) }},
		{"prices.file", "path, from the file's folder", "price list in the place of the shipped one",
			func(f File) string { return "the list of " + f.Settings.Prices.Date },
			func(r *reader, p place, f *File) { r.priceFile(p, f) }},
		{"prices.fallback", "dollars", "what a text costs where no price is known",
			func(f File) string { return f.Settings.Prices.Fallback.String() },
			func(r *reader, p place, f *File) { r.fallback(p, f) }},
	}
	all = append(all, budgetRows()...)
	all = append(all, rateRows()...)
	all = append(all, row[File]{"step-up", "list, see below", "ways to more proof, in the order in which they are offered",
		func(f File) string { return orNone(f.Settings.StepUp) },
		func(r *reader, p place, f *File) { r.stepUp(p, f) }})
	return append(all, tuningRows()...)
}

func budgetRows() []row[File] {
	var all []row[File]
	for _, of := range []struct {
		name, whose string
		field       func(*guard.Budgets) *guard.Budget
	}{
		{"server", "the server", func(b *guard.Budgets) *guard.Budget { return &b.Server }},
		{"pool", "each user pool", func(b *guard.Budgets) *guard.Budget { return &b.Pool }},
		{"client", "each app client", func(b *guard.Budgets) *guard.Budget { return &b.Client }},
		{"country", "each country", func(b *guard.Budgets) *guard.Budget { return &b.Country }},
	} {
		for _, span := range spans {
			r := under("budgets."+of.name, span, func(f *File) *guard.Budget { return of.field(&f.Settings.Budgets) })
			r.help = "what " + of.whose + " may spend " + span.help + " on texts whose codes are not used"
			all = append(all, r)
		}
	}
	for _, of := range []struct {
		name, whose string
		check       func(string) error
		general     func(*guard.Budgets) guard.Budget
		field       func(*guard.Budgets) *map[string]guard.Budget
	}{
		{"pools", "user pools", yamlfile.CheckPool, func(b *guard.Budgets) guard.Budget { return b.Pool }, func(b *guard.Budgets) *map[string]guard.Budget { return &b.Pools }},
		{"clients", "app clients", checkClient, func(b *guard.Budgets) guard.Budget { return b.Client }, func(b *guard.Budgets) *map[string]guard.Budget { return &b.Clients }},
		{"countries", "countries", yamlfile.CheckCountry, func(b *guard.Budgets) guard.Budget { return b.Country }, func(b *guard.Budgets) *map[string]guard.Budget { return &b.Countries }},
	} {
		all = append(all, row[File]{"budgets." + of.name, "mapping of ids to `hour`, `day`, `month`", of.whose + " that have budgets of their own; what one does not set it has as the others",
			func(f File) string { return "none" },
			func(r *reader, p place, f *File) {
				*of.field(&f.Settings.Budgets) = r.named(p, of.check, of.general(&f.Settings.Budgets))
			}})
	}
	return append(all, row[File]{"budgets.earn-back", "part from 0% to 100%", "what a used code gives back beside its own price",
		func(f File) string { return percent(f.Settings.Budgets.EarnBack) },
		func(r *reader, p place, f *File) { f.Settings.Budgets.EarnBack = r.part(p, 0, 1) }})
}

func rateRows() []row[File] {
	var all []row[File]
	for _, of := range []struct {
		name, what string
		field      func(*guard.Rates) *guard.Rate
	}{
		{"pool-texts", "texts of a user pool whose codes are not used", func(r *guard.Rates) *guard.Rate { return &r.PoolTexts }},
		{"client-texts", "texts of an app client whose codes are not used", func(r *guard.Rates) *guard.Rate { return &r.ClientTexts }},
		{"pool-answers", "wrong answers to codes of a user pool", func(r *guard.Rates) *guard.Rate { return &r.PoolAnswers }},
		{"client-answers", "wrong answers to codes of an app client", func(r *guard.Rates) *guard.Rate { return &r.ClientAnswers }},
	} {
		for _, span := range []struct {
			key, help string
			field     func(*guard.Rate) *int
		}{
			{"hour", "in an hour", func(r *guard.Rate) *int { return &r.Hour }},
			{"day", "in a day", func(r *guard.Rate) *int { return &r.Day }},
		} {
			all = append(all, row[File]{"rates." + of.name + "." + span.key, "whole number", of.what + ", " + span.help,
				func(f File) string {
					if n := *span.field(of.field(&f.Settings.Rates)); n > 0 {
						return strconv.Itoa(n)
					}
					return "no bound"
				},
				func(r *reader, p place, f *File) { *span.field(of.field(&f.Settings.Rates)) = r.Number(p, most) }})
		}
	}
	return all
}

// spans are a budget's keys.
var spans = []row[guard.Budget]{
	{"hour", "dollars, or `none`", "an hour", func(b guard.Budget) string { return bound(b.Hour) }, func(r *reader, p place, b *guard.Budget) { b.Hour = r.bound(p) }},
	{"day", "dollars, or `none`", "a day", func(b guard.Budget) string { return bound(b.Day) }, func(r *reader, p place, b *guard.Budget) { b.Day = r.bound(p) }},
	{"month", "dollars, or `none`", "in 30 days", func(b guard.Budget) string { return bound(b.Month) }, func(r *reader, p place, b *guard.Budget) { b.Month = r.bound(p) }},
}

// Markdown returns the tables of all keys for the documentation: the file's, a test
// number's, and a way's.
func Markdown() string {
	return table(rows(), File{Settings: guard.Default()}) + "\nEach of `test-numbers` has\n\n" + table(testRows, test{}) +
		"\nEach of `step-up` is a mapping of one of these kinds to its own keys:\n\n" + waysTable()
}

func table[T any](rows []row[T], of T) string {
	var b strings.Builder
	b.WriteString("| key | value | default | what it does |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.key, r.takes, r.shown(of), r.help)
	}
	return b.String()
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func orAll(names []string) string {
	if len(names) == 0 {
		return "all"
	}
	return strings.Join(names, ", ")
}

// typeName is what the file calls a sort of line.
func typeName(k phone.Kind) string {
	return strings.ToLower(strings.ReplaceAll(k.String(), " ", "-"))
}

// deniable are the types that may be denied. A mobile is what texts are for, and a
// number whose type is unknown is one of a range that the table does not know yet.
func deniable() []string {
	var all []string
	for k := phone.Unknown; k <= phone.Voicemail; k++ {
		if k != phone.Unknown && k != phone.Mobile {
			all = append(all, typeName(k))
		}
	}
	return all
}

func typesOf(types map[phone.Kind]bool) []string {
	var all []string
	for k, denied := range types {
		if denied {
			all = append(all, typeName(k))
		}
	}
	slices.Sort(all)
	return all
}
