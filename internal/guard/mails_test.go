package guard_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// mail makes the ask one for a code by e-mail.
func mail(a *guard.Ask) { a.Route, a.Kind, a.Price = guard.Route{}, phone.Unknown, 0 }

// What countries, prefixes and prices say is said of numbers: an e-mail has none.
func TestMails_AreNoCountrys(t *testing.T) {
	s := guard.Default()
	s.Countries.Allow = []string{"DE"}
	s.Prefixes.Allow = []string{"+44"}
	d := newDesk(t, s)
	for i := range 400 {
		got := d.decide(d.ask(0, mail, from(uint64(i)<<8)))
		if got.Verdict != guard.Send {
			t.Fatalf("mail %d: %s by %s of %s", i, got.Verdict, got.Rule, got.Of)
		}
		d.now = d.now.Add(time.Second)
		d.mature(got.Receipt, false)
	}
	cells, err := d.state.Cells(t.Context(), []guard.Key{guard.CountryKey(""), guard.ServerKey()})
	if err != nil {
		t.Fatal(err)
	}
	if cells[0] != (guard.Cell{}) || cells[1].Standing != guard.Open {
		t.Errorf("mails that nobody answered were learned from: %+v", cells)
	}
}

// One address may not have any number of them sent all the same.
func TestMails_OfOneAddress_AreBounded(t *testing.T) {
	d := newDesk(t, tried())
	sent, last := d.flood(100, func(int) guard.Ask { return d.ask(0, mail, from(1)) })
	if sent > 40 || last.Rule != guard.RuleAddress {
		t.Errorf("%d were sent, the last %s by %s", sent, last.Verdict, last.Rule)
	}
}
