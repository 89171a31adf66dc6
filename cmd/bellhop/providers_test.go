package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/deliveryfile"
)

// The lines of the page between which its tables stand.
const tablesBegin, tablesEnd = "<!-- tables of the file -->\n", "<!-- end of the tables -->\n"

func TestDocumentation_Delivery_HoldsTheTables(t *testing.T) {
	const path = "../../docs/delivery.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, began := strings.Cut(string(raw), tablesBegin)
	tables, after, ended := strings.Cut(rest, tablesEnd)
	if !began || !ended {
		t.Fatal("the page has no place for the tables")
	}
	want := deliveryfile.Markdown(kinds(quiet()))
	if *update {
		if err := os.WriteFile(path, []byte(before+tablesBegin+want+tablesEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if tables != want {
		t.Error("the tables of docs/delivery.md are not those of the program: go test -run Delivery ./cmd/bellhop -update writes them")
	}
}

// Every file that the page shows is one.
func TestDocumentation_Delivery_TheExamples_AreFine(t *testing.T) {
	raw, err := os.ReadFile("../../docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Split(string(raw), "```yaml\n")[1:]
	if len(shown) < 3 {
		t.Errorf("there are %d examples", len(shown))
	}
	for _, text := range shown {
		text, _, _ = strings.Cut(text, "```")
		if _, err := deliveryfile.Load(deliveryFile(t, text), kinds(quiet()), nil); err != nil {
			t.Errorf("%v in\n%s", err, text)
		}
	}
}

// A kind's fields are named apart from what every provider has, and its checks take
// what it says of itself.
func TestKinds_TheirFields_AreNamedApartAndTheirDefaultsAreGood(t *testing.T) {
	for _, k := range kinds(quiet()) {
		text := "providers: { a: { type: " + k.Name + ", nosuch: x } }\n"
		_, err := deliveryfile.Load(deliveryFile(t, text), kinds(quiet()), nil)
		problems, _ := errors.AsType[config.Problems](err)
		for _, f := range k.Fields {
			for _, common := range []string{"type", "prices", "sender-ids", "entity-ids", "only-to", "timeout"} {
				if f.Name == common {
					t.Errorf("%s has a field %s, which every provider has", k.Name, f.Name)
				}
			}
			if f.Required && !strings.Contains(err.Error(), "has no "+f.Name) {
				t.Errorf("%s: a file without %s is not told so: %v", k.Name, f.Name, problems)
			}
			if f.Default != "" && f.Check != nil && f.Check(f.Default) != nil {
				t.Errorf("%s: the default of %s is no good", k.Name, f.Name)
			}
			if f.About == "" || f.Arg == "" {
				t.Errorf("%s: %s is not told of", k.Name, f.Name)
			}
		}
		if err == nil || !strings.Contains(err.Error(), "nosuch is not known here") {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}
