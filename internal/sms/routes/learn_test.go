package routes_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
)

// seen is evidence of known numbers in Nigeria: of so many texts so many codes used.
func seen(provider string, used, sent int) sms.Evidence {
	return sms.Evidence{Provider: provider, Country: "NG", Known: true, Sent: sent, Used: used}
}

func told(e sms.Evidence, failed, told int) sms.Evidence {
	e.Failed, e.Told = failed, told
	return e
}

// learnt is the order in Nigeria, with why a stands where it stands, after the router
// learned of each half hour.
func learnt(t *testing.T, halfHours ...[]sms.Evidence) (got, why string) {
	t.Helper()
	_, cfg := stations(2)
	r := router(t, cfg)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, e := range halfHours {
		r.Learn(at, e)
		at = at.Add(30 * time.Minute)
	}
	e := r.Explain(at, text("", nigerian).Destination())
	for _, c := range e.Candidates {
		if c.Provider == "a" {
			why = strings.Join(c.Why, "; ")
		}
	}
	return names(e), why
}

func TestLearn_WhatPutsAProviderLast(t *testing.T) {
	strangers := told(seen("a", 0, 5000), 3000, 5000)
	strangers.Known = false
	elsewhere := seen("a", 0, 500)
	elsewhere.Country = "KE"
	fresh, old := seen("a", 0, 20), seen("a", 190, 200)
	old.Slice = 2
	for name, c := range map[string]struct {
		halfHours [][]sms.Evidence
		order     string
		why       string
	}{
		"its codes are used as those of the other":    {[][]sms.Evidence{{seen("a", 88, 100), seen("b", 92, 100)}}, "a b", ""},
		"they are not used":                           {[][]sms.Evidence{{seen("a", 12, 80), seen("b", 55, 60)}}, "b a", "12 of 80 codes to known numbers were used, 55 of 60 of the other providers'"},
		"they are not used, in the latest minutes":    {[][]sms.Evidence{{fresh, old, seen("b", 55, 60)}}, "b a", "0 of 20 codes"},
		"strangers do not use them":                   {[][]sms.Evidence{{strangers, seen("a", 40, 45), seen("b", 55, 60)}}, "a b", ""},
		"they are not used in another country":        {[][]sms.Evidence{{elsewhere, seen("a", 40, 45)}}, "a b", ""},
		"there are too few to tell":                   {[][]sms.Evidence{{seen("a", 1, 7), seen("b", 55, 60)}}, "a b", ""},
		"a few were not used, by chance":              {[][]sms.Evidence{{seen("a", 5, 10), seen("b", 9, 10)}}, "a b", ""},
		"used a little less, with certainty":          {[][]sms.Evidence{{seen("a", 7000, 10000), seen("b", 900, 1000)}}, "a b", ""},
		"used less than before, nobody to compare":    {[][]sms.Evidence{{seen("a", 90, 100)}, {seen("a", 12, 80)}}, "b a", "90 of 100 of its own before"},
		"nothing is known of anybody":                 {[][]sms.Evidence{{seen("a", 0, 80)}}, "a b", ""},
		"a bad hour of both":                          {[][]sms.Evidence{{seen("a", 90, 100), seen("b", 90, 100)}, {seen("a", 12, 80), seen("b", 4, 20)}}, "a b", ""},
		"its own receipts say so":                     {[][]sms.Evidence{{told(seen("a", 60, 80), 40, 70)}}, "b a", "30 of 70 texts to known numbers arrived"},
		"receipts of few failures":                    {[][]sms.Evidence{{told(seen("a", 60, 80), 7, 70)}}, "a b", ""},
		"receipts that fail with the other as well":   {[][]sms.Evidence{{told(seen("a", 50, 80), 30, 70), told(seen("b", 18, 30), 12, 28)}}, "a b", ""},
		"evidence of a provider that there is not":    {[][]sms.Evidence{{seen("z", 55, 60), seen("a", 12, 80)}}, "a b", ""},
		"both are bad, by what each was before":       {[][]sms.Evidence{{seen("a", 90, 100), seen("b", 90, 100)}, {seen("a", 2, 80)}, {seen("a", 2, 80), seen("b", 1, 40)}}, "a b", ""},
		"what was told first is replaced by the last": {[][]sms.Evidence{{seen("a", 80, 80), seen("b", 55, 60)}, {seen("a", 80, 80)}}, "a b", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, why := learnt(t, c.halfHours...)
			if got != c.order || !strings.Contains(why, c.why) {
				t.Errorf("the order is %q (a: %s), want %q (%s)", got, why, c.order, c.why)
			}
		})
	}
}

// The same numbers of texts, as known numbers' and as strangers': nobody but who has
// signed in before can say anything against a provider.
func TestLearn_AnAttack_CannotPutAProviderLast(t *testing.T) {
	for _, known := range []bool{true, false} {
		attack := told(seen("a", 0, 20_000), 15_000, 20_000)
		attack.Known = known
		got, _ := learnt(t, []sms.Evidence{attack, seen("a", 50, 55), told(seen("b", 50, 55), 0, 50)})
		if want := map[bool]string{true: "b a", false: "a b"}[known]; got != want {
			t.Errorf("known %v: the order is %q, want %q", known, got, want)
		}
	}
}

func TestLearn_AProviderThatIsLast_GetsAFewTextsAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		r := router(t, cfg)
		r.Learn(time.Now(), []sms.Evidence{seen("a", 0, 80), seen("b", 55, 60)})
		first := func() (ids map[string]bool) {
			ids = map[string]bool{}
			for i := range 1600 {
				receipt, err := send(r, text(fmt.Sprint(i), nigerian))
				if err != nil {
					t.Fatal(err)
				}
				if receipt.Provider == "a" {
					ids[fmt.Sprint(i)] = true
				}
			}
			return ids
		}
		probes := first()
		if n := len(probes); n < 60 || n > 140 {
			t.Errorf("a got %d of 1600 texts, want about 100", n)
		}
		if again := first(); fmt.Sprint(again) != fmt.Sprint(probes) {
			t.Error("the same texts, tried again, go otherwise")
		}
		for id := range probes {
			m := text(id, nigerian)
			m.Tried = []string{"b"}
			if receipt, _ := send(r, m); receipt.Provider != "b" {
				t.Error("somebody who waits for a second text is sent it as a probe")
			}
			break
		}
		r.Learn(time.Now(), []sms.Evidence{seen("a", 3, 3), seen("b", 180, 200)})
		if n := len(first()); n < 320 || n > 480 {
			t.Errorf("its last codes were used, and a got %d of 1600 texts, want about 400", n)
		}
		s[1].answer = failing(sms.NotYet)
		if receipt, err := send(r, text("m", nigerian)); err != nil || receipt.Provider != "a" {
			t.Errorf("with nobody else it went by %q (%v), want a", receipt.Provider, err)
		}
		s[1].answer = nil

		for _, c := range []struct {
			after     time.Duration
			used, all int
			want      string
		}{
			{10 * time.Minute, 12, 12, "b a"}, // not so soon
			{25 * time.Minute, 6, 12, "b a"},  // no better
			{time.Minute, 4, 4, "b a"},        // too few
			{time.Minute, 12, 12, "a b"},
		} {
			time.Sleep(c.after)
			r.Learn(time.Now(), []sms.Evidence{seen("a", c.used, c.all), seen("b", 180, 200)})
			if got := order(r, nigerian); got != c.want {
				t.Errorf("with %d of %d probes used the order is %q, want %q", c.used, c.all, got, c.want)
			}
		}
		r.Learn(time.Now(), []sms.Evidence{seen("a", 0, 80), seen("b", 180, 200)})
		time.Sleep(45 * time.Minute)
		r.Learn(time.Now(), []sms.Evidence{seen("a", 12, 12), seen("b", 180, 200)})
		if got := order(r, nigerian); got != "b a" {
			t.Errorf("the second time it came back as soon as the first: %q", got)
		}
		time.Sleep(16 * time.Minute)
		r.Learn(time.Now(), []sms.Evidence{seen("a", 12, 12), seen("b", 180, 200)})
		if got := order(r, nigerian); got != "a b" {
			t.Errorf("after an hour the order is %q", got)
		}
	})
}

// Where hardly anybody texts, probes never are enough to judge by.
func TestLearn_NothingIsHeardOfItForHours_ItIsTriedAgain(t *testing.T) {
	_, cfg := stations(2)
	r := router(t, cfg)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r.Learn(at, []sms.Evidence{seen("a", 0, 20), seen("b", 20, 20)})
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{5*time.Hour + 59*time.Minute, "b a"}, {6*time.Hour + time.Minute, "a b"}} {
		r.Learn(at.Add(c.after), []sms.Evidence{seen("b", 2, 2)})
		if got := names(r.Explain(at.Add(c.after), text("", nigerian).Destination())); got != c.want {
			t.Errorf("after %v the order is %q, want %q", c.after, got, c.want)
		}
	}
}

var _ sms.Learner = (*routes.Router)(nil)
var _ sms.Checker = (*routes.Router)(nil)
var _ sms.Sender = (*routes.Router)(nil)
