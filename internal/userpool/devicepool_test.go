package userpool_test

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A pool that is deleted and brought over once more has its old id, and its users their
// old subs. What was said of their devices went with the pool, and so do the keys.
func TestDeviceKeys_OfAPoolThatWasDeleted_AreNobodys(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		old, err := w.s.DescribeUserPool(w.ctx, w.pool)
		w.must(err)
		client, err := w.s.DescribeUserPoolClient(w.ctx, w.pool, w.client)
		w.must(err)
		tokens := w.member(home, asha, "")
		sub := userpool.UserID(w.attribute(tokens.Access, "sub"))
		kept, forgotten := w.newDevice(tokens), w.newDevice(w.texted(home, asha))
		w.must(w.s.ForgetDevice(w.ctx, tokens.Access, forgotten))
		w.pass(time.Hour)

		w.must(w.s.DeleteUserPool(w.ctx, w.pool))
		p, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{ID: w.pool, Name: old.Name, Settings: old.Settings})
		w.must(err)
		w.pool = p.ID
		c, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "again", Settings: client.Settings})
		w.must(err)
		w.client = c.ID
		outcomes, err := w.s.Arrive(w.ctx, w.pool, []userpool.Arrival{{
			ID: sub, Username: string(sub), Status: userpool.StatusConfirmed, Enabled: true,
			Attributes: map[string]string{"phone_number": asha, "phone_number_verified": "true"},
		}})
		w.must(err)
		w.must(outcomes[0])
		for name, key := range map[string]string{"kept": kept, "forgotten": forgotten} {
			if w.texted(on(home, key), asha).NewDevice == nil {
				t.Errorf("the key that was %s is good again", name)
			}
		}
	})
}
