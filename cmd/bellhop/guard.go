package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guardfile"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/stepup/attest"
	"github.com/bellhop-auth/bellhop/internal/stepup/captcha"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// openGuard reads the guard's settings, or says everything that is wrong with them.
func openGuard(cfg *config.Config, env []string) (*guardfile.File, error) {
	if cfg.Guard == "" {
		return guardfile.Shipped(), nil
	}
	return guardfile.Load(cfg.Guard, variable(env))
}

// newStepUp wires up who judges the proofs of step-ups.
func newStepUp(g *guardfile.File) (*userpool.StepUp, error) {
	s := &userpool.StepUp{Settings: g.StepUp, Verifiers: map[stepup.Kind]stepup.Verifier{}}
	for kind, c := range g.StepUp.Captchas {
		provider, err := captcha.New(kind, c, nil)
		if err != nil {
			return nil, err
		}
		s.Verifiers[kind] = provider
	}
	if g.StepUp.Attestation.URL == "" {
		return s, nil
	}
	judge, err := attest.New(g.StepUp.Attestation)
	if err != nil {
		return nil, err
	}
	s.Verifiers[stepup.Attestation] = judge
	return s, nil
}

// variable reads an environment as os.Getenv does the process's.
func variable(env []string) func(string) string {
	return func(name string) string {
		value := ""
		for _, pair := range env {
			if rest, ok := strings.CutPrefix(pair, name+"="); ok {
				value = rest
			}
		}
		return value
	}
}

// warnOfGuard says which of the guard's settings deserve a look.
func warnOfGuard(g *guardfile.File, log *slog.Logger) {
	for _, w := range g.Warnings(time.Now()) {
		log.Warn(w.Where + " " + w.What)
	}
}

// checkGuard says whether the guard's settings can be used, and which deserve a look.
func checkGuard(_ context.Context, p *patient) []finding {
	g, err := openGuard(p.cfg, p.env)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		var all []finding
		for _, problem := range problems {
			all = append(all, failure("correct it", "%s %s", problem.Where, problem.What))
		}
		return all
	}
	if err != nil {
		return []finding{failure("see to that before a server starts", "the guard's settings cannot be read (%v)", err)}
	}
	var all []finding
	for _, w := range g.Warnings(p.began) {
		all = append(all, warning("correct it", "%s %s", w.Where, w.What))
	}
	if len(all) == 0 {
		all = append(all, fine("%s, and prices of %s", guardName(g), g.Settings.Prices.Date))
	}
	return all
}

func guardName(g *guardfile.File) string {
	if g.Path == "" {
		return "the shipped settings"
	}
	return "the settings of " + g.Path
}

func guardCheckHelp() string {
	return "bellhop guard check FILE\n\n" + config.Help(nil, []string{"guard", "config"})
}

// guardCheck reads a file of the guard's settings as a start would.
func guardCheck(_ context.Context, in invocation) error {
	path := argument(&in)
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	if path != "" {
		cfg.Guard = path
	}
	if cfg.Guard == "" {
		return usageError("name the file: bellhop guard check FILE")
	}
	g, err := openGuard(cfg, in.env)
	if err != nil {
		return err
	}
	for _, w := range g.Warnings(time.Now()) {
		if _, err := fmt.Fprintf(in.stdout, "warning: %s %s\n", w.Where, w.What); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(in.stdout, "fine")
	return err
}
