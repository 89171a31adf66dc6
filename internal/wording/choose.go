package wording

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Text are the words of one text, with {####} and, of an invitation, {username}.
type Text struct {
	Name     string // of the operator's words, or of those that come with Bellhop; "" for the pool's own
	Language string // BCP 47, "" where it is not known
	Body     string // "" where there are none, and Cognito's stand in
	// Registered: a register has the text, so nothing may be added to it.
	Registered bool
}

// Query is what words are wanted for.
type Query struct {
	Pool    string
	Purpose string
	Country string // ISO 3166 of the number, "" for none
	// Languages are those of who reads it, the likeliest first; what is no language is
	// passed over.
	Languages []string
	App       string // stands for {app}
	Shipped   bool   // the words that come with Bellhop may serve
	Own       string // the pool's own, "" for none
}

// Book are the words that there are.
type Book struct {
	entries []entry
	ours    []ours
	tags    []language.Tag // of ours, in their order
	speaks  language.Matcher
	// among are the matchers that were needed so far, by their languages: to make one
	// takes longer than all the rest.
	among sync.Map
}

type entry struct {
	Entry
	tag language.Tag
}

// New is the book of the operator's words, nil for none, and of those that come with
// Bellhop.
func New(entries []Entry) *Book {
	b := &Book{ours: shipped()}
	for _, e := range entries {
		b.entries = append(b.entries, entry{e, language.Make(e.Language)})
	}
	for _, o := range b.ours {
		b.tags = append(b.tags, o.tag)
	}
	b.speaks = language.NewMatcher(b.tags)
	return b
}

// Choose takes the operator's words, of those that fit the ones that say most of what
// they are for; else the pool's own; else those that come with Bellhop.
func (b *Book) Choose(q Query) Text {
	speaks := understood(q.Languages)
	if e, ok := b.operators(q, speaks); ok {
		return Text{e.Name, e.Language, named(e.Body, q.App), e.Registered != ""}
	}
	switch {
	case q.Own != "":
		return Text{Body: q.Own}
	case q.Shipped:
		return b.shipped(q, speaks)
	}
	return Text{}
}

// operators looks through the operator's words from those that name most of pool,
// country and purpose to those that name none. Of as many, the language decides: one
// that is spoken, else words for every language. Words in a language that is not
// spoken are never taken.
func (b *Book) operators(q Query, speaks []language.Tag) (entry, bool) {
	byRank := map[int][]entry{}
	for _, e := range b.entries {
		if r, fits := e.rank(q); fits {
			byRank[r] = append(byRank[r], e)
		}
	}
	for r := highestRank; r >= 0; r-- {
		if e, ok := b.spoken(byRank[r], speaks); ok {
			return e, true
		}
	}
	return entry{}, false
}

// What words name counts in this order: those for a pool go before those for a
// country, whatever else these name.
const (
	namesPool, namesCountry, namesPurpose = 4, 2, 1

	highestRank = namesPool + namesCountry + namesPurpose
)

// invitation is the purpose of texts with a password and not a code.
const invitation = "invitation"

// rank is how much the words name of what is asked for, false where they are for
// something else. Those that name no purpose are for codes alone: they call what they
// bring a code, and do not say the user name without which nobody can use a password.
func (e entry) rank(q Query) (rank int, fits bool) {
	if q.Purpose == invitation && !slices.Contains(e.Purposes, invitation) {
		return 0, false
	}
	for _, c := range []struct {
		list  []string
		value string
		worth int
	}{{e.Pools, q.Pool, namesPool}, {e.Countries, q.Country, namesCountry}, {e.Purposes, q.Purpose, namesPurpose}} {
		switch {
		case len(c.list) == 0:
		case !slices.Contains(c.list, c.value):
			return 0, false
		default:
			rank += c.worth
		}
	}
	return rank, true
}

// Gaps are the registered words in one language beside which there are none for every
// language: who speaks another is sent words that are not registered, or not there.
func Gaps(entries []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		return e.Registered == "" || e.Language == "" || slices.ContainsFunc(entries, func(o Entry) bool {
			return o.Language == "" && covers(o.Pools, e.Pools) && covers(o.Countries, e.Countries) && covers(o.Purposes, e.Purposes)
		})
	})
}

// covers says whether what one list names, where it names something, is all that the
// other does.
func covers(list, other []string) bool {
	return len(list) == 0 || len(other) > 0 && !slices.ContainsFunc(other, func(v string) bool { return !slices.Contains(list, v) })
}

// spoken is the entry in the language that is spoken best, the earlier of equals.
func (b *Book) spoken(entries []entry, speaks []language.Tag) (entry, bool) {
	var tags []language.Tag
	var tagged []entry
	every := slices.IndexFunc(entries, func(e entry) bool { return e.Language == "" })
	for _, e := range entries {
		if e.Language != "" {
			tags, tagged = append(tags, e.tag), append(tagged, e)
		}
	}
	if len(tags) > 0 {
		if i, ok := match(b.matcher(tags), speaks); ok {
			return tagged[i], true
		}
	}
	if every < 0 {
		return entry{}, false
	}
	return entries[every], true
}

func (b *Book) matcher(tags []language.Tag) language.Matcher {
	key := fmt.Sprint(tags)
	made, ok := b.among.Load(key)
	if !ok {
		made, _ = b.among.LoadOrStore(key, language.NewMatcher(tags))
	}
	return made.(language.Matcher)
}

// shipped are the words that come with Bellhop, in English where no other language
// of theirs is spoken. There are none for invitations: with a user name and a
// password in it, how long a text gets is nobody's to know.
func (b *Book) shipped(q Query, speaks []language.Tag) Text {
	i, ok := match(b.speaks, speaks)
	if !ok {
		i = slices.Index(b.tags, language.English)
	}
	o := b.ours[i]
	purpose := q.Purpose
	if purpose == "sign_in_otp" || purpose == "mfa" {
		purpose = "sign_in"
	}
	body := o.bodies[purpose]
	if body == "" {
		return Text{}
	}
	return Text{Name: strings.ReplaceAll(purpose, "_", "-") + "-" + o.language, Language: o.language, Body: named(body, q.App)}
}

// match is the first language that somebody who speaks one of these reads well.
func match(m language.Matcher, speaks []language.Tag) (int, bool) {
	for _, tag := range speaks {
		if _, i, c := m.Match(tag); c >= language.High {
			return i, true
		}
	}
	return 0, false
}

// longestTag is more than a language with its script and region has.
const longestTag = 35

// Canonical is the language as BCP 47 has it, also of a form such as pt_BR; "" for
// what names none.
func Canonical(name string) string {
	tag, ok := parse(name)
	if !ok {
		return ""
	}
	return tag.String()
}

func parse(name string) (language.Tag, bool) {
	if name == "" || len(name) > longestTag {
		return language.Tag{}, false
	}
	tag, err := language.Parse(name)
	return tag, err == nil && tag != language.Und
}

func understood(names []string) []language.Tag {
	var all []language.Tag
	for _, name := range names {
		if tag, ok := parse(name); ok {
			all = append(all, tag)
		}
	}
	return all
}

func named(body, app string) string { return strings.ReplaceAll(body, "{app}", app) }
