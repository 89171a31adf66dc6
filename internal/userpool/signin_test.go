package userpool_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestSignUp_ThenConfirm_SignsInWithoutASecondText(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, "")
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts, want one", n)
		}
		if got := w.attribute(tokens.Access, "phone_number_verified"); got != "true" {
			t.Errorf("phone_number_verified is %q", got)
		}
	})
}

// A Session that begins with a dash is a flag to the aws CLI.
func TestSession_IsLettersAndDigitsAlone(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		w.pass(time.Minute)
		srp, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", "2")
		w.must(err)
		for _, session := range []string{srp.Session, w.custom(home, asha).Session} {
			if !regexp.MustCompile(`^[0-9A-Z]+$`).MatchString(session) {
				t.Errorf("a Session is %q", session)
			}
		}
	})
}

func TestCustomAuth_WrongCodeThreeTimes_EndsSession(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		r := w.custom(home, asha)
		right := w.code(asha)
		for range 2 {
			next, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(right))
			w.must(err)
			if next.Session == r.Session || next.Session == "" {
				t.Fatal("a wrong answer must give a new Session")
			}
			_, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", right)
			w.want(err, fault.NotAuthorized, "session can only be used once")
			r = next
		}
		_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(right))
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		_, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", right)
		w.want(err, fault.NotAuthorized, "session can only be used once")
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts, want the sign-up's and one more", n)
		}
	})
}

func TestCustomAuth_RightCode_GivesTokensOnce(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r := w.custom(home, asha)
		code := w.code(asha)
		first, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		w.tokens(first)
		_, err = w.answer(stranger, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "session can only be used once")
	})
}

// Whoever waits for a code carries his Session, unless it would tell by its length of a name
// that he did not type. Either serves once, and is short enough for Cognito's clients.
func TestCustomAuth_SessionIsCarriedOrKept(t *testing.T) {
	longMail := strings.Repeat("&", 249) + "@a.co" // as long as one may be
	for _, c := range []struct {
		what    string
		design  func(*userpool.PoolSettings)
		name    string // of the user; his number or address
		bySub   bool
		device  string
		carried bool
	}{
		{"number", bothNames, asha, false, "", true},
		{"number from what calls itself a device", bothNames, asha, false, strings.Repeat("<", 55), true},
		{"address", mailNames, longMail, false, strings.Repeat("\x01", 55), true},
		{"sub", bothNames, asha, true, "", false},
		{"user name", aliasNames, "asha", false, "", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			inWorld(t, options{design: c.design}, func(w *world) {
				contact, attrs := c.name, []userpool.Attribute(nil)
				if c.name == "asha" {
					contact, attrs = asha, []userpool.Attribute{attr("phone_number", asha), attr("phone_number_verified", "true")}
				}
				name := c.name
				if u := w.create(c.name, attrs...); c.bySub {
					name = u.Username
				}
				from := home
				from.Device = c.device
				r := w.custom(from, name)
				if (len(r.Session) > 64) != c.carried || len(r.Session) > 2048 {
					t.Errorf("the Session of %s is %d characters long", name, len(r.Session))
				}
				code := w.codeAt(contact)
				again, err := w.answer(from, "CUSTOM_CHALLENGE", r.Session, "USERNAME", name, "ANSWER", wrongCode(code))
				w.must(err)
				_, err = w.answer(mobile, "CUSTOM_CHALLENGE", r.Session, "USERNAME", name, "ANSWER", code)
				w.want(err, fault.NotAuthorized, "session can only be used once")
				r, err = w.answer(from, "CUSTOM_CHALLENGE", again.Session, "USERNAME", name, "ANSWER", code)
				w.must(err)
				w.tokens(r)
			})
		})
	}
}

// A wrong answer under one Session leaves another of the same code alone.
func TestCustomAuth_TwoSessionsOfOneCode_AreUsedEachByItself(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		first, second := w.custom(home, asha), w.custom(home, asha)
		code := w.code(asha)
		_, err := w.answer(home, "CUSTOM_CHALLENGE", first.Session, "USERNAME", asha, "ANSWER", wrongCode(code))
		w.must(err)
		_, err = w.answer(mobile, "CUSTOM_CHALLENGE", first.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "session can only be used once")
		r, err := w.answer(home, "CUSTOM_CHALLENGE", second.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		w.tokens(r)
	})
}

// Of many wrong answers at once under one Session one is asked again.
func TestCustomAuth_WrongAnswersAtOnceUnderOneSession_OneIsAskedAgain(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, "")
		w.pass(time.Minute)
		r := w.custom(home, asha)
		code := w.code(asha)
		var asked atomic.Int64
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				_, err := w.answer(caller(fmt.Sprint("198.51.100.", i)), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(code))
				if err == nil {
					asked.Add(1)
				} else if !fault.Is(err, fault.NotAuthorized) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%d were asked again", n)
		}
	})
}

// Of right and wrong answers at once under one Session one counts.
func TestCustomAuth_RightAndWrongAnswersAtOnceUnderOneSession_OneCounts(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, "")
		for round := range 10 {
			w.pass(time.Minute)
			r := w.custom(home, asha)
			code := w.code(asha)
			var counted atomic.Int64
			var all sync.WaitGroup
			for i := range 6 {
				typed := code
				if (i+round)%2 == 0 {
					typed = wrongCode(code)
				}
				all.Go(func() {
					_, err := w.answer(caller(fmt.Sprint("198.51.100.", i)), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", typed)
					if err == nil {
						counted.Add(1)
					} else if !fault.Is(err, fault.NotAuthorized) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := counted.Load(); n != 1 {
				t.Errorf("%d counted", n)
			}
		}
	})
}
