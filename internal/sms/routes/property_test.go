package routes_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// answer is what a provider does with a text.
type answer struct {
	takes bool
	err   error
}

var answers = []answer{
	{true, nil},
	{true, &sms.SendError{Outcome: sms.MaybeSent}},
	{false, &sms.SendError{Outcome: sms.MaybeSent}},
	{true, errors.New("no SendError at all")},
	{false, &sms.SendError{Outcome: sms.NotYet}},
	{false, &sms.SendError{Outcome: sms.NotYet, Extent: sms.ThisAccount}},
	{false, &sms.SendError{Outcome: sms.SurelyNotSent}},
	{false, &sms.SendError{Outcome: sms.SurelyNotSent, Extent: sms.ThisCountry}},
	{false, &sms.SendError{Outcome: sms.SurelyNotSent, Extent: sms.ThisAccount}},
	{false, &sms.SendError{Outcome: sms.RefusedForEver}},
}

// Whatever the providers do, what Send concludes is never better than the truth, and
// the texts that are paid for are no fewer than those that may have gone out.
func TestSend_AnyAnswersOfProviders_TheConclusionIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, cfg := stations(rapid.IntRange(1, 4).Draw(t, "providers"))
		var now []answer // of each provider to the text in hand
		for i, s := range all {
			s.answer = func(m sms.Message) error {
				if now[i].takes {
					s.taken = append(s.taken, m)
				}
				if now[i].err == nil {
					s.taken = s.taken[:len(s.taken)-1] // Send of station notes it
				}
				return now[i].err
			}
		}
		r, err := newRouter(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for n := range rapid.IntRange(1, 6).Draw(t, "texts") {
			now = rapid.SliceOfN(rapid.SampledFrom(answers), len(all), len(all)).Draw(t, "answers")
			m := text(fmt.Sprint(n), rapid.SampledFrom([]string{nigerian, kenyan}).Draw(t, "to"))
			m.Tried = rapid.SliceOfN(rapid.SampledFrom(cfg.Rules[0].By), 0, 2).Draw(t, "tried")
			receipt, err := send(r, m)
			var taken, doubts int
			var took []string
			for i, s := range all {
				for _, x := range s.asked {
					if x.ID == m.ID && now[i].err != nil && sms.OutcomeOf(now[i].err) == sms.MaybeSent {
						doubts++
					}
				}
				for _, x := range s.taken {
					if x.ID == m.ID {
						taken++
						took = append(took, s.name)
						if x.Code != m.Code || x.Body != m.Body {
							t.Errorf("%s sent %q for %q", s.name, x.Code, m.Code)
						}
					}
				}
			}
			mayBe := err == nil || sms.OutcomeOf(err) == sms.MaybeSent
			switch {
			case taken > 0 && !mayBe:
				t.Errorf("text %d is %v, and %v took it", n, sms.OutcomeOf(err), took)
			case doubts > 0 && !mayBe:
				t.Errorf("text %d is %v, with %d doubts", n, sms.OutcomeOf(err), doubts)
			case err != nil && mayBe && doubts == 0:
				t.Errorf("text %d is in doubt without a doubt", n)
			case err == nil && (taken == 0 || !strings.Contains(strings.Join(took, " "), receipt.Provider)):
				t.Errorf("text %d is said to be sent by %q, and %v took it", n, receipt.Provider, took)
			case mayBe && taken > 1+receipt.Doubled:
				t.Errorf("text %d went out %d times, and %d are paid for", n, taken, 1+receipt.Doubled)
			case doubts > 2:
				t.Errorf("text %d: %d doubts", n, doubts)
			}
		}
	})
}

// Hundreds of texts at once, by providers that lose answers, throttle and break down,
// tried again as the outbox does: each arrives with its own code, and none goes out
// more often than there were doubts.
func TestSend_UnderLoad_NoTextIsLostOrMixedUpOrDoubledBeyondDoubts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const texts = 600
		all, cfg := stations(3)
		cfg.Log = slog.New(slog.DiscardHandler)
		var mu sync.Mutex
		dice := rand.New(rand.NewPCG(7, 7))
		throw := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return dice.IntN(n)
		}
		all[0].answer = func(sms.Message) error {
			return []error{nil, nil, nil, errDeaf, errSilent, errBroken, errDown}[throw(7)]
		}
		all[1].answer = func(sms.Message) error { return []error{nil, nil, nil, nil, errDeaf, errDown}[throw(6)] }
		all[2].answer = func(sms.Message) error { return []error{nil, nil, errBroken}[throw(3)] }
		r, err := newRouter(cfg)
		if err != nil {
			t.Fatal(err)
		}
		doubts := make([]int, texts)
		var sends sync.WaitGroup
		for i := range texts {
			sends.Go(func() {
				time.Sleep(time.Duration(throw(20_000)) * time.Millisecond)
				m := text(fmt.Sprint(i), nigerian)
				m.Code = fmt.Sprintf("%06d", i)
				m.Body = "Your code is " + m.Code + "."
				if i%2 == 1 {
					m.To = phone.FromCanonical(kenyan)
				}
				for wait := 2 * time.Second; ; wait = min(2*wait, time.Minute) {
					receipt, err := send(r, m)
					doubts[i] += receipt.Doubled
					if err == nil {
						return
					}
					if sms.OutcomeOf(err) == sms.MaybeSent {
						doubts[i]++
					}
					if !sms.OutcomeOf(err).MayRepeat() {
						t.Errorf("text %d is %v: %v", i, sms.OutcomeOf(err), err)
						return
					}
					time.Sleep(wait)
				}
			})
		}
		sends.Wait()
		times := make([]int, texts)
		for _, s := range all {
			for _, m := range s.taken {
				var i int
				if _, err := fmt.Sscan(m.ID, &i); err != nil || m.Code != fmt.Sprintf("%06d", i) || !strings.Contains(m.Body, m.Code) {
					t.Fatalf("%s took text %s with the code %s", s.name, m.ID, m.Code)
				}
				times[i]++
			}
		}
		lost, doubled := 0, 0
		for i := range texts {
			switch {
			case times[i] == 0:
				lost++
			case times[i] > 1+doubts[i]:
				t.Errorf("text %d went out %d times with %d doubts", i, times[i], doubts[i])
			}
			doubled += max(times[i]-1, 0)
		}
		if lost > 0 || doubled == 0 {
			t.Errorf("%d texts were lost, %d doubled; want none lost, and some doubled for the test to be one", lost, doubled)
		}
		t.Logf("%d texts: %d lost, %d went out again after a doubt", texts, lost, doubled)
	})
}
