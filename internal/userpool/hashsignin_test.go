package userpool_test

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passwordhash"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// cheapHashes are hashes of the password by each algorithm, as little as it may cost.
func cheapHashes(t *testing.T, password string) map[passwordhash.Algorithm]string {
	t.Helper()
	salt, b64 := []byte("sixteen bytes of"), base64.RawStdEncoding
	byBcrypt, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	byScrypt, err := scrypt.Key([]byte(password), salt, 16, 8, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	byPBKDF2, err := pbkdf2.Key(sha256.New, password, salt, 100, 32)
	if err != nil {
		t.Fatal(err)
	}
	byArgon := argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)
	return map[passwordhash.Algorithm]string{
		passwordhash.Bcrypt:       string(byBcrypt),
		passwordhash.Scrypt:       "16$8$1$" + hex.EncodeToString(salt) + "$" + hex.EncodeToString(byScrypt),
		passwordhash.PBKDF2SHA256: "$pbkdf2-sha256$100$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(byPBKDF2),
		passwordhash.Argon2ID:     "$argon2id$v=19$m=64,t=1,p=1$" + b64.EncodeToString(salt) + "$" + b64.EncodeToString(byArgon),
	}
}

// importedWith has a user imported with the hash.
func (w *world) importedWith(number string, algorithm passwordhash.Algorithm, hash string) {
	w.t.Helper()
	row := fmt.Sprintf("%s,%s,true,Asha,%s\n", number, number, strings.ReplaceAll(hash, ",", `\,`))
	w.importEnds(w.imported(algorithm, importHeader+row), userpool.ImportSucceeded, "Import Job Completed Successfully.", 1, 0, 0)
}

var hashFlows = []string{userpool.AllowPassword, userpool.AllowSRP, userpool.AllowUserAuth, userpool.AllowCustom, userpool.AllowRefresh}

func (w *world) inTheOpen(name, password string) (userpool.AuthResult, error) {
	return w.initiate(home, "USER_PASSWORD_AUTH", "", "USERNAME", name, "PASSWORD", password)
}

func (w *world) plainSRP(name, password string) (userpool.AuthResult, error) {
	return w.bySRP("USER_SRP_AUTH", name, password)
}

// storedUser is the user of the name as the store has him.
func (w *world) storedUser(name string) (u userpool.User) {
	w.t.Helper()
	w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
		u, err = tx.UserByName(w.ctx, w.pool, name)
		return err
	}))
	return u
}

// A user who brought a hash along signs in with the password in the open, by which a
// verifier takes the hash's place, and from then on by SRP too.
func TestHash_SignsInOnceInTheOpen_AndThenAsEverybody(t *testing.T) {
	for algorithm, hash := range cheapHashes(t, password) {
		t.Run(string(algorithm), func(t *testing.T) {
			inWorld(t, options{limitsOff: true, flows: hashFlows}, func(w *world) {
				w.importedWith(asha, algorithm, hash)
				if u := w.storedUser(asha); u.Status != userpool.StatusConfirmed || u.PasswordHash == "" || strings.Contains(u.PasswordHash, hash[len(hash)-12:]) || u.Verifier != "" {
					t.Fatalf("the user is %+v", u)
				}
				_, err := w.bySRP("USER_SRP_AUTH", asha, password)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
				_, err = w.inTheOpen(asha, intruders)
				w.want(err, fault.NotAuthorized, "Incorrect username or password.")
				if algorithm == passwordhash.Scrypt { // by the choice of factors as well
					auth, err := w.byPassword(asha, password)
					w.must(err)
					w.tokens(auth)
				}
				was := w.storedUser(asha).PasswordAt
				auth, err := w.inTheOpen(asha, password)
				w.must(err)
				w.tokens(auth)
				if u := w.storedUser(asha); u.PasswordHash != "" || u.Verifier == "" || !u.PasswordAt.Equal(was) {
					t.Errorf("after the sign-in the user is %+v", u)
				}
				auth, err = w.bySRP("USER_SRP_AUTH", asha, password)
				w.must(err)
				w.tokens(auth)
				_, err = w.inTheOpen(asha, intruders)
				w.want(err, fault.NotAuthorized, "")
			})
		})
	}
}

// Where existence need not be hidden, SRP leads to the way that ends well.
func TestHash_BySRPWhereUsersShow_IsSentToAReset(t *testing.T) {
	inWorld(t, options{limitsOff: true, legacy: true, flows: hashFlows}, func(w *world) {
		w.importedWith(asha, passwordhash.Bcrypt, cheapHashes(t, password)[passwordhash.Bcrypt])
		_, err := w.bySRP("USER_SRP_AUTH", asha, password)
		w.want(err, fault.PasswordResetRequired, "Password reset required for the user")
		choice, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha)
		w.must(err)
		if got := fmt.Sprint(choice.Available); got != "[PASSWORD SMS_OTP]" {
			t.Errorf("offered is %s", got)
		}
		w.must(errorOf(w.forgot(home, asha)))
		w.must(w.reset(home, asha, w.code(asha), newPassword))
		for _, way := range []func(string, string) (userpool.AuthResult, error){w.plainSRP, w.inTheOpen} {
			auth, err := way(asha, newPassword)
			w.must(err)
			w.tokens(auth)
			_, err = way(asha, password)
			w.want(err, fault.NotAuthorized, "")
		}
	})
}

func errorOf[T any](_ T, err error) error { return err }

func TestHash_IsAPasswordToAllThatAskForOne(t *testing.T) {
	history := func(set *userpool.PoolSettings) { set.Password.HistorySize = 3 }
	inWorld(t, options{limitsOff: true, flows: hashFlows, design: history}, func(w *world) {
		hashes := cheapHashes(t, password)
		w.importedWith(asha, passwordhash.Bcrypt, hashes[passwordhash.Bcrypt])
		w.importedWith(ravi, passwordhash.Argon2ID, hashes[passwordhash.Argon2ID])
		change := func(access, previous, proposed string) error {
			return w.s.ChangePassword(w.ctx, userpool.PasswordChange{Caller: home, AccessToken: access, Previous: previous, Proposed: proposed})
		}
		tokens := w.texted(home, asha)
		w.want(change(tokens.Access, "", newPassword), fault.InvalidParameter, "PreviousPassword")
		w.want(change(tokens.Access, intruders, newPassword), fault.NotAuthorized, "")
		w.want(change(tokens.Access, password, password), fault.PasswordHistory, "")
		if w.storedUser(asha).PasswordHash == "" {
			t.Fatal("the hash is gone")
		}
		w.must(change(tokens.Access, password, newPassword))
		w.want(change(tokens.Access, newPassword, password), fault.PasswordHistory, "") // the hash's is one of the last
		if u := w.storedUser(asha); u.PasswordHash != "" || u.Verifier == "" {
			t.Errorf("the user is %+v", u)
		}
		w.must(w.s.AdminSetUserPassword(w.ctx, w.pool, ravi, newPassword, true))
		_, err := w.inTheOpen(ravi, password)
		w.want(err, fault.NotAuthorized, "")
		auth, err := w.inTheOpen(ravi, newPassword)
		w.must(err)
		w.tokens(auth)
	})
}

// Wrong passwords count against the lock, and none is looked at while it lasts.
func TestHash_IsLocked_AsEveryPasswordIs(t *testing.T) {
	inWorld(t, options{limitsOff: true, flows: hashFlows}, func(w *world) {
		w.importedWith(asha, passwordhash.Bcrypt, cheapHashes(t, password)[passwordhash.Bcrypt])
		for range 5 {
			_, err := w.inTheOpen(asha, intruders)
			w.want(err, fault.NotAuthorized, "Incorrect")
		}
		_, err := w.inTheOpen(asha, password)
		w.want(err, fault.NotAuthorized, "Password attempts exceeded")
		w.pass(2 * time.Second)
		auth, err := w.inTheOpen(asha, password)
		w.must(err)
		w.tokens(auth)
	})
}

// Two who sign in at once with the right password both get in, whoever of them
// replaces the hash.
func TestHash_OfTwoAtOnce_BothSignIn(t *testing.T) {
	inWorld(t, options{limitsOff: true, flows: hashFlows}, func(w *world) {
		w.importedWith(asha, passwordhash.PBKDF2SHA256, cheapHashes(t, password)[passwordhash.PBKDF2SHA256])
		const many = 6
		results := make(chan error, many)
		for range many {
			go func() {
				_, err := w.inTheOpen(asha, password)
				results <- err
			}()
		}
		synctest.Wait()
		for range many {
			w.must(<-results)
		}
		if n := len(w.storedUser(asha).PasswordHistory); n != 0 {
			t.Errorf("%d earlier passwords are kept of one that was not replaced", n)
		}
	})
}

// A code to a contact that nobody had proved ends the hash, as it ends a password.
func TestHash_OfAnUnprovedContact_GoesWithItsFirstCode(t *testing.T) {
	inWorld(t, options{limitsOff: true, flows: hashFlows}, func(w *world) {
		hash := cheapHashes(t, password)[passwordhash.Bcrypt]
		outcomes, err := w.s.Arrive(w.ctx, w.pool, []userpool.Arrival{
			{Username: asha, Status: userpool.StatusConfirmed, Enabled: true, PasswordHash: hash},
			{Username: ravi, Status: userpool.StatusConfirmed, Enabled: true, PasswordHash: "$2b$14$" + hash[7:]},
		})
		w.must(err)
		w.must(outcomes[0])
		w.want(outcomes[1], fault.InvalidParameter, "above the maximum")
		w.texted(home, asha)
		if u := w.storedUser(asha); u.PasswordHash != "" || u.Unproved {
			t.Errorf("the user is %+v", u)
		}
		_, err = w.inTheOpen(asha, password)
		w.want(err, fault.NotAuthorized, "")
	})
}

// While anybody in the pool has a hash, a wrong password is the same work whosever
// name it is given with: of a user with a hash, of one without, of nobody.
func TestHash_WrongPasswords_AreTheSameWorkForEveryName(t *testing.T) {
	inWorld(t, options{flows: hashFlows}, func(w *world) {
		w.member(home, ravi, password)
		w.importedWith(asha, passwordhash.Bcrypt, cheapHashes(t, password)[passwordhash.Bcrypt])
		w.pass(11 * time.Minute)
		counted := &work{}
		w.s = w.second(counted)
		try := func(name string) work {
			*counted = work{}
			_, err := w.inTheOpen(name, intruders)
			w.want(err, fault.NotAuthorized, "Incorrect username or password.")
			return *counted
		}
		byHash, byVerifier, nobody := try(asha), try(ravi), try("+919000000001")
		if byHash != byVerifier || byHash != nobody {
			t.Errorf("with a hash %+v, with a verifier %+v, nobody %+v", byHash, byVerifier, nobody)
		}
		auth, err := w.inTheOpen(asha, password)
		w.must(err)
		w.tokens(auth)
		if after := try(ravi); after == byVerifier {
			t.Errorf("without any hash it is still %+v", after)
		}
	})
}
