package userpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Whoever can write any sender on a text, or has many numbers, must not make of the
// answers to HELP what pumped codes are: they cost money, and ring at somebody's phone.
func TestHelp_Flood_IsBounded(t *testing.T) {
	settings := guard.Default()
	settings.Countries.Deny = []string{"GB"}
	inWorld(t, options{guard: &settings}, func(w *world) {
		w.stop()
		w.helpText = "Codes of the shop."
		w.open(nil)
		w.start()
		id := 0
		asked := func(number string) bool {
			id++
			return w.textIn(fmt.Sprint("SM", id), number, "HELP") != ""
		}
		if asked("+447400123456") {
			t.Error("a number is answered to which no texts go")
		}
		victim := 0
		for range 24 {
			for range 4 {
				if asked(asha) {
					victim++
				}
			}
			w.pass(time.Hour)
		}
		if victim != 5 {
			t.Errorf("one number is answered %d times a day, want 5", victim)
		}
		all := 0
		for i := range 300 {
			if asked(fmt.Sprintf("+9198765%05d", i)) {
				all++
			}
		}
		if all != 100 {
			t.Errorf("%d numbers are answered in an hour, want 100", all)
		}
		w.pass(time.Hour)
		if !asked(ravi) {
			t.Error("nobody is answered an hour later")
		}
	})
}
