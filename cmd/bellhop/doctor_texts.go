package main

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// checkTexts says whether texts would reach somebody; it sends none.
func checkTexts(ctx context.Context, p *patient) []finding {
	if p.cfg.Delivery != "" {
		return checkDelivery(ctx, p)
	}
	switch p.cfg.SMS.Kind {
	case config.SMSNone:
		return []finding{warning("set --delivery or --sms", "no SMS provider is configured, so that every text is refused")}
	case config.SMSLog:
		return []finding{warning("set --sms to a provider; log is for development", "texts go to the log, codes included")}
	}
	sender, err := newSender(p.cfg, quiet())
	if err != nil {
		return []finding{failure("correct --sms", "%v", err)}
	}
	return probeHook(ctx, sender, string(p.cfg.SMS.URL), p.cfg.SMSWebhookSecret != "")
}

// checkDelivery looks at the delivery file, and asks every provider in it whether it
// would take texts.
func checkDelivery(ctx context.Context, p *patient) []finding {
	f, err := openDelivery(p.cfg, p.env, quiet())
	if problems, ok := errors.AsType[config.Problems](err); ok {
		var all []finding
		for _, problem := range problems {
			all = append(all, failure("correct it", "%s %s", problem.Where, problem.What))
		}
		return all
	}
	if err != nil {
		return []finding{failure("see to that before a server starts", "the delivery file cannot be read (%v)", err)}
	}
	opened, err := f.Open(func(string) string { return "" })
	if err != nil {
		return []finding{failure("correct the delivery file", "%v", err)}
	}
	var all []finding
	for _, w := range deliveryWarnings(f) {
		all = append(all, warning("see whether it is meant", "%s %s", w.Where, strings.TrimSuffix(w.What, ".")))
	}
	for _, one := range opened.Routes.Providers {
		all = append(all, probeProvider(ctx, one.Name+" ("+one.Kind+")", one.Sender))
	}
	all = append(all, checkCallbacks(p.cfg, opened.Callers)...)
	all = append(all, checkPoolsOf(f, p)...)
	return append(all, checkChoice(f)...)
}

// checkPoolsOf says which user pools the file names that there are none of.
func checkPoolsOf(f *deliveryfile.File, p *patient) []finding {
	if p.service == nil { // they could not be read
		return nil
	}
	var all []finding
	look := func(where string, pools []string) {
		for _, id := range pools {
			if !slices.ContainsFunc(p.pools, func(pool userpool.Pool) bool { return string(pool.ID) == id }) {
				all = append(all, warning("correct its id, or make the pool", "%s names the user pool %s, which is not there", where, id))
			}
		}
	}
	for _, rule := range f.Rules {
		look(rule.Where, rule.Pools)
	}
	for _, m := range f.Messages {
		look(m.Where, m.Pools)
	}
	return all
}

// probeProvider asks a provider whether it would take texts.
func probeProvider(ctx context.Context, name string, sender sms.Sender) finding {
	asked, ok := sender.(sms.Prober)
	if !ok {
		return fine("%s cannot be asked without a text", name)
	}
	if err := asked.Probe(ctx); err != nil {
		if e, of := errors.AsType[*sms.SendError](err); of && e.Cause != nil {
			err = e.Cause // no text was there that may have been sent
		}
		return failure("see to the network and the provider's settings", "%s does not take texts (%v)", name, err)
	}
	return fine("%s answers", name)
}

// checkCallbacks says whether providers can tell what became of texts.
func checkCallbacks(cfg *config.Config, callers map[string]sms.Caller) []finding {
	if len(callers) == 0 {
		return nil
	}
	const untold = "providers cannot tell what becomes of texts"
	u, err := url.Parse(cfg.PublicURL)
	switch {
	case cfg.PublicURL == "" || err != nil:
		return []finding{warning("set --public-url", "%s, since no public URL is set that they could post to", untold)}
	case onThisMachine(u.Hostname()):
		return []finding{warning("set --public-url to an address that they reach", "%s, unless they are on this machine as %s is", untold, u.Host)}
	case u.Scheme != "https":
		return []finding{warning("serve it by https", "providers post what becomes of texts to %s in the open", u.Host)}
	}
	return []finding{fine("providers post what becomes of texts to %s", u.Host)}
}

// checkChoice says what the file leaves no choice in.
func checkChoice(f *deliveryfile.File) []finding {
	var all []finding
	if len(f.Providers) == 1 {
		all = append(all, warning("add a second one, which is asked where the first fails", "%s is the only provider", f.Providers[0].Name))
	}
	var unpriced []string
	for _, p := range f.Providers {
		if p.Prices == nil && p.Kind.Name != "log" {
			unpriced = append(unpriced, p.Name)
		}
	}
	if len(unpriced) > 0 {
		all = append(all, warning("give them a price list", "no prices are known of %s, so that reports show the guard's", strings.Join(unpriced, ", ")))
	}
	return all
}
