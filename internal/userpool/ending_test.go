package userpool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// leisurely takes a second over each text, or as long as it is let.
type leisurely struct{ *carriers }

func (l leisurely) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	select {
	case <-time.After(time.Second):
		return l.carriers.Send(ctx, m)
	case <-ctx.Done():
		l.carriers.Send(ctx, m) // it had the request by then
		return sms.Receipt{Provider: "first"}, &sms.SendError{Outcome: sms.MaybeSent, Cause: ctx.Err()}
	}
}

// A server that is told to end does not cut off a text in the middle: nobody would
// know whether it was sent, and the next server would send it again.
func TestOutbox_ToldToEnd_LetsTextsUnderWayEnd(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		w.through(leisurely{c})
		w.signUp(home, asha, "")
		w.pass(100 * time.Millisecond)
		w.stop()
		w.start()
		w.pass(5 * time.Minute)
		if got := w.line(c.last(t, 1).ID); got.Status != userpool.TextSent {
			t.Errorf("the text is %s", got.Status)
		}
	})
}

// What a provider says must not keep others' results from being written down.
func TestOutbox_ReceiptWithGarbage_IsWrittenDownWithoutIt(t *testing.T) {
	for _, ref := range []string{"a\x00b", "\xff", strings.Repeat("a", 10_000)} {
		inWorld(t, options{}, func(w *world) {
			c := &carriers{Phone: w.phone}
			w.through(garbled{c, ref})
			w.signUp(home, asha, "")
			w.pass(2 * time.Second)
			w.told("first", sms.Event{Kind: sms.Delivered, ID: ref, ProviderID: ref})
			if got := w.line(c.last(t, 1).ID); got.Status != userpool.TextSent || got.Ref != "" {
				t.Errorf("the text is %s, by a name of %d bytes", got.Status, len(got.Ref))
			}
		})
	}
}

type garbled struct {
	*carriers
	ref string
}

func (g garbled) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	r, err := g.carriers.Send(ctx, m)
	r.ProviderID = g.ref
	return r, err
}
