package local

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ConfigError is one thing that is wrong with a Config.
type ConfigError struct {
	Field   string // of Config
	Problem string // a sentence without its dot, which says "it"
}

func (e *ConfigError) Error() string { return e.Field + ": " + e.Problem }

// command is what a process is started with.
type command struct {
	path    string
	args    []string
	handler string // as the function is told
	script  string // its standard input, "" for none
}

// bootstrap calls Node.js handlers. It is given to node on its standard input, so
// that there is no file to write, to protect and to clear away.
//
//go:embed runtime.mjs
var bootstrap string

// input is the standard input of a new process, nil for none. The script fits into
// the pipe whole (64 kB), so nobody has to stay and write.
func (c command) input() (*os.File, error) {
	if c.script == "" {
		return nil, nil
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if _, err := in.WriteString(c.script); err != nil {
		out.Close()
		return nil, err
	}
	return out, nil
}

// checked fills in what cfg leaves open, and finds what it names.
func checked(cfg Config) (Config, command, error) {
	var wrong []error
	report := func(field, problem string, args ...any) {
		wrong = append(wrong, &ConfigError{field, fmt.Sprintf(problem, args...)})
	}
	if dir, err := folder(cfg.Dir); err != nil {
		report("Dir", "%v", err)
	} else {
		cfg.Dir = dir
	}
	var start command
	switch {
	case (len(cfg.Command) == 0) == (cfg.Handler == ""):
		report("Handler", "either this or Command is needed, and not both")
	case len(wrong) > 0: // nothing can be found in a folder that is none
	case cfg.Handler != "":
		start = cfg.nodeCommand(report)
	default:
		start = cfg.compiledCommand(report)
	}
	if cfg.Processes < 0 {
		report("Processes", "it is less than 0")
	}
	if cfg.Timeout < 0 {
		report("Timeout", "it is less than 0")
	}
	if cfg.MemoryMB < 0 {
		report("MemoryMB", "it is less than 0")
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Environment)) {
		switch {
		case key == "" || strings.ContainsAny(key, "=\x00") || strings.Contains(cfg.Environment[key], "\x00"):
			report("Environment", "%q is no variable that could be set", key)
		case slices.Contains(reserved(), key):
			report("Environment", "%s is Lambda's own and cannot be set", key)
		}
	}
	return cfg.filled(), start, errors.Join(wrong...)
}

func (cfg Config) filled() Config {
	if cfg.Name == "" {
		cfg.Name = filepath.Base(cfg.Dir)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Processes == 0 {
		cfg.Processes = 1
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MemoryMB == 0 {
		cfg.MemoryMB = defaultMemoryMB
	}
	return cfg
}

func folder(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("it is not set")
	}
	about, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !about.IsDir() {
		return "", fmt.Errorf("%s is no folder", dir)
	}
	return filepath.Abs(dir)
}

// nodeCommand finds the handler's file and node.
func (cfg Config) nodeCommand(report func(string, string, ...any)) command {
	module, _, dotted := strings.Cut(path.Base(cfg.Handler), ".")
	if !dotted || module == "" || strings.Contains(cfg.Handler, "..") {
		report("Handler", "%q is not like index.handler: a file without its ending, a dot, and what it exports", cfg.Handler)
	} else if file := path.Join(path.Dir(cfg.Handler), module); !hasModule(cfg.Dir, file) {
		report("Handler", "there is no file %s.js, %s.mjs or %s.cjs in %s", file, file, file, cfg.Dir)
	}
	node := cfg.Node
	if node == "" {
		node = "node"
	}
	found, err := exec.LookPath(node)
	if err != nil {
		report("Node", "%s was not found, and a Node.js handler needs it (18 or later)", node)
	} else if found, err = filepath.Abs(found); err != nil {
		report("Node", "%v", err)
	}
	return command{path: found, args: []string{found, "--input-type=module", "-"}, handler: cfg.Handler, script: bootstrap}
}

func hasModule(dir, file string) bool {
	return slices.ContainsFunc([]string{".js", ".mjs", ".cjs"}, func(ending string) bool {
		about, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file)+ending))
		return err == nil && about.Mode().IsRegular()
	})
}

// compiledCommand finds the program, first in the function's folder.
func (cfg Config) compiledCommand(report func(string, string, ...any)) command {
	program := cfg.Command[0]
	there := program
	if !filepath.IsAbs(there) {
		there = filepath.Join(cfg.Dir, there)
	}
	found, err := exec.LookPath(there)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(program) == program {
		found, err = exec.LookPath(program)
	}
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		report("Command", "%s is no program that can be started: %v", program, err)
	}
	return command{path: found, args: append([]string{found}, cfg.Command[1:]...), handler: path.Base(filepath.ToSlash(program))}
}
