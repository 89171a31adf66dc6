package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/config"
)

func TestLoad_Email_NamesItsSender(t *testing.T) {
	from := []string{"--email-from=auth@mail.example"}
	for value, c := range map[string]struct {
		more      []string
		want      config.Email
		onMachine bool
	}{
		"none":                                  {nil, config.Email{}, false},
		"log":                                   {nil, config.Email{Kind: config.EmailLog}, false},
		"webhook:https://u:p@mail.example/send": {nil, config.Email{Kind: config.EmailWebhook, URL: "https://u:p@mail.example/send"}, false},
		"smtp://mail.example":                   {from, config.Email{Kind: config.EmailSMTP, Server: "mail.example:587"}, false},
		"smtp://mail.example:25/":               {from, config.Email{Kind: config.EmailSMTP, Server: "mail.example:25"}, false},
		"smtps://mail.example":                  {from, config.Email{Kind: config.EmailSMTP, Server: "mail.example:465", ImplicitTLS: true}, false},
		"smtp://localhost:1025":                 {from, config.Email{Kind: config.EmailSMTP, Server: "localhost:1025"}, true},
		"smtp://127.0.0.2:25":                   {from, config.Email{Kind: config.EmailSMTP, Server: "127.0.0.2:25"}, true},
		"smtp://[::1]:25":                       {from, config.Email{Kind: config.EmailSMTP, Server: "[::1]:25"}, true},
		"smtp://localhost.example":              {from, config.Email{Kind: config.EmailSMTP, Server: "localhost.example:587"}, false},
	} {
		got := mustLoad(t, sources{args: append([]string{"--email=" + value}, c.more...)}).Email
		if got != c.want || got.OnThisMachine() != c.onMachine {
			t.Errorf("%s: %+v, on this machine %v", value, got, got.OnThisMachine())
		}
	}
}

func TestLoad_EmailThatCannotWork_IsNamedWithItsSource(t *testing.T) {
	const smtp, from = "BELLHOP_EMAIL=smtp://mail.example", "BELLHOP_EMAIL_FROM=auth@mail.example"
	for name, c := range map[string]struct {
		env  []string
		want string // what the only problem contains
	}{
		"unknown sender":         {[]string{"BELLHOP_EMAIL=pigeon"}, "BELLHOP_EMAIL must be none, log, webhook:URL, smtp://"},
		"webhook without URL":    {[]string{"BELLHOP_EMAIL=webhook:mail.example?key=hunter2"}, "BELLHOP_EMAIL must give the webhook a whole URL"},
		"SMTP without host":      {[]string{"BELLHOP_EMAIL=smtp://:25", from}, "BELLHOP_EMAIL must name the SMTP server"},
		"SMTP unparsable":        {[]string{"BELLHOP_EMAIL=smtp://mail.example:hunter2", from}, "BELLHOP_EMAIL must name the SMTP server"},
		"SMTP with a large port": {[]string{"BELLHOP_EMAIL=smtp://mail.example:70000", from}, "65535"},
		"SMTP with a password":   {[]string{"BELLHOP_EMAIL=smtp://u:hunter2@mail.example", from}, "BELLHOP_EMAIL must hold no user or password"},
		"SMTP with a query":      {[]string{"BELLHOP_EMAIL=smtp://mail.example?hunter2", from}, "BELLHOP_EMAIL must hold nothing after"},
		"SMTP with a path":       {[]string{"BELLHOP_EMAIL=smtp://mail.example/hunter2", from}, "BELLHOP_EMAIL must hold nothing after"},
		"SMTP without from":      {[]string{smtp}, "--email-from is not set"},
		"from that is none":      {[]string{smtp, "BELLHOP_EMAIL_FROM=hunter2"}, "BELLHOP_EMAIL_FROM must be an e-mail address"},
		"from and another line":  {[]string{smtp, "BELLHOP_EMAIL_FROM=auth@mail.example\nBcc: hunter2@mail.example"}, "BELLHOP_EMAIL_FROM must be an e-mail address"},
		"two in from":            {[]string{smtp, "BELLHOP_EMAIL_FROM=a@mail.example, b@mail.example"}, "BELLHOP_EMAIL_FROM must be an e-mail address"},
		"from without SMTP":      {[]string{"BELLHOP_EMAIL=log", from}, "--email-from is set, but --email names no SMTP server"},
		"webhook secret alone":   {[]string{smtp, from, "BELLHOP_EMAIL_WEBHOOK_SECRET=" + webhookSecret}, "BELLHOP_EMAIL_WEBHOOK_SECRET is set, but --email names no webhook"},
		"webhook secret bad":     {[]string{"BELLHOP_EMAIL=webhook:http://mail.example", "BELLHOP_EMAIL_WEBHOOK_SECRET=hunter2"}, "BELLHOP_EMAIL_WEBHOOK_SECRET must be whsec_"},
		"user without password":  {[]string{smtp, from, "BELLHOP_SMTP_USERNAME=bell"}, "one is set without the other"},
		"password without user":  {[]string{smtp, from, "BELLHOP_SMTP_PASSWORD=hunter2"}, "one is set without the other"},
		"user without SMTP":      {[]string{"BELLHOP_SMTP_USERNAME=bell", "BELLHOP_SMTP_PASSWORD=hunter2"}, "are set, but --email names no SMTP server"},
	} {
		got := problems(t, sources{env: c.env})
		if len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q, want only %q", name, got, c.want)
		}
		if strings.Contains(strings.Join(got, "\n"), "hunter2") {
			t.Errorf("%s: a problem repeats a secret: %q", name, got)
		}
	}
}

func TestLoad_EmailProblems_AreReportedAtOnce(t *testing.T) {
	got := problems(t, sources{env: []string{"BELLHOP_EMAIL=smtp://mail.example", "BELLHOP_SMTP_USERNAME=bell", "BELLHOP_EMAIL_WEBHOOK_SECRET=" + webhookSecret}})
	for _, where := range []string{"--email-from", "BELLHOP_EMAIL_WEBHOOK_SECRET", "BELLHOP_SMTP_USERNAME, BELLHOP_SMTP_PASSWORD"} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, where+" ") }) {
			t.Errorf("%s is not among %q", where, got)
		}
	}
}
