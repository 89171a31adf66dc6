package cognito

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// rule is the shape of a text in the service model. The zero rule allows
// anything.
type rule struct {
	min, max int // characters; no upper bound if max is zero
	pattern  *pattern
	enum     []string
	// secret leaves the value out of messages, as Cognito does for members
	// that the model marks sensitive.
	secret bool
	// orEmpty lets the empty text pass, whatever else is asked.
	orEmpty bool
}

// maxEchoed is how much of a refused value a message repeats.
const maxEchoed = 128

// violations collects what is wrong with a request. Names of members are told
// as the service tells them: with a lower-case first letter, nested ones by
// path (userAttributes.1.member.name).
type violations struct {
	list []string
}

// err is one fault that names all violations, nil without any.
func (v *violations) err() error {
	switch n := len(v.list); n {
	case 0:
		return nil
	case 1:
		return fault.New(fault.InvalidParameter, "1 validation error detected: %s", v.list[0])
	default:
		return fault.New(fault.InvalidParameter, "%d validation errors detected: %s", n, strings.Join(v.list, "; "))
	}
}

// maxViolations bounds what one answer tells.
const maxViolations = 20

func (v *violations) add(shown, name, constraint string) {
	v.addOf(name, shown, "Member must "+constraint)
}

func (v *violations) addOf(name, shown, constraint string) {
	if len(v.list) < maxViolations {
		v.list = append(v.list, fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: %s", shown, name, constraint))
	}
}

// required checks a text that must be there.
func (v *violations) required(name string, s *string, r rule) {
	if s == nil {
		v.add(" null", name, "not be null")
		return
	}
	v.text(name, *s, r)
}

// optional checks a text that may be absent.
func (v *violations) optional(name string, s *string, r rule) {
	if s != nil {
		v.text(name, *s, r)
	}
}

func (v *violations) text(name, s string, r rule) {
	for _, b := range r.broken(s) {
		v.add(r.show(s), name, b)
	}
}

// broken are the constraints that the text does not satisfy.
func (r rule) broken(s string) (list []string) {
	if r.orEmpty && s == "" {
		return nil
	}
	if r.min > 0 || r.max > 0 {
		n := utf8.RuneCountInString(s)
		if n < r.min {
			list = append(list, atLeast(r.min))
		}
		if r.max > 0 && n > r.max {
			list = append(list, atMost(r.max))
		}
	}
	if r.pattern != nil && !r.pattern.matches(s) {
		list = append(list, r.pattern.constraint())
	}
	if r.enum != nil && !slices.Contains(r.enum, s) {
		list = append(list, r.oneOf())
	}
	return list
}

// constraints are all that the rule asks, in the order in which the service tells
// them of elements.
func (r rule) constraints() string {
	var list []string
	if r.max > 0 {
		list = append(list, "Member must "+atMost(r.max))
	}
	if r.max > 0 || r.min > 0 {
		list = append(list, "Member must "+atLeast(r.min))
	}
	if r.pattern != nil {
		list = append(list, "Member must "+r.pattern.constraint())
	}
	if r.enum != nil {
		list = append(list, "Member must "+r.oneOf())
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func atLeast(n int) string { return fmt.Sprintf("have length greater than or equal to %d", n) }
func atMost(n int) string  { return fmt.Sprintf("have length less than or equal to %d", n) }

func (r rule) oneOf() string { return "satisfy enum value set: [" + strings.Join(r.enum, ", ") + "]" }

// show is the value as a message repeats it, with a space before it; nothing
// for a secret or a long one.
func (r rule) show(s string) string {
	if r.secret || len(s) > maxEchoed {
		return ""
	}
	return " '" + s + "'"
}

// present checks a structure, list or map that must be there.
func (v *violations) present(name string, there bool) {
	if !there {
		v.add(" null", name, "not be null")
	}
}

// between checks an optional number.
func (v *violations) between(name string, n *int32, low, high int32) {
	switch {
	case n == nil:
	case *n < low:
		v.add(fmt.Sprintf(" '%d'", *n), name, fmt.Sprintf("have value greater than or equal to %d", low))
	case *n > high:
		v.add(fmt.Sprintf(" '%d'", *n), name, fmt.Sprintf("have value less than or equal to %d", high))
	}
}

// page checks what asks for a page of a list.
func (v *violations) page(most *int32, token *string) {
	v.between("maxResults", most, 1, 60)
	v.optional("nextToken", token, pageToken)
}

// length checks how many elements a list or map has.
func (v *violations) length(name string, n, low, high int) {
	switch {
	case n < low:
		v.add("", name, atLeast(low))
	case n > high:
		v.add("", name, atMost(high))
	}
}

// each checks every text of a list. However many are wrong, the list is: Cognito shows
// it and all that it asks of an element (aws-solutions/media-insights-on-aws#199).
func (v *violations) each(name string, list []string, r rule) {
	if slices.ContainsFunc(list, func(s string) bool { return len(r.broken(s)) > 0 }) {
		v.addOf(name, r.show("["+strings.Join(list, ", ")+"]"), "Member must satisfy constraint: "+r.constraints())
	}
}

// texts checks the keys and the values of a map, which it tells as it tells lists.
func (v *violations) texts(name string, m textMap, key, val rule) {
	var wrongKey, wrongValue bool
	for k, s := range m {
		wrongKey = wrongKey || len(key.broken(k)) > 0
		wrongValue = wrongValue || len(val.broken(s)) > 0
	}
	if wrongKey {
		v.addOf(name, "", "Map keys must satisfy constraint: "+key.constraints())
	}
	if wrongValue {
		v.addOf(name, "", "Map value must satisfy constraint: "+val.constraints())
	}
}

// attributes checks a list of attributes.
func (v *violations) attributes(name string, list []attributeType) {
	for i, a := range list {
		path := fmt.Sprintf("%s.%d.member", name, i+1)
		v.required(path+".name", a.Name, attributeName)
		v.optional(path+".value", a.Value, attributeValue)
	}
}
