package sqlstore

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// benchText is a text as most are, its ids as long as those of providers.
func benchText(i int, at time.Time) userpool.Text {
	id := fmt.Sprintf("%08x-5f0e-4c3a-9d5e-%012x", uint32(i)*2654435761, i)
	return userpool.Text{
		ID: userpool.MessageID(id), PoolID: "us-east-1_AbCdEfGhI", ClientID: "3n4b5urk1ft4fl3mg5e62d9ado", Purpose: userpool.PurposeSignIn,
		Challenge: userpool.ChallengeID(id), Country: []string{"IN", "US", "NG", "BR"}[i%4], Provider: []string{"twilio-main", "msg91-in"}[i%2],
		Ref: fmt.Sprintf("SM%032x", i), Wording: "sign-in", Language: "en", Segments: 1, Micros: 8_300, Status: userpool.TextSent, Attempts: 1,
		QueuedAt: at, SentAt: at.Add(time.Second),
	}
}

// What a text costs the store, beside the commit: the time of each verb within a
// transaction among those of a busy hour, and the bytes of a row and of a day's sums,
// indexes included.
func BenchmarkTexts(b *testing.B) {
	lite, err := Open(b.Context(), filepath.Join(b.TempDir(), "bellhop.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer lite.Close()
	pg, err := openPostgres(b.Context(), pgtest.NewSchema(b, pgtest.Shared(b).NewDatabase(b)), repeatableRead, Options{}.withDefaults())
	if err != nil {
		b.Fatal(err)
	}
	defer pg.Close()
	b.Run("SQLite", func(b *testing.B) {
		benchTexts(b, lite, `select sum(pgsize) from dbstat where name in ('texts', 'sqlite_autoindex_texts_1', 'texts_by_challenge', 'texts_by_ref', 'texts_by_time')`,
			`select sum(pgsize) from dbstat where name = 'text_days'`)
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		benchTexts(b, pg, `select pg_total_relation_size('texts')`, `select pg_total_relation_size('text_days')`)
	})
}

func benchTexts(b *testing.B, store userpool.Store, sizeOfTexts, sizeOfDays string) {
	const rows, groups = 20_000, 2_000
	now := time.UnixMilli(1_790_000_000_000)
	ctx := b.Context()
	update := func(b *testing.B, fn func(u userpool.Tx) error) {
		if err := store.Update(ctx, fn); err != nil {
			b.Fatal(err)
		}
	}
	number := func(query string) (n int64) {
		update(b, func(u userpool.Tx) (err error) {
			n, err = one(ctx, u.(*tx), value[int64], query)
			return err
		})
		return n
	}
	// Texts come a few at a time, so pages fill as they do in a server.
	insert := func(n int, text func(i int) userpool.Text) {
		for i := 0; i < n; i += 100 {
			update(b, func(u userpool.Tx) error {
				for j := range 100 {
					if err := u.PutText(ctx, text(i+j)); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	hour := func(i int) userpool.Text { return benchText(i, now.Add(time.Duration(i)*time.Hour/rows)) }
	insert(rows, hour)
	perRow := float64(number(sizeOfTexts)) / rows
	run := func(name string, fn func(u userpool.Tx, i int) error) {
		b.Run(name, func(b *testing.B) {
			update(b, func(u userpool.Tx) error {
				for i := range b.N {
					if err := fn(u, i); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	fresh := rows
	b.Run("PutText", func(b *testing.B) {
		update(b, func(u userpool.Tx) error {
			for range b.N {
				fresh++
				if err := u.PutText(ctx, benchText(fresh, now.Add(-24*time.Hour))); err != nil {
					return err
				}
			}
			return nil
		})
		b.ReportMetric(perRow, "bytes/row")
	})
	run("UseTexts", func(u userpool.Tx, i int) error {
		return u.UseTexts(ctx, []userpool.UsedCode{{Challenge: hour(i % rows).Challenge, At: now}}, func(userpool.Text) {})
	})
	run("UseTexts of a code without a text", func(u userpool.Tx, i int) error {
		return u.UseTexts(ctx, []userpool.UsedCode{{Challenge: "none", At: now}}, func(userpool.Text) {})
	})
	run("TellText", func(u userpool.Tx, i int) error {
		_, err := u.TellText(ctx, hour(i%rows).ID, userpool.TextDelivered, "", 1, 8_300, now)
		return err
	})
	run("TextEvidence of 10000 texts", func(u userpool.Tx, i int) error {
		_, err := u.TextEvidence(ctx, now, now.Add(time.Hour/2))
		return err
	})
	run("TextCounts of 20000 texts", func(u userpool.Tx, i int) error {
		_, err := u.TextCounts(ctx, now.Truncate(24*time.Hour), now.Add(48*time.Hour))
		return err
	})
	b.Run("FoldTexts of 500 texts", func(b *testing.B) {
		fold := func(before time.Time) (n int) {
			update(b, func(u userpool.Tx) (err error) {
				n, err = u.FoldTexts(ctx, before, 500)
				return err
			})
			return n
		}
		for range b.N {
			b.StopTimer()
			insert(500, func(i int) userpool.Text { return benchText(1<<20+i, now.Add(-240*time.Hour)) })
			b.StartTimer()
			fold(now.Add(-239 * time.Hour))
		}
		b.StopTimer()
		insert(groups, func(i int) userpool.Text {
			t := benchText(1<<21+i, now.Add(-240*time.Hour))
			t.Wording = fmt.Sprint("sign-in-", i)
			return t
		})
		for fold(now.Add(-239*time.Hour)) > 0 {
		}
		b.ReportMetric(float64(number(sizeOfDays))/float64(number(`select count(*) from text_days`)), "bytes/day-row")
	})
}
