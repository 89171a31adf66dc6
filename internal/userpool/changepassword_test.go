package userpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (w *world) changePassword(access, previous, proposed string) error {
	return w.s.ChangePassword(w.ctx, userpool.PasswordChange{Caller: home, AccessToken: access, Previous: previous, Proposed: proposed})
}

func TestChangePassword_TokensStay(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		tokens := w.member(home, asha, password)
		w.must(w.changePassword(tokens.Access, password, newPassword))
		if w.canSignInWith(asha, password) || !w.canSignInWith(asha, newPassword) {
			t.Error("the password was not replaced")
		}
		_, err := w.refresh(tokens.Refresh)
		w.must(err)
		w.wants(tokens.Access, "phone_number", asha)
	})
}

func TestChangePassword_FirstPasswordOfOneWithout(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, "").Access
		w.want(w.changePassword(access, password, newPassword), fault.NotAuthorized, "Incorrect username or password.")
		before := w.texts(asha)
		first := userpool.PasswordChange{Caller: tried(home, "c", "c"), AccessToken: access, Proposed: newPassword}
		for range 2 { // an answer that was lost
			w.must(w.s.ChangePassword(w.ctx, first))
		}
		if n := w.texts(asha) - before; n != 1 {
			t.Errorf("the owner is told %d times", n)
		}
		if !w.canSignInWith(asha, newPassword) {
			t.Error("the password was not set")
		}
		w.want(w.changePassword(access, "", password), fault.InvalidParameter, "PreviousPassword")
		w.must(w.changePassword(access, newPassword, password))
		if n := w.texts(asha) - before; n != 1 {
			t.Errorf("the owner is told of a change that took the old password: %d texts", n)
		}
	})
}

func TestChangePassword_WrongOnesCountAgainstTheLock(t *testing.T) {
	inWorld(t, options{limitsOff: true}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.want(w.changePassword(access, password, "short"), fault.InvalidPassword, "Password does not conform to policy: Password not long enough")
		for range 6 {
			w.want(w.changePassword(access, intruders, newPassword), fault.NotAuthorized, "Incorrect username or password.")
			w.pass(time.Second)
		}
		w.want(w.changePassword(access, password, newPassword), fault.NotAuthorized, "Password attempts exceeded")
		_, err := w.byPassword(asha, password)
		w.want(err, fault.NotAuthorized, "Password attempts exceeded")
	})
}

func TestChangePassword_FiveAnHour(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.want(w.changePassword(access, intruders, newPassword), fault.NotAuthorized, "")
		last := password
		for i := range 4 {
			next := fmt.Sprint("Next-Password-", i)
			w.must(w.changePassword(access, last, next))
			last = next
		}
		w.want(w.changePassword(access, last, password), fault.LimitExceeded, "Attempt limit exceeded, please try after some time.")
		w.pass(time.Hour)
		w.must(w.changePassword(w.texted(home, asha).Access, last, password))
	})
}

func TestPasswordHistory_AtEveryDoor(t *testing.T) {
	for name, design := range map[string]func(*userpool.PoolSettings){"numbers": func(*userpool.PoolSettings) {}, "aliases": aliasNames} {
		t.Run(name, func(t *testing.T) {
			remembers := func(s *userpool.PoolSettings) { design(s); s.Password.HistorySize = 2 }
			inWorld(t, options{limitsOff: true, design: remembers}, func(w *world) {
				who := asha
				if name == "aliases" {
					who = "asha"
					w.aliased("asha", asha, ashaMail)
					// Verifiers of a strict pool are made with another identity.
					w.must(w.s.TagPool(w.ctx, w.pool, map[string]string{"bellhop:behaviour": "strict"}))
				} else {
					w.member(home, asha, password)
				}
				auth, err := w.byPassword(who, password)
				w.must(err)
				access := auth.Tokens.Access
				const second, third, temporary = "Second-Horse-2", "Third-Horse-33", "Temporary-Horse-4"
				used := func(err error) { t.Helper(); w.want(err, fault.PasswordHistory, "Password has previously been used.") }

				used(w.changePassword(access, password, password))
				w.must(w.changePassword(access, password, second))
				used(w.changePassword(access, second, password))
				used(w.s.AdminSetUserPassword(w.ctx, w.pool, who, password, true))

				_, err = w.forgot(home, who)
				w.must(err)
				code := w.code(asha)
				used(w.reset(home, who, code, second))
				used(w.reset(home, who, code, password))
				w.want(w.reset(home, who, wrongCode(code), password), fault.CodeMismatch, "")
				w.must(w.reset(home, who, code, third))
				w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, who, temporary, false))

				auth, err = w.byPassword(who, temporary)
				w.must(err)
				answer := func(p string) error {
					_, err := w.answer(home, "NEW_PASSWORD_REQUIRED", auth.Session, "USERNAME", who, "NEW_PASSWORD", p)
					return err
				}
				used(answer(temporary))
				used(answer(third))
				w.must(answer(second)) // two others were since
			})
		})
	}
}

func TestPasswordHistory_Off_AnyPasswordAgain(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		w.must(w.changePassword(access, password, password))
	})
}
