package cognito

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// pick is the one of the sorted names that a fuzzed text stands for: itself,
// so that a seed says what it means, else any.
func pick(names []string, text string) string {
	if slices.Contains(names, text) {
		return text
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, text)
	return names[h.Sum32()%uint32(len(names))]
}

// FuzzDecode reads any body as the request of any operation that is served.
// What is refused is refused in words of our own; what is taken is a body that
// no other reader could read another way, and comes back as it was.
func FuzzDecode(f *testing.F) {
	names := slices.Sorted(maps.Keys(wireTypes))
	for _, name := range names {
		f.Add(name, []byte(`{}`))
	}
	for _, seed := range [][2]string{
		{"SignUp", `{"Username":"a","ClientId":"b"}`}, {"SignUp", `{"username":"a"}`}, {"SignUp", `{"a":1,"a":2}`},
		{"InitiateAuth", `{"AuthFlow": "CUSTOM_AUTH", "AuthParameters": {"USERNAME":"+1","": ""}, "UserContextData":{"EncodedData":"x"}}`},
		{"InitiateAuth", ` {"AuthParameters":{},"ClientMetadata":{"a":"1","a":"2"}}`}, {"InitiateAuth", `{"AuthParameters":{"a":"1"},"AuthParameters":{"b":"2"}}`},
		{"InitiateAuth", `{"UserContextData":{"x":"y"}}`}, {"InitiateAuth", `{"UserContextData":{},"UserContextData":{}}`}, {"GetUser", `{"AccessToken":"a","AccessToken":"a"}`},
		{"GetUser", `{"AccessToken":"a"} x`}, {"GetUser", `{"AccessToken":"a",}`}, {"GetUser", `{"AccessToken" : "a" , "Unknown":"b"}`},
		{"SignUp", `[{}]`}, {"SignUp", `{"UserAttributes":[{"Name":"x","Value":null}]}`},
		{"InitiateAuth", `{"AuthParameters":{"a":null,"A":"b"}}`}, {"CreateUserPool", `{"LambdaConfig":{"PreSignUp":{"x":[1,null]}}}`},
		{"SignUp", `{"ClientId":"f86eee","Username":"+919860353193","Password":"Pw-1","UserAttributes":[],"ValidationData":null}`},
		{"CreateUserPoolClient", `{"RefreshTokenValidity":1e1,"AuthSessionValidity":3.0,"GenerateSecret":true}`},
		{"CreateUserPool", `{"Schema":[{"Name":"a","StringAttributeConstraints":{"MinLength":"1"}}],"UserPoolTags":{"k":"v"}}`},
		{"GetUser", strings.Repeat(`{"X":`, 20)}, {"GetUser", strings.Repeat("[", 40)}, {"GetUser", "{\"\xff\":1}"},
		{"SignUp", `{"Usern\u0061me":"x"}`}, {"SignUp", `{"Username":1e999}`}, {"SignUp", `{"Uſername":"x"}`}, {"TagResource", `{} `}, {"TagResource", "\x00"},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		typ := wireTypes[pick(names, operation)][0]
		shape := shapeOf(typ)
		before := bytes.Clone(body)
		in := reflect.New(typ)
		err := decode(body, shape, in.Interface())
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		strictly := reflect.New(typ)
		if strict := decodeStrictly(body, shape, strictly.Interface()); fmt.Sprint(strict) != fmt.Sprint(err) ||
			err == nil && !reflect.DeepEqual(strictly.Interface(), in.Interface()) {
			t.Fatalf("%q is read as %+v, %v, and strictly as %+v, %v", body, in, err, strictly, strict)
		}
		if err != nil {
			checkDecodeError(t, shape, err)
			return
		}
		other := stdjson.NewDecoder(bytes.NewReader(body))
		other.UseNumber()
		if odd := oddity(other, shape, 0); odd != "" {
			t.Fatalf("accepted although %s: %q", odd, body)
		}
		checkReencoded(t, shape, in)
		checkSecretsStaySecret(t, in)
	})
}

// checkDecodeError holds an error to words that nobody but us wrote.
func checkDecodeError(t *testing.T, s *shape, err error) {
	t.Helper()
	e, ok := errors.AsType[*wireError](err)
	if !ok || e.name != "SerializationException" || e.status != 400 {
		t.Fatalf("untyped error %v", err)
	}
	words := e.message
	if slices.Contains([]string{errNotJSON.Error(), errDuplicate.Error(), errTooDeep.Error()}, e.Error()) {
		return
	}
	if rest, ok := strings.CutPrefix(words, "The body of the request has a member that is "); ok {
		name, ok := strings.CutSuffix(rest, " but for its case.")
		if !ok || !s.knows(name) {
			t.Fatalf("message %q", words)
		}
		return
	}
	if from, to, ok := strings.Cut(words, "_VALUE can not be converted to "); ok {
		if !slices.Contains([]string{"STRING", "NUMBER", "TRUE", "FALSE"}, from) ||
			!slices.Contains([]string{"a String", "a Boolean", "an Integer", "a Long", "a List", "a Map", "a Structure", "another type"}, to) {
			t.Fatalf("message %q", e.message)
		}
		return
	}
	if !slices.Contains([]string{"Start of structure or map found where not expected.", "Start of list found where not expected.",
		"A member of the body has the wrong type."}, words) {
		t.Fatalf("message %q", words)
	}
}

// knows says whether a member of the name is anywhere in the shape.
func (s *shape) knows(name string) bool {
	if s == nil {
		return false
	}
	for m, inner := range s.members {
		if m == name || inner.knows(name) {
			return true
		}
	}
	return s.element.knows(name)
}

// oddity reads the next value with another reader than decode's, and says what
// two readers could see differently in it: a name twice, a known name in
// another case, more levels than allowed, something behind the whole.
func oddity(dec *stdjson.Decoder, s *shape, depth int) string {
	token, err := dec.Token()
	if err != nil {
		return fmt.Sprintf("it is no JSON (%v)", err)
	}
	odd := ""
	switch token {
	case stdjson.Delim('{'):
		odd = objectOddity(dec, s, depth+1)
	case stdjson.Delim('['):
		var element *shape
		if s != nil {
			element = s.element
		}
		for odd == "" && dec.More() {
			odd = oddity(dec, element, depth+1)
		}
		_, _ = dec.Token()
	default:
		return ""
	}
	if depth+1 > maxDepth {
		return "it is too deep"
	}
	if odd != "" || depth > 0 {
		return odd
	}
	if _, err := dec.Token(); err != io.EOF {
		return "there is something behind it"
	}
	return ""
}

func objectOddity(dec *stdjson.Decoder, s *shape, depth int) string {
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return fmt.Sprintf("it is no JSON (%v)", err)
		}
		name := token.(string)
		if seen[name] {
			return "a name is there twice"
		}
		seen[name] = true
		if s != nil && s.members[name] == nil {
			for known := range s.members {
				if known != name && strings.EqualFold(known, name) {
					return "a name is " + known + " but for its case"
				}
			}
		}
		if odd := oddity(dec, s.member(name), depth); odd != "" {
			return odd
		}
	}
	_, _ = dec.Token()
	return ""
}

// checkReencoded writes what was read and reads it again.
func checkReencoded(t *testing.T, s *shape, in reflect.Value) {
	t.Helper()
	written := func(v reflect.Value) []byte {
		b, err := json.Marshal(v.Interface(), json.Deterministic(true), json.FormatNilSliceAsNull(true), json.FormatNilMapAsNull(true))
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		return b
	}
	first := written(in)
	again := reflect.New(in.Type().Elem())
	if err := decode(first, s, again.Interface()); err != nil {
		t.Fatalf("what was read and written is refused: %v in %q", err, first)
	}
	if second := written(again); !bytes.Equal(first, second) || !reflect.DeepEqual(in.Interface(), again.Interface()) {
		t.Fatalf("%q comes back as %q", first, second)
	}
}

// secretMember are the members whose values no message repeats.
var secretMember = map[string]bool{
	"ClientId": true, "SecretHash": true, "ClientSecret": true, "Username": true, "Password": true, "TemporaryPassword": true,
	"ConfirmationCode": true, "Session": true, "AccessToken": true, "RefreshToken": true, "Token": true, "Value": true,
	"AuthParameters": true, "ChallengeResponses": true, "ClientMetadata": true, "EncodedData": true, "IpAddress": true,
}

// unitsMember has members that are called like tokens and hold units of time.
const unitsMember = "TokenValidityUnits"

// checkSecretsStaySecret validates the request, then the same with every letter
// of its secrets turned into another: a message that stays the same holds none.
func checkSecretsStaySecret(t *testing.T, in reflect.Value) {
	t.Helper()
	before := complaints(in)
	turnSecrets(in.Elem(), false)
	if after := complaints(in); before != after {
		t.Fatalf("a message depends on a secret: %q, %q", before, after)
	}
}

func complaints(in reflect.Value) string {
	var v violations
	in.Interface().(interface{ validate(*violations) }).validate(&v)
	err := v.err()
	if err == nil {
		return ""
	}
	return err.Error()
}

func turnSecrets(v reflect.Value, secret bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			turnSecrets(v.Elem(), secret)
		}
	case reflect.Slice:
		for i := range v.Len() {
			turnSecrets(v.Index(i), secret)
		}
	case reflect.Map:
		if m, ok := v.Interface().(textMap); ok && secret {
			for k, text := range m {
				m[k] = turned(text)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != unitsMember {
				turnSecrets(v.Field(i), secretMember[name])
			}
		}
	case reflect.String:
		if secret {
			v.SetString(turned(v.String()))
		}
	}
}

// turned is a text of the same length and the same kinds of characters.
func turned(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= '0' && r <= '9':
			return '0' + (r-'0'+5)%10
		}
		return r
	}, s)
}
