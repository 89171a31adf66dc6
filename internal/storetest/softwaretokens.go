package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) putPending(user userpool.UserID, pending string) {
	e.Helper()
	e.do(func(tx userpool.Tx) error { return tx.PutPendingToken(e.ctx, e.pool, user, pending, e.now) })
}

// verified is what a first code makes of a pending secret.
func (e *env) verified(user userpool.UserID, pending string, step int64) userpool.SoftwareToken {
	return userpool.SoftwareToken{
		PoolID: e.pool, UserID: user, Pending: pending, Name: "Zoë's phone", LastStep: step, VerifiedAt: e.in(time.Minute),
	}
}

func (e *env) verifyToken(k userpool.SoftwareToken) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) { return tx.VerifyToken(e.ctx, k) })
}

// setUpToken gives the user a verified secret.
func (e *env) setUpToken(user userpool.UserID, secret string, step int64) {
	e.Helper()
	e.putPending(user, secret)
	equal(e, "verification", e.verifyToken(e.verified(user, secret, step)), true)
}

func (e *env) softwareToken(user userpool.UserID) userpool.SoftwareToken {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.SoftwareToken, error) { return tx.SoftwareToken(e.ctx, e.pool, user) })
}

func (e *env) noToken(user userpool.UserID) {
	e.Helper()
	absent(e, string(user), func(tx userpool.Tx) (userpool.SoftwareToken, error) { return tx.SoftwareToken(e.ctx, e.pool, user) })
}

var softwareTokenCases = []testCase{
	{"PutPendingToken/replaces what waits and leaves what is verified", func(e *env) {
		e.noToken("sub")
		e.putPending("sub", "first")
		e.putPending("sub", "second")
		want := userpool.SoftwareToken{PoolID: e.pool, UserID: "sub", Pending: "second", CreatedAt: e.now}
		equal(e, "pending", e.softwareToken("sub"), want)
		equal(e, "the one before", e.verifyToken(e.verified("sub", "first", 7)), false)
		equal(e, "somebody else's", e.verifyToken(e.verified("SUB", "second", 7)), false)
		raceOne(e, "verification", func(tx userpool.Tx) (bool, error) { return tx.VerifyToken(e.ctx, e.verified("sub", "second", 7)) })
		want.Secret, want.Pending, want.Name, want.LastStep, want.VerifiedAt = "second", "", "Zoë's phone", 7, e.in(time.Minute)
		equal(e, "verified", e.softwareToken("sub"), want)
		e.putPending("sub", "third")
		want.Pending = "third"
		equal(e, "with a new one", e.softwareToken("sub"), want)
		equal(e, "nothing for nothing", e.verifyToken(e.verified("sub", "", 9)), false)
	}},
	{"UseTokenStep/takes each step once, and none before one that was taken", func(e *env) {
		use := func(user userpool.UserID, step int64) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.UseTokenStep(e.ctx, e.pool, user, step) })
		}
		equal(e, "of nobody", use("sub", 7), false)
		e.putPending("sub", "waits")
		equal(e, "of a secret that waits", use("sub", 7), false)
		e.setUpToken("sub", "secret", 7)
		equal(e, "the one of the verification", use("sub", 7), false)
		raceOne(e, "the next", func(tx userpool.Tx) (bool, error) { return tx.UseTokenStep(e.ctx, e.pool, "sub", 9) })
		equal(e, "one before it", use("sub", 8), false)
		equal(e, "one after it", use("sub", 10), true)
		equal(e, "step", e.softwareToken("sub").LastStep, int64(10))
	}},
	{"DeleteSoftwareToken/removes the user's, as DeleteUser and DeletePool do", func(e *env) {
		e.insertUser(e.newUser("gone"))
		for i, user := range []userpool.UserID{"sub", "gone", "stays"} {
			e.setUpToken(user, fmt.Sprint("secret ", i), 7)
		}
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.DeleteSoftwareToken(e.ctx, e.pool, "sub"), tx.DeleteUser(e.ctx, e.pool, "gone"))
		})
		e.noToken("sub")
		e.noToken("gone")
		equal(e, "the other's", e.softwareToken("stays").Secret, "secret 2")
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		e.noToken("stays")
	}},
}
