package userpool_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const day = 24 * time.Hour

// rowOf is the row of a user's device, if it has one.
func (w *world) rowOf(user userpool.UserID, key string) (d userpool.Device, found bool) {
	w.t.Helper()
	err := w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		d, err = tx.Device(w.ctx, w.pool, user, key)
		return err
	})
	if errors.Is(err, userpool.ErrNotFound) {
		return d, false
	}
	w.must(err)
	return d, true
}

func (w *world) hasRow(access, key string) bool {
	_, found := w.rowOf(userpool.UserID(w.attribute(access, "sub")), key)
	return found
}

// isNobodys makes sure that the key is as good as none to everything that takes one.
func (w *world) isNobodys(access, number, key string) {
	w.t.Helper()
	_, err := w.confirmDevice(access, key, "dg==")
	w.want(err, fault.InvalidParameter, "Invalid device key given.")
	w.want(w.s.ForgetDevice(w.ctx, access, key), fault.ResourceNotFound, "Device does not exist.")
	w.want(w.s.AdminForgetDevice(w.ctx, w.pool, number, key), fault.ResourceNotFound, "Device does not exist.")
	w.want(second(w.s.GetDevice(w.ctx, access, key)), fault.ResourceNotFound, "Device does not exist.")
	if w.newDevice(w.texted(on(home, key), number)) == key {
		w.t.Errorf("%s came back to life", key)
	}
	if w.hasRow(access, key) {
		w.t.Errorf("%s has a row", key)
	}
}

func TestDeviceKeys_OfAFirstSignIn_HaveNoRow_UntilTheDeviceComesBack(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.pass(time.Hour)
		first := w.member(home, asha, password)
		sub, key, given := userpool.UserID(w.attribute(first.Access, "sub")), w.newDevice(first), time.Now().UTC()
		w.pass(20 * time.Minute)
		r := w.custom(on(mobile, key), asha)
		_, err := w.answer(on(mobile, key), "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", wrongCode(w.code(asha)))
		w.must(err)
		w.newDevice(w.texted(home, asha))
		if _, err := w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: on(home, key), ClientID: w.client, RefreshToken: first.Refresh}); err != nil {
			t.Error(err)
		}
		w.want(second(w.s.GetDevice(w.ctx, first.Access, key)), fault.ResourceNotFound, "Device does not exist.")
		w.want(w.s.UpdateDeviceStatus(w.ctx, first.Access, key, new(true)), fault.ResourceNotFound, "Device does not exist.")
		if _, found := w.rowOf(sub, key); found {
			t.Fatal("the device has a row before it has come back")
		}
		w.pass(20 * time.Minute)
		w.texted(on(mobile, key), asha)
		d, found := w.rowOf(sub, key)
		want := userpool.Device{
			PoolID: w.pool, UserID: sub, Key: key, GroupKey: first.NewDevice.Group, Address: mobile.Address.String(),
			CreatedAt: given.Truncate(time.Second), ModifiedAt: given.Truncate(time.Second), AuthenticatedAt: time.Now().UTC().Truncate(time.Millisecond),
		}
		if !found || d != want {
			t.Errorf("after it came back there is %t\n%+v, want\n%+v", found, d, want)
		}
	})
}

func TestDeviceKeys_ConfirmDevice_MakesTheRow(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		tokens := w.member(home, asha, "")
		key := w.newDevice(tokens)
		for range 2 {
			_, err := w.confirmDevice(tokens.Access, key, "dg==")
			w.must(err)
		}
		_, err := w.confirmDevice(tokens.Access, key, "another")
		w.want(err, fault.DeviceKeyExists, "")
		d, err := w.s.GetDevice(w.ctx, tokens.Access, key)
		w.must(err)
		if d.GroupKey != tokens.NewDevice.Group || d.Address != home.Address.String() || d.Name != "phone" || !d.Remembered || d.ConfirmedAt.IsZero() {
			t.Errorf("the device is %+v", d)
		}
		ravis := w.member(stranger, ravi, "")
		_, err = w.confirmDevice(ravis.Access, w.newDevice(w.texted(home, asha)), "dg==")
		w.want(err, fault.InvalidParameter, "Invalid device key given.")
	})
}

func TestDeviceKeys_WithoutARow_AreGoodForAsLongAsRows(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		first, second := w.newDevice(w.member(home, asha, "")), w.newDevice(w.texted(home, asha))
		w.passDown(399 * day)
		if w.texted(on(home, first), asha).NewDevice != nil {
			t.Error("after 399 days the device is new")
		}
		w.passDown(2 * day)
		w.isNobodys(w.texted(home, asha).Access, asha, second)
		if w.texted(on(home, first), asha).NewDevice != nil {
			t.Error("the device that came back is new")
		}
	})
}

// What a key says must not bring back what a row that is gone said no more.
func TestDeviceKeys_Forgotten_StayForgotten(t *testing.T) {
	for name, forget := range map[string]func(w *world, access, key string) error{
		"by the user":          func(w *world, access, key string) error { return w.s.ForgetDevice(w.ctx, access, key) },
		"by an administrator":  func(w *world, _, key string) error { return w.s.AdminForgetDevice(w.ctx, w.pool, asha, key) },
		"before it came back":  nil,
		"after it came back":   nil,
		"after it was trimmed": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{limitsOff: true}, func(w *world) {
				tokens := w.member(home, asha, "")
				key := w.newDevice(tokens)
				w.pass(time.Minute)
				other := w.newDevice(w.texted(home, asha))
				switch name {
				case "before it came back":
				case "after it came back":
					w.texted(on(home, key), asha)
				case "after it was trimmed":
					w.texted(on(home, key), asha)
					for range 11 {
						w.pass(time.Minute)
						w.texted(on(home, w.newDevice(w.texted(home, asha))), asha)
					}
					if w.hasRow(tokens.Access, key) {
						t.Fatal("eleven rows have not pushed it out")
					}
				default:
					_, err := w.confirmDevice(tokens.Access, key, "dg==")
					w.must(err)
				}
				if forget == nil {
					forget = func(w *world, access, key string) error { return w.s.ForgetDevice(w.ctx, access, key) }
				}
				w.must(forget(w, tokens.Access, key))
				w.isNobodys(tokens.Access, asha, key)
				w.must(w.s.GlobalSignOut(w.ctx, tokens.Access))
				w.passDown(300 * day)
				tokens = w.texted(home, asha)
				w.isNobodys(tokens.Access, asha, key)
				if w.texted(on(home, other), asha).NewDevice != nil {
					t.Error("another device was forgotten with it")
				}
			})
		})
	}
}

// Whatever a user and an administrator do, and however many devices there are: a key
// that was forgotten is nobody's, and one that was not is known for its time.
func TestDeviceKeys_AnyWay_AreForgottenForGood(t *testing.T) {
	for seed := range uint64(3) {
		inWorld(t, options{limitsOff: true}, func(w *world) {
			chance := rand.New(rand.NewPCG(seed, 0))
			access := w.member(home, asha, "").Access
			var alive, gone []string
			given := map[string]time.Time{}
			for range 400 {
				pick := ""
				if len(alive) > 0 {
					pick = alive[chance.IntN(len(alive))]
				}
				switch n := chance.IntN(10); {
				case n < 4 || pick == "":
					tokens := w.texted(home, asha)
					access, pick = tokens.Access, w.newDevice(tokens)
					given[pick] = time.Now()
					alive = append(alive, pick)
				case n < 5:
					w.texted(on(mobile, pick), asha)
				case n < 7:
					if _, err := w.confirmDevice(access, pick, "dg=="); err != nil {
						t.Fatalf("confirm: %v", err)
					}
				default:
					err := w.s.ForgetDevice(w.ctx, access, pick)
					// Only of very many that were forgotten those before are not known one by one.
					if err != nil && len(gone) < 50 {
						t.Fatalf("forget: %v", err)
					}
					alive = slices.DeleteFunc(alive, func(key string) bool { return key == pick })
					gone = append(gone, pick)
				}
				if len(alive) > 8 { // so that none is trimmed, and it is known what to expect
					w.must(w.s.AdminForgetDevice(w.ctx, w.pool, asha, alive[0]))
					alive, gone = alive[1:], append(gone, alive[0])
				}
				w.pass(time.Duration(chance.IntN(3000)) * time.Millisecond)
			}
			if len(gone) < 120 {
				t.Fatalf("only %d devices were forgotten", len(gone))
			}
			for _, key := range gone {
				w.isNobodys(access, asha, key)
			}
		})
	}
}

// Who has forgotten very many, and then one that came before all of them, has them
// forgotten still.
func TestDeviceKeys_AnOldOneAfterManyOthers_BringsNoneBack(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		first := w.member(home, asha, "")
		_, err := w.confirmDevice(first.Access, w.newDevice(first), "dg==")
		w.must(err)
		gone := []string{first.NewDevice.Key}
		for range 60 {
			w.pass(10 * time.Second)
			tokens := w.texted(home, asha)
			gone = append(gone, w.newDevice(tokens))
			w.must(w.s.ForgetDevice(w.ctx, tokens.Access, w.newDevice(tokens)))
		}
		w.must(w.s.AdminForgetDevice(w.ctx, w.pool, asha, gone[0]))
		w.pass(time.Minute)
		for _, key := range gone {
			w.isNobodys(first.Access, asha, key)
		}
	})
}
