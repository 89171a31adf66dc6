package config

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// applyFile reads the configuration file: one YAML mapping from a setting's name to
// its value, lists allowed where the flag takes commas.
func (l *loader) applyFile(path value) {
	if path.text == "" {
		return
	}
	raw, err := l.in.ReadFile(path.text)
	if err != nil {
		l.problem(path.where, "names a file that cannot be read: %v", err)
		return
	}
	root, err := ParseYAML(string(raw))
	if err != nil {
		l.problem(path.text, "%v", err)
		return
	}
	if root != nil {
		l.apply(l.fileValues(path.text, root))
	}
}

// ParseYAML returns the one mapping of a document, or nil for an empty one.
func ParseYAML(raw string) (*yaml.Node, error) {
	d := yaml.NewDecoder(strings.NewReader(raw))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, errors.New("is not YAML: " + place(err))
	}
	if !errors.Is(d.Decode(&more), io.EOF) {
		return nil, errors.New("holds more than one document")
	}
	root := doc.Content[0]
	if root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("must hold settings as name: value")
	}
	return root, nil
}

// place keeps the parser's words, which quote nothing of the file but the line.
func place(err error) string { return strings.TrimPrefix(err.Error(), "yaml: ") }

func (l *loader) fileValues(path string, root *yaml.Node) []value {
	var values []value
	seen := map[string]string{} // key to its text
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, node := root.Content[i], root.Content[i+1]
		where := fmt.Sprintf("%s:%d: %s", path, key.Line, key.Value)
		s, asFile, ok := l.fileKey(key.Value)
		if !ok {
			l.problem(where, "is no setting%s", didYouMean(key.Value, l.fileKeys()))
			continue
		}
		if _, twice := seen[key.Value]; twice {
			l.problem(where, "is given twice")
			continue
		}
		text, err := scalarText(node)
		if err != nil {
			l.problem(where, "%v", err)
			continue
		}
		seen[key.Value] = text
		if asFile {
			values = append(values, l.fromFile(s, seen[s.Name], where, text))
			continue
		}
		if s.Secret && text != "" && seen[s.Name+"-file"] != "" {
			l.problem(where, "is set together with %s-file; set one of them", s.Name)
			continue
		}
		values = append(values, value{s, text, where})
	}
	return values
}

// fileKey finds the setting of a key; asFile says that the value is the path of
// a file with a secret.
func (l *loader) fileKey(key string) (s Setting, asFile, ok bool) {
	if s, ok := l.byName(key); ok && !s.NoFile {
		return s, false, true
	}
	name, isFile := strings.CutSuffix(key, "-file")
	s, ok = l.byName(name)
	return s, true, isFile && ok && s.Secret
}

func (l *loader) fileKeys() []string {
	var keys []string
	for _, s := range l.settings {
		if s.NoFile {
			continue
		}
		keys = append(keys, s.Name)
		if s.Secret {
			keys = append(keys, s.Name+"-file")
		}
	}
	return keys
}

// scalarText returns a plain value as it stands in the file, a list joined by
// commas, and "" for null.
func scalarText(node *yaml.Node) (string, error) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return "", nil
	case node.Kind == yaml.ScalarNode:
		return node.Value, nil
	case node.Kind == yaml.SequenceNode && !slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode }):
		parts := make([]string, len(node.Content))
		for i, n := range node.Content {
			parts[i] = n.Value
		}
		return strings.Join(parts, ","), nil
	default:
		return "", errors.New("must be a plain value or a list of them")
	}
}
