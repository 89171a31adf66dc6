package pack_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
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
	for range 16 {
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
		t.Errorf("%d of 16 answers were right", n)
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
	w := newWorld(t)
	who := owner(number)
	var c trigger.CreateResponse
	for i := range 10 {
		if i%3 == 0 { // as many as a code has tries
			w.now = w.now.Add(5 * time.Minute)
			c = w.begin(who)
		}
		w.answer(who, c, wrongOf(w.code()), false)
	}
	_, err := w.verify(who, c, w.code())
	refusedWith(t, err, "LimitExceeded: Attempt limit exceeded, please try after some time; try again in ")
	w.now = start.Add(65 * time.Minute)
	w.answer(who, w.begin(who), w.code(), true)
}

// A pool's wrong answers are bounded whatever numbers they are for.
func TestVerify_SprayOverManyNumbers_EndsForTheDay(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	c := w.begin(who)
	// What others have given wrong today: all but one of the 4,000 that are compared.
	err := w.store.Update(w.ctx, w.now, func(tx pack.Tx) error {
		for window, n := range map[string]int{"hour": 149, "day": 3999} {
			l := time.Hour
			if window == "day" {
				l = 24 * time.Hour
			}
			pay := guard.Payment{Key: "guesses/" + window + "/" + poolID, Limit: guard.Limit{Max: n * 100, Window: l}, Amount: n * 100}
			if _, err := tx.Pay(w.ctx, []guard.Payment{pay}, w.now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.answer(who, c, wrongOf(w.code()), false)
	for range 3 { // nobody's answers are none of them
		w.answer(nobody("+4917612345679"), w.begin(nobody("+4917612345679")), "123456", false)
	}
	_, err = w.verify(who, c, w.code())
	refusedWith(t, err, "TooManyRequests: ")
	w.now = start.Add(24 * time.Hour)
	w.answer(who, w.begin(who), w.code(), true)
	if !strings.Contains(w.log.String(), `"msg":"answer refused","limit":"guessing"`) {
		t.Error("the log does not tell of it")
	}
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
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=2")
	for i := range 6 {
		_, none := w.create(nobody(number))
		_, some := w.create(owner("+4917612345679"))
		if i < 2 && (none != nil || some != nil) {
			t.Fatal(none, some)
		}
		if i == 5 {
			refusedWith(t, none, "LimitExceeded: Attempt limit exceeded, please try after some time; try again in ")
		}
		w.now = w.now.Add(6 * time.Minute)
	}
	w.sent(2) // of the pool's, none of which was taken by nobody
}

func TestLimits_OfNumberAndPool_SayWhenToComeAgain(t *testing.T) {
	three := []string{"+4917612340001", "+919876543210", "+14155550123"}
	for _, c := range []struct {
		name, env, text string
		numbers         []string
	}{
		{"number", "BELLHOP_LIMIT_POOL_HOUR=off", "LimitExceeded: Attempt limit exceeded, please try after some time; try again in 1800 seconds", slices.Repeat([]string{number}, 6)},
		{"pool", "BELLHOP_LIMIT_POOL_HOUR=2", "TooManyRequests: Too many texts were asked for; try again in 3480 seconds", three},
		{"pool, by day", "BELLHOP_LIMIT_POOL_DAY=2", "TooManyRequests: Too many texts were asked for; try again in 86280 seconds", three},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.env)
			for i, n := range c.numbers {
				_, err := w.create(owner(n))
				switch last := len(c.numbers) - 1; {
				case i < last && err != nil:
					t.Fatal(err)
				case i == last && (err == nil || err.Error() != c.text):
					t.Errorf("got %v, want %s", err, c.text)
				}
				w.now = w.now.Add(time.Minute)
				if n == number {
					w.now = w.now.Add(5 * time.Minute) // the next waits for longer
				}
			}
			w.sent(len(c.numbers) - 1)
			if log := w.log.String(); !strings.Contains(log, `"msg":"text refused"`) {
				t.Errorf("the log does not tell of it: %s", log)
			}
		})
	}
}

func TestLimits_Crowd_NeverMoreTextsThanThePoolMaySend(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=3")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			who := owner(fmt.Sprintf("+4915%d10000001", i)) // each in an area of his own
			who.attrs["phone_number_verified"] = "false"
			_, err := w.create(who)
			// Too many may want to change the same at once.
			if err != nil && !strings.HasPrefix(err.Error(), "TooManyRequests: ") && !strings.HasPrefix(err.Error(), "Unavailable: ") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(w.phone.texts); n < 1 || n > 3 {
		t.Errorf("%d texts, want 3", n)
	}
}

func TestLimits_AnsweredTexts_AreGivenBackButNotToTheBill(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=6")
	who := owner(number)
	for range 3 { // of a number that may have five in an hour
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
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=1")
	w.phone.fail = &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errors.New("opted out")}
	_, err := w.create(owner(number))
	refusedWith(t, err, "CodeDeliveryFailure: The text could not be sent")
	w.phone.fail = nil
	w.answer(owner(number), w.begin(owner(number)), w.code(), true)
}

// What is undone must be undone also when the time for the answer is over.
func TestSend_TimeIsOver_IsUndoneNevertheless(t *testing.T) {
	w := newWorld(t, "BELLHOP_LIMIT_POOL_HOUR=1")
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
	w := newWorld(t, "BELLHOP_DESTINATION=last-four")
	who := owner(number)
	c := w.begin(who)
	code := w.code()
	w.answer(who, c, wrongOf(code), false)
	w.begin(nobody("+4917612345679"))
	for range 4 {
		if _, err := w.message(trigger.CustomMessageAuthentication, who.attrs); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.message(trigger.CustomMessageAuthentication, who.attrs)
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
	w := newWorld(t)
	who := owner(number)
	w.answer(who, w.begin(who), w.code(), true)
	// The counter that is not given back: as if there had been 28 more such texts.
	counter := regexp.MustCompile(`texts/number/[0-9a-f]+`).FindString(w.scan())
	for range 28 {
		if spent, err := w.store.Spend(w.ctx, counter, guard.Limit{Max: 30, Window: 24 * time.Hour}, w.now); !spent.OK || err != nil {
			t.Fatal(spent, err)
		}
	}
	w.now = w.now.Add(30 * time.Minute)
	w.answer(who, w.begin(who), w.code(), true)
	_, err := w.create(who)
	refusedWith(t, err, "LimitExceeded: Too many texts were asked for; try again in 84600 seconds")
	w.sent(2)
	w.begin(owner("+4917612345679"))
}
