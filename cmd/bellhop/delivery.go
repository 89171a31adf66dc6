package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/bellhop-auth/bellhop/internal/callback"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/logsms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/sms/webhook"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

// openDelivery reads the delivery file, or says everything that is wrong with it. It
// is nil where texts go as --sms says.
func openDelivery(cfg *config.Config, env []string, log *slog.Logger) (*deliveryfile.File, error) {
	if cfg.Delivery == "" {
		return nil, nil
	}
	return deliveryfile.Load(cfg.Delivery, kinds(log), variable(env))
}

// texts are who takes texts, those of them that tell what became of one, and words.
type texts struct {
	sender  sms.Sender
	callers map[string]sms.Caller // by the name under which they call
	words   []wording.Entry       // the operator's
	help    string                // what is texted back to HELP, "" for nothing
}

// newTexts makes them of the delivery file or, where that is nil, of --sms. Providers
// are told no address of this server that only its operator's guess is: publicURL is
// "" for none.
func newTexts(cfg *config.Config, f *deliveryfile.File, publicURL string, log *slog.Logger) (texts, error) {
	if f == nil {
		return theOne(cfg, log)
	}
	opened, err := f.Open(func(name string) string {
		if publicURL == "" {
			return ""
		}
		return publicURL + callback.Path + name
	})
	if err != nil {
		return texts{}, err
	}
	opened.Routes.Log = log
	router, err := routes.New(opened.Routes)
	t := texts{sender: router, callers: opened.Callers, words: f.Messages, help: f.Help}
	if opened.Routes.DryRun {
		t.help = "" // the provider would text it
	}
	return t, err
}

// theOne is who takes texts where --sms says it.
func theOne(cfg *config.Config, log *slog.Logger) (texts, error) {
	sender, err := newSender(cfg, log)
	if err != nil {
		return texts{}, fmt.Errorf("--sms: %w", err)
	}
	t := texts{sender: sender}
	name := map[config.SMSKind]string{config.SMSWebhook: "webhook", config.SMSLog: "log"}[cfg.SMS.Kind]
	if name == "" {
		return t, nil
	}
	if caller, calls := sender.(sms.Caller); calls && cfg.SMSWebhookSecret != "" {
		t.callers = map[string]sms.Caller{name: caller}
	}
	t.sender = underName{name, sender}
	return t, nil
}

func newSender(cfg *config.Config, log *slog.Logger) (sms.Sender, error) {
	switch cfg.SMS.Kind {
	case config.SMSWebhook:
		return webhook.New(webhook.Config{URL: string(cfg.SMS.URL), Secret: string(cfg.SMSWebhookSecret)})
	case config.SMSLog:
		return logsms.New(log), nil
	default:
		return sms.None{}, nil
	}
}

// underName is a sender whose texts are reported under a name, as those of a route are.
type underName struct {
	name string
	sms.Sender
}

func (n underName) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	receipt, err := n.Sender.Send(ctx, m)
	receipt.Provider = n.name
	return receipt, err
}

// deliveryWarnings says what in the delivery file works and deserves a look.
func deliveryWarnings(f *deliveryfile.File) []config.Problem {
	all := f.Warnings()
	for _, p := range f.Providers {
		if p.Kind.Name == "log" {
			all = append(all, config.Problem{Where: p.Where, What: "puts texts into the log, codes included: it is for development"})
		}
	}
	return all
}

// warnOfDelivery says so at start.
func warnOfDelivery(f *deliveryfile.File, log *slog.Logger) {
	if f == nil {
		return
	}
	for _, w := range deliveryWarnings(f) {
		log.Warn(w.Where + " " + w.What)
	}
}
