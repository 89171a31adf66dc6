package userpool_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// withDevices is a pool with second factors for who wants one, in whose place a
// device stands.
func withDevices(set *userpool.PoolSettings) {
	optional(set)
	set.Devices = &userpool.DeviceSettings{ChallengeNew: true}
}

// rememberedDevice is one that signed asha in with both factors, and was confirmed.
func (w *world) rememberedDevice(a app) srptest.Device {
	w.t.Helper()
	w.pass(time.Minute) // the app shows another code
	r, err := w.passwordOf(home, asha, password)
	r, err = w.token(w.asked(r, err, "SOFTWARE_TOKEN_MFA"), a.code())
	w.must(err)
	tokens := w.tokens(r)
	w.newDevice(tokens)
	d, salt, verifier := srptest.NewDevice(tokens.NewDevice.Key, tokens.NewDevice.Group)
	_, err = w.s.ConfirmDevice(w.ctx, userpool.DeviceConfirmation{AccessToken: tokens.Access, Key: d.Key, Verifier: verifier, Salt: salt})
	w.must(err)
	return d
}

// deviceAsked begins a sign-in on the device and returns its DEVICE_SRP_AUTH.
func (w *world) deviceAsked(d srptest.Device) userpool.AuthResult {
	w.t.Helper()
	r, err := w.passwordOf(on(home, d.Key), asha, password)
	return w.asked(r, err, "DEVICE_SRP_AUTH")
}

func (w *world) deviceStarts(d srptest.Device, c srptest.Client, r userpool.AuthResult) userpool.AuthResult {
	w.t.Helper()
	r, err := w.answer(on(home, d.Key), "DEVICE_SRP_AUTH", r.Session, "USERNAME", asha, "DEVICE_KEY", d.Key, "SRP_A", c.A())
	return w.asked(r, err, "DEVICE_PASSWORD_VERIFIER")
}

// deviceProves is the whole proof.
func (w *world) deviceProves(d srptest.Device) (userpool.AuthResult, error) {
	w.t.Helper()
	c := srptest.New(w.t)
	r := w.deviceStarts(d, c, w.deviceAsked(d))
	return w.deviceAnswers(r.Session, c.RespondAsDevice(w.t, d, r.Parameters))
}

func (w *world) deviceAnswers(session string, responses map[string]string) (userpool.AuthResult, error) {
	list := []string{}
	for k, v := range responses {
		list = append(list, k, v)
	}
	return w.answer(on(home, responses["DEVICE_KEY"]), "DEVICE_PASSWORD_VERIFIER", session, list...)
}

func TestDeviceProof_StandsInForTheSecondFactor(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withDevices}, func(w *world) {
		access := w.member(home, asha, password).Access
		a := w.withApp(access)
		d := w.rememberedDevice(a)
		r, err := w.deviceProves(d)
		w.must(err)
		if tokens := w.tokens(r); tokens.NewDevice != nil || w.deviceOf(tokens.Access) != d.Key {
			t.Errorf("the device is %+v, %s", tokens.NewDevice, w.deviceOf(tokens.Access))
		}

		c := srptest.New(t)
		first, second := w.deviceStarts(d, c, w.deviceAsked(d)), w.deviceStarts(d, c, w.deviceAsked(d))
		proved := c.RespondAsDevice(t, d, first.Parameters)
		_, err = w.deviceAnswers(second.Session, proved)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.") // of another Session
		r, err = w.deviceAnswers(first.Session, proved)
		w.must(err)
		w.tokens(r)
		_, err = w.deviceAnswers(first.Session, proved)
		w.want(err, fault.NotAuthorized, "session can only be used once")
		asked := w.deviceAsked(d)
		_, err = w.answer(home, "DEVICE_SRP_AUTH", asked.Session, "USERNAME", asha, "DEVICE_KEY", "us-east-1_0", "SRP_A", c.A())
		w.want(err, fault.NotAuthorized, "Invalid session")
		_, err = w.answer(home, "DEVICE_SRP_AUTH", asked.Session, "USERNAME", asha, "SRP_A", "0")
		w.want(err, fault.InvalidParameter, "")
		late := w.deviceStarts(d, c, asked)
		w.pass(3 * time.Minute)
		_, err = w.deviceAnswers(late.Session, c.RespondAsDevice(t, d, late.Parameters))
		w.want(err, fault.NotAuthorized, "session is expired")

		// What is not remembered, or nobody's, stands for nothing.
		r, err = w.passwordOf(on(home, "us-east-1_00000000-0000-0000-0000-000000000000"), asha, password)
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		w.member(home, ravi, password)
		r, err = w.passwordOf(on(home, d.Key), ravi, password)
		w.must(err)
		w.tokens(r)
		w.must(w.s.UpdateDeviceStatus(w.ctx, access, d.Key, new(false)))
		r, err = w.passwordOf(on(home, d.Key), asha, password)
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
		w.must(w.s.UpdateDeviceStatus(w.ctx, access, d.Key, new(true)))

		stopped := w.deviceStarts(d, c, w.deviceAsked(d))
		w.must(w.s.UpdateDeviceStatus(w.ctx, access, d.Key, new(false)))
		_, err = w.deviceAnswers(stopped.Session, c.RespondAsDevice(t, d, stopped.Parameters))
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestDeviceProof_ThatIsWrong_ForgetsTheDevice(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.CognitoExact} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{limitsOff: true, behaviour: behaviour, design: func(set *userpool.PoolSettings) {
				withDevices(set)
				set.Echo = nil
			}}, func(w *world) {
				a := w.withApp(w.member(home, asha, password).Access)
				d := w.rememberedDevice(a)
				guess := d
				guess.Password = strings.Repeat("A", 56)
				_, err := w.deviceProves(guess)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
				if behaviour == userpool.CognitoExact {
					r, err := w.deviceProves(d)
					w.must(err)
					w.tokens(r)
					_, err = w.passwordOf(on(home, "us-east-1_00000000-0000-0000-0000-000000000000"), asha, password)
					w.want(err, fault.ResourceNotFound, "Device does not exist.")
					return
				}
				w.pass(time.Minute)
				r, err := w.passwordOf(on(home, d.Key), asha, password)
				r, err = w.token(w.asked(r, err, "SOFTWARE_TOKEN_MFA"), a.code())
				w.must(err)
				w.newDevice(w.tokens(r))
			})
		})
	}
}

func TestDeviceProof_IsAskedForWhereThePoolWantsIt(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: func(set *userpool.PoolSettings) {
		withDevices(set)
		set.Devices.ChallengeNew = false
	}}, func(w *world) {
		d := w.rememberedDevice(w.withApp(w.member(home, asha, password).Access))
		r, err := w.passwordOf(on(home, d.Key), asha, password)
		w.asked(r, err, "SOFTWARE_TOKEN_MFA")
	})
}
