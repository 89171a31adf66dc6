// Package yamlfile reads a YAML file of which every value knows its line, and
// collects all that is wrong in one reading. What the keys mean is the business of
// whoever reads.
package yamlfile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop-auth/bellhop/internal/config"
)

// Reader turns nodes into what they say, and collects what is wrong.
type Reader struct {
	Path     string
	Problems config.Problems
}

// Place is a node, and where it stands, for a reader.
type Place struct {
	Where string
	Node  *yaml.Node
}

// Fields are an object's keys and who reads the values.
type Fields map[string]func(Place)

// Open parses the file that a setting names. The place has no node where the file
// holds nothing. Its error is config.Problems.
func Open(setting, path string) (*Reader, Place, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, Place{}, config.Problems{{Where: setting, What: fmt.Sprintf("names a file that cannot be read: %v", err)}}
	}
	root, err := config.ParseYAML(string(raw))
	if err != nil {
		return nil, Place{}, config.Problems{{Where: path, What: err.Error()}}
	}
	return &Reader{Path: path}, Place{path, root}, nil
}

// Problem notes what is wrong at the place, as half a sentence.
func (r *Reader) Problem(p Place, format string, args ...any) {
	r.Problems = append(r.Problems, config.Problem{Where: p.Where, What: fmt.Sprintf(format, args...)})
}

// At is the place of a node under a name.
func (r *Reader) At(n *yaml.Node, name string) Place {
	return Place{fmt.Sprintf("%s:%d: %s", r.Path, n.Line, name), resolved(n)}
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Object reads a mapping whose keys are those of known, each once, and says
// whether it is one and has the required ones.
func (r *Reader) Object(p Place, known Fields, required ...string) bool {
	given, ok := r.Pairs(p)
	if !ok {
		return false
	}
	for _, pair := range given {
		read, ok := known[pair.Key]
		if !ok {
			r.Unknown(pair.Place, pair.Key, slices.Sorted(maps.Keys(known)))
			continue
		}
		read(pair.Place)
	}
	for _, key := range required {
		if !slices.ContainsFunc(given, func(g Pair) bool { return g.Key == key }) {
			r.Problem(p, "has no %s", key)
			ok = false
		}
	}
	return ok
}

// Unknown notes that a name is none of those known.
func (r *Reader) Unknown(p Place, name string, known []string) {
	near := config.Nearest(name, known)
	if near != "" {
		near = "; did you mean " + near + "?"
	}
	r.Problem(p, "is not known here%s", near)
}

// Pair is a key with the place of its value.
type Pair struct {
	Key string
	Place
}

// Pairs returns a mapping's keys and values as they stand, each key once.
func (r *Reader) Pairs(p Place) ([]Pair, bool) {
	if p.Node.Kind != yaml.MappingNode {
		r.Problem(p, "must be a mapping of names to values")
		return nil, false
	}
	var all []Pair
	for i := 0; i+1 < len(p.Node.Content); i += 2 {
		key := p.Node.Content[i]
		here := r.At(key, key.Value)
		here.Node = resolved(p.Node.Content[i+1])
		if slices.ContainsFunc(all, func(g Pair) bool { return g.Key == key.Value }) {
			r.Problem(here, "is given twice")
			continue
		}
		all = append(all, Pair{key.Value, here})
	}
	return all, true
}

// Elements returns the places of a list's entries, each under the name.
func (r *Reader) Elements(p Place, name string) []Place {
	if p.Node.Kind != yaml.SequenceNode {
		r.Problem(p, "must be a list")
		return nil
	}
	var all []Place
	for _, n := range p.Node.Content {
		all = append(all, r.At(resolved(n), name))
	}
	return all
}

// Scalar says whether the place holds a plain value.
func (p Place) Scalar() bool {
	return p.Node.Kind == yaml.ScalarNode && p.Node.Tag != "!!null"
}

// Text reads a plain value, "" with a problem where there is none.
func (r *Reader) Text(p Place) string {
	if !p.Scalar() || p.Node.Value == "" {
		r.Problem(p, "must be a text")
		return ""
	}
	return p.Node.Value
}

// Number reads a whole number from 1 to most.
func (r *Reader) Number(p Place, most int) int {
	n, err := strconv.Atoi(p.Node.Value)
	if !p.Scalar() || err != nil || n < 1 || n > most {
		r.Problem(p, "must be a number from 1 to %d", most)
	}
	return n
}

// Span reads a length of time above none.
func (r *Reader) Span(p Place, most time.Duration) time.Duration {
	d, err := time.ParseDuration(p.Node.Value)
	if !p.Scalar() || err != nil || d <= 0 || d > most {
		r.Problem(p, "must be a length of time such as 3s or 500ms, %v at most", most)
	}
	return d
}

// Boolean reads true or false.
func (r *Reader) Boolean(p Place) bool {
	if !p.Scalar() || p.Node.Tag != "!!bool" {
		r.Problem(p, "must be true or false")
	}
	return p.Node.Value == "true"
}

// From is a path of the file, seen from where the program runs.
func (r *Reader) From(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.Path), path)
}

// Secret reads the text of a file that the place names, without its last line
// breaks; "" with a problem where there is none.
func (r *Reader) Secret(p Place) config.Secret {
	text := r.Text(p)
	if text == "" {
		return ""
	}
	raw, err := os.ReadFile(r.From(text))
	if err != nil {
		r.Problem(p, "names a file that cannot be read: %v", err)
		return ""
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" {
		r.Problem(p, "names an empty file")
	}
	return config.Secret(secret)
}
