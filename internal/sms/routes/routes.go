// Package routes is a sender made of senders: it chooses by which provider a text
// goes, by the operator's rules, by who answers and by whose codes are used, and goes
// on to the next where one fails. When a text is tried again, and what it costs, is
// the outbox's and the guard's business.
package routes

import (
	"log/slog"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Provider is one of the senders.
type Provider struct {
	Name   string
	Kind   string // as provider.Kind names it
	Sender sms.Sender
	// Price is what one segment to the number costs there, in millionths of a US
	// dollar; nil where nothing is known.
	Price func(e164 string) (micros int64, known bool)
	// SenderIDs are what texts come from, by country (ISO 3166), "" for the others.
	SenderIDs map[string]string
	// EntityIDs are the ids of the business in the registers of countries.
	EntityIDs map[string]string
	// TemplateIDs are those of the provider's register, by the name of the wording.
	TemplateIDs map[string]string
	// OnlyTo are prefixes; a provider that has some is asked for no other number. It is
	// how credentials for tests never reach real people.
	OnlyTo []string
	// Timeout is how long it may take over one text, 0 for the default of four seconds,
	// at most eight. The outbox gives ten for all providers together.
	Timeout time.Duration
}

// Rule says by whom texts go. The first that fits a text is the one; within a rule
// everything that is given must fit.
type Rule struct {
	Where     string   // its place in the file, for a reader
	Countries []string // ISO 3166
	Prefixes  []string // of E.164 numbers, with the +
	Purposes  []string // as sms.Message has them, without the medium
	Pools     []string
	By        []string // names of providers, in order of preference; empty refuses
	Prefer    Preference
}

// Preference is what goes first among a rule's providers that are well.
type Preference uint8

const (
	PreferOrder Preference = iota // as they are listed
	PreferPrice                   // the cheapest to this number
)

// Config is all of it. A text that no rule fits is refused.
type Config struct {
	Providers []Provider
	Rules     []Rule
	OnlyTo    []string // prefixes of the only numbers that are texted at all; nil for no bound
	DryRun    bool     // nobody is texted: what would go by whom is logged
	Log       *slog.Logger
}
