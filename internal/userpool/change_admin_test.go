package userpool_test

import (
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (w *world) adminUpdate(name string, attrs ...userpool.Attribute) error {
	return w.s.AdminUpdateUserAttributes(w.ctx, home, w.pool, name, attrs, nil)
}

func TestAdminUpdateUserAttributes_NameMovesAtOnce(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		w.member(mobile, ravi, password)
		const third, fourth = "+919800000051", "+919800000052"
		w.want(w.adminUpdate(asha, attr("phone_number", ravi), attr("phone_number_verified", "true")), fault.AliasExists, "An account with the given phone_number already exists.")
		w.want(w.adminUpdate(asha, attr("phone_number", ravi)), fault.AliasExists, "")
		w.must(w.adminUpdate(asha, attr("phone_number", third), attr("phone_number_verified", "True")))
		if w.adminAttribute(third, "phone_number_verified") != "true" || w.texts(third) != 0 {
			t.Error("the administrator's word was not taken")
		}
		w.must(w.adminUpdate(third, attr("phone_number", fourth)))
		if w.adminAttribute(fourth, "phone_number_verified") != "false" || w.texts(fourth) != 1 {
			t.Errorf("verified %q, %d codes", w.adminAttribute(fourth, "phone_number_verified"), w.texts(fourth))
		}
		if w.canSignInWith(third, password) || !w.canSignInWith(fourth, password) {
			t.Error("the name did not move")
		}
		auth, err := w.byPassword(fourth, password)
		w.must(err)
		w.must(w.verify(auth.Tokens.Access, "phone_number", w.code(fourth)))
		w.want(w.adminUpdate(fourth, attr("sub", "x")), fault.InvalidParameter, "user.sub: Attribute cannot be updated.")
		w.want(w.adminUpdate(fourth, attr("email_verified", "true")), fault.InvalidParameter, "email_verified: The user has no email.")
		w.want(w.adminUpdate("+919800000053", attr("name", "x")), fault.UserNotFound, "User does not exist.")
		w.signUp(home, "+919800000053", password)
		w.want(w.adminUpdate("+919800000053", attr("name", "x")), fault.InvalidParameter, "The sign-up is not confirmed")
	})
}

func TestAdminUpdateUserAttributes_AliasesFollowTheFlag(t *testing.T) {
	inWorld(t, options{design: aliasNames, limitsOff: true}, func(w *world) {
		w.aliased("asha", asha, ashaMail)
		w.create("ravi", attr("phone_number", asha))
		w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, "ravi", intruders, true))
		w.want(w.adminUpdate("ravi", attr("phone_number_verified", "true")), fault.AliasExists, "An account with the given phone_number already exists.")
		w.must(w.adminUpdate("asha", attr("phone_number_verified", "false")))
		if w.canSignInWith(asha, password) {
			t.Error("an unverified alias signs in")
		}
		w.must(w.adminUpdate("ravi", attr("phone_number_verified", "true")))
		if !w.canSignInWith(asha, intruders) {
			t.Error("a verified alias does not sign in")
		}
	})
}

// A number that an administrator takes for no longer the user's: what was texted
// there before resets nothing.
func TestAdminUpdateUserAttributes_UnverifiedNumber_EndsItsResetCode(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		w.member(home, asha, password)
		_, err := w.forgot(stranger, asha)
		w.must(err)
		code := w.code(asha)
		w.must(w.adminUpdate(asha, attr("phone_number_verified", "false")))
		w.want(w.reset(stranger, asha, code, intruders), fault.CodeMismatch, "")
	})
}

func TestAdminUpdateUserAttributes_VerifyFirst_Waits(t *testing.T) {
	verifyFirst := func(s *userpool.PoolSettings) { s.VerifyFirst = []string{"phone_number"} }
	inWorld(t, options{design: verifyFirst, limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.must(w.adminUpdate(asha, attr("phone_number", ravi)))
		w.wants(access, "phone_number", asha)
		w.must(w.verify(access, "phone_number", w.code(ravi)))
		w.wants(access, "phone_number", ravi)
	})
}
