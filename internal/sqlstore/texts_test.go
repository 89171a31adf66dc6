package sqlstore

import (
	"cmp"
	"errors"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A text is written down while its code is used, by another node: the one transaction
// began, and sees the database as it was, before the other committed. Whichever is
// the one, the use is not missed.
func TestPutText_WhileItsCodeIsUsed_MissesNoUse(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	ctx := t.Context()
	const id = userpool.ChallengeID("code")
	text := userpool.Text{ID: "text", Challenge: id, Status: userpool.TextSent, QueuedAt: at, SentAt: at}
	beside := userpool.Text{ID: "beside", Challenge: "another", Status: userpool.TextSent, QueuedAt: at, SentAt: at}
	put := func(tx userpool.Tx) error { return tx.PutText(ctx, text) }
	putBoth := func(tx userpool.Tx) error { return tx.PutText(ctx, beside, text) }
	use := func(tx userpool.Tx) error {
		if _, err := tx.ConsumeChallenge(ctx, id, at); err != nil {
			return err
		}
		return tx.UseText(ctx, id, at, func(userpool.Text) {})
	}
	for name, c := range map[string]struct{ first, second func(userpool.Tx) error }{
		"the use commits first": {use, put}, "the text commits first": {put, use},
		"the use commits before two texts": {use, putBoth}, "two texts commit first": {putBoth, use},
	} {
		t.Run(name, func(t *testing.T) {
			db := nodes(t, 1)[0]
			change := func(fn func(userpool.Tx) error) {
				t.Helper()
				if err := db.Update(ctx, fn); err != nil {
					t.Fatal(err)
				}
			}
			change(func(tx userpool.Tx) error {
				if err := tx.InsertPool(ctx, userpool.Pool{ID: "pool"}); err != nil {
					return err
				}
				_, _, err := tx.OpenChallenge(ctx, userpool.Challenge{ID: id, PoolID: "pool", MaxTries: 3, ExpiresAt: at.Add(time.Hour)}, at)
				return err
			})
			runs := 0
			change(func(tx userpool.Tx) error {
				if _, err := tx.Challenge(ctx, id); err != nil { // it sees what is there now
					return err
				}
				if runs++; runs == 1 {
					change(c.first)
				}
				return c.second(tx)
			})
			err := db.View(ctx, func(tx userpool.Tx) error {
				x, _, err := tx.Text(ctx, "text")
				if !x.UsedAt.Equal(at) {
					t.Errorf("the text is used at %v, after %d runs", x.UsedAt, runs)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A text that is written down while the use of its code is under way waits for that, and
// has it, at the first go.
func TestPutText_WhileItsUseIsUnderWay_WaitsForItAndRunsOnce(t *testing.T) {
	t.Run("alone", func(t *testing.T) { putWhileUsed(t) })
	t.Run("beside another", func(t *testing.T) { putWhileUsed(t, userpool.Text{ID: "beside", Status: userpool.TextSent}) })
}

func putWhileUsed(t *testing.T, others ...userpool.Text) {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	ctx := t.Context()
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	db, operator := openURL(t, url, repeatableRead), beside(t, url)
	err := db.Update(ctx, func(tx userpool.Tx) error {
		if err := tx.InsertPool(ctx, userpool.Pool{ID: "pool"}); err != nil {
			return err
		}
		_, _, err := tx.OpenChallenge(ctx, userpool.Challenge{ID: "code", PoolID: "pool", MaxTries: 3, ExpiresAt: at.Add(time.Hour)}, at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	put, runs := make(chan error, 1), 0
	err = db.Update(ctx, func(tx userpool.Tx) error {
		if used, err := tx.ConsumeChallenge(ctx, "code", at); err != nil || !used {
			return cmp.Or(err, errors.New("the code is not to be used"))
		}
		if err := tx.UseText(ctx, "code", at, func(userpool.Text) { t.Error("there is a text already") }); err != nil {
			return err
		}
		go func() {
			put <- db.Update(ctx, func(tx userpool.Tx) error {
				runs++
				text := userpool.Text{ID: "text", Challenge: "code", Status: userpool.TextSent, QueuedAt: at, SentAt: at}
				return tx.PutText(ctx, append(others, text)...)
			})
		}()
		for patience := time.Now().Add(time.Minute); time.Now().Before(patience); {
			n, err := number(operator, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
			if err != nil || n > 0 {
				return err
			}
		}
		return errors.New("nobody waits")
	})
	if err := errors.Join(err, <-put); err != nil {
		t.Fatal(err)
	}
	err = db.View(ctx, func(tx userpool.Tx) error {
		x, _, err := tx.Text(ctx, "text")
		if !x.UsedAt.Equal(at) || runs != 1 {
			t.Errorf("the text is used at %v, after %d runs", x.UsedAt, runs)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
