// Package deliveryfile reads the file that says by whom texts go, and in which words:
// providers, routes, messages. All problems are found in one reading, each with its
// line. What a provider does with a setting is its kind's business, the choice among
// them that of package routes.
package deliveryfile

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard/pricelist"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
	"github.com/bellhop-auth/bellhop/internal/wording"
	"github.com/bellhop-auth/bellhop/internal/yamlfile"
)

// File is what a delivery file says.
type File struct {
	Path      string
	Providers []Provider // in the file's order
	Rules     []Rule
	Messages  []wording.Entry
	OnlyTo    []string
	DryRun    bool
	Help      string // the answer to HELP, "" for none

	found given // where Help, OnlyTo and DryRun stand
}

// given are the places of the keys that the file has.
type given map[string]place

// Provider is one of the file's.
type Provider struct {
	Name      string
	Where     string
	Kind      provider.Kind
	Prices    []pricelist.Row // nil where there is no list
	SenderIDs map[string]string
	EntityIDs map[string]string
	OnlyTo    []string
	Timeout   time.Duration

	senderIDs given // where SenderIDs stand, by the same names

	// settings are those of the provider's kind, secrets too: behind a pointer, so that
	// nothing that prints a File shows them.
	settings *provider.Values
}

// Rule is a rule with its place.
type Rule struct {
	routes.Rule
	Line int // 0 for the one that counts where the file has none

	place place
	found given
}

// Load reads the file, or returns config.Problems that names everything wrong.
// Secrets that the file takes from the environment are asked of getenv. Without one no
// secret is looked at, and the file cannot be opened.
func Load(path string, kinds []provider.Kind, getenv func(string) string) (*File, error) {
	opened, root, err := yamlfile.Open("--delivery", path)
	if err != nil {
		return nil, err
	}
	r := &reader{Reader: opened, kinds: kinds, getenv: getenv}
	f := &File{Path: path, found: given{}}
	if root.Node != nil {
		r.file(root, f)
	}
	if len(f.Providers) == 0 && len(r.Problems) == 0 {
		r.Problem(root, "names no providers")
	}
	if len(r.Problems) > 0 {
		return nil, r.Problems
	}
	return f, nil
}

// Opened are the senders of a file, and those of them whose providers call.
type Opened struct {
	Routes  routes.Config
	Callers map[string]sms.Caller // by the provider's name
}

// Open makes the file's senders. callback is where the provider of a name is to post
// what becomes of texts, "" for nowhere.
func (f *File) Open(callback func(name string) string) (*Opened, error) {
	o := &Opened{Routes: f.Plan(), Callers: map[string]sms.Caller{}}
	for i, p := range f.Providers {
		sender, err := p.Kind.New(provider.Options{Values: *p.settings, Callback: callback(p.Name)})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Where, err)
		}
		if caller, calls := sender.(sms.Caller); calls {
			o.Callers[p.Name] = caller
		}
		o.Routes.Providers[i].Sender = sender
	}
	return o, nil
}

// Plan is the file with senders that send nothing: for whoever asks by whom a text
// would go. It needs no secret.
func (f *File) Plan() routes.Config {
	c := routes.Config{OnlyTo: f.OnlyTo, DryRun: f.DryRun}
	for _, p := range f.Providers {
		c.Providers = append(c.Providers, routes.Provider{
			Name: p.Name, Kind: p.Kind.Name, Sender: sms.None{}, Price: p.price(),
			SenderIDs: p.SenderIDs, EntityIDs: p.EntityIDs, TemplateIDs: f.templatesOf(p.Name),
			OnlyTo: p.OnlyTo, Timeout: p.Timeout,
		})
	}
	for _, rule := range f.Rules {
		c.Rules = append(c.Rules, rule.Rule)
	}
	return c
}

// templatesOf are the ids of messages in the register of a provider.
func (f *File) templatesOf(provider string) map[string]string {
	ids := map[string]string{}
	for _, m := range f.Messages {
		if id := m.TemplateIDs[provider]; id != "" {
			ids[m.Name] = id
		}
	}
	return ids
}

// price looks a number's price up, nil where nothing is known.
func (p Provider) price() func(e164 string) (micros int64, known bool) {
	if p.Prices == nil {
		return nil
	}
	list := newPrices(p.Prices)
	return list.price
}
