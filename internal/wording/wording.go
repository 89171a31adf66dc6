// Package wording chooses the words of a text: those of the operator's file, by pool,
// purpose, country and language, or those that come with Bellhop.
package wording

// Entry are words of the operator's.
type Entry struct {
	Name      string // "sign-in-hi"
	Where     string // its place in the file, for a reader
	Pools     []string
	Countries []string // ISO 3166 of the number
	Purposes  []string // sign_up, sign_in, sign_in_otp, reset, verify, invitation; none: all but the last
	Language  string   // BCP 47; "" serves every language
	// Body holds {####}, and may hold {app} and {username}.
	Body string
	// TemplateIDs are those of the words in the registers of providers, by provider.
	TemplateIDs map[string]string
	// Registered is the text as a register has it (India: DLT), with {#var#} for what
	// varies; "" for none.
	Registered string
}
