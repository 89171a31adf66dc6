package sqlstore

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// aStranger is a line of a text to a stranger, of whose levels there are the most.
func aStranger() guard.Entry {
	a := guard.Ask{
		Party:   guard.Party{Number: "number", Address: "fa7c9716cb7b6af072cf14f39b779918"},
		Route:   guard.Route{Country: "IN", Block: 91981590, Digits: 8},
		Address: guard.Key{Kind: guard.CellAddress, Hi: 0xfa7c9716cb7b6af0, Lo: 0x72cf14f39b779918}, Network: guard.Key{Kind: guard.CellNetwork, Hi: 1 << 63, Lo: 1 << 63},
		Pool: "us-east-1_WMa9zGD2e", Client: "100jh2kfhrdujktd9rz1mas74m", Price: 38570,
	}
	e := guard.Entry{ID: "id", At: time.UnixMilli(1795882892144).UTC(), Operation: "SignUp", Purpose: "sign_up", Ask: a, Receipt: a.Receipt()}
	e.Receipt.SentAt = e.At
	for _, of := range []string{"server", "country/IN"} {
		for _, window := range []string{"/hour", "/day", "/month"} {
			e.Levels = append(e.Levels, guard.Level{Rule: guard.RuleBudget, Of: of + window, Have: 3937.80715, Need: 0.03857, Limit: 4000})
		}
	}
	for _, of := range []string{"+91981590", "+9198159", "+919815"} {
		e.Levels = append(e.Levels, guard.Level{Rule: guard.RuleBlock, Of: of, Have: 3.1666667461395264, Need: 1, Limit: 4})
	}
	return e
}

// A row that has more than a kilobyte has a page of its own in an SQLite file, which each
// text would write.
func TestDecision_OfAStranger_HasNoPageOfItsOwn(t *testing.T) {
	const most, columns = 1000, 200 // of a row, and of it what is beside the detail
	if n := len(text(detailOf(aStranger()))); n > most-columns {
		t.Errorf("its detail has %d bytes", n)
	}
}

// broughtBack is a line as its detail brings it back.
func broughtBack(t *testing.T, e guard.Entry, detail string) guard.Entry {
	t.Helper()
	var d decisionDetail
	back := guard.Entry{ID: e.ID, At: e.At}
	if err := json.Unmarshal([]byte(detail), &d); err != nil {
		t.Fatal(err)
	}
	if err := d.fill(&back, e.Ask.Party.Number); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestDecision_ComesBackWhole(t *testing.T) {
	for name, change := range map[string]func(*guard.Entry){
		"as it is":                func(*guard.Entry) {},
		"an address of a device":  func(e *guard.Entry) { e.Ask.Party.Address = "device"; e.Receipt.Party.Address = "device" },
		"no address":              func(e *guard.Entry) { e.Ask.Address, e.Receipt.Address = guard.Key{}, guard.Key{} },
		"another's address":       func(e *guard.Entry) { e.Ask.Address.Lo++; e.Receipt.Address.Lo++ },
		"sent later":              func(e *guard.Entry) { e.Receipt.SentAt = e.At.Add(time.Second) },
		"sent at no time":         func(e *guard.Entry) { e.Receipt.SentAt = time.Time{} },
		"another receipt":         func(e *guard.Entry) { e.Receipt.Price++ },
		"a receipt's own":         func(e *guard.Entry) { e.Receipt.Windows, e.Receipt.Earned = true, true },
		"nothing sent":            func(e *guard.Entry) { e.Receipt = guard.Receipt{} },
		"no levels":               func(e *guard.Entry) { e.Levels = nil },
		"levels of many names":    func(e *guard.Entry) { e.Levels[2].Of = "a pool; of = some" },
		"a level of one sign":     func(e *guard.Entry) { e.Levels[2].Of = sameAsBefore },
		"levels without names":    func(e *guard.Entry) { e.Levels[0].Of, e.Levels[1].Of, e.Levels[1].Rule = "", "", "" },
		"levels that are extreme": func(e *guard.Entry) { e.Levels[0].Have, e.Levels[1].Need = -math.MaxFloat64, 1e-300 },
		"all of an ask": func(e *guard.Entry) {
			e.Ask.Party.Device, e.Ask.Party.Network, e.Ask.Device = "one", "two", "three"
			e.Ask.Kind, e.Ask.Known, e.Ask.Stepped, e.Ask.Silent = 3, true, true, true
		},
	} {
		e := aStranger()
		change(&e)
		if got := broughtBack(t, e, text(detailOf(e))); !reflect.DeepEqual(got, e) {
			t.Errorf("%s: it is\n%+v, not\n%+v", name, got, e)
		}
	}
}

// Lines are kept for 90 days: those that an earlier version has written are read.
func TestDecision_OfAnEarlierVersion_IsRead(t *testing.T) {
	const detail = `{"Operation":"SignUp","Purpose":"sign_up","Ask":{"Party":{"Number":"","Device":"","Address":"fa7c9716cb7b6af072cf14f39b779918","Network":""},
		"Route":{"Country":"IN","Block":91981590,"Digits":8},"Kind":0,"Address":{"Kind":5,"Hi":18049467530753043184,"Lo":8272854077020805400},
		"Network":{"Kind":6,"Hi":9223372036854775808,"Lo":9223372036854775808},"Pool":"us-east-1_WMa9zGD2e","Client":"100jh2kfhrdujktd9rz1mas74m",
		"Price":38570,"Known":false,"Device":"","Stepped":false,"Silent":false},
		"Levels":[{"rule":"budget","of":"server/hour","have":3937.80715,"need":0.03857,"limit":4000}],"Sent":{"At":"2026-11-28T16:21:32.144Z"}}`
	e := aStranger()
	e.Levels = e.Levels[:1]
	if got := broughtBack(t, e, detail); !reflect.DeepEqual(got, e) {
		t.Errorf("it is\n%+v, not\n%+v", got, e)
	}
}
