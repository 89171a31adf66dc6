package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/kms"
	"github.com/bellhop-auth/bellhop/internal/trigger/lambda"
	"github.com/bellhop-auth/bellhop/internal/trigger/webhook"
	"github.com/bellhop-auth/bellhop/internal/triggerfile"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// functions are who calls the functions of a triggers file, one for each entry, in
// its order. The zero value is no file.
type functions struct {
	file   *triggerfile.File // nil where there is none
	routes trigger.Routes
	kms    *kms.Encrypter // nil where the file names none
	stops  []func() error
}

// openFunctions makes them, or says everything that is wrong with the file. It
// calls nobody, and no process is started before it is needed.
func openFunctions(ctx context.Context, cfg *config.Config, log *slog.Logger) (*functions, error) {
	f := &functions{}
	if cfg.Triggers == "" {
		return f, nil
	}
	var err error
	if f.file, err = triggerfile.Load(cfg.Triggers); err != nil {
		return nil, err
	}
	var wrong config.Problems
	for _, fn := range f.file.Functions {
		invoker, err := f.open(ctx, fn, log)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				wrong = append(wrong, config.Problem{Where: f.file.Where(fn) + ": " + kind(fn), What: "cannot be used: " + strings.TrimSpace(line)})
			}
			continue
		}
		f.routes = append(f.routes, trigger.Route{Pattern: fn.ARN, Invoker: invoker})
	}
	if f.file.KMS != nil {
		if f.kms, err = kms.New(ctx, kms.Config(*f.file.KMS)); err != nil {
			wrong = append(wrong, config.Problem{Where: f.file.Path + ": kms", What: "cannot be used: " + err.Error()})
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong, f.close())
	}
	return f, nil
}

func (f *functions) open(ctx context.Context, fn triggerfile.Function, log *slog.Logger) (trigger.Invoker, error) {
	switch {
	case fn.Webhook != nil:
		return webhook.New(webhook.Config{URL: string(fn.Webhook.URL), Secret: string(fn.Webhook.Secret), AllowPrivate: fn.Webhook.AllowPrivate})
	case fn.Lambda != nil:
		return lambda.New(ctx, lambda.Config{Endpoint: fn.Lambda.Endpoint, Region: fn.Lambda.Region, Function: fn.Lambda.Function})
	default:
		return f.openLocal(fn, log)
	}
}

// close ends what runs here.
func (f *functions) close() error {
	var errs []error
	for _, stop := range f.stops {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

// invoker is what a service calls functions by, nil where there is no file.
func (f *functions) invoker() trigger.Invoker {
	if f == nil || f.file == nil {
		return nil
	}
	return f.routes
}

// encrypter is what a service encrypts codes for custom senders with, nil where the
// file names no KMS.
func (f *functions) encrypter() userpool.Encrypter {
	if f == nil || f.kms == nil {
		return nil
	}
	return f.kms
}

// entry is the one that the function is called by.
func (f *functions) entry(arn string) (fn triggerfile.Function, invoker trigger.Invoker, found bool) {
	for i, route := range f.routes {
		if invoker, found = (trigger.Routes{route}).Find(arn); found {
			return f.file.Functions[i], invoker, true
		}
	}
	return fn, nil, false
}

// kind is how a function is called, in the file's words.
func kind(fn triggerfile.Function) string {
	switch {
	case fn.Webhook != nil:
		return "webhook"
	case fn.Lambda != nil:
		return "lambda"
	}
	return "local"
}

// caller is how a function is called, for a reader. It holds no secret.
func caller(fn triggerfile.Function) string {
	return kind(fn) + " " + target(fn)
}

func target(fn triggerfile.Function) string {
	switch {
	case fn.Webhook != nil:
		return hostOf(string(fn.Webhook.URL))
	case fn.Lambda != nil && fn.Lambda.Endpoint != "":
		return hostOf(fn.Lambda.Endpoint)
	case fn.Lambda != nil && fn.Lambda.Region != "":
		return "AWS in " + fn.Lambda.Region
	case fn.Lambda != nil:
		return "AWS in the function's region"
	case fn.Local.Handler != "":
		return filepath.Join(fn.Local.Folder, fn.Local.Handler)
	}
	return filepath.Join(fn.Local.Folder, filepath.Base(fn.Local.Command[0]))
}

// hostOf is all of a URL that may be shown.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "a URL that cannot be parsed"
	}
	return u.Scheme + "://" + u.Host
}
