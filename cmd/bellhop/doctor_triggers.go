package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/lambda"
	"github.com/bellhop-auth/bellhop/internal/triggerfile"
)

// checkTriggers says whether every function that a pool names is called by
// somebody who is there. It calls no function.
func checkTriggers(ctx context.Context, p *patient) []finding {
	f, err := openFunctions(ctx, p.cfg, quiet())
	if problems, ok := errors.AsType[config.Problems](err); ok {
		var all []finding
		for _, problem := range problems {
			all = append(all, failure("correct it", "%s %s", problem.Where, problem.What))
		}
		return all
	}
	if err != nil {
		return []finding{failure("see to that before a server starts", "the functions cannot be called (%v)", err)}
	}
	defer f.close()
	called := f.ofPools(p.pools)
	all := append(f.unmatched(called), f.unencrypted(called)...)
	switch {
	case len(all) > 0, p.service == nil: // pools have not been read
	case f.file == nil:
		all = append(all, fine("no pool names a function that a triggers file would be needed for"))
	default:
		all = append(all, fine("each of %d functions that pools name has an entry in %s", len(called), f.file.Path))
	}
	for i, route := range f.routes {
		all = append(all, f.reach(ctx, f.file.Functions[i], route.Invoker, called)...)
	}
	return all
}

// unmatched are the functions of pools that nobody calls.
func (f *functions) unmatched(called []poolFunction) []finding {
	var all []finding
	for _, c := range called {
		switch {
		case c.Entry != "":
		case f.file == nil:
			all = append(all, failure("set --triggers", "pool %s calls %s for %s, and there is no triggers file", c.Pool, c.Function, c.Trigger))
		default:
			all = append(all, failure("add an entry, or correct the pool's LambdaConfig", "pool %s calls %s for %s, which no entry of %s matches", c.Pool, c.Function, c.Trigger, f.file.Path))
		}
	}
	return all
}

// unencrypted are the custom senders that get no code, since none is handed over in
// the clear.
func (f *functions) unencrypted(called []poolFunction) []finding {
	var all []finding
	for _, c := range called {
		if f.kms == nil && (c.Trigger == trigger.CustomSMSSender || c.Trigger == trigger.CustomEmailSender) {
			all = append(all, failure("name one under kms in the triggers file, or take the trigger away",
				"pool %s has a %s, and there is no KMS to encrypt codes for it, so none are sent", c.Pool, c.Trigger))
		}
	}
	return all
}

// reach says whether who calls an entry's functions can be reached.
func (f *functions) reach(ctx context.Context, fn triggerfile.Function, invoker trigger.Invoker, called []poolFunction) []finding {
	where := f.file.Where(fn) + ": " + caller(fn)
	ask := func(probe func(context.Context) error, what string) finding {
		if err := probe(ctx); err != nil {
			return failure("see to the network, its certificate and the settings", "%s%s cannot be called (%v)", where, what, err)
		}
		return fine("%s%s answers", where, what)
	}
	switch invoker := invoker.(type) {
	case *lambda.Invoker:
		var all []finding
		for _, region := range f.regions(fn, called) {
			what := ""
			if region != "" {
				what = ", " + region + ","
			}
			all = append(all, ask(func(ctx context.Context) error { return invoker.Probe(ctx, region) }, what))
		}
		return all
	case prober:
		return []finding{ask(invoker.Probe, "")}
	default:
		return nil // of what runs here all was found when it was opened
	}
}

// regions are those of the functions that pools have the entry call, "" where the
// entry itself says where to call.
func (f *functions) regions(fn triggerfile.Function, called []poolFunction) []string {
	if fn.Lambda.Endpoint != "" || fn.Lambda.Region != "" {
		return []string{""}
	}
	found := map[string]bool{}
	for _, c := range called {
		if by, _, ok := f.entry(c.Function); ok && by.Line == fn.Line && !trigger.IsBuiltIn(c.Function) {
			if parts := strings.Split(c.Function, ":"); len(parts) > 3 {
				found[parts[3]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
