package cognito

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func decodeSignUp(body string) (*signUpInput, error) {
	in := &signUpInput{}
	return in, decode([]byte(body), shapeOf(reflect.TypeFor[signUpInput]()), in)
}

func TestDecode_BadBodies_AreSerializationExceptionsThatRepeatNothing(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"X":`, n) + "1" + strings.Repeat("}", n) }
	for name, c := range map[string]struct{ body, want string }{
		"empty":                   {``, "not one JSON object"},
		"blank":                   {"  \n", "not one JSON object"},
		"no JSON":                 {`secret`, "not one JSON object"},
		"cut off":                 {`{"Username":"secret"`, "not one JSON object"},
		"a list":                  {`[]`, "not one JSON object"},
		"a text":                  {`"secret"`, "not one JSON object"},
		"null":                    {`null`, "not one JSON object"},
		"two objects":             {`{}{}`, "not one JSON object"},
		"something behind":        {`{} secret`, "not one JSON object"},
		"broken UTF-8":            {"{\"Username\":\"\xff\"}", "not one JSON object"},
		"half a surrogate":        {`{"Username":"\ud800"}`, "not one JSON object"},
		"comment":                 {`{/*secret*/}`, "not one JSON object"},
		"byte order mark":         {"\ufeff{}", "not one JSON object"},
		"a name twice":            {`{"Username":"secret","Username":"b"}`, "twice"},
		"an unknown name twice":   {`{"secret":1,"secret":2}`, "twice"},
		"an escaped name twice":   {`{"Username":"secret","User\u006eame":"b"}`, "twice"},
		"a nested name twice":     {`{"UserAttributes":[{"Name":"secret","Name":"b"}]}`, "twice"},
		"wrong case":              {`{"username":"secret"}`, "Username but for its case"},
		"wrong case beside right": {`{"Username":"secret","USERNAME":"b"}`, "Username but for its case"},
		"nested wrong case":       {`{"UserAttributes":[{"name":"secret"}]}`, "Name but for its case"},
		"deeper wrong case":       {`{"AnalyticsMetadata":{"analyticsendpointid":"secret"}}`, "AnalyticsEndpointId but for its case"},
		"17 levels":               {deep(17), "deeper than 16"},
		"number for text":         {`{"Username":7}`, "NUMBER_VALUE can not be converted to a String"},
		"boolean for text":        {`{"Username":true}`, "TRUE_VALUE can not be converted to a String"},
		"object for text":         {`{"Username":{"a":"secret"}}`, "Start of structure or map found"},
		"list for text":           {`{"Username":["secret"]}`, "Start of list found"},
		"text for a list":         {`{"UserAttributes":"secret"}`, "STRING_VALUE can not be converted to a List"},
		"text for a map":          {`{"ClientMetadata":"secret"}`, "STRING_VALUE can not be converted to a Map"},
		"number in a map":         {`{"ClientMetadata":{"a":1}}`, "NUMBER_VALUE can not be converted to a String"},
		"text in a list":          {`{"UserAttributes":["secret"]}`, "STRING_VALUE can not be converted to a Structure"},
		"text for a structure":    {`{"UserContextData":"secret"}`, "STRING_VALUE can not be converted to a Structure"},
	} {
		_, err := decodeSignUp(c.body)
		e, ok := errors.AsType[*wireError](err)
		if !ok || e.name != "SerializationException" || e.status != 400 {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if !strings.Contains(e.message, c.want) || strings.Contains(e.message, "secret") {
			t.Errorf("%s: message %q, want %q", name, e.message, c.want)
		}
	}
}

func TestDecode_WrongNumbers_AreSerializationExceptions(t *testing.T) {
	for body, want := range map[string]string{
		`{"AuthSessionValidity":"3"}`:         "STRING_VALUE can not be converted to an Integer",
		`{"AuthSessionValidity":3.5}`:         "NUMBER_VALUE can not be converted to an Integer",
		`{"AuthSessionValidity":99999999999}`: "NUMBER_VALUE can not be converted to an Integer",
		`{"GenerateSecret":"true"}`:           "STRING_VALUE can not be converted to a Boolean",
	} {
		err := decode([]byte(body), shapeOf(reflect.TypeFor[createUserPoolClientInput]()), &createUserPoolClientInput{})
		if e, ok := errors.AsType[*wireError](err); !ok || e.message != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func TestDecode_NullIsAbsentAndEmptyIsEmpty(t *testing.T) {
	in, err := decodeSignUp(`{"ClientId":null,"Password":"","UserAttributes":[],"ValidationData":null,
		"ClientMetadata":{"a":null,"b":""},"UserContextData":null}`)
	if err != nil {
		t.Fatal(err)
	}
	if in.ClientId != nil || in.Username != nil || in.ValidationData != nil || in.UserContextData != nil {
		t.Errorf("null is there: %+v", in)
	}
	if in.Password == nil || *in.Password != "" || in.UserAttributes == nil {
		t.Errorf("empty is absent: %+v", in)
	}
	if b, ok := in.ClientMetadata["b"]; len(in.ClientMetadata) != 1 || !ok || b != "" {
		t.Errorf("map is %v", in.ClientMetadata)
	}
}

func TestDecode_UnknownMembersAndFreeKeys_ArePassedOver(t *testing.T) {
	in, err := decodeSignUp(`{"Username":"a","Later":{"deep":[1,{"x":null}]},"ClientMetadata":{"username":"x","USERNAME":"y"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if value(in.Username) != "a" || len(in.ClientMetadata) != 2 {
		t.Errorf("got %+v", in)
	}
}

func TestDecode_SixteenLevels_AreRead(t *testing.T) {
	if _, err := decodeSignUp(strings.Repeat(`{"X":`, 16) + "1" + strings.Repeat("}", 16)); err != nil {
		t.Fatal(err)
	}
}
