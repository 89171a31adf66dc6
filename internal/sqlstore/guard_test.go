package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// purse is a budget that servers lease parts of.
var purse = guard.Limit{Max: 1_000_000, Window: time.Hour, Ahead: 30_000}

func pays(exact string, amount int) []guard.Payment {
	return []guard.Payment{
		{Key: "budget", Limit: purse, Amount: amount},
		{Key: exact, Limit: guard.Limit{Max: 1 << 40, Window: time.Hour}, Amount: 1},
	}
}

// payOnce pays in a transaction, which is stored if all have room and stored says so.
func payOnce(ctx context.Context, db *postgres, exact string, amount int, now time.Time, stored bool) (ok bool, err error) {
	err = db.Update(ctx, func(tx userpool.Tx) error {
		ok = false
		spent, err := tx.Pay(ctx, pays(exact, amount), now)
		if err != nil {
			return err
		}
		if ok = spent[0].OK && spent[1].OK; !ok || !stored {
			return errTakenBack
		}
		return nil
	})
	if errors.Is(err, errTakenBack) {
		err = nil
	}
	return ok && stored, err
}

func countOf(t *testing.T, db *postgres, key string, now time.Time) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx userpool.Tx) (err error) {
		n, err = tx.Count(t.Context(), key, now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// heldOf is what the database thinks that servers hold of a counter.
func heldOf(t *testing.T, db *postgres, key string) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(u userpool.Tx) (err error) {
		n, err = one(t.Context(), u.(*tx), value[int], `select held from counters where name = $1`, key)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Three servers pay and refund amounts at once, and take some back. What is paid
// and not refunded never exceeds the limit, and once all is put back the counter is
// exactly that.
func TestPay_ThreeServersAhead_NeverExceedTheLimitAndUseNearlyAllOfIt(t *testing.T) {
	all, now := nodes(t, 3), time.Now()
	var paid, refunded atomic.Int64
	var everybody sync.WaitGroup
	for i := range 24 {
		everybody.Go(func() {
			db, rnd, exact, bills := all[i%len(all)], rand.New(rand.NewPCG(uint64(i), 1)), fmt.Sprint("exact", i), 0
			for range 20 {
				amount := 1 + rnd.IntN(12_000)
				ok, err := payOnce(t.Context(), db, exact, amount, now, rnd.IntN(3) > 0)
				if err != nil {
					t.Error(err)
				}
				if !ok {
					continue
				}
				bills++
				if n := paid.Add(int64(amount)) - refunded.Load(); n > int64(purse.Max) {
					t.Errorf("%d are paid at once", n)
				}
				if rnd.IntN(4) > 0 {
					continue
				}
				refunded.Add(int64(amount)) // counted before it can be paid again
				bills--
				if err := db.Update(t.Context(), func(tx userpool.Tx) error { return tx.Refund(t.Context(), pays(exact, amount), now) }); err != nil {
					t.Error(err)
				}
			}
			if got := countOf(t, db, exact, now); got != bills {
				t.Errorf("the exact counter is at %d, %d bills were paid", got, bills)
			}
		})
	}
	everybody.Wait()
	due := int(paid.Load() - refunded.Load())
	for _, db := range all {
		db.ahead.settle(t.Context(), true)
	}
	if got := countOf(t, all[0], "budget", now); got != due {
		t.Errorf("the budget is at %d after all was put back, %d were paid", got, due)
	}
	if held := heldOf(t, all[0], "budget"); held != 0 {
		t.Errorf("%d are held when all was put back", held)
	}
	for { // the rest of it, one server alone
		ok, err := payOnce(t.Context(), all[0], "exact", 1000, now, true)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		due += 1000
	}
	if due > purse.Max || due <= purse.Max-1000 {
		t.Errorf("%d of %d are paid when there is no more room", due, purse.Max)
	}
}

// A refund frees no more than the counter holds, however much comes back: else what
// was refunded of other windows would pay beyond the limit of this one.
func TestRefund_OfMoreThanWasPaid_DoesNotRaiseTheLimit(t *testing.T) {
	db, now := nodes(t, 1)[0], time.Now()
	if ok, err := payOnce(t.Context(), db, "exact", 10, now, true); err != nil || !ok {
		t.Fatal(ok, err)
	}
	err := db.Update(t.Context(), func(tx userpool.Tx) error {
		return tx.Refund(t.Context(), pays("exact", 5*purse.Max), now)
	})
	if err != nil {
		t.Fatal(err)
	}
	db.ahead.settle(t.Context(), false) // it arrives, while the server holds what it has leased
	if got := countOf(t, db, "budget", now); got != purse.Ahead {
		t.Errorf("the budget is at %d when %d are held", got, purse.Ahead)
	}
	due := 0
	for amount := 20_000; amount > 0; {
		ok, err := payOnce(t.Context(), db, "exact", amount, now, true)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			due += amount
		} else {
			amount /= 2
		}
	}
	if due != purse.Max {
		t.Errorf("%d were paid of a budget of %d", due, purse.Max)
	}
}

// upTo is the schema of the first versions, made and filled as a program of the time
// would have left it.
func upTo(t *testing.T, version int, schema func(string) string) string {
	t.Helper()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	text := sqlMakeMigrations + ";"
	for i, file := range files[:version] {
		step, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += schema(string(step)) + fmt.Sprintf(";insert into schema_migrations values (%d, '%s', 0);", i+1, file)
	}
	return text + versionThree
}

const versionThree = `
	insert into pools values ('us-east-1_Old', 'riders', '{}', 1000, 1000);
	insert into clients (id, pool_id, name, settings, created_at, modified_at) values ('public', 'us-east-1_Old', 'app', '{}', 2000, 2000);
	insert into users (pool_id, id, username, names, status, enabled, attributes, verifier, created_at, modified_at, password_at,
			signed_in_at, signed_out_at, unproved, active_at, place)
		values ('us-east-1_Old', 'sub-1', 'sub-1', '["+15550100"]', 'CONFIRMED', true, '{"phone_number":"+15550100"}', 'sealed',
			4000, 5000, 0, 6000, 0, false, 6500, 'place-1');
	insert into user_names values ('us-east-1_Old', '+15550100', 'sub-1');
	insert into counters (name, spent, reset_at) values ('number/texts/1h0m0s/hash', 4, 9000);
	insert into messages (id, pool_id, client_id, purpose, challenge_id, key_id, digits, template, app_host, contact, secret, username,
			decoy, requester, created_at, expires_at, next_at, attempts)
		values ('text-1', 'us-east-1_Old', 'public', 'sign_in', 'chal-1', 'key', 6, '{####}', '', '+15550100', '', '', false, '192.0.2.1',
			6000, 9000, 6000, 0);`

func TestUpgrade_OfVersionThree_KeepsCountsAndIsReadyForTheGuard(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "bellhop.db")
		execSQL(t, path, "pragma application_id = 1113943148; pragma foreign_keys = on;"+upTo(t, 3, sqliteDialect.schema))
		readyForTheGuard(t, reopen(t, path, Options{}))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
		if err := beside(t, url).script(upTo(t, 3, postgresSchema)); err != nil {
			t.Fatal(err)
		}
		readyForTheGuard(t, &DB{openURL(t, url, repeatableRead)})
	})
}

func readyForTheGuard(t *testing.T, db *DB) {
	now := time.UnixMilli(7000)
	ctx := t.Context()
	err := db.Update(ctx, func(u userpool.Tx) error {
		if user, err := u.UserByName(ctx, "us-east-1_Old", "+15550100"); err != nil || user.ActiveAt.UnixMilli() != 6500 {
			t.Errorf("the user is %+v, %v", user, err)
		}
		if texts, err := u.ClaimMessages(ctx, now, now.Add(time.Minute), 10); err != nil || len(texts) != 1 {
			t.Errorf("the texts are %+v, %v", texts, err)
		}
		const key = "number/texts/1h0m0s/hash"
		hour := guard.Limit{Max: 5, Window: time.Hour}
		spent, err := u.Spend(ctx, key, hour, now)
		if want := (guard.Spent{OK: true, Count: 5, ResetAt: time.UnixMilli(9000).UTC()}); err != nil || spent != want {
			t.Errorf("spent %+v, %v, want %+v", spent, err, want)
		}
		paid, err := u.Pay(ctx, []guard.Payment{{Key: key, Limit: hour, Amount: 1}}, now)
		if err != nil || len(paid) != 1 || paid[0].OK || paid[0].Count != 5 {
			t.Errorf("paid %+v, %v", paid, err)
		}
		cells, err := u.Cells(ctx, []guard.Key{guard.CountryKey("IN")})
		if err != nil || cells[0] != (guard.Cell{}) {
			t.Errorf("the cells are %+v, %v", cells, err)
		}
		known, err := u.KnownNumber(ctx, "hash", time.Time{})
		if err != nil || known {
			t.Errorf("known: %v, %v", known, err)
		}
		lines, err := u.Decisions(ctx, userpool.DecisionPage{Limit: 1})
		if err != nil || len(lines) != 0 {
			t.Errorf("the log has %+v, %v", lines, err)
		}
		return u.InsertDecisions(ctx, []guard.Entry{{ID: "1", At: now}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The keyed hashes of a log are all that it has of a person.
func TestDecisions_AsTheyAreKept_HaveNoNumberOfTheirOwn(t *testing.T) {
	db := openTemp(t, Options{})
	line := guard.Entry{ID: "1", At: time.UnixMilli(7000), Ask: guard.Ask{Party: guard.Party{Number: "keyed-hash"}}}
	err := db.Update(t.Context(), func(u userpool.Tx) error {
		if err := u.InsertDecisions(t.Context(), []guard.Entry{line}); err != nil {
			return err
		}
		detail, err := one(t.Context(), u.(*tx), value[string], `select detail from guard_log where id = $1`, "1")
		if err == nil && strings.Contains(detail, "keyed-hash") {
			t.Errorf("the number's key is in a column and again in %s", detail)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sendKeys are the cells of one text.
func sendKeys(i int) []guard.Key {
	n := uint64(91_987_000 + i%97)
	return []guard.Key{
		{Kind: guard.CellBlock, Hi: 8, Lo: n}, {Kind: guard.CellRange, Hi: 7, Lo: n / 10}, {Kind: guard.CellArea, Hi: 6, Lo: n / 100},
		guard.CountryKey("IN"),
		{Kind: guard.CellAddress, Hi: uint64(i) * 0x9e3779b97f4a7c15, Lo: uint64(i % 5003)}, {Kind: guard.CellNetwork, Hi: uint64(i % 211), Lo: 1},
	}
}

func sendBill(ahead int) []guard.Payment {
	var bill []guard.Payment
	for _, key := range []string{"server/hour", "server/day", "pool/hour", "country/IN/hour"} {
		bill = append(bill, guard.Payment{Key: key, Limit: guard.Limit{Max: 1 << 40, Window: time.Hour, Ahead: ahead}, Amount: 42_000})
	}
	return bill
}

// guardSend does in a transaction what the guard does for one text.
func guardSend(ctx context.Context, u userpool.Tx, i, ahead int, now time.Time) error {
	keys := sendKeys(i)
	cells, err := u.Cells(ctx, keys)
	if err != nil {
		return err
	}
	for c := range cells {
		cells[c].At, cells[c].Sends, cells[c].Credit = now.UnixMilli(), cells[c].Sends+1, 40
	}
	if err := u.PutCells(ctx, keys, cells); err != nil {
		return err
	}
	_, err = u.Pay(ctx, sendBill(ahead), now)
	return err
}

// Texts to one country all write its cell. However many servers send at once, none
// runs out of tries and no text is lost from the account.
func TestCells_OfOneCountryByManyServers_AllGetThrough(t *testing.T) {
	const servers, each, texts = 3, 12, 8
	all, now := nodes(t, servers), time.Now()
	var runs atomic.Int64
	var everybody sync.WaitGroup
	for i := range servers * each {
		everybody.Go(func() {
			for n := range texts {
				err := all[i%servers].Update(t.Context(), func(u userpool.Tx) error {
					runs.Add(1)
					return guardSend(t.Context(), u, i*texts+n, 5_000_000, now)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	everybody.Wait()
	err := all[0].View(t.Context(), func(u userpool.Tx) error {
		cells, err := u.Cells(t.Context(), []guard.Key{guard.CountryKey("IN")})
		if err == nil && cells[0].Sends != servers*each*texts {
			t.Errorf("the country's cell has %g texts of %d", cells[0].Sends, servers*each*texts)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d texts in %d runs", servers*each*texts, runs.Load())
}

// What the guard adds to a transaction on SQLite, without the commit.
func BenchmarkGuardSend(b *testing.B) {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "bellhop.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	now, line := time.Now(), guard.Entry{At: time.Now(), Verdict: guard.Send, Challenge: "challenge", RequestID: "request"}
	run := func(name string, fn func(u userpool.Tx, i int) error) {
		b.Run(name, func(b *testing.B) {
			err := db.Update(b.Context(), func(u userpool.Tx) error {
				b.ReportAllocs()
				for i := range b.N {
					if err := fn(u, i); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
	run("CellsPutCellsPay", func(u userpool.Tx, i int) error { return guardSend(b.Context(), u, i, 0, now) })
	run("Cells", func(u userpool.Tx, i int) error {
		_, err := u.Cells(b.Context(), sendKeys(i))
		return err
	})
	run("PutCells", func(u userpool.Tx, i int) error {
		return u.PutCells(b.Context(), sendKeys(i), make([]guard.Cell, 6))
	})
	run("Pay", func(u userpool.Tx, i int) error {
		_, err := u.Pay(b.Context(), sendBill(0), now)
		return err
	})
	run("InsertDecisions", func(u userpool.Tx, i int) error {
		line.ID = fmt.Sprintf("%016x-%d", i, b.N)
		return u.InsertDecisions(b.Context(), []guard.Entry{line})
	})
}
