package sqlstore

import (
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A text is written down while its code is used, by another node: the one transaction
// began, and sees the database as it was, before the other committed. Whichever is the
// one, neither runs twice, and who notes uses after both misses none.
func TestPutText_WhileItsCodeIsUsed_MissesNoUse(t *testing.T) {
	at := time.UnixMilli(1_800_000_000_000).UTC()
	ctx := t.Context()
	const id = userpool.ChallengeID("code")
	text := userpool.Text{ID: "text", Challenge: id, Status: userpool.TextSent, QueuedAt: at, SentAt: at}
	beside := userpool.Text{ID: "beside", Challenge: "another", Status: userpool.TextSent, QueuedAt: at, SentAt: at}
	put := func(tx userpool.Tx) error { return tx.PutText(ctx, beside, text) }
	use := func(tx userpool.Tx) error {
		_, err := tx.ConsumeChallenge(ctx, id, at)
		return err
	}
	for name, c := range map[string]struct{ first, second func(userpool.Tx) error }{
		"the use commits first": {use, put}, "the texts commit first": {put, use},
	} {
		t.Run(name, func(t *testing.T) {
			db := nodes(t, 1)[0]
			change := func(fn func(userpool.Tx) error) {
				t.Helper()
				if err := db.Update(ctx, fn); err != nil {
					t.Fatal(err)
				}
			}
			note := func() {
				change(func(tx userpool.Tx) error {
					return tx.UseTexts(ctx, []userpool.UsedCode{{Challenge: id}}, func(userpool.Text) {})
				})
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
					note()
				}
				return c.second(tx)
			})
			note()
			err := db.View(ctx, func(tx userpool.Tx) error {
				x, _, err := tx.Text(ctx, "text")
				if !x.UsedAt.Equal(at) || runs != 1 {
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
