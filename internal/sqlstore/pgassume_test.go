package sqlstore

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// errNamed is a refusal that the name of the pool has decided.
var errNamed = errors.New("the name of the pool decides it")

// twoServers share a database that has one pool, which the second has made.
func twoServers(t *testing.T) (db, other *postgres, pool userpool.Pool) {
	t.Helper()
	address := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, other = openURL(t, address, repeatableRead), openURL(t, address, repeatableRead)
	pool = userpool.Pool{ID: "us-east-1_One", Name: "old", Settings: userpool.DefaultPoolSettings()}
	if err := other.Update(t.Context(), func(tx userpool.Tx) error { return tx.InsertPool(t.Context(), pool) }); err != nil {
		t.Fatal(err)
	}
	return db, other, pool
}

// lookAtNamed reads something that no configuration holds.
func lookAtNamed(ctx context.Context, tx userpool.Tx) error {
	_, err := tx.Meta(ctx, "named")
	return err
}

// named is the name by which something was decided that is stored.
func named(t *testing.T, db *postgres) (stored string) {
	t.Helper()
	err := db.View(t.Context(), func(tx userpool.Tx) (err error) {
		stored, err = tx.Meta(t.Context(), "named")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return stored
}

// What a transaction decides by a configuration that another server has changed is
// decided again: nothing of it is stored, and nobody is told of it.
func TestAssumption_ThatIsWrong_DecidesNothing(t *testing.T) {
	ctx := t.Context()
	db, other, pool := twoServers(t)
	find := func(tx userpool.Tx) error {
		_, err := tx.Pool(ctx, pool.ID)
		return err
	}
	keep := func(tx userpool.Tx, p userpool.Pool) error { return tx.PutMeta(ctx, "named", p.Name) }
	look := func(tx userpool.Tx) error { return lookAtNamed(ctx, tx) }
	for name, c := range map[string]struct {
		run    func(context.Context, func(userpool.Tx) error) error
		before func(userpool.Tx) error
		then   func(userpool.Tx, userpool.Pool) error
		writes bool
	}{
		"a View":                             {run: db.View},
		"a View that has read":               {run: db.View, before: look},
		"a View that refuses":                {run: db.View, then: func(userpool.Tx, userpool.Pool) error { return errNamed }},
		"an Update":                          {run: db.Update},
		"an Update that has read":            {run: db.Update, before: look},
		"an Update that refuses":             {run: db.Update, then: func(userpool.Tx, userpool.Pool) error { return errNamed }},
		"an Update that writes":              {run: db.Update, then: keep, writes: true},
		"an Update that reads and writes":    {run: db.Update, then: func(tx userpool.Tx, p userpool.Pool) error { return errors.Join(look(tx), keep(tx, p)) }, writes: true},
		"an Update that writes, having read": {run: db.Update, before: look, then: keep, writes: true},
	} {
		t.Run(name, func(t *testing.T) {
			pool.Name += "er"
			err := errors.Join(db.View(ctx, find), // which keeps it
				other.Update(ctx, func(tx userpool.Tx) error { return tx.UpdatePool(ctx, pool) }))
			if err != nil {
				t.Fatal(err)
			}
			var saw []string
			err = c.run(ctx, func(tx userpool.Tx) error {
				if c.before != nil {
					if err := c.before(tx); err != nil {
						return err
					}
				}
				p, err := tx.Pool(ctx, pool.ID)
				if err != nil {
					return err
				}
				saw = append(saw, p.Name)
				if c.then == nil {
					return nil
				}
				return c.then(tx, p)
			})
			if err != nil && !errors.Is(err, errNamed) || len(saw) != 2 || saw[1] != pool.Name {
				t.Errorf("it saw %q and ended in %v; the name is %q", saw, err, pool.Name)
			}
			if !c.writes {
				return
			}
			if stored := named(t, db); stored != pool.Name {
				t.Errorf("%q is stored, and the name is %q", stored, pool.Name)
			}
		})
	}
}

// What an operation decides by a View that has asked nobody is decided again too, where
// another server has changed the configuration: nothing of it is stored, or told, or
// done elsewhere.
func TestReliance_ThatIsWrong_DecidesNothing(t *testing.T) {
	ctx := t.Context()
	db, other, pool := twoServers(t)
	read := func(tx userpool.Tx) error { return lookAtNamed(ctx, tx) }
	for name, then := range map[string]func(ctx context.Context, named string) error{
		"answers": func(context.Context, string) error { return nil },
		"refuses": func(context.Context, string) error { return errNamed },
		"writes": func(ctx context.Context, named string) error {
			return db.Update(ctx, func(tx userpool.Tx) error { return tx.PutMeta(ctx, "named", named) })
		},
		"reads and writes": func(ctx context.Context, named string) error {
			return db.Update(ctx, func(tx userpool.Tx) error { return errors.Join(read(tx), tx.PutMeta(ctx, "named", named)) })
		},
		"reads the pool and writes": func(ctx context.Context, named string) error {
			return db.Update(ctx, func(tx userpool.Tx) error {
				_, err := tx.Pool(ctx, pool.ID)
				return errors.Join(err, tx.PutMeta(ctx, "named", named))
			})
		},
		"looks and writes": func(ctx context.Context, named string) error {
			return errors.Join(db.View(ctx, read),
				db.Update(ctx, func(tx userpool.Tx) error { return tx.PutMeta(ctx, "named", named) }))
		},
		"goes on after an error": func(ctx context.Context, named string) error {
			_ = db.View(ctx, read)
			return db.Update(ctx, func(tx userpool.Tx) error { return tx.PutMeta(ctx, "named", named) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			pool.Name += "er"
			err := errors.Join(
				db.View(ctx, func(tx userpool.Tx) error { // which keeps it
					_, err := tx.Pool(ctx, pool.ID)
					return err
				}),
				other.Update(ctx, func(tx userpool.Tx) error {
					return errors.Join(tx.UpdatePool(ctx, pool), tx.PutMeta(ctx, "named", "nothing"))
				}))
			if err != nil {
				t.Fatal(err)
			}
			var saw []string
			answer, err := userpool.Relying(ctx, db, func(ctx context.Context) (name string, err error) {
				err = db.View(ctx, func(tx userpool.Tx) error {
					p, err := tx.Pool(ctx, pool.ID)
					name = p.Name
					return err
				})
				if err != nil {
					return "", err
				}
				saw = append(saw, name)
				return name, then(ctx, name)
			})
			if err != nil && !errors.Is(err, errNamed) || answer != pool.Name || len(saw) != 2 || saw[0] == pool.Name {
				t.Errorf("it saw %q and ended in %q, %v; the name is %q", saw, answer, err, pool.Name)
			}
			if stored := named(t, db); stored != "nothing" && stored != pool.Name {
				t.Errorf("%q is stored, and the name is %q", stored, pool.Name)
			}
		})
	}
}

// A View that needs nothing but what is kept costs an operation no round trip of its own.
func TestReliance_SparesARoundTrip(t *testing.T) {
	ctx := t.Context()
	db, proxy := openThrough(t)
	pool := userpool.Pool{ID: "us-east-1_One", Name: "one", Settings: userpool.DefaultPoolSettings()}
	if err := db.Update(ctx, func(tx userpool.Tx) error { return tx.InsertPool(ctx, pool) }); err != nil {
		t.Fatal(err)
	}
	operation := func(ctx context.Context) (bool, error) {
		err := db.View(ctx, func(tx userpool.Tx) error {
			_, err := tx.Pool(ctx, pool.ID)
			return err
		})
		return true, errors.Join(err, db.Update(ctx, func(tx userpool.Tx) error {
			_, err := tx.Meta(ctx, "named")
			return errors.Join(err, tx.PutMeta(ctx, "named", "x"))
		}))
	}
	trips := func(run func() (bool, error)) int64 {
		_, before := proxy.Counts()
		if _, err := run(); err != nil {
			t.Fatal(err)
		}
		_, after := proxy.Counts()
		return after - before
	}
	asking := func() (bool, error) { return operation(ctx) }
	trips(asking) // which prepares
	trips(asking)
	if asks, relies := trips(asking), trips(func() (bool, error) { return userpool.Relying(ctx, db, operation) }); relies != asks-1 {
		t.Errorf("it takes %d round trips, and %d where it relies", asks, relies)
	}
}

// openThrough opens a database by way of a proxy.
func openThrough(t *testing.T) (*postgres, *pgtest.Proxy) {
	cluster := pgtest.Shared(t)
	proxy := pgtest.NewProxy(t, cluster)
	address, err := url.Parse(pgtest.NewSchema(t, cluster.NewDatabase(t)))
	if err != nil {
		t.Fatal(err)
	}
	through, err := url.Parse(pgtest.DSN("", proxy))
	if err != nil {
		t.Fatal(err)
	}
	address.Host = through.Host
	return openURL(t, address.String(), repeatableRead), proxy
}

// Who reads a Session ahead gets its challenge, its user and his groups with it.
func TestAhead_OfASession_IsOneRoundTrip(t *testing.T) {
	ctx, at := t.Context(), time.UnixMilli(1_800_000_000_000).UTC()
	db, proxy := openThrough(t)
	user := userpool.User{PoolID: "pool", ID: "user", Username: "asha", Status: userpool.StatusConfirmed, Enabled: true, CreatedAt: at}
	for _, fn := range []func(userpool.Tx) error{
		func(tx userpool.Tx) error { return tx.InsertPool(ctx, userpool.Pool{ID: "pool"}) },
		func(tx userpool.Tx) error { return tx.InsertUser(ctx, user) },
		func(tx userpool.Tx) error {
			_, err := tx.InsertGroup(ctx, userpool.Group{PoolID: "pool", Name: "group"}, 9)
			return err
		},
		func(tx userpool.Tx) error {
			_, err := tx.JoinGroup(ctx, userpool.Membership{PoolID: "pool", Group: "group", User: "user", AddedAt: at}, 9)
			return err
		},
		func(tx userpool.Tx) error {
			_, _, err := tx.OpenChallenge(ctx, userpool.Challenge{ID: "code", PoolID: "pool", Subject: "user", MaxTries: 3, ExpiresAt: at.Add(time.Hour)}, at)
			return err
		},
		func(tx userpool.Tx) error {
			return tx.InsertSession(ctx, userpool.Session{Hash: "h", PoolID: "pool", Subject: "user", Challenge: "code", ExpiresAt: at.Add(time.Hour)})
		},
	} {
		if err := db.Update(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the first prepares
		var before, after int64
		err := db.Update(ctx, func(tx userpool.Tx) error {
			_, before = proxy.Counts()
			tx.Ahead(ctx, func(tx userpool.Tx) { tx.Session(ctx, "h") })
			s, err := tx.Session(ctx, "h")
			if err != nil {
				return err
			}
			u, err := tx.User(ctx, s.PoolID, userpool.UserID(s.Subject))
			if err != nil || u.Username != "asha" {
				t.Errorf("the user is %q: %v", u.Username, err)
			}
			groups, err := tx.GroupsOf(ctx, s.PoolID, userpool.UserID(s.Subject))
			if err != nil || len(groups) != 1 || groups[0].Name != "group" {
				t.Errorf("the groups are %v: %v", groups, err)
			}
			c, open, err := tx.Answerable(ctx, s.Challenge, at)
			if err != nil || !open || c.ID != "code" {
				t.Errorf("%q may be answered: %v: %v", c.ID, open, err)
			}
			_, after = proxy.Counts()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if after-before != 1 {
			t.Logf("%d round trips", after-before)
			continue
		}
		return
	}
	t.Error("what belongs to a Session takes round trips of its own")
}
