package cognito

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// schemaAttributeType is an attribute of a pool's schema. Bounds are texts on
// the wire.
type schemaAttributeType struct {
	Name                       *string
	AttributeDataType          *string
	DeveloperOnlyAttribute     *bool
	Mutable                    *bool
	Required                   *bool
	NumberAttributeConstraints *numberConstraintsType `json:",omitzero"`
	StringAttributeConstraints *stringConstraintsType `json:",omitzero"`
}

type numberConstraintsType struct {
	MinValue *string `json:",omitzero"`
	MaxValue *string `json:",omitzero"`
}

type stringConstraintsType struct {
	MinLength *string `json:",omitzero"`
	MaxLength *string `json:",omitzero"`
}

func (v *violations) schema(list []schemaAttributeType) {
	v.length("schema", len(list), 0, 50)
	for i, s := range list {
		path := fmt.Sprintf("schema.%d.member.", i+1)
		v.required(path+"name", s.Name, schemaName)
		v.optional(path+"attributeDataType", s.AttributeDataType, dataType)
	}
}

// required lists the attributes that the schema demands.
func required(schema []schemaAttributeType) []string {
	var names []string
	for _, s := range schema {
		if value(s.Required) {
			names = append(names, value(s.Name))
		}
	}
	return names
}

// boundsOf checks what was said of the schema when a pool was made, and reads
// the bounds that attributes must keep. Messages are the service's where it is
// known to have one.
func boundsOf(given []schemaAttributeType) (map[string]userpool.Bounds, error) {
	var all map[string]userpool.Bounds
	seen := map[string]bool{}
	for _, g := range given {
		name := value(g.Name)
		if seen[name] {
			return nil, schemaFault("Schema: the attribute %s is named twice.", strings.ToValidUTF8(name, "?"))
		}
		seen[name] = true
		std, err := g.standard()
		if err != nil {
			return nil, err
		}
		bounds, err := g.bounds(std)
		if err != nil {
			return nil, err
		}
		if bounds == (userpool.Bounds{}) {
			continue
		}
		if all == nil {
			all = make(map[string]userpool.Bounds)
		}
		all[name] = bounds
	}
	return all, nil
}

func schemaFault(format string, args ...any) error {
	return fault.New(fault.InvalidParameter, format, args...)
}

// standard is the attribute of the standard schema that g is about, if g leaves
// its nature alone.
func (g schemaAttributeType) standard() (schemaAttributeType, error) {
	name := value(g.Name)
	i := slices.IndexFunc(standardSchema, func(std schemaAttributeType) bool { return *std.Name == name })
	if i < 0 {
		return g, schemaFault("Schema: custom attributes, like %s, are not served by this version of Bellhop.", strings.ToValidUTF8(name, "?"))
	}
	std := standardSchema[i]
	switch {
	case orDefault(g.AttributeDataType, *std.AttributeDataType) != *std.AttributeDataType, value(g.DeveloperOnlyAttribute):
		return std, schemaFault("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", name)
	case !orDefault(g.Mutable, true) && *std.Mutable:
		return std, schemaFault("Schema: immutable attributes, like %s, are not served by this version of Bellhop.", name)
	}
	return std, nil
}

// fixed are the attributes whose form is given: what the service itself writes,
// and a date.
var fixed = []string{userpool.AttrSub, "identities", "birthdate"}

// bounds reads the constraints of g, which must be of the kind that std has.
func (g schemaAttributeType) bounds(std schemaAttributeType) (userpool.Bounds, error) {
	name, text, number := *std.Name, g.StringAttributeConstraints, g.NumberAttributeConstraints
	invalid := func(kind string) (userpool.Bounds, error) {
		return userpool.Bounds{}, schemaFault("Invalid %sAttributeConstraints for schema attribute %s", kind, name)
	}
	switch {
	case text != nil && *std.AttributeDataType != "String":
		return invalid("String")
	case number != nil && *std.AttributeDataType != "Number":
		return invalid("Number")
	case text != nil:
		b, ok := parseBounds(text.MinLength, text.MaxLength)
		if !ok || slices.Contains(fixed, name) && !text.equal(std.StringAttributeConstraints) {
			return invalid("String")
		}
		return b, checkLengths(name, b)
	case number != nil:
		b, ok := parseBounds(number.MinValue, number.MaxValue)
		if !ok {
			return invalid("Number")
		}
		if b.Min != nil && b.Max != nil && *b.Max < *b.Min {
			return b, schemaFault("user.%s: Max value cannot be less than min value.", name)
		}
		return b, nil
	}
	return userpool.Bounds{}, nil
}

func (c *stringConstraintsType) equal(other *stringConstraintsType) bool {
	return value(c.MinLength) == value(other.MinLength) && value(c.MaxLength) == value(other.MaxLength)
}

// parseBounds reads bounds, which are texts on the wire and never negative.
func parseBounds(low, high *string) (b userpool.Bounds, ok bool) {
	if b.Min, ok = parseBound(low); !ok {
		return b, false
	}
	b.Max, ok = parseBound(high)
	return b, ok
}

func parseBound(text *string) (*int64, bool) {
	if text == nil {
		return nil, true
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	return &n, err == nil && n >= 0
}

// Every value has at most maxLength characters; the numbers that name users
// have from shortestNumber to longestNumber (E.164, with the plus sign).
const (
	maxLength      = 2048
	shortestNumber = 8
	longestNumber  = 16
)

func checkLengths(name string, b userpool.Bounds) error {
	low, high := value(b.Min), orDefault(b.Max, maxLength)
	switch {
	case low > maxLength || high > maxLength:
		return schemaFault("user.%s: String attributes cannot have a length of more than %d", name, maxLength)
	case high < low:
		return schemaFault("user.%s: Max length cannot be less than min length.", name)
	case name == userpool.AttrPhone && (low > shortestNumber || high < longestNumber):
		return schemaFault("user.%s: Users are named by their numbers, so lengths from %d to %d must be allowed.", name, shortestNumber, longestNumber)
	}
	return nil
}

// standardSchema is the schema of a pool that was made with only a name.
var standardSchema = []schemaAttributeType{
	sub(), text("name"), text("given_name"), text("family_name"), text("middle_name"), text("nickname"),
	text("preferred_username"), text("profile"), text("picture"), text("website"), text("email"),
	flag("email_verified"), text("gender"), birthdate(), text("zoneinfo"), text("locale"), text("phone_number"),
	flag("phone_number_verified"), text("address"), updatedAt(), identities(),
}

func standard(name, kind string) schemaAttributeType {
	return schemaAttributeType{
		Name: &name, AttributeDataType: &kind,
		DeveloperOnlyAttribute: new(false), Mutable: new(true), Required: new(false),
	}
}

func bounded(name, low, high string) schemaAttributeType {
	a := standard(name, "String")
	a.StringAttributeConstraints = &stringConstraintsType{MinLength: &low, MaxLength: &high}
	return a
}

func text(name string) schemaAttributeType { return bounded(name, "0", "2048") }
func flag(name string) schemaAttributeType { return standard(name, "Boolean") }
func birthdate() schemaAttributeType       { return bounded("birthdate", "10", "10") }

func sub() schemaAttributeType {
	a := bounded("sub", "1", "2048")
	a.Mutable, a.Required = new(false), new(true)
	return a
}

func updatedAt() schemaAttributeType {
	a := standard("updated_at", "Number")
	a.NumberAttributeConstraints = &numberConstraintsType{MinValue: new("0")}
	return a
}

func identities() schemaAttributeType {
	a := standard("identities", "String")
	a.StringAttributeConstraints = &stringConstraintsType{}
	return a
}

// schemaOut is the standard schema with what the pool demands and what was said
// of it when the pool was made.
func schemaOut(demanded []string, given []schemaAttributeType) []schemaAttributeType {
	out := make([]schemaAttributeType, len(standardSchema))
	for i, a := range standardSchema {
		for _, name := range demanded {
			if name == *a.Name {
				a.Required = new(true)
			}
		}
		for _, g := range given {
			if value(g.Name) == *a.Name {
				a = a.with(g)
			}
		}
		out[i] = a
	}
	return out
}

// with is the attribute with the constraints that were given for it.
func (a schemaAttributeType) with(g schemaAttributeType) schemaAttributeType {
	if g.StringAttributeConstraints != nil {
		a.StringAttributeConstraints = g.StringAttributeConstraints
	}
	if g.NumberAttributeConstraints != nil {
		a.NumberAttributeConstraints = g.NumberAttributeConstraints
	}
	return a
}
