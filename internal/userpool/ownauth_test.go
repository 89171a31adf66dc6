package userpool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// secretAnswer is the code that the functions of these tests ask for.
const secretAnswer = "code-314159-of-the-tutorial"

// tutorial are functions as the common tutorials have them: three tries, a code
// that Create makes once and finds again in its note.
func tutorial() *functions {
	f := newFunctions(trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallenge)
	f.on(trigger.DefineAuthChallenge, func(e event) (map[string]any, error) {
		session := e.Request["session"].([]any)
		if len(session) == 0 {
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false}, nil
		}
		last := session[len(session)-1].(map[string]any)
		switch {
		case last["challengeName"] == "SRP_A":
			return map[string]any{"challengeName": "PASSWORD_VERIFIER"}, nil
		case last["challengeName"] == "PASSWORD_VERIFIER":
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}, nil
		case last["challengeResult"] == true:
			return map[string]any{"issueTokens": true, "failAuthentication": false}, nil
		case len(session) >= 3 && last["challengeName"] == session[len(session)-3].(map[string]any)["challengeName"]:
			return map[string]any{"issueTokens": false, "failAuthentication": true}, nil
		}
		return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}, nil
	})
	f.on(trigger.CreateAuthChallenge, func(e event) (map[string]any, error) {
		return map[string]any{
			"publicChallengeParameters":  map[string]any{"hint": "six digits", "rounds": len(e.Request["session"].([]any))},
			"privateChallengeParameters": map[string]any{"answer": secretAnswer},
			"challengeMetadata":          "CODE-" + secretAnswer,
		}, nil
	})
	f.on(trigger.VerifyAuthChallenge, func(e event) (map[string]any, error) {
		private := e.Request["privateChallengeParameters"].(map[string]any)
		return map[string]any{"answerCorrect": private["answer"] == e.Request["challengeAnswer"]}, nil
	})
	return f
}

// inTutorial has a confirmed user, asha, in a pool with the functions. limits are
// those that are enforced.
func inTutorial(t *testing.T, f *functions, o options, test func(w *world)) {
	t.Helper()
	o.functions = f
	inWorld(t, o, func(w *world) {
		r := w.signUp(home, asha, password)
		if _, err := w.confirm(home, asha, w.code(asha), r.Session); err != nil {
			t.Fatal(err)
		}
		f.forget()
		test(w)
	})
}

// passwordThen gives the right password in a CUSTOM_AUTH sign-in.
func (w *world) passwordThen() userpool.AuthResult {
	w.t.Helper()
	r, err := w.bySRP("CUSTOM_AUTH", asha, password, "CHALLENGE_NAME", "SRP_A")
	w.must(err)
	return r
}

func (w *world) reply(r userpool.AuthResult, answer string) (userpool.AuthResult, error) {
	return w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", answer)
}

func TestOwnAuth_RightAtOnce_AndWhatFunctionsSee(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		before := w.texts(asha)
		r, err := w.s.InitiateAuth(w.ctx, userpool.AuthRequest{
			Caller: home, ClientID: w.client, Flow: "CUSTOM_AUTH", Parameters: pairs([]string{"USERNAME", asha}),
			ClientMetadata: map[string]string{"never": "seen"},
		})
		w.must(err)
		name := r.Parameters["USERNAME"]
		if want := map[string]string{"hint": "six digits", "rounds": "0", "USERNAME": name}; r.Challenge != "CUSTOM_CHALLENGE" || !reflect.DeepEqual(r.Parameters, want) {
			t.Fatalf("%+v", r)
		}
		r, err = w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
			Caller: home, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
			Responses: pairs([]string{"USERNAME", asha, "ANSWER", secretAnswer}), ClientMetadata: map[string]string{"app": "riders"},
		})
		w.must(err)
		w.tokens(r)
		if w.texts(asha) != before {
			t.Error("Bellhop texted a code of its own")
		}

		attributes := fmt.Sprintf(`"userAttributes":{"cognito:user_status":"CONFIRMED","phone_number":"+919876543210","phone_number_verified":"true","sub":%q}`, name)
		envelope := fmt.Sprintf(`"version":"1","triggerSource":"%%s","region":"us-east-1","userPoolId":%q,"userName":%q,"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":%q}`, w.pool, name, w.client)
		want := []string{
			fmt.Sprintf(`{`+envelope+`,"request":{%s,"session":[],"userNotFound":false},"response":{"challengeName":null,"issueTokens":null,"failAuthentication":null}}`, "DefineAuthChallenge_Authentication", attributes),
			fmt.Sprintf(`{`+envelope+`,"request":{%s,"challengeName":"CUSTOM_CHALLENGE","session":[],"userNotFound":false},"response":{"publicChallengeParameters":null,"privateChallengeParameters":null,"challengeMetadata":null}}`, "CreateAuthChallenge_Authentication", attributes),
			fmt.Sprintf(`{`+envelope+`,"request":{%s,"privateChallengeParameters":{"answer":"code-314159-of-the-tutorial"},"challengeAnswer":"code-314159-of-the-tutorial","clientMetadata":{"app":"riders"},"userNotFound":false},"response":{"answerCorrect":null}}`, "VerifyAuthChallengeResponse_Authentication", attributes),
			fmt.Sprintf(`{`+envelope+`,"request":{%s,"session":[{"challengeName":"CUSTOM_CHALLENGE","challengeResult":true,"challengeMetadata":"CODE-code-314159-of-the-tutorial"}],"clientMetadata":{"app":"riders"},"userNotFound":false},"response":{"challengeName":null,"issueTokens":null,"failAuthentication":null}}`, "DefineAuthChallenge_Authentication", attributes),
		}
		if len(f.called) != len(want) {
			t.Fatalf("%v", f.sources())
		}
		for i, e := range f.called {
			var expected event
			w.must(json.Unmarshal([]byte(want[i]), &expected))
			e.Response = expected.Response // the fake has filled it in
			if !reflect.DeepEqual(e, expected) {
				t.Errorf("event %d:\n%+v\nwant\n%+v", i, e, expected)
			}
		}
	})
}

func TestOwnAuth_WrongAnswers_GoOnAsDefineSays(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		r := w.custom(home, asha)
		first := r
		r, err := w.reply(r, "000000")
		w.must(err)
		if r.Challenge != "CUSTOM_CHALLENGE" || r.Session == first.Session || r.Parameters["rounds"] != "1" {
			t.Fatalf("%+v", r)
		}
		_, err = w.reply(first, secretAnswer)
		w.want(err, fault.NotAuthorized, "session can only be used once")
		r, err = w.reply(r, "000001")
		w.must(err)
		_, err = w.reply(r, "000002")
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")

		r = w.custom(home, asha)
		r, err = w.reply(r, "000000")
		w.must(err)
		r, err = w.reply(r, secretAnswer)
		w.must(err)
		w.tokens(r)
	})
}

// Nothing that Create made private, and no note, can be read in the database.
func TestOwnAuth_TheStore_HoldsNoCode(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		r := w.custom(home, asha)
		r, err := w.reply(r, "000000")
		w.must(err)
		for _, file := range []string{w.file, w.file + "-wal"} {
			held, err := os.ReadFile(file)
			if err != nil && !strings.HasPrefix(w.file, "postgres") {
				t.Fatal(err)
			}
			if strings.Contains(string(held), secretAnswer) {
				t.Errorf("%s holds the code", filepath.Base(file))
			}
		}
		if strings.Contains(w.log.String(), secretAnswer) {
			t.Error("the log holds the code")
		}
		r, err = w.reply(r, secretAnswer)
		w.must(err)
		w.tokens(r)
	})
}

func TestOwnAuth_SomebodyWhoIsNotThere_LooksAlikeAndGetsNoTokens(t *testing.T) {
	f := tutorial()
	f.on(trigger.VerifyAuthChallenge, answering(map[string]any{"answerCorrect": true}))
	inTutorial(t, f, options{}, func(w *world) {
		there := w.custom(home, asha)
		r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", ravi)
		w.must(err)
		e := f.last(t, trigger.DefineAuthChallengeAuthentication)
		if attrs := e.Request["userAttributes"].(map[string]any); e.Request["userNotFound"] != true || len(attrs) != 0 {
			t.Errorf("%v", e.Request)
		}
		if r.Challenge != there.Challenge || len(r.Session) != len(there.Session) || len(r.Parameters) != len(there.Parameters) {
			t.Errorf("%+v beside %+v", r, there)
		}
		_, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", ravi, "ANSWER", "any")
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")

		w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
		r = w.custom(home, asha)
		if f.last(t, trigger.CreateAuthChallengeAuthentication).Request["userNotFound"] != true {
			t.Error("a disabled user shows")
		}
		_, err = w.reply(r, secretAnswer)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestOwnAuth_WhereTheClientMayKnow(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{legacy: true}, func(w *world) {
		_, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", ravi)
		w.want(err, fault.UserNotFound, "User does not exist.")
		w.signUp(home, ravi, password)
		_, err = w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", ravi)
		w.want(err, fault.UserNotConfirmed, "")
		if called := f.sources(); len(called) > 0 {
			t.Errorf("called %v", called)
		}
	})
}

// A user who is disabled, deleted or somebody else by the time of the answer gets
// no tokens, though the functions say so.
func TestOwnAuth_WhoIsGoneMeanwhile_GetsNoTokens(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		r := w.custom(home, asha)
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
		up := w.signUp(home, asha, password)
		_, err := w.confirm(home, asha, w.code(asha), up.Session)
		w.must(err)
		_, err = w.reply(r, secretAnswer)
		w.want(err, fault.NotAuthorized, "")

		// Between the functions of one answer.
		r = w.custom(home, asha)
		f.on(trigger.VerifyAuthChallenge, func(event) (map[string]any, error) {
			return map[string]any{"answerCorrect": true}, w.s.AdminDisableUser(w.ctx, w.pool, asha)
		})
		_, err = w.reply(r, secretAnswer)
		w.want(err, fault.NotAuthorized, "User is disabled.")
	})
}

// A function that ends the user's sign-ins, so that he has one at a time, does not
// end the one that it is called for.
func TestTriggers_FunctionThatSignsOut_TokensServe(t *testing.T) {
	signIn := map[trigger.Name]func(w *world) (userpool.AuthResult, error){
		trigger.VerifyAuthChallenge: func(w *world) (userpool.AuthResult, error) {
			return w.reply(w.custom(home, asha), secretAnswer)
		},
		trigger.PreAuthentication: func(w *world) (userpool.AuthResult, error) {
			return w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "PASSWORD", "PASSWORD", password)
		},
		trigger.PostAuthentication: func(w *world) (userpool.AuthResult, error) { return w.bySRP("USER_SRP_AUTH", asha, password) },
	}
	for during, way := range signIn {
		f := tutorial()
		f.on(trigger.PreAuthentication, passing)
		f.on(trigger.PostAuthentication, passing)
		inTutorial(t, f, options{}, func(w *world) {
			do := f.do[during]
			f.on(during, func(e event) (map[string]any, error) {
				<-time.After(2 * time.Second) // of the bubble's time
				w.must(w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha))
				return do(e)
			})
			r, err := way(w)
			w.must(err)
			tokens := w.tokens(r)
			if _, err := w.s.GetUser(w.ctx, tokens.Access); err != nil {
				t.Errorf("%s: the tokens are none: %v", during, err)
			}
			if _, err := w.refresh(tokens.Refresh); err != nil {
				t.Errorf("%s: the tokens cannot be refreshed: %v", during, err)
			}
		})
	}
}

// In a strict pool a sign-up of a user answers like one of a new number, and so
// does the sign-in that follows it.
func TestOwnAuth_Strict_ASignUpDoesNotTell(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{behaviour: userpool.Strict}, func(w *world) {
		for _, number := range []string{asha, ravi} {
			w.signUp(stranger, number, intruders)
			r := w.custom(stranger, number)
			if len(r.Parameters) != 3 {
				t.Errorf("%+v", r)
			}
			_, err := w.answer(stranger, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", "000000")
			w.must(err)
			_, err = w.bySRP("CUSTOM_AUTH", number, intruders, "CHALLENGE_NAME", "SRP_A")
			w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		}
		// Nobody can sign in by what waits, whatever the functions say.
		f.on(trigger.DefineAuthChallenge, answering(map[string]any{"issueTokens": true}))
		_, err := w.initiate(stranger, "CUSTOM_AUTH", "", "USERNAME", ravi)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestOwnAuth_PasswordFirst(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		r := w.passwordThen()
		if r.Challenge != "CUSTOM_CHALLENGE" || r.Parameters["rounds"] != "2" {
			t.Fatalf("%+v", r)
		}
		r, err := w.reply(r, "000000")
		w.must(err)
		e := f.last(t, trigger.CreateAuthChallengeAuthentication)
		names := ""
		for _, s := range e.Request["session"].([]any) {
			names += fmt.Sprintf("%v %v, ", s.(map[string]any)["challengeName"], s.(map[string]any)["challengeResult"])
		}
		if names != "SRP_A true, PASSWORD_VERIFIER true, CUSTOM_CHALLENGE false, " {
			t.Errorf("session: %s", names)
		}
		f.on(trigger.DefineAuthChallenge, answering(map[string]any{"issueTokens": true}))
		r, err = w.reply(r, secretAnswer)
		w.must(err)
		w.tokens(r)
	})
}

// One wrong password ends the sign-in, and Define is not asked about it.
func TestOwnAuth_WrongPassword_Ends(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		_, err := w.bySRP("CUSTOM_AUTH", asha, intruders, "CHALLENGE_NAME", "SRP_A")
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		if want := []trigger.Source{trigger.DefineAuthChallengeAuthentication}; !slices.Equal(f.sources(), want) {
			t.Errorf("called %v", f.sources())
		}
	})
}

// A password that an administrator has ended is no factor for functions either.
func TestOwnAuth_PasswordThatMustBeReset_EndsTheSignIn(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		w.must(w.s.AdminResetUserPassword(w.ctx, home, w.pool, asha, nil))
		_, err := w.bySRP("CUSTOM_AUTH", asha, password, "CHALLENGE_NAME", "SRP_A")
		w.want(err, fault.PasswordResetRequired, "")
		if want := []trigger.Source{trigger.DefineAuthChallengeAuthentication}; !slices.Equal(f.sources(), want) {
			t.Errorf("called %v", f.sources())
		}
		_, err = w.bySRP("CUSTOM_AUTH", asha, intruders, "CHALLENGE_NAME", "SRP_A")
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

// What may go wrong with each function, and what it is called.
func TestOwnAuth_FunctionsThatFail(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{limitsOff: true}, func(w *world) { failInTurn(t, f, w) })
}

func failInTurn(t *testing.T, f *functions, w *world) {
	define, create, verify := trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallenge
	for name, c := range map[string]struct {
		trigger trigger.Name
		do      func(event) (map[string]any, error)
		kind    fault.Kind
		message string
		tries   int
	}{
		"Define throws":               {define, throwing("no such person"), fault.UserLambdaValidation, "DefineAuthChallenge failed with error no such person.", 1},
		"Create throws":               {create, throwing("'challengeMetaData'"), fault.UserLambdaValidation, "CreateAuthChallenge failed with error 'challengeMetaData'.", 1},
		"Verify throws":               {verify, throwing("broken"), fault.UserLambdaValidation, "VerifyAuthChallengeResponse failed with error broken.", 1},
		"Define decides nothing":      {define, passing, fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Define names what is not":    {define, answering(map[string]any{"challengeName": "SELFIE"}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Define wants no password":    {define, answering(map[string]any{"challengeName": "PASSWORD_VERIFIER"}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Define answers other types":  {define, answering(map[string]any{"issueTokens": "true"}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Define grants and refuses":   {define, answering(map[string]any{"issueTokens": true, "failAuthentication": true}), fault.NotAuthorized, "Incorrect username or password.", 1},
		"Create answers other types":  {create, answering(map[string]any{"privateChallengeParameters": []any{1}}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Create keeps too much":       {create, answering(map[string]any{"challengeMetadata": strings.Repeat("n", 70<<10)}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Create shows too much":       {create, answering(map[string]any{"publicChallengeParameters": map[string]any{"p": strings.Repeat("p", 70<<10)}}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Verify answers other types":  {verify, answering(map[string]any{"answerCorrect": "yes"}), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
		"Define is not there":         {define, unanswered(trigger.Misconfigured), fault.UnexpectedLambda, functionPrefix + "DefineAuthChallenge invocation failed due to configuration", 1},
		"Create is throttled":         {create, unanswered(trigger.Throttled), fault.UnexpectedLambda, "Rate Exceeded", 3},
		"Verify cannot be reached":    {verify, unanswered(trigger.Unreachable), fault.UnexpectedLambda, "Service unavailable", 3},
		"Verify hangs":                {verify, neverAnswering, fault.UnexpectedLambda, "Socket timeout while invoking Lambda function", 3},
		"Create answers what is long": {create, unanswered(trigger.Unreadable), fault.InvalidLambdaResponse, "Unrecognizable lambda output", 1},
	} {
		f.forget()
		w.log.Reset()
		f.on(c.trigger, c.do)
		r, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		if c.trigger == verify {
			w.must(err)
			_, err = w.reply(r, secretAnswer)
		}
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v", name, err)
		}
		tries := 0
		for _, s := range f.sources() {
			if s.Trigger() == c.trigger {
				tries++
			}
		}
		if tries != c.tries {
			t.Errorf("%s: %d tries", name, tries)
		}
		if c.kind != fault.NotAuthorized && !strings.Contains(w.log.String(), "trigger failed") {
			t.Errorf("%s: the log does not tell: %s", name, w.log)
		}
		// The next sign-in is none the worse for it.
		f.on(c.trigger, tutorial().do[c.trigger])
		r, err = w.reply(w.custom(home, asha), secretAnswer)
		w.must(err)
		w.tokens(r)
	}
}

// unanswered lets a function not be reached.
func unanswered(why trigger.Fault) func(event) (map[string]any, error) {
	return func(event) (map[string]any, error) { return nil, &trigger.InvokeError{Fault: why} }
}

func TestOwnAuth_MissingFunctions(t *testing.T) {
	for _, missing := range []trigger.Name{trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallenge} {
		f := tutorial()
		inTutorial(t, f, options{design: func(set *userpool.PoolSettings) { delete(set.Triggers.Functions, missing) }}, func(w *world) {
			_, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
			w.want(err, fault.InvalidParameter, "Custom auth lambda trigger is not configured for the user pool.")
		})
	}
}

// A Define that never ends a sign-in is ended by Bellhop.
func TestOwnAuth_DefineThatGoesOnForEver_IsBounded(t *testing.T) {
	f := tutorial()
	f.on(trigger.DefineAuthChallenge, answering(map[string]any{"challengeName": "CUSTOM_CHALLENGE"}))
	for answer, want := range map[string]int{"000000": 10, secretAnswer: 25} {
		inTutorial(t, f, options{limitsOff: true}, func(w *world) {
			r := w.custom(home, asha)
			var err error
			n := 0
			for ; err == nil && n < 100; n++ {
				r, err = w.reply(r, answer)
			}
			w.want(err, fault.NotAuthorized, "Incorrect username or password.")
			if n != want {
				t.Errorf("after %d answers of %s", n, answer)
			}
		})
	}
}

// The limits of texts and tries hold whatever the functions do; a sign-in that
// ends in tokens gives back what it took.
func TestOwnAuth_Limits_HoldForFunctionsToo(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		for range 20 {
			r, err := w.reply(w.custom(home, asha), secretAnswer)
			w.must(err)
			w.tokens(r)
		}
		for range 5 {
			w.custom(home, asha)
		}
		f.forget()
		_, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.want(err, fault.LimitExceeded, "")
		if slices.Contains(f.sources(), trigger.CreateAuthChallengeAuthentication) {
			t.Error("Create was called beyond the limit")
		}
	})
	f = tutorial()
	f.on(trigger.DefineAuthChallenge, answering(map[string]any{"challengeName": "CUSTOM_CHALLENGE"}))
	inTutorial(t, f, options{}, func(w *world) {
		r := w.custom(home, asha)
		var err error
		for n := 0; err == nil && n < 9; n++ {
			r, err = w.reply(r, "000000")
		}
		w.must(err)
		r2 := w.custom(home, asha)
		_, err = w.reply(r2, "000000") // the tenth of the hour
		w.must(err)
		f.forget()
		_, err = w.reply(r, "000000")
		w.want(err, fault.LimitExceeded, "")
		if len(f.sources()) > 0 {
			t.Errorf("called %v beyond the limit", f.sources())
		}
	})
}

// Repeats of one request by an SDK set off the functions once.
func TestOwnAuth_Repeats_CallNobodyAgain(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		c := home
		c.Invocation, c.Body = "3c1b7b1e", bodyHash("start")
		first, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.must(err)
		calls := len(f.sources())
		again, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.must(err)
		if !reflect.DeepEqual(again, first) || len(f.sources()) != calls {
			t.Errorf("%+v, then %+v, and %v", first, again, f.sources())
		}
		c.Invocation, c.Body = "5e9c1f00", bodyHash("answer")
		answer := func() (userpool.AuthResult, error) {
			return w.answer(c, "CUSTOM_CHALLENGE", first.Session, "USERNAME", asha, "ANSWER", secretAnswer)
		}
		// At the same time, too.
		var wg sync.WaitGroup
		refreshes := make([]string, 4)
		f.on(trigger.VerifyAuthChallenge, func(event) (map[string]any, error) {
			<-time.After(time.Second)
			return map[string]any{"answerCorrect": true}, nil
		})
		for i := range refreshes {
			wg.Go(func() {
				r, err := answer()
				if err != nil {
					t.Error(err)
					return
				}
				refreshes[i] = r.Tokens.Refresh
			})
		}
		wg.Wait()
		if len(slices.Compact(refreshes)) != 1 {
			t.Errorf("%d sign-ins came of one", len(slices.Compact(refreshes)))
		}
		verified := f.times(trigger.VerifyAuthChallengeAuthentication)
		if verified != 1 {
			t.Errorf("Verify was called %d times", verified)
		}
	})
}

// Whose connection breaks while a function runs sends his answer again and is
// signed in, though it has used the Session up.
func TestOwnAuth_ClientGoneMeanwhile_TheRepeatGetsTheOutcome(t *testing.T) {
	for _, during := range []trigger.Name{trigger.VerifyAuthChallenge, trigger.PostAuthentication} {
		f := tutorial()
		f.on(trigger.PostAuthentication, passing)
		inTutorial(t, f, options{}, func(w *world) {
			r := w.custom(home, asha)
			gone, leave := context.WithCancel(w.ctx)
			do := f.do[during]
			f.on(during, func(e event) (map[string]any, error) {
				leave()
				return do(e)
			})
			answer := userpool.AnswerRequest{
				Caller: tried(home, "g-1", "answer"), ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
				Responses: pairs([]string{"USERNAME", asha, "ANSWER", secretAnswer}),
			}
			_, _ = w.s.RespondToAuthChallenge(gone, answer) // nobody sees it
			f.forget()
			r, err := w.s.RespondToAuthChallenge(w.ctx, answer)
			w.must(err)
			w.tokens(r)
			w.wantCalls()
		})
	}
}

// Repeats that wait for the first hold nothing that others wait for, and are few.
func TestTriggers_RepeatsThatWait_StandAside(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		f.on(trigger.DefineAuthChallenge, neverAnswering)
		var aside atomic.Int64
		w.stop()
		w.aside = func(context.Context) func() { aside.Add(1); return func() { aside.Add(-1) } }
		w.open(nil)
		w.start()
		var refused atomic.Int64
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				_, err := w.initiate(tried(stranger, "w-1", "InitiateAuth"), "CUSTOM_AUTH", "", "USERNAME", asha)
				if fault.Is(err, fault.TooManyRequests) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if aside.Load() != 9 || refused.Load() != 21 { // the first waits for its function
			t.Errorf("%d stand aside, %d are refused", aside.Load(), refused.Load())
		}
		w.pass(4 * time.Minute)
		all.Wait()
		if aside.Load() != 0 {
			t.Errorf("%d did not come back", aside.Load())
		}
	})
}

// Of answers that race for one Session one is judged.
func TestOwnAuth_RacingAnswers_HaveOneWinner(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		r := w.custom(home, asha)
		var wg sync.WaitGroup
		results := make([]error, 16)
		for i := range results {
			wg.Go(func() { _, results[i] = w.reply(r, secretAnswer) })
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.NotAuthorized) {
				t.Error(err)
			}
		}
		verified := f.times(trigger.VerifyAuthChallengeAuthentication)
		if won != 1 || verified != 1 {
			t.Errorf("%d won, Verify was called %d times", won, verified)
		}
	})
}

// A function may ask the server about its pool: no transaction is open meanwhile.
func TestOwnAuth_FunctionsThatCallBack(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{}, func(w *world) {
		for name, do := range f.do {
			f.on(name, func(e event) (map[string]any, error) {
				if err := w.s.AdminUpdateUserAttributes(w.ctx, home, w.pool, asha, []userpool.Attribute{{Name: "nickname", Value: string(name)}}, nil); err != nil {
					return nil, err
				}
				return do(e)
			})
		}
		r, err := w.reply(w.custom(home, asha), secretAnswer)
		w.must(err)
		w.tokens(r)
	})
}

const texted = "arn:aws:lambda:us-east-1:000000000000:function:bellhop-texted-code"

// A pool's own Define with Bellhop's texted code: a password, then a code.
func TestOwnAuth_OwnDefineWithTheBuiltInCode(t *testing.T) {
	f := tutorial()
	inTutorial(t, f, options{design: func(set *userpool.PoolSettings) {
		set.Triggers.Functions[trigger.CreateAuthChallenge] = texted
		set.Triggers.Functions[trigger.VerifyAuthChallenge] = texted
	}}, func(w *world) {
		f.on(trigger.DefineAuthChallenge, func(e event) (map[string]any, error) {
			session := e.Request["session"].([]any)
			last := session[len(session)-1].(map[string]any)
			switch {
			case last["challengeName"] == "SRP_A":
				return map[string]any{"challengeName": "PASSWORD_VERIFIER"}, nil
			case last["challengeName"] == "CUSTOM_CHALLENGE" && last["challengeResult"] == true:
				return map[string]any{"issueTokens": true}, nil
			case len(session) > 4:
				return map[string]any{"failAuthentication": true}, nil
			}
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}, nil
		})
		r := w.passwordThen()
		code := w.code(asha)
		sent := w.texts(asha)
		r, err := w.reply(r, wrongCode(code))
		w.must(err)
		r, err = w.reply(r, code)
		w.must(err)
		w.tokens(r)
		if w.texts(asha) != sent {
			t.Error("a wrong answer sent another text")
		}
		// Used up, whatever Define would say.
		r = w.passwordThen()
		for range 2 {
			r, err = w.reply(r, "000000")
			w.must(err)
		}
		_, err = w.reply(r, "000000")
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestPreAuthentication_GuardsEachWayIn(t *testing.T) {
	f := newFunctions(trigger.PreAuthentication)
	inTutorial(t, f, options{}, func(w *world) {
		try := map[string]func() error{
			"CUSTOM_AUTH": func() error { _, err := w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha); return err },
			"USER_AUTH":   func() error { _, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha); return err },
			"SMS_OTP": func() error {
				_, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
				return err
			},
			"SRP": func() error {
				_, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", srptest.New(w.t).A())
				return err
			},
		}
		for name, way := range try {
			f.on(trigger.PreAuthentication, passing)
			if err := way(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			f.on(trigger.PreAuthentication, throwing("blocked"))
			w.want(way(), fault.UserLambdaValidation, "PreAuthentication failed with error blocked.")
		}
		if e := f.last(t, trigger.PreAuthenticationAuthentication); e.Request["userNotFound"] != nil || e.Request["validationData"] != nil {
			t.Errorf("%v", e.Request)
		}
		f.on(trigger.PreAuthentication, passing)
		_, err := w.s.InitiateAuth(w.ctx, userpool.AuthRequest{
			Caller: home, ClientID: w.client, Flow: "USER_AUTH", Parameters: pairs([]string{"USERNAME", ravi}), ClientMetadata: map[string]string{"ip": "1"},
		})
		w.must(err)
		e := f.last(t, trigger.PreAuthenticationAuthentication)
		if e.Request["userNotFound"] != true || !reflect.DeepEqual(e.Request["validationData"], map[string]any{"ip": "1"}) {
			t.Errorf("%v", e.Request)
		}
	})
}

func TestPreAuthentication_ARepeatAsksNobody(t *testing.T) {
	f := newFunctions(trigger.PreAuthentication)
	inTutorial(t, f, options{}, func(w *world) {
		c := tried(home, "q-1", "InitiateAuth")
		first, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.must(err)
		again, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.must(err)
		if again.Session != first.Session {
			t.Error("the repeat got another Session")
		}
		w.wantCalls(trigger.PreAuthenticationAuthentication)
	})
}

func TestPostAuthentication_ThatRefuses_GivesNoTokens(t *testing.T) {
	f := newFunctions(trigger.PostAuthentication)
	inTutorial(t, f, options{}, func(w *world) {
		r := w.custom(home, asha)
		r, err := w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
			Caller: home, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: r.Session,
			Responses: pairs([]string{"USERNAME", asha, "ANSWER", w.code(asha)}), ClientMetadata: map[string]string{"app": "riders"},
		})
		w.must(err)
		first := w.tokens(r)
		e := f.last(t, trigger.PostAuthenticationAuthentication)
		if e.Request["newDeviceUsed"] != false || !reflect.DeepEqual(e.Request["clientMetadata"], map[string]any{"app": "riders"}) {
			t.Errorf("%v", e.Request)
		}
		f.forget()
		if _, err := w.refresh(first.Refresh); err != nil || len(f.sources()) > 0 {
			t.Errorf("a refresh: %v, %v", err, f.sources())
		}
		f.on(trigger.PostAuthentication, throwing("not today"))
		_, err = w.bySRP("USER_SRP_AUTH", asha, password)
		w.want(err, fault.UserLambdaValidation, "PostAuthentication failed with error not today.")
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error {
			n, err := tx.EndAllFamilies(w.ctx, time.Now())
			if n != 1 {
				t.Errorf("%d sign-ins stand, want the first alone", n)
			}
			return err
		}))
	})
}

// Whoever hangs up ends no function, and none is called for him again.
func TestTriggers_ClientGone_FunctionGoesOn(t *testing.T) {
	f := newFunctions(trigger.PreSignUp)
	inWorld(t, options{functions: f}, func(w *world) {
		f.on(trigger.PreSignUp, neverAnswering)
		hangUp, leave := context.WithCancel(w.ctx)
		defer time.AfterFunc(time.Second, leave).Stop()
		start := time.Now()
		_, err := w.s.SignUp(hangUp, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: asha, Password: password})
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("its function was left alone after %v", took)
		}
		w.wantCalls(trigger.PreSignUpSignUp)
	})
}

// Whoever is shut out while PostAuthentication runs gets no tokens of it.
func TestPostAuthentication_ShutOutMeanwhile_GivesNoTokens(t *testing.T) {
	f := newFunctions(trigger.PostAuthentication)
	inTutorial(t, f, options{}, func(w *world) {
		for name, shutOut := range map[string]func() error{
			"another password": func() error { return w.s.AdminSetUserPassword(w.ctx, w.pool, asha, newPassword, true) },
			"disabled":         func() error { return w.s.AdminDisableUser(w.ctx, w.pool, asha) },
		} {
			w.must(w.s.AdminEnableUser(w.ctx, w.pool, asha))
			w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, password, true))
			f.on(trigger.PostAuthentication, func(event) (map[string]any, error) {
				w.must(w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha))
				return nil, shutOut()
			})
			if _, err := w.bySRP("USER_SRP_AUTH", asha, password); !fault.Is(err, fault.NotAuthorized) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A function that hangs delays its own callers, and no longer than promised.
func TestTriggers_OneThatHangs_IsGivenUp(t *testing.T) {
	f := newFunctions(trigger.PreAuthentication)
	inTutorial(t, f, options{}, func(w *world) {
		f.on(trigger.PreAuthentication, neverAnswering)
		start := time.Now()
		_, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
		w.want(err, fault.UnexpectedLambda, "Socket timeout")
		if took := time.Since(start); took != 15*time.Second {
			t.Errorf("given up after %v", took)
		}
		if want := []string{"PreAuthentication 1 timed out", "PreAuthentication 2 timed out", "PreAuthentication 3 timed out"}; !slices.Equal(w.onlooker.called, want) {
			t.Errorf("observed %q", w.onlooker.called)
		}
	})
}

// A texted code that makes a sign-up the user is a confirmation; a later one is not.
func TestPostConfirmation_OfASignUpThatATextedCodeConfirms(t *testing.T) {
	f := newFunctions(trigger.PostConfirmation)
	inWorld(t, options{functions: f}, func(w *world) {
		w.signUp(home, asha, password)
		w.pass(time.Minute)
		w.tokens(w.answeredBy(asha))
		e := f.last(t, trigger.PostConfirmationConfirmSignUp)
		if attrs := e.Request["userAttributes"].(map[string]any); attrs["phone_number_verified"] != "true" || attrs["cognito:user_status"] != "CONFIRMED" {
			t.Errorf("%v", attrs)
		}
		w.pass(time.Minute)
		w.tokens(w.answeredBy(asha))
		if n := len(f.sources()); n != 1 {
			t.Errorf("told %d times", n)
		}
		// Where the function fails he is confirmed all the same.
		f.on(trigger.PostConfirmation, throwing("no room"))
		w.signUp(home, ravi, password)
		w.pass(time.Minute)
		r := w.custom(home, ravi)
		_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", ravi, "ANSWER", w.code(ravi))
		w.want(err, fault.UserLambdaValidation, "PostConfirmation failed with error no room.")
		w.tokens(w.answeredBy(ravi))
	})
}

// answeredBy signs a number in by its texted code.
func (w *world) answeredBy(number string) userpool.AuthResult {
	w.t.Helper()
	r := w.custom(home, number)
	r, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", w.code(number))
	w.must(err)
	return r
}
