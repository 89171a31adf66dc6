package rehearse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/rehearse"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// entry is a line of a decision log.
func entry(after time.Duration, number string, v guard.Verdict, more func(*guard.Entry)) guard.Entry {
	route := guard.RouteOf(phone.FromCanonical("+49151123456" + number[len(number)-2:]))
	e := guard.Entry{At: monday.Add(after), Verdict: v, Ask: guard.Ask{Party: guard.Party{Number: number}, Route: route, Price: guard.Dollar / 2}}
	if more != nil {
		more(&e)
	}
	return e
}

func logOf(t *testing.T, entries ...guard.Entry) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	for _, e := range entries {
		if err := json.NewEncoder(&b).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return &b
}

func used(after time.Duration) func(*guard.Entry) {
	return func(e *guard.Entry) { e.UsedAt = e.At.Add(after) }
}

func TestCases_AStepUpAndWhatFollowsIt_AreOne(t *testing.T) {
	log := logOf(t,
		entry(0, "a01", guard.Send, used(20*time.Second)),
		entry(time.Second, "a02", guard.StepUp, nil),
		entry(2*time.Second, "a03", guard.StepUp, nil), // never comes back
		entry(3*time.Second, "a04", guard.Refuse, func(e *guard.Entry) { e.Ask.Known = true }),
		entry(4*time.Second, "a05", guard.Send, func(e *guard.Entry) { e.Ask.Silent = true }), // a decoy
		entry(9*time.Second, "a02", guard.Send, func(e *guard.Entry) { e.Ask.Stepped = true; used(time.Minute)(e) }),
		entry(time.Hour, "a02", guard.Send, func(e *guard.Entry) { e.Unsent = true }),
	)
	var got []string
	for c, err := range rehearse.Cases(rehearse.Entries(log)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s sent=%t stepped=%t passes=%t used=%t ask.stepped=%t",
			c.At.Sub(monday), c.Ask.Party.Number, c.Sent, c.Stepped, c.Passes, !c.UsedAt.IsZero(), c.Ask.Stepped))
	}
	want := []string{
		"0s a01 sent=true stepped=false passes=true used=true ask.stepped=false",
		"1s a02 sent=true stepped=true passes=true used=true ask.stepped=false",
		"2s a03 sent=false stepped=true passes=false used=false ask.stepped=false",
		"3s a04 sent=false stepped=false passes=true used=false ask.stepped=false",
		"1h0m0s a02 sent=false stepped=false passes=false used=false ask.stepped=false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A country that is denied saves its texts, and hurts those who used their codes.
func TestCompare_SavesAndHurts(t *testing.T) {
	log := logOf(t,
		entry(0, "b01", guard.Send, used(20*time.Second)),
		entry(time.Hour, "b02", guard.Send, nil),
		entry(2*time.Hour, "b03", guard.Refuse, func(e *guard.Entry) { e.Ask.Known = true }),
	)
	strict := guard.Default()
	strict.Countries.Deny = []string{"DE"}
	got, err := rehearse.Compare(ctx, rehearse.Cases(rehearse.Entries(log)),
		rehearse.Named{Name: "shipped", Settings: guard.Default()}, rehearse.Named{Name: "strict", Settings: strict})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"requests":3,"used":1,"from":"2026-03-02T09:00:00Z","to":"2026-03-02T11:00:00Z",` +
		`"was":{"name":"as it was","sent":2,"spent":1,"spent_unused":0.5,"stepped_up":0,"refused":1,"refused_known":1,"refused_used":0,"stepped_up_used":0,"first_restricted_at":"2026-03-02T11:00:00Z"},` +
		`"would":[{"name":"shipped","sent":3,"spent":1.5,"spent_unused":1,"stepped_up":0,"refused":0,"refused_known":0,"refused_used":0,"stepped_up_used":0,"first_restricted_at":null},` +
		`{"name":"strict","sent":0,"spent":0,"spent_unused":0,"stepped_up":0,"refused":3,"refused_known":1,"refused_used":1,"stepped_up_used":0,"first_restricted_at":"2026-03-02T09:00:00Z"}]}`
	if string(text) != want {
		t.Errorf("\n got %s\nwant %s", text, want)
	}
}

func TestEntries_WhatIsNoLine_IsNamedByItsNumber(t *testing.T) {
	good := logOf(t, entry(time.Minute, "a01", guard.Send, nil)).String()
	for name, bad := range map[string]string{
		"no JSON": "secret\n", "no time": "{}\n", "half": good[:20] + "\n", "earlier": logOf(t, entry(0, "a02", guard.Send, nil)).String(),
	} {
		var err error
		for _, err = range rehearse.Cases(rehearse.Entries(strings.NewReader(good + bad + good))) {
			if err != nil {
				break
			}
		}
		if wrong, ok := errors.AsType[*rehearse.LineError](err); !ok || wrong.Line != 2 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCasesOfCSV_ReadsAProvidersLog(t *testing.T) {
	const text = "\ufeffSid,Date Sent,To,Status,Price,Converted\n" +
		"3,\"Mon, 02 Mar 2026 09:10:00 +0000\",+49 151 123456-00,delivered,-0.1,no\n" + // the newest first
		"2,2026-03-02 09:05:00,4915112345601,failed,,yes\n" +
		"1,2026-03-02T09:00:00Z,+4915112345600,delivered,$0.2,1\n"
	cases, err := rehearse.CasesOfCSV(strings.NewReader(text), guard.NewPriceTable("", guard.Dollar, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for c, err := range cases {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s sent=%t used=%t known=%t", c.At.Sub(monday), c.Ask.Party.Number[10:], c.Ask.Route.Country, c.Ask.Price, c.Sent, !c.UsedAt.IsZero(), c.Ask.Known))
	}
	want := "0s 5600 DE $0.2 sent=true used=true known=false\n5m0s 5601 DE $1 sent=false used=false known=false\n10m0s 5600 DE $0.1 sent=true used=false known=true"
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestCasesOfCSV_WhatIsWrong_IsNamedByItsLine(t *testing.T) {
	const head, good = "time,to,price,converted\n", "1772442000,+4915112345600,0.1,true\n"
	for text, want := range map[string]string{
		"":                                "line 1: has no heading",
		"to,converted\n":                  "line 1: names no column for the time",
		"time,converted\n":                "line 1: names no column for the number",
		"time,to,price\n":                 "line 1: names no column that says whether",
		head + good + "1,2\n":             "line 3: has 2 columns, and the heading 4",
		head + good + "now,+49,0.1,1\n":   "line 3: the time is none",
		head + good + "1,+49secret,0,1\n": "line 3: the number must be",
		head + good + "1,+4915,free,1\n":  "line 3: the price must be dollars",
		head + good + "1,+4915,,maybe\n":  "line 3: the column converted must be true or false",
		head + good + "1,+4915,,\"x\"y\n": "line 3: is no line of a CSV file",
	} {
		_, err := rehearse.CasesOfCSV(strings.NewReader(text), nil)
		if _, ok := errors.AsType[*rehearse.LineError](err); !ok || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
