package userpool_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// work counts what a call asks of the store. It is a stand-in for time: what is
// the same work takes the same time, and unlike a clock a count is the same at
// each run.
type work struct{ Views, Updates, Texts int }

// countingStore counts the transactions of whoever uses it.
type countingStore struct {
	userpool.Store
	work *work
}

func (c countingStore) View(ctx context.Context, fn func(userpool.Tx) error) error {
	c.work.Views++
	return c.Store.View(ctx, fn)
}

func (c countingStore) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	c.work.Updates++
	return c.Store.Update(ctx, func(tx userpool.Tx) error { return fn(countingTx{tx, c.work}) })
}

// countingTx counts the messages that are put in the outbox.
type countingTx struct {
	userpool.Tx
	work *work
}

func (c countingTx) InsertMessage(ctx context.Context, m userpool.Message) error {
	c.work.Texts++
	return c.Tx.InsertMessage(ctx, m)
}

// second opens one more service on the world's store, whose work is counted and
// which does nothing in the background.
func (w *world) second(counted *work) *userpool.Service {
	w.t.Helper()
	s, err := userpool.Open(w.ctx, userpool.Config{
		Store: countingStore{w.store, counted}, Ring: w.ring, Sender: &smstest.Phone{}, Mailer: w.mail,
		Region: "us-east-1", PublicURL: "http://localhost:9400",
	})
	w.must(err)
	return s
}

func TestWork_IsTheSameForKnownAndUnknownNames(t *testing.T) {
	calls := map[string]func(w *world, name string){
		"ForgotPassword": func(w *world, name string) { _, err := w.forgot(stranger, name); w.must(err) },
		"ConfirmForgotPassword": func(w *world, name string) {
			if w.reset(stranger, name, "000000", newPassword) == nil {
				w.t.Error("the code was right")
			}
		},
		"ResendConfirmationCode": func(w *world, name string) { w.must(w.resend(stranger, name)) },
		"CUSTOM_AUTH":            func(w *world, name string) { w.custom(stranger, name) },
		"USER_AUTH": func(w *world, name string) {
			_, err := w.initiate(stranger, "USER_AUTH", "", "USERNAME", name)
			w.must(err)
		},
		"PASSWORD": func(w *world, name string) {
			if _, err := w.byPassword(name, intruders); err == nil {
				w.t.Error("the password was right")
			}
		},
		"SMS_OTP": func(w *world, name string) {
			_, err := w.initiate(stranger, "USER_AUTH", "", "USERNAME", name, "PREFERRED_CHALLENGE", "SMS_OTP")
			w.must(err)
		},
	}
	for name, call := range calls {
		for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
			t.Run(fmt.Sprintf("%s/%s", name, behaviour), func(t *testing.T) {
				inWorld(t, options{behaviour: behaviour}, func(w *world) {
					w.member(home, asha, password)
					w.pass(11 * time.Minute)
					counted := &work{}
					w.s = w.second(counted)
					var did [2]work
					for i, who := range []string{asha, ravi} {
						*counted = work{}
						call(w, who)
						did[i] = *counted
					}
					if did[0] != did[1] || did[0] == (work{}) {
						t.Errorf("known %+v, unknown %+v", did[0], did[1])
					}
				})
			})
		}
	}
}
