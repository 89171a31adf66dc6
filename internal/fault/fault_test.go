package fault_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

func TestKind_String_IsANameOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range fault.Kinds() {
		if k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
	if beyond := fault.Kind(255); beyond.String() != fault.Internal.String() {
		t.Errorf("a kind that is none is called %q", beyond)
	}
}
