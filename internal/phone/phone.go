// Package phone owns telephone numbers: reading them strictly, the one
// canonical form that each line has, and printing them only masked. Whether a
// number may be texted, and what that costs, is the guard's.
package phone

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unique"
)

// Number is a telephone number in its canonical E.164 form. Numbers compare
// with == and can be map keys. Every printer (fmt with any verb, log/slog,
// encoding/json) shows it masked; E164 is the only way out. The zero Number is
// no number.
type Number struct {
	// A handle, not a string: fmt prints what unexported fields of a
	// caller's struct hold, past all methods, and of a handle that is an
	// address.
	e164 unique.Handle[string]
}

// FromCanonical returns the number whose E164 was kept, as it was kept: rules
// of canonical form that came later do not change what a user is called.
func FromCanonical(e164 string) Number {
	if e164 == "" {
		return Number{}
	}
	return Number{unique.Make(e164)}
}

// IsZero reports whether n is no number.
func (n Number) IsZero() bool { return n == Number{} }

// E164 returns the whole number: + and at most 15 digits; "" for no number.
// Whoever calls it answers for where it goes.
func (n Number) E164() string {
	if n.IsZero() {
		return ""
	}
	return n.e164.Value()
}

// shown is how many digits at the end a mask leaves.
const shown = 4

// Masked returns the number as Cognito's CodeDeliveryDetails shows it: +, one
// * for each hidden digit, the last four digits.
func (n Number) Masked() string {
	digits := strings.TrimPrefix(n.E164(), "+")
	switch {
	case digits == "":
		return ""
	case len(digits) <= shown: // not a real number; hide it all
		return "+" + strings.Repeat("*", len(digits))
	}
	hidden := len(digits) - shown
	return "+" + strings.Repeat("*", hidden) + digits[hidden:]
}

// String and the others print the number masked. There is no UnmarshalText:
// what is printed is never read back.
func (n Number) String() string               { return n.Masked() }
func (n Number) GoString() string             { return n.Masked() }
func (n Number) Format(s fmt.State, _ rune)   { io.WriteString(s, n.Masked()) }
func (n Number) LogValue() slog.Value         { return slog.StringValue(n.Masked()) }
func (n Number) MarshalText() ([]byte, error) { return []byte(n.Masked()), nil }
