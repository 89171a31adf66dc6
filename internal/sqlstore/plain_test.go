package sqlstore

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What is plain is read as encoding/json reads it, and what it refuses is not plain.
func TestPlain_ReadsAsJSONDoes(t *testing.T) {
	for _, c := range []struct {
		text  string
		plain bool
	}{
		{text([]string{"+15550100"}), true},
		{text([]string{"+15550100", "", "zoe@example.com", "a,b]c[d:e}{"}), true},
		{text(map[string]string{"phone_number": "+15550100", "name": "Zoe Doe", "note": ""}), true},
		{`{"a":"1","a":"2"}`, true},
		{text([]string{"Zoë"}), false},
		{text([]string{`a"b`, `a\b`, "a\nb", "<", "\x7f"}), false},
		{text(map[string]string{"name": "Zoë", `"`: "&"}), false},
		{`["a", "b"]`, false}, {`[]`, false}, {`{}`, true}, {`{"a":{"b":"c"}}`, false}, {`null`, false}, {`["a",1]`, false}, {`["a",null]`, false},
		{``, false}, {`[`, false}, {`["`, false}, {`["a`, false}, {`["a"`, false}, {`["a",`, false}, {`["a",]`, false}, {`["a"]]`, false}, {`["a""b"]`, false}, {`"a"`, false},
		{`{"a"}`, false}, {`{"a":}`, false}, {`{"a":"b"`, false}, {`{"a":"b",}`, false}, {`{"a":"b"}x`, false}, {`{"a":1}`, false}, {`{"a","b"}`, false},
	} {
		list, isList := plainList(c.text)
		dict, isDict := plainDict(c.text)
		if plain := isList || isDict; plain != c.plain {
			t.Errorf("%s: plain is %t", c.text, plain)
		}
		var wantList []string
		if err := json.Unmarshal([]byte(c.text), &wantList); isList && (err != nil || !reflect.DeepEqual(list, wantList)) {
			t.Errorf("%s: read %q, want %q, %v", c.text, list, wantList, err)
		}
		var wantDict map[string]string
		if err := json.Unmarshal([]byte(c.text), &wantDict); isDict && (err != nil || !reflect.DeepEqual(dict, wantDict)) {
			t.Errorf("%s: read %q, want %q, %v", c.text, dict, wantDict, err)
		}
	}
}

// Plain or not, a list or a map comes back as it was kept.
func TestDecoded_ComesBackAsItWas(t *testing.T) {
	for _, want := range [][]string{nil, {"a"}, {"a", "ë", `"`}, {"<b>", ""}} {
		var got []string
		if err := (decoded{&got}).Scan(list(want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q came back as %q, %v", want, got, err)
		}
	}
	for _, want := range []map[string]string{nil, {"a": "b", "c": ""}, {"a": "ë", "&": "b"}} {
		var got map[string]string
		if err := (decoded{&got}).Scan(dict(want)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q came back as %q, %v", want, got, err)
		}
	}
}
