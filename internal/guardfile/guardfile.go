// Package guardfile reads the file of the guard's settings: what it sets goes over
// guard.Default. All problems are found in one reading, each with its line. What a
// setting does is the guard's business, what a way to more proof does its own.
package guardfile

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// File is what a file of the guard's settings says.
type File struct {
	Path     string // "" for none
	Settings guard.Settings
	StepUp   stepup.Settings // whose kinds are those of Settings.StepUp

	Prices []pricelist.Row // what Settings.Prices was made of

	tests []testPlace // of Settings.Tests
}

// testPlace is where a test number stands, and whether its code is a weak one.
type testPlace struct {
	where string
	weak  bool
}

// Shipped is what counts where there is no file.
func Shipped() *File {
	return &File{Settings: guard.Default(), StepUp: stepup.Default(), Prices: pricelist.Shipped()}
}

// Load reads the file, or returns config.Problems that names everything wrong.
// Secrets that the file takes from the environment are asked of getenv.
func Load(path string, getenv func(string) string) (*File, error) {
	return load(path, getenv)
}

// Read reads the settings alone, also where the secrets of step-up ways are not: for
// whoever plays through what the guard would decide.
func Read(path string) (guard.Settings, error) {
	f, err := load(path, nil)
	if err != nil {
		return guard.Settings{}, err
	}
	return f.Settings, nil
}

func load(path string, getenv func(string) string) (*File, error) {
	opened, root, err := yamlfile.Open("--guard", path)
	if err != nil {
		return nil, err
	}
	r := &reader{opened, getenv}
	f := Shipped()
	f.Path = path
	if root.Node != nil {
		r.contradictions(f, read(r, root, rows(), f))
	}
	if len(r.Problems) > 0 {
		return nil, r.Problems
	}
	return f, nil
}

// The bounds of what is worth a warning of a test number's end.
const (
	soon = 14 * 24 * time.Hour
	long = 366 * 24 * time.Hour
)

// Warnings says what in the file works and deserves a look at this time.
func (f *File) Warnings(now time.Time) []config.Problem {
	var all []config.Problem
	for i, test := range f.Settings.Tests {
		warn := func(format string, args ...any) {
			all = append(all, config.Problem{Where: f.tests[i].where, What: fmt.Sprintf(format, args...)})
		}
		last := test.Until.Add(-time.Second).Format(time.DateOnly)
		switch left := test.Until.Sub(now); {
		case left <= 0:
			warn("worked until %s; take it away, or give it a later day", last)
			continue
		case left < soon:
			warn("works until %s only", last)
		case left > long:
			warn("works until %s, more than a year from now", last)
		}
		if f.tests[i].weak {
			warn("has a code that anybody would try first")
		}
	}
	return all
}
