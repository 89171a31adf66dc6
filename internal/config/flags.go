package config

import (
	"slices"
	"strings"
)

// parseFlags reads the command line: --name value, --name=value, and --name for
// a switch; one dash does as well as two.
func (l *loader) parseFlags() []value {
	var values []value
	for args := l.in.Args; len(args) > 0; {
		arg := args[0]
		args = args[1:]
		name, text, hasText := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || name == "" {
			l.problem(quote(arg), "is not expected here: settings are given as --name value")
			continue
		}
		takesText, known := l.flag(name)
		if !known {
			l.unknownFlag(name)
			continue
		}
		switch {
		case hasText:
		case !takesText:
			text = "true"
		case len(args) == 0:
			l.problem("--"+name, "needs a value")
			continue
		default:
			text, args = args[0], args[1:]
		}
		values = l.takeFlag(values, name, text)
	}
	return values
}

// flag reports whether the command knows a flag and whether that takes a value.
func (l *loader) flag(name string) (takesText, known bool) {
	for _, f := range l.in.Extra {
		if f.Name == name {
			return f.Arg != "", true
		}
	}
	s, ok := l.byName(name)
	if !ok || !l.takes(s) {
		return false, false
	}
	return s.Arg != "", true
}

// takes reports whether the setting is a flag of this command.
func (l *loader) takes(s Setting) bool {
	return !s.Secret && (l.in.Only == nil || slices.Contains(l.in.Only, s.Name))
}

func (l *loader) takeFlag(values []value, name, text string) []value {
	for _, f := range l.in.Extra {
		if f.Name != name {
			continue
		}
		if err := f.Set(text); err != nil {
			l.problem("--"+name, "%v", err)
		}
		return values
	}
	s, _ := l.byName(name)
	if slices.ContainsFunc(values, func(v value) bool { return v.setting.Name == name }) {
		l.problem("--"+name, "is given twice")
	}
	return append(values, value{s, text, "--" + name})
}

func (l *loader) unknownFlag(name string) {
	if s, ok := l.byName(name); ok && s.Secret {
		l.problem("--"+name, "is no flag, since other users can see a command line; set %s or %s_FILE", s.env(), s.env())
		return
	}
	var known []string
	for _, s := range l.settings {
		if l.takes(s) {
			known = append(known, "--"+s.Name)
		}
	}
	for _, f := range l.in.Extra {
		known = append(known, "--"+f.Name)
	}
	l.problem("--"+name, "is no flag of this command%s", didYouMean("--"+name, known))
}

func quote(arg string) string { return `"` + arg + `"` }

func didYouMean(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// Nearest returns the known name that name is most likely a slip of, or "" if
// none is near.
func Nearest(name string, known []string) string {
	best, distance := "", len(name)/3+1
	for _, k := range known {
		if d := edits(name, k); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	return best
}

// edits returns how many letters must be added, dropped or changed to make a
// into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
