package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/country"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

func messagesLintHelp() string {
	o := new(messageOptions)
	return "bellhop messages lint [TEXT]\n\n" + config.Help(o.flags(o.registeredFlag()), append([]string{"delivery"}, toolSettings...))
}

func (o *messageOptions) registeredFlag() config.Flag {
	return textFlag("registered", "TEXT", "the text as a register has it (India: DLT), to compare", &o.registered)
}

// noted is a finding, and of which text it is.
type noted struct {
	Text   string `json:"text"` // its place in a file, or whose it is
	Line   int    `json:"line"` // of the text, from 1
	Col    int    `json:"character"`
	Weight string `json:"weight"`
	Rule   string `json:"rule"`
	What   string `json:"what"`
	Source string `json:"source,omitempty"`
}

// errLint ends a command that found what must not be sent so.
type errLint int

func (n errLint) Error() string {
	if n == 1 {
		return "one of the findings is an error"
	}
	return fmt.Sprintf("%d of the findings are errors", int(n))
}

// drafted is a text to look at.
type drafted struct {
	name      string
	draft     smstext.Draft
	countries []string // that it goes to; nil for not known
}

// messagesLint says what is to be known of a text, or of those of the delivery file and
// the pools.
func messagesLint(ctx context.Context, in invocation) error {
	var o messageOptions
	text := textArgument(&in)
	cfg, err := loadTool(in, o.flags(o.registeredFlag())...)
	if err != nil {
		return err
	}
	all, more, err := draftsOf(ctx, in, cfg, o, text)
	if err != nil {
		return err
	}
	for _, d := range all {
		more = append(more, d.findings()...)
	}
	if o.asJSON {
		err = printJSON(in.stdout, append([]noted{}, more...))
	} else {
		err = printNoted(in, more, len(all))
	}
	if err != nil {
		return err
	}
	wrong := 0
	for _, n := range more {
		if n.Weight == smstext.Wrong.String() {
			wrong++
		}
	}
	if wrong > 0 {
		return errLint(wrong)
	}
	return nil
}

// textArgument takes the text, which stands first or last and is no flag's value.
func textArgument(in *invocation) string {
	if text := argument(in); text != "" || len(in.args) < 2 {
		return text
	}
	last := len(in.args) - 1
	before, text := in.args[last-1], in.args[last]
	if strings.HasPrefix(text, "-") || strings.HasPrefix(before, "-") && !strings.Contains(before, "=") && before != "--json" {
		return ""
	}
	in.args = in.args[:last]
	return text
}

// draftsOf are the texts to look at: the one that is given, else those of the delivery
// file and of the pools, with what is to be said of them together.
func draftsOf(ctx context.Context, in invocation, cfg *config.Config, o messageOptions, text string) (all []drafted, more []noted, err error) {
	lines := smstext.Lines{Host: o.host, Hash: o.hash}
	if text != "" {
		d := drafted{"the text", smstext.Draft{Text: text, Purpose: o.purpose, App: o.app, Lines: lines, Registered: o.registered}, nil}
		if o.country != "" {
			d.countries = []string{o.country}
		}
		return []drafted{d}, nil, nil
	}
	words, err := operatorsWords(cfg)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range words {
		if d, wanted := draftOf(e, o, lines); wanted {
			all = append(all, d)
		}
	}
	for _, e := range wording.Gaps(words) {
		more = append(more, noted{e.Where + ": " + e.Name, 1, 1, smstext.Warning.String(), "language",
			"Who speaks another language gets words that are not registered: put some beside it that have no language.", ""})
	}
	if cfg.Delivery != "" && o.pool == "" && mustExist(cfg) != nil {
		return all, more, nil
	}
	pools, err := poolDrafts(ctx, in, cfg, o)
	return append(all, pools...), more, err
}

func draftOf(e wording.Entry, o messageOptions, lines smstext.Lines) (drafted, bool) {
	fits := func(list []string, v string) bool { return v == "" || len(list) == 0 || slices.Contains(list, v) }
	if !fits(e.Purposes, o.purpose) || !fits(e.Countries, o.country) || !fits(e.Pools, o.pool) {
		return drafted{}, false
	}
	d := drafted{e.Where + ": " + e.Name, smstext.Draft{Text: e.Body, App: o.app, Lines: lines, Registered: e.Registered}, e.Countries}
	if len(e.Purposes) == 1 {
		d.draft.Purpose = e.Purposes[0]
	}
	if o.country != "" {
		d.countries = []string{o.country}
	}
	return d, true
}

// poolDrafts are the templates that pools have of their own.
func poolDrafts(ctx context.Context, in invocation, cfg *config.Config, o messageOptions) (all []drafted, err error) {
	t, err := openTool(ctx, in, cfg)
	if err != nil {
		return nil, err
	}
	defer t.close()
	for token := ""; ; {
		page, next, err := t.service.ListUserPools(ctx, 60, token)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if o.pool == "" || o.pool == string(p.ID) {
				all = append(all, templatesOf(p, o)...)
			}
		}
		if token = next; token == "" {
			return all, nil
		}
	}
}

func templatesOf(p userpool.Pool, o messageOptions) (all []drafted) {
	for _, t := range []struct{ member, text, purpose string }{
		{"SmsVerificationMessage", p.Settings.VerificationText, string(userpool.PurposeVerify)},
		{"SmsAuthenticationMessage", p.Settings.AuthenticationText, string(userpool.PurposeSignIn)},
		{"InviteMessageTemplate.SMSMessage", p.Settings.InvitationText, string(userpool.PurposeInvite)},
	} {
		if t.text == "" || !o.wants(t.purpose) {
			continue
		}
		app := p.Settings.AppName()
		if app == "" {
			app = o.app
		}
		d := drafted{fmt.Sprintf("pool %s: %s", p.ID, t.member), smstext.Draft{
			Text: t.text, Purpose: t.purpose, App: app, Lines: smstext.Lines{Host: p.Settings.AppHost(), Hash: p.Settings.AndroidHash()},
		}, nil}
		if o.country != "" {
			d.countries = []string{o.country}
		}
		all = append(all, d)
	}
	return all
}

func (d drafted) findings() (all []noted) {
	d.draft.ShortHosts = country.ShortHosts()
	for _, f := range smstext.Lint(d.draft) {
		line, col := smstext.Place(d.draft.Text, f.At)
		all = append(all, noted{d.name, line, col, f.Weight.String(), f.Rule, f.What, f.Source})
	}
	for _, iso := range d.countries {
		pack, known := country.Lookup(iso)
		if !known {
			continue
		}
		for _, o := range pack.CheckText(d.draft.Sent()) {
			all = append(all, noted{d.name, 1, 1, smstext.Warning.String(), "country", "It " + o.What + ".", ""})
		}
		if pack.Is(country.RegisteredTexts) == country.Required && d.draft.Registered == "" {
			all = append(all, noted{d.name, 1, 1, smstext.Warning.String(), "country",
				fmt.Sprintf("Texts to %s are registered word for word; give the registered text, to compare.", pack.Name), pack.Source(country.RegisteredTexts).String()})
		}
	}
	return all
}

func printNoted(in invocation, all []noted, texts int) error {
	for _, n := range all {
		source := ""
		if n.Source != "" {
			source = "; " + n.Source
		}
		if _, err := fmt.Fprintf(in.stdout, "%s, line %d, character %d: %s: %s (%s%s)\n", n.Text, n.Line, n.Col, n.Weight, n.What, n.Rule, source); err != nil {
			return err
		}
	}
	if len(all) > 0 {
		return nil
	}
	what := "fine"
	if texts == 0 {
		what = "there are no texts but those that come with Bellhop and Cognito's"
	}
	_, err := fmt.Fprintln(in.stdout, what)
	return err
}
