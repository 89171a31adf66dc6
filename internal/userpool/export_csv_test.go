package userpool

import (
	"testing"

	"pgregory.net/rapid"
)

func TestGuarded_FormulasOnly_AndComesBack(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "Asha": "Asha", "+919876543210": "+919876543210", "-5": "-5", "-5.25": "-5.25", "o'neil": "o'neil", "'tis": "'tis",
		"=1+1": "'=1+1", "+91 98": "'+91 98", "-5+cmd|' /C calc'!A0": "'-5+cmd|' /C calc'!A0", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1",
		"'=1": "''=1", "''@a": "'''@a",
	} {
		if got := guarded(value); got != want {
			t.Errorf("%q is guarded as %q, want %q", value, got, want)
		}
		if got := unguarded(guarded(value)); got != value {
			t.Errorf("%q comes back as %q", value, got)
		}
	}
}

func TestGuarded_AnyValue_ComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.RuneFrom([]rune("'=+-@\t\r1a, "))).Draw(t, "value")
		if got := unguarded(guarded(value)); got != value {
			t.Errorf("%q comes back as %q", value, got)
		}
	})
}
