package storetest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newPool(id userpool.PoolID) userpool.Pool {
	s := userpool.DefaultPoolSettings()
	s.Tags = map[string]string{"team": "ü", "bellhop:behaviour": "strict"}
	s.Echo = map[string]json.RawMessage{"EmailConfiguration": json.RawMessage(`{"a":[1,null]}`)}
	return userpool.Pool{ID: id, Name: "pool " + string(id), Settings: s, CreatedAt: e.now, ModifiedAt: e.in(time.Hour)}
}

func (e *env) newClient(id userpool.ClientID, pool userpool.PoolID) userpool.Client {
	return userpool.Client{
		ID: id, PoolID: pool, Name: "app", Secrets: []userpool.ClientSecret{{ID: string(id) + "--1", Sealed: "sealed", CreatedAt: e.now}},
		Settings:  userpool.ClientSettings{ExplicitAuthFlows: []string{userpool.AllowCustom}, IDTokenTTL: 5 * time.Minute},
		CreatedAt: e.now, ModifiedAt: e.in(time.Minute),
	}
}

func (e *env) poolIDs(after userpool.PoolID, limit int) []userpool.PoolID {
	e.Helper()
	ids := []userpool.PoolID{}
	for _, p := range read(e, func(tx userpool.Tx) ([]userpool.Pool, error) { return tx.Pools(e.ctx, after, limit) }) {
		ids = append(ids, p.ID)
	}
	return ids
}

var poolCases = []testCase{
	{"Pool/comes back as stored", func(e *env) {
		p := e.newPool("us-east-1_Other")
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, p) })
		equal(e, "Pool", read(e, func(tx userpool.Tx) (userpool.Pool, error) { return tx.Pool(e.ctx, p.ID) }), p)
		absent(e, "Pool of another case", func(tx userpool.Tx) (userpool.Pool, error) { return tx.Pool(e.ctx, "us-east-1_OTHER") })
	}},
	{"InsertPool/of a taken id changes nothing", func(e *env) {
		p := e.newPool(e.pool)
		p.Name = "impostor"
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, p) })
		equal(e, "Pool", read(e, func(tx userpool.Tx) (userpool.Pool, error) { return tx.Pool(e.ctx, e.pool) }), e.newPool(e.pool))
	}},
	{"UpdatePool/replaces name and settings", func(e *env) {
		p := e.newPool(e.pool)
		p.Name, p.Settings.Tags, p.ModifiedAt = "renamed", nil, e.in(48*time.Hour)
		e.do(func(tx userpool.Tx) error { return tx.UpdatePool(e.ctx, p) })
		equal(e, "Pool", read(e, func(tx userpool.Tx) (userpool.Pool, error) { return tx.Pool(e.ctx, e.pool) }), p)
		e.try(userpool.ErrNotFound, func(tx userpool.Tx) error { return tx.UpdatePool(e.ctx, e.newPool("us-east-1_None")) })
	}},
	{"Pools/lists in order, pages, obeys its limit", func(e *env) {
		e.do(func(tx userpool.Tx) error {
			for _, id := range []userpool.PoolID{"eu-1_b", "eu-1_B", "eu-1_a", "eu-1_Z", "eu-1_1"} {
				if err := tx.InsertPool(e.ctx, e.newPool(id)); err != nil {
					return err
				}
			}
			return nil
		})
		equal(e, "all", e.poolIDs("", 100), []userpool.PoolID{"eu-1_1", "eu-1_B", "eu-1_Z", "eu-1_a", "eu-1_b", e.pool})
		equal(e, "page 1", e.poolIDs("", 2), []userpool.PoolID{"eu-1_1", "eu-1_B"})
		equal(e, "page 2", e.poolIDs("eu-1_B", 2), []userpool.PoolID{"eu-1_Z", "eu-1_a"})
		equal(e, "after the last", e.poolIDs(e.pool, 2), []userpool.PoolID{})
	}},
	{"Client/comes back as stored", func(e *env) {
		c := e.newClient("other", e.pool)
		e.do(func(tx userpool.Tx) error { return tx.InsertClient(e.ctx, c) })
		equal(e, "Client", read(e, func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, c.ID) }), c)
		absent(e, "Client", func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, "OTHER") })
		c.Name = "impostor"
		e.try(userpool.ErrExists, func(tx userpool.Tx) error { return tx.InsertClient(e.ctx, c) })
	}},
	{"InsertClient/without its pool is refused", func(e *env) {
		err := e.store.Update(e.ctx, func(tx userpool.Tx) error {
			return tx.InsertClient(e.ctx, e.newClient("other", "us-east-1_None"))
		})
		if !fault.Is(err, fault.ResourceNotFound) {
			e.Fatalf("got %v, want fault.ResourceNotFound", err)
		}
		absent(e, "Client", func(tx userpool.Tx) (userpool.Client, error) { return tx.Client(e.ctx, "other") })
	}},
	{"DeletePool/removes all that is the pool's and nothing else", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertPool(e.ctx, e.newPool("us-east-1_Gone")) })
		gone, kept := e.furnish("us-east-1_Gone"), e.furnish(e.pool)
		e.do(func(tx userpool.Tx) error { return tx.InsertKey(e.ctx, e.newKey("stock", "")) })
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, "us-east-1_Gone") })
		equal(e, "left of the deleted pool", gone.left(e), []string{})
		equal(e, "left of the other", len(kept.left(e)), furnishings)
		equal(e, "stock", read(e, func(tx userpool.Tx) (int, error) { return tx.StockKeys(e.ctx, "RS256") }), 1)
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, "us-east-1_Gone") })
	}},
	{"DeletePool/leaves the stock of keys, which is nobody's", func(e *env) {
		e.do(func(tx userpool.Tx) error { return tx.InsertKey(e.ctx, e.newKey("stock", "")) })
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, "") })
		equal(e, "stock", read(e, func(tx userpool.Tx) (int, error) { return tx.StockKeys(e.ctx, "RS256") }), 1)
	}},
}

// furnished is a pool with one of everything, all under one name.
type furnished struct {
	pool userpool.PoolID
	id   string
}

// furnishings is how many things a furnished pool has.
const furnishings = 15

// furnish puts one of everything into the pool.
func (e *env) furnish(pool userpool.PoolID) furnished {
	f := furnished{pool, newID()}
	e.do(func(tx userpool.Tx) error {
		user := e.newUser(userpool.UserID(f.id), "name "+f.id)
		user.PoolID = pool
		gone := e.newUser(userpool.UserID("gone "+f.id), "gone "+f.id)
		gone.PoolID = pool
		reg := e.newRegistration(userpool.RegistrationID(f.id), "name "+f.id)
		reg.PoolID = pool
		challenge := e.newChallenge(userpool.ChallengeID(f.id), f.id)
		challenge.PoolID = pool
		session := e.newSession(f.id, f.id)
		session.PoolID = pool
		family := e.newFamily(userpool.FamilyID(f.id), userpool.UserID(f.id))
		family.PoolID = pool
		message := e.newMessage(userpool.MessageID(f.id))
		message.PoolID = pool
		for _, step := range []func() error{
			func() error { return tx.InsertClient(e.ctx, e.newClient(userpool.ClientID(f.id), pool)) },
			func() error { return tx.InsertKey(e.ctx, e.newKey(f.id, pool)) },
			func() error { return tx.InsertUser(e.ctx, user) },
			func() error { return tx.InsertUser(e.ctx, gone) },
			func() error { return tx.DeleteUser(e.ctx, pool, gone.ID) },
			func() error { _, err := tx.CountPasswordFailure(e.ctx, pool, f.id, e.now, e.now); return err },
			func() error { return tx.InsertRegistration(e.ctx, reg) },
			func() error { _, _, err := tx.OpenChallenge(e.ctx, challenge, e.now); return err },
			func() error { return tx.InsertSession(e.ctx, session) },
			func() error { return tx.InsertFamily(e.ctx, family) },
			func() error { return tx.InsertMessage(e.ctx, message) },
			func() error {
				_, err := tx.InsertGroup(e.ctx, userpool.Group{PoolID: pool, Name: f.id}, 100)
				return err
			},
			func() error {
				_, err := tx.JoinGroup(e.ctx, userpool.Membership{PoolID: pool, Group: f.id, User: user.ID}, 100)
				return err
			},
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	return f
}

// left names what of the pool's furniture is still there. It looks in a
// transaction that changes nothing.
func (f furnished) left(e *env) []string {
	e.Helper()
	left := []string{}
	found := func(what string, err error) {
		if err == nil {
			left = append(left, what)
		}
	}
	some := func(n int, err error) error {
		if err == nil && n == 0 {
			return userpool.ErrNotFound
		}
		return err
	}
	rollback := fmt.Errorf("only looking")
	err := e.store.Update(e.ctx, func(tx userpool.Tx) error {
		left = []string{}
		_, err := tx.Pool(e.ctx, f.pool)
		found("pool", err)
		_, err = tx.Client(e.ctx, userpool.ClientID(f.id))
		found("client", err)
		keys, err := tx.Keys(e.ctx, f.pool)
		found("key", some(len(keys), err))
		_, err = tx.User(e.ctx, f.pool, userpool.UserID(f.id))
		found("user", err)
		_, err = tx.UserByName(e.ctx, f.pool, "name "+f.id)
		found("name", err)
		n, err := tx.Retired(e.ctx, f.pool, "gone "+f.id)
		found("retired", some(n, err))
		l, err := tx.PasswordLock(e.ctx, f.pool, f.id)
		found("lock", some(l.Failures, err))
		_, err = tx.Registration(e.ctx, userpool.RegistrationID(f.id))
		found("registration", err)
		_, err = tx.Challenge(e.ctx, userpool.ChallengeID(f.id))
		found("challenge", err)
		_, err = tx.Session(e.ctx, f.id)
		found("session", err)
		_, err = tx.Family(e.ctx, userpool.FamilyID(f.id))
		found("family", err)
		_, err = tx.Group(e.ctx, f.pool, f.id)
		found("group", err)
		groups, err := tx.GroupsOf(e.ctx, f.pool, userpool.UserID(f.id))
		found("membership", some(len(groups), err))
		places, err := tx.Places(e.ctx, f.pool, userpool.Filter{Attribute: "name", Value: "Zoë"}, userpool.Spot{}, 100, e.now)
		found("search", some(len(places), err))
		messages, err := tx.ClaimMessages(e.ctx, e.in(time.Hour), e.in(time.Hour), 100)
		for _, m := range messages {
			if m.ID == userpool.MessageID(f.id) {
				found("message", err)
			}
		}
		return rollback
	})
	if err != rollback {
		e.Fatalf("look for what is left: %v", err)
	}
	return left
}
