package userpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestTextIn_ACode_IsCountedOnceForItsNumberAlone_AndBounded(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		number := func(e164 string) phone.Number {
			n, err := phone.Parse(e164)
			w.must(err)
			return n
		}
		received := func(id, from, body string) { w.textIn(id, from, body) }
		count := func(from, code string) (n int) {
			w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
				n, err = tx.Count(w.ctx, stepup.TextKey(code, userpool.NumberKey(w.s, number(from))), w.s.Now())
				return err
			}))
			return n
		}
		received("1", asha, "Bellhop 7kq2 mx9d")
		received("1", asha, "BELLHOP 7KQ2MX9D") // the provider got no answer
		received("2", asha, "hello?")
		if count(asha, "7KQ2MX9D") != 1 || count(ravi, "7KQ2MX9D") != 0 {
			t.Errorf("counted %d and %d", count(asha, "7KQ2MX9D"), count(ravi, "7KQ2MX9D"))
		}
		w.pass(10 * time.Minute)
		if count(asha, "7KQ2MX9D") != 0 {
			t.Error("it is counted after its demand has ended")
		}
		for i := range 19 {
			received(fmt.Sprint("many ", i), asha, fmt.Sprintf("BELLHOP 000000%02d", i))
		}
		received("over", asha, "BELLHOP ABCDEFGH")
		received("his", ravi, "BELLHOP ABCDEFGH")
		if count(asha, "00000018") != 1 || count(asha, "ABCDEFGH") != 0 || count(ravi, "ABCDEFGH") != 1 {
			t.Error("a number's texts are not bounded by themselves")
		}
		w.pass(time.Hour)
		received("later", asha, "BELLHOP ABCDEFGH")
		if count(asha, "ABCDEFGH") != 1 {
			t.Error("it is shut out for ever")
		}
	})
}

// textIn is a text that somebody sends us, and the reply to it.
func (w *world) textIn(id, from, body string) string {
	w.t.Helper()
	n, err := phone.Parse(from)
	w.must(err)
	reply, err := w.s.TextIn(w.ctx, id, n, body)
	w.must(err)
	return reply
}
