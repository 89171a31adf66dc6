package userpool_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// on is the caller with a device key.
func on(c userpool.Caller, key string) userpool.Caller {
	c.Device = key
	return c
}

// deviceOf reads the device_key of an access token.
func (w *world) deviceOf(access string) string {
	w.t.Helper()
	var claims struct {
		DeviceKey string `json:"device_key"`
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(access, ".")[1])
	w.must(err)
	w.must(json.Unmarshal(text, &claims))
	return claims.DeviceKey
}

func (w *world) confirmDevice(access, key, verifier string) (askUser bool, err error) {
	return w.s.ConfirmDevice(w.ctx, userpool.DeviceConfirmation{Caller: home, AccessToken: access, Key: key, Name: "phone", Verifier: verifier, Salt: "c2FsdA=="})
}

// newDevice is a sign-in's, which must have one.
func (w *world) newDevice(t userpool.Tokens) string {
	w.t.Helper()
	if t.NewDevice == nil || !strings.HasPrefix(t.NewDevice.Key, "us-east-1_") || t.NewDevice.Group[0] != '-' {
		w.t.Fatalf("the device is %+v", t.NewDevice)
	}
	if claim := w.deviceOf(t.Access); claim != t.NewDevice.Key {
		w.t.Fatalf("device_key is %q, the new device %q", claim, t.NewDevice.Key)
	}
	return t.NewDevice.Key
}

func TestDevices_KeyIsGivenOnce_AndStaysInTheTokens(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		first := w.member(home, asha, password)
		key := w.newDevice(first)
		again := w.texted(on(stranger, key), asha)
		if again.NewDevice != nil || w.deviceOf(again.Access) != key {
			t.Errorf("the known device got %+v, device_key %q", again.NewDevice, w.deviceOf(again.Access))
		}
		for _, with := range []string{"", key, "us-east-1_0"} { // apps keep no key, or another
			refreshed, err := w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: on(home, with), ClientID: w.client, RefreshToken: again.Refresh})
			w.must(err)
			if w.deviceOf(refreshed.Access) != key || refreshed.NewDevice != nil {
				t.Errorf("refreshed with %q: device_key %q, %+v", with, w.deviceOf(refreshed.Access), refreshed.NewDevice)
			}
		}
		byPassword, err := w.passwordOf(home, asha, password)
		w.must(err)
		if other := w.newDevice(w.tokens(byPassword)); other == key {
			t.Error("two devices have one key")
		}
	})
}

// aws-amplify 6 sends the key with the one or with the other, by which name it keeps
// it under.
func TestDevices_KeyOfEitherRequest_IsEnough(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		key := w.newDevice(w.member(home, asha, password))
		for _, c := range []struct{ begins, answers string }{{key, ""}, {"", key}, {"us-east-1_0", key}} {
			r := w.custom(on(home, c.begins), asha)
			done, err := w.answer(on(home, c.answers), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
			w.must(err)
			if tokens := w.tokens(done); tokens.NewDevice != nil || w.deviceOf(tokens.Access) != key {
				t.Errorf("%+v: %+v", c, tokens.NewDevice)
			}
			choice, err := w.initiate(on(home, c.begins), "USER_AUTH", "", "USERNAME", asha)
			w.must(err)
			done, err = w.answer(on(home, c.answers), "SELECT_CHALLENGE", choice.Session, "USERNAME", asha, "ANSWER", "PASSWORD", "PASSWORD", password)
			w.must(err)
			if tokens := w.tokens(done); tokens.NewDevice != nil {
				t.Errorf("%+v, by a choice: %+v", c, tokens.NewDevice)
			}
		}
	})
}

func TestDevices_RepeatOfASignIn_IsToldOfTheSameDevice(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r := w.custom(home, asha)
		answer := func() string {
			r, err := w.answer(tried(home, "b-1", "answer"), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
			w.must(err)
			return w.newDevice(w.tokens(r))
		}
		if a, b := answer(), answer(); a != b {
			t.Errorf("devices %s and %s", a, b)
		}
	})
}

func TestDevices_TagOff_GivesNone(t *testing.T) {
	inWorld(t, options{tags: map[string]string{"bellhop:devices": "off"}}, func(w *world) {
		if tokens := w.member(home, asha, ""); tokens.NewDevice != nil || w.deviceOf(tokens.Access) != "" {
			t.Errorf("got %+v", tokens.NewDevice)
		}
	})
}

// An app that has the key of somebody else, or one that was forgotten, goes on.
func TestDevices_KeyThatIsNotTheUsers_IsNone(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		inWorld(t, options{behaviour: behaviour, limitsOff: true}, func(w *world) {
			ravis := w.newDevice(w.member(stranger, ravi, ""))
			mine := w.member(home, asha, "")
			w.must(w.s.ForgetDevice(w.ctx, mine.Access, w.newDevice(mine)))
			for _, key := range []string{ravis, mine.NewDevice.Key, "us-east-1_8cf2fd77-987c-470e-9934-7cde10246676", "us-east-1_", strings.Repeat("k", 5000)} {
				if got := w.newDevice(w.texted(on(home, key), asha)); got == key {
					t.Errorf("%s: was taken", behaviour)
				}
			}
			w.want(w.s.ForgetDevice(w.ctx, mine.Access, ravis), fault.ResourceNotFound, "Device does not exist.")
			if again := w.texted(on(stranger, ravis), ravi); again.NewDevice != nil {
				t.Error("ravi's device is not known any more")
			}
		})
	}
}

func TestDevices_Exact_OnlyWithAConfiguration_AndAWrongKeyIsAnError(t *testing.T) {
	inWorld(t, options{behaviour: userpool.CognitoExact, limitsOff: true}, func(w *world) {
		plain := w.member(home, asha, "")
		if plain.NewDevice != nil || w.deviceOf(plain.Access) != "" {
			t.Fatalf("without a DeviceConfiguration: %+v", plain.NewDevice)
		}
		_, err := w.s.ListDevices(w.ctx, plain.Access, 0, "")
		w.want(err, fault.InvalidUserPoolConfiguration, "")

		p, err := w.s.DescribeUserPool(w.ctx, w.pool)
		w.must(err)
		p.Settings.Devices = &userpool.DeviceSettings{}
		w.must(w.s.UpdateUserPool(w.ctx, userpool.PoolUpdate{ID: w.pool, Settings: p.Settings}))
		tokens := w.texted(home, asha)
		key := w.newDevice(tokens)

		r := w.custom(on(home, "us-east-1_0"), asha) // nobody is told before he has proved who he is
		code := w.code(asha)
		wrong, err := w.answer(on(home, "us-east-1_0"), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(code))
		w.must(err)
		_, err = w.answer(on(home, "us-east-1_0"), "CUSTOM_CHALLENGE", wrong.Session, "USERNAME", asha, "ANSWER", code)
		w.want(err, fault.ResourceNotFound, "Device does not exist.")
		done, err := w.answer(on(home, key), "CUSTOM_CHALLENGE", wrong.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err) // the code was not spent
		w.tokens(done)

		for with, ok := range map[string]bool{key: true, "": false, "us-east-1_0": false} {
			_, err := w.initiate(on(home, with), "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", tokens.Refresh)
			if ok {
				w.must(err)
			} else {
				w.want(err, fault.NotAuthorized, "Invalid Refresh Token")
			}
		}
		_, err = w.initiate(home, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", plain.Refresh)
		w.must(err) // of a sign-in before devices were tracked
	})
}

// A known device is a requester of its own, wherever it is: what happens at its
// address is not its doing, and it goes on with its code from another one.
func TestDevices_KnownDevice_HasAChallengeOfItsOwn(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		key := w.newDevice(w.member(home, asha, ""))
		w.pass(time.Hour)
		before := w.texts(asha)
		r := w.custom(on(home, key), asha)
		code := w.code(asha)
		w.custom(home, asha) // somebody else behind the address
		if n := w.texts(asha) - before; n != 2 || w.code(asha) == code {
			t.Fatalf("%d texts; the one at the device's address shares its challenge", n)
		}
		moved := w.custom(on(mobile, key), asha)
		if n := w.texts(asha) - before; n != 2 {
			t.Errorf("the device is sent another code from another address")
		}
		if _, err := w.answer(on(home, "us-east-1_0"), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(code)); err != nil {
			t.Error(err)
		}
		done, err := w.answer(on(mobile, key), "CUSTOM_CHALLENGE", moved.Session, "USERNAME", asha, "ANSWER", code)
		w.must(err)
		w.tokens(done)
	})
}

// The tries of an address are not the device's: strangers behind one address must
// not keep the owner's phone out.
func TestDevices_TriesOfTheAddress_AreNotTheDevices(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		key := w.newDevice(w.member(home, asha, ""))
		stolen := w.custom(home, asha)
		spend := func(number string) error {
			w.signUp(stranger, number, "")
			for range 5 {
				if _, err := w.confirm(home, number, wrongCode(w.code(number)), ""); fault.Is(err, fault.TooManyRequests) {
					return err
				}
			}
			return nil
		}
		for i := 0; spend(fmt.Sprintf("+9198123%05d", i)) == nil; i++ {
			w.pass(time.Second)
		}
		_, err := w.answer(home, "CUSTOM_CHALLENGE", stolen.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.want(err, fault.TooManyRequests, "")
		r := w.custom(on(home, key), asha)
		done, err := w.answer(on(home, key), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", w.code(asha))
		w.must(err)
		w.tokens(done)
	})
}

func TestDevices_AreBounded_TheOldestThatNobodyConfirmedGoes(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		tokens := w.member(home, asha, "")
		kept := w.newDevice(tokens)
		if ask, err := w.confirmDevice(tokens.Access, kept, "dg=="); err != nil || ask {
			t.Fatal(ask, err)
		}
		var keys []string
		for range 14 {
			w.pass(time.Minute)
			key := w.newDevice(w.texted(home, asha))
			w.texted(on(home, key), asha)
			keys = append(keys, key)
		}
		for i, key := range keys {
			if w.hasRow(tokens.Access, key) != (i >= 4) {
				t.Errorf("of 14 devices the row of number %d is there: %t", i, i < 4)
			}
		}
		if again := w.texted(on(home, kept), asha); again.NewDevice != nil {
			t.Error("the confirmed device is gone")
		}
		if w.texted(on(home, keys[0]), asha).NewDevice != nil { // as one that never came back
			t.Error("a key that nobody has forgotten is none")
		}
	})
}

// A client that confirmed its device does not confirm it again while its key is good.
func TestDevices_TooManyThatWereConfirmed_AreForgotten(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		var keys []string
		access := w.member(home, asha, "").Access
		for range 53 {
			w.pass(time.Minute)
			tokens := w.texted(home, asha)
			keys = append(keys, w.newDevice(tokens))
			_, err := w.confirmDevice(tokens.Access, w.newDevice(tokens), "dg==")
			w.must(err)
		}
		for _, key := range keys[:3] {
			w.isNobodys(access, asha, key)
		}
		if w.texted(on(home, keys[3]), asha).NewDevice != nil {
			t.Error("one of fifty is gone")
		}
	})
}

func TestDevices_NotSeenForLong_IsAStranger(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		key := w.newDevice(w.member(home, asha, ""))
		w.passDown(401 * 24 * time.Hour)
		w.custom(on(home, key), asha)
		code := w.code(asha)
		w.custom(home, asha)
		if w.code(asha) != code {
			t.Error("the device has a challenge of its own after 401 days")
		}
	})
}

// Whoever signed in by what nobody proved is somebody else, for all that is known.
func TestDevices_OfWhoCameBeforeTheFirstProof_AreForgotten(t *testing.T) {
	for name, proof := range map[string]func(w *world){
		"texted code": func(w *world) { w.texted(home, asha) },
		"administrator's password": func(w *world) {
			w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, asha, password, true))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{limitsOff: true}, func(w *world) {
				w.signUp(stranger, asha, intruders)
				w.code(asha) // arrives, so that the next to arrive is another
				w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
				r, err := w.passwordOf(stranger, asha, intruders)
				w.must(err)
				key := w.newDevice(w.tokens(r))
				proof(w)
				w.newDevice(w.texted(on(home, key), asha))
			})
		})
	}
}

func TestConfirmDevice_TwiceAlike_IsOnce(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: func(s *userpool.PoolSettings) { s.Devices = &userpool.DeviceSettings{OnPrompt: true} }}, func(w *world) {
		tokens := w.member(home, asha, "")
		key := w.newDevice(tokens)
		_, err := w.s.GetDevice(w.ctx, tokens.Access, key)
		w.want(err, fault.ResourceNotFound, "Device does not exist.") // not confirmed
		for range 2 {
			ask, err := w.confirmDevice(tokens.Access, key, "dg==")
			w.must(err)
			if !ask {
				t.Error("the user is not asked")
			}
		}
		_, err = w.confirmDevice(tokens.Access, key, "another")
		w.want(err, fault.DeviceKeyExists, "")
		_, err = w.confirmDevice(tokens.Access, w.newDevice(w.member(stranger, ravi, "")), "dg==")
		w.want(err, fault.InvalidParameter, "Invalid device key given.")
		_, err = w.confirmDevice(tokens.Access, key, "")
		w.want(err, fault.InvalidParameter, "DeviceSecretVerifierConfig")

		d, err := w.s.GetDevice(w.ctx, tokens.Access, key)
		w.must(err)
		if d.Remembered || d.Name != "phone" || d.Address != "203.0.113.7" || strings.Contains(d.Verifier, "dg==") {
			t.Errorf("the device is %+v", d)
		}
		w.must(w.s.UpdateDeviceStatus(w.ctx, tokens.Access, key, new(true)))
		w.pass(time.Hour)
		w.texted(on(mobile, key), asha)
		d, err = w.s.AdminGetDevice(w.ctx, w.pool, asha, key)
		w.must(err)
		if !d.Remembered || d.Address != mobile.Address.String() || d.AuthenticatedAt.Sub(d.CreatedAt) < time.Hour {
			t.Errorf("after a sign-in elsewhere it is %+v", d)
		}
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, asha))
		w.newDevice(w.member(on(home, key), asha, ""))
	})
}
