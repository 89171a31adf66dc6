package storetest

import (
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

var restoreCases = []testCase{
	{"EndPending/takes what waits, counts it, and leaves the rest", func(e *env) {
		e.insertUser(e.newUser("user", "+15550100"))
		for _, id := range []string{"a", "b"} {
			e.litter(id, e.in(time.Hour))
		}
		e.do(func(tx userpool.Tx) error {
			_, err := tx.UseNonce(e.ctx, "used", e.in(time.Hour))
			return errors.Join(err, tx.InsertMessage(e.ctx, e.newMessage("m")))
		})
		end := func() userpool.Pending {
			return write(e, func(tx userpool.Tx) (userpool.Pending, error) { return tx.EndPending(e.ctx) })
		}
		equal(e, "ended", end(), userpool.Pending{Challenges: 2, Sessions: 2, Repeats: 2, Messages: 1})
		equal(e, "ended again", end(), userpool.Pending{})
		equal(e, "what is left of each", e.littered("a"), litterKinds-3)
		equal(e, "texts", e.nextAt(), time.Time{})
		equal(e, "users", e.byName("+15550100"), "user")
		equal(e, "a used nonce is fresh", write(e, func(tx userpool.Tx) (bool, error) {
			return tx.UseNonce(e.ctx, "used", e.in(time.Hour))
		}), false)
	}},
	{"EndClientFamilies/ends the client's in the pool, and counts those that served", func(e *env) {
		e.insertUser(e.newUser("sub"))
		other, over, ended := e.standing("other", "sub"), e.standing("over", "sub"), e.standing("ended", "sub")
		other.ClientID, over.ExpiresAt, ended.SignOuts = "other-client", e.in(time.Minute), ended.SignOuts-1
		e.insertFamilies(e.standing("a", "sub"), e.standing("b", "sub"), e.standing("nobody's", "gone"), other, over, ended)
		e.do(func(tx userpool.Tx) error { return tx.RevokeFamily(e.ctx, "b", e.in(time.Second)) })
		end := func(pool userpool.PoolID) int {
			return write(e, func(tx userpool.Tx) (int, error) {
				return tx.EndClientFamilies(e.ctx, pool, e.client, e.in(time.Minute))
			})
		}
		equal(e, "of another pool", end("us-east-1_None"), 0)
		equal(e, "ended", end(e.pool), 1)
		equal(e, "ended again", end(e.pool), 0)
		equal(e, "revoked", []time.Time{e.family("a").RevokedAt, e.family("b").RevokedAt, e.family("other").RevokedAt, e.family("over").RevokedAt},
			[]time.Time{e.in(time.Minute), e.in(time.Second), {}, {}})
	}},
	{"EndAllFamilies/ends those of every client", func(e *env) {
		e.insertUser(e.newUser("sub"))
		other, over, ended := e.standing("other", "sub"), e.standing("over", "sub"), e.standing("ended", "sub")
		other.ClientID, over.ExpiresAt, ended.SignOuts = "other-client", e.in(time.Minute), ended.SignOuts-1
		e.insertFamilies(e.standing("a", "sub"), e.standing("nobody's", "gone"), other, over, ended)
		end := func() int {
			return write(e, func(tx userpool.Tx) (int, error) { return tx.EndAllFamilies(e.ctx, e.in(time.Minute)) })
		}
		equal(e, "ended", end(), 2)
		equal(e, "ended again", end(), 0)
		equal(e, "revoked", []time.Time{e.family("a").RevokedAt, e.family("other").RevokedAt, e.family("over").RevokedAt},
			[]time.Time{e.in(time.Minute), e.in(time.Minute), {}})
	}},
}
