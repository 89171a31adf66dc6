package token

import (
	"encoding/json"
	"maps"
	"testing"
)

// written is both: claims, and what they are to encoding/json.
type written struct {
	claims claims
	want   map[string]any
}

func (w *written) text(name, text string) {
	w.claims.setText(name, text)
	w.want[name] = text
}

// all sets claims of every kind under names that the text is part of.
func (w *written) all(t *testing.T, text string, n int64, raw []byte) {
	t.Helper()
	w.text(text, text)
	w.text("b"+text, "")
	w.text("token_use", string(UseID))
	w.claims.setUnlessEmpty("none", "")
	w.claims.setNumber("exp", n)
	w.want["exp"] = n
	w.claims.setAttribute("address", text)
	w.want["address"] = map[string]string{"formatted": text}
	w.claims.setAttribute("email_verified", text)
	w.want["email_verified"] = text == "true"
	w.claims.setAttribute("phone_number_verified", "true")
	w.want["phone_number_verified"] = true
	w.claims.setJSON("list", listJSON([]string{text, "", text}))
	w.want["list"] = []string{text, "", text}
	by := ClaimChanges{Set: map[string]json.RawMessage{"raw" + text: raw, "exp": json.RawMessage("1"), "z": json.RawMessage(`"<"`)}}
	if err := w.claims.change(UseID, by, ""); err != nil {
		if json.Valid(raw) {
			t.Errorf("%q: %v", raw, err)
		}
		return
	}
	w.want["raw"+text], w.want["z"] = json.RawMessage(raw), "<"
	w.text("a"+text, text)
	by.Suppress = []string{"z", "token_use"}
	if err := w.claims.change(UseID, by, ""); err != nil {
		t.Fatal(err)
	}
	delete(w.want, "z")
}

// check compares what is written, and says the same of it once more, in which each claim
// takes another's place.
func (w *written) check(t *testing.T) {
	t.Helper()
	want, err := json.Marshal(w.want)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.claims.append([]byte("x")); string(got) != "x"+string(want) {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func FuzzClaims(f *testing.F) {
	texts := []string{"", "Ada", `"`, `\`, "<&>", "a\nb\x00\x7f", "Zoë", "\u2028\u2029", "\xff\xfe", "😀", "a/b", "true", "zz", "exp", "token_use"}
	for c := range 256 {
		texts = append(texts, string([]byte{'a', byte(c), 'z'}))
	}
	for _, text := range texts {
		f.Add(text, int64(-1<<62), []byte(` { "b" : [ 1, "<" ] } `))
	}
	f.Add("x", int64(0), []byte("{"))
	f.Add("cognito:x", int64(1), []byte("null"))
	f.Fuzz(func(t *testing.T, text string, n int64, raw []byte) {
		if !changeable(UseID, "raw"+text) {
			t.Skip("a name that is nobody's to set")
		}
		w := &written{want: map[string]any{}}
		w.all(t, text, n, raw)
		w.check(t)
		before := maps.Clone(w.want)
		w.all(t, text, n, raw)
		if len(w.want) != len(before) {
			t.Error("another set of claims")
		}
		w.check(t)
	})
}
