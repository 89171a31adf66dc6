package userpool

import (
	"encoding/csv"
	"strings"
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

// A spreadsheet knows no backslash: it ends a cell at a comma, and what follows may be
// a formula.
func TestCSVValue_FormulaBehindAComma_StaysInItsCell(t *testing.T) {
	for _, value := range []string{`Rao,=HYPERLINK("https://evil.example")`, "Rao, @SUM(A1)", "a,'=1", "a,b,-2+3", `a,"=1`} {
		row := csvValue(value, false)
		cells, err := csv.NewReader(strings.NewReader(row)).Read()
		if err != nil || len(cells) != 1 {
			t.Errorf("%q is written as %s, which a spreadsheet reads as %q, %v", value, row, cells, err)
		}
		for _, text := range []string{row, csvValue(value, true)} {
			if back, err := splitRow(text); err != nil || len(back) != 1 || back[0] != value {
				t.Errorf("%q comes back as %q, %v", value, back, err)
			}
		}
	}
	if got := csvValue("Rao, Ravi", false); got != `Rao\, Ravi` {
		t.Errorf("a comma is written as %s", got)
	}
}
