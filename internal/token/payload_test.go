package token

import (
	"encoding/json"
	"testing"
)

func TestPayload_IsWhatEncodingJSONWrites(t *testing.T) {
	texts := []string{"", "Ada", `"`, `\`, "<&>", "a\nb\x00\x7f", "Zoë", "\u2028\u2029", "\xff\xfe", "😀", "a/b"}
	for c := range 256 {
		texts = append(texts, string([]byte{'a', byte(c), 'z'}))
	}
	for _, text := range texts {
		c := claims{
			text: text, "b" + text: Use(text), "list": []string{text, text}, "none": []string(nil), "address": map[string]string{"formatted": text},
			"true": true, "false": false, "zero": int64(0), "exp": int64(-1 << 62), "raw": json.RawMessage(` { "b" : [ 1, "<" ] } `), "null": nil,
		}
		want, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.payload(); err != nil || string(got) != string(want) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	if _, err := (claims{"raw": json.RawMessage("{")}).payload(); err == nil {
		t.Error("what is no JSON is written")
	}
}
