package guard_test

import (
	"context"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// An outage of an area: known numbers' codes are not used either.
func TestOutage_IsNotHeldAgainstItsNumbers(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	for i := range 40 {
		d.text(d.ask(uint64(i)*100, known), true)
	}
	closed := 0
	for i := range 60 { // two hours: known numbers and strangers ask by turns
		a := d.ask(uint64(i % 10))
		if i%2 == 0 {
			known(&a)
		}
		if got := d.text(a, false); got.Verdict != guard.Send {
			closed++
		}
	}
	if sent, last := d.flood(100, func(i int) guard.Ask { return d.ask(uint64(i % 10)) }); sent > 40 || last.Rule != guard.RuleBlock {
		t.Errorf("%d texts were thrown after it, the last %s by %s", sent, last.Verdict, last.Rule)
	}
	if closed > 5 {
		t.Errorf("%d of 60 asks were restricted", closed)
	}
	d.text(d.ask(0, known), true) // the carrier is back
	sent, last := d.flood(5, func(i int) guard.Ask { return d.ask(uint64(i)) })
	if sent != 5 {
		t.Errorf("of the first five %d were sent, then %s by %s of %s", sent, last.Verdict, last.Rule, last.Of)
	}
}

// Who has a list of known numbers asks for them from addresses where nobody signs
// in. That must not pass for an outage.
func TestOutage_CannotBeFeignedFromAddressesThatEarnNothing(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	for i := range 40 {
		d.text(d.ask(uint64(i)*100, known, from(5)), true)
	}
	for i := range 200 {
		d.mature(d.decide(d.ask(uint64(i), known, from(1<<40+uint64(i)<<8))).Receipt, false)
	}
	d.flood(100, func(i int) guard.Ask { return d.ask(0) })
	d.now = d.now.Add(2 * time.Minute)
	if sent, last := d.flood(10, func(i int) guard.Ask { return d.ask(0) }); sent != 0 {
		t.Errorf("%d texts two minutes after it closed, then %s by %s", sent, last.Verdict, last.Rule)
	}
}

// A server to which nobody reports used codes must not close everything.
func TestFeedback_WithoutIt_WindowsAreRates(t *testing.T) {
	d := newDesk(t, tried())
	d.busy(900)
	for i := range 200 {
		d.text(d.ask(uint64(i%10), known), false)
	}
	sent := 0
	for i := range 120 { // two hours, one a minute into one area
		d.now = d.now.Add(time.Minute)
		if got := d.decide(d.ask(uint64(i % 100))); got.Verdict == guard.Send {
			sent++
			d.mature(got.Receipt, false)
		}
	}
	if sent < 100 {
		t.Errorf("%d of 120 texts were sent while no used code was heard of", sent)
	}
	d.text(d.ask(3, known), true) // it is back: they are windows again
	sent, _ = d.flood(1000, func(i int) guard.Ask { return d.ask(0) })
	if sent > 12 {
		t.Errorf("%d texts into a block with feedback", sent)
	}
}

func guess(t *testing.T, d *desk, trusted, stepped bool) guard.Decision {
	t.Helper()
	got, err := d.engine.Guess(context.Background(), d.state, "pool", trusted, stepped, d.now)
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdict == guard.Send {
		d.state.Keep()
	} else {
		d.state.Undo()
	}
	return got
}

func TestGuess_ASpray_IsHeldToTheDaysBound_AndAlarmsEarly(t *testing.T) {
	d := newDesk(t, tried())
	naive, paid, first := 0, 0, 0
	for i := range 24 * 60 * 4 {
		got := guess(t, d, false, false)
		switch got.Verdict {
		case guard.Send:
			naive++
		case guard.StepUp:
			if first == 0 {
				first = i
			}
			if !fault.Is(got.Fault, fault.StepUpRequired) || got.Rule != guard.RuleSpray {
				t.Fatalf("%+v", got)
			}
			if got = guess(t, d, false, true); got.Verdict == guard.Send {
				paid++
			}
		}
		if got.Verdict == guard.Refuse && !fault.Is(got.Fault, fault.TooManyRequests) {
			t.Fatalf("%+v", got)
		}
		d.now = d.now.Add(15 * time.Second)
	}
	if first == 0 || first > 200 {
		t.Errorf("the alarm came after %d", first)
	}
	if all := naive + paid; all > 4000 || all < 3000 {
		t.Errorf("%d wrong answers were looked at in a day, %d of them after a step-up", all, paid)
	}
	if got := guess(t, d, true, false); got.Verdict != guard.Send {
		t.Errorf("a known device: %s", got.Verdict)
	}
}

func TestGuess_PeopleWhoMistype_AreNotStopped(t *testing.T) {
	d := newDesk(t, tried())
	for i := range 20000 { // one of 20 is wrong
		if got := guess(t, d, i%3 == 0, false); got.Verdict != guard.Send {
			t.Fatalf("answer %d: %s", i, got.Verdict)
		}
		if i%20 != 0 {
			if err := d.engine.Right(context.Background(), d.state, "pool", d.now); err != nil {
				t.Fatal(err)
			}
			d.state.Keep()
		}
		d.now = d.now.Add(100 * time.Millisecond)
	}
}
