package userpool_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A name of somebody's own choice that is another's number or address would keep
// it from its owner, who has to prove that it is his.
func TestAliasNames_ChosenNamesAreNobodysContacts(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		for _, name := range []string{asha, ashaMail, "+1@example.com", "\u212airan@example.com", "+5215512345678"} {
			_, err := w.trySignUp(stranger, name, intruders)
			w.want(err, fault.InvalidParameter, "Username cannot be of ")
			_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{
				PoolID: w.pool, Username: "stranger", Suppress: true, Attributes: []userpool.Attribute{attr("preferred_username", name)},
			})
			w.want(err, fault.InvalidParameter, "preferred_username cannot be of ")
		}
		w.join("asha", password, asha, attr("phone_number", asha))
		if !w.canSignInWith(asha, password) {
			t.Error("the owner's number is not his name")
		}
	})
}
