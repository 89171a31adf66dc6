package rehearse_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
)

var ctx = context.Background()

// script is an engine that decides by the number's last digit: 0 and less than 5
// are sent, 5 wants a step-up, 6 wants one twice, 7 is refused after one, 9 is
// refused. It writes down what it is told.
type script struct{ told []string }

func (s *script) note(now time.Time, format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf("%g ", now.Sub(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)).Seconds())+fmt.Sprintf(format, args...))
}

func (s *script) Decide(_ context.Context, _ guard.State, a guard.Ask, now time.Time) (guard.Decision, error) {
	s.note(now, "ask %s known=%t stepped=%t device=%q %s %s", a.Party.Number[len(a.Party.Number)-2:], a.Known, a.Stepped, a.Device, a.Route.Country, a.Price)
	verdict := guard.Send
	switch last := a.Party.Number[len(a.Party.Number)-1]; {
	case last == '9', last == '7' && a.Stepped:
		verdict = guard.Refuse
	case last == '6', last >= '5' && !a.Stepped:
		verdict = guard.StepUp
	}
	return guard.Decision{Verdict: verdict, Receipt: guard.Receipt{Party: a.Party, SentAt: now}}, nil
}

func (s *script) Use(_ context.Context, _ guard.State, r guard.Receipt, now time.Time) error {
	s.note(now, "use %s", r.Party.Number[len(r.Party.Number)-2:])
	return nil
}

func (s *script) Mature(_ context.Context, _ guard.State, outcomes []guard.Outcome, now time.Time) error {
	for _, o := range outcomes {
		s.note(now, "mature %s used=%t", o.Receipt.Party.Number[len(o.Receipt.Party.Number)-2:], o.Used)
	}
	return nil
}

// line is a trace's line with what the test says of it in the place of the rest.
func line(t float64, number string, more string) string {
	members := map[string]string{"ip": `"198.51.100.7"`, "device": "null", "known": "false", "price": "0.5", "kind": `"legit"`, "converts": "false", "after": "0", "stepup": `"pass"`}
	order := []string{"ip", "device", "known", "price", "kind", "converts", "after", "stepup"}
	for pair := range strings.FieldsSeq(more) {
		k, v, _ := strings.Cut(pair, "=")
		members[k] = v
	}
	text := fmt.Sprintf(`{"t":%g,"id":"x","phone":"%s"`, t, number)
	for _, k := range order {
		text += `,"` + k + `":` + members[k]
	}
	return text + "}\n"
}

const german = "+49151123456" // and two digits

func TestReplay_EachRule(t *testing.T) {
	var s script
	prices := guard.NewPriceTable("2026-01-01", guard.Dollar, map[string]guard.Money{"+49": guard.Dollar / 4})
	trace := line(0, german+"00", "converts=true after=10 device=\"d\"") +
		line(10, german+"00", "device=\"d\" price=null") + // the credit of 10 s comes before: the device is known, and the gap is over
		line(10, german+"05", "kind=\"attack\"") + // a step-up, passed
		line(10, german+"15", "kind=\"attack\" stepup=\"fail\"") +
		line(10, german+"25", "stepup=\"fail\" known=true") +
		line(11, german+"06", "kind=\"attack\"") + // a second step-up is a refusal
		line(11, german+"07", "") +
		line(12, german+"09", "known=true") +
		line(20, "+9", "kind=\"attack\" price=2") + // a number of nobody
		line(39, german+"00", "") + // within the gap of 30 s
		line(39, german+"00", "ip=\"2001:db8::1\"") + // somebody else
		line(40, german+"00", "") + // the gap is over: one of a minute begins
		line(99, german+"00", "") +
		line(100, german+"00", "") +
		line(611, german+"00", "") // another challenge, with the first one's gap
	score, err := rehearse.Replay(ctx, &s, prices, strings.NewReader(trace))
	if err != nil {
		t.Fatal(err)
	}
	text, err := score.JSON(1.5)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"attack":{"requests":4,"sent":1,"sent_stepup":1,"spend":0.5,"spend_offered":3.5,"first_restricted_at":10},` +
		`"legit":{"requests":11,"refused":3,"stepped_up":2,"refused_known":2},` +
		`"by_country":{"DE":[14,7],"ZZ":[1,0]},"seconds":1.5}`
	if string(text) != want {
		t.Errorf("\n got %s\nwant %s", text, want)
	}
	const told = `0 ask 00 known=false stepped=false device="" DE $0.5
10 use 00
10 ask 00 known=false stepped=false device="d" DE $0.25
10 ask 05 known=false stepped=false device="" DE $0.5
10 ask 05 known=false stepped=true device="" DE $0.5
10 ask 15 known=false stepped=false device="" DE $0.5
10 ask 25 known=true stepped=false device="" DE $0.5
11 ask 06 known=false stepped=false device="" DE $0.5
11 ask 06 known=false stepped=true device="" DE $0.5
11 ask 07 known=false stepped=false device="" DE $0.5
11 ask 07 known=false stepped=true device="" DE $0.5
12 ask 09 known=true stepped=false device="" DE $0.5
20 ask +9 known=false stepped=false device=""  $2
39 ask 00 known=false stepped=false device="" DE $0.5
40 ask 00 known=false stepped=false device="" DE $0.5
100 ask 00 known=false stepped=false device="" DE $0.5
120 mature 00 used=true
130 mature 00 used=false
130 mature 05 used=false
159 mature 00 used=false
160 mature 00 used=false
220 mature 00 used=false
611 ask 00 known=false stepped=false device="" DE $0.5`
	if got := strings.Join(s.told, "\n"); got != told {
		t.Errorf("the engine was told\n%s\nwant\n%s", got, told)
	}
}

// A code that is used at the very time of a line comes before it, though seconds in
// binary do not add up.
func TestReplay_CreditAtTheSameTime_ComesFirst(t *testing.T) {
	var s script
	trace := line(0.1, german+"00", `converts=true after=0.2 device="d"`) + line(0.3, german+"00", `device="d"`)
	if _, err := rehearse.Replay(ctx, &s, nil, strings.NewReader(trace)); err != nil {
		t.Fatal(err)
	}
	if len(s.told) != 3 || !strings.Contains(s.told[1], "use 00") {
		t.Errorf("the engine was told %q", s.told)
	}
}

func TestReplay_NobodyRestricted_FirstIsNull(t *testing.T) {
	score, err := rehearse.Replay(ctx, &script{}, nil, strings.NewReader(line(1e9, german+"00", "kind=\"attack\" price=null")+line(1e9, german+"01", "kind=\"attack\" price=0.1")))
	if err != nil || !math.IsNaN(score.Attack.FirstRestricted) {
		t.Fatalf("%+v, %v", score, err)
	}
	text, _ := score.JSON(0)
	if !strings.Contains(string(text), `"spend":0.1,"spend_offered":0.1,"first_restricted_at":null`) {
		t.Errorf("%s", text)
	}
}

func TestReplay_WhatIsNoLine_IsNamedByItsNumberAndNotShown(t *testing.T) {
	good := line(5, german+"00", "")
	for name, bad := range map[string]string{
		"no JSON":           "secret\n",
		"half":              `{"t":6,"phone":"` + german + `00"` + "\n",
		"an array":          "[6]\n",
		"null":              "null\n",
		"two":               strings.TrimSpace(line(6, german+"00", "")) + line(6, german+"00", ""),
		"empty":             "\n",
		"no t":              `{"phone":"` + german + `00","kind":"legit"}` + "\n",
		"no phone":          `{"t":6,"kind":"legit"}` + "\n",
		"no kind":           `{"t":6,"phone":"` + german + `00"}` + "\n",
		"t a text":          `{"t":"6","phone":"` + german + `00","kind":"legit"}` + "\n",
		"t null":            `{"t":null,"phone":"` + german + `00","kind":"legit"}` + "\n",
		"t NaN":             `{"t":NaN,"phone":"` + german + `00","kind":"legit"}` + "\n",
		"t huge":            `{"t":1e300,"phone":"` + german + `00","kind":"legit"}` + "\n",
		"t beyond a float":  `{"t":1e400,"phone":"` + german + `00","kind":"legit"}` + "\n",
		"earlier":           line(4.999, german+"00", ""),
		"phone a number":    `{"t":6,"phone":4915112345600,"kind":"legit"}` + "\n",
		"phone without +":   line(6, german[1:]+"00", ""),
		"phone a +":         line(6, "+", ""),
		"phone with spaces": line(6, german+" 00", ""),
		"phone of letters":  line(6, "+49FLOWERS", ""),
		"phone too long":    line(6, "+"+strings.Repeat("4", 70), ""),
		"phone twice":       `{"t":6,"phone":"` + german + `00","phone":"` + german + `00","kind":"legit"}` + "\n",
		"ip":                line(6, german+"00", `ip="everywhere"`),
		"ip a number":       line(6, german+"00", `ip=7`),
		"device":            line(6, german+"00", `device=7`),
		"known":             line(6, german+"00", `known="yes"`),
		"known null":        line(6, german+"00", `known=null`),
		"price a text":      line(6, german+"00", `price="0.5"`),
		"price negative":    line(6, german+"00", `price=-0.5`),
		"kind":              line(6, german+"00", `kind="bot"`),
		"converts":          line(6, german+"00", `converts=1`),
		"after":             line(6, german+"00", `after="1"`),
		"after negative":    line(6, german+"00", `after=-1`),
		"stepup":            line(6, german+"00", `stepup="maybe"`),
		"not UTF-8":         "{\"t\":6,\"id\":\"\xff\",\"phone\":\"" + german + "00\",\"kind\":\"legit\"}\n",
		"endless":           `{"t":6,"id":"` + strings.Repeat("x", 2<<20) + "\"}\n",
	} {
		_, err := rehearse.Replay(ctx, &script{}, nil, strings.NewReader(good+bad+good))
		wrong, ok := errors.AsType[*rehearse.LineError](err)
		if !ok || wrong.Line != 2 || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "4915") {
			t.Errorf("%s: %v, want a word about line 2", name, err)
		}
	}
}

func TestReplay_WhatMayBeLeftOut(t *testing.T) {
	const trace = `{"t":-1.5,"phone":"+15555550100","kind":"legit"}` + "\r\n" +
		`{"extra":{"t":[1]},"kind":"attack","phone":"+99999","t":0,"ip":null,"device":null,"price":null}`
	score, err := rehearse.Replay(ctx, &script{}, nil, strings.NewReader(trace))
	if err != nil || score.Legit.Requests != 1 || score.Attack.Requests != 1 || score.Country["US"] == nil || score.Country["ZZ"] == nil {
		t.Errorf("%+v, %v", score, err)
	}
}
