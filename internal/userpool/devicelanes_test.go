package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// newcomers are devices of asha's that have signed in once, longer ago than limits
// remember, and one that came back.
func (w *world) newcomers(n int, signIn func(c userpool.Caller) userpool.Tokens) (keys []string, cameBack string) {
	w.t.Helper()
	for range n {
		keys = append(keys, w.newDevice(signIn(home)))
		w.pass(time.Minute)
	}
	cameBack = w.newDevice(signIn(home))
	signIn(on(home, cameBack))
	w.passDown(31 * day)
	return keys, cameBack
}

// Whoever has held an account may have signed in to it from as many devices as he liked.
// They have a device's limits together, and take none from the owner's own.
func TestNewcomers_HaveOneDevicesLimits(t *testing.T) {
	t.Run("of texts", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			w.member(home, asha, "")
			keys, owners := w.newcomers(9, func(c userpool.Caller) userpool.Tokens { return w.texted(c, asha) })
			before := w.texts(asha)
			for i, key := range keys {
				_, err := w.initiate(on(from(i), key), "CUSTOM_AUTH", "", "USERNAME", asha)
				if i < 5 {
					w.must(err)
				} else {
					w.want(err, fault.LimitExceeded, "")
				}
				w.pass(time.Second)
			}
			if n := w.texts(asha) - before; n != 5 {
				t.Errorf("nine devices were texted %d times", n)
			}
			w.texted(on(stranger, owners), asha) // whose texts are its own
		})
	})
	t.Run("of tries", func(t *testing.T) {
		inWorld(t, options{}, func(w *world) {
			w.member(home, asha, "")
			keys, owners := w.newcomers(5, func(c userpool.Caller) userpool.Tokens { return w.texted(c, asha) })
			compared := 0
			for _, key := range keys {
				r := w.custom(on(home, key), asha)
				for range 3 {
					next, err := w.answer(on(home, key), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(w.code(asha)))
					if fault.Is(err, fault.LimitExceeded) || fault.Is(err, fault.TooManyRequests) {
						break
					}
					compared++
					r = next
				}
			}
			if compared != 10 {
				t.Errorf("of fifteen wrong answers %d were compared", compared)
			}
			w.texted(on(home, owners), asha)
		})
	})
	t.Run("of tries of a function's challenge", func(t *testing.T) {
		f := tutorial()
		inTutorial(t, f, options{}, func(w *world) {
			signIn := func(c userpool.Caller) userpool.Tokens {
				r, err := w.answer(c, "CUSTOM_CHALLENGE", w.custom(c, asha).Session, "USERNAME", asha, "ANSWER", secretAnswer)
				w.must(err)
				w.pass(3 * time.Hour)
				return w.tokens(r)
			}
			keys, owners := w.newcomers(5, signIn)
			f.forget()
			for _, key := range keys {
				r := w.custom(on(home, key), asha)
				for err := error(nil); err == nil; {
					r, err = w.answer(on(home, key), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", "wrong")
				}
			}
			if compared := f.times(trigger.VerifyAuthChallengeAuthentication); compared != 10 {
				t.Errorf("of fifteen wrong answers %d were compared", compared)
			}
			if signIn(on(home, owners)).NewDevice != nil {
				t.Error("the owner's device is new")
			}
		})
	})
}

// Their codes are their own all the same: one may use its tries up and another goes on.
func TestNewcomers_HaveChallengesOfTheirOwn(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		keys, _ := w.newcomers(2, func(c userpool.Caller) userpool.Tokens { return w.texted(c, asha) })
		r := w.custom(on(home, keys[0]), asha)
		code := w.code(asha)
		w.custom(on(mobile, keys[0]), asha)
		other := w.custom(on(home, keys[1]), asha)
		if w.code(asha) == code {
			t.Fatal("two devices have one code")
		}
		for err := error(nil); err == nil; {
			other, err = w.answer(on(home, keys[1]), "CUSTOM_CHALLENGE", other.Session, "USERNAME", asha, "ANSWER", wrongCode(w.code(asha)))
		}
		done, err := w.answer(on(home, keys[0]), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		if tokens := w.tokens(done); tokens.NewDevice != nil || !w.hasRow(tokens.Access, keys[0]) {
			t.Errorf("the device is %+v", tokens.NewDevice)
		}
	})
}

// Another's key, or one of a user who is gone, is a stranger's.
func TestNewcomers_AreTheUsersAlone(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		ravis := w.newDevice(w.member(stranger, ravi, ""))
		ashas := w.newDevice(w.member(home, asha, ""))
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, ravi))
		again := w.member(on(stranger, ravis), ravi, "")
		if w.newDevice(again) == ravis {
			t.Error("a user has the device of who had the number before")
		}
		w.pass(time.Hour)
		for number, key := range map[string]string{asha: ravis, ravi: ravis, "+919812345000": ashas} {
			before := w.texts(number)
			w.custom(on(home, key), number)
			w.custom(home, number) // shares the challenge of its address
			if n := w.texts(number) - before; n > 1 {
				t.Errorf("%s: another's device has a challenge of its own", number)
			}
			w.pass(time.Minute)
		}
	})
}

func TestDeviceKeys_Exact_UnknownAreAnError_NewcomersAreNot(t *testing.T) {
	inWorld(t, options{behaviour: userpool.CognitoExact, limitsOff: true, design: func(set *userpool.PoolSettings) {
		withDevices(set)
		set.Echo = nil
	}}, func(w *world) {
		tokens := w.member(home, asha, password)
		key := w.newDevice(tokens)
		for with, ok := range map[string]bool{key: true, "": false, "us-east-1_0": false} {
			if _, err := w.initiate(on(home, with), "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", tokens.Refresh); ok {
				w.must(err)
			} else {
				w.want(err, fault.NotAuthorized, "Invalid Refresh Token")
			}
		}
		r, err := w.passwordOf(on(home, key), asha, password)
		w.must(err)
		if w.tokens(r).NewDevice != nil || !w.hasRow(tokens.Access, key) {
			t.Error("the device that came back is new")
		}
		app := w.withApp(tokens.Access)
		w.pass(time.Minute)
		r, err = w.passwordOf(home, asha, password)
		r, err = w.token(w.asked(r, err, "SOFTWARE_TOKEN_MFA"), app.code())
		w.must(err)
		second := w.newDevice(w.tokens(r))
		r, err = w.passwordOf(on(home, second), asha, password) // known, and stands for nothing
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		w.must(w.s.AdminForgetDevice(w.ctx, w.pool, asha, second))
		_, err = w.passwordOf(on(home, second), asha, password)
		w.want(err, fault.ResourceNotFound, "Device does not exist.")
	})
}

// A user who is in doubt again, since another system says that his number is not proved,
// and then proved anew, is somebody else for all that is known.
func TestDeviceKeys_OfBeforeADoubt_EndWithTheNextProof(t *testing.T) {
	inWorld(t, options{design: withPlan, limitsOff: true}, func(w *world) {
		for _, g := range []string{"staff", "riders"} {
			w.group(g, 1, "")
		}
		a := ashaElsewhere()
		a.MFA = userpool.MFAPreference{}
		w.arrives(a)
		before := w.newDevice(w.texted(home, asha))
		w.pass(time.Hour)
		a.Renew, a.ModifiedAt = true, time.Now()
		a.Attributes["phone_number_verified"] = "false"
		w.must(w.arrives(a)[0])
		w.pass(time.Hour)
		tokens := w.texted(home, asha)
		after := w.newDevice(tokens)
		w.isNobodys(tokens.Access, asha, before)
		if w.texted(on(home, after), asha).NewDevice != nil {
			t.Error("the device of the proof itself is new")
		}
	})
}

// What was forgotten after the backup the restored store does not know.
func TestRestore_DeviceKeysOfBefore_NeedRows(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		first := w.newDevice(w.member(home, asha, ""))
		cameBack := w.newDevice(w.texted(home, asha))
		w.texted(on(home, cameBack), asha)
		file := w.backUp()
		w.pass(time.Hour)
		forgotten := w.texted(home, asha)
		w.must(w.s.ForgetDevice(w.ctx, forgotten.Access, w.newDevice(forgotten)))
		w.onBackup(file, nothing, func() {
			if w.texted(on(home, first), asha).NewDevice != nil {
				t.Error("in a copy of the store the device is new")
			}
		})
		var ended userpool.Ended
		w.onBackup(file, ending(false, &ended), func() {
			w.pass(time.Minute)
			access := w.texted(home, asha).Access
			w.isNobodys(access, asha, forgotten.NewDevice.Key)
			w.isNobodys(access, asha, first)
			if w.texted(on(home, cameBack), asha).NewDevice != nil {
				t.Error("the device with a row is new")
			}
			w.pass(time.Minute)
			if w.texted(on(home, w.newDevice(w.texted(home, asha))), asha).NewDevice != nil {
				t.Error("a device of after the restore is new")
			}
		})
	})
}

func TestDeviceKeys_OutlastMasterKeys_AndHoldOnEveryServer(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		key := w.newDevice(w.member(home, asha, ""))
		old := w.ring.Current().ID()
		text, _ := w.newKey(true)
		other := w.s
		w.reopen(text)
		w.pass(time.Minute) // in which all that is sealed is sealed anew
		text, err := seal.RemoveKeys(w.keyFile, []string{old})
		w.must(err)
		w.reopen(text)
		if other == w.s {
			t.Fatal("it is the same server")
		}
		if w.texted(on(home, key), asha).NewDevice != nil {
			t.Error("the device is new")
		}
	})
}
