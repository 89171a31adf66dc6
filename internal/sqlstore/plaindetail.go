package sqlstore

import (
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/plain"
)

// A line of the decision log is written with each text and read when its code is used.
// What its detail mostly has is plain (see plainText), and is written and read here by its
// names, as encoding/json does it in several times the time. Whatever else there is goes
// there.

// detailText is the form in which a detail is kept.
func detailText(d decisionDetail) string {
	if d.plain() {
		w := plainWriter{b: append(make([]byte, 0, 1024), '{')}
		if d.write(&w); !w.odd {
			return string(append(w.b, '}'))
		}
	}
	return text(d)
}

// plain says that the detail has nothing but what write writes.
func (d decisionDetail) plain() bool {
	return d.Until.IsZero() && len(d.Levels) == 0 && d.Receipt == guard.Receipt{} && d.Ask == nil &&
		(d.Sent == nil || d.Sent.At.IsZero())
}

func (d decisionDetail) write(w *plainWriter) {
	w.text("Operation", d.Operation)
	w.text("Purpose", d.Purpose)
	if a := d.Asked; a != (asked{}) {
		w.open("Asked")
		w.text("pd", a.OfDevice)
		w.text("pa", a.OfAddress)
		w.text("pn", a.OfNetwork)
		w.text("c", a.Country)
		w.number("b", a.Block)
		w.count("n", int64(a.Digits))
		w.count("k", int64(a.Kind))
		w.text("a", a.Address)
		w.text("w", a.Network)
		w.text("p", a.Pool)
		w.text("i", a.Client)
		w.count("m", a.Price)
		w.yes("y", a.Known)
		w.text("d", a.Device)
		w.yes("s", a.Stepped)
		w.yes("x", a.Silent)
		w.close()
	}
	w.text("Rule", string(d.Rule))
	w.text("Of", d.Of)
	w.text("Looked", d.Looked)
	w.text("StepUp", d.StepUp)
	if d.Sent != nil {
		w.open("Sent")
		w.yes("Windows", d.Sent.Windows)
		w.yes("Earned", d.Sent.Earned)
		w.yes("Matured", d.Sent.Matured)
		w.close()
	}
}

// readPlain reads what write has written; false for whatever is not so.
func (d *decisionDetail) readPlain(s string) bool {
	rest, ok := plainMembers(s, func(name string, v plainValue) bool {
		switch name {
		case "Operation":
			return v.text(&d.Operation)
		case "Purpose":
			return v.text(&d.Purpose)
		case "Asked":
			return v.members(d.Asked.read)
		case "Rule":
			return v.text((*string)(&d.Rule))
		case "Of":
			return v.text(&d.Of)
		case "Looked":
			return v.text(&d.Looked)
		case "StepUp":
			return v.text(&d.StepUp)
		case "Sent":
			d.Sent = &sent{}
			return v.members(d.Sent.read)
		}
		return false
	})
	return ok && rest == ""
}

func (a *asked) read(name string, v plainValue) bool {
	var n int64
	switch name {
	case "pd":
		return v.text(&a.OfDevice)
	case "pa":
		return v.text(&a.OfAddress)
	case "pn":
		return v.text(&a.OfNetwork)
	case "c":
		return v.text(&a.Country)
	case "b":
		return v.number(&a.Block)
	case "n":
		ok := v.count(&n)
		a.Digits = int(n)
		return ok
	case "k":
		ok := v.count(&n)
		a.Kind = phone.Kind(n)
		return ok && int64(a.Kind) == n
	case "a":
		return v.text(&a.Address)
	case "w":
		return v.text(&a.Network)
	case "p":
		return v.text(&a.Pool)
	case "i":
		return v.text(&a.Client)
	case "m":
		return v.count(&a.Price)
	case "y":
		return v.yes(&a.Known)
	case "d":
		return v.text(&a.Device)
	case "s":
		return v.yes(&a.Stepped)
	case "x":
		return v.yes(&a.Silent)
	}
	return false
}

func (s *sent) read(name string, v plainValue) bool {
	switch name {
	case "Windows":
		return v.yes(&s.Windows)
	case "Earned":
		return v.yes(&s.Earned)
	case "Matured":
		return v.yes(&s.Matured)
	}
	return false
}

// plainWriter writes the members of an object that are not empty.
type plainWriter struct {
	b   []byte
	odd bool // something was not plain
}

func (w *plainWriter) name(name string) { w.b = plain.AppendName(w.b, name) }

func (w *plainWriter) open(name string) {
	w.name(name)
	w.b = append(w.b, '{')
}

func (w *plainWriter) close() { w.b = append(w.b, '}') }

func (w *plainWriter) text(name, v string) {
	if v == "" {
		return
	}
	w.odd = w.odd || !plain.Is(v)
	w.name(name)
	w.b = plain.Append(w.b, v)
}

func (w *plainWriter) number(name string, v uint64) {
	if v != 0 {
		w.name(name)
		w.b = strconv.AppendUint(w.b, v, 10)
	}
}

func (w *plainWriter) count(name string, v int64) {
	if v != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, v, 10)
	}
}

func (w *plainWriter) yes(name string, v bool) {
	if v {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

// plainValue is a member's value as it stands there.
type plainValue string

func (v plainValue) text(to *string) (ok bool) {
	*to, ok = v.asText()
	return ok
}

func (v plainValue) asText() (text string, ok bool) {
	text, rest, ok := plainText(string(v))
	return text, ok && rest == ""
}

func (v plainValue) number(to *uint64) (ok bool) {
	n, err := strconv.ParseUint(string(v), 10, 64)
	*to = n
	return err == nil
}

func (v plainValue) count(to *int64) (ok bool) {
	n, err := strconv.ParseInt(string(v), 10, 64)
	*to = n
	return err == nil
}

func (v plainValue) yes(to *bool) (ok bool) {
	*to = true
	return v == "true"
}

func (v plainValue) members(member func(string, plainValue) bool) bool {
	rest, ok := plainMembers(string(v), member)
	return ok && rest == ""
}

// plainMembers reads the members of an object, of which some may be objects, and says
// what follows it.
func plainMembers(s string, member func(name string, v plainValue) bool) (rest string, ok bool) {
	if s, ok = strings.CutPrefix(s, "{"); !ok {
		return "", false
	}
	if rest, empty := strings.CutPrefix(s, "}"); empty {
		return rest, true
	}
	for {
		var name string
		if name, s, ok = plainText(s); !ok {
			return "", false
		}
		if s, ok = strings.CutPrefix(s, ":"); !ok || s == "" {
			return "", false
		}
		rest = s
		switch s[0] {
		case '"':
			_, rest, ok = plainText(s)
		case '{':
			rest, ok = plainMembers(s, func(string, plainValue) bool { return true })
		default:
			rest = strings.TrimLeft(s, plainSigns)
			ok = len(rest) < len(s)
		}
		if !ok || !member(name, plainValue(s[:len(s)-len(rest)])) {
			return "", false
		}
		if s, ok = strings.CutPrefix(rest, ","); !ok {
			return strings.CutPrefix(rest, "}")
		}
	}
}

// plainSigns are those of whole numbers and truth values.
const plainSigns = "-0123456789truefals"
