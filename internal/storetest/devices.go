package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newDevice(key string, user userpool.UserID) userpool.Device {
	return userpool.Device{
		PoolID: e.pool, Key: key, UserID: user, GroupKey: "-group", Name: "Zoë's phone", Verifier: "sealed",
		Remembered: true, Address: "2001:db8::1", CreatedAt: e.now, ModifiedAt: e.in(time.Second),
		ConfirmedAt: e.in(2 * time.Second), AuthenticatedAt: e.in(3 * time.Second),
	}
}

// freshDevice is one that nobody has confirmed.
func (e *env) freshDevice(key string, user userpool.UserID) userpool.Device {
	return userpool.Device{PoolID: e.pool, Key: key, UserID: user, GroupKey: "-group", CreatedAt: e.now, ModifiedAt: e.now, AuthenticatedAt: e.now}
}

func (e *env) insertDevices(all ...userpool.Device) {
	e.Helper()
	for _, d := range all {
		e.do(func(tx userpool.Tx) error { return tx.InsertDevice(e.ctx, d) })
	}
}

func (e *env) device(user userpool.UserID, key string) userpool.Device {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.Device, error) { return tx.Device(e.ctx, e.pool, user, key) })
}

func (e *env) noDevice(user userpool.UserID, key string) {
	e.Helper()
	absent(e, key, func(tx userpool.Tx) (userpool.Device, error) { return tx.Device(e.ctx, e.pool, user, key) })
}

// deviceKeys lists the user's confirmed devices.
func (e *env) deviceKeys(user userpool.UserID, after string, limit int) []string {
	e.Helper()
	keys := []string{}
	for _, d := range read(e, func(tx userpool.Tx) ([]userpool.Device, error) {
		return tx.Devices(e.ctx, e.pool, user, after, limit)
	}) {
		keys = append(keys, d.Key)
	}
	return keys
}

var deviceCases = []testCase{
	{"Device/comes back as stored, to its user alone", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, e.newPool("us-east-1_Other")) })
		full, bare := e.newDevice("full", "sub"), userpool.Device{PoolID: e.pool, Key: "bare", UserID: "sub"}
		e.insertDevices(full, bare)
		equal(e, "full", e.device("sub", "full"), full)
		equal(e, "bare", e.device("sub", "bare"), bare)
		e.noDevice("SUB", "full")
		e.noDevice("sub", "FULL")
		absent(e, "Device of another pool", func(tx userpool.Tx) (userpool.Device, error) {
			return tx.Device(e.ctx, "us-east-1_Other", "sub", "full")
		})
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertDevice(e.ctx, e.newDevice("full", "sub")) })
		equal(e, "the first", e.device("sub", "full"), full)
	}},
	{"UpdateDevice/replaces all but key, group, owner, creation and confirmation", func(e *env) {
		e.insertDevices(e.newDevice("key", "sub"))
		d := userpool.Device{PoolID: e.pool, Key: "key", UserID: "sub", GroupKey: "-other", CreatedAt: e.in(time.Hour), AuthenticatedAt: e.in(time.Hour)}
		e.do(func(tx userpool.Tx) error { return tx.UpdateDevice(e.ctx, d) })
		was := e.newDevice("key", "sub")
		d.GroupKey, d.CreatedAt, d.ConfirmedAt = was.GroupKey, was.CreatedAt, was.ConfirmedAt
		equal(e, "device", e.device("sub", "key"), d)
		for _, none := range []userpool.Device{e.newDevice("none", "sub"), e.newDevice("key", "somebody else")} {
			e.try(userpool.ErrNotFound, func(tx userpool.Tx) error { return tx.UpdateDevice(e.ctx, none) })
		}
	}},
	{"ConfirmDevice/has one winner, of the user's own", func(e *env) {
		e.insertDevices(e.freshDevice("key", "sub"))
		confirm := func(tx userpool.Tx, d userpool.Device) (bool, error) { return tx.ConfirmDevice(e.ctx, d) }
		equal(e, "somebody else's", write(e, func(tx userpool.Tx) (bool, error) { return confirm(tx, e.newDevice("key", "other")) }), false)
		equal(e, "none", write(e, func(tx userpool.Tx) (bool, error) { return confirm(tx, e.newDevice("none", "sub")) }), false)
		raceOne(e, "confirmation", func(tx userpool.Tx) (bool, error) { return confirm(tx, e.newDevice("key", "sub")) })
		want := e.newDevice("key", "sub")
		want.Address, want.AuthenticatedAt = "", e.now
		equal(e, "device", e.device("sub", "key"), want)
	}},
	{"Devices/lists the user's confirmed ones by key, in pages", func(e *env) {
		e.insertDevices(e.newDevice("b", "sub"), e.newDevice("c", "sub"), e.newDevice("a", "sub"), e.freshDevice("d", "sub"), e.newDevice("e", "other"))
		equal(e, "all", e.deviceKeys("sub", "", 10), []string{"a", "b", "c"})
		equal(e, "a page", e.deviceKeys("sub", "a", 1), []string{"b"})
		equal(e, "behind the last", e.deviceKeys("sub", "c", 10), []string{})
	}},
	{"DeleteDevice/removes the one, once", func(e *env) {
		e.insertDevices(e.newDevice("a", "sub"), e.newDevice("b", "sub"))
		remove := func(user userpool.UserID, key string) func(userpool.Tx) (bool, error) {
			return func(tx userpool.Tx) (bool, error) { return tx.DeleteDevice(e.ctx, e.pool, user, key) }
		}
		equal(e, "by somebody else", write(e, remove("other", "a")), false)
		raceOne(e, "removal", remove("sub", "a"))
		equal(e, "left", e.deviceKeys("sub", "", 10), []string{"b"})
	}},
	{"DeleteDevices/removes the user's, as DeleteUser and DeletePool do", func(e *env) {
		e.insertUser(e.newUser("gone"))
		e.insertDevices(e.newDevice("a", "sub"), e.freshDevice("b", "sub"), e.newDevice("c", "gone"), e.newDevice("d", "stays"))
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.DeleteDevices(e.ctx, e.pool, "sub"), tx.DeleteUser(e.ctx, e.pool, "gone"))
		})
		e.noDevice("sub", "a")
		e.noDevice("sub", "b")
		e.noDevice("gone", "c")
		equal(e, "the other's", e.deviceKeys("stays", "", 10), []string{"d"})
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		e.noDevice("stays", "d")
	}},
	{"TrimDevices/leaves those remembered, then those that signed in last", func(e *env) {
		for i := range 6 {
			d := e.newDevice(fmt.Sprint("device", i), "sub")
			d.Remembered, d.AuthenticatedAt = i < 2, e.in(time.Duration(i)*time.Minute)
			fresh := e.freshDevice(fmt.Sprint("fresh", i), "sub")
			fresh.AuthenticatedAt = d.AuthenticatedAt
			other := e.newDevice(fmt.Sprint("other", i), "other")
			e.insertDevices(d, fresh, other)
		}
		trim := func(confirmed bool, most int) []string {
			return write(e, func(tx userpool.Tx) ([]string, error) { return tx.TrimDevices(e.ctx, e.pool, "sub", confirmed, most) })
		}
		gone := trim(true, 4)
		slices.Sort(gone)
		equal(e, "gone", gone, []string{"device2", "device3"})
		e.device("sub", "fresh0")
		equal(e, "how many are gone", len(trim(false, 2)), 4)
		equal(e, "gone again", len(trim(true, 4))+len(trim(false, 2)), 0)
		equal(e, "confirmed", e.deviceKeys("sub", "", 10), []string{"device0", "device1", "device4", "device5"})
		for i := range 4 {
			e.noDevice("sub", fmt.Sprint("fresh", i))
		}
		e.device("sub", "fresh4")
		e.device("sub", "fresh5")
		equal(e, "the other's", len(e.deviceKeys("other", "", 10)), 6)
	}},
	{"ForgottenDevices/are as they were put, of the user, until his devices are deleted", func(e *env) {
		of := func(user userpool.UserID) userpool.ForgottenDevices {
			return read(e, func(tx userpool.Tx) (userpool.ForgottenDevices, error) {
				return tx.ForgottenDevices(e.ctx, e.pool, user)
			})
		}
		put := func(user userpool.UserID, f userpool.ForgottenDevices) {
			e.do(func(tx userpool.Tx) error { return tx.PutForgottenDevices(e.ctx, e.pool, user, f) })
		}
		none := userpool.ForgottenDevices{}
		equal(e, "at first", of("sub"), none)
		first, second := userpool.ForgottenDevices{Keys: []string{"a", "b"}}, userpool.ForgottenDevices{UpTo: e.now, Keys: []string{"c"}}
		put("sub", first)
		equal(e, "put", of("sub"), first)
		put("sub", second)
		put("stays", first)
		equal(e, "put again", of("sub"), second)
		equal(e, "of another case", of("SUB"), none)
		put("stays", userpool.ForgottenDevices{UpTo: e.now})
		e.do(func(tx userpool.Tx) error { return tx.DeleteDevices(e.ctx, e.pool, "sub") })
		equal(e, "after DeleteDevices", of("sub"), none)
		equal(e, "the other's", of("stays"), userpool.ForgottenDevices{UpTo: e.now})

		e.insertUser(e.newUser("gone"))
		put("gone", first)
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, "gone") })
		equal(e, "after DeleteUser", of("gone"), none)
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, e.newPool(e.pool)) })
		equal(e, "after DeletePool", of("stays"), none)
	}},
}
