package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// Somebody has been texted a code to sign in with, as his first factor, and has not given
// it yet. What ends his rights meanwhile ends that too, and of what changed the answer is
// decided by how it is then.
func TestWaitingForTheFirstCode_WhatHappensMeanwhile(t *testing.T) {
	const moved = "+919800000077"
	sms := func(on bool) userpool.FactorChoice { return userpool.FactorChoice{Factor: "SMS_MFA", Enabled: on} }
	for name, c := range map[string]struct {
		password  string
		before    func(w *world, tokens userpool.Tokens)
		meanwhile func(w *world, tokens userpool.Tokens)
		next      string // asked for, "" for tokens
		refused   bool
	}{
		"nothing": {},
		"disabled": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
		}},
		"disabled and enabled again": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
			w.must(w.s.AdminEnableUser(w.ctx, w.pool, asha))
		}},
		"signed out": {refused: true, meanwhile: func(w *world, tokens userpool.Tokens) {
			w.must(w.s.GlobalSignOut(w.ctx, tokens.Access))
		}},
		"signed out by an administrator": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.AdminUserGlobalSignOut(w.ctx, w.pool, asha))
		}},
		"deleted": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
		}},
		"deleted and made again": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
			w.create(asha, attr("phone_number", asha), attr("phone_number_verified", "true"))
		}},
		"another number": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.adminUpdate(asha, attr("phone_number", moved), attr("phone_number_verified", "true")))
		}},
		"another number and back": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.adminUpdate(asha, attr("phone_number", moved), attr("phone_number_verified", "true")))
			w.must(w.adminUpdate(moved, attr("phone_number", asha), attr("phone_number_verified", "true")))
		}},
		"number no longer verified": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.adminUpdate(asha, attr("phone_number_verified", "false")))
		}},
		"a password from an administrator": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, password, true))
		}},
		"its client deleted": {refused: true, meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.DeleteUserPoolClient(w.ctx, w.pool, w.client))
		}},
		"a second factor turned on": {next: "SOFTWARE_TOKEN_MFA", meanwhile: func(w *world, tokens userpool.Tokens) {
			w.withApp(tokens.Access)
		}},
		"the texted second factor turned on, beside a password": {password: password, refused: true, meanwhile: func(w *world, tokens userpool.Tokens) {
			w.must(w.prefer(tokens.Access, sms(true)))
		}},
		"a second factor required of everybody": {next: "MFA_SETUP", meanwhile: func(w *world, _ userpool.Tokens) {
			w.must(w.s.TagPool(w.ctx, w.pool, map[string]string{"bellhop:second-factor": "required"}))
		}},
		"the second factor turned off": {
			before: func(w *world, tokens userpool.Tokens) { w.withApp(tokens.Access) },
			meanwhile: func(w *world, _ userpool.Tokens) {
				w.must(w.s.AdminSetUserMFAPreference(w.ctx, w.pool, asha, []userpool.FactorChoice{{Factor: "SOFTWARE_TOKEN_MFA"}}))
			}},
		"one of two second factors turned off": {next: "SOFTWARE_TOKEN_MFA",
			before: func(w *world, tokens userpool.Tokens) {
				w.withApp(tokens.Access)
				w.must(w.prefer(tokens.Access, sms(true)))
			},
			meanwhile: func(w *world, tokens userpool.Tokens) { w.must(w.prefer(tokens.Access, sms(false))) }},
	} {
		for challenge, answer := range map[string]string{"CUSTOM_CHALLENGE": "ANSWER", "SMS_OTP": "SMS_OTP_CODE"} {
			t.Run(name+"/"+challenge, func(t *testing.T) {
				tags := map[string]string{"bellhop:second-factor": "optional"}
				inWorld(t, options{limitsOff: true, tags: tags, design: optional}, func(w *world) {
					tokens := w.member(home, asha, c.password)
					if c.before != nil {
						c.before(w, tokens)
					}
					w.pass(time.Minute)
					flow := []string{"CUSTOM_AUTH", "", "USERNAME", asha}
					if challenge == "SMS_OTP" {
						flow = []string{"USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "SMS_OTP"}
					}
					r, err := w.initiate(home, flow[0], flow[1], flow[2:]...)
					w.asked(r, err, challenge)
					code := w.code(asha)
					if c.meanwhile != nil {
						c.meanwhile(w, tokens)
					}
					r, err = w.answer(home, challenge, r.Session, "USERNAME", asha, answer, code)
					switch {
					case c.refused && err == nil:
						t.Fatalf("he is in, or asked for %q", r.Challenge)
					case c.refused:
						if k := fault.KindOf(err); k != fault.NotAuthorized && k != fault.ResourceNotFound {
							t.Errorf("refused as %v", err)
						}
					case c.next != "":
						w.asked(r, err, c.next)
					default:
						w.must(err)
						w.tokens(r)
					}
				})
			})
		}
	}
}

// A device that is forgotten while its sign-in waits for the code is not there again
// with it: the sign-in is that of a new one.
func TestWaitingForTheFirstCode_ItsDeviceForgottenMeanwhile(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		first := w.member(home, asha, "")
		key := w.newDevice(first)
		r := w.custom(on(home, key), asha)
		w.must(w.s.ForgetDevice(w.ctx, first.Access, key))
		r, err := w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		if got := w.newDevice(w.tokens(r)); got == key {
			t.Error("the forgotten device is known")
		}
	})
}
