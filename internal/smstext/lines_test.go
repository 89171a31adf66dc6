package smstext

import (
	"strings"
	"testing"
)

func TestReadBound_ExamplesOfTheSpecification_AreReadAsItSays(t *testing.T) {
	for _, c := range []struct {
		text string
		want Bound
		ok   bool
	}{
		{"@example.com #747723", Bound{"example.com", "", "747723"}, true},
		{"747723 is your ExampleCo authentication code.\n\n@example.com #747723", Bound{"example.com", "", "747723"}, true},
		{"747723 is yours.\r\n\r\n@example.com #747723", Bound{"example.com", "", "747723"}, true},
		{"yours\n\n@example.com #747723 %ecommerce.example", Bound{"example.com", "ecommerce.example", "747723"}, true},
		{"@example.com #747723 %ecommerce.example $future", Bound{"example.com", "ecommerce.example", "747723"}, true},
		{"@example.com #747723 something", Bound{"example.com", "", "747723"}, true},
		{"something @example.com #747723", Bound{}, false},
		{"#747723 %ecommerce.example @example.com", Bound{}, false},
		{"@example.com code #747723", Bound{}, false},
		{"@example.com  #747723", Bound{}, false},
		{"@example.com\t#747723", Bound{}, false},
		{"@ #747723", Bound{}, false},
		{"@example.com #", Bound{}, false},
		{"@example.com", Bound{}, false},
		{"@example.com #747723\n", Bound{}, false},
		{"", Bound{}, false},
	} {
		if got, ok := ReadBound(c.text); got != c.want || ok != c.ok {
			t.Errorf("ReadBound(%q) = %+v, %t, want %+v, %t", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestLines_HostAndHash_AreBothRead(t *testing.T) {
	l := Lines{Host: "app.example.com", Hash: "FA+9qCX9VSu"}
	text := "123456 is your code." + l.After("123456")
	got, ok := ReadBound(text)
	if want := (Bound{Host: "app.example.com", Code: "123456"}); !ok || got != want {
		t.Errorf("ReadBound = %+v, %t, want %+v", got, ok, want)
	}
	lines := strings.Split(text, "\n")
	if lines[1] != l.Hash {
		t.Errorf("the hash is not alone on its line: %q", lines)
	}
}

func FuzzReadBound(f *testing.F) {
	f.Add("747723 is yours.\n\n@example.com #747723 %ecommerce.example")
	f.Add("@a #b\r@c #d")
	f.Fuzz(func(t *testing.T, text string) {
		b, ok := ReadBound(text)
		if !ok {
			return
		}
		if b.Host == "" || b.Code == "" || strings.ContainsAny(b.Host+b.Code+b.Embedded, " \t\r\n\f") {
			t.Fatalf("ReadBound(%q) = %+v", text, b)
		}
		again, ok := ReadBound("words" + Lines{Host: b.Host}.After(b.Code))
		if !ok || again.Host != b.Host || again.Code != b.Code {
			t.Errorf("%+v, written and read again, is %+v", b, again)
		}
	})
}
