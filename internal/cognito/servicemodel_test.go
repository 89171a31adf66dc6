package cognito

import (
	stdjson "encoding/json"
	goflag "flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The facts of the service model that tests hold the face to: which members an
// operation has, what bounds them, and which errors it is said to have. They are taken
// from the model file that botocore brings (1.43.11, May 2026), without any of its
// texts:
//
//	go test ./internal/cognito -run TestServiceModel -model .../cognito-idp/2016-04-18/service-2.json
const serviceModelFile = "testdata/service-model.json"

var modelFile = goflag.String("model", "", "botocore's service-2.json of cognito-idp, to take the facts from anew")

// modelOperation is what the model says of an operation.
type modelOperation struct {
	In     string
	Out    string `json:",omitempty"`
	Errors []string
}

// modelShape is what the model says of a type.
type modelShape struct {
	Type       string
	Min, Max   *int64            `json:",omitempty"`
	Pattern    string            `json:",omitempty"`
	Enum       []string          `json:",omitempty"`
	Sensitive  bool              `json:",omitempty"`
	Document   bool              `json:",omitempty"` // any JSON
	Required   []string          `json:",omitempty"`
	Members    map[string]string `json:",omitempty"`
	Member     string            `json:",omitempty"` // of a list
	Key, Value string            `json:",omitempty"` // of a map
}

type serviceModel struct {
	Operations map[string]modelOperation
	Shapes     map[string]modelShape
}

// newerThanModel are operations that the service has and this model file not yet, as the
// API reference describes them.
var newerThanModel = serviceModel{
	Operations: map[string]modelOperation{
		"AdminGetUserAuthFactors": {In: "AdminGetUserAuthFactorsRequest", Out: "AdminGetUserAuthFactorsResponse", Errors: []string{
			"InternalErrorException", "InvalidParameterException", "NotAuthorizedException", "ResourceNotFoundException",
			"TooManyRequestsException", "UserNotFoundException"}},
	},
	Shapes: map[string]modelShape{
		"AdminGetUserAuthFactorsRequest": {Type: "structure", Required: []string{"UserPoolId", "Username"},
			Members: map[string]string{"UserPoolId": "UserPoolIdType", "Username": "UsernameType"}},
		"AdminGetUserAuthFactorsResponse": {Type: "structure", Required: []string{"Username"}, Members: map[string]string{
			"Username": "UsernameType", "PreferredMfaSetting": "StringType", "UserMFASettingList": "UserMFASettingListType",
			"ConfiguredUserAuthFactors": "ConfiguredUserAuthFactorsListType"}},
	},
}

var theModel = sync.OnceValues(func() (serviceModel, error) {
	var m serviceModel
	text, err := os.ReadFile(serviceModelFile)
	if err != nil {
		return m, err
	}
	if err := stdjson.Unmarshal(text, &m); err != nil {
		return m, err
	}
	maps.Copy(m.Operations, newerThanModel.Operations)
	maps.Copy(m.Shapes, newerThanModel.Shapes)
	return m, nil
})

func model(t testing.TB) serviceModel {
	t.Helper()
	m, err := theModel()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// modelPattern is a pattern of the model as Go reads it, for the whole of a text.
func modelPattern(pattern string) (*regexp.Regexp, error) {
	if re, ok := patterns.Load(pattern); ok {
		return re.(*regexp.Regexp), nil
	}
	expression := strings.ReplaceAll(pattern, `(?<!\.)`, `[^.]`) // of a bucket's name
	if pattern == "" {
		expression = ".*"
	}
	re, err := regexp.Compile(`\A(?s:` + expression + `)\z`)
	if err == nil {
		patterns.Store(pattern, re)
	}
	return re, err
}

var patterns sync.Map // by their text

// botocore is the form of the file that the facts are taken from.
type botocore struct {
	Operations map[string]struct {
		Input, Output reference
		Errors        []reference
	}
	Shapes map[string]struct {
		Type               string
		Min, Max           *int64
		Pattern            string
		Enum, Required     []string
		Sensitive          bool
		Document           bool
		Members            map[string]reference
		Member, Key, Value reference
	}
}

type reference struct{ Shape string }

// facts are the model without its texts.
func (b botocore) facts() serviceModel {
	m := serviceModel{Operations: map[string]modelOperation{}, Shapes: map[string]modelShape{}}
	for name, o := range b.Operations {
		op := modelOperation{In: o.Input.Shape, Out: o.Output.Shape}
		for _, e := range o.Errors {
			op.Errors = append(op.Errors, e.Shape)
		}
		slices.Sort(op.Errors)
		m.Operations[name] = op
	}
	for name := range b.used() {
		s := b.Shapes[name]
		shape := modelShape{Type: s.Type, Min: s.Min, Max: s.Max, Pattern: s.Pattern, Enum: s.Enum, Sensitive: s.Sensitive,
			Document: s.Document, Required: s.Required, Member: s.Member.Shape, Key: s.Key.Shape, Value: s.Value.Shape}
		for member, ref := range s.Members {
			if shape.Members == nil {
				shape.Members = map[string]string{}
			}
			shape.Members[member] = ref.Shape
		}
		m.Shapes[name] = shape
	}
	return m
}

// used are the shapes that requests and answers are made of.
func (b botocore) used() map[string]bool {
	seen := map[string]bool{"": true}
	var walk func(reference)
	walk = func(r reference) {
		if seen[r.Shape] {
			return
		}
		seen[r.Shape] = true
		s := b.Shapes[r.Shape]
		for _, inner := range append(slices.Collect(maps.Values(s.Members)), s.Member, s.Key, s.Value) {
			walk(inner)
		}
	}
	for _, o := range b.Operations {
		walk(o.Input)
		walk(o.Output)
	}
	delete(seen, "")
	return seen
}

// text is the facts with a line for each operation and shape.
func (m serviceModel) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	section := func(title string, names []string, of func(string) any) {
		b.WriteString(`"` + title + "\":{\n")
		for i, name := range names {
			text, err := stdjson.Marshal(of(name))
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(`"` + name + `":` + string(text))
			if i < len(names)-1 {
				b.WriteByte(',')
			}
			b.WriteByte('\n')
		}
		b.WriteString("}")
	}
	b.WriteString("{")
	section("Operations", slices.Sorted(maps.Keys(m.Operations)), func(n string) any { return m.Operations[n] })
	b.WriteString(",\n")
	section("Shapes", slices.Sorted(maps.Keys(m.Shapes)), func(n string) any { return m.Shapes[n] })
	b.WriteString("}\n")
	return b.String()
}

func TestServiceModel_IsWhole(t *testing.T) {
	if *modelFile != "" {
		text, err := os.ReadFile(*modelFile)
		if err != nil {
			t.Fatal(err)
		}
		var b botocore
		if err := stdjson.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(serviceModelFile, []byte(b.facts().text(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := model(t)
	known := func(where, name string) {
		if _, ok := m.Shapes[name]; !ok && name != "" {
			t.Errorf("%s names the shape %s, which there is not", where, name)
		}
	}
	for name, o := range m.Operations {
		known(name, o.In)
		known(name, o.Out)
		if o.In == "" || len(o.Errors) == 0 {
			t.Errorf("%s: %+v", name, o)
		}
	}
	for name, s := range m.Shapes {
		for _, of := range s.Members {
			known(name, of)
		}
		known(name, s.Member)
		known(name, s.Key)
		known(name, s.Value)
	}
	for _, o := range (&API{}).table() {
		if _, ok := m.Operations[o.name]; !ok && o.serve != nil {
			t.Errorf("%s is served, and unknown to the model", o.name)
		}
	}
}
