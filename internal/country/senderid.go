package country

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/bellhop-auth/bellhop/internal/phone"
)

// Objection is what a country has against a sender id. What is half a sentence that
// follows the place of the setting, and ends with its source.
type Objection struct {
	What string
	// Refused: texts from it do not arrive. Else it is to be looked at.
	Refused bool
	// Register: it is let through once it is registered.
	Register bool
}

// CheckSenderID says what is known against texts to the country (ISO 3166) that come
// from the id: a name, a number with its +, or a short code. The rules for names that
// hold everywhere hold also where the country has no pack.
func CheckSenderID(iso, id string) []Objection {
	p, ok := Lookup(iso)
	if !ok {
		p = Pack{Country: iso, Name: iso}
	}
	return p.CheckSenderID(id)
}

// CheckSenderID says what is known against texts that come from the id.
func (p Pack) CheckSenderID(id string) []Objection {
	key, sort := p.sortOf(id)
	var all []Objection
	if key == SenderNames {
		all = append(all, p.shapeOfName(id)...)
	}
	switch p.Is(key) {
	case Refused:
		all = append(all, p.object(key, p.Agreed(key) == Refused, "is %s, from which texts to %s are not let through", sort, p.the()))
	case NeedsRegistration:
		register := ""
		if name := p.NeedsRegistration(); name != "" {
			register = " (" + name + ")"
		}
		o := p.object(key, false, "is %s, which must be registered%s before texts from it reach %s", sort, register, p.the())
		o.Register = true
		all = append(all, o)
	}
	if key == SenderNames && p.Is(SenderNameKept) == No && p.Is(key) != Refused {
		all = append(all, p.object(SenderNameKept, false, "is a name, which is replaced on its way to %s", p.the()))
	}
	return all
}

// object words an objection with the fact that it is from, and a source that says
// otherwise.
func (p Pack) object(k Key, refused bool, format string, args ...any) Objection {
	what := fmt.Sprintf(format, args...) + " (" + p.fact(k).Source.String()
	for _, f := range p.Facts(k) {
		if f.Is != p.Is(k) {
			what += fmt.Sprintf("; but %s says %s", f.Source, f.Is)
		}
	}
	return Objection{What: what + ")", Refused: refused}
}

// shortest number that is a line's: shorter ones without a + are short codes.
const shortestNumber = 7

// IsName says whether a sender id is a name, neither a number nor a short code.
func IsName(id string) bool {
	digits := strings.TrimPrefix(id, "+")
	return digits == "" || strings.Trim(digits, "0123456789") != ""
}

// sortOf says which key speaks of the id, and what it is for a reader.
func (p Pack) sortOf(id string) (Key, string) {
	if IsName(id) {
		return SenderNames, "a name"
	}
	digits, plus := strings.CutPrefix(id, "+")
	if !plus && len(digits) < shortestNumber {
		return ShortCodes, "a short code"
	}
	// Countries that share a calling code share numbers here: Canadian ones serve in
	// the USA, and those that providers keep for tests are nobody's.
	e164 := "+" + digits
	switch n, err := phone.Parse(e164); {
	case err == nil && n.Kind() == phone.TollFree:
		return TollFreeNumbers, "a toll-free number"
	case slices.Contains(phone.CountriesOf(e164), p.Country):
		return LocalNumbers, "a number of the country"
	default:
		return ForeignNumbers, "a number of another country"
	}
}

// shapeOfName says what is wrong with how a name is written: by the country's rules,
// or by those that hold everywhere.
func (p Pack) shapeOfName(id string) []Objection {
	var all []Objection
	if from := p.ruled(SenderNameLength); from.facts != nil {
		least, most, _ := from.Is(SenderNameLength).span()
		if n := len([]rune(id)); n < least || n > most {
			all = append(all, from.object(SenderNameLength, true, "is a name of %d characters, and must have %s", n, from.Is(SenderNameLength)))
		}
	}
	if from := p.ruled(SenderNameCharacters); from.facts != nil {
		allowed := from.fact(SenderNameCharacters)
		if strings.ContainsFunc(id, func(c rune) bool { return !allows(allowed.List, c) }) {
			// What holds everywhere is but what most providers take.
			all = append(all, from.object(SenderNameCharacters, from.Country != World, "is a name with other characters than %s", allowed.Is))
		}
	}
	for _, barred := range p.Facts(SenderNamesBarred) {
		if slices.Contains(barred.List, folded(id)) {
			all = append(all, Objection{What: fmt.Sprintf("is a name that is blocked in %s (%v)", p.the(), barred.Source), Refused: true})
			break
		}
	}
	if !strings.ContainsFunc(id, unicode.IsLetter) {
		all = append(all, Objection{What: "is neither a number nor a name, which has a letter", Refused: true})
	}
	return all
}

// ruled is the pack whose word counts for the key: the country's own, else the
// world's.
func (p Pack) ruled(k Key) Pack {
	for _, from := range []Pack{p, Everywhere()} {
		if from.Is(k) != "" {
			return from
		}
	}
	return Pack{}
}

// allows says whether a list of characters and their classes has this one.
func allows(list []string, c rune) bool {
	switch {
	case c <= unicode.MaxASCII && unicode.IsLetter(c):
		return slices.Contains(list, classLetters)
	case c <= unicode.MaxASCII && unicode.IsDigit(c):
		return slices.Contains(list, classDigits)
	case c == ' ':
		return slices.Contains(list, classSpace)
	default:
		return slices.Contains(list, string(c))
	}
}

// the is the country's name for the middle of a sentence.
func (p Pack) the() string {
	if strings.HasPrefix(p.Name, "United ") {
		return "the " + p.Name
	}
	return p.Name
}
