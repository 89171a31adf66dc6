package triggerfile

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

// reader turns nodes into what they say, and collects what is wrong.
type reader struct {
	path, folder string
	problems     config.Problems
}

// place is a node, and where it stands, for a reader.
type place struct {
	where string
	node  *yaml.Node
}

// fields are an object's keys and who reads the values.
type fields map[string]func(place)

func (r *reader) problem(p place, format string, args ...any) {
	r.problems = append(r.problems, config.Problem{Where: p.where, What: fmt.Sprintf(format, args...)})
}

func (r *reader) at(n *yaml.Node, name string) string {
	return fmt.Sprintf("%s:%d: %s", r.path, n.Line, name)
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// object reads a mapping whose keys are those of known, each once, and says
// whether it is one and has the required ones.
func (r *reader) object(p place, known fields, required ...string) bool {
	given, ok := r.pairs(p)
	if !ok {
		return false
	}
	for _, pair := range given {
		read, ok := known[pair.key]
		if !ok {
			near := config.Nearest(pair.key, slices.Sorted(maps.Keys(known)))
			if near != "" {
				near = "; did you mean " + near + "?"
			}
			r.problem(pair.place, "is not known here%s", near)
			continue
		}
		read(pair.place)
	}
	for _, key := range required {
		if !slices.ContainsFunc(given, func(g pair) bool { return g.key == key }) {
			r.problem(p, "has no %s", key)
			ok = false
		}
	}
	return ok
}

type pair struct {
	key string
	place
}

// pairs returns a mapping's keys and values as they stand, each key once.
func (r *reader) pairs(p place) ([]pair, bool) {
	if p.node.Kind != yaml.MappingNode {
		r.problem(p, "must be a mapping of names to values")
		return nil, false
	}
	var all []pair
	for i := 0; i+1 < len(p.node.Content); i += 2 {
		key := p.node.Content[i]
		here := place{r.at(key, key.Value), resolved(p.node.Content[i+1])}
		if slices.ContainsFunc(all, func(g pair) bool { return g.key == key.Value }) {
			r.problem(here, "is given twice")
			continue
		}
		all = append(all, pair{key.Value, here})
	}
	return all, true
}

// text reads a plain value, "" with a problem where there is none.
func (r *reader) text(p place) string {
	if p.node.Kind != yaml.ScalarNode || p.node.Tag == "!!null" || p.node.Value == "" {
		r.problem(p, "must be a text")
		return ""
	}
	return p.node.Value
}

func (r *reader) texts(p place) []string {
	if p.node.Kind != yaml.SequenceNode || len(p.node.Content) == 0 {
		r.problem(p, "must be a list of texts, such as [./bootstrap]")
		return nil
	}
	var all []string
	for _, n := range p.node.Content {
		all = append(all, r.text(place{p.where, resolved(n)}))
	}
	return all
}

// environment reads variables. A number or a boolean is its text as it stands.
func (r *reader) environment(p place) map[string]string {
	given, _ := r.pairs(p)
	all := map[string]string{}
	for _, g := range given {
		switch {
		case g.key == "" || strings.ContainsAny(g.key, "=\x00"):
			r.problem(g.place, "is no name of a variable")
		case g.node.Kind != yaml.ScalarNode || g.node.Tag == "!!null" || strings.Contains(g.node.Value, "\x00"):
			r.problem(g.place, "must be a text")
		default:
			all[g.key] = g.node.Value
		}
	}
	return all
}

func (r *reader) number(p place, most int) int {
	n, err := strconv.Atoi(p.node.Value)
	if p.node.Kind != yaml.ScalarNode || err != nil || n < 1 || n > most {
		r.problem(p, "must be a number from 1 to %d", most)
	}
	return n
}

func (r *reader) span(p place, most time.Duration) time.Duration {
	d, err := time.ParseDuration(p.node.Value)
	if p.node.Kind != yaml.ScalarNode || err != nil || d <= 0 || d > most {
		r.problem(p, "must be a length of time such as 3s or 500ms, %v at most", most)
	}
	return d
}

func (r *reader) boolean(p place) bool {
	if p.node.Kind != yaml.ScalarNode || p.node.Tag != "!!bool" {
		r.problem(p, "must be true or false")
	}
	return p.node.Value == "true"
}

// from is a path of the file, seen from where the program runs.
func (r *reader) from(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.folder, path)
}

// existing reads the path of a folder that is there.
func (r *reader) existing(p place) string {
	text := r.text(p)
	if text == "" {
		return ""
	}
	path := r.from(text)
	if info, err := os.Stat(path); err != nil {
		r.problem(p, "names a folder that cannot be used: %v", err)
	} else if !info.IsDir() {
		r.problem(p, "names %s, which is no folder", path)
	}
	return path
}

// secret reads a file that holds a secret of webhooks.
func (r *reader) secret(p place) config.Secret {
	text := r.text(p)
	if text == "" {
		return ""
	}
	raw, err := os.ReadFile(r.from(text))
	if err != nil {
		r.problem(p, "names a file that cannot be read: %v", err)
		return ""
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if err := config.CheckWebhookSecret(secret); err != nil {
		r.problem(p, "names a file whose secret %v", err)
	}
	return config.Secret(secret)
}
