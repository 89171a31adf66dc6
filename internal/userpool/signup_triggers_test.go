package userpool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// wantEvent compares a function's event with what Cognito sends. SUB stands for the
// user's sub, POOL and CLIENT for theirs.
func (w *world) wantEvent(source trigger.Source, sub userpool.UserID, want string) {
	w.t.Helper()
	got, err := json.Marshal(w.functions.last(w.t, source))
	w.must(err)
	var compact bytes.Buffer
	w.must(json.Compact(&compact, []byte(want)))
	filled := strings.NewReplacer("SUB", string(sub), "POOL", string(w.pool), `"CLIENT"`, `"`+string(w.client)+`"`).Replace(compact.String())
	if string(got) != filled {
		w.t.Errorf("%s got\n%s\nwant\n%s", source, got, filled)
	}
}

func (w *world) wantCalls(sources ...trigger.Source) {
	w.t.Helper()
	if got := w.functions.sources(); !slices.Equal(got, sources) {
		w.t.Errorf("functions called: %v, want %v", got, sources)
	}
}

// body is the newest text to the number.
func (w *world) body(number string) string {
	w.t.Helper()
	w.settle()
	texts := w.phone.TextsTo(number)
	if len(texts) == 0 {
		w.t.Fatalf("no text to %s", number)
	}
	return texts[len(texts)-1].Body
}

var german = map[string]string{"lang": "de"}

func TestSignUpTriggers_OrderAndEvents(t *testing.T) {
	f := newFunctions(trigger.PreSignUp, trigger.CustomMessage, trigger.PostConfirmation)
	inWorld(t, options{functions: f}, func(w *world) {
		r, err := w.s.SignUp(w.ctx, userpool.SignUpRequest{
			Caller: home, ClientID: w.client, Username: asha, Password: password,
			Attributes:     []userpool.Attribute{attr("name", "Asha")},
			ValidationData: map[string]string{"captcha": "x"}, ClientMetadata: german,
		})
		w.must(err)
		w.wantCalls(trigger.PreSignUpSignUp, trigger.CustomMessageSignUp)
		w.wantEvent(trigger.PreSignUpSignUp, r.Sub, `{"version":"1","triggerSource":"PreSignUp_SignUp","region":"us-east-1",
			"userPoolId":"POOL","userName":"SUB","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"clientMetadata":{"lang":"de"},"userAttributes":{"name":"Asha","phone_number":"+919876543210"},"validationData":{"captcha":"x"}},
			"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`)
		w.wantEvent(trigger.CustomMessageSignUp, r.Sub, `{"version":"1","triggerSource":"CustomMessage_SignUp","region":"us-east-1",
			"userPoolId":"POOL","userName":"SUB","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"clientMetadata":{"lang":"de"},"codeParameter":"{####}","linkParameter":"{##Click Here##}",
				"userAttributes":{"cognito:user_status":"UNCONFIRMED","name":"Asha","phone_number":"+919876543210","phone_number_verified":"false","sub":"SUB"},
				"usernameParameter":null},
			"response":{"emailMessage":null,"emailSubject":null,"smsMessage":null}}`)
		code := w.code(asha)
		if got := w.body(asha); got != "Your verification code is "+code+"." {
			t.Errorf("nulls did not keep the pool's text: %q", got)
		}
		f.forget()
		confirm := func(code string) error {
			_, err := w.s.ConfirmSignUp(w.ctx, userpool.ConfirmSignUpRequest{
				Caller: tried(home, "c-"+code, "c"), ClientID: w.client, Username: asha, Code: code, Session: r.Session, ClientMetadata: german,
			})
			return err
		}
		w.want(confirm(wrongCode(code)), fault.CodeMismatch, "")
		w.wantCalls()
		w.must(confirm(code))
		w.wantCalls(trigger.PostConfirmationConfirmSignUp)
		w.wantEvent(trigger.PostConfirmationConfirmSignUp, r.Sub, `{"version":"1","triggerSource":"PostConfirmation_ConfirmSignUp","region":"us-east-1",
			"userPoolId":"POOL","userName":"SUB","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"clientMetadata":{"lang":"de"},"userAttributes":{"cognito:user_status":"CONFIRMED","name":"Asha","phone_number":"+919876543210","phone_number_verified":"true","sub":"SUB"}},
			"response":{}}`)
		w.must(confirm(code)) // its repeat
		w.wantCalls(trigger.PostConfirmationConfirmSignUp)
	})
}

func TestPreSignUp_Refusals_LeaveNothing(t *testing.T) {
	arn := functionPrefix + "PreSignUp"
	cases := map[string]struct {
		do   func(event) (map[string]any, error)
		kind fault.Kind
		say  string
	}{
		"throws":        {throwing("not today"), fault.UserLambdaValidation, "PreSignUp failed with error not today."},
		"wrong type":    {answering(map[string]any{"autoConfirmUser": "true"}), fault.InvalidLambdaResponse, "Unrecognizable lambda output"},
		"no address":    {answering(map[string]any{"autoVerifyEmail": true}), fault.InvalidLambdaResponse, "Unrecognizable lambda output"},
		"hangs":         {neverAnswering, fault.UnexpectedLambda, arn + " failed with error Socket timeout"},
		"misconfigured": {nil, fault.UnexpectedLambda, arn + " invocation failed due to configuration"},
	}
	f := newFunctions(trigger.PreSignUp, trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		for name, c := range cases {
			f.on(trigger.PreSignUp, c.do)
			f.forget()
			began := time.Now()
			_, err := w.trySignUp(home, asha, password)
			w.want(err, c.kind, c.say)
			calls, took := 1, time.Duration(0)
			if name == "hangs" {
				calls, took = 3, 15*time.Second
			}
			if n := len(f.sources()); n != calls || time.Since(began) != took {
				t.Errorf("%s: %d calls in %v, want %d in %v", name, n, time.Since(began), calls, took)
			}
			_, err = w.s.AdminGetUser(w.ctx, w.pool, asha)
			w.want(err, fault.UserNotFound, "")
		}
		if n := w.texts(asha); n != 0 {
			t.Errorf("%d texts", n)
		}
	})
}

// What a stranger says of a number by a sign-up that a function confirms goes with
// the first code that Bellhop itself texts to its owner, verified or not.
func TestPreSignUp_AutoConfirm(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict, userpool.CognitoExact} {
		for _, verified := range []bool{false, true} {
			if !verified && behaviour != userpool.Standard {
				continue
			}
			t.Run(string(behaviour), func(t *testing.T) {
				f := newFunctions(trigger.PreSignUp, trigger.CustomMessage, trigger.PostConfirmation)
				inWorld(t, options{behaviour: behaviour, functions: f}, func(w *world) {
					f.on(trigger.PreSignUp, answering(map[string]any{"autoConfirmUser": true, "autoVerifyPhone": verified}))
					up := tried(stranger, "u-1", "SignUp")
					r := w.signUp(up, asha, intruders, attr("name", intruders))
					if r != (userpool.SignUpResult{Confirmed: true, Sub: r.Sub}) {
						t.Errorf("answer %+v", r)
					}
					w.wantCalls(trigger.PreSignUpSignUp, trigger.PostConfirmationConfirmSignUp)
					flag := map[bool]string{true: "true", false: "false"}[verified]
					if u := f.last(t, trigger.PostConfirmationConfirmSignUp); u.UserName != string(r.Sub) ||
						u.Request["userAttributes"].(map[string]any)["phone_number_verified"] != flag {
						t.Errorf("told of %+v", u)
					}
					if again := w.signUp(up, asha, intruders, attr("name", intruders)); again != r {
						t.Errorf("the repeat got %+v, want %+v", again, r)
					}
					if n := w.texts(asha); n != 0 {
						t.Errorf("%d texts", n)
					}
					if w.status(asha) != userpool.StatusConfirmed || w.adminAttribute(asha, "phone_number_verified") != flag {
						t.Errorf("%s, verified %s", w.status(asha), w.adminAttribute(asha, "phone_number_verified"))
					}
					auth, err := w.passwordOf(stranger, asha, intruders)
					w.must(err)
					his := w.tokens(auth)
					owner := w.texted(home, asha)
					stays := behaviour == userpool.CognitoExact
					if w.canSignInWith(asha, intruders) != stays {
						t.Errorf("the stranger's password opens the account: %v", !stays)
					}
					if got := w.attribute(owner.Access, "name"); (got != "") != stays {
						t.Errorf("the name is %q", got)
					}
					if _, err := w.s.GetUser(w.ctx, his.Access); (err == nil) != stays {
						t.Errorf("the stranger's token: %v", err)
					}
				})
			})
		}
	}
}

func TestPreSignUp_AutoConfirmOfATakenName(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		t.Run(string(behaviour), func(t *testing.T) {
			f := newFunctions(trigger.PreSignUp, trigger.PostConfirmation)
			inWorld(t, options{behaviour: behaviour, functions: f}, func(w *world) {
				w.member(home, asha, password)
				w.signUp(home, ravi, password)
				f.on(trigger.PreSignUp, answering(map[string]any{"autoConfirmUser": true}))
				f.forget()
				up := tried(stranger, "", "SignUp")
				r, err := w.trySignUp(up, asha, intruders)
				w.wantCalls(trigger.PreSignUpSignUp)
				if behaviour == userpool.Standard {
					w.want(err, fault.UsernameExists, "An account with the given phone_number already exists.")
				} else {
					w.must(err)
					if again := w.signUp(up, asha, intruders); again != r || !r.Confirmed {
						t.Errorf("answers %+v, then %+v", r, again)
					}
				}
				if !w.canSignInWith(asha, password) || w.canSignInWith(asha, intruders) {
					t.Error("the owner's password is not what it was")
				}
				// A sign-up that waits ends, its code with it.
				code := w.code(ravi)
				w.signUp(stranger, ravi, intruders)
				_, err = w.confirm(home, ravi, code, "")
				w.want(err, fault.ExpiredCode, "")
			})
		})
	}
}

func TestPreSignUp_VerifiedAlias(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.CognitoExact} {
		t.Run(string(behaviour), func(t *testing.T) {
			f := newFunctions(trigger.PreSignUp)
			inWorld(t, options{behaviour: behaviour, design: aliasNames, functions: f}, func(w *world) {
				w.join("asha", password, ashaMail, attr("email", ashaMail))
				// Verified without being confirmed: the code still confirms.
				f.on(trigger.PreSignUp, answering(map[string]any{"autoVerifyPhone": true}))
				w.signUp(home, "ravi", password, attr("phone_number", ravi))
				if got := w.adminAttribute("ravi", "phone_number_verified"); got != "true" || w.status("ravi") != userpool.StatusUnconfirmed {
					t.Errorf("verified %s, %s", got, w.status("ravi"))
				}
				f.on(trigger.PreSignUp, answering(map[string]any{"autoConfirmUser": true, "autoVerifyEmail": true}))
				_, err := w.trySignUp(stranger, "thief", intruders, attr("email", ashaMail))
				if behaviour == userpool.Standard {
					w.want(err, fault.UsernameExists, "An account with the given email already exists.")
					if !w.canSignInWith(ashaMail, password) {
						t.Error("the alias moved")
					}
					return
				}
				w.must(err)
				if !w.canSignInWith(ashaMail, intruders) || w.adminAttribute("asha", "email_verified") != "false" {
					t.Error("the alias did not move, as it does on Cognito")
				}
			})
		})
	}
}

// The function frees a half-finished account through the API, in the middle of the
// SignUp that asks it: a call inside a transaction would wait for itself.
func TestTriggers_FunctionsUseTheServiceMeanwhile(t *testing.T) {
	f := newFunctions(trigger.PreSignUp, trigger.CustomMessage, trigger.PostConfirmation)
	inWorld(t, options{behaviour: userpool.CognitoExact, functions: f}, func(w *world) {
		w.signUp(home, asha, intruders)
		_, err := w.trySignUp(home, asha, password)
		w.want(err, fault.UsernameExists, "")
		f.on(trigger.PreSignUp, func(e event) (map[string]any, error) {
			number := e.Request["userAttributes"].(map[string]any)["phone_number"].(string)
			if view, err := w.s.AdminGetUser(w.ctx, w.pool, number); err == nil && view.Status == userpool.StatusUnconfirmed {
				w.must(w.s.AdminDeleteUser(w.ctx, w.pool, number))
			}
			return nil, nil
		})
		f.on(trigger.CustomMessage, func(e event) (map[string]any, error) {
			_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: "+919800000001", Suppress: true})
			w.must(err)
			return nil, nil
		})
		f.on(trigger.PostConfirmation, func(e event) (map[string]any, error) {
			return nil, w.s.AdminUpdateUserAttributes(w.ctx, home, w.pool, e.UserName, []userpool.Attribute{attr("nickname", "welcome")}, nil)
		})
		w.signUp(home, asha, password)
		_, err = w.confirm(home, asha, w.code(asha), "")
		w.must(err)
		if w.adminAttribute(asha, "nickname") != "welcome" || !w.canSignInWith(asha, password) {
			t.Error("the sign-up is not what it should be")
		}
	})
}

func TestPostConfirmation_FailureLeavesTheUserConfirmed(t *testing.T) {
	f := newFunctions(trigger.PostConfirmation)
	inWorld(t, options{functions: f}, func(w *world) {
		f.on(trigger.PostConfirmation, throwing("no table"))
		w.signUp(home, asha, password)
		ctx, leave := context.WithCancel(w.ctx)
		f.on(trigger.PostConfirmation, func(event) (map[string]any, error) {
			leave() // the client does not wait
			return nil, &trigger.FunctionError{Message: "no table"}
		})
		_, err := w.s.ConfirmSignUp(ctx, userpool.ConfirmSignUpRequest{Caller: home, ClientID: w.client, Username: asha, Code: w.code(asha)})
		w.want(err, fault.UserLambdaValidation, "PostConfirmation failed with error no table.")
		if w.status(asha) != userpool.StatusConfirmed {
			t.Error("the user is not confirmed")
		}
		f.on(trigger.PostConfirmation, throwing("no table"))
		w.signUp(home, ravi, password)
		w.want(w.s.AdminConfirmSignUp(w.ctx, w.pool, ravi, german), fault.UserLambdaValidation, "")
		e := f.last(t, trigger.PostConfirmationConfirmSignUp)
		if e.CallerContext.ClientID != trigger.NoClient || !reflect.DeepEqual(e.Request["clientMetadata"], map[string]any{"lang": "de"}) {
			t.Errorf("an administrator's event: %+v", e)
		}
		if w.status(ravi) != userpool.StatusConfirmed {
			t.Error("the administrator's user is not confirmed")
		}

		f.on(trigger.PostConfirmation, passing)
		f.forget()
		_, err = w.forgot(home, asha)
		w.must(err)
		code := w.code(asha)
		w.want(w.reset(home, asha, wrongCode(code), newPassword), fault.CodeMismatch, "")
		w.wantCalls()
		w.must(w.reset(home, asha, code, newPassword))
		w.wantCalls(trigger.PostConfirmationConfirmForgotPassword)
	})
}

// A repeat of what has been done tells a function that failed of it again, as often
// as an address may begin anything.
func TestPostConfirmation_RepeatsAreBounded(t *testing.T) {
	f := newFunctions(trigger.PostConfirmation)
	inWorld(t, options{functions: f}, func(w *world) {
		up := w.signUp(stranger, asha, password)
		c, code := tried(stranger, "p-1", "ConfirmSignUp"), w.code(asha)
		f.on(trigger.PostConfirmation, throwing("no table"))
		w.must(w.store.Update(w.ctx, func(tx userpool.Tx) error { // he has begun much already
			for range 980 {
				if err := guard.SpendStart(w.ctx, tx, w.s.PartyOf(userpool.Contact{}, stranger), time.Now()); err != nil {
					return err
				}
			}
			return nil
		}))
		var err error
		for range 100 {
			if _, err = w.confirm(c, asha, code, up.Session); fault.Is(err, fault.TooManyRequests) {
				break
			}
		}
		w.want(err, fault.TooManyRequests, "")
		if n := len(f.sources()); n < 2 || n > 21 {
			t.Errorf("%d calls", n)
		}
	})
}

// Two tries of one user action, at once: one of them waits for the other.
func TestTriggers_RepeatsOfASignUp_CallOnce(t *testing.T) {
	f := newFunctions(trigger.PreSignUp, trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		slow := func(event) (map[string]any, error) {
			<-time.NewTimer(3 * time.Second).C // of the bubble's time
			return nil, nil
		}
		f.on(trigger.PreSignUp, slow)
		f.on(trigger.CustomMessage, slow)
		c := tried(home, "r-1", "SignUp")
		var results [3]userpool.SignUpResult
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() {
				var err error
				if results[i], err = w.trySignUp(c, asha, password); err != nil {
					t.Errorf("try %d: %v", i, err)
				}
			})
		}
		both.Wait()
		results[2] = w.signUp(c, asha, password)
		if results[0].Sub != results[1].Sub || results[0].Session != results[2].Session {
			t.Errorf("answers differ: %+v", results)
		}
		w.wantCalls(trigger.PreSignUpSignUp, trigger.CustomMessageSignUp)
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts", n)
		}
	})
}

func TestPreSignUp_AdminCreateUser(t *testing.T) {
	f := newFunctions(trigger.PreSignUp, trigger.CustomMessage)
	inWorld(t, options{functions: f}, func(w *world) {
		create := func() error {
			_, err := w.s.AdminCreateUser(w.ctx, userpool.NewUser{
				Caller: home, PoolID: w.pool, Username: asha, TemporaryPassword: "Temp-Pass-12",
				ValidationData: map[string]string{"from": "crm"}, ClientMetadata: german,
			})
			return err
		}
		f.on(trigger.PreSignUp, throwing("no"))
		w.want(create(), fault.UserLambdaValidation, "PreSignUp failed with error no.")
		f.on(trigger.PreSignUp, answering(map[string]any{"autoConfirmUser": true})) // which does not count
		f.on(trigger.CustomMessage, answering(map[string]any{"smsMessage": "Your password is {####}."}))
		w.want(create(), fault.InvalidLambdaResponse, "Unrecognizable lambda output")
		_, err := w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.want(err, fault.UserNotFound, "")
		f.on(trigger.CustomMessage, answering(map[string]any{"smsMessage": "You are {username}, say {####}!"}))
		f.forget()
		w.must(create())
		w.wantCalls(trigger.PreSignUpAdminCreateUser, trigger.CustomMessageAdminCreateUser)
		sub := userpool.UserID(w.adminAttribute(asha, "sub"))
		w.wantEvent(trigger.PreSignUpAdminCreateUser, sub, `{"version":"1","triggerSource":"PreSignUp_AdminCreateUser","region":"us-east-1",
			"userPoolId":"POOL","userName":"SUB","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT_ID_NOT_APPLICABLE"},
			"request":{"clientMetadata":{"lang":"de"},"userAttributes":{"phone_number":"+919876543210"},"validationData":{"from":"crm"}},
			"response":{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}}`)
		if e := f.last(t, trigger.CustomMessageAdminCreateUser); e.Request["usernameParameter"] != "{username}" {
			t.Errorf("event %+v", e)
		}
		if got := w.body(asha); got != "You are "+asha+", say Temp-Pass-12!" || w.status(asha) != userpool.StatusForceChangePassword {
			t.Errorf("%q, %s", got, w.status(asha))
		}
	})
}

// A flood cannot make a pool's functions run without bound: each call was counted
// as a start of its address before.
func TestTriggers_FloodIsBounded(t *testing.T) {
	f := newFunctions(trigger.PreSignUp, trigger.UserMigration)
	inWorld(t, options{functions: f, flows: []string{userpool.AllowPassword}}, func(w *world) {
		f.on(trigger.PreSignUp, throwing("no"))
		var err error
		for range 1001 {
			if _, err = w.trySignUp(stranger, asha, ""); fault.Is(err, fault.TooManyRequests) {
				break
			}
		}
		w.want(err, fault.TooManyRequests, "")
		n := len(f.sources())
		if n > 1000 {
			t.Errorf("%d calls", n)
		}
		_, err = w.initiate(stranger, "USER_PASSWORD_AUTH", "", "USERNAME", asha, "PASSWORD", password)
		w.want(err, fault.TooManyRequests, "")
		_, err = w.trySignUp(home, asha, "")
		w.want(err, fault.UserLambdaValidation, "")
		if len(f.sources()) != n+1 {
			t.Errorf("%d calls, want %d", len(f.sources()), n+1)
		}
	})
}

// A pool without triggers pays nothing for those of others.
func TestWork_WithoutTriggers(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.pass(11 * time.Minute)
		counted := &work{}
		w.s = w.second(counted)
		for _, c := range []struct {
			name string
			do   func()
			want work
		}{
			{"SignUp", func() { w.signUp(home, ravi, "") }, work{Views: 1, Updates: 1, Texts: 1}},
			{"ConfirmSignUp", func() {
				_, err := w.confirm(home, ravi, "000000", "")
				w.want(err, fault.CodeMismatch, "")
			}, work{Views: 1, Updates: 1}},
			{"ResendConfirmationCode", func() { w.must(w.resend(home, "+919812345679")) }, work{Views: 1, Updates: 1, Texts: 1}},
			{"ForgotPassword", func() { _, err := w.forgot(home, asha); w.must(err) }, work{Views: 1, Updates: 1, Texts: 1}},
			{"UpdateUserAttributes", func() { _, err := w.update(access, attr("name", "A")); w.must(err) }, work{Updates: 1}},
			{"AdminCreateUser", func() { w.create("+919812345670") }, work{Views: 1, Updates: 1}},
			{"AdminConfirmSignUp", func() { w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, ravi, nil)) }, work{Updates: 1}},
			{"PASSWORD", func() { _, err := w.byPassword(asha, intruders); w.want(err, fault.NotAuthorized, "") }, work{Views: 2, Updates: 1}},
		} {
			*counted = work{}
			if c.do(); *counted != c.want {
				t.Errorf("%s: %+v, want %+v", c.name, *counted, c.want)
			}
		}
	})
}

// What was counted before a function was called, and rolled back for its words,
// leaves one row of the trail, which tells how the call ended.
func TestTriggers_OneRowOfTheTrail(t *testing.T) {
	f := newFunctions(trigger.PreSignUp, trigger.CustomMessage, trigger.PostConfirmation)
	inWorld(t, options{functions: f}, func(w *world) {
		f.on(trigger.PreSignUp, throwing("no"))
		w.want(w.auditedSignUp(asha), fault.UserLambdaValidation, "")
		f.on(trigger.PreSignUp, passing)
		w.must(w.auditedSignUp(asha))
		if got := w.onlooker.last(); !slices.Equal(got.Queued, []userpool.Purpose{userpool.PurposeSignUp}) {
			t.Errorf("told of %+v", got)
		}
		w.pass(time.Minute) // rows that are amended wait a moment
		var got []string
		for _, r := range w.trail(userpool.AuditFilter{Operation: "SignUp"}) {
			got = append(got, string(r.Outcome)+" "+r.Reason)
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"refused UserLambdaValidation", "success "}) {
			t.Errorf("rows %q", got)
		}
	})
}
