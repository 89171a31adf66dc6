package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/smstext"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

func routesCheckHelp() string {
	return "bellhop routes check FILE\n\n" + config.Help(nil, []string{"delivery", "config"})
}

// routesCheck reads a delivery file as a start would.
func routesCheck(_ context.Context, in invocation) error {
	path := argument(&in)
	cfg, err := loadTool(in)
	if err != nil {
		return err
	}
	if path != "" {
		cfg.Delivery = path
	}
	if cfg.Delivery == "" {
		return usageError("name the file: bellhop routes check FILE")
	}
	f, err := openDelivery(cfg, in.env, quiet())
	if err != nil {
		return err
	}
	if _, err := f.Open(func(string) string { return "" }); err != nil {
		return config.Problems{{Where: "", What: err.Error()}}
	}
	for _, w := range deliveryWarnings(f) {
		if _, err := fmt.Fprintf(in.stdout, "warning: %s %s\n", w.Where, w.What); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(in.stdout, "fine")
	return err
}

// routeOptions are what `bellhop routes explain` asks for.
type routeOptions struct {
	number   string
	purpose  string
	pool     string
	language string
	tried    string
	asJSON   bool
}

func (o *routeOptions) flags() []config.Flag {
	return []config.Flag{
		{Name: "number", Arg: "NUMBER", Set: func(v string) error { o.number = unspaced(v); return nil }, Help: "by whom texts to this number go; bellhop routes explain NUMBER is the same"},
		{Name: "purpose", Arg: "PURPOSE", Set: o.setPurpose, Help: "what the text is for: " + strings.Join(deliveryfile.Purposes(), ", ") + " (default sign-in)"},
		textFlag("pool", "ID", "the user pool of the number's owner", &o.pool),
		{Name: "language", Arg: "TAG", Help: "the language of who reads it, such as hi", Set: func(v string) error {
			if o.language = wording.Canonical(v); o.language == "" {
				return fmt.Errorf("must be a language, such as hi or pt-BR")
			}
			return nil
		}},
		textFlag("tried", "NAMES", "providers by which earlier texts of the code went, separated by commas", &o.tried),
		jsonFlag(&o.asJSON),
	}
}

func (o *routeOptions) setPurpose(v string) error {
	for _, known := range deliveryfile.Purposes() {
		if v == known {
			o.purpose = v
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(deliveryfile.Purposes(), ", "))
}

func routesExplainHelp() string {
	return "bellhop routes explain NUMBER\n\n" + config.Help(new(routeOptions).flags(), append([]string{"delivery"}, toolSettings...))
}

// routesExplain says by whom a text to a number would go, and why.
func routesExplain(ctx context.Context, in invocation) error {
	o := routeOptions{purpose: "sign-in"}
	o.number = unspaced(numberArgument(&in))
	cfg, err := loadTool(in, o.flags()...)
	if err != nil {
		return err
	}
	if o.number == "" {
		return usageError("name a number, such as bellhop routes explain +14155550123")
	}
	number, err := phone.Parse(o.number)
	if err != nil {
		return usageError(err.Error())
	}
	if cfg.Delivery == "" {
		return usageError("name the delivery file with --delivery; without one every text goes as --sms says")
	}
	f, err := deliveryfile.Load(cfg.Delivery, kinds(quiet()), nil)
	if err != nil {
		return err
	}
	router, err := routes.New(f.Plan())
	if err != nil {
		return err
	}
	recent, err := recentTexts(ctx, cfg)
	if err != nil {
		return err
	}
	router.Learn(time.Now(), recent)
	tried, err := triedOf(router, o.tried)
	if err != nil {
		return err
	}
	x := router.Explain(time.Now(), sms.Destination{To: number, Purpose: strings.ReplaceAll(o.purpose, "-", "_"), PoolID: o.pool}, tried...)
	route := routeOf(router, number, o, x)
	route.countTexts(recent)
	if !startsWithOneOf(number.E164(), f.OnlyTo) {
		route.Refused = fmt.Sprintf("only-to of %s has no beginning of this number: who is not in it is not texted.", f.Path)
	}
	route.Words = wordsOf(f, o, x.Country)
	if o.asJSON {
		return printJSON(in.stdout, route)
	}
	return printRoute(in.stdout, route)
}

// triedOf are names of providers of the file.
func triedOf(router *routes.Router, names string) (tried []string, err error) {
	if names == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if _, known := router.Provider(name); !known {
			return nil, usageError(fmt.Sprintf("--tried has %q, which is no provider of the delivery file", name))
		}
		tried = append(tried, name)
	}
	return tried, nil
}

// startsWithOneOf says whether a list of only-to has the number, as none has every one.
func startsWithOneOf(e164 string, onlyTo []string) bool {
	return len(onlyTo) == 0 || slices.ContainsFunc(onlyTo, func(begins string) bool { return strings.HasPrefix(e164, begins) })
}

// recentTexts is what became of the texts of the last half hour, nil where there is no
// database to read it from: the file alone says much.
func recentTexts(ctx context.Context, cfg *config.Config) (recent []sms.Evidence, err error) {
	if mustExist(cfg) != nil {
		return nil, nil
	}
	store, err := sqlstore.Open(ctx, cfg.Database, sqlstore.Options{NoMigrate: true, Readers: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return userpool.TextEvidence(ctx, store, time.Now())
}

// wordsOf are the operator's words that the text would have, nil where it would have
// the pool's own or those that come with Bellhop.
func wordsOf(f *deliveryfile.File, o routeOptions, country string) *wordsLine {
	if !slices.Contains(deliveryfile.MessagePurposes(), o.purpose) { // a notice has words of its own
		return nil
	}
	purpose := strings.ReplaceAll(o.purpose, "-", "_")
	t := wording.New(f.Messages).Choose(wording.Query{Pool: o.pool, Purpose: purpose, Country: country, Languages: []string{o.language}, App: "{app}"})
	if t.Name == "" {
		return nil
	}
	size := smstext.Count(smstext.Draft{Text: t.Body, Purpose: purpose}.Sent())
	return &wordsLine{Name: t.Name, Language: t.Language, Segments: size.Segments, Encoding: size.Encoding.String()}
}

// routeLine is a route for machines. Members may be added, never changed.
type routeLine struct {
	Number    string          `json:"number"` // masked
	Country   string          `json:"country"`
	Purpose   string          `json:"purpose"`
	Pool      string          `json:"pool,omitempty"`
	Rule      string          `json:"rule,omitempty"` // its place in the file
	Refused   string          `json:"refused,omitempty"`
	DryRun    bool            `json:"dry_run"`
	Providers []candidateLine `json:"providers"` // in the order in which they are asked
	Words     *wordsLine      `json:"words"`     // of the file; null where it has none for the text
}

// wordsLine are words of the file, and what a text of them takes.
type wordsLine struct {
	Name     string `json:"name"`
	Language string `json:"language,omitempty"`
	Segments int    `json:"segments"` // at most, with an app of a long name
	Encoding string `json:"encoding"`
}

// textsLine is what became of the texts of the last half hour to the country.
type textsLine struct {
	Sent   int `json:"sent"`
	Told   int `json:"told"` // of which the provider said what became of them
	Failed int `json:"failed"`
	Used   int `json:"used"`
}

type candidateLine struct {
	Provider string    `json:"provider"`
	Type     string    `json:"type"`
	Asked    bool      `json:"asked"`
	Price    *float64  `json:"price"` // dollars a segment; null for not known
	SenderID string    `json:"sender_id,omitempty"`
	EntityID string    `json:"entity_id,omitempty"`
	Texts    textsLine `json:"texts"`
	Why      []string  `json:"why"`
}

// countTexts puts in what became of texts.
func (r *routeLine) countTexts(recent []sms.Evidence) {
	for i := range r.Providers {
		t := &r.Providers[i].Texts
		for _, e := range recent {
			if e.Provider == r.Providers[i].Provider && e.Country == r.Country {
				*t = textsLine{t.Sent + e.Sent, t.Told + e.Told, t.Failed + e.Failed, t.Used + e.Used}
			}
		}
	}
}

func routeOf(r *routes.Router, number phone.Number, o routeOptions, x routes.Explanation) routeLine {
	line := routeLine{Number: number.Masked(), Country: x.Country, Purpose: o.purpose, Pool: o.pool,
		Refused: x.Refused, DryRun: x.DryRun, Providers: []candidateLine{}}
	if x.Rule != nil {
		line.Rule = x.Rule.Where
	}
	for _, c := range x.Candidates {
		one := candidateLine{Provider: c.Provider, Type: c.Kind, Asked: c.Asked, Why: c.Why}
		if c.Priced {
			one.Price = new(float64)
			*one.Price = float64(c.Micros) / 1e6
		}
		p, _ := r.Provider(c.Provider)
		one.SenderID, one.EntityID = cmp.Or(p.SenderIDs[x.Country], p.SenderIDs[""]), p.EntityIDs[x.Country]
		line.Providers = append(line.Providers, one)
	}
	return line
}

func segments(n int) string {
	if n == 1 {
		return "1 segment"
	}
	return fmt.Sprintf("%d segments", n)
}

func (t textsLine) String() string {
	if t.Sent == 0 {
		return "-"
	}
	return fmt.Sprintf("%d sent, %d used, %d failed", t.Sent, t.Used, t.Failed)
}

func printRoute(w io.Writer, r routeLine) error {
	fmt.Fprintf(w, "%s  %s, a text for %s\n", r.Number, orDash(r.Country), r.Purpose)
	switch {
	case r.Rule == "":
		fmt.Fprintln(w, "No rule fits it.")
	default:
		fmt.Fprintf(w, "The rule that fits it first is at %s.\n", r.Rule)
	}
	if r.Refused != "" {
		fmt.Fprintln(w, r.Refused)
	}
	if r.DryRun {
		fmt.Fprintln(w, "dry-run is on: nobody is texted, and the log says what would go by whom.")
	}
	if r.Words != nil {
		fmt.Fprintf(w, "Its words are those of the message %s: %s of %s at most.\n", r.Words.Name, segments(r.Words.Segments), r.Words.Encoding)
	}
	if len(r.Providers) == 0 {
		return nil
	}
	rows := make([][]string, len(r.Providers))
	for i, c := range r.Providers {
		asked := "-"
		if c.Asked {
			asked = fmt.Sprint(i + 1)
		}
		price := "not known"
		if c.Price != nil {
			price = fmt.Sprintf("$%.4f", *c.Price)
		}
		rows[i] = []string{asked, c.Provider, c.Type, price, orDash(c.SenderID), c.Texts.String(), strings.Join(c.Why, "; ")}
	}
	fmt.Fprintln(w)
	return printTable(w, []string{"ASKED", "PROVIDER", "TYPE", "A SEGMENT", "SENDER ID", "LAST HALF HOUR", "WHY"}, rows)
}
