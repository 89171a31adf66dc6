package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// level says how bad a finding is.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "warn" // it serves, and somebody should know
	levelFail level = "FAIL" // it does not serve, or not safely
)

// finding is what a check says, on one line, without secrets.
type finding struct {
	Check string `json:"check"`
	Level level  `json:"level"`
	Said  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

func fine(format string, args ...any) finding {
	return finding{Level: levelOK, Said: fmt.Sprintf(format, args...)}
}
func warning(do, format string, args ...any) finding {
	return finding{Level: levelWarn, Said: fmt.Sprintf(format, args...), Do: do}
}
func failure(do, format string, args ...any) finding {
	return finding{Level: levelFail, Said: fmt.Sprintf(format, args...), Do: do}
}

// check is one row of the table. One that cannot be made, since an earlier one
// failed, says nothing.
type check struct {
	name string
	run  func(context.Context, *patient) []finding
}

func checks() []check {
	return []check{
		{"configuration", checkSettings},
		{"certificate", checkCertificate},
		{"process", checkProcess},
		{"database", checkDatabase},
		{"master key", checkMasterKey},
		{"writing", checkWriting},
		{"signing keys", checkSigningKeys},
		{"signer", checkSigner},
		{"admin key", checkAdminKey},
		{"public URL", checkPublicURL},
		{"texts", checkTexts},
		{"e-mail", checkMail},
		{"triggers", checkTriggers},
		{"log delivery", checkLogDelivery},
		{"guard", checkGuard},
		{"clock", checkClock},
	}
}

// engine is what a kind of database can be asked besides what every one has.
type engine interface {
	// unopened looks at it from outside, and says whether it is worth opening.
	unopened(ctx context.Context) (found []finding, opens bool)
	// opened looks at it while a store is open on it.
	opened(ctx context.Context) []finding
	// clock is the time of the database's own machine, false where it has none.
	clock(ctx context.Context) (time.Time, bool, error)
	// unwritable says what to do about one that takes no writes.
	unwritable(ctx context.Context) (do string)
}

// engineOf is the engine that the settings name.
func engineOf(cfg *config.Config) engine {
	if cfg.OnPostgres() {
		return postgresServer{cfg.Database}
	}
	return sqliteFile{cfg.Database}
}

// patient is the installation. What a check has opened the later ones use.
type patient struct {
	cfg     *config.Config
	env     []string
	began   time.Time
	engine  engine
	vault   *vault            // nil where the database does not open
	service *userpool.Service // nil where the master key does not fit, or no server ever ran
	pools   []userpool.Pool
}

func doctorHelp() string { return config.Help([]config.Flag{jsonFlag(new(bool))}, nil) }

// doctor looks at everything that a server needs, beside a running one too, and
// says what is wrong and what to do.
func doctor(ctx context.Context, in invocation) error {
	var asJSON bool
	cfg, err := config.Load(config.Input{Args: in.args, Env: in.env, ReadFile: os.ReadFile, Extra: []config.Flag{jsonFlag(&asJSON)}})
	var found []finding
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, p := range problems {
			found = append(found, finding{"configuration", levelFail, p.Where + " " + p.What, "correct it; nothing else was looked at"})
		}
	} else if err != nil {
		return err
	} else {
		found = examine(ctx, cfg, in.env)
	}
	if err := printFindings(in.stdout, found, asJSON); err != nil {
		return err
	}
	failed := 0
	for _, f := range found {
		if f.Level == levelFail {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d findings are failures", failed, len(found))
	}
	return nil
}

// examine makes every check, in order.
func examine(ctx context.Context, cfg *config.Config, env []string) []finding {
	p := &patient{cfg: cfg, env: env, began: time.Now(), engine: engineOf(cfg)}
	var all []finding
	for _, c := range checks() {
		for _, f := range c.run(ctx, p) {
			f.Check = c.name
			all = append(all, f)
		}
	}
	if p.vault != nil {
		// What a close says of a database that cannot be written, it has been found
		// to be above.
		_ = p.vault.store.Close()
	}
	return all
}

func printFindings(w io.Writer, all []finding, asJSON bool) error {
	if asJSON {
		return printJSON(w, all)
	}
	for _, f := range all {
		line := fmt.Sprintf("%-4s  %-13s  %s", f.Level, f.Check, f.Said)
		if f.Do != "" {
			line += ": " + f.Do
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// quiet is a log for parts that are looked at and not run.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
