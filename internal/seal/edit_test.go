package seal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/seal"
)

func idsOf(t *testing.T, text []byte) []string {
	t.Helper()
	ring, err := seal.ParseRing(text)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return ring.IDs()
}

func TestKeyFile_AddPromoteRemove_KeepTheOtherLinesAndComments(t *testing.T) {
	for name, text := range map[string]string{
		"plain":            "# ours\n" + keyLine(1) + "\n# an older one\n" + keyLine(2) + "\n",
		"without line end": "# ours\n" + keyLine(1) + "\n# an older one\n" + keyLine(2),
		"of Windows":       "# ours\r\n" + keyLine(1) + "\r\n# an older one\r\n" + keyLine(2) + "\r\n\r\n",
	} {
		old := idsOf(t, []byte(text))
		below, added, err := seal.AddKey([]byte(text), false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := idsOf(t, below); !slices.Equal(got, append(slices.Clone(old), added)) {
			t.Errorf("%s: added below: %v", name, got)
		}
		promoted, err := seal.PromoteKey(below, added)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := idsOf(t, promoted); !slices.Equal(got, append([]string{added}, old...)) {
			t.Errorf("%s: promoted: %v", name, got)
		}
		above, current, err := seal.AddKey(promoted, true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := idsOf(t, above); !slices.Equal(got, append([]string{current, added}, old...)) {
			t.Errorf("%s: added above: %v", name, got)
		}
		removed, err := seal.RemoveKeys(above, []string{old[0], added, current})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := idsOf(t, removed); !slices.Equal(got, []string{current, old[1]}) {
			t.Errorf("%s: removed: %v, want the current key and the other to stay", name, got)
		}
		if n := strings.Count(string(removed), "#"); n != 2 {
			t.Errorf("%s: %d comments are left of 2", name, n)
		}
	}
}

func TestKeyFile_EditOfWhatIsNone_IsRefused(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", keyLine(0) + "\n", "nonsense\n" + keyLine(1)} {
		_, _, added := seal.AddKey([]byte(text), true)
		_, promoted := seal.PromoteKey([]byte(text), "01234567")
		_, removed := seal.RemoveKeys([]byte(text), nil)
		if added == nil || promoted == nil || removed == nil {
			t.Errorf("%q: %v, %v, %v", text, added, promoted, removed)
		}
	}
	if _, err := seal.PromoteKey([]byte(keyLine(1)), "01234567"); err == nil {
		t.Error("a key that is not there was promoted")
	}
}

func TestWithCurrent_OnlyChangesWhoSeals(t *testing.T) {
	ring := ringOf(t, keyLine(1), keyLine(2), keyLine(3))
	ids := ring.IDs()
	other, ok := ring.WithCurrent(ids[1])
	if !ok || !slices.Equal(other.IDs(), []string{ids[1], ids[0], ids[2]}) {
		t.Errorf("got %v", other.IDs())
	}
	if seal.KeyOf(other.Seal("p", nil, nil)) != ids[1] || seal.KeyOf(ring.Seal("p", nil, nil)) != ids[0] {
		t.Error("the wrong key seals")
	}
	if _, ok := ring.WithCurrent("01234567"); ok || seal.KeyOf("nonsense") != "" {
		t.Error("what is no key is one")
	}
}
