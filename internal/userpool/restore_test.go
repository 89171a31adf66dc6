package userpool_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// backUp copies the world's database as it is now.
func (w *world) backUp() (file string) {
	w.t.Helper()
	file = fmt.Sprintf("%s-%d", w.file, time.Now().UnixNano())
	_, err := sqlstore.Backup(w.ctx, w.file, file)
	w.must(err)
	return file
}

// onBackup runs a test with a server on the copy, before which end has run there.
// It runs on a copy of the copy, so that one backup serves several tests.
func (w *world) onBackup(file string, end func(*userpool.Service) error, test func()) {
	w.t.Helper()
	w.stop()
	copied := filepath.Join(w.t.TempDir(), "restored.db")
	_, err := sqlstore.Backup(w.ctx, file, copied)
	w.must(err)
	store, err := sqlstore.Open(w.ctx, copied, sqlstore.Options{})
	w.must(err)
	was, wasStore := w.s, w.store
	w.store = store
	w.s, err = userpool.Open(w.ctx, userpool.Config{
		Store: store, Ring: w.ring, Sender: w.phone, Mailer: w.mail, Region: "us-east-1", PublicURL: "http://localhost:9400",
	})
	w.must(err)
	w.must(end(w.s))
	w.pass(time.Millisecond)
	w.start()
	test()
	w.stop()
	w.must(store.Close())
	w.s, w.store = was, wasStore
	w.start()
}

// nothing is the restore that forgets to end what is pending: what the tests
// below say must be the work of EndAfterRestore.
func nothing(*userpool.Service) error { return nil }

func ending(every bool, ended *userpool.Ended) func(*userpool.Service) error {
	return func(s *userpool.Service) (err error) {
		*ended, err = s.EndAfterRestore(context.Background(), every)
		return err
	}
}

func TestRestore_UsedCode_StaysDead(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		r, code := w.custom(home, asha), ""
		code = w.code(asha)
		file := w.backUp()
		give := func() (userpool.AuthResult, error) {
			return w.answer(home, "CUSTOM_CHALLENGE", r.Session, "USERNAME", asha, "ANSWER", code)
		}
		used, err := give()
		w.must(err)
		w.tokens(used)
		w.onBackup(file, nothing, func() {
			again, err := give()
			w.must(err)
			w.tokens(again) // so there is something to end
		})
		var ended userpool.Ended
		w.onBackup(file, ending(false, &ended), func() {
			_, err := give()
			w.want(err, fault.NotAuthorized, "Invalid session")
			w.texted(home, asha) // by a new code
		})
		if ended.Challenges == 0 || ended.Sessions == 0 || ended.SignIns != 0 {
			t.Errorf("ended %+v", ended)
		}
	})
}

func TestRestore_UsedSignUpCode_StaysDeadAndANewOneIsSent(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		first := w.signUp(home, asha, "")
		code := w.code(asha)
		file := w.backUp()
		_, err := w.confirm(home, asha, code, first.Session)
		w.must(err)
		var ended userpool.Ended
		w.onBackup(file, ending(false, &ended), func() {
			_, err := w.confirm(home, asha, code, "")
			w.want(err, fault.ExpiredCode, "")
			w.must(w.resend(home, asha))
			if w.code(asha) == code {
				t.Error("the same code again")
			}
			_, err = w.confirm(home, asha, w.code(asha), "")
			w.must(err)
		})
	})
}

func TestRestore_RotatedToken_StaysDeadAndOthersGoOn(t *testing.T) {
	for _, rotation := range []bool{true, false} {
		t.Run(fmt.Sprintf("rotation %v", rotation), func(t *testing.T) {
			inWorld(t, options{rotation: rotation}, func(w *world) {
				first := w.member(home, asha, "")
				file := w.backUp()
				_, err := w.refresh(first.Refresh)
				w.must(err)
				w.onBackup(file, nothing, func() {
					_, err := w.refresh(first.Refresh)
					w.must(err) // so there is something to end
				})
				var ended userpool.Ended
				w.onBackup(file, ending(false, &ended), func() {
					_, err := w.refresh(first.Refresh)
					if rotation {
						w.want(err, fault.NotAuthorized, "revoked")
						return
					}
					w.must(err)
				})
				if (ended.SignIns == 1) != rotation {
					t.Errorf("ended %+v", ended)
				}
				w.onBackup(file, ending(true, &ended), func() {
					_, err := w.refresh(first.Refresh)
					w.want(err, fault.NotAuthorized, "revoked")
					_, err = w.s.GetUser(w.ctx, first.Access)
					w.want(err, fault.NotAuthorized, "revoked")
				})
				if ended.SignIns != 1 {
					t.Errorf("with every sign-in: ended %+v", ended)
				}
			})
		})
	}
}

// An exchange of a password travels sealed, and that it was used is a mark in the
// store which the backup lacks.
func TestRestore_UsedProofOfAPassword_StaysDead(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, password)
		file := w.backUp()
		c := srptest.New(w.t)
		r, err := w.initiate(home, "USER_SRP_AUTH", "", "USERNAME", asha, "SRP_A", c.A())
		w.must(err)
		proof := w.prove(c, r.Parameters, password)
		give := func() (userpool.AuthResult, error) { return w.answer(home, "PASSWORD_VERIFIER", r.Session, proof...) }
		used, err := give()
		w.must(err)
		w.tokens(used)
		w.onBackup(file, nothing, func() {
			again, err := give()
			w.must(err)
			w.tokens(again) // so there is something to end
		})
		var ended userpool.Ended
		w.onBackup(file, ending(false, &ended), func() {
			_, err := give()
			w.want(err, fault.NotAuthorized, "")
			if err == nil || !strings.Contains(err.Error(), "session") {
				t.Errorf("refused with %v", err)
			}
			fresh, err := w.bySRP("USER_SRP_AUTH", asha, password)
			w.must(err)
			w.tokens(fresh)
		})
	})
}

func TestRestore_UnsentText_IsNotSentAgain(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		w.member(home, asha, "")
		w.stop()
		w.custom(home, asha) // nobody sends its text yet
		file := w.backUp()
		w.start()
		sent := w.texts(asha)
		w.onBackup(file, nothing, func() {
			if n := w.texts(asha); n != sent+1 {
				t.Errorf("%d texts before the end of what is pending, want one more than %d", n, sent)
			}
		})
		var ended userpool.Ended
		w.onBackup(file, ending(false, &ended), func() {
			w.pass(time.Minute)
			if n := w.texts(asha); n != sent+1 {
				t.Errorf("%d texts, want none after those %d", n, sent+1)
			}
		})
		if ended.Messages != 1 {
			t.Errorf("ended %+v", ended)
		}
	})
}

func TestRestore_Cancelled_EndsNothing(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		first := w.member(home, asha, "")
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		if _, err := w.s.EndAfterRestore(gone, true); !errors.Is(err, context.Canceled) {
			t.Errorf("EndAfterRestore: %v", err)
		}
		_, err := w.refresh(first.Refresh)
		w.must(err)
	})
}
