// Package country owns what is known of texts in a country: which senders are let
// through, what has to be registered, what may stand in a text, by which words people
// stop texts. It is data, a file for each country, and every fact names its source and
// its date; what no fact says is not known. What follows from a fact for a setting, a
// text or an answer is decided by whoever asks.
package country

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Pack is what is known of a country.
type Pack struct {
	Country string // ISO 3166; World for what holds where a country says nothing else
	Name    string // in English
	facts   map[Key][]Fact
	sources []Source
}

// World is the country of the pack that holds everywhere.
const World = "world"

// Fact is what one source says about one key.
type Fact struct {
	Key    Key
	Is     Value    // of a list, all that it has
	List   []string // of a key that takes one
	Note   string   // a sentence or two
	Source Source
	Line   int
}

// Source says a fact.
type Source struct {
	Name  string // within its pack
	Title string
	URL   string
	Date  string // YYYY-MM-DD
	Read  bool   // Date is when it was read, since it bears none itself
}

// When says which date it is, for a reader.
func (s Source) When() string {
	if s.Read {
		return "read " + s.Date
	}
	return "dated " + s.Date
}

func (s Source) String() string { return s.Title + ", " + s.When() }

// Facts are what the sources say about the key, the one that counts first; none where
// it is not known.
func (p Pack) Facts(k Key) []Fact { return p.facts[k] }

// Is returns the value that counts, "" where it is not known.
func (p Pack) Is(k Key) Value {
	if known := p.facts[k]; len(known) > 0 {
		return known[0].Is
	}
	return ""
}

// Agreed returns the value if it is known and no source says another.
func (p Pack) Agreed(k Key) Value {
	for _, f := range p.facts[k] {
		if f.Is != p.Is(k) {
			return ""
		}
	}
	return p.Is(k)
}

// fact returns the fact that counts, with its source.
func (p Pack) fact(k Key) Fact {
	if known := p.facts[k]; len(known) > 0 {
		return known[0]
	}
	return Fact{}
}

// Source returns who says what counts for the key, nobody where it is not known.
func (p Pack) Source(k Key) Source { return p.fact(k).Source }

// Sources are those of the pack, in the file's order.
func (p Pack) Sources() []Source { return p.sources }

// NeedsRegistration names the register that senders of texts must be in, "" where none
// is known to be needed.
func (p Pack) NeedsRegistration() string { return string(p.Is(Registration)) }

//go:embed packs/*.yaml
var files embed.FS

const folder = "packs"

// shipped are the packs that come with Bellhop, by country. Only a program whose own
// tests failed can find one that cannot be read.
var shipped = sync.OnceValue(func() map[string]Pack {
	packs := map[string]Pack{}
	entries, err := files.ReadDir(folder)
	if err != nil {
		panic("country: " + err.Error())
	}
	for _, e := range entries {
		raw, err := files.ReadFile(folder + "/" + e.Name())
		if err != nil {
			panic("country: " + err.Error())
		}
		p, wrong := Parse(string(raw))
		if len(wrong) > 0 {
			panic(fmt.Sprintf("country: %s:%d: %s", e.Name(), wrong[0].Line, wrong[0].What))
		}
		packs[p.Country] = p
	}
	return packs
})

// Lookup returns the pack of a country (ISO 3166), and whether there is one.
func Lookup(iso string) (Pack, bool) {
	p, ok := shipped()[iso]
	return p, ok
}

// Everywhere returns what holds where a country says nothing else.
func Everywhere() Pack { return shipped()[World] }

// ShortHosts are the hosts whose links are shortened ones that everybody can make.
func ShortHosts() (all []string) {
	for _, f := range Everywhere().Facts(ShortLinkHosts) {
		all = append(all, f.List...)
	}
	return all
}

// All returns the countries' packs, by code, without what holds everywhere.
func All() []Pack {
	var all []Pack
	for _, p := range shipped() {
		if p.Country != World {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Pack) int { return strings.Compare(a.Country, b.Country) })
	return all
}
