package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

// messageOptions are what the commands about texts ask for.
type messageOptions struct {
	pool, language, purpose, country, app, host, hash, registered string
	asJSON                                                        bool
}

func (o *messageOptions) flags(own ...config.Flag) []config.Flag {
	return append([]config.Flag{
		textFlag("pool", "ID", "the user pool whose texts they are", &o.pool),
		{Name: "purpose", Arg: "PURPOSE", Set: o.setPurpose, Help: "of texts for this alone: " + strings.Join(deliveryfile.MessagePurposes(), ", ") + " (default all)"},
		{Name: "country", Arg: "COUNTRY", Set: o.setCountry, Help: "to numbers of this country, such as IN"},
		tagFlag("app", "NAME", "what the app is called, where no pool says so (bellhop:app-name)", "bellhop:app-name", &o.app),
		tagFlag("host", "HOST", "that codes are bound to, where no pool says so (bellhop:app-host)", "bellhop:app-host", &o.host),
		tagFlag("android-hash", "HASH", "of the Android app, where no pool says so (bellhop:android-hash)", "bellhop:android-hash", &o.hash),
		jsonFlag(&o.asJSON),
	}, own...)
}

// tagFlag is in the place of a pool's tag, and takes what that does.
func tagFlag(name, arg, help, tag string, into *string) config.Flag {
	return config.Flag{Name: name, Arg: arg, Help: help, Set: func(v string) error {
		if !userpool.TagServed(tag, v) {
			return fmt.Errorf("is nothing that a pool's tag %s may say", tag)
		}
		*into = v
		return nil
	}}
}

func (o *messageOptions) setPurpose(v string) error {
	if known := deliveryfile.MessagePurposes(); !slices.Contains(known, v) {
		return fmt.Errorf("must be one of %s", strings.Join(known, ", "))
	}
	o.purpose = strings.ReplaceAll(v, "-", "_")
	return nil
}

func (o *messageOptions) setCountry(v string) error {
	if v = strings.ToUpper(v); !phone.IsCountry(v) {
		return fmt.Errorf("must be a country's code (ISO 3166), such as IN")
	}
	o.country = v
	return nil
}

func (o *messageOptions) wants(purpose string) bool { return o.purpose == "" || o.purpose == purpose }

func (o *messageOptions) languageFlag() config.Flag {
	return config.Flag{Name: "language", Arg: "LANGUAGE", Help: "of who reads it, such as hi or pt-BR (default the pool's, or all that there are)", Set: func(v string) error {
		if o.language = wording.Canonical(v); o.language == "" {
			return fmt.Errorf("must be a language, such as hi or pt-BR")
		}
		return nil
	}}
}

func messagesShowHelp() string {
	o := new(messageOptions)
	return config.Help(o.flags(o.languageFlag()), append([]string{"delivery"}, toolSettings...))
}

// messageLine is a text for machines. Members may be added, never changed.
type messageLine struct {
	Purpose  string `json:"purpose"`
	Language string `json:"language"`
	Words    string `json:"words"` // name, "" for the pool's own and Cognito's
	Encoding string `json:"encoding"`
	Units    int    `json:"units"`
	Segments int    `json:"segments"`
	Bytes    int    `json:"bytes"`
	Function bool   `json:"function"` // the pool's function may say something else
	Text     string `json:"text"`
}

func lineOfSaying(s userpool.Saying) messageLine {
	return messageLine{
		Purpose: string(s.Purpose), Language: s.Language, Words: s.Wording, Encoding: s.Size.Encoding.String(),
		Units: s.Size.Units, Segments: s.Size.Segments, Bytes: len(s.Text), Function: s.Function, Text: s.Text,
	}
}

// messagesShow says what texts say: those of a pool, or of one that is called so.
func messagesShow(ctx context.Context, in invocation) error {
	var o messageOptions
	cfg, err := loadTool(in, o.flags(o.languageFlag())...)
	if err != nil {
		return err
	}
	words, err := operatorsWords(cfg)
	if err != nil {
		return err
	}
	var lines []messageLine
	if o.pool != "" {
		lines, err = sayingsOf(ctx, in, cfg, words, o)
		if err != nil {
			return err
		}
	} else {
		lines = sayingsOfNone(words, o)
	}
	lines = slices.DeleteFunc(lines, func(l messageLine) bool { return !o.wants(l.Purpose) })
	if o.asJSON {
		return printJSON(in.stdout, lines)
	}
	return printSayings(in, lines)
}

// operatorsWords are those of the delivery file, nil where there is none.
func operatorsWords(cfg *config.Config) ([]wording.Entry, error) {
	if cfg.Delivery == "" {
		return nil, nil
	}
	f, err := deliveryfile.Load(cfg.Delivery, kinds(quiet()), nil)
	if err != nil {
		return nil, err
	}
	return f.Messages, nil
}

// sayingsOf are the texts of a pool.
func sayingsOf(ctx context.Context, in invocation, cfg *config.Config, words []wording.Entry, o messageOptions) ([]messageLine, error) {
	if err := mustExist(cfg); err != nil {
		return nil, err
	}
	v, err := openVault(ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	log := newLogger(in.stderr, slog.LevelWarn)
	defer closeVault(v, log)
	out := senders{texts{sender: sms.None{}, words: words}, mail.None{}}
	service, err := v.service(ctx, cfg, out, "", log)
	if err != nil {
		return nil, err
	}
	var languages []string
	if o.language != "" {
		languages = []string{o.language}
	}
	said, err := service.Sayings(ctx, userpool.PoolID(o.pool), o.country, languages)
	var lines []messageLine
	for _, s := range said {
		lines = append(lines, lineOfSaying(s))
	}
	return lines, err
}

// exampleApp is what the app of no pool is called.
const exampleApp = "Example"

// sayingsOfNone are the texts of a pool that has a name of its app and no texts of its
// own.
func sayingsOfNone(words []wording.Entry, o messageOptions) (lines []messageLine) {
	languages := []string{o.language}
	if o.language == "" {
		languages = wording.Languages()
	}
	app := o.app
	if app == "" {
		app = exampleApp
	}
	book := wording.New(words)
	for _, language := range languages {
		for _, purpose := range wording.Purposes() {
			t := book.Choose(wording.Query{Purpose: purpose, Country: o.country, Languages: []string{language}, App: app, Shipped: true})
			text := strings.ReplaceAll(t.Body, "{####}", "123456")
			if !t.Registered {
				text += smstext.Lines{Host: o.host, Hash: o.hash}.After("123456")
			}
			lines = append(lines, lineOfSaying(userpool.Saying{
				Purpose: userpool.Purpose(purpose), Wording: t.Name, Language: t.Language, Text: text, Size: smstext.Count(text),
			}))
		}
	}
	return distinct(lines)
}

// distinct drops lines that an earlier one says already, as those of words do that are
// for readers of every language.
func distinct(lines []messageLine) (all []messageLine) {
	for _, l := range lines {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

func printSayings(in invocation, lines []messageLine) error {
	var rows [][]string
	function := false
	for _, l := range lines {
		function = function || l.Function
		rows = append(rows, []string{
			strings.ReplaceAll(l.Purpose, "_", "-"), cmp.Or(l.Language, "-"), cmp.Or(l.Words, "-"), l.Encoding,
			strconv.Itoa(l.Units), strconv.Itoa(l.Segments), strconv.Itoa(l.Bytes), strings.ReplaceAll(l.Text, "\n", "\\n"),
		})
	}
	if err := printTable(in.stdout, []string{"PURPOSE", "LANGUAGE", "WORDS", "ENCODING", "UNITS", "SEGMENTS", "BYTES", "TEXT"}, rows); err != nil {
		return err
	}
	if function {
		if _, err := fmt.Fprint(in.stdout, "\nA function of the pool's (CustomMessage, or a custom sender) may say something else.\n"); err != nil {
			return err
		}
	}
	return nil
}
