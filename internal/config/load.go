package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Input is where settings come from.
type Input struct {
	Args     []string // after the command's name
	Env      []string // as os.Environ gives it
	ReadFile func(path string) ([]byte, error)
	Only     []string // flags that the command takes; nil for every one of the table
	Extra    []Flag   // flags of the command alone
	Tool     bool     // the command shares a server's settings and serves nothing: whether they work together is not asked
}

// Flag is a flag that is no setting: it has neither variable nor key.
type Flag struct {
	Name string
	Arg  string // the value's name in the help text; empty for a switch
	Help string
	Set  func(string) error // its error is half a sentence that follows the name
}

// Problem is one thing that is wrong with the settings.
type Problem struct {
	Where string // flag, variable, or file and line
	What  string // half a sentence; holds no secret
}

// Problems is everything that is wrong with the settings.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Where + " " + one.What
	}
	return strings.Join(lines, "\n")
}

// Load reads all settings and returns them, or Problems that names everything
// wrong at once.
func Load(in Input) (*Config, error) {
	l := loader{in: in, settings: Settings(), config: &Config{given: map[string]bool{}, bad: map[string]bool{}}}
	l.defaults()
	flags := l.parseFlags()
	env := l.parseEnv()
	// The lowest source first, so that a higher one overwrites it, and every
	// bad value is met even where a good one would hide it.
	l.applyFile(l.configPath(flags, env))
	l.apply(env)
	l.apply(flags)
	if len(l.problems) == 0 {
		l.config.fillIn()
	}
	if !in.Tool {
		l.problems = append(l.problems, l.config.combinations()...)
	}
	if len(l.problems) > 0 {
		return nil, Problems(l.problems)
	}
	return l.config, nil
}

// loader is one Load.
type loader struct {
	in       Input
	settings []Setting
	config   *Config
	problems []Problem
}

// value is a setting's text and where it stands.
type value struct {
	setting Setting
	text    string
	where   string
}

func (l *loader) problem(where, format string, args ...any) {
	l.problems = append(l.problems, Problem{where, fmt.Sprintf(format, args...)})
}

func (l *loader) defaults() {
	for _, s := range l.settings {
		if s.Default == "" {
			continue
		}
		if err := s.set(l.config, s.Default); err != nil {
			panic("config: default of " + s.Name + " " + err.Error())
		}
	}
}

func (l *loader) apply(values []value) {
	for _, v := range values {
		if v.text == "" || v.setting.set == nil {
			continue
		}
		l.config.given[v.setting.Name] = true
		if err := v.setting.set(l.config, v.text); err != nil {
			l.problem(v.where, "%v", err)
			l.config.bad[v.setting.Name] = true
		}
	}
}

func (l *loader) configPath(flags, env []value) value {
	var path value
	for _, v := range append(slices.Clone(env), flags...) {
		if v.setting.Name == "config" && v.text != "" {
			path = v
		}
	}
	return path
}

func (l *loader) byName(name string) (Setting, bool) {
	i := slices.IndexFunc(l.settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return l.settings[i], true
}

const envPrefix = "BELLHOP_"

func (l *loader) parseEnv() []value {
	vars := map[string]string{}
	for _, pair := range l.in.Env {
		if name, text, _ := strings.Cut(pair, "="); strings.HasPrefix(name, envPrefix) {
			vars[name] = text
		}
	}
	var values []value
	for _, s := range l.settings {
		name := s.env()
		values = append(values, value{s, vars[name], name})
		if s.Secret {
			values = append(values, l.fromFile(s, vars[name], name+"_FILE", vars[name+"_FILE"]))
			delete(vars, name+"_FILE")
		}
		delete(vars, name)
	}
	l.refuseUnknownVars(vars)
	return values
}

// fromFile reads a secret whose source names a file.
func (l *loader) fromFile(s Setting, direct, where, path string) value {
	v := value{setting: s, where: where}
	if path == "" {
		return v
	}
	if direct != "" {
		l.problem(where, "is set together with %s; set one of them", strings.TrimSuffix(strings.TrimSuffix(where, "_FILE"), "-file"))
		return v
	}
	text, err := l.in.ReadFile(path)
	if err != nil {
		l.problem(where, "names a file that cannot be read: %v", err)
		l.config.bad[s.Name] = true
		return v
	}
	v.text = strings.TrimRight(string(text), "\r\n")
	if v.text == "" {
		l.problem(where, "names an empty file")
		l.config.bad[s.Name] = true
	}
	return v
}

// serviceLink matches the variables that Kubernetes sets in every container for
// services whose name starts with bellhop; nobody meant them for us.
var serviceLink = regexp.MustCompile(`^BELLHOP_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=|^BELLHOP_(\w+_)?PORT=\w+://`)

func (l *loader) refuseUnknownVars(vars map[string]string) {
	var known []string
	for _, s := range l.settings {
		known = append(known, s.env())
		if s.Secret {
			known = append(known, s.env()+"_FILE")
		}
	}
	var unknown []string
	for name, text := range vars {
		if text != "" && !serviceLink.MatchString(name+"="+text) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		l.problem(name, "is no setting of this program%s", didYouMean(name, known))
	}
}
