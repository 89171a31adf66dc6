package userpool_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// saying lets a function word messages by what sets it off.
func saying(e event) (map[string]any, error) {
	text := strings.TrimPrefix(string(e.TriggerSource), "CustomMessage_") + ": {####}"
	return map[string]any{"smsMessage": text, "emailMessage": text, "emailSubject": string(e.TriggerSource)}, nil
}

// wantText checks that the newest text to the number has the source's words.
func (w *world) wantText(number string, source trigger.Source) {
	w.t.Helper()
	want := strings.TrimPrefix(string(source), "CustomMessage_") + ": "
	if got := w.body(number); !strings.HasPrefix(got, want) || len(got) != len(want)+6 {
		w.t.Errorf("the text is %q, want %s and a code", got, want)
	}
}

func TestCustomMessage_EverySource(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	inWorld(t, options{functions: f, design: bothNames}, func(w *world) {
		f.on(trigger.CustomMessage, saying)
		w.signUp(home, asha, password)
		w.wantText(asha, trigger.CustomMessageSignUp)
		w.must(w.resend(home, asha)) // inside the gap: nothing is sent, nobody is asked
		w.wantCalls(trigger.CustomMessageSignUp)
		w.pass(31 * time.Second)
		w.must(w.resend(home, asha))
		w.wantText(asha, trigger.CustomMessageResendCode)
		_, err := w.confirm(home, asha, w.code(asha), "")
		w.must(err)

		_, err = w.forgot(home, asha)
		w.must(err)
		w.wantText(asha, trigger.CustomMessageForgotPassword)
		w.must(w.reset(home, asha, w.code(asha), password))
		auth, err := w.byPassword(asha, password)
		w.must(err)
		access := w.tokens(auth).Access

		f.forget()
		_, err = w.update(access, attr("email", ashaMail), attr("phone_number", ravi))
		w.must(err) // two codes, with words for each
		w.wantCalls(trigger.CustomMessageUpdateUserAttribute, trigger.CustomMessageUpdateUserAttribute)
		w.wantText(ravi, trigger.CustomMessageUpdateUserAttribute)
		mail := w.mail.to(ashaMail)
		if len(mail) != 1 || mail[0].Subject != "CustomMessage_UpdateUserAttribute" || !strings.HasPrefix(mail[0].Body, "UpdateUserAttribute: ") {
			t.Errorf("e-mails %+v", mail)
		}
		w.pass(31 * time.Second)
		sub := w.adminAttribute(asha, "sub")
		_, err = w.s.GetUserAttributeVerificationCode(w.ctx, home, access, "phone_number", german)
		w.must(err)
		w.wantText(ravi, trigger.CustomMessageVerifyUserAttribute)
		w.wantEvent(trigger.CustomMessageVerifyUserAttribute, userpool.UserID(sub),
			`{"version":"1","triggerSource":"CustomMessage_VerifyUserAttribute","region":"us-east-1",
			"userPoolId":"POOL","userName":"SUB","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"clientMetadata":{"lang":"de"},"codeParameter":"{####}","linkParameter":"{##Click Here##}",
				"userAttributes":{"cognito:user_status":"CONFIRMED","phone_number":"+919876543210","phone_number_verified":"true","sub":"SUB"},
				"usernameParameter":null},
			"response":{"emailMessage":null,"emailSubject":null,"smsMessage":null}}`)
		w.must(w.verify(access, "phone_number", w.code(ravi)))
		w.settle() // a notice to the number that went

		f.forget()
		w.must(w.s.AdminUpdateUserAttributes(w.ctx, home, w.pool, sub, []userpool.Attribute{attr("phone_number", asha)}, german))
		w.wantText(asha, trigger.CustomMessageUpdateUserAttribute)
		w.must(w.s.AdminUpdateUserAttributes(w.ctx, home, w.pool, sub, []userpool.Attribute{attr("phone_number", ravi), attr("phone_number_verified", "true")}, nil))
		w.must(w.s.AdminResetUserPassword(w.ctx, home, w.pool, sub, german))
		w.wantText(ravi, trigger.CustomMessageForgotPassword)
		if e := f.last(t, trigger.CustomMessageForgotPassword); e.Request["userAttributes"].(map[string]any)["cognito:user_status"] != "RESET_REQUIRED" {
			t.Errorf("event %+v", e)
		}
		w.wantCalls(trigger.CustomMessageUpdateUserAttribute, trigger.CustomMessageForgotPassword)
	})
}

func TestCustomMessage_NobodyIsAskedAbout(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		f.on(trigger.CustomMessage, throwing("asked"))
		_, err := w.forgot(home, asha)
		w.must(err)
		w.must(w.resend(home, asha))
		w.wantCalls()
	})
}

// A number's budget is looked at before a function is.
func TestCustomMessage_BeyondTheLimit(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		for range 4 {
			_, err := w.trySignUp(home, asha, "")
			if len(f.sources()) == 3 && fault.Is(err, fault.LimitExceeded) {
				return
			}
			w.must(err)
		}
		t.Errorf("%d calls, no limit", len(f.sources()))
	})
}

func TestCustomMessage_Failures_StoreNothing(t *testing.T) {
	long := strings.Repeat("ä", 134)
	cases := map[string]struct {
		do   func(event) (map[string]any, error)
		kind fault.Kind // 0: it serves
	}{
		"throws":           {throwing("no"), fault.UserLambdaValidation},
		"hangs":            {neverAnswering, fault.UnexpectedLambda},
		"no code":          {answering(map[string]any{"smsMessage": "Hello"}), fault.InvalidLambdaResponse},
		"a number":         {answering(map[string]any{"smsMessage": 7}), fault.InvalidLambdaResponse},
		"long":             {answering(map[string]any{"smsMessage": long + "{####}"}), 0},
		"longer":           {answering(map[string]any{"smsMessage": long + ".{####}"}), fault.InvalidLambdaResponse},
		"another's medium": {answering(map[string]any{"emailMessage": "no code", "smsMessage": ""}), 0},
	}
	f := newFunctions(trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		sent := 0
		for name, c := range cases {
			f.on(trigger.CustomMessage, c.do)
			_, err := w.trySignUp(home, asha, "")
			if c.kind == 0 {
				w.must(err)
				sent++
			} else if !fault.Is(err, c.kind) {
				t.Errorf("%s: %v, want %v", name, err, c.kind)
			}
			if n := w.texts(asha); n != sent {
				t.Errorf("%s: %d texts, want %d", name, n, sent)
			}
			_, err = w.s.AdminGetUser(w.ctx, w.pool, asha)
			if (err == nil) != (c.kind == 0) {
				t.Errorf("%s: the sign-up is there: %v", name, err == nil)
			}
			if err == nil {
				w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
			}
		}
	})
}

// Whom a message is for may change while its words are asked for: then it is asked
// again, about him.
func TestCustomMessage_UserChangesMeanwhile(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		w.member(home, asha, password)
		f.forget()
		gone := false
		f.on(trigger.CustomMessage, func(e event) (map[string]any, error) {
			if !gone && e.TriggerSource == trigger.CustomMessageForgotPassword {
				gone = true
				w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
				w.create(asha, attr("phone_number_verified", "true"))
			}
			return map[string]any{"smsMessage": e.UserName[:8] + " {####}"}, nil
		})
		_, err := w.forgot(home, asha)
		w.must(err)
		w.wantCalls(trigger.CustomMessageForgotPassword, trigger.CustomMessageForgotPassword)
		if sub := w.adminAttribute(asha, "sub"); !strings.HasPrefix(w.body(asha), sub[:8]) {
			t.Errorf("text %q to %s", w.body(asha), sub)
		}
	})
}

func TestCustomMessage_Authentication(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		f.on(trigger.CustomMessage, saying)
		w.signUp(home, asha, password)
		w.pass(time.Minute)
		f.forget()
		// The text that a sign-up waits for comes by a sign-in too.
		r := w.custom(home, asha)
		w.custom(home, asha) // inside the gap
		w.custom(home, ravi) // nobody
		w.wantCalls(trigger.CustomMessageAuthentication)
		w.wantText(asha, trigger.CustomMessageAuthentication)
		e := f.last(t, trigger.CustomMessageAuthentication)
		if e.Request["userAttributes"].(map[string]any)["cognito:user_status"] != "UNCONFIRMED" || e.Request["clientMetadata"] != nil {
			t.Errorf("event %+v", e)
		}
		_, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		for _, choose := range []func() error{
			func() error {
				_, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP")
				return err
			},
			func() error {
				r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
				w.must(err)
				_, err = w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{
					Caller: home, ClientID: w.client, Challenge: "SELECT_CHALLENGE", Session: r.Session,
					Responses: map[string]string{"USERNAME": asha, "ANSWER": "SMS_OTP"}, ClientMetadata: german,
				})
				return err
			},
		} {
			w.pass(time.Minute)
			f.forget()
			w.must(choose())
			w.wantCalls(trigger.CustomMessageAuthentication)
			w.wantText(asha, trigger.CustomMessageAuthentication)
		}
		if e := f.last(t, trigger.CustomMessageAuthentication); e.Request["clientMetadata"].(map[string]any)["lang"] != "de" {
			t.Errorf("event %+v", e)
		}
		w.pass(11 * time.Minute)
		f.on(trigger.CustomMessage, throwing("no"))
		_, err = w.initiate(home, "CUSTOM_AUTH", "", "USERNAME", asha)
		w.want(err, fault.UserLambdaValidation, "CustomMessage failed with error no.")
	})
}

// A Define of the pool's own may ask for the built-in code, whose words are the
// pool's own too.
func TestCustomMessage_CodeThatAFunctionAsksFor(t *testing.T) {
	f := newFunctions(trigger.CustomMessage)
	const texted = "arn:aws:lambda:us-east-1:000000000000:function:" + trigger.TextedCode
	o := options{functions: f, design: func(s *userpool.PoolSettings) {
		for _, name := range []trigger.Name{trigger.CreateAuthChallenge, trigger.VerifyAuthChallenge} {
			s.Triggers.Functions[name] = texted
		}
		s.Triggers.Functions[trigger.DefineAuthChallenge] = functionPrefix + string(trigger.DefineAuthChallenge)
	}}
	inWorld(t, o, func(w *world) {
		f.on(trigger.CustomMessage, saying)
		f.on(trigger.DefineAuthChallenge, func(e event) (map[string]any, error) {
			if len(e.Request["session"].([]any)) == 1 {
				return map[string]any{"issueTokens": true}, nil
			}
			return map[string]any{"challengeName": "CUSTOM_CHALLENGE"}, nil
		})
		w.member(home, asha, password)
		w.pass(time.Minute)
		f.forget()
		r := w.custom(tried(home, "d-1", "InitiateAuth"), asha)
		r, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(r)
		w.wantCalls(trigger.DefineAuthChallengeAuthentication, trigger.CustomMessageAuthentication, trigger.DefineAuthChallengeAuthentication)
		w.wantText(asha, trigger.CustomMessageAuthentication)
	})
}
