package userpool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
)

// oneBudget has room for so many texts to asha, and nothing else that bounds them.
func oneBudget(texts int) (s guard.Settings, price int) {
	s = guard.Default()
	s.Budgets, s.Tuning.Soft = guard.Budgets{}, 1
	p := guard.NewEngine(s).Line(phone.FromCanonical(asha)).Price
	s.Budgets.Server.Hour = p * guard.Money(texts)
	return s, int(p)
}

// paid is what strangers' texts have cost the server this hour.
func (w *world) paid() (n int) {
	w.t.Helper()
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		n, err = tx.Count(w.ctx, "money/strangers/server/hour", w.s.Now())
		return err
	}))
	return n
}

// What is kept for a failure, and is not sent for one, is never sent.
func TestParked_FailedAndNotSentElsewhere_IsNotSentWhenItsTimeIsOver(t *testing.T) {
	settings, price := oneBudget(1)
	inWorld(t, options{guard: &settings}, func(w *world) {
		c := &carriers{Phone: w.phone}
		w.through(c)
		w.signUp(home, asha, "")
		w.pass(time.Second)
		id := c.last(t, 1).ID
		for range 2 { // the provider says it again
			w.told("first", sms.Event{Kind: sms.Failed, ID: id})
		}
		w.pass(3 * time.Minute)
		c.last(t, 1)
		if got := w.paid(); got != price {
			t.Errorf("%d is paid of a price of %d", got, price)
		}
	})
}

// Every text that may have been sent is paid for, whatever was told in between.
func TestSendElsewhere_EachText_IsPaidOnce(t *testing.T) {
	maybe := &sms.SendError{Outcome: sms.MaybeSent}
	settings, price := oneBudget(20)
	for name, c := range map[string]struct {
		fails []error
		texts int
	}{
		"taken":                         {[]error{nil}, 2},
		"doubted, then told of, taken":  {[]error{maybe}, 2},
		"the second doubted, and taken": {[]error{nil, maybe}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{guard: &settings}, func(w *world) {
				sender := &carriers{Phone: w.phone, fails: c.fails}
				w.through(sender)
				w.signUp(home, asha, "")
				w.pass(time.Second)
				w.told("first", sms.Event{Kind: sms.Failed, ID: sender.last(t, 1).ID})
				w.pass(5 * time.Minute)
				sender.last(t, c.texts)
				if got := w.paid(); got != c.texts*price {
					t.Errorf("%d is paid for %d texts of a price of %d", got, c.texts, price)
				}
			})
		})
	}
}

// A server that ended between writing down a failure and acting on it acts when the
// provider, which got no answer, tells it again.
func TestTextEvent_FailedAndToldAgainAfterACrash_IsSentElsewhereOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		w.through(c)
		w.signUp(home, asha, "")
		w.pass(time.Second)
		id := c.last(t, 1).ID
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
			_, err := tx.TellText(w.ctx, userpool.MessageID(id), userpool.TextFailed, "", 0, 0, w.s.Now())
			return err
		}))
		for range 3 {
			w.told("first", sms.Event{Kind: sms.Failed, ID: id})
			w.pass(time.Second)
		}
		c.last(t, 2)
	})
}

// One that wants no texts is not sent a second one either.
func TestSendElsewhere_NumberThatSaidStop_IsNotSent(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		w.through(c)
		w.signUp(home, asha, "")
		w.pass(time.Second)
		w.textIn("SM1", asha, "STOP")
		w.told("first", sms.Event{Kind: sms.Failed, ID: c.last(t, 1).ID, Code: "30004"})
		w.pass(3 * time.Minute)
		c.last(t, 1)
	})
}

// doubling is a sender of which two providers may have sent each text.
type doubling struct{ *carriers }

func (d doubling) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	r, err := d.carriers.Send(ctx, m)
	r.Doubled, r.MayFail = 1, false
	return r, err
}

// Each of two texts costs all its segments.
func TestDoubled_TextOfTwoSegments_IsPaidForWithAllOfThem(t *testing.T) {
	settings, price := oneBudget(20)
	messages := []wording.Entry{
		{Name: "short", Language: "en", Body: "{####}"},
		{Name: "long", Language: "hi", Body: strings.Repeat("लंबा ", 20) + "{####}"},
	}
	inWorld(t, options{guard: &settings, messages: messages, tags: map[string]string{"bellhop:language": "en"}}, func(w *world) {
		w.through(doubling{&carriers{Phone: w.phone}})
		w.signUp(home, asha, "", attr("locale", "hi-IN"))
		w.pass(time.Second)
		if got := w.paid(); got != 4*price {
			t.Errorf("%d is paid for two texts of two segments of a price of %d", got, price)
		}
	})
}
