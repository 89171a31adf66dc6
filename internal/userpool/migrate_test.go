package userpool_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// old is the password of another directory, which no policy of the pool allows.
const old = "pw"

var allFlows = []string{
	userpool.AllowPassword, userpool.AllowAdminPassword, userpool.AllowUserAuth, userpool.AllowCustom, userpool.AllowSRP, userpool.AllowRefresh,
}

// directory lets a function know one number and its password.
func directory(status string, attrs map[string]any) func(event) (map[string]any, error) {
	return func(e event) (map[string]any, error) {
		if e.UserName != asha || (e.Request["password"] != nil && e.Request["password"] != old) {
			return nil, &trigger.FunctionError{Message: "Bad password"}
		}
		r := map[string]any{"userAttributes": attrs, "messageAction": "SUPPRESS"}
		if status != "" {
			r["finalUserStatus"] = status
		}
		return r, nil
	}
}

var known = map[string]any{"phone_number": asha, "phone_number_verified": true, "name": "Asha"}

func (w *world) plainPassword(c userpool.Caller, number, password string) (userpool.AuthResult, error) {
	return w.s.InitiateAuth(w.ctx, userpool.AuthRequest{
		Caller: c, ClientID: w.client, Flow: "USER_PASSWORD_AUTH", ClientMetadata: german,
		Parameters: map[string]string{"USERNAME": number, "PASSWORD": password},
	})
}

func TestUserMigration_FirstSignIn(t *testing.T) {
	f := newFunctions(trigger.UserMigration, trigger.PreSignUp, trigger.PostConfirmation, trigger.CustomMessage)
	inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
		f.on(trigger.UserMigration, directory("CONFIRMED", known))
		w.signUp(stranger, asha, intruders) // does not keep the number
		w.settle()
		f.forget()
		_, err := w.plainPassword(home, asha, intruders)
		w.want(err, fault.UserNotConfirmed, "") // nobody there, and the sign-up as before
		_, err = w.plainPassword(home, ravi, old)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		w.wantCalls(trigger.UserMigrationAuthentication, trigger.UserMigrationAuthentication)
		auth, err := w.plainPassword(home, asha, old)
		w.must(err)
		tokens := w.tokens(auth)
		w.wantEvent(trigger.UserMigrationAuthentication, "", `{"version":"1","triggerSource":"UserMigration_Authentication","region":"us-east-1",
			"userPoolId":"POOL","userName":"+919876543210","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"password":"pw","userAttributes":null,"validationData":{"lang":"de"}},
			"response":{"desiredDeliveryMediums":null,"enableSMSMFA":null,"finalUserStatus":null,"forceAliasCreation":null,"messageAction":null,"userAttributes":null}}`)
		if w.attribute(tokens.Access, "name") != "Asha" || w.attribute(tokens.Access, "phone_number_verified") != "true" {
			t.Error("the attributes did not come along")
		}
		f.forget()
		_, err = w.plainPassword(home, asha, old)
		w.must(err)
		_, err = w.plainPassword(home, asha, intruders)
		w.want(err, fault.NotAuthorized, "")
		w.wantCalls() // he is here now
		if n := w.texts(asha); n != 1 {
			t.Errorf("%d texts, want the sign-up's alone", n)
		}
		w.texted(home, asha)
		w.settle()
		if strings.Contains(w.log.String(), old+"\"") {
			t.Error("the password is in the log")
		}
	})
}

func TestUserMigration_EveryFlow(t *testing.T) {
	cases := map[string]struct {
		signIn func(w *world) (userpool.AuthResult, error)
		calls  int
	}{
		"USER_AUTH": {func(w *world) (userpool.AuthResult, error) { return w.byPassword(asha, old) }, 1},
		"SELECT_CHALLENGE": {func(w *world) (userpool.AuthResult, error) {
			r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
			w.must(err)
			return w.answer(home, "SELECT_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", "PASSWORD", "PASSWORD", old)
		}, 1},
		"ADMIN_USER_PASSWORD_AUTH": {func(w *world) (userpool.AuthResult, error) {
			return w.backendAuth("ADMIN_USER_PASSWORD_AUTH", "USERNAME", asha, "PASSWORD", old)
		}, 1},
		"USER_SRP_AUTH": {func(w *world) (userpool.AuthResult, error) { return w.bySRP("USER_SRP_AUTH", asha, old) }, 0},
		"CUSTOM_AUTH": {func(w *world) (userpool.AuthResult, error) {
			w.custom(home, asha)
			return userpool.AuthResult{}, fault.New(fault.NotAuthorized, "")
		}, 0},
	}
	f := newFunctions(trigger.UserMigration)
	inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
		f.on(trigger.UserMigration, directory("CONFIRMED", known))
		for name, c := range cases {
			f.forget()
			r, err := c.signIn(w)
			if n := len(f.sources()); n != c.calls {
				t.Errorf("%s: %d calls, want %d", name, n, c.calls)
			}
			if c.calls == 0 {
				w.want(err, fault.NotAuthorized, "")
				continue
			}
			w.must(err)
			w.tokens(r)
			w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
		}
	})
}

func TestUserMigration_ResetRequired_ThenTheResetItself(t *testing.T) {
	f := newFunctions(trigger.UserMigration)
	inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
		f.on(trigger.UserMigration, directory("", known))
		for range 2 {
			_, err := w.plainPassword(home, asha, old)
			w.want(err, fault.PasswordResetRequired, "")
		}
		w.wantCalls(trigger.UserMigrationAuthentication)
		_, err := w.forgot(home, asha)
		w.must(err)
		w.must(w.reset(home, asha, w.code(asha), newPassword))
		auth, err := w.plainPassword(home, asha, newPassword)
		w.must(err)
		w.tokens(auth)
	})
}

func TestUserMigration_ForgotPassword(t *testing.T) {
	f := newFunctions(trigger.UserMigration, trigger.CustomMessage)
	inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
		f.on(trigger.UserMigration, directory("RESET_REQUIRED", known))
		ask := func(c userpool.Caller, number string) (userpool.Delivery, error) {
			return w.s.ForgotPassword(w.ctx, userpool.ForgotPasswordRequest{Caller: c, ClientID: w.client, Username: number, ClientMetadata: german})
		}
		nobody := tried(home, "n-1", "ForgotPassword")
		for range 2 { // nobody's answer is kept as well
			_, err := ask(nobody, ravi)
			w.must(err)
		}
		w.wantCalls(trigger.UserMigrationForgotPassword)
		if n := w.texts(ravi); n != 0 {
			t.Errorf("%d texts to nobody", n)
		}
		f.forget()
		_, err := ask(home, asha)
		w.must(err)
		w.wantCalls(trigger.UserMigrationForgotPassword, trigger.CustomMessageForgotPassword)
		w.wantEvent(trigger.UserMigrationForgotPassword, "", `{"version":"1","triggerSource":"UserMigration_ForgotPassword","region":"us-east-1",
			"userPoolId":"POOL","userName":"+919876543210","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"clientMetadata":{"lang":"de"},"userAttributes":null,"validationData":null},
			"response":{"desiredDeliveryMediums":null,"enableSMSMFA":null,"finalUserStatus":null,"forceAliasCreation":null,"messageAction":null,"userAttributes":null}}`)
		w.must(w.reset(home, asha, w.code(asha), newPassword))
		if !w.canSignInWith(asha, newPassword) {
			t.Error("the new password does not serve")
		}
	})
}

func TestUserMigration_Answers(t *testing.T) {
	with := func(more map[string]any) func(event) (map[string]any, error) {
		r := map[string]any{"userAttributes": known, "finalUserStatus": "CONFIRMED"}
		for k, v := range more {
			r[k] = v
		}
		return answering(r)
	}
	plus := func(name string, value any) func(event) (map[string]any, error) {
		return with(map[string]any{"userAttributes": map[string]any{"phone_number": asha, name: value}})
	}
	unusable := []fault.Kind{fault.InvalidLambdaResponse, fault.InvalidLambdaResponse}
	nobody := []fault.Kind{fault.NotAuthorized, fault.UserNotFound}
	cases := map[string]struct {
		do    func(event) (map[string]any, error)
		kinds []fault.Kind // with PreventUserExistenceErrors ENABLED, and LEGACY
	}{
		"throws":          {throwing("Bad password"), nobody},
		"hangs":           {neverAnswering, nobody},
		"not there":       {nil, nobody},
		"nulls":           {passing, unusable},
		"a list":          {answering(map[string]any{"userAttributes": []string{}}), unusable},
		"sub":             {plus("sub", "b"), unusable},
		"no such":         {plus("custom:none", "b"), unusable},
		"another number":  {with(map[string]any{"userAttributes": map[string]any{"phone_number": ravi}}), unusable},
		"unknown status":  {with(map[string]any{"finalUserStatus": "ARCHIVED"}), unusable},
		"a second factor": {with(map[string]any{"enableSMSMFA": true}), unusable},
		"no second":       {with(map[string]any{"enableSMSMFA": false, "desiredDeliveryMediums": []string{"SMS"}}), nil},
		"flag of nothing": {plus("email_verified", "true"), nil},
	}
	for i, legacy := range []bool{false, true} {
		f := newFunctions(trigger.UserMigration)
		inWorld(t, options{functions: f, flows: allFlows, legacy: legacy}, func(w *world) {
			for name, c := range cases {
				w.pass(16 * time.Minute) // until no password counts as wrong any more
				f.on(trigger.UserMigration, c.do)
				_, err := w.plainPassword(home, asha, old)
				if c.kinds != nil {
					if !fault.Is(err, c.kinds[i]) {
						t.Errorf("%s: %v, want %v", name, err, c.kinds[i])
					}
					_, err = w.s.AdminGetUser(w.ctx, w.pool, asha)
					w.want(err, fault.UserNotFound, "")
					continue
				}
				if err != nil || w.adminAttribute(asha, "email_verified") != "" {
					t.Errorf("%s: %v, or an address that is not there is verified", name, err)
				}
				w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
			}
		})
	}
}

// Users that have a name beside their contacts: who types an alias needs a user
// name of the function's, and an alias that is taken moves by forceAliasCreation.
func TestUserMigration_Aliases(t *testing.T) {
	f := newFunctions(trigger.UserMigration)
	inWorld(t, options{functions: f, flows: allFlows, design: aliasNames}, func(w *world) {
		w.join("ravi", password, ashaMail, attr("email", ashaMail))
		answer := map[string]any{"userAttributes": map[string]any{"phone_number": asha, "phone_number_verified": "true"}, "finalUserStatus": "CONFIRMED"}
		f.on(trigger.UserMigration, answering(answer))
		_, err := w.plainPassword(home, asha, old)
		w.want(err, fault.InvalidLambdaResponse, "")
		answer["userAttributes"].(map[string]any)["username"] = "asha"
		auth, err := w.plainPassword(home, asha, old)
		w.must(err)
		if view, err := w.s.GetUser(w.ctx, w.tokens(auth).Access); err != nil || view.Username != "asha" {
			t.Errorf("%+v, %v", view, err)
		}
		answer["userAttributes"] = map[string]any{"email": ashaMail, "email_verified": "true"}
		_, err = w.plainPassword(home, "third", old)
		w.want(err, fault.AliasExists, "")
		answer["forceAliasCreation"] = true
		_, err = w.plainPassword(home, "third", old)
		w.must(err)
		if w.adminAttribute("ravi", "email_verified") != "false" {
			t.Error("the alias did not move")
		}
		answer["userAttributes"] = map[string]any{"username": "somebody"}
		_, err = w.plainPassword(home, "fourth", old)
		w.want(err, fault.InvalidLambdaResponse, "")
	})
}

// Passwords of the other directory cannot be guessed faster than those of this one,
// whatever the client is told, and whatever is done at once.
func TestUserMigration_Guessing_IsLocked(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		f := newFunctions(trigger.UserMigration)
		inWorld(t, options{functions: f, flows: allFlows, legacy: legacy}, func(w *world) {
			f.on(trigger.UserMigration, func(e event) (map[string]any, error) {
				<-time.After(100 * time.Millisecond) // of the bubble's time
				return directory("CONFIRMED", known)(e)
			})
			wrong := func() error { _, err := w.plainPassword(stranger, asha, intruders); return err }
			var crowd sync.WaitGroup
			for range 20 {
				crowd.Go(func() { _ = wrong() })
			}
			crowd.Wait()
			if n := len(f.sources()); n != 5 {
				t.Errorf("%d guesses were looked at", n)
			}
			w.want(wrong(), fault.NotAuthorized, "Password attempts exceeded")
			_, err := w.plainPassword(home, asha, old)
			w.want(err, fault.NotAuthorized, "Password attempts exceeded")
			w.pass(time.Second)
			f.forget()
			_, err = w.plainPassword(home, asha, old)
			w.must(err)
			w.wantCalls(trigger.UserMigrationAuthentication)
			_, err = w.plainPassword(stranger, asha, intruders)
			w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		})
	}
}

// A Session that is used up lets nobody ask about passwords.
func TestUserMigration_ASessionThatIsUsed_AsksNobody(t *testing.T) {
	f := newFunctions(trigger.UserMigration)
	inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
		f.on(trigger.UserMigration, directory("CONFIRMED", known))
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
		w.must(err)
		choose := func(password string) error {
			_, err := w.answer(home, "SELECT_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", "PASSWORD", "PASSWORD", password)
			return err
		}
		err = choose(intruders)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		f.forget()
		err = choose(old)
		w.want(err, fault.NotAuthorized, "session can only be used once")
		w.wantCalls()
	})
}

func TestUserMigration_TwoAtOnce_OneUser(t *testing.T) {
	f := newFunctions(trigger.UserMigration)
	inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
		migrate := directory("CONFIRMED", known)
		f.on(trigger.UserMigration, func(e event) (map[string]any, error) {
			if _, err := w.s.AdminGetUser(w.ctx, w.pool, asha); !fault.Is(err, fault.UserNotFound) {
				t.Errorf("he is here already: %v", err)
			}
			<-time.NewTimer(time.Second).C // of the bubble's time: until both are asked about
			return migrate(e)
		})
		var both sync.WaitGroup
		var subs [2]string
		for i, c := range []userpool.Caller{home, mobile} {
			both.Go(func() {
				auth, err := w.plainPassword(c, asha, old)
				if err != nil {
					t.Errorf("sign-in %d: %v", i, err)
					return
				}
				subs[i] = w.attribute(auth.Tokens.Access, "sub")
			})
		}
		both.Wait()
		w.wantCalls(trigger.UserMigrationAuthentication, trigger.UserMigrationAuthentication)
		if subs[0] == "" || subs[0] != subs[1] {
			t.Errorf("subs %v", subs)
		}
	})
}

// Guesses at passwords of the other directory meet the same lock as guesses at
// those of users, whether or not somebody has signed up under the name.
func TestUserMigration_GuessesAreLocked(t *testing.T) {
	for _, pending := range []bool{false, true} {
		f := newFunctions(trigger.UserMigration)
		inWorld(t, options{functions: f, flows: allFlows}, func(w *world) {
			f.on(trigger.UserMigration, directory("CONFIRMED", known))
			if pending {
				w.signUp(stranger, asha, password)
			}
			for range 5 {
				_, err := w.plainPassword(stranger, asha, intruders)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
			}
			f.forget()
			_, err := w.plainPassword(home, asha, old)
			w.want(err, fault.NotAuthorized, "Password attempts exceeded")
			w.wantCalls()
			w.pass(time.Second)
			auth, err := w.plainPassword(home, asha, old)
			w.must(err)
			w.tokens(auth)
		})
	}
}
