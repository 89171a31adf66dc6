package rehearse

import (
	"strings"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// numbers says where numbers lead. The library that knows takes its time, so what
// it says of one number stands for those that differ in the last four digits
// alone: no numbering plan tells countries or sorts of lines apart by those.
type numbers struct {
	of map[string]family
}

// family is what is common to the numbers of a prefix.
type family struct {
	front string // of the canonical form, for the prefix
	route guard.Route
	kind  phone.Kind
}

// tail is how many digits a family's numbers differ in.
const tail = 4

// families is how many are remembered.
const families = 1 << 17

// canonical returns the number's one form, its route and the sort of its line. What
// cannot be a number is taken as it is.
func (n *numbers) canonical(number string) (string, guard.Route, phone.Kind) {
	if len(number) < len("+")+2*tail {
		p, f := look(number)
		return p.E164(), f.route, f.kind
	}
	prefix, last := number[:len(number)-tail], number[len(number)-tail:]
	f, ok := n.of[prefix]
	if !ok {
		var p phone.Number
		p, f = look(number)
		front, same := strings.CutSuffix(p.E164(), last)
		if !same {
			return p.E164(), f.route, f.kind
		}
		if len(n.of) >= families || n.of == nil {
			n.of = map[string]family{}
		}
		f.front = strings.Clone(front)
		n.of[strings.Clone(prefix)] = f
	}
	if f.front == prefix {
		return number, f.route, f.kind
	}
	return f.front + last, f.route, f.kind
}

// look asks the library.
func look(number string) (phone.Number, family) {
	n, region, kind, err := phone.ParseLine(number)
	if err != nil {
		n = phone.FromCanonical(number)
	}
	return n, family{route: guard.RouteIn(n, region), kind: kind}
}

// nowhere stands for the country of numbers that have none.
const nowhere = "ZZ"

func country(r guard.Route) string {
	if r.Country == "" {
		return nowhere
	}
	return r.Country
}

// digits says whether s is a + and digits.
func digits(s string) bool {
	return len(s) > 1 && s[0] == '+' && len(s) <= longest && strings.Trim(s[1:], "0123456789") == ""
}

// longest is more than any number has, and less than would be a burden.
const longest = 64
