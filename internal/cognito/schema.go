package cognito

import (
	"fmt"
	"math"
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

func (v *violations) schema(member string, list []schemaAttributeType) {
	v.length(member, len(list), 0, 50)
	for i, s := range list {
		path := fmt.Sprintf("%s.%d.member.", member, i+1)
		v.required(path+"name", s.Name, schemaName)
		v.optional(path+"attributeDataType", s.AttributeDataType, dataType)
	}
}

// readSchema checks what is said of the schema when a pool is made, and reads
// it into the pool's settings. Messages are the service's where it is known to
// have one.
func readSchema(given []schemaAttributeType, s *userpool.PoolSettings) error {
	seen := map[string]bool{}
	for _, g := range given {
		name := value(g.Name)
		if seen[name] {
			return schemaFault("Schema: the attribute %s is named twice.", strings.ToValidUTF8(name, "?"))
		}
		seen[name] = true
		if err := g.read(s); err != nil {
			return err
		}
	}
	return nil
}

func (g schemaAttributeType) read(s *userpool.PoolSettings) error {
	name := value(g.Name)
	i := slices.IndexFunc(standardSchema, func(std schemaAttributeType) bool { return *std.Name == name })
	if i < 0 {
		custom, err := g.custom()
		s.Custom = append(s.Custom, custom)
		return err
	}
	std := standardSchema[i]
	if orDefault(g.AttributeDataType, *std.AttributeDataType) != *std.AttributeDataType || value(g.DeveloperOnlyAttribute) {
		return schemaFault("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute %s", name)
	}
	bounds, err := g.bounds(std, 0)
	if err != nil {
		return err
	}
	if bounds != (userpool.Bounds{}) {
		if s.Bounds == nil {
			s.Bounds = make(map[string]userpool.Bounds)
		}
		s.Bounds[name] = bounds
	}
	if value(g.Required) {
		s.Required = append(s.Required, name)
	}
	if !orDefault(g.Mutable, true) && *std.Mutable {
		s.Immutable = append(s.Immutable, name)
	}
	return nil
}

// custom reads an attribute of the pool's own, which is asked for by its name
// without prefix.
func (g schemaAttributeType) custom() (userpool.CustomAttribute, error) {
	a := userpool.CustomAttribute{
		Name: userpool.CustomName(value(g.Name)), Type: userpool.AttributeType(value(g.AttributeDataType)), Mutable: orDefault(g.Mutable, true),
	}
	switch {
	case value(g.Required):
		return a, schemaFault("Required custom attributes are not supported currently.")
	case value(g.DeveloperOnlyAttribute):
		return a, schemaFault("%s: Attributes for developers only are not served. Leave the attribute out of WriteAttributes of the app clients instead.", strings.ToValidUTF8(a.Name, "?"))
	}
	var err error
	a.Bounds, err = g.bounds(standard(a.Name, string(a.Type)), math.MinInt64)
	return a, err
}

func schemaFault(format string, args ...any) error {
	return fault.New(fault.InvalidParameter, format, args...)
}

// fixed are the attributes whose form is given: what the service itself writes,
// and a date.
var fixed = []string{userpool.AttrSub, "identities", "birthdate"}

// bounds reads the constraints of g, which must be of the kind that std has. No
// number among them may be lower than least.
func (g schemaAttributeType) bounds(std schemaAttributeType, least int64) (userpool.Bounds, error) {
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
		b, ok := parseBounds(text.MinLength, text.MaxLength, 0)
		if !ok || slices.Contains(fixed, name) && !text.equal(std.StringAttributeConstraints) {
			return invalid("String")
		}
		return b, checkLengths(name, b)
	case number != nil:
		b, ok := parseBounds(number.MinValue, number.MaxValue, least)
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

// parseBounds reads bounds, which are texts on the wire.
func parseBounds(low, high *string, least int64) (b userpool.Bounds, ok bool) {
	if b.Min, ok = parseBound(low, least); !ok {
		return b, false
	}
	b.Max, ok = parseBound(high, least)
	return b, ok
}

func parseBound(text *string, least int64) (*int64, bool) {
	if text == nil {
		return nil, true
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	return &n, err == nil && n >= least
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

// schemaOut is the standard schema with what was said of it when the pool was
// made, and the attributes of the pool's own.
func schemaOut(s userpool.PoolSettings) []schemaAttributeType {
	out := make([]schemaAttributeType, 0, len(standardSchema)+len(s.Custom))
	for _, a := range standardSchema {
		name := *a.Name
		if slices.Contains(s.Required, name) {
			a.Required = new(true)
		}
		if slices.Contains(s.Immutable, name) {
			a.Mutable = new(false)
		}
		if b, ok := s.Bounds[name]; ok {
			a.bind(b)
		}
		out = append(out, a)
	}
	for _, c := range s.Custom {
		a := standard(c.Name, string(c.Type))
		a.Mutable = &c.Mutable
		a.bind(c.Bounds)
		out = append(out, a)
	}
	return out
}

// bind shows the bounds in the way of the attribute's type.
func (a *schemaAttributeType) bind(b userpool.Bounds) {
	switch *a.AttributeDataType {
	case "String":
		a.StringAttributeConstraints = &stringConstraintsType{MinLength: boundOut(b.Min), MaxLength: boundOut(b.Max)}
	case "Number":
		a.NumberAttributeConstraints = &numberConstraintsType{MinValue: boundOut(b.Min), MaxValue: boundOut(b.Max)}
	}
}

func boundOut(n *int64) *string {
	if n == nil {
		return nil
	}
	return new(strconv.FormatInt(*n, 10))
}
