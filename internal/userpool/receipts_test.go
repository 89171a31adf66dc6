package userpool_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// carriers are two providers, of which the second is asked where the first was. What
// reaches a phone is the phone's.
type carriers struct {
	*smstest.Phone
	mu     sync.Mutex // guards the fields below
	texts  []sms.Message
	fails  []error                            // of the next sends
	taking func(m sms.Message, r sms.Receipt) // called before Send returns
	lone   bool                               // there is no second
}

func (c *carriers) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, m)
	r := sms.Receipt{Provider: "first", ProviderID: "ref-" + m.ID, MayFail: !c.lone}
	if slices.Contains(m.Tried, "first") {
		r.Provider = "second"
	}
	if len(c.fails) > 0 {
		err := c.fails[0]
		c.fails = c.fails[1:]
		if err != nil {
			return r, err
		}
	}
	if c.taking != nil {
		c.taking(m, r)
	}
	_, err := c.Phone.Send(ctx, m)
	return r, err
}

// last is the newest text of a number of them.
func (c *carriers) last(t *testing.T, n int) sms.Message {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.texts) != n {
		t.Fatalf("%d texts were handed over, want %d", len(c.texts), n)
	}
	return c.texts[n-1]
}

// line is what the store knows of a text.
func (w *world) line(id string) userpool.Text {
	w.t.Helper()
	var text userpool.Text
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		var found bool
		if text, found, err = tx.Text(w.ctx, userpool.MessageID(id)); err == nil && !found {
			err = fmt.Errorf("nothing is known of the text %s", id)
		}
		return err
	}))
	return text
}

// told has a provider tell something.
func (w *world) told(provider string, e sms.Event) {
	w.t.Helper()
	_, err := w.s.TextEvent(w.ctx, provider, e)
	w.must(err)
	w.settle()
}

// A receipt moves the line of its own text forward, and nothing else.
func TestTextEvent_DoubledReorderedForgedLate_OnlyForward(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone, lone: true}
		w.through(c)
		r := w.signUp(home, asha, "")
		code := w.code(asha)
		w.pass(time.Second)
		text := c.last(t, 1)
		status := func(want userpool.TextStatus, code string) {
			t.Helper()
			if got := w.line(text.ID); got.Status != want || got.Code != code || got.Provider != "first" || got.Country != "IN" {
				t.Errorf("the text is %s (%q) by %s to %s, want %s (%q)", got.Status, got.Code, got.Provider, got.Country, want, code)
			}
		}
		status(userpool.TextSent, "")
		w.told("second", sms.Event{Kind: sms.Delivered, ID: text.ID})                         // of another's text
		w.told("first", sms.Event{Kind: sms.Delivered, ID: text.ID, ProviderID: "ref-other"}) // of another of its own
		w.told("first", sms.Event{Kind: sms.Delivered, ID: "no such text"})
		w.told("first", sms.Event{Kind: sms.Delivered})
		w.told("first", sms.Event{Kind: sms.Progress, ID: text.ID, Code: "queued"})
		status(userpool.TextSent, "")
		w.told("first", sms.Event{Kind: sms.Failed, ProviderID: "ref-" + text.ID, Code: "300\n07 <b>"})
		status(userpool.TextFailed, "30007b")
		w.told("first", sms.Event{Kind: sms.Failed, ID: text.ID, Code: "30008"})
		status(userpool.TextFailed, "30007b")
		w.told("first", sms.Event{Kind: sms.Delivered, ID: text.ID, Segments: 2, Micros: 16_000})
		status(userpool.TextDelivered, "")
		w.pass(24 * time.Hour)
		for range 10 {
			w.told("first", sms.Event{Kind: sms.Failed, ID: text.ID, Code: "30008"})
		}
		status(userpool.TextDelivered, "")
		if got := w.line(text.ID); got.Segments != 2 || got.Micros != 16_000 || !got.UsedAt.IsZero() {
			t.Errorf("the line has %d segments for %d, used at %v", got.Segments, got.Micros, got.UsedAt)
		}
		if _, err := w.confirm(home, asha, code, r.Session); err == nil {
			t.Error("a receipt let an old code in")
		}
	})
}

// The provider can be quicker than the commit that the text was handed over.
func TestTextEvent_BeforeTheTextIsWrittenDown_IsNotLost(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		c.taking = func(m sms.Message, r sms.Receipt) {
			if _, err := w.s.TextEvent(w.ctx, "first", sms.Event{Kind: sms.Delivered, ProviderID: r.ProviderID}); err != nil {
				t.Error(err)
			}
		}
		w.through(c)
		w.signUp(home, asha, "")
		w.pass(3 * time.Second)
		if got := w.line(c.last(t, 1).ID); got.Status != userpool.TextDelivered {
			t.Errorf("the text is %s", got.Status)
		}
	})
}

// Who has the code sooner than it is written down that it was sent has used it too.
func TestText_CodeUsedBeforeItIsWrittenDown_CountsAsUsed(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		c.taking = func(m sms.Message, _ sms.Receipt) {
			if _, err := w.confirm(home, asha, m.Code, ""); err != nil {
				t.Error(err)
			}
		}
		w.through(c)
		w.signUp(home, asha, "")
		w.pass(time.Second)
		if got := w.line(c.last(t, 1).ID); got.UsedAt.IsZero() {
			t.Errorf("the text is %s and its code was not used", got.Status)
		}
	})
}

func TestTextEvent_Failed_AnotherProviderSendsTheSameCodeOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		w.through(c)
		r := w.signUp(home, asha, "")
		code := w.code(asha)
		w.pass(3 * time.Second)
		first := c.last(t, 1)
		w.told("first", sms.Event{Kind: sms.Failed, ID: first.ID, Code: "30003"})
		w.pass(time.Second)
		again := c.last(t, 2)
		if !slices.Equal(again.Tried, []string{"first"}) || again.ID == first.ID || again.Code != code || again.Body != first.Body {
			t.Errorf("sent again as %v, tried %q, the code %t, the words %t", again, again.Tried, again.Code == code, again.Body == first.Body)
		}
		for _, e := range []sms.Event{ // nobody is left
			{Kind: sms.Failed, ID: first.ID}, {Kind: sms.Failed, ID: again.ID}, {Kind: sms.Failed, ID: again.ID},
		} {
			w.told("first", e)
			w.told("second", e)
		}
		w.pass(2 * time.Minute)
		c.last(t, 2)
		_, err := w.confirm(home, asha, code, r.Session)
		w.must(err)
		if one, two := w.line(first.ID), w.line(again.ID); one.Status != userpool.TextFailed || two.Provider != "second" || two.UsedAt.IsZero() || !one.UsedAt.IsZero() {
			t.Errorf("the lines are %+v\n%+v", one, two)
		}
	})
}

func TestTextEvent_FailedAndNothingWouldBeGained_IsNotSentAgain(t *testing.T) {
	for name, c := range map[string]func(w *world, session, id string){
		"its code is used":    func(w *world, session, id string) { w.confirm(home, asha, w.code(asha), session) },
		"a minute has passed": func(w *world, session, id string) { w.pass(time.Minute) },
		"another was asked for": func(w *world, session, id string) {
			w.pass(31 * time.Second)
			w.must(w.resend(home, asha))
			w.pass(time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				carriers := &carriers{Phone: w.phone}
				w.through(carriers)
				r := w.signUp(home, asha, "")
				w.pass(time.Second)
				id := carriers.last(t, 1).ID
				c(w, r.Session, id)
				n := len(carriers.texts)
				w.told("first", sms.Event{Kind: sms.Failed, ID: id})
				w.pass(2 * time.Minute)
				carriers.last(t, n)
				if got := w.line(id); got.Status != userpool.TextFailed {
					t.Errorf("the text is %s", got.Status)
				}
			})
		})
	}
}

// A second text costs money, and is not sent where a budget has none.
func TestTextEvent_FailedAndTheBudgetIsSpent_IsNotSentAgain(t *testing.T) {
	settings := guard.Default()
	settings.Budgets = guard.Budgets{}
	price := guard.NewEngine(settings).Line(phone.FromCanonical(asha)).Price
	for _, texts := range []int{1, 2} {
		settings.Budgets.Server.Hour = price * guard.Money(texts)
		settings.Tuning.Soft = 1
		inWorld(t, options{guard: &settings}, func(w *world) {
			c := &carriers{Phone: w.phone}
			w.through(c)
			w.signUp(home, asha, "")
			w.pass(time.Second)
			w.told("first", sms.Event{Kind: sms.Failed, ID: c.last(t, 1).ID})
			w.pass(time.Second)
			c.last(t, texts)
		})
	}
}

// A resend goes with the same code, and says by whom the first went.
func TestResend_TheSameCode_NamesWhomItWasSentBy(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		c := &carriers{Phone: w.phone}
		w.through(c)
		w.signUp(home, asha, "")
		w.pass(31 * time.Second)
		first := c.last(t, 1)
		w.must(w.resend(home, asha))
		w.pass(time.Second)
		if again := c.last(t, 2); again.Code != first.Code || !slices.Equal(again.Tried, []string{"first"}) || w.line(again.ID).Provider != "second" {
			t.Errorf("sent again as %v, tried %q", again, again.Tried)
		}
	})
}

// What may have been sent is tried once more, is paid twice then, and never is given
// back. What surely was not is tried for a minute, and given back.
func TestOutbox_TriesThatFail_AreBoundedAndPaidForWhatTheyMayHaveSent(t *testing.T) {
	maybe, notYet := &sms.SendError{Outcome: sms.MaybeSent, Code: "503"}, &sms.SendError{Outcome: sms.NotYet}
	settings := guard.Default()
	settings.Budgets = guard.Budgets{Server: guard.Budget{Hour: guard.Dollar}}
	price := int(guard.NewEngine(settings).Line(phone.FromCanonical(asha)).Price)
	for name, c := range map[string]struct {
		fails  []error
		tries  int
		status userpool.TextStatus
		paid   int
	}{
		"doubt, then taken":     {[]error{maybe}, 2, userpool.TextSent, 2},
		"doubt upon doubt":      {[]error{maybe, maybe, maybe, maybe}, 3, userpool.TextMaybe, 3},
		"doubt, then surely no": {[]error{maybe, &sms.SendError{Outcome: sms.SurelyNotSent}}, 2, userpool.TextMaybe, 1},
		"later, then taken":     {[]error{notYet}, 2, userpool.TextSent, 1},
		"never":                 {slices.Repeat([]error{notYet}, 20), 5, userpool.TextUnsent, 0},
		"later, then for ever":  {[]error{notYet, &sms.SendError{Outcome: sms.RefusedForEver}}, 2, userpool.TextUnsent, 1},
		"surely not":            {[]error{&sms.SendError{Outcome: sms.SurelyNotSent, Code: "21408"}}, 1, userpool.TextUnsent, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{guard: &settings}, func(w *world) {
				sender := &carriers{Phone: w.phone, fails: c.fails, lone: true}
				w.through(sender)
				w.signUp(home, asha, "")
				w.pass(9 * time.Minute)
				id := sender.last(t, c.tries).ID
				var paid int
				w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
					paid, err = tx.Count(w.ctx, "money/strangers/server/hour", w.s.Now())
					return err
				}))
				if got := w.line(id); got.Status != c.status || paid != c.paid*price {
					t.Errorf("the text is %s, and %d is paid of a price of %d", got.Status, paid, price)
				}
			})
		})
	}
}

func TestStop_NoTextsButForTheOwnersDevice_UntilStart(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.member(mobile, ravi, "")
		w.pass(time.Hour)
		if reply := w.textIn("SM1", asha, " Stop\n"); reply != "" {
			t.Errorf("answered %q", reply)
		}
		n := w.texts(asha)
		for _, c := range []userpool.Caller{home, stranger} {
			_, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", asha)
			w.want(err, fault.CodeDeliveryFailure, "has asked for no texts")
		}
		w.custom(mobile, ravi)
		for number, want := range map[string]guard.Rule{asha: guard.RuleStopped, ravi: guard.RuleNone} {
			x, err := w.s.Explain(w.ctx, phone.FromCanonical(number))
			w.must(err)
			if x.Now.Rule != want || x.Stepped.Rule != want || (x.Now.Verdict == guard.Refuse) != (want == guard.RuleStopped) {
				t.Errorf("%s is explained by %q, %v", number, x.Now.Rule, x.Now.Verdict)
			}
		}
		if w.texts(asha) != n {
			t.Error("it is texted all the same")
		}
		w.textIn("SM2", asha, "START")
		w.textIn("SM1", asha, "STOP") // which somebody has recorded
		w.pass(48 * time.Hour)
		w.textIn("SM1", asha, "STOP")
		w.texted(home, asha)
	})
}

// Whoever may not learn whether there is a user learns nothing of his number either.
func TestStop_NumberThatNobodyTyped_IsNotTold(t *testing.T) {
	byName := func(s *userpool.PoolSettings) { s.UsernameAttributes = nil }
	inWorld(t, options{design: byName}, func(w *world) {
		_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "asha", TemporaryPassword: password, Suppress: true, Attributes: []userpool.Attribute{
			attr("phone_number", asha), attr("phone_number_verified", "true"),
		}})
		w.must(err)
		n := w.texts(asha)
		w.textIn("SM1", asha, "STOP")
		if _, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", "asha"); err != nil {
			t.Errorf("the user's name tells of the number: %v", err)
		}
		if w.texts(asha) != n {
			t.Error("it is texted all the same")
		}
	})
}

// Nobody asked for an invitation: it is not sent to who wants no texts.
func TestStop_InvitationIsNotSent(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.textIn("SM1", asha, "STOP")
		for _, number := range []string{asha, ravi} {
			_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: number, TemporaryPassword: password})
			w.must(err)
		}
		w.pass(2 * time.Hour)
		if stopped, other := w.texts(asha), w.texts(ravi); stopped != 0 || other != 1 {
			t.Errorf("%d texts, and %d to another", stopped, other)
		}
	})
}

func TestHelp_IsAnsweredSomeTimes(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.stop()
		w.helpText = "Codes of the shop."
		w.open(nil)
		w.start()
		var replies []string
		for i := range 6 {
			replies = append(replies, w.textIn(fmt.Sprint("SM", i/2), asha, "Help"))
		}
		replies = append(replies, w.textIn("SM7", asha, "help"), w.textIn("SM8", ravi, "INFO"))
		if got := strings.Join(replies, "|"); got != "Codes of the shop.||Codes of the shop.||Codes of the shop.|||Codes of the shop." {
			t.Errorf("answered %s", got)
		}
	})
}
