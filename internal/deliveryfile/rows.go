package deliveryfile

import (
	"fmt"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

// row is one row of a table of keys.
type row[T any] struct {
	key      string
	takes    string // what its value is, for a reader
	help     string
	without  string // what counts where it is not given, for a reader
	required bool
	set      func(*reader, place, *T)
}

// object reads a mapping by its table, and returns where its keys stand.
func object[T any](r *reader, p place, rows []row[T], into *T) given {
	found, known := given{}, fields{}
	var required []string
	for _, row := range rows {
		known[row.key] = func(p place) { found[row.key] = p; row.set(r, p, into) }
		if row.required {
			required = append(required, row.key)
		}
	}
	r.Object(p, known, required...)
	return found
}

// fileRows is the table of the file, in the order of reading: what is named stands
// before those who name it.
func fileRows() []row[File] {
	return []row[File]{
		{"providers", "mapping of names to providers, see below", "who takes texts. The name is yours: it is in the callbacks' URLs, in metrics and in reports", "required", true,
			func(r *reader, p place, f *File) { r.providers(p, f) }},
		{"only-to", "list of prefixes or numbers", "in quotes. Nobody else is texted: for staging", "everybody", false,
			func(r *reader, p place, f *File) { f.OnlyTo = r.prefixes(p) }},
		{"routes", "list of rules, see below", "by which of them a text goes: the first rule that fits it is the one, and a text that none fits is refused", "all providers, in their order", false,
			func(r *reader, p place, f *File) { r.routes(p, f) }},
		{"messages", "list of messages, see below", "words of your own", "those that come with Bellhop", false,
			func(r *reader, p place, f *File) { r.messages(p, f) }},
		{"dry-run", "true or false", "nobody is texted or mailed: what would go by whom is in the log", "false", false,
			func(r *reader, p place, f *File) { f.DryRun = r.Boolean(p) }},
		{"help", "text", "what a phone is answered that texts HELP", "nothing", false,
			func(r *reader, p place, f *File) { f.Help = r.help(p) }},
	}
}

func providerRows() []row[Provider] {
	return []row[Provider]{
		{"type", "see below", "what kind of provider it is", "required", true,
			func(*reader, place, *Provider) {}}, // has been read
		{"prices", "path, from the file's folder", "its price list, in the format of the guard's", "no price is known", false,
			func(r *reader, p place, one *Provider) { one.Prices = r.priceFile(p) }},
		{"sender-ids", "mapping of ISO 3166 codes, and `others`, to sender ids", "what texts come from", "the provider's own choice", false,
			func(r *reader, p place, one *Provider) { r.senderIDs(p, one) }},
		{"entity-ids", "mapping of ISO 3166 codes to ids", "your ids in registers of senders; in India, of DLT", "none", false,
			func(r *reader, p place, one *Provider) { one.EntityIDs = r.byCountry(p, "entity id", checkID) }},
		{"only-to", "list of prefixes or numbers", "in quotes. It is asked for no others: for credentials of tests", "everybody", false,
			func(r *reader, p place, one *Provider) { one.OnlyTo = r.prefixes(p) }},
		{"timeout", "time", "how long it may take over a text before the next one is asked", defaultTimeout.String(), false,
			func(r *reader, p place, one *Provider) { one.Timeout = r.Span(p, longestTimeout) }},
	}
}

func ruleRows() []row[Rule] {
	return []row[Rule]{
		{"countries", "list of ISO 3166 codes", "the number is of one of them", "any", false,
			func(r *reader, p place, rule *Rule) { rule.Countries = r.countries(p) }},
		{"prefixes", "list of prefixes", "in quotes. The number begins with one of them", "any", false,
			func(r *reader, p place, rule *Rule) { rule.Prefixes = r.prefixes(p) }},
		{"purposes", "list of `" + strings.Join(Purposes(), "`, `") + "`", "what the text is for", "any", false,
			func(r *reader, p place, rule *Rule) { rule.Purposes = r.purposesOf(p, Purposes()) }},
		{"pools", "list of ids of user pools", "whose user it goes to", "any", false,
			func(r *reader, p place, rule *Rule) { rule.Pools = r.pools(p) }},
		{"by", "list of names of providers", "who is asked, one after the other where one fails; an empty list refuses the text", "required", true,
			func(r *reader, p place, rule *Rule) { rule.By = r.by(p) }},
		{"prefer", "`order` or `price`", "who is first among those that are well: as they are listed, or the cheapest to the number", "order", false,
			func(r *reader, p place, rule *Rule) { rule.Prefer = r.preference(p) }},
	}
}

func messageRows() []row[wording.Entry] {
	return []row[wording.Entry]{
		{"name", "name", "it is in reports", "required", true,
			func(r *reader, p place, m *wording.Entry) { m.Name = r.messageName(p) }},
		{"text", "text", "with `{####}` where the code stands, `{app}` where you like, and in invitations `{username}`", "required", true,
			func(r *reader, p place, m *wording.Entry) { m.Body = r.body(p) }},
		{"pools", "list of ids of user pools", "whose users it goes to", "any", false,
			func(r *reader, p place, m *wording.Entry) { m.Pools = r.pools(p) }},
		{"countries", "list of ISO 3166 codes", "where the number is", "any", false,
			func(r *reader, p place, m *wording.Entry) { m.Countries = r.countries(p) }},
		{"purposes", "list of `" + strings.Join(codes(), "`, `") + "`", "what the text is for", "all but `invitation`, whose words must say the user name", false,
			func(r *reader, p place, m *wording.Entry) { m.Purposes = r.purposesOf(p, codes()) }},
		{"language", "language tag, such as `hi` or `pt-BR`", "who reads it", "any", false,
			func(r *reader, p place, m *wording.Entry) { m.Language = r.language(p) }},
		{"template-ids", "mapping of names of providers to ids", "its ids in the registers of providers", "none", false,
			func(r *reader, p place, m *wording.Entry) { m.TemplateIDs = r.templateIDs(p) }},
		{"registered", "text", "as a register has it (India: DLT), with a tag such as `{#numeric#}` for what varies; `text` must be the same letter for letter", "none", false,
			func(r *reader, p place, m *wording.Entry) { m.Registered = r.Text(p) }},
	}
}

// Markdown returns the tables of all keys for the documentation.
func Markdown(kinds []provider.Kind) string {
	return table(fileRows()) + "\nEach of `providers` has these keys, and those of its type:\n\n" + table(providerRows()) +
		"\n" + kindsTable(kinds) + "\nEach of `routes` has\n\n" + table(ruleRows()) + "\nEach of `messages` has\n\n" + table(messageRows())
}

func table[T any](rows []row[T]) string {
	var b strings.Builder
	b.WriteString("| key | value | without it | what it does |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.key, r.takes, r.without, r.help)
	}
	return b.String()
}

func kindsTable(kinds []provider.Kind) string {
	var b strings.Builder
	b.WriteString("| type | key | value | without it | what it does |\n|---|---|---|---|---|\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| `%s` | | | | %s |\n", k.Name, k.About)
		for _, f := range k.Fields {
			key, without := "`"+f.Name+"`", f.Default
			if f.Secret {
				key = "`" + f.Name + "-env` or `" + f.Name + "-file`"
			}
			switch {
			case f.Required:
				without = "required"
			case without == "":
				without = "none"
			}
			fmt.Fprintf(&b, "| | %s | %s | %s | %s |\n", key, f.Arg, without, f.About)
		}
	}
	return b.String()
}

// listed are names for a reader.
func listed(names []string) string { return strings.Join(names, ", ") }
