package country

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Problem is what is wrong with a line. What is half a sentence that follows the
// line's place.
type Problem struct {
	Line int
	What string
}

// Parse reads a pack, and everything that is wrong with it. A fact without a source,
// a source without a date, a key or a value that the schema does not have: none of
// them is let pass.
func Parse(text string) (Pack, []Problem) {
	var r reader
	root, err := r.document(text)
	if err != nil {
		return Pack{}, []Problem{{lineOf(err), "is no YAML: " + err.Error()}}
	}
	if root == nil {
		return Pack{}, []Problem{{1, "is empty; a pack has " + strings.Join(parts, ", ")}}
	}
	p := r.pack(root)
	slices.SortStableFunc(r.wrong, func(a, b Problem) int { return a.Line - b.Line })
	return p, r.wrong
}

type reader struct {
	wrong []Problem
	used  map[string]bool // names of sources
}

func (r *reader) problem(line int, format string, args ...any) {
	r.wrong = append(r.wrong, Problem{line, fmt.Sprintf(format, args...)})
}

// document returns the only document, nil if there is none.
func (r *reader) document(text string) (*yaml.Node, error) {
	d := yaml.NewDecoder(strings.NewReader(text))
	var doc, next yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, errors.New("it must be one document")
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// lineOf finds the line that the YAML library names in its error's text.
func lineOf(err error) int {
	_, after, _ := strings.Cut(err.Error(), "line ")
	digits, _, _ := strings.Cut(after, ":")
	if n, err := strconv.Atoi(digits); err == nil {
		return n
	}
	return 1
}

// parts of a pack, all of them needed.
var parts = []string{"country", "name", "sources", "facts"}

func (r *reader) pack(root *yaml.Node) Pack {
	p := Pack{facts: map[Key][]Fact{}}
	r.used = map[string]bool{}
	given := r.mapping(root, "the file", parts, parts)
	if n := given["country"]; n != nil {
		p.Country = r.text(n, "country")
		if p.Country != "" && p.Country != World && !phone.IsCountry(p.Country) {
			r.problem(n.Line, "country is none: it must be an ISO 3166 code of two letters, such as IN")
		}
	}
	if n := given["name"]; n != nil {
		p.Name = r.text(n, "name")
	}
	if n := given["sources"]; n != nil {
		p.sources = r.sources(n)
	}
	if n := given["facts"]; n != nil {
		r.facts(n, p)
	}
	for _, s := range p.sources {
		if !r.used[s.Name] {
			r.problem(given["sources"].Line, "no fact is from the source %s", s.Name)
		}
	}
	return p
}

// mapping reads keys and values, and refuses keys that are not known, are given twice,
// or that it must have and has not. Where known is nil every key is.
func (r *reader) mapping(n *yaml.Node, what string, known, needed []string) map[string]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		r.problem(n.Line, "%s must be a mapping of names to values", what)
		return nil
	}
	given := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case known != nil && !slices.Contains(known, key.Value):
			r.problem(key.Line, "%s is not known here; known are %s", key.Value, strings.Join(known, ", "))
		case given[key.Value] != nil:
			r.problem(key.Line, "%s is given twice", key.Value)
		default:
			given[key.Value] = value
		}
	}
	for _, name := range needed {
		if given[name] == nil {
			r.problem(n.Line, "%s has no %s", what, name)
		}
	}
	return given
}

// text reads a plain value, "" with a problem where there is none.
func (r *reader) text(n *yaml.Node, name string) string {
	text := strings.TrimSpace(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || text == "" {
		r.problem(n.Line, "%s must be a text", name)
		return ""
	}
	return text
}

func (r *reader) sources(n *yaml.Node) []Source {
	var all []Source
	given := r.mapping(n, "sources", nil, nil)
	for i := 0; given != nil && i+1 < len(n.Content); i += 2 {
		all = append(all, r.source(n.Content[i].Value, n.Content[i+1]))
	}
	return all
}

func (r *reader) source(name string, n *yaml.Node) Source {
	s := Source{Name: name}
	given := r.mapping(n, "the source "+name, []string{"title", "url", "dated", "read"}, []string{"title", "url"})
	if given == nil {
		return s
	}
	if t := given["title"]; t != nil {
		s.Title = r.text(t, "title")
	}
	if u := given["url"]; u != nil {
		s.URL = r.text(u, "url")
		if parsed, err := url.Parse(s.URL); s.URL != "" && (err != nil || parsed.Scheme != "https" || parsed.Host == "") {
			r.problem(u.Line, "url must begin with https:// and a host")
		}
	}
	when, name := given["dated"], "dated"
	if when == nil {
		when, name, s.Read = given["read"], "read", true
	}
	switch {
	case when == nil:
		r.problem(n.Line, "the source %s has no date: dated, if it bears one, else read, the day on which you read it", s.Name)
	case given["dated"] != nil && given["read"] != nil:
		r.problem(given["read"].Line, "read is not given where dated is")
	default:
		s.Date = r.text(when, name)
		if _, err := time.Parse(time.DateOnly, s.Date); s.Date != "" && err != nil {
			r.problem(when.Line, "%s must be a day as YYYY-MM-DD", name)
		}
	}
	return s
}

func (r *reader) facts(n *yaml.Node, p Pack) {
	var known []string
	for _, row := range schema {
		known = append(known, string(row.Key))
	}
	if n.Kind != yaml.MappingNode {
		r.problem(n.Line, "facts must be a mapping of keys to facts")
		return
	}
	given := r.mapping(n, "facts", known, nil)
	for _, row := range schema {
		if list := given[string(row.Key)]; list != nil {
			p.facts[row.Key] = r.ofKey(row, list, p)
		}
	}
}

// ofKey reads the facts about a key: one, or a list where sources do not say the same.
func (r *reader) ofKey(row Row, n *yaml.Node, p Pack) []Fact {
	entries := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		entries = n.Content
		if len(entries) == 0 {
			r.problem(n.Line, "%s has no fact; leave the key out where nothing is known", row.Key)
		}
	}
	var all []Fact
	for _, e := range entries {
		all = append(all, r.fact(row, e, p))
	}
	return all
}

func (r *reader) fact(row Row, n *yaml.Node, p Pack) Fact {
	f := Fact{Key: row.Key, Line: n.Line}
	needed := []string{"is", "source"}
	given := r.mapping(n, string(row.Key), append(needed, "note"), needed)
	if given == nil {
		return f
	}
	if is := given["is"]; is != nil {
		r.value(row, is, &f)
	}
	if note := given["note"]; note != nil {
		f.Note = r.text(note, "note")
	}
	if f.Is == Sometimes && f.Note == "" {
		r.problem(n.Line, "%s is sometimes, and has no note that says when", row.Key)
	}
	if source := given["source"]; source != nil {
		name := r.text(source, "source")
		at := slices.IndexFunc(p.sources, func(s Source) bool { return s.Name == name })
		switch {
		case at >= 0:
			f.Source = p.sources[at]
			r.used[name] = true
		case name != "":
			r.problem(source.Line, "%s is from the source %s, which is none of sources", row.Key, name)
		}
	}
	return f
}

// value reads what a fact says, as its key takes it.
func (r *reader) value(row Row, n *yaml.Node, f *Fact) {
	if row.kind == words || row.kind == hosts || row.kind == characters {
		f.List = r.list(row, n)
		f.Is = Value(strings.Join(f.List, ", "))
		return
	}
	text := r.text(n, "is")
	f.Is = Value(text)
	switch {
	case text == "":
	case row.kind == choice && !slices.Contains(row.Words, f.Is):
		r.problem(n.Line, "%s must be one of %s", row.Key, list(row.Words))
	case row.kind == span:
		if _, _, ok := f.Is.span(); !ok {
			r.problem(n.Line, "%s must be a number of characters, or two of them such as 3-11", row.Key)
		}
	case row.kind == days:
		if d, err := strconv.Atoi(text); err != nil || d < 1 {
			r.problem(n.Line, "%s must be a number of days", row.Key)
		}
	}
}

func (r *reader) list(row Row, n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.problem(n.Line, "%s must be a list", row.Key)
		return nil
	}
	var all []string
	for _, entry := range n.Content {
		text := r.text(entry, "what the list has")
		if text == "" {
			continue
		}
		switch {
		case slices.Contains(all, text):
			r.problem(entry.Line, "%s has %q twice", row.Key, text)
		case row.kind == words:
			r.word(row, entry.Line, text)
		case row.kind == hosts && !hostName.MatchString(text):
			r.problem(entry.Line, "%s has %q, which must be a host in small letters, such as bit.ly", row.Key, text)
		case row.kind == characters && !isClass(text) && utf8.RuneCountInString(text) != 1:
			r.problem(entry.Line, "%s has %q, which must be letters, digits, space, or one character", row.Key, text)
		}
		all = append(all, text)
	}
	return all
}

var hostName = regexp.MustCompile(`^([a-z0-9-]+\.)+[a-z]{2,}$`)

func isClass(text string) bool {
	return slices.Contains([]string{classLetters, classDigits, classSpace}, text)
}

func (r *reader) word(row Row, line int, text string) {
	switch {
	case text != folded(text):
		r.problem(line, "%s has %q, which must be in capital letters, with single spaces", row.Key, text)
	case row.Key != SenderNamesBarred && strings.ContainsAny(text, "0123456789"):
		r.problem(line, "%s has %q, which could be a code", row.Key, text)
	}
}

// span reads "6" or "3-11".
func (v Value) span() (least, most int, ok bool) {
	from, to, two := strings.Cut(string(v), "-")
	if !two {
		to = from
	}
	least, err := strconv.Atoi(from)
	if err != nil {
		return 0, 0, false
	}
	most, err = strconv.Atoi(to)
	return least, most, err == nil && least >= 1 && least <= most
}

func list(all []Value) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}
