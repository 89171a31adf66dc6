package guard_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	state "github.com/bellhop-auth/bellhop/internal/guard/memory"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	party = guard.Party{Number: "n", Address: "a"}
)

// trySpend keeps what is spent only if nothing was refused, as the rolled-back
// transaction of a caller does.
func trySpend(m *state.State, spend func(context.Context, guard.State, guard.Party, time.Time) error, p guard.Party, now time.Time) error {
	err := spend(context.Background(), m, p, now)
	if err != nil {
		m.Undo()
		return err
	}
	m.Keep()
	return nil
}

// allowedOver counts what passes when somebody asks every ten seconds.
func allowedOver(m *state.State, spend func(context.Context, guard.State, guard.Party, time.Time) error, from, length time.Duration, address func(int) string) int {
	passed := 0
	for i := 0; time.Duration(i)*10*time.Second < length; i++ {
		p := guard.Party{Number: party.Number, Address: address(i)}
		if trySpend(m, spend, p, start.Add(from+time.Duration(i)*10*time.Second)) == nil {
			passed++
		}
	}
	return passed
}

func everywhere(i int) string { return string(rune('a' + i%500)) }

// At a carrier's address people who are right make room for those who mistype.
func TestSpendTry_OfAnAddress_IsEarned(t *testing.T) {
	m := state.New(state.Config{})
	somebody := func(i int) guard.Party { return guard.Party{Number: string(rune(i)), Address: "a"} }
	for i := range 2000 {
		if err := trySpend(m, guard.SpendTry, somebody(i), start); err != nil {
			t.Fatalf("try %d of which every second is right: %v", i, err)
		}
		if i%2 == 1 {
			if err := guard.RightTry(context.Background(), m, somebody(i), start); err != nil {
				t.Fatal(err)
			}
			m.Keep()
		}
	}
	passed := 0
	for i := range 500 {
		if trySpend(m, guard.SpendTry, somebody(5000+i), start) == nil {
			passed++
		}
	}
	if passed != 200 {
		t.Errorf("%d tries of which none is right", passed)
	}
}

func TestSpendTry_OneNumberFromEverywhere_HourDayAndMonth(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		want   int
	}{{time.Hour, 10}, {24 * time.Hour, 20}} {
		if got := allowedOver(state.New(state.Config{}), guard.SpendTry, 0, c.length, everywhere); got != c.want {
			t.Errorf("%d tries in %s, want %d", got, c.length, c.want)
		}
	}
	m, month := state.New(state.Config{}), 0
	for day := range 30 {
		from := time.Duration(day) * 24 * time.Hour
		month += allowedOver(m, guard.SpendTry, from, 23*time.Hour, everywhere)
		// A success ends the row of failures and nothing else; its own try is
		// given back, as is the wait of whoever comes late in the month.
		right := start.Add(from + 23*time.Hour)
		if trySpend(m, guard.SpendTry, party, right) == nil {
			if err := guard.RightTry(context.Background(), m, party, right); err != nil {
				t.Fatal(err)
			}
		}
	}
	if late := 20 * 5; month < 200 || month > 200+late {
		t.Errorf("%d tries in 30 days with a success each day, want 200 and then one in six hours", month)
	}
}

func TestSpendTry_AfterTwoHundredInAMonth_DelayedNotDisabled(t *testing.T) {
	m := state.New(state.Config{})
	for day := range 30 {
		allowedOver(m, guard.SpendTry, time.Duration(day)*24*time.Hour, 24*time.Hour, everywhere)
	}
	spent := 0
	for hour := range 24 {
		if trySpend(m, guard.SpendTry, party, start.Add(29*24*time.Hour+24*time.Hour-time.Duration(24-hour)*time.Minute)) == nil {
			spent++
		}
	}
	if spent > 1 {
		t.Errorf("%d tries in 24 minutes late in the month", spent)
	}
	late := start.Add(29*24*time.Hour + 23*time.Hour + 59*time.Minute)
	if err := trySpend(m, guard.SpendTry, party, late.Add(6*time.Hour)); err != nil {
		t.Errorf("six hours later: %v", err)
	}
}

func TestSpendTry_AfterAHundredInARow_OneAnHour(t *testing.T) {
	m, at := state.New(state.Config{}), start
	for range 5 {
		for range 2 {
			for range 10 {
				if err := trySpend(m, guard.SpendTry, party, at); err != nil {
					t.Fatal(err)
				}
			}
			at = at.Add(time.Hour)
		}
		at = at.Add(24 * time.Hour)
	}
	if err := trySpend(m, guard.SpendTry, party, at); err != nil {
		t.Fatalf("the hundred and first: %v", err)
	}
	if err := trySpend(m, guard.SpendTry, party, at.Add(59*time.Minute)); !fault.Is(err, fault.LimitExceeded) {
		t.Errorf("a second one within the hour: %v", err)
	}
	if err := trySpend(m, guard.SpendTry, party, at.Add(time.Hour)); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// Who was slowed down and then is right is as anybody else.
func TestRightTry_EndsTheWaitOfWhoWasSlow(t *testing.T) {
	right := func(m *state.State, at time.Time) {
		t.Helper()
		if err := trySpend(m, guard.SpendTry, party, at); err != nil {
			t.Fatal(err)
		}
		if err := guard.RightTry(context.Background(), m, party, at); err != nil {
			t.Fatal(err)
		}
		m.Keep()
	}
	m := state.New(state.Config{})
	for day := range 5 {
		allowedOver(m, guard.SpendTry, time.Duration(day)*25*time.Hour, 25*time.Hour, everywhere)
	}
	at := start.Add(130 * time.Hour)
	right(m, at)
	if n, err := m.Count(context.Background(), "number/slow/1h0m0s/"+party.Number, at); err != nil || n != 0 {
		t.Errorf("after a long row it has %d slow ones: %v", n, err)
	}

	m = state.New(state.Config{})
	for day := range 10 {
		from := time.Duration(day) * 24 * time.Hour
		if day == 6 { // so the row is not long when the month is full
			right(m, start.Add(from))
		}
		allowedOver(m, guard.SpendTry, from, 23*time.Hour, everywhere)
	}
	at = start.Add(10 * 24 * time.Hour)
	right(m, at)
	if n, err := m.Count(context.Background(), "number/slow/6h0m0s/"+party.Number, at); err != nil || n != 0 {
		t.Errorf("with a month that was full it has %d slow ones: %v", n, err)
	}
}

func TestResendGap_Grows(t *testing.T) {
	for sends, want := range map[int]time.Duration{
		0: 30 * time.Second, 1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 4: 5 * time.Minute, 50: 5 * time.Minute,
	} {
		if got := guard.ResendGap(sends); got != want {
			t.Errorf("after %d texts the gap is %s, want %s", sends, got, want)
		}
	}
}

func TestSpendTry_AKnownDevice_HasTriesOfItsOwn(t *testing.T) {
	m := state.New(state.Config{})
	if n := allowedOver(m, guard.SpendTry, 0, time.Hour, everywhere); n != 10 {
		t.Fatalf("%d tries of strangers", n)
	}
	device := guard.Party{Number: party.Number, Device: "d", Address: "d"}
	for i := range 10 {
		if err := trySpend(m, guard.SpendTry, device, start.Add(time.Hour-time.Minute)); err != nil {
			t.Fatalf("try %d of the owner's device: %v", i, err)
		}
	}
	if err := trySpend(m, guard.SpendTry, device, start.Add(time.Hour-time.Minute)); !fault.Is(err, fault.LimitExceeded) {
		t.Errorf("its eleventh: %v", err)
	}
}

func TestSpendTry_OneIPv6Network_AThousandAnHour(t *testing.T) {
	m, n := state.New(state.Config{}), 0
	for ; n < 2000; n++ {
		p := guard.Party{Number: "n" + strconv.Itoa(n), Address: "a" + strconv.Itoa(n), Network: "48"}
		if trySpend(m, guard.SpendTry, p, start) != nil {
			break
		}
	}
	if n != 1000 {
		t.Errorf("%d tries of a network of which each comes from another /64", n)
	}
}
