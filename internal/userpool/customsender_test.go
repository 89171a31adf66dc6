package userpool_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/mail"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const kmsKey = "arn:aws:kms:us-east-1:123456789012:key/1"

// vault is an Encrypter whose messages only it can read.
type vault struct {
	mu   sync.Mutex // guards the one below
	fail error
}

// Encrypt implements userpool.Encrypter.
func (v *vault) Encrypt(_ context.Context, key string, pool userpool.PoolID, secret string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.turn([]byte(key + "\n" + string(pool) + "\n" + secret)), v.fail
}

func (v *vault) turn(text []byte) []byte {
	turned := slices.Clone(text)
	for i := range turned {
		turned[i] ^= 0x55
	}
	return turned
}

func (v *vault) failing(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fail = err
}

// opened is the secret of a custom sender's event, checked for key and pool.
func (w *world) opened(e event) string {
	w.t.Helper()
	code, err := base64.StdEncoding.DecodeString(e.Request["code"].(string))
	w.must(err)
	parts := strings.SplitN(string(w.encrypter.(*vault).turn(code)), "\n", 3)
	if parts[0] != kmsKey || parts[1] != string(w.pool) {
		w.t.Errorf("encrypted under %s for %s", parts[0], parts[1])
	}
	return parts[2]
}

// delivered is the newest event of the source, and the code in it.
func (w *world) delivered(source trigger.Source) (event, string) {
	w.t.Helper()
	w.settle()
	e := w.functions.last(w.t, source)
	code := w.opened(e)
	all, err := json.Marshal(e)
	w.must(err)
	if code == "" || strings.Contains(string(all), code) || strings.Contains(w.log.String(), code) {
		w.t.Errorf("%s: the code is %q, or stands in the clear in the event or the log", source, code)
	}
	return e, code
}

// posting are options of a pool with custom senders for both media.
func posting(o options, more ...trigger.Name) options {
	o.functions = newFunctions(append(more, trigger.CustomSMSSender, trigger.CustomEmailSender)...)
	o.encrypter = &vault{}
	design := o.design
	o.design = func(s *userpool.PoolSettings) {
		s.Triggers.KMSKey = kmsKey
		if design != nil {
			design(s)
		}
	}
	return o
}

func TestCustomSender_EverySource(t *testing.T) {
	o := posting(options{design: bothNames}, trigger.CustomMessage)
	inWorld(t, o, func(w *world) {
		w.functions.on(trigger.CustomMessage, throwing("nobody is to ask for words that a custom sender has of its own"))
		metadata := map[string]string{"by": "app"}
		check := func(source trigger.Source, metadata any, status string) string {
			t.Helper()
			e, code := w.delivered(source)
			attrs := e.Request["userAttributes"].(map[string]any)
			by, _ := e.Request["clientMetadata"].(map[string]any)
			kind := map[trigger.Name]string{trigger.CustomSMSSender: "customSMSSenderRequestV1", trigger.CustomEmailSender: "customEmailSenderRequestV1"}[source.Trigger()]
			if e.Request["type"] != kind || attrs["cognito:user_status"] != status || attrs["sub"] != e.UserName || by["by"] != metadata ||
				e.CallerContext.ClientID != string(w.client) && source.Trigger() == trigger.CustomSMSSender && !strings.HasSuffix(string(source), "AdminCreateUser") {
				t.Errorf("%s: %+v", source, e)
			}
			return code
		}
		_, err := w.s.SignUp(w.ctx, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: asha, Password: password, ClientMetadata: metadata})
		w.must(err)
		check("CustomSMSSender_SignUp", "app", "UNCONFIRMED")
		w.pass(31 * time.Second)
		w.must(w.resend(home, asha))
		code := check("CustomSMSSender_ResendCode", nil, "UNCONFIRMED")
		_, err = w.confirm(home, asha, code, "")
		w.must(err)

		_, err = w.s.ForgotPassword(w.ctx, userpool.ForgotPasswordRequest{Caller: home, ClientID: w.client, Username: asha, ClientMetadata: metadata})
		w.must(err)
		w.must(w.reset(home, asha, check("CustomSMSSender_ForgotPassword", "app", "CONFIRMED"), password))
		r := w.custom(home, asha)
		r, err = w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", check("CustomSMSSender_Authentication", nil, "CONFIRMED"))
		w.must(err)
		access := w.tokens(r).Access

		_, err = w.s.UpdateUserAttributes(w.ctx, home, access, []userpool.Attribute{attr("email", ashaMail), attr("phone_number", ravi)}, metadata)
		w.must(err)
		w.must(w.verify(access, "phone_number", check("CustomSMSSender_UpdateUserAttribute", "app", "CONFIRMED")))
		w.must(w.verify(access, "email", check("CustomEmailSender_UpdateUserAttribute", "app", "CONFIRMED")))
		_, err = w.s.UpdateUserAttributes(w.ctx, home, access, []userpool.Attribute{attr("phone_number", asha)}, nil)
		w.must(err)
		w.pass(31 * time.Second)
		_, err = w.s.GetUserAttributeVerificationCode(w.ctx, home, access, "phone_number", metadata)
		w.must(err)
		w.must(w.verify(access, "phone_number", check("CustomSMSSender_VerifyUserAttribute", "app", "CONFIRMED")))

		const temporary = `A1b&<c>"d'9x`
		for number, medium := range map[string]string{"+919800000011": "SMS", "new@example.com": "Email"} {
			_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: number, TemporaryPassword: temporary, ClientMetadata: metadata, DesiredMediums: []string{strings.ToUpper(medium)}})
			w.must(err)
			if got := check(trigger.Source("Custom"+medium+"Sender_AdminCreateUser"), "app", "FORCE_CHANGE_PASSWORD"); got != `A1b&amp;&lt;c&gt;&quot;d'9x` {
				t.Errorf("the temporary password is %q", got)
			}
		}
		codes := w.phone.LastCode(asha) + w.phone.LastCode(ravi) // notices have none
		if mails := w.mail.sent; codes != "" || slices.ContainsFunc(mails, func(m mail.Message) bool { return m.Purpose != string(userpool.PurposeNotice) }) {
			t.Errorf("the server's own senders sent the codes %q, and %+v", codes, mails)
		}
	})
}

func TestCustomSender_TheEvent(t *testing.T) {
	inWorld(t, posting(options{}), func(w *world) {
		r, err := w.s.SignUp(w.ctx, userpool.SignUpRequest{Caller: home, ClientID: w.client, Username: asha, ClientMetadata: map[string]string{"lang": "hi"}})
		w.must(err)
		e, _ := w.delivered("CustomSMSSender_SignUp")
		e.Request["code"] = "CODE"
		got, err := json.Marshal(e)
		w.must(err)
		want := strings.NewReplacer("POOL", string(w.pool), "SUB", string(r.Sub), "CLIENT", string(w.client)).Replace(`{
			"version":"1","triggerSource":"CustomSMSSender_SignUp","region":"us-east-1","userPoolId":"POOL","userName":"SUB",
			"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"CLIENT"},
			"request":{"type":"customSMSSenderRequestV1","code":"CODE","clientMetadata":{"lang":"hi"},
				"userAttributes":{"sub":"SUB","cognito:user_status":"UNCONFIRMED","phone_number":"+919876543210","phone_number_verified":"false"}},
			"response":{}}`)
		if !sameJSON(t, got, []byte(want)) {
			t.Errorf("the event is\n%s\nwant\n%s", got, want)
		}
	})
}

func TestCustomSender_WhatBecomesOfFailures(t *testing.T) {
	const source = trigger.Source("CustomSMSSender_SignUp")
	for name, c := range map[string]struct {
		err    error
		calls  int           // in the code's life, of which a text has the first minute
		atOnce bool          // the next request sends without waiting for the gap
		slow   time.Duration // before the function fails
	}{
		"the function throws":      {err: &trigger.FunctionError{Type: "Error", Message: asha}, calls: 3},
		"it never answers":         {err: errors.New("never"), calls: 3, slow: 11 * time.Second},
		"its service is not there": {err: &trigger.InvokeError{Fault: trigger.Unreachable}, calls: 3},
		"there is no function":     {err: &trigger.InvokeError{Fault: trigger.Misconfigured}, calls: 1, atOnce: true},
		"its answer is none":       {err: &trigger.InvokeError{Fault: trigger.Unreadable}, calls: 1},
		"it is throttled":          {err: &trigger.InvokeError{Fault: trigger.Throttled}, calls: 5},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, posting(options{}), func(w *world) {
				w.functions.on(trigger.CustomSMSSender, func(event) (map[string]any, error) {
					timer := time.NewTimer(c.slow)
					<-timer.C
					return nil, c.err
				})
				w.signUp(home, asha, "")
				w.settle()
				if c.atOnce {
					w.must(w.resend(home, asha))
					w.settle()
					if got := w.functions.sources(); len(got) != 2 {
						t.Errorf("calls %v, want a second at once", got)
					}
					return
				}
				w.pass(11 * time.Minute)
				if got := w.functions.sources(); len(got) != c.calls || got[0] != source {
					t.Errorf("%d calls %v, want %d", len(got), got, c.calls)
				}
				if strings.Contains(w.log.String(), asha) {
					t.Error("the number stands in the log")
				}
			})
		})
	}
}

func TestCustomSender_KMSFails_TheCodeGoesWhenItDoesNot(t *testing.T) {
	inWorld(t, posting(options{}), func(w *world) {
		safe := w.encrypter.(*vault)
		safe.failing(errors.New("kms: disabled"))
		w.signUp(home, asha, "")
		w.pass(25 * time.Second)
		if got := w.functions.sources(); len(got) != 0 || len(w.phone.TextsTo(asha)) != 0 {
			t.Fatalf("calls %v, texts %v", got, w.phone.TextsTo(asha))
		}
		safe.failing(nil)
		w.pass(time.Minute)
		_, code := w.delivered("CustomSMSSender_SignUp")
		if _, err := w.confirm(home, asha, code, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestCustomSender_NeedsNoSenderAndNeverGoesWithoutKMS(t *testing.T) {
	inWorld(t, posting(options{}), func(w *world) {
		open := func(e userpool.Encrypter) {
			t.Helper()
			w.stop()
			var err error
			w.s, err = userpool.Open(w.ctx, userpool.Config{
				Store: w.store, Ring: w.ring, Sender: sms.None{}, Triggers: w.functions, Encrypter: e, Region: "us-east-1", PublicURL: "http://localhost:9400",
			})
			w.must(err)
			w.start()
		}
		open(w.encrypter)
		w.signUp(home, asha, "")
		w.delivered("CustomSMSSender_SignUp")
		open(nil)
		_, err := w.trySignUp(home, ravi, "")
		w.want(err, fault.CodeDeliveryFailure, "no KMS")
	})
}

func TestCustomSender_TakenAwayMeanwhile_TheServersOwnDelivers(t *testing.T) {
	inWorld(t, posting(options{}), func(w *world) {
		w.encrypter.(*vault).failing(errors.New("kms: not yet"))
		w.signUp(home, asha, "")
		w.settle()
		p, err := w.s.DescribeUserPool(w.ctx, w.pool)
		w.must(err)
		p.Settings.Triggers = userpool.Triggers{}
		w.must(w.s.UpdateUserPool(w.ctx, userpool.PoolUpdate{ID: w.pool, Settings: p.Settings}))
		w.pass(time.Minute)
		if _, err := w.confirm(home, asha, w.code(asha), ""); err != nil {
			t.Error(err)
		}
		if got := w.functions.sources(); len(got) != 0 {
			t.Errorf("calls %v", got)
		}
	})
}

func TestCustomSender_NobodyIsCalledForNobody(t *testing.T) {
	inWorld(t, posting(options{}), func(w *world) {
		w.custom(home, asha) // there is no such user
		w.pass(time.Minute)
		if got := w.functions.sources(); len(got) != 0 {
			t.Errorf("calls %v", fmt.Sprint(got))
		}
	})
}
