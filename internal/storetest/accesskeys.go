package storetest

import (
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newAccessKey(id string) userpool.AccessKey {
	return userpool.AccessKey{ID: id, Name: "of " + id, Secret: "sealed " + id, CreatedAt: e.now}
}

func (e *env) insertAccessKeys(all ...userpool.AccessKey) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		for _, k := range all {
			if err := tx.InsertAccessKey(e.ctx, k); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *env) accessKey(id string) userpool.AccessKey {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.AccessKey, error) { return tx.AccessKey(e.ctx, id) })
}

var accessKeyCases = []testCase{
	{"AccessKeys/come back as stored, oldest first", func(e *env) {
		first, second := e.newAccessKey("z"), e.newAccessKey("a")
		second.CreatedAt, second.ExpiresAt, second.LastUsedAt = e.in(time.Second), e.in(time.Hour), e.in(time.Minute)
		second.Operations, second.Pools = []string{"AdminGet*", "ListUsers"}, []userpool.PoolID{e.pool, "us-east-1_None"}
		e.insertAccessKeys(second, first)
		equal(e, "AccessKey", e.accessKey("a"), second)
		absent(e, "AccessKey", func(tx userpool.Tx) (userpool.AccessKey, error) { return tx.AccessKey(e.ctx, "A") })
		all := read(e, func(tx userpool.Tx) ([]userpool.AccessKey, error) { return tx.AccessKeys(e.ctx) })
		equal(e, "AccessKeys", all, []userpool.AccessKey{first, second})
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertAccessKey(e.ctx, e.newAccessKey("a")) })
		equal(e, "after the second", e.accessKey("a"), second)
	}},
	{"DeleteAccessKey/removes the one, once", func(e *env) {
		e.insertAccessKeys(e.newAccessKey("a"), e.newAccessKey("b"))
		raceOne(e, "DeleteAccessKey", func(tx userpool.Tx) (bool, error) { return tx.DeleteAccessKey(e.ctx, "a") })
		all := read(e, func(tx userpool.Tx) ([]userpool.AccessKey, error) { return tx.AccessKeys(e.ctx) })
		equal(e, "left", all, []userpool.AccessKey{e.newAccessKey("b")})
	}},
	{"TouchAccessKey/notes a use unless a later one is noted", func(e *env) {
		e.insertAccessKeys(e.newAccessKey("a"), e.newAccessKey("b"))
		touch := func(at, before time.Time) {
			e.do(func(tx userpool.Tx) error {
				return errors.Join(tx.TouchAccessKey(e.ctx, "a", at, before), tx.TouchAccessKey(e.ctx, "none", at, before))
			})
		}
		touch(e.in(time.Hour), e.in(time.Hour-time.Minute))
		equal(e, "first", e.accessKey("a").LastUsedAt, e.in(time.Hour))
		touch(e.in(time.Hour+time.Second), e.in(time.Hour-59*time.Second))
		equal(e, "within the minute", e.accessKey("a").LastUsedAt, e.in(time.Hour))
		touch(e.in(time.Hour+time.Minute), e.in(time.Hour))
		equal(e, "a minute later", e.accessKey("a").LastUsedAt, e.in(time.Hour+time.Minute))
		equal(e, "the other", e.accessKey("b").LastUsedAt, time.Time{})
	}},
}
