package routes_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
)

// order is who would be asked for a number now; who would not be is in brackets.
func order(r *routes.Router, to string) string {
	return names(r.Explain(time.Now(), text("", to).Destination()))
}

func refusing(e sms.Extent) func(sms.Message) error {
	return always(&sms.SendError{Outcome: sms.SurelyNotSent, Extent: e, Cause: errors.New("as it was told")})
}

func sendSome(t *testing.T, r *routes.Router, n int, to string) {
	t.Helper()
	for i := range n {
		if _, err := send(r, text(fmt.Sprintf("%s-%d", to, i), to)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBreaker_ThreeFailuresInOneCountry_CloseTheProviderThereAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		s[0].answer = func(m sms.Message) error {
			if m.To.E164() == nigerian {
				return errSilent
			}
			return nil
		}
		r := router(t, cfg)
		sendSome(t, r, 2, nigerian)
		if got := order(r, nigerian); got != "a b" {
			t.Errorf("after two failures the order is %q", got)
		}
		sendSome(t, r, 2, kenyan)
		sendSome(t, r, 1, nigerian)
		if n, k := order(r, nigerian), order(r, kenyan); n != "b (a)" || k != "a b" {
			t.Errorf("after three failures the order is %q, and elsewhere %q", n, k)
		}
		before, _ := s[0].count()
		began := time.Now()
		sendSome(t, r, 5, nigerian)
		if after, _ := s[0].count(); after != before || time.Since(began) != 0 {
			t.Errorf("the closed provider was asked %d times, and people waited %v", after-before, time.Since(began))
		}
	})
}

func TestBreaker_FailuresInTwoCountries_CloseTheProviderInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		s[0].answer = failing(sms.NotYet)
		r := router(t, cfg)
		sendSome(t, r, 2, nigerian)
		sendSome(t, r, 1, kenyan)
		if got := order(r, american); got != "b (a)" {
			t.Errorf("where nobody has tried the order is %q", got)
		}
	})
}

func TestBreaker_ARefusedAccount_IsNotAskedAgain_ARefusedNumberIsNoReason(t *testing.T) {
	for _, c := range []struct {
		name            string
		answer          func(sms.Message) error
		times           int
		there, anywhere string
		standings       []routes.Standing
	}{
		{"account", refusing(sms.ThisAccount), 1, "b (a)", "b (a)", []routes.Standing{{Provider: "a", Country: "", State: routes.StateOpen}}},
		{"country", refusing(sms.ThisCountry), 1, "b (a)", "a b", []routes.Standing{{Provider: "a", Country: "NG", State: routes.StateOpen}}},
		{"text", refusing(sms.ThisText), 50, "a b", "a b", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, cfg := stations(2)
			s[0].answer = c.answer
			r := router(t, cfg)
			sendSome(t, r, c.times, nigerian)
			if there, anywhere := order(r, nigerian), order(r, kenyan); there != c.there || anywhere != c.anywhere {
				t.Errorf("the order is %q there and %q elsewhere, want %q and %q", there, anywhere, c.there, c.anywhere)
			}
			if got := r.Standings(time.Now()); !slices.Equal(got, c.standings) {
				t.Errorf("it stands %+v, want %+v", got, c.standings)
			}
		})
	}
}

func TestBreaker_HalfOfAMinutesTriesFail_ItOpens_ATenthDoesNot(t *testing.T) {
	for every, want := range map[int]string{2: "b (a)", 10: "a b"} {
		synctest.Test(t, func(t *testing.T) {
			s, cfg := stations(2)
			n := 0
			s[0].answer = func(sms.Message) error {
				if n++; n%every == 0 {
					return &sms.SendError{Outcome: sms.NotYet}
				}
				return nil
			}
			r := router(t, cfg)
			for range 20 {
				sendSome(t, r, 1, nigerian)
				time.Sleep(time.Second)
			}
			if got := order(r, nigerian); got != want {
				t.Errorf("with one failure in %d the order is %q, want %q", every, got, want)
			}
		})
	}
}

func TestBreaker_OneTextAtATimeSeesWhetherItIsWell_AndTheWaitDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		s[0].answer = always(errSilent)
		r := router(t, cfg)
		sendSome(t, r, 3, nigerian)
		asked, _ := s[0].count()
		for _, wait := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
			time.Sleep(wait*time.Second - time.Millisecond)
			sendSome(t, r, 1, nigerian)
			if n, _ := s[0].count(); n != asked {
				t.Fatalf("it was asked before %v were over", wait*time.Second)
			}
			time.Sleep(time.Millisecond)
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					if _, err := send(r, text(fmt.Sprint(i), nigerian)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n, _ := s[0].count(); n != asked+1 {
				t.Fatalf("after %v it was asked for %d texts, want 1", wait*time.Second, n-asked)
			}
			asked++
		}
		s[0].answer = nil
		time.Sleep(5 * time.Minute)
		sendSome(t, r, 3, nigerian)
		if n, _ := s[0].count(); n != asked+3 {
			t.Errorf("it is well, and was asked for %d texts of 3", n-asked)
		}
	})
}

func TestBreaker_ItFailsAgainAtOnce_TheFirstFailureOpensIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		s[0].answer = always(errSilent)
		r := router(t, cfg)
		sendSome(t, r, 3, nigerian)
		time.Sleep(10 * time.Second)
		s[0].answer = nil
		sendSome(t, r, 1, nigerian)
		s[0].answer = always(errSilent)
		sendSome(t, r, 1, nigerian)
		if got := order(r, nigerian); got != "b (a)" {
			t.Errorf("the order is %q after one failure more", got)
		}
		time.Sleep(19 * time.Second)
		if got := order(r, nigerian); got != "b (a)" {
			t.Errorf("the order is %q, and the wait did not double", got)
		}
	})
}

func TestBreaker_AllAreOpen_NothingIsPromised_AndWhatIsInHandIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, cfg := stations(2)
		s[0].answer, s[1].answer = failing(sms.NotYet), refusing(sms.ThisAccount)
		r := router(t, cfg)
		d := text("", nigerian).Destination()
		for range 3 {
			if err := r.Check(time.Now(), d); err != nil {
				t.Fatal(err)
			}
			_, _ = send(r, text("m", nigerian))
		}
		err := r.Check(time.Now(), d)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.CodeDeliveryFailure || f.RetryAfter != 10*time.Second {
			t.Fatalf("Check = %#v, want CodeDeliveryFailure for ten seconds", err)
		}
		if strings.ContainsAny(f.Message, "+0123456789") || strings.Contains(f.Message, " a ") {
			t.Errorf("Check gives away too much: %q", f.Message)
		}
		s[0].answer = always(errSilent)
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, err := send(r, text(fmt.Sprint(i), nigerian))
				if o := sms.OutcomeOf(err); o != sms.MaybeSent && o != sms.NotYet {
					t.Errorf("a text in hand is %v", o)
				}
			})
		}
		all.Wait()
		if n, _ := s[0].count(); n != 3+4 {
			t.Errorf("a provider that is out was asked for %d of 20 texts that nobody else takes, want 4 at a time", n-3)
		}
		time.Sleep(10 * time.Second)
		if err := r.Check(time.Now(), d); err != nil {
			t.Errorf("Check = %v when the first may be asked again", err)
		}
		s[0].answer = nil
		if _, err := send(r, text("m", nigerian)); err != nil {
			t.Errorf("Send = %v when the first is well again", err)
		}
		if got := order(r, nigerian); got != "a (b)" {
			t.Errorf("then the order is %q", got)
		}
	})
}
