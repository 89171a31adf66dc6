package userpool_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
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
			if !regexp.MustCompile(`^[0-9A-Z]{52,61}$`).MatchString(session) {
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
