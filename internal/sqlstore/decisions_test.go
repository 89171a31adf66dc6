package sqlstore

import (
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
	if n := len(detailText(detailOf(aStranger()))); n > most-columns {
		t.Errorf("its detail has %d bytes", n)
	}
}

// broughtBack is a line as its detail brings it back.
func broughtBack(t *testing.T, e guard.Entry, detail string) guard.Entry {
	t.Helper()
	var d decisionDetail
	back := guard.Entry{ID: e.ID, At: e.At}
	if err := (decoded{&d}).Scan(detail); err != nil {
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
		if got := broughtBack(t, e, detailText(detailOf(e))); !reflect.DeepEqual(got, e) {
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

// What is written by hand is JSON as encoding/json writes it, and is read as that reads it.
func TestDecisionDetail_IsWrittenAndReadAsJSON(t *testing.T) {
	whole := decisionDetail{
		Operation: "SignUp", Purpose: "sign_up", Rule: guard.RuleBlock, Of: "+91987", Looked: "budget server 1 2 3", StepUp: "proof-of-work",
		Asked: asked{
			OfDevice: "pd", OfAddress: "pa", OfNetwork: "pn", Country: "IN", Block: math.MaxUint64, Digits: 8, Kind: 200, Address: "a", Network: "w",
			Pool: "p", Client: "i", Price: math.MinInt64, Known: true, Device: "d", Stepped: true, Silent: true,
		},
		Sent: &sent{Windows: true, Earned: true, Matured: true},
	}
	for name, c := range map[string]struct {
		change func(*decisionDetail)
		plain  bool
	}{
		"whole":             {func(*decisionDetail) {}, true},
		"empty":             {func(d *decisionDetail) { *d = decisionDetail{} }, true},
		"nothing but sent":  {func(d *decisionDetail) { *d = decisionDetail{Sent: &sent{}} }, true},
		"half":              {func(d *decisionDetail) { d.Operation, d.Asked.Country, d.Asked.Known, d.Sent = "", "", false, nil }, true},
		"brackets, commas":  {func(d *decisionDetail) { d.Of, d.Looked = "a}b,{c:", "]," }, true},
		"a quotation mark":  {func(d *decisionDetail) { d.Of = `a"b` }, false},
		"a reverse solidus": {func(d *decisionDetail) { d.Looked = `a\b` }, false},
		"what HTML escapes": {func(d *decisionDetail) { d.Asked.Device = "<&>" }, false},
		"a letter":          {func(d *decisionDetail) { d.Of = "ë" }, false},
		"a line's end":      {func(d *decisionDetail) { d.Of = "a\n" }, false},
		"an end":            {func(d *decisionDetail) { d.Until = time.UnixMilli(1795882892144).UTC() }, false},
		"a time of sending": {func(d *decisionDetail) { d.Sent.At = time.UnixMilli(1795882892144).UTC() }, false},
		"levels":            {func(d *decisionDetail) { d.Levels = []guard.Level{{Of: "a pool; of = some"}} }, false},
		"a receipt":         {func(d *decisionDetail) { d.Receipt.Price = 1 }, false},
		"an ask":            {func(d *decisionDetail) { d.Ask = &guard.Ask{Price: 1} }, false},
	} {
		own := *whole.Sent
		d := whole
		d.Sent = &own
		c.change(&d)
		got, want := detailText(d), text(d)
		if got != want {
			t.Errorf("%s: it is written as\n%s, not\n%s", name, got, want)
		}
		var read decisionDetail
		if plain := read.readPlain(want); plain != c.plain {
			t.Errorf("%s: it is plain: %t", name, plain)
		}
		var back decisionDetail
		if err := (decoded{&back}).Scan(want); err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%s: it came back as\n%+v, %v, not\n%+v", name, back, err, d)
		}
	}
	for _, odd := range []string{
		``, `{`, `{"Of"`, `{"Of":`, `{"Of":"a"`, `{"Of":"a",`, `{"Of":"a",}`, `{"Of":"a"}x`, `{"Of":12}`, `{"Of":true}`, `{"Of":{}}`, `{ "Of":"a"}`, `{"Of":null}`, `[]`,
		`{"Other":"a"}`, `{"Asked":"a"}`, `{"Asked":{"b":"1"}}`, `{"Asked":{"b":-1}}`, `{"Asked":{"k":256}}`, `{"Asked":{"y":false}}`, `{"Asked":{"y":1}}`, `{"Asked":{"z":1}}`,
		`{"Asked":{"m":1.5}}`, `{"Asked":{"m":1}`, `{"Sent":{"At":"x"}}`, `{"Sent":{"Windows":true}`, `{"Levels":[]}`,
	} {
		var d decisionDetail
		if d.readPlain(odd) {
			t.Errorf("%s is taken to be plain: %+v", odd, d)
		}
	}
}
