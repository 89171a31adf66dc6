package sqlstore

import (
	"context"
	"errors"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// What a transaction decides by a configuration that another server has changed is
// decided again: nothing of it is stored, and nobody is told of it.
func TestAssumption_ThatIsWrong_DecidesNothing(t *testing.T) {
	ctx := t.Context()
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, other := openURL(t, url, repeatableRead), openURL(t, url, repeatableRead)
	pool := userpool.Pool{ID: "us-east-1_One", Name: "old", Settings: userpool.DefaultPoolSettings()}
	if err := other.Update(ctx, func(tx userpool.Tx) error { return tx.InsertPool(ctx, pool) }); err != nil {
		t.Fatal(err)
	}
	errNamed := errors.New("the name of the pool decides it")
	find := func(tx userpool.Tx) error {
		_, err := tx.Pool(ctx, pool.ID)
		return err
	}
	keep := func(tx userpool.Tx, p userpool.Pool) error { return tx.PutMeta(ctx, "named", p.Name) }
	look := func(tx userpool.Tx) error {
		_, err := tx.Meta(ctx, "named")
		return err
	}
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
			err = db.View(ctx, func(tx userpool.Tx) error {
				named, err := tx.Meta(ctx, "named")
				if named != pool.Name {
					t.Errorf("%q is stored, and the name is %q", named, pool.Name)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
