package guard_test

import (
	"context"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// memory keeps counters as their contract says, for tests of what is counted.
type memory map[string]counter

type counter struct {
	n     int
	reset time.Time
}

func (m memory) Spend(_ context.Context, key string, l guard.Limit, now time.Time) (guard.Spent, error) {
	c := m[key]
	if !now.Before(c.reset) {
		c = counter{reset: now.Add(l.Window)}
	}
	if c.n >= l.Max {
		return guard.Spent{Count: c.n, ResetAt: c.reset}, nil
	}
	c.n++
	m[key] = c
	return guard.Spent{OK: true, Count: c.n, ResetAt: c.reset}, nil
}

func (m memory) Count(_ context.Context, key string, now time.Time) (int, error) {
	if c := m[key]; now.Before(c.reset) {
		return c.n, nil
	}
	return 0, nil
}

func (m memory) GiveBack(_ context.Context, key string, _ guard.Limit, now time.Time) error {
	if c := m[key]; c.n > 0 && now.Before(c.reset) {
		c.n--
		m[key] = c
	}
	return nil
}

func (m memory) Clear(_ context.Context, key string) error {
	delete(m, key)
	return nil
}

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	party = guard.Party{Number: "n", Address: "a"}
)

// trySpend spends on a copy and keeps it only if nothing was refused, as the
// rolled-back transaction of a caller does.
func trySpend(m memory, spend func(context.Context, guard.Counters, guard.Party, time.Time) error, p guard.Party, now time.Time) error {
	draft := memory{}
	for k, v := range m {
		draft[k] = v
	}
	err := spend(context.Background(), draft, p, now)
	if err != nil {
		return err
	}
	for k, v := range draft {
		m[k] = v
	}
	for k := range m {
		if _, ok := draft[k]; !ok {
			delete(m, k)
		}
	}
	return nil
}

// allowedOver counts what passes when somebody asks every ten seconds.
func allowedOver(m memory, spend func(context.Context, guard.Counters, guard.Party, time.Time) error, from, length time.Duration, address func(int) string) int {
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

func TestSpendText_OneNumberFromEverywhere_TenMinutesHourAndDay(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		want   int
	}{{10 * time.Minute, 3}, {time.Hour, 5}, {24 * time.Hour, 10}} {
		if got := allowedOver(memory{}, guard.SpendText, 0, c.length, everywhere); got != c.want {
			t.Errorf("%d texts in %s, want %d", got, c.length, c.want)
		}
	}
}

func TestSpendText_OneAddressManyNumbers_HundredAnHour(t *testing.T) {
	m := memory{}
	for i := range 100 {
		p := guard.Party{Number: everywhere(i), Address: "a"}
		if err := trySpend(m, guard.SpendText, p, start); err != nil {
			t.Fatalf("text %d: %v", i, err)
		}
	}
	err := trySpend(m, guard.SpendText, guard.Party{Number: "new", Address: "a"}, start)
	if !fault.Is(err, fault.TooManyRequests) || err.(*fault.Error).RetryAfter != time.Hour {
		t.Errorf("the 101st text: %v", err)
	}
}

func TestReturnText_MakesRoomForOne(t *testing.T) {
	m := memory{}
	for range 3 {
		if err := trySpend(m, guard.SpendText, party, start); err != nil {
			t.Fatal(err)
		}
	}
	if err := guard.ReturnText(context.Background(), m, party, start); err != nil {
		t.Fatal(err)
	}
	if err := trySpend(m, guard.SpendText, party, start); err != nil {
		t.Error(err)
	}
	if err := trySpend(m, guard.SpendText, party, start); !fault.Is(err, fault.LimitExceeded) {
		t.Errorf("a fourth text: %v", err)
	}
}

func TestSpendTry_OneNumberFromEverywhere_HourDayAndMonth(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		want   int
	}{{time.Hour, 10}, {24 * time.Hour, 20}} {
		if got := allowedOver(memory{}, guard.SpendTry, 0, c.length, everywhere); got != c.want {
			t.Errorf("%d tries in %s, want %d", got, c.length, c.want)
		}
	}
	m, month := memory{}, 0
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
	m := memory{}
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
	m, at := memory{}, start
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

func TestResendGap_Grows(t *testing.T) {
	for sends, want := range map[int]time.Duration{
		0: 30 * time.Second, 1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute, 4: 5 * time.Minute, 50: 5 * time.Minute,
	} {
		if got := guard.ResendGap(sends); got != want {
			t.Errorf("after %d texts the gap is %s, want %s", sends, got, want)
		}
	}
}
