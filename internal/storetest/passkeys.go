package storetest

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/passkey"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newPasskey(id string, user userpool.UserID) userpool.Passkey {
	return userpool.Passkey{
		Key: passkey.Key{
			ID: []byte(id), Public: []byte{0xa5, 0, 0xff}, Count: 4_000_000_000, Transports: []string{"hybrid", "internal"},
			Attachment: "platform", Name: "Zoë's keys", BackupEligible: true, BackedUp: true,
		},
		PoolID: e.pool, UserID: user, RelyingParty: "example.com", CreatedAt: e.now, UsedAt: e.in(time.Second),
	}
}

func (e *env) insertPasskeys(all ...userpool.Passkey) {
	e.Helper()
	for _, k := range all {
		if !write(e, func(tx userpool.Tx) (bool, error) { return tx.InsertPasskey(e.ctx, k, 20) }) {
			e.Fatalf("passkey %q is not inserted", k.ID)
		}
	}
}

func (e *env) passkeys(user userpool.UserID) []userpool.Passkey {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]userpool.Passkey, error) { return tx.Passkeys(e.ctx, e.pool, user) })
}

// passkeyIDs are those of the user's passkeys, in their order.
func (e *env) passkeyIDs(user userpool.UserID) []string {
	e.Helper()
	ids := []string{}
	for _, k := range e.passkeys(user) {
		ids = append(ids, string(k.ID))
	}
	return ids
}

var passkeyCases = []testCase{
	{"InsertPasskey/comes back as stored, to its user alone, oldest first", func(e *env) {
		e.insertUser(e.newUser("sub"))
		first, second := e.newPasskey("z", "sub"), e.newPasskey("a", "sub")
		second.CreatedAt = e.in(time.Second)
		bare := userpool.Passkey{Key: passkey.Key{ID: []byte{0, 0xff}, Public: []byte{}}, PoolID: e.pool, UserID: "sub", CreatedAt: e.in(time.Minute)}
		e.insertPasskeys(second, bare, first)
		equal(e, "passkeys", e.passkeys("sub"), []userpool.Passkey{first, second, bare})
		equal(e, "of somebody else", e.passkeys("SUB"), nil)
	}},
	{"InsertPasskey/refuses an id that the pool knows, and a user who is not there", func(e *env) {
		e.insertUser(e.newUser("sub"))
		e.insertUser(e.newUser("other"))
		e.insertPasskeys(e.newPasskey("key", "sub"))
		for _, user := range []userpool.UserID{"sub", "other"} {
			e.try(userpool.ErrExists, func(tx userpool.Tx) error {
				_, err := tx.InsertPasskey(e.ctx, e.newPasskey("key", user), 20)
				return err
			})
		}
		equal(e, "of nobody", write(e, func(tx userpool.Tx) (bool, error) {
			return tx.InsertPasskey(e.ctx, e.newPasskey("fresh", "nobody"), 20)
		}), false)
	}},
	{"InsertPasskey/stops at the most, whoever races", func(e *env) {
		e.insertUser(e.newUser("sub"))
		const most = 3
		added := race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			return tx.InsertPasskey(e.ctx, e.newPasskey(fmt.Sprint("key", i), "sub"), most)
		})
		equal(e, "added", count(added), most)
		equal(e, "there", len(e.passkeys("sub")), most)
	}},
	{"UsePasskey/has one winner of a count, which only goes forward", func(e *env) {
		e.insertUser(e.newUser("sub"))
		k := e.newPasskey("key", "sub")
		e.insertPasskeys(k)
		use := func(user userpool.UserID, id string, n uint32) func(userpool.Tx) (bool, error) {
			used := userpool.Passkey{Key: passkey.Key{ID: []byte(id), Count: n}, PoolID: e.pool, UserID: user, UsedAt: e.in(time.Hour)}
			return func(tx userpool.Tx) (bool, error) { return tx.UsePasskey(e.ctx, used) }
		}
		for what, fn := range map[string]func(userpool.Tx) (bool, error){
			"the same count": use("sub", "key", k.Count), "none": use("sub", "key", 0),
			"somebody else's": use("other", "key", k.Count+1), "another": use("sub", "KEY", k.Count+1),
		} {
			equal(e, what, write(e, fn), false)
		}
		equal(e, "unchanged", e.passkeys("sub"), []userpool.Passkey{k})
		raceOne(e, "a use", use("sub", "key", k.Count+1))
		k.Count, k.BackedUp, k.UsedAt = k.Count+1, false, e.in(time.Hour)
		equal(e, "used", e.passkeys("sub"), []userpool.Passkey{k})

		counts := e.newPasskey("counts nothing", "sub")
		counts.Count = 0
		e.insertPasskeys(counts)
		for range 2 {
			equal(e, "one that does not count", write(e, use("sub", "counts nothing", 0)), true)
		}
	}},
	{"DeletePasskey/removes the one, once", func(e *env) {
		e.insertUser(e.newUser("sub"))
		e.insertPasskeys(e.newPasskey("a", "sub"), e.newPasskey("b", "sub"))
		remove := func(user userpool.UserID, id string) func(userpool.Tx) (bool, error) {
			return func(tx userpool.Tx) (bool, error) { return tx.DeletePasskey(e.ctx, e.pool, user, []byte(id)) }
		}
		equal(e, "by somebody else", write(e, remove("other", "a")), false)
		raceOne(e, "removal", remove("sub", "a"))
		equal(e, "left", e.passkeyIDs("sub"), []string{"b"})
	}},
	{"DeletePasskeys/removes the user's, as DeleteUser and DeletePool do", func(e *env) {
		for _, sub := range []userpool.UserID{"sub", "gone", "stays"} {
			e.insertUser(e.newUser(sub))
			e.insertPasskeys(e.newPasskey("key of "+string(sub), sub))
		}
		e.do(func(tx userpool.Tx) error { return tx.DeletePasskeys(e.ctx, e.pool, "sub") })
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, "gone") })
		equal(e, "removed", e.passkeyIDs("sub"), []string{})
		equal(e, "the deleted user's", e.passkeyIDs("gone"), []string{})
		equal(e, "the other's", e.passkeyIDs("stays"), []string{"key of stays"})
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		equal(e, "the deleted pool's", e.passkeyIDs("stays"), []string{})
	}},
}
