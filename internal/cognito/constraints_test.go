package cognito

import (
	stdjson "encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every constraint of the service model, against what the face refuses.

// lenient are constraints of the model that the face does not have, each with the
// reason. A name stands for the shape, or for the place in requests.
var lenient = map[string]string{
	"policies.signInPolicy.allowedFirstAuthFactors too many": "the model has grown a fifth factor since, and 5 (API reference)",
	"schema too few": "the SDK for JavaScript and tools that read and write pools send an empty list for none",
}

// strict are places where the face asks more than the model, each with the reason.
var strict = map[string]string{
	"AddCustomAttributes customAttributes.1.member.name": "an attribute without a name is none",
	"CreateUserPool schema.1.member.name":                "an attribute without a name is none",
}

// mutation is a request that is right but for one place.
type mutation struct {
	operation string
	what      string // how the place is wrong
	place     string // as messages name it
	body      string
	want      string // the constraint that the message must name
}

func (m mutation) String() string { return m.operation + " " + m.place + " " + m.what }

// mutator makes the mutations of an operation by walking its input.
type mutator struct {
	t         testing.TB
	model     serviceModel
	operation string
	out       []mutation
}

// mutations are all of an operation's.
func mutations(t testing.TB, m serviceModel, operation string) []mutation {
	t.Helper()
	w := &mutator{t: t, model: m, operation: operation}
	w.walk("", m.Operations[operation].In, func(v any) any { return v })
	return w.out
}

// frame puts a value into the place and the place into a request.
type frame func(v any) any

func (w *mutator) add(what, place string, body any, want string) {
	w.t.Helper()
	text, err := stdjson.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.out = append(w.out, mutation{w.operation, what, place, string(text), want})
}

// at is a place as messages name it: with a small first letter.
func at(place, member string) string {
	member = strings.ToLower(member[:1]) + member[1:]
	if place == "" {
		return member
	}
	return place + "." + member
}

func (w *mutator) walk(place, shape string, in frame) {
	s := w.model.Shapes[shape]
	switch s.Type {
	case "structure":
		w.structure(place, s, in)
	case "list":
		w.list(place, shape, s, in)
	case "map":
		w.texts(place, s, in)
	case "string":
		for what, c := range w.badTexts(s) {
			w.add(what, place, in(c.value), "Member must "+c.want)
		}
		for _, c := range w.fit(shape, s) {
			w.add("allowed", place, in(c), "")
		}
	case "integer", "long":
		w.number(place, s, in)
	}
}

func (w *mutator) structure(place string, s modelShape, in frame) {
	if s.Document {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		there := at(place, name)
		put := func(v any) any {
			all := w.example(s)
			all[name] = v
			return in(all)
		}
		if slices.Contains(s.Required, name) {
			missing := w.example(s)
			delete(missing, name)
			w.add("missing", there, in(missing), "Member must not be null")
			w.add("null", there, put(nil), "Member must not be null")
		}
		w.walk(there, s.Members[name], put)
	}
}

func (w *mutator) list(place, shape string, s modelShape, in frame) {
	member := w.model.Shapes[s.Member]
	of := func(n int) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = w.value(s.Member)
		}
		return all
	}
	if s.Min != nil && *s.Min > 0 {
		w.add("too few", place, in(of(int(*s.Min)-1)), fmt.Sprintf("Member must have length greater than or equal to %d", *s.Min))
	}
	if s.Max != nil {
		w.add("too many", place, in(of(int(*s.Max)+1)), fmt.Sprintf("Member must have length less than or equal to %d", *s.Max))
	}
	if s.Max != nil {
		w.add("allowed", place, in(of(int(*s.Max))), "")
	}
	if member.Type != "string" {
		w.walk(place+".1.member", s.Member, func(v any) any { return in([]any{v}) })
		return
	}
	for what, c := range w.badTexts(member) {
		w.add("element "+what, place, in([]any{w.value(s.Member), c.value}), "Member must satisfy constraint: [")
	}
}

func (w *mutator) texts(place string, s modelShape, in frame) {
	for what, c := range w.badTexts(w.model.Shapes[s.Key]) {
		w.add("key "+what, place, in(map[string]any{c.value: w.value(s.Value)}), "Map keys must satisfy constraint: [")
	}
	for what, c := range w.badTexts(w.model.Shapes[s.Value]) {
		w.add("value "+what, place, in(map[string]any{w.value(s.Key).(string): c.value}), "Map value must satisfy constraint: [")
	}
}

func (w *mutator) number(place string, s modelShape, in frame) {
	for _, bound := range []*int64{s.Min, s.Max} {
		if bound != nil {
			w.add("allowed", place, in(*bound), "")
		}
	}
	if s.Min != nil {
		w.add("too low", place, in(*s.Min-1), fmt.Sprintf("Member must have value greater than or equal to %d", *s.Min))
	}
	if s.Max != nil {
		w.add("too high", place, in(*s.Max+1), fmt.Sprintf("Member must have value less than or equal to %d", *s.Max))
	}
}

// badText is a text that breaks a constraint.
type badText struct{ value, want string }

// badTexts are texts that break each of the constraints of a shape, by how.
func (w *mutator) badTexts(s modelShape) map[string]badText {
	bad := map[string]badText{}
	if s.Enum != nil {
		bad["wrong enum"] = badText{"No-Such-Value", "satisfy enum value set: ["}
		return bad
	}
	long := func(n int64) string { return strings.Repeat("a", int(n)) }
	if s.Min != nil && *s.Min > 0 {
		bad["too short"] = badText{long(*s.Min - 1), fmt.Sprintf("have length greater than or equal to %d", *s.Min)}
	}
	if s.Max != nil && *s.Max < 100_000 { // a body has 64 KiB
		bad["too long"] = badText{long(*s.Max + 1), fmt.Sprintf("have length less than or equal to %d", *s.Max)}
	}
	if s.Pattern == "" {
		return bad
	}
	re := compiled(w.t, s.Pattern)
	for _, c := range []string{"a b", "\x00\x01\x02\x03\x04\x05", "-"} {
		if !re.MatchString(c) {
			bad["wrong pattern"] = badText{c, "satisfy regular expression pattern: "}
			return bad
		}
	}
	return bad
}

// fit are texts that the shape just allows: each of its words, or the shortest and the
// longest.
func (w *mutator) fit(shape string, s modelShape) (all []any) {
	for _, word := range s.Enum {
		all = append(all, word)
	}
	if s.Enum != nil {
		return all
	}
	for _, n := range []*int64{s.Min, s.Max} {
		if n == nil || *n > 50_000 {
			continue
		}
		c := w.value(shape).(string)
		if c += strings.Repeat("a", max(0, int(*n)-len(c))); int64(len(c)) != *n {
			c = strings.Repeat("1", int(*n))
		}
		if s.Pattern == "" || compiled(w.t, s.Pattern).MatchString(c) {
			all = append(all, c)
		}
	}
	if strings.HasSuffix(s.Pattern, `\t\n\r ]+`) {
		all = append(all, "a\t\n\r b")
	}
	return all
}

func compiled(t testing.TB, pattern string) *regexp.Regexp {
	t.Helper()
	re, err := modelPattern(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return re
}

// example is a structure with the members that it must have.
func (w *mutator) example(s modelShape) map[string]any {
	all := map[string]any{}
	for _, name := range s.Required {
		all[name] = w.value(s.Members[name])
	}
	return all
}

// samples are texts, of which one fits each pattern of the model.
var samples = []string{"a", "us-east-1_AbC123xyz", "arn:aws:iam::123456789012:role/sms", "someone@example.org", "123456", "code {####}", "link {##here##}",
	"us-east-1_0b5c", "import-1", "aaaaaaaaaaaaaaaaaaaaaaaa", "arn:aws:s3:::bucket", "terms-of-use", "0123abcd-0123-4123-8123-0123456789ab", "aaa", "cognito:default"}

// value is something that the shape allows.
func (w *mutator) value(shape string) any {
	w.t.Helper()
	s := w.model.Shapes[shape]
	switch s.Type {
	case "structure":
		return w.example(s)
	case "list":
		return []any{w.value(s.Member)}
	case "map":
		return map[string]any{w.value(s.Key).(string): w.value(s.Value)}
	case "boolean":
		return true
	case "integer", "long":
		if s.Min != nil {
			return *s.Min
		}
		return 1
	case "timestamp":
		return 1745582013.5
	case "blob":
		return "YQ=="
	case "string":
		if s.Enum != nil {
			return s.Enum[0]
		}
		i := slices.IndexFunc(samples, func(c string) bool {
			n := int64(len(c))
			return (s.Min == nil || n >= *s.Min) && (s.Max == nil || n <= *s.Max) && (s.Pattern == "" || compiled(w.t, s.Pattern).MatchString(c))
		})
		if i >= 0 {
			return samples[i]
		}
	}
	w.t.Fatalf("no example of %s: %+v", shape, s)
	return nil
}

// served are the operations that the table serves.
func served() (names []string) {
	for _, o := range (&API{}).table() {
		if o.serve != nil {
			names = append(names, o.name)
		}
	}
	return names
}

// Breaks every constraint of the model, in every place of every request that is
// served, and reads the complaint; and goes to the bounds without breaking them.
func TestConstraints_OfTheModel_AreTheFaces(t *testing.T) {
	m := model(t)
	used := map[string]bool{}
	n := 0
	for _, operation := range served() {
		w := &mutator{t: t, model: m, operation: operation}
		w.add("allowed", "", w.value(m.Operations[operation].In), "")
		for _, c := range append(w.out, mutations(t, m, operation)...) {
			n++
			got := complaint(t, operation, c.body)
			if c.want == "" {
				checkAllowed(t, c, got, used)
				continue
			}
			fits := strings.Contains(got, "at '"+c.place+"' failed to satisfy constraint: "+c.want)
			_, listed := lenient[c.place+" "+c.what]
			used[c.place+" "+c.what] = true
			switch {
			case listed && fits:
				t.Errorf("%s is refused, and listed as allowed", c)
			case !listed && !fits:
				t.Errorf("%s, %.200s: %q, want %q", c, c.body, got, c.want)
			}
		}
	}
	t.Logf("%d requests", n)
	for _, table := range []map[string]string{lenient, strict} {
		for place := range table {
			if !used[place] {
				t.Errorf("%s is listed, and nowhere else", place)
			}
		}
	}
}

func checkAllowed(t *testing.T, c mutation, complaint string, used map[string]bool) {
	t.Helper()
	_, at, _ := strings.Cut(complaint, " at '")
	at, _, _ = strings.Cut(at, "'")
	if at = c.operation + " " + at; strict[at] != "" {
		used[at] = true
		return
	}
	if complaint != "" {
		t.Errorf("%s, %.200s, which the model allows: %s", c, c.body, complaint)
	}
}
