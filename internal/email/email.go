// Package email owns e-mail addresses: reading them strictly, and printing them
// only masked. How a pool compares them is the pool's business.
package email

import (
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
	"unique"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Address is an e-mail address, its domain in lower case. Addresses compare
// with == and can be map keys. Every printer (fmt with any verb, log/slog,
// encoding/json) shows it masked; Text is the only way out. The zero Address is
// none.
type Address struct {
	// A handle, not a string: fmt prints what unexported fields hold, and of a
	// handle that is an address in memory.
	text unique.Handle[string]
}

// maxLength is RFC 5321's bound on a path without its brackets (section
// 4.5.3.1.3).
const maxLength = 254

var errFormat = fault.New(fault.InvalidParameter, "Invalid email address format.")

// Parse reads an address as people write it: local part, @, domain; no display
// name, no comment, no quotes, nothing around it. Its fault is InvalidParameter and never
// repeats the text.
func Parse(text string) (Address, error) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || len(text) > maxLength || !utf8.ValidString(text) || strings.ContainsFunc(text, unwanted) {
		return Address{}, errFormat
	}
	addr, err := mail.ParseAddress(text)
	if err != nil || addr.Address != text || addr.Name != "" || !strings.Contains(text[at:], ".") {
		return Address{}, errFormat
	}
	return FromCanonical(text[:at] + strings.ToLower(text[at:])), nil
}

// unwanted are characters that RFC 5322 allows in some places and that no
// address in use has: quotes, brackets, blanks, what is not printed; and those
// that are an ASCII letter in lower case, with which another's address could be
// written anew (U+212A, the Kelvin sign).
func unwanted(r rune) bool {
	if r > unicode.MaxASCII && unicode.ToLower(r) <= unicode.MaxASCII {
		return true
	}
	return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`"<>()[],;:\`, r)
}

// FromCanonical returns the address whose Text was kept, as it was kept.
func FromCanonical(text string) Address {
	if text == "" {
		return Address{}
	}
	return Address{unique.Make(text)}
}

// IsZero reports whether a is no address.
func (a Address) IsZero() bool { return a == Address{} }

// Text returns the whole address, "" for none. Whoever calls it answers for
// where it goes.
func (a Address) Text() string {
	if a.IsZero() {
		return ""
	}
	return a.text.Value()
}

// Lower is the address in lower case, as a pool without case compares it.
func (a Address) Lower() Address { return FromCanonical(strings.ToLower(a.Text())) }

// Masked returns the address as Cognito's CodeDeliveryDetails shows it: the
// first character of both sides of the @.
func (a Address) Masked() string {
	local, domain, _ := strings.Cut(a.Text(), "@")
	if local == "" {
		return ""
	}
	return first(local) + "***@" + first(domain) + "***"
}

func first(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// String and the others print the address masked.
func (a Address) String() string               { return a.Masked() }
func (a Address) GoString() string             { return a.Masked() }
func (a Address) Format(s fmt.State, _ rune)   { io.WriteString(s, a.Masked()) }
func (a Address) LogValue() slog.Value         { return slog.StringValue(a.Masked()) }
func (a Address) MarshalText() ([]byte, error) { return []byte(a.Masked()), nil }
