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

// Back ends keep a sub for whom they know; nobody is to be found by another's,
// not even when that one is gone.
func TestAliasNames_ASubIsNobodyElsesName(t *testing.T) {
	inWorld(t, options{design: aliasNames}, func(w *world) {
		sub := string(w.join("ravi", password, ravi, attr("phone_number", ravi)).Sub)
		access := w.aliased("mallory", asha, ashaMail)
		_, err := w.update(access, attr("preferred_username", sub))
		w.want(err, fault.AliasExists, "")
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, sub))
		_, err = w.update(access, attr("preferred_username", sub))
		w.want(err, fault.AliasExists, "")
		r := w.signUp(stranger, sub, intruders, attr("email", raviMail))
		_, err = w.confirm(stranger, sub, w.mailed(raviMail), r.Session)
		w.want(err, fault.UsernameExists, "")
		_, err = w.s.AdminCreateUser(w.ctx, userpool.NewUser{PoolID: w.pool, Username: sub, TemporaryPassword: "Temp-Pass-99", Suppress: true})
		w.want(err, fault.UsernameExists, "")
		_, err = w.s.AdminGetUser(w.ctx, w.pool, "mallory")
		w.must(err)
	})
}
