package userpool_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func TestChallenge_SameRequester_NewSessionOnTheSameCode(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		first := w.custom(home, asha)
		code := w.code(asha)
		w.pass(10 * time.Second)
		second := w.custom(home, asha)
		if second.Session == first.Session {
			t.Error("the second InitiateAuth gave the same Session")
		}
		if n := w.texts(asha); n != 2 {
			t.Errorf("%d texts, want no further one inside the resend gap", n)
		}
		r, err := w.answer(home, "CUSTOM_CHALLENGE", second.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		w.tokens(r)
		_, err = w.answer(home, "CUSTOM_CHALLENGE", first.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "session can only be used once") // as the code can
	})
}

func TestChallenge_AfterTheResendGap_SameCodeIsTextedAgain(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.custom(home, asha)
		code := w.code(asha)
		w.pass(31 * time.Second)
		w.custom(home, asha)
		if n := w.texts(asha); n != 3 {
			t.Fatalf("%d texts, want sign-up, sign-in and its resend", n)
		}
		if again := w.code(asha); again != code {
			t.Errorf("the resend carries another code")
		}
	})
}

func TestChallenge_ResendKeepsTriesAndExpiry(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r := w.custom(home, asha)
		code := w.code(asha)
		for range 2 {
			next, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(code))
			w.must(err)
			r = next
		}
		w.pass(31 * time.Second)
		r = w.custom(home, asha) // texts the same code, gives no try back
		next, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(code))
		w.must(err)
		_, err = w.answer(home, "CUSTOM_CHALLENGE", next.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestChallenge_OutOfTries_NextOneHasAnotherCode(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		first := burn(w, home, asha)
		w.custom(home, asha)
		if n := w.texts(asha); n != 3 {
			t.Fatalf("%d texts, want a new one for the new challenge", n)
		}
		if w.code(asha) == first {
			t.Error("the new challenge has the dead one's code")
		}
	})
}

// burn answers a challenge wrongly until it is dead and returns its code.
func burn(w *world, c userpool.Caller, number string) string {
	w.t.Helper()
	r := w.custom(c, number)
	code := w.code(number)
	for range 3 {
		next, err := w.answer(c, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", wrongCode(code))
		if err != nil {
			w.want(err, fault.NotAuthorized, "")
			return code
		}
		r = next
	}
	w.t.Fatal("three wrong answers did not end the challenge")
	return code
}

func TestChallenge_AnotherRequester_NeitherVoidsNorBurnsTheFirst(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		mine := w.custom(home, asha)
		code := w.code(asha)
		if burn(w, stranger, asha) == code {
			t.Error("two requesters share a code")
		}
		r, err := w.answer(home, "CUSTOM_CHALLENGE", mine.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		w.tokens(r)
	})
}

func TestCode_TenMinutesToTheMillisecond(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		alive bool
	}{
		{10*time.Minute - time.Millisecond, true},
		{10 * time.Minute, false},
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				w.signUp(home, asha, "")
				code := w.code(asha)
				w.pass(c.after)
				_, err := w.confirm(home, asha, code, "")
				if c.alive {
					w.must(err)
					return
				}
				w.want(err, fault.ExpiredCode, "Invalid code provided, please request a code again.")
			})
		})
	}
}

func TestSession_ThreeMinutesToTheMillisecond(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		alive bool
	}{
		{3*time.Minute - time.Millisecond, true},
		{3 * time.Minute, false},
	} {
		t.Run(c.after.String(), func(t *testing.T) {
			inWorld(t, options{}, func(w *world) {
				w.member(home, asha, "")
				r := w.custom(home, asha)
				code := w.code(asha)
				w.pass(c.after)
				r, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
				if c.alive {
					w.must(err)
					w.tokens(r)
					return
				}
				w.want(err, fault.NotAuthorized, "session is expired")
			})
		})
	}
}

func TestSession_CrossedStaleAndForeign_AreRefused(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.member(home, ravi, "")
		a, b := w.custom(home, asha), w.custom(home, ravi)
		code := w.code(asha)
		other, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "other"})
		w.must(err)
		cases := []struct{ name, challenge, session, username, message string }{
			{"another user's Session", "CUSTOM_CHALLENGE", b.Session, asha, "Invalid session for the user."},
			{"another step's Session", "SMS_OTP", a.Session, asha, "Invalid session for the user."},
			{"no Session of ours", "CUSTOM_CHALLENGE", strings.Repeat("x", 43), asha, "Invalid session for the user."},
		}
		for _, c := range cases {
			_, err := w.answer(home, c.challenge, c.session, "USERNAME", c.username, "ANSWER", code, "SMS_OTP_CODE", code)
			w.want(err, fault.NotAuthorized, c.message)
		}
		_, err = w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
			Caller: home, ClientID: other.ID, Challenge: "CUSTOM_CHALLENGE", Session: a.Session,
			Responses: map[string]string{"USERNAME": asha, "ANSWER": code},
		})
		w.want(err, fault.NotAuthorized, "Invalid session for the user.")
		r, err := w.answer(home, "CUSTOM_CHALLENGE", a.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err) // none of it cost the owner anything
		w.tokens(r)
	})
}

func TestSession_SurvivesAChangeOfAddress(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r := w.custom(home, asha)
		r, err := w.answer(mobile, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(r)
	})
}

func TestSMSOTP_WrongCode_SameSessionFiveTries(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		start := func() (string, string) {
			r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
			return r.Session, w.code(asha)
		}
		session, code := start()
		for range 4 {
			_, err := w.answer(home, "SMS_OTP", session, "USERNAME", asha, "SMS_OTP_CODE", wrongCode(code))
			w.want(err, fault.CodeMismatch, "Invalid code or auth state for the user.")
		}
		r, err := w.answer(home, "SMS_OTP", session, "USERNAME", asha, "SMS_OTP_CODE", code)
		w.must(err)
		w.tokens(r)

		session, code = start()
		for range 5 {
			_, err := w.answer(home, "SMS_OTP", session, "USERNAME", asha, "SMS_OTP_CODE", wrongCode(code))
			w.want(err, fault.CodeMismatch, "")
		}
		_, err = w.answer(home, "SMS_OTP", session, "USERNAME", asha, "SMS_OTP_CODE", code)
		w.want(err, fault.NotAuthorized, "session is expired")
	})
}

func TestCode_HundredsOfParallelAnswers_OneWins(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, "")
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		code := w.code(asha)
		var mu sync.Mutex
		won, refused := 0, 0
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				from := caller(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String())
				r, err := w.answer(from, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", code)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && r.Tokens != nil {
					won++
				} else if fault.Is(err, fault.NotAuthorized) {
					refused++
				}
			})
		}
		all.Wait()
		if won != 1 || refused != 299 {
			t.Errorf("%d won and %d were refused, want 1 and 299", won, refused)
		}
	})
}

func TestCode_ParallelWrongAnswers_NeverMoreThanTheTries(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, "")
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
		w.must(err)
		code := w.code(asha)
		var mu sync.Mutex
		looked := 0
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				_, err := w.answer(home, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", wrongCode(code))
				if fault.Is(err, fault.CodeMismatch) {
					mu.Lock()
					looked++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if looked != 5 {
			t.Errorf("%d wrong answers were compared, want 5", looked)
		}
	})
}

func TestBudget_NumberSpent_LimitExceededForKnownAndUnknownAlike(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		ask := func(number string) []string {
			var said []string
			for i := range 7 {
				from := caller(fmt.Sprintf("192.0.2.%d", i)) // each its own challenge
				_, err := w.initiate(from, "CUSTOM_AUTH", "", "USERNAME", number)
				if err == nil {
					said = append(said, "challenge")
					continue
				}
				w.want(err, fault.LimitExceeded, "Attempt limit exceeded, please try after some time.")
				said = append(said, err.Error())
			}
			return said
		}
		known, unknown := ask(asha), ask(ravi)
		if fmt.Sprint(known) != fmt.Sprint(unknown) {
			t.Errorf("known %v, unknown %v", known, unknown)
		}
		if n := w.texts(asha); n != 1+5 {
			t.Errorf("%d texts to the user, want the sign-up's and five", n)
		}
		if n := w.texts(ravi); n != 0 {
			t.Errorf("%d texts to a number without a user", n)
		}
		_, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.want(err, fault.LimitExceeded, "")
		var f *fault.Error
		if f = err.(*fault.Error); f.RetryAfter <= 0 || f.RetryAfter > time.Hour {
			t.Errorf("RetryAfter is %s", f.RetryAfter)
		}
		w.pass(f.RetryAfter)
		w.custom(home, asha)
	})
}

func TestBudget_UsedCodes_AreGivenBack(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		for range 8 { // more than any budget of unanswered texts in ten minutes
			w.texted(home, asha)
			w.pass(time.Second)
		}
	})
}

func TestBudget_Bombing_AtMostFiveTextsAnHour(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		for i := range 1200 {
			from := caller(fmt.Sprintf("198.18.%d.%d", i%500/250, i%250))
			w.initiate(from, "CUSTOM_AUTH", "", "USERNAME", asha)
			w.pass(3 * time.Second)
		}
		if n := w.texts(asha); n > 1+5 {
			t.Errorf("%d texts in an hour", n)
		}
	})
}

func TestTries_NewCodes_GiveNothingBack(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		looked := 0
		for i := range 40 {
			from := caller(fmt.Sprintf("198.18.0.%d", i))
			r, err := w.initiate(from, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
			if fault.Is(err, fault.LimitExceeded) {
				w.pass(4 * time.Minute)
				continue
			}
			w.must(err)
			code := w.code(asha)
			for range 5 {
				_, err := w.answer(from, "SMS_OTP", r.Session, "USERNAME", asha, "SMS_OTP_CODE", wrongCode(code))
				if fault.Is(err, fault.CodeMismatch) {
					looked++
				}
			}
		}
		if looked < 10 || looked > 20 {
			t.Errorf("%d wrong tries were compared in some hours of one day, want 10 an hour and 20 a day at most", looked)
		}
	})
}

func TestLimitsOff_LiftsCountsAndKeepsTries(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, "")
		for range 12 {
			w.custom(home, asha)
		}
		if n := w.texts(asha); n != 1+12 {
			t.Errorf("%d texts, want each asked for", n)
		}
		burn(w, home, asha)
	})
}

func TestSender_CannotSend_NothingIsWrittenAndNobodyIsTold(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		none, err := userpool.Open(w.ctx, userpool.Config{
			Store: w.store, Ring: w.ring, Sender: sms.None{}, Region: "us-east-1", PublicURL: "http://localhost:9400",
		})
		w.must(err)
		w.s = none
		for _, number := range []string{asha, ravi} {
			_, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", number)
			w.want(err, fault.CodeDeliveryFailure, "")
		}
		_, err = w.trySignUp(home, ravi, "")
		w.want(err, fault.CodeDeliveryFailure, "")
		_, err = w.s.AdminGetUser(w.ctx, w.pool, ravi)
		w.want(err, fault.UserNotFound, "")
	})
}

func TestOutbox_MaybeSent_RetriedWithTheSameIDForAWhile(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.phone.Fail(&sms.SendError{Outcome: sms.MaybeSent})
		w.signUp(home, asha, "")
		w.pass(5 * time.Second)
		w.phone.Fail(nil)
		w.pass(time.Minute)
		if n := w.texts(asha); n != 1 {
			t.Fatalf("%d texts after the provider came back", n)
		}
		w.phone.Fail(&sms.SendError{Outcome: sms.MaybeSent})
		w.signUp(home, ravi, "")
		w.pass(11 * time.Minute)
		w.phone.Fail(nil)
		w.pass(time.Hour)
		if n := w.texts(ravi); n != 0 {
			t.Errorf("a text was sent whose code was dead")
		}
	})
}

func TestOutbox_SurelyNotSent_GivesTheTextBack(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.phone.Fail(&sms.SendError{Outcome: sms.SurelyNotSent})
		for range 6 {
			w.signUp(home, asha, "")
			w.settle()
		}
		w.phone.Fail(nil)
		w.signUp(home, asha, "")
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestText_LastLineIsOriginBound(t *testing.T) {
	inWorld(t, options{tags: map[string]string{"bellhop:app-host": "app.example.com"}}, func(w *world) {
		w.signUp(home, asha, "")
		code := w.code(asha)
		lines := strings.Split(w.phone.TextsTo(asha)[0].Body, "\n")
		if want := "@app.example.com #" + code; lines[len(lines)-1] != want {
			t.Errorf("the last line is %q, want %q", lines[len(lines)-1], want)
		}
	})
}
