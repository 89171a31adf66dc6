package storetest

import (
	"errors"
	"math"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newFamily(id userpool.FamilyID, user userpool.UserID) userpool.Family {
	return userpool.Family{
		ID: id, PoolID: e.pool, ClientID: e.client, UserID: user, DeviceKey: "us-east-1_device", Generation: 7,
		AuthTime: e.in(-time.Second), CreatedAt: e.now, ExpiresAt: e.in(720 * time.Hour),
	}
}

// standing is a family of a new user whom nobody has signed out since it began.
func (e *env) standing(id userpool.FamilyID, user userpool.UserID) userpool.Family {
	f := e.newFamily(id, user)
	f.SignOuts = e.newUser(user).SignOuts
	return f
}

func (e *env) family(id userpool.FamilyID) userpool.Family {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.Family, error) { return tx.Family(e.ctx, id) })
}

func (e *env) rotate(id userpool.FamilyID, from uint32, at time.Time) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) { return tx.RotateRefresh(e.ctx, id, from, at) })
}

func (e *env) insertFamilies(all ...userpool.Family) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		for _, f := range all {
			if err := tx.InsertFamily(e.ctx, f); err != nil {
				return err
			}
		}
		return nil
	})
}

var familyCases = []testCase{
	{"Holder/is the family's user, with his groups", func(e *env) {
		u := e.newUser("sub")
		e.insertUser(u)
		e.insertUser(e.newUser("other"))
		e.insertFamilies(e.newFamily("f", "sub"), e.newFamily("of nobody", "gone"))
		e.insertGroup(e.newGroup("a"))
		e.insertGroup(e.newGroup("b"))
		e.do(func(tx userpool.Tx) error {
			_, err := tx.JoinGroup(e.ctx, userpool.Membership{PoolID: e.pool, Group: "b", User: "sub", AddedAt: e.now}, 10)
			return err
		})
		e.do(func(tx userpool.Tx) error {
			f, err := tx.Family(e.ctx, "f")
			if err != nil {
				return err
			}
			holder, groups, err := tx.Holder(e.ctx, f)
			equal(e, "the user", holder, e.user("sub"))
			equal(e, "his groups", groups, []userpool.Group{e.newGroup("b")})
			if err != nil {
				return err
			}
			if f, err = tx.Family(e.ctx, "of nobody"); err != nil {
				return err
			}
			for _, f := range []userpool.Family{f, {ID: "none"}} {
				if _, _, err := tx.Holder(e.ctx, f); !errors.Is(err, userpool.ErrNotFound) {
					e.Errorf("the holder of %q: %v", f.ID, err)
				}
			}
			return nil
		})
	}},
	{"Family/comes back as stored", func(e *env) {
		f := e.newFamily("f", "sub")
		f.Generation, f.RotatedAt, f.RevokedAt, f.SignOuts = math.MaxUint32, e.in(time.Minute), e.in(time.Hour), 3
		e.insertFamilies(f)
		equal(e, "family", e.family("f"), f)
		absent(e, "Family", func(tx userpool.Tx) (userpool.Family, error) { return tx.Family(e.ctx, "F") })
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertFamily(e.ctx, e.newFamily("f", "other")) })
		equal(e, "after the second", e.family("f"), f)
	}},
	{"RotateRefresh/has one winner for each generation", func(e *env) {
		e.insertFamilies(e.newFamily("f", "sub"))
		raceOne(e, "RotateRefresh", func(tx userpool.Tx) (bool, error) { return tx.RotateRefresh(e.ctx, "f", 7, e.in(time.Minute)) })
		want := e.newFamily("f", "sub")
		want.Generation, want.RotatedAt = 8, e.in(time.Minute)
		equal(e, "family", e.family("f"), want)
		equal(e, "next", e.rotate("f", 8, e.in(time.Hour)), true)
		equal(e, "an older one", e.rotate("f", 7, e.in(time.Hour)), false)
		equal(e, "one to come", e.rotate("f", 10, e.in(time.Hour)), false)
		equal(e, "none", e.rotate("none", 7, e.now), false)
	}},
	{"RotateRefresh/is refused at expiry and after revocation", func(e *env) {
		e.insertFamilies(e.newFamily("f", "sub"))
		equal(e, "at expiry", e.rotate("f", 7, e.in(720*time.Hour)), false)
		equal(e, "just before", e.rotate("f", 7, e.in(720*time.Hour-time.Millisecond)), true)
		e.do(func(tx userpool.Tx) error { return tx.RevokeFamily(e.ctx, "f", e.now) })
		equal(e, "revoked", e.rotate("f", 8, e.now), false)
	}},
	{"RevokeFamily/ends the one, once", func(e *env) {
		e.insertFamilies(e.newFamily("a", "sub"), e.newFamily("b", "sub"))
		for i := range 2 {
			e.do(func(tx userpool.Tx) error { return tx.RevokeFamily(e.ctx, "a", e.in(time.Duration(i+1)*time.Minute)) })
		}
		equal(e, "first time", e.family("a").RevokedAt, e.in(time.Minute))
		equal(e, "the other", e.family("b").RevokedAt, time.Time{})
		e.do(func(tx userpool.Tx) error { return tx.RevokeFamily(e.ctx, "none", e.now) })
	}},
}
