package plain_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/plain"
)

// What is plain is written alike by all who write JSON here, and of ASCII nothing else is
// left out but what one of them escapes.
func FuzzAppend(f *testing.F) {
	for c := range 256 {
		f.Add("a" + string([]byte{byte(c)}) + "z")
	}
	f.Add("")
	f.Add("Zoë\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		got := string(plain.Append(nil, s))
		one, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		escaped := string(one) != got || strings.ContainsFunc(s, func(r rune) bool { return r > '~' })
		if plain.Is(s) == escaped {
			t.Errorf("%q is plain: %v, and written as %s", s, plain.Is(s), one)
		}
		if !plain.Is(s) {
			return
		}
		if two, err := jsonv2.Marshal(s); err != nil || string(two) != got {
			t.Errorf("%q is written as %s, %v", s, two, err)
		}
		var line bytes.Buffer
		slog.New(slog.NewJSONHandler(&line, nil)).Info("", "text", s)
		if !strings.HasSuffix(line.String(), `"text":`+got+"}\n") {
			t.Errorf("%q is logged as %s", s, &line)
		}
	})
}

func TestAppendName(t *testing.T) {
	b := plain.AppendName([]byte("{"), "a")
	b = plain.AppendName(append(b, '1'), "b")
	if got := string(append(b, '2', '}')); got != `{"a":1,"b":2}` {
		t.Error(got)
	}
}
