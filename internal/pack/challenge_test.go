package pack_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

func TestSignIn_RightCode_TokensOnce(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	if d := w.define(who); d != "CUSTOM_CHALLENGE" {
		t.Fatal(d)
	}
	c := w.begin(who)
	w.sent(1)
	w.answer(who, c, wrongOf(w.code()), false)
	w.answer(who, c, w.code(), true)
	if d := w.define(who, step(false), step(true)); d != "tokens" {
		t.Error(d)
	}
	w.answer(who, c, w.code(), false) // a used code is dead
}

func TestDefine_Histories(t *testing.T) {
	w := newWorld(t)
	srp := []trigger.Step{{ChallengeName: "SRP_A", ChallengeResult: true}}
	proved := append(srp[:1:1], trigger.Step{ChallengeName: "PASSWORD_VERIFIER", ChallengeResult: true})
	for name, c := range map[string]struct {
		who     person
		history []trigger.Step
		want    string
	}{
		"nothing yet":             {owner(number), nil, "CUSTOM_CHALLENGE"},
		"two wrong":               {owner(number), []trigger.Step{step(false), step(false)}, "CUSTOM_CHALLENGE"},
		"three wrong":             {owner(number), []trigger.Step{step(false), step(false), step(false)}, "fail"},
		"a third that is right":   {owner(number), []trigger.Step{step(false), step(false), step(true)}, "tokens"},
		"a right one and more":    {owner(number), []trigger.Step{step(true), step(false)}, "fail"},
		"something else":          {owner(number), []trigger.Step{{ChallengeName: "SMS_MFA", ChallengeResult: true}}, "fail"},
		"a password":              {owner(number), srp, "fail"},
		"a proved password":       {owner(number), proved, "fail"},
		"nobody, nothing yet":     {nobody(number), nil, "CUSTOM_CHALLENGE"},
		"nobody, three wrong":     {nobody(number), []trigger.Step{step(false), step(false), step(false)}, "fail"},
		"nobody, and a right one": {nobody(number), []trigger.Step{step(true)}, "fail"},
	} {
		if got := w.define(c.who, c.history...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestDefine_PasswordFirst_WhereItIsSwitchedOn(t *testing.T) {
	w := newWorld(t, "BELLHOP_SRP=on")
	srp := trigger.Step{ChallengeName: "SRP_A", ChallengeResult: true}
	verified := trigger.Step{ChallengeName: "PASSWORD_VERIFIER", ChallengeResult: true}
	if d := w.define(owner(number), srp); d != "PASSWORD_VERIFIER" {
		t.Error(d)
	}
	if d := w.define(owner(number), srp, verified); d != "tokens" {
		t.Error(d)
	}
	if d := w.define(nobody(number), srp, verified); d != "fail" {
		t.Error(d)
	}
}

func TestCreate_AskedAgain_SameCodeAndATextAfterTheGap(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	first := w.begin(who)
	code := w.code()
	w.now = start.Add(29 * time.Second)
	if again := w.begin(who); again.PrivateChallengeParameters["challengeId"] != first.PrivateChallengeParameters["challengeId"] {
		t.Error("within the gap there is another challenge")
	}
	w.sent(1)
	w.now = start.Add(30 * time.Second)
	again := w.begin(who)
	w.sent(2)
	if w.code() != code {
		t.Error("the second text has another code")
	}
	w.now = start.Add(pack.CodeLife)
	w.answer(who, again, code, false)
	w.begin(who)
	w.sent(3)
	if w.code() == code {
		t.Error("after its life the code is the same")
	}
}

func TestCreate_Crowd_OneTextAndOneChallenge(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	var ids sync.Map
	for range 64 {
		all.Go(func() {
			c, err := w.create(owner(number))
			if err != nil {
				t.Error(err)
			}
			ids.Store(c.PrivateChallengeParameters["challengeId"], true)
		})
	}
	all.Wait()
	w.sent(1)
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d challenges", n)
	}
}

func TestCreate_LaterRounds_SameChallengeNothingSent(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	first := w.begin(who)
	code := w.code()
	w.now = start.Add(5 * time.Minute) // the gap is over
	later, err := w.create(who, step(false))
	if err != nil || later.PrivateChallengeParameters["challengeId"] != first.PrivateChallengeParameters["challengeId"] {
		t.Fatalf("%+v, %v", later, err)
	}
	w.sent(1)
	w.answer(who, later, code, true)
	if _, err := w.create(who, step(false), step(false)); err != nil { // another flow used it up
		t.Error(err)
	}
	w.sent(1)
}

func TestVerify_ThreeWrong_TheCodeIsDeadAndTheNextIsAnother(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	c := w.begin(who)
	code := w.code()
	for range 3 {
		w.answer(who, c, wrongOf(code), false)
	}
	w.answer(who, c, code, false)
	next := w.begin(who)
	w.sent(2)
	if w.code() == code {
		t.Error("the next challenge has the same code")
	}
	w.answer(who, c, w.code(), false) // it is not the old challenge's
	w.answer(who, next, w.code(), true)
}

func TestVerify_CrowdOfRightAnswers_OneIsRight(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	c := w.begin(who)
	code := w.code()
	var all sync.WaitGroup
	var right atomic.Int64
	for range 64 {
		all.Go(func() {
			ok, err := w.verify(who, c, code)
			if err != nil && !strings.HasPrefix(err.Error(), "LimitExceeded: ") {
				t.Error(err)
			}
			if ok {
				right.Add(1)
			}
		})
	}
	all.Wait()
	if n := right.Load(); n != 1 {
		t.Errorf("%d of 64 answers were right", n)
	}
}

func TestVerify_AnotherUserClientOrNumber_IsWrong(t *testing.T) {
	w := newWorld(t)
	c := w.begin(owner(number))
	other := owner(number)
	other.name = "another user"
	w.answer(other, c, w.code(), false)
	w.answer(owner("+4917612345679"), c, w.code(), false)
	w.answer(owner(number), c, w.code(), true)
}

func TestVerify_TenWrongOfANumberInAnHour_NoMoreIsLookedAt(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_NUMBER_HOUR=off", "BELLHOP_LIMIT_NUMBER_DAY=off")
	who := owner(number)
	for i := range 10 {
		c := w.begin(who)
		w.answer(who, c, wrongOf(w.code()), false)
		w.now = w.now.Add(time.Duration(i) * 10 * time.Second)
	}
	c := w.begin(who)
	_, err := w.verify(who, c, w.code())
	refusedWith(t, err, "LimitExceeded: Attempt limit exceeded, please try after some time; try again in ")
	w.now = start.Add(time.Hour)
	w.answer(who, w.begin(who), w.code(), true)
}

// What an app can see of a sign-in must be the same for nobody's number; so must
// the work be.
func TestUserNotFound_LooksTheSame_NothingIsSent(t *testing.T) {
	w := newWorld(t)
	known := w.begin(owner(number))
	for _, name := range []string{"+4917612345679", "alice", sub[1:] + "0"} {
		who := nobody(name)
		unknown := w.begin(who)
		if fmt.Sprint(unknown.PublicChallengeParameters) != fmt.Sprint(known.PublicChallengeParameters) {
			t.Errorf("%s is told %v, an owner %v", name, unknown.PublicChallengeParameters, known.PublicChallengeParameters)
		}
		if len(unknown.PrivateChallengeParameters["challengeId"]) != len(known.PrivateChallengeParameters["challengeId"]) || *unknown.ChallengeMetadata != *known.ChallengeMetadata {
			t.Errorf("%s: %+v", name, unknown)
		}
		w.answer(who, unknown, "123456", false)
		again := w.begin(who)
		if again.PrivateChallengeParameters["challengeId"] != unknown.PrivateChallengeParameters["challengeId"] {
			t.Error("asked again, nobody has another challenge")
		}
		if _, err := w.create(who, step(false)); err != nil {
			t.Error(err)
		}
	}
	w.sent(1)
	if w.phone.pretended != 3 {
		t.Errorf("it seemed to send %d times, want 3", w.phone.pretended)
	}
}

func TestUserNotFound_IsHeldToTheSameLimitsAndUsesUpNobodyElses(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=2", "BELLHOP_LIMIT_COUNTRY_HOUR=2", "BELLHOP_LIMIT_PREFIX_HOUR=2")
	for i := range 6 {
		_, err := w.create(nobody(number))
		if i < 5 && err != nil {
			t.Fatal(err)
		}
		if i == 5 {
			refusedWith(t, err, "LimitExceeded: Too many texts were asked for; try again in ")
		}
		w.now = w.now.Add(5 * time.Minute)
	}
	w.begin(owner("+4917700000001"))
	w.begin(owner("+4917700000002"))
	_, none := w.create(nobody("+4917700000003"))
	_, some := w.create(owner("+4917700000004")) // of the prefix, which is asked first
	refusedWith(t, none, "TooManyRequests: ")
	if some == nil || none == nil || some.Error() != none.Error() {
		t.Errorf("nobody is told %v, an owner %v", none, some)
	}
}

func TestLimits_EachOfThem_SaysWhenToComeAgain(t *testing.T) {
	for _, c := range []struct {
		name, env, text string
		numbers         []string
	}{
		{"number", "BELLHOP_LIMIT_NUMBER_HOUR=2", "LimitExceeded: Too many texts were asked for; try again in 3480 seconds", []string{number, number, number}},
		{"number, by day", "BELLHOP_LIMIT_NUMBER_DAY=2", "LimitExceeded: Too many texts were asked for; try again in 86280 seconds", []string{number, number, number}},
		{"prefix", "BELLHOP_LIMIT_PREFIX_HOUR=2", "TooManyRequests: Too many texts were asked for; try again in 3480 seconds", []string{"+4917612340001", "+4917612340002", "+4917612340003"}},
		{"country", "BELLHOP_LIMIT_COUNTRY_HOUR=2", "TooManyRequests: Too many texts were asked for; try again in 3480 seconds", []string{"+4917612340001", "+4917612350001", "+4917612360001"}},
		{"pool", "BELLHOP_LIMIT_POOL_HOUR=2", "TooManyRequests: Too many texts were asked for; try again in 3480 seconds", []string{"+4917612340001", "+919876543210", "+14155550123"}},
		{"pool, by day", "BELLHOP_LIMIT_POOL_DAY=2", "TooManyRequests: Too many texts were asked for; try again in 86280 seconds", []string{"+4917612340001", "+919876543210", "+14155550123"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.env)
			for i, n := range c.numbers {
				_, err := w.create(owner(n))
				if i < 2 && err != nil {
					t.Fatal(err)
				}
				if i == 2 && (err == nil || err.Error() != c.text) {
					t.Errorf("got %v, want %s", err, c.text)
				}
				w.now = w.now.Add(time.Minute)
			}
			w.sent(2)
			if log := w.log.String(); !strings.Contains(log, `"msg":"text refused"`) {
				t.Errorf("the log does not tell of it: %s", log)
			}
		})
	}
}

func TestLimits_Crowd_NeverMoreTextsThanThePoolMaySend(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=10", "BELLHOP_LIMIT_PREFIX_HOUR=off")
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			_, err := w.create(owner(fmt.Sprintf("+49176123%05d", i)))
			if err != nil && !strings.HasPrefix(err.Error(), "TooManyRequests: ") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.sent(10)
}

func TestLimits_AnsweredTexts_AreGivenBackButNotToTheBill(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_NUMBER_HOUR=2", "BELLHOP_LIMIT_PREFIX_HOUR=2", "BELLHOP_LIMIT_COUNTRY_HOUR=2", "BELLHOP_LIMIT_POOL_HOUR=6")
	who := owner(number)
	for range 3 {
		w.begin(who)
		w.now = w.now.Add(time.Minute)
		w.answer(who, w.begin(who), w.code(), true) // two texts a sign-in
		w.now = w.now.Add(time.Minute)
	}
	_, err := w.create(who)
	refusedWith(t, err, "TooManyRequests: ")
	w.sent(6)
}

func TestSend_SurelyFailed_GivesBackAndMayBeAskedAgainAtOnce(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_NUMBER_HOUR=1", "BELLHOP_LIMIT_POOL_HOUR=1")
	w.phone.fail = &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errors.New("opted out")}
	_, err := w.create(owner(number))
	refusedWith(t, err, "CodeDeliveryFailure: The text could not be sent")
	w.phone.fail = nil
	w.answer(owner(number), w.begin(owner(number)), w.code(), true)
}

// What is undone must be undone also when the time for the answer is over.
func TestSend_TimeIsOver_IsUndoneNevertheless(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_NUMBER_HOUR=1", "BELLHOP_LIMIT_POOL_HOUR=1")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.phone.fail, w.phone.sending = &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errors.New("throttled")}, cancel
	w.ctx = ctx
	_, err := w.create(owner(number))
	refusedWith(t, err, "CodeDeliveryFailure: ")
	w.ctx, w.phone.fail = context.Background(), nil
	w.answer(owner(number), w.begin(owner(number)), w.code(), true)
}

func TestSend_InDoubt_CountsAsSent(t *testing.T) {
	w := newWorld(t)
	w.phone.fail = errors.New("no answer in time")
	w.begin(owner(number))
	w.phone.fail = nil
	w.begin(owner(number))
	w.sent(0) // he may have it
	w.now = start.Add(30 * time.Second)
	w.begin(owner(number))
	w.sent(1)
}

func TestCreate_NumbersThatNoTextMayGoTo_AreRefused(t *testing.T) {
	w := newWorld(t)
	for _, who := range []person{owner("+447400123456"), nobody("+447400123456")} {
		_, err := w.create(who)
		refusedWith(t, err, "CodeDeliveryFailure: Texts are not sent to this country")
	}
	_, err := w.create(owner("+498001234567"))
	refusedWith(t, err, "CodeDeliveryFailure: Texts are not sent to numbers of this kind")
	w.sent(0)
}

func TestCreate_UserWithoutANumber_LooksLikeAnyOther(t *testing.T) {
	w := newWorld(t)
	who := person{name: sub, attrs: trigger.Attributes{"sub": sub, "email": "a@app.example"}}
	w.answer(who, w.begin(who), "123456", false)
	w.sent(0)
}

// The key alone makes codes: neither what a session holds, nor the table, nor the
// log has one, and none has a whole number.
func TestSecrets_AreInNoSessionTableOrLog(t *testing.T) {
	w := newWorld(t, "BELLHOP_DESTINATION=last-four", "BELLHOP_LIMIT_NUMBER_HOUR=2")
	who := owner(number)
	c := w.begin(who)
	code := w.code()
	w.answer(who, c, wrongOf(code), false)
	w.begin(nobody("+4917612345679"))
	if _, err := w.message(trigger.CustomMessageSignUp, who.attrs); err != nil {
		t.Fatal(err)
	}
	_, err := w.message(trigger.CustomMessageSignUp, who.attrs)
	refusedWith(t, err, "LimitExceeded")
	w.phone.fail = &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errors.New("opted out")}
	_, err = w.create(owner("+4917699999999"))
	refusedWith(t, err, "CodeDeliveryFailure")
	session := fmt.Sprint(c.PublicChallengeParameters, c.PrivateChallengeParameters, *c.ChallengeMetadata)
	if want := "CODE_DELIVERY_DESTINATION:+*******5678"; !strings.Contains(session, want) {
		t.Errorf("%s is not in %s", want, session)
	}
	for where, text := range map[string]string{"session": session, "table": w.scan(), "log": w.log.String()} {
		if text == "" {
			t.Errorf("there is no %s", where)
		}
		for _, secret := range []string{code, number[3:], "17612345679", "17699999999"} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s holds %s:\n%s", where, secret, text)
			}
		}
	}
}

// A number whose texts pay somebody may not ask until the pool's limit, though it
// answers them all.
func TestLimits_ANumberThatAnswersEverything_HasAnEndToo(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_NUMBER_DAY=2")
	who := owner(number)
	for range 6 {
		w.answer(who, w.begin(who), w.code(), true)
		w.now = w.now.Add(time.Minute)
	}
	_, err := w.create(who)
	refusedWith(t, err, "LimitExceeded: Too many texts were asked for; try again in 86040 seconds")
	w.begin(owner("+4917612345679"))
}
