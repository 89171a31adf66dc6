// Package provider says what a kind of SMS provider is: the settings that it takes
// and how a sender is made of them. Each kind is a folder beside this one and a row
// in the program's table; the file of routes and its documentation read these.
package provider

import (
	"net/http"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// Kind is a kind of provider.
type Kind struct {
	Name   string // as the file has it: "twilio"
	About  string // one sentence
	Fields []Field
	// TestNumbers are how the numbers begin that credentials for tests may text; nil
	// where the provider has none of either.
	TestNumbers []string
	// ByTemplate: it sends templates of its own alone, so that it refuses a text of words
	// without template-ids.
	ByTemplate bool
	// Check says what is wrong with settings that go together, as half a sentence
	// about a field of them; nil for nothing.
	Check func(Values) *Problem
	// New makes the sender of settings that passed every check. It does no I/O.
	New func(Options) (sms.Sender, error)
}

// Field is a setting of a provider, always a text.
type Field struct {
	Name     string // "account-sid"
	Arg      string // what the value is, for a reader: "AC..."
	About    string // half a sentence
	Default  string
	Required bool
	// Secret fields are not in the file: NAME-env names a variable, NAME-file a file.
	Secret bool
	// Check says what is wrong with a value, as half a sentence that does not repeat
	// it; nil takes every one.
	Check func(value string) error
}

// Values are settings by their field's name. One that was not given has its default,
// or is not there.
type Values map[string]string

// Problem is what is wrong with the field.
type Problem struct{ Field, What string }

// Options are what a sender is made of.
type Options struct {
	Values Values
	// Callback is where the provider is to post what becomes of texts; "" where nobody
	// outside reaches this server.
	Callback string
	// Transport is for tests; nil is the plain network.
	Transport http.RoundTripper
}
