package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newUser(id userpool.UserID, names ...string) userpool.User {
	return userpool.User{
		PoolID: e.pool, ID: id, Username: string(id), Names: names,
		Status: userpool.StatusConfirmed, Enabled: true,
		Attributes: map[string]string{"phone_number": "+15550100", "name": "Zoë"},
		Verifier:   "sealed", CreatedAt: e.now, ModifiedAt: e.in(time.Second), PasswordAt: e.in(2 * time.Second),
		SignedInAt: e.in(3 * time.Second), SignedOutAt: e.in(4 * time.Second), SignOuts: 2, Unproved: true,
		SRPIdentity: "ann", Pending: map[string]string{"email": "new@example.com"},
		PasswordHistory: []string{"older", "oldest"}, ActiveAt: e.in(5 * time.Second),
		PasswordHash: "sealed hash", MFA: userpool.MFAPreference{SoftwareToken: true, Preferred: "SOFTWARE_TOKEN_MFA"},
	}
}

func (e *env) insertUser(u userpool.User) {
	e.Helper()
	e.do(func(tx userpool.Tx) error { return tx.InsertUser(e.ctx, u) })
}

func (e *env) user(id userpool.UserID) userpool.User {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.User, error) { return tx.User(e.ctx, e.pool, id) })
}

func (e *env) noUser(id userpool.UserID) {
	e.Helper()
	absent(e, "User", func(tx userpool.Tx) (userpool.User, error) { return tx.User(e.ctx, e.pool, id) })
}

// byName returns the id of the user found by a name, "" for none.
func (e *env) byName(name string) userpool.UserID {
	e.Helper()
	u, err := look(e, func(tx userpool.Tx) (userpool.User, error) { return tx.UserByName(e.ctx, e.pool, name) })
	if err != nil && !errors.Is(err, userpool.ErrNotFound) {
		e.Fatal(err)
	}
	return u.ID
}

func (e *env) retired(name string) int {
	e.Helper()
	return read(e, func(tx userpool.Tx) (int, error) { return tx.Retired(e.ctx, e.pool, name) })
}

var userCases = []testCase{
	{"User/comes back as stored", func(e *env) {
		full := e.newUser("full", "+15550100", "+15550101")
		bare := userpool.User{PoolID: e.pool, ID: "bare", Username: "bare", Status: userpool.StatusForceChangePassword}
		e.insertUser(full)
		e.insertUser(bare)
		equal(e, "full", e.user("full"), full)
		equal(e, "bare", e.user("bare"), bare)
		e.noUser("FULL")
		absent(e, "User in another pool", func(tx userpool.Tx) (userpool.User, error) { return tx.User(e.ctx, "us-east-1_None", "full") })
	}},
	{"UserByName/finds by every name and never by id", func(e *env) {
		e.insertUser(e.newUser("sub-1", "+15550100", "ann"))
		named := e.newUser("sub-2", "+15550102")
		named.Username = "Ben"
		e.insertUser(named)
		for name, want := range map[string]userpool.UserID{
			"+15550100": "sub-1", "ann": "sub-1", "+15550102": "sub-2", "Ben": "sub-2",
			"sub-1": "", "sub-2": "", "Ann": "", "ben": "", "": "", "+1555010": "",
		} {
			equal(e, "found by "+name, e.byName(name), want)
		}
	}},
	{"UserByName/keeps pools apart", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, e.newPool("us-east-1_Other")) })
		here, there := e.newUser("here", "+15550100"), e.newUser("there", "+15550100")
		there.PoolID = "us-east-1_Other"
		e.insertUser(here)
		e.insertUser(there)
		equal(e, "here", e.byName("+15550100"), "here")
		found := read(e, func(tx userpool.Tx) (userpool.User, error) { return tx.UserByName(e.ctx, there.PoolID, "+15550100") })
		equal(e, "there", found.ID, "there")
	}},
	{"InsertUser/of a taken id changes nothing", func(e *env) {
		u := e.newUser("sub", "+15550100")
		e.insertUser(u)
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertUser(e.ctx, e.newUser("sub", "+15550199")) })
		equal(e, "user", e.user("sub"), u)
		equal(e, "the other's name", e.byName("+15550199"), "")
	}},
	{"InsertUser/of a taken name leaves nothing behind, even if its caller goes on", func(e *env) {
		e.insertUser(e.newUser("owner", "+15550100"))
		var inserted error
		e.do(func(tx userpool.Tx) error {
			inserted = tx.InsertUser(e.ctx, e.newUser("second", "+15550099", "+15550100", "+15550101"))
			return tx.PutMeta(e.ctx, "went", "on")
		})
		if !errors.Is(inserted, userpool.ErrExists) {
			e.Fatalf("got %v, want ErrExists", inserted)
		}
		e.noUser("second")
		equal(e, "its names", []userpool.UserID{e.byName("+15550099"), e.byName("+15550100"), e.byName("+15550101")},
			[]userpool.UserID{"", "owner", ""})
		equal(e, "what the caller went on with", e.meta("went"), "on")
	}},
	{"InsertUser/of one name by many has one winner", func(e *env) {
		raceOneUser := race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			err := tx.InsertUser(e.ctx, e.newUser(userpool.UserID(fmt.Sprint("sub", i)), "+15550100"))
			if errors.Is(err, userpool.ErrExists) {
				return false, nil
			}
			return err == nil, err
		})
		equal(e, "winners", count(raceOneUser), 1)
		for i, won := range raceOneUser {
			id := userpool.UserID(fmt.Sprint("sub", i))
			if won {
				equal(e, "owner", e.byName("+15550100"), id)
			} else {
				e.noUser(id)
			}
		}
	}},
	{"UpdateUser/replaces the row and its names", func(e *env) {
		e.insertUser(e.newUser("sub", "+15550100", "+15550101"))
		u := e.newUser("sub", "+15550101", "+15550102")
		u.Enabled, u.Status, u.Verifier, u.Attributes = false, userpool.StatusForceChangePassword, "", nil
		u.ModifiedAt, u.PasswordAt, u.SignedInAt, u.SignedOutAt, u.SignOuts = e.in(time.Hour), time.Time{}, time.Time{}, e.in(2*time.Hour), 3
		u.Unproved = !u.Unproved
		e.do(func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, u) })
		equal(e, "user", e.user("sub"), u)
		equal(e, "names", []userpool.UserID{e.byName("+15550100"), e.byName("+15550101"), e.byName("+15550102")},
			[]userpool.UserID{"", "sub", "sub"})
		e.insertUser(e.newUser("next", "+15550100")) // the name it gave up is free
		e.try(userpool.ErrNotFound, func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, e.newUser("none")) })
	}},
	{"UpdateUser/to a taken name changes nothing, even if its caller goes on", func(e *env) {
		u := e.newUser("sub", "+15550100")
		e.insertUser(u)
		e.insertUser(e.newUser("other", "+15550101"))
		changed := e.newUser("sub", "+15550101")
		changed.Verifier = "another"
		var updated error
		e.do(func(tx userpool.Tx) error {
			updated = tx.UpdateUser(e.ctx, changed)
			return nil
		})
		if !errors.Is(updated, userpool.ErrExists) {
			e.Fatalf("got %v, want ErrExists", updated)
		}
		equal(e, "user", e.user("sub"), u)
		equal(e, "names", []userpool.UserID{e.byName("+15550100"), e.byName("+15550101")}, []userpool.UserID{"sub", "other"})
	}},
	{"UpdateUser/of two who want one free name has one winner", func(e *env) {
		for i := range racers {
			e.insertUser(e.newUser(userpool.UserID(fmt.Sprint("sub", i))))
		}
		won := race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			err := tx.UpdateUser(e.ctx, e.newUser(userpool.UserID(fmt.Sprint("sub", i)), "+15550100"))
			if errors.Is(err, userpool.ErrExists) {
				return false, nil
			}
			return err == nil, err
		})
		equal(e, "winners", count(won), 1)
	}},
	{"DeleteUser/removes all that is the user's and nothing else", func(e *env) {
		gone, kept := e.furnish(e.pool), e.furnish(e.pool)
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, userpool.UserID(gone.id)) })
		equal(e, "left of the user", gone.left(e),
			[]string{"pool", "client", "key", "retired", "registration", "family", "group", "search", "message"})
		equal(e, "left of the other", len(kept.left(e)), furnishings)
	}},
	{"InsertUser and UpdateUser/take nobody else's id for a name, though it is gone", func(e *env) {
		e.insertUser(e.newUser("sub"))
		e.insertUser(e.newUser("other"))
		named := func() {
			e.Helper()
			other := e.newUser("other", "sub")
			e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, other) })
			e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertUser(e.ctx, e.newUser("third", "sub")) })
			equal(e, "found by the id", e.byName("sub"), "")
		}
		named()
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, "sub") })
		named()
		e.do(func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, e.newUser("other", "other")) }) // his own
	}},
	{"DeleteUser/takes the unsent texts of its challenges with it", func(e *env) {
		e.insertUser(e.newUser("sub"))
		e.openChallenge(e.newChallenge("c", "sub"))
		m := e.newMessage("m")
		m.Challenge = "c"
		e.do(func(tx userpool.Tx) error { return tx.InsertMessage(e.ctx, m) })
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, "sub") })
		equal(e, "messages", e.claim(e.in(time.Hour), 10), []userpool.MessageID{})
	}},
	{"DeleteUser/retires the id and counts the names", func(e *env) {
		for i := range 2 {
			u := e.newUser(userpool.UserID(fmt.Sprint("sub", i)), "+15550100")
			u.Username = "ann"
			e.insertUser(u)
			equal(e, "retired before", e.retired("+15550100"), i)
			for range 2 { // the second deletes nobody
				e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, u.ID) })
			}
			e.noUser(u.ID)
			equal(e, "by name", e.byName("+15550100"), "")
			equal(e, "retired", []int{e.retired("+15550100"), e.retired("ann"), e.retired("Ann"), e.retired("")}, []int{i + 1, i + 1, 0, 0})
		}
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertUser(e.ctx, e.newUser("sub0")) })
		e.insertUser(e.newUser("sub2", "+15550100")) // the name is free
	}},
}

var lockCases = []testCase{
	{"PasswordLock/counts in a row, starts again after a pause, and is cleared", func(e *env) {
		lock := func(pool userpool.PoolID, subject string) userpool.PasswordLock {
			return read(e, func(tx userpool.Tx) (userpool.PasswordLock, error) { return tx.PasswordLock(e.ctx, pool, subject) })
		}
		fail := func(at, idleSince time.Time) userpool.PasswordLock {
			return write(e, func(tx userpool.Tx) (userpool.PasswordLock, error) {
				return tx.CountPasswordFailure(e.ctx, e.pool, "sub", at, idleSince)
			})
		}
		equal(e, "unset", lock(e.pool, "sub"), userpool.PasswordLock{})
		equal(e, "first", fail(e.now, e.in(-time.Minute)), userpool.PasswordLock{Failures: 1, FailedAt: e.now})
		equal(e, "second", fail(e.in(time.Second), e.now), userpool.PasswordLock{Failures: 2, FailedAt: e.in(time.Second)})
		equal(e, "kept", lock(e.pool, "sub"), userpool.PasswordLock{Failures: 2, FailedAt: e.in(time.Second)})
		equal(e, "after a pause", fail(e.in(time.Hour), e.in(2*time.Second)), userpool.PasswordLock{Failures: 1, FailedAt: e.in(time.Hour)})
		equal(e, "another's", lock(e.pool, "SUB"), userpool.PasswordLock{})
		e.do(func(tx userpool.Tx) error { return tx.ClearPasswordLock(e.ctx, e.pool, "sub") })
		equal(e, "cleared", lock(e.pool, "sub"), userpool.PasswordLock{})
	}},
	{"CountPasswordFailure/by many counts each", func(e *env) {
		counts := race(e, racers, func(tx userpool.Tx, _ int) (int, error) {
			l, err := tx.CountPasswordFailure(e.ctx, e.pool, "sub", e.now, e.in(-time.Minute))
			return l.Failures, err
		})
		equal(e, "counts", oneToN(counts), true)
	}},
}

// oneToN says whether the numbers are 1 to their number, in any order.
func oneToN(numbers []int) bool {
	seen := map[int]bool{}
	for _, n := range numbers {
		if n < 1 || n > len(numbers) || seen[n] {
			return false
		}
		seen[n] = true
	}
	return true
}
