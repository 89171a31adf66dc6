// Package traffic makes up requests for codes: those of real people and those of
// attackers, as the models of docs/guard.md describe them. The same seed makes the
// same requests. What becomes of them is decided elsewhere.
package traffic

import (
	"math"
	"net/netip"
	"strconv"
	"unicode/utf8"
)

// Event is one request for a code, and what its maker will do with the code.
type Event struct {
	T        float64 // seconds
	ID       string
	Phone    string     // + and digits
	IP       netip.Addr // the zero Addr is not known
	Device   string     // "" for none
	Known    bool       // the number has signed in before
	Price    float64    // dollars, where Priced
	Priced   bool
	Attack   bool
	Converts bool    // the code, if one comes, is entered
	After    float64 // so many seconds later
	Passes   bool    // a step-up
	// Near says that an attack or an outage concerns the number's range, or where it
	// is about countries, its country. It is for scoring, and in no trace.
	Near bool
	// Guesses are how many wrong answers are given to the code, a second after the
	// other; of real people those are typos before the right one. They too are in no
	// trace.
	Guesses int
}

// AppendJSON appends the event as a line of a trace, with its end of line.
func (e *Event) AppendJSON(b []byte) []byte {
	b = appendNumber(append(b, `{"t":`...), e.T)
	b = appendString(append(b, `,"id":`...), e.ID)
	b = appendString(append(b, `,"phone":`...), e.Phone)
	b = append(b, `,"ip":`...)
	if e.IP.IsValid() {
		b = appendString(b, e.IP.String())
	} else {
		b = append(b, `""`...)
	}
	b = append(b, `,"device":`...)
	if e.Device == "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, e.Device)
	}
	b = strconv.AppendBool(append(b, `,"known":`...), e.Known)
	b = append(b, `,"price":`...)
	if e.Priced {
		b = appendNumber(b, e.Price)
	} else {
		b = append(b, "null"...)
	}
	b = append(append(append(b, `,"kind":"`...), e.kind()...), '"')
	b = strconv.AppendBool(append(b, `,"converts":`...), e.Converts)
	b = appendNumber(append(b, `,"after":`...), e.After)
	stepUp := "fail"
	if e.Passes {
		stepUp = "pass"
	}
	b = append(append(b, `,"stepup":"`...), stepUp...)
	return append(b, '"', '}', '\n')
}

func (e *Event) kind() string {
	if e.Attack {
		return "attack"
	}
	return "legit"
}

// appendNumber keeps to milliseconds and millionths where that is what there is.
func appendNumber(b []byte, f float64) []byte { return strconv.AppendFloat(b, f, 'f', -1, 64) }

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// tidy rounds a time to milliseconds, as the server keeps times.
func tidy(seconds float64) float64 { return math.Round(seconds*1000) / 1000 }
