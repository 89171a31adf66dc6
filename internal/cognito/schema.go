package cognito

import "fmt"

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
