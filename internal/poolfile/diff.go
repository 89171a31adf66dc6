package poolfile

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Change is a member that is not as the file says. What is nil is not there.
type Change struct {
	Path     string
	Old, New any
}

// secretText stands for what is never printed.
const secretText = "(secret)"

// diff lists in which members two trees differ. The order of lists does not count:
// all of Cognito's are sets.
func diff(path string, old, new any) []Change {
	was, ok := asTree(old)
	is, also := asTree(new)
	switch {
	case ok && also:
	case value(old) == value(new):
		return nil
	default:
		return []Change{{path, old, new}}
	}
	names := maps.Clone(was)
	if names == nil {
		names = Tree{}
	}
	maps.Copy(names, is)
	var all []Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		below := name
		if path != "" {
			below = path + "." + name
		}
		all = append(all, diff(below, was[name], is[name])...)
	}
	return all
}

// asTree is an object, or nothing as one without members.
func asTree(v any) (Tree, bool) {
	switch v := v.(type) {
	case Tree:
		return v, true
	case map[string]any:
		return v, true
	}
	return nil, v == nil
}

// value is a value as it is printed and compared: JSON, its lists sorted.
func value(v any) string {
	if v == nil {
		return "none"
	}
	text, err := json.Marshal(sorted(v), json.Deterministic(true))
	if err != nil {
		panic(err) // nothing in a tree has no JSON
	}
	return string(text)
}

func sorted(v any) any {
	switch v := v.(type) {
	case []any:
		all := make([]jsontext.Value, len(v))
		for i, e := range v {
			all[i] = jsontext.Value(value(e))
		}
		slices.SortFunc(all, func(a, b jsontext.Value) int { return strings.Compare(string(a), string(b)) })
		return all
	case map[string]any:
		return sorted(Tree(v))
	case Tree:
		out := map[string]any{}
		for name, e := range v {
			out[name] = sorted(e)
		}
		return out
	}
	return v
}

// added are the changes of something new: what it was instead does not matter.
func added(changes []Change) []Change {
	var all []Change
	for _, c := range changes {
		if c.New != nil {
			all = append(all, Change{Path: c.Path, New: c.New})
		}
	}
	return all
}

// attributes are the objects of a list.
func attributes(v any) []Tree {
	list, _ := v.([]any)
	var all []Tree
	for _, e := range list {
		if t, ok := asTree(e); ok && t != nil {
			all = append(all, t)
		}
	}
	return all
}

const customPrefix = "custom:"

func isCustom(name string) bool { return strings.HasPrefix(name, customPrefix) }

func byName(list []Tree) map[string]Tree {
	all := map[string]Tree{}
	for _, a := range list {
		all[text(a["Name"])] = a
	}
	return all
}

// Print writes the plan for a reader.
func (p Plan) Print(w io.Writer, prune bool) error {
	steps := p.Steps
	if prune {
		steps = append(slices.Clone(steps), p.Spare...)
	}
	var b strings.Builder
	for _, s := range steps {
		s.print(&b)
	}
	if len(steps) == 0 {
		fmt.Fprintf(&b, "  pool %s (%s): as the file says\n", p.Pool.Name(), p.ID)
	}
	if !prune {
		for _, s := range p.Spare {
			fmt.Fprintf(&b, "  %s: not in the file; --prune deletes it\n", s.subject())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Step) subject() string {
	if s.ID == "" {
		return s.Kind + " " + s.Name
	}
	return fmt.Sprintf("%s %s (%s)", s.Kind, s.Name, s.ID)
}

// Done says, for a reader, what was done.
func (s Step) Done() string {
	return s.subject() + " is " + map[Op]string{Create: "made", Update: "changed", Delete: "deleted"}[s.Op]
}

func (s Step) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s %s\n", s.Op, s.subject())
	for _, c := range s.Changes {
		switch {
		case c.Old == nil:
			fmt.Fprintf(b, "    + %s: %s\n", c.Path, plain(c.New))
		case c.New == nil:
			fmt.Fprintf(b, "    - %s: %s -> none\n", c.Path, plain(c.Old))
		default:
			fmt.Fprintf(b, "    ~ %s: %s -> %s\n", c.Path, plain(c.Old), plain(c.New))
		}
	}
}

// plain is a value for a reader, on one line.
func plain(v any) string {
	if v == secretText {
		return secretText
	}
	return value(v)
}
