package storetest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// fill gives every field of a struct, and of those in it, a value that is not zero
// and that no other field of its type has. Those that are not to be kept stay zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(1_800_000_000_000 + int64(*n)).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(v.Field(i), n)
			}
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(-1<<40 - int64(*n))
	case reflect.Int32:
		v.SetInt(1<<30 + int64(*n))
	case reflect.Uint8:
		v.SetUint(2)
	case reflect.Uint64:
		v.SetUint(math.MaxUint64 - uint64(*n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(*n) + 0.125)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	default:
		panic(fmt.Sprintf("storetest: no value for a %s", v.Type()))
	}
}

// full returns a T of which no field is zero.
func full[T any]() (v T) {
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func (e *env) cells(keys ...guard.Key) []guard.Cell {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]guard.Cell, error) { return tx.Cells(e.ctx, keys) })
}

func (e *env) putCells(keys []guard.Key, cells []guard.Cell) {
	e.Helper()
	e.do(func(tx userpool.Tx) error { return tx.PutCells(e.ctx, keys, cells) })
}

func (e *env) standings(kind guard.CellKind, notOpen bool, limit int) (keys []guard.Key) {
	e.Helper()
	for _, c := range read(e, func(tx userpool.Tx) ([]userpool.KeyedCell, error) {
		return tx.Standings(e.ctx, kind, notOpen, limit)
	}) {
		keys = append(keys, c.Key)
	}
	return keys
}

// pay pays in an Update that is taken back if one has no room.
func (e *env) pay(at time.Time, payments ...guard.Payment) (spent []guard.Spent) {
	e.Helper()
	err := e.store.Update(e.ctx, func(tx userpool.Tx) (err error) {
		if spent, err = tx.Pay(e.ctx, payments, at); err != nil {
			return err
		}
		return allPaid(spent)
	})
	if err != nil && err != errNoRoom {
		e.Fatal(err)
	}
	return spent
}

var errNoRoom = errors.New("no room")

func allPaid(spent []guard.Spent) error {
	if slices.ContainsFunc(spent, func(s guard.Spent) bool { return !s.OK }) {
		return errNoRoom
	}
	return nil
}

func (e *env) newEntry(id string) guard.Entry {
	entry := full[guard.Entry]()
	entry.ID, entry.At, entry.Verdict = id, e.now, guard.Send
	entry.UsedAt, entry.Unsent, entry.Matured = time.Time{}, false, false
	return entry
}

func (e *env) insertDecisions(lines ...guard.Entry) {
	e.Helper()
	e.do(func(tx userpool.Tx) error { return tx.InsertDecisions(e.ctx, lines) })
}

func (e *env) decisions(p userpool.DecisionPage) []guard.Entry {
	e.Helper()
	if p.Limit == 0 {
		p.Limit = 100
	}
	return read(e, func(tx userpool.Tx) ([]guard.Entry, error) { return tx.Decisions(e.ctx, p) })
}

func idsOf(lines []guard.Entry) string {
	ids := []string{}
	for _, l := range lines {
		ids = append(ids, l.ID)
	}
	return fmt.Sprint(ids)
}

// withoutLevels are lines as they are returned to whoever scores or credits texts.
func withoutLevels(lines ...guard.Entry) []guard.Entry {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].Levels = nil
	}
	return lines
}

func (e *env) claimMatured(before time.Time, limit int) []guard.Entry {
	e.Helper()
	return write(e, func(tx userpool.Tx) ([]guard.Entry, error) { return tx.ClaimMatured(e.ctx, before, limit) })
}

func (e *env) sentFor(id userpool.ChallengeID) string {
	e.Helper()
	return idsOf(read(e, func(tx userpool.Tx) ([]guard.Entry, error) { return tx.SentFor(e.ctx, id) }))
}

func (e *env) markUsed(at time.Time, ids ...userpool.ChallengeID) []guard.Entry {
	e.Helper()
	codes := make([]userpool.UsedCode, len(ids))
	for i, id := range ids {
		codes[i] = userpool.UsedCode{Challenge: id, At: at}
	}
	return write(e, func(tx userpool.Tx) ([]guard.Entry, error) { return tx.MarkUsed(e.ctx, codes) })
}

func (e *env) known(key string, since time.Time) bool {
	e.Helper()
	return read(e, func(tx userpool.Tx) (bool, error) { return tx.KnownNumber(e.ctx, key, since) })
}

var (
	hashedKey = guard.Key{Kind: guard.CellAddress, Hi: math.MaxUint64, Lo: 1 << 63}
	prefixKey = guard.Key{Kind: guard.CellBlock, Hi: 8, Lo: 91987654}
)

var guardCases = []testCase{
	{"Cells/come back as they were put, in the order of their keys", func(e *env) {
		cell, other := full[guard.Cell](), guard.Cell{At: e.now.UnixMilli(), Credit: float32(math.Inf(1))}
		e.putCells([]guard.Key{hashedKey, prefixKey}, []guard.Cell{cell, other})
		equal(e, "cells", e.cells(prefixKey, guard.Key{}, hashedKey), []guard.Cell{other, {}, cell})
		equal(e, "none", len(e.cells()), 0)
		e.putCells([]guard.Key{prefixKey}, []guard.Cell{cell})
		equal(e, "replaced", e.cells(prefixKey), []guard.Cell{cell})
		var keys []guard.Key
		var cells []guard.Cell
		for i := range 40 {
			keys = append(keys, guard.Key{Kind: guard.CellArea, Hi: 6, Lo: uint64(i)})
			cells = append(cells, guard.Cell{At: int64(i + 1)})
		}
		e.putCells(append(keys, keys[7]), append(cells, guard.Cell{At: 99}))
		cells[7].At = 99
		equal(e, "many", e.cells(keys...), cells)
	}},
	{"Cells/by many lose no change", func(e *env) {
		race(e, racers, func(tx userpool.Tx, _ int) (bool, error) {
			keys := []guard.Key{prefixKey, hashedKey}
			cells, err := tx.Cells(e.ctx, keys)
			if err != nil {
				return false, err
			}
			for i := range cells {
				cells[i].At, cells[i].Sends = e.now.UnixMilli(), cells[i].Sends+1
			}
			return true, tx.PutCells(e.ctx, keys, cells)
		})
		cell := guard.Cell{At: e.now.UnixMilli(), Sends: racers}
		equal(e, "cells", e.cells(prefixKey, hashedKey), []guard.Cell{cell, cell})
	}},
	{"Standings/lists a kind's cells, the worst first or all", func(e *env) {
		var keys []guard.Key
		var cells []guard.Cell
		for i, standing := range []guard.Standing{guard.Open, guard.Watched, guard.Closed, guard.Open, guard.Closed} {
			keys = append(keys, guard.Key{Kind: guard.CellCountry, Lo: uint64(i)})
			cells = append(cells, guard.Cell{At: e.in(time.Duration(i) * time.Hour).UnixMilli(), Standing: standing})
		}
		e.putCells(append(keys, prefixKey), append(cells, guard.Cell{At: 1, Standing: guard.Closed}))
		equal(e, "not open", e.standings(guard.CellCountry, true, 10), []guard.Key{keys[4], keys[2], keys[1]})
		equal(e, "the worst two", e.standings(guard.CellCountry, true, 2), []guard.Key{keys[4], keys[2]})
		equal(e, "all", e.standings(guard.CellCountry, false, 10), keys)
		equal(e, "some", e.standings(guard.CellCountry, false, 2), keys[:2])
		equal(e, "with the cell", read(e, func(tx userpool.Tx) ([]userpool.KeyedCell, error) {
			return tx.Standings(e.ctx, guard.CellBlock, true, 10)
		}), []userpool.KeyedCell{{Key: prefixKey, Cell: guard.Cell{At: 1, Standing: guard.Closed}}})
	}},
	{"Pay/spends all or says which had no room, and until when", func(e *env) {
		hour := guard.Limit{Max: 10_000_000_000_000, Window: time.Hour}
		day := guard.Limit{Max: 30_000_000_000_000, Window: 24 * time.Hour}
		bill := func(amount int) []guard.Payment {
			return []guard.Payment{{Key: "server/hour", Limit: hour, Amount: amount}, {Key: "pool/day", Limit: day, Amount: amount}}
		}
		equal(e, "paid", e.pay(e.now, bill(6_000_000_000_000)...), []guard.Spent{
			{OK: true, Count: 6_000_000_000_000, ResetAt: e.in(time.Hour)}, {OK: true, Count: 6_000_000_000_000, ResetAt: e.in(24 * time.Hour)}})
		equal(e, "one has no room", e.pay(e.in(time.Minute), bill(4_000_000_000_001)...), []guard.Spent{
			{Count: 6_000_000_000_000, ResetAt: e.in(time.Hour)}, {OK: true, Count: 10_000_000_000_001, ResetAt: e.in(24 * time.Hour)}})
		equal(e, "nothing is kept of it", e.spent("pool/day", e.now), 6_000_000_000_000)
		equal(e, "to the brim", allPaid(e.pay(e.in(time.Minute), bill(4_000_000_000_000)...)), nil)
		equal(e, "the next window", e.pay(e.in(time.Hour), bill(1)...), []guard.Spent{
			{OK: true, Count: 1, ResetAt: e.in(2 * time.Hour)}, {OK: true, Count: 10_000_000_000_001, ResetAt: e.in(24 * time.Hour)}})
		equal(e, "more than the limit", e.pay(e.now, guard.Payment{Key: "new", Limit: hour, Amount: hour.Max + 1}), []guard.Spent{{}})
		equal(e, "a limit of nothing", e.pay(e.now, guard.Payment{Key: "new", Limit: guard.Limit{Window: time.Hour}, Amount: 1}), []guard.Spent{{}})
		equal(e, "a key twice", e.pay(e.now, guard.Payment{Key: "two", Limit: hour, Amount: 2}, guard.Payment{Key: "two", Limit: hour, Amount: 3})[1].Count, 5)
		equal(e, "nothing to pay", len(e.pay(e.now)), 0)
	}},
	{"Pay/with a window that is over does not bring it back", func(e *env) {
		l := guard.Limit{Max: 10, Window: time.Minute}
		e.pay(e.now, guard.Payment{Key: "key", Limit: l, Amount: 10})
		late := e.in(-time.Hour) // a clock that was set back
		equal(e, "refused", e.pay(late, guard.Payment{Key: "key", Limit: l, Amount: 1}), []guard.Spent{{Count: 10, ResetAt: e.in(time.Minute)}})
	}},
	{"Refund/takes amounts back, never below zero, never from a later window", func(e *env) {
		l := guard.Limit{Max: 100, Window: time.Minute}
		refund := func(at time.Time, payments ...guard.Payment) {
			e.do(func(tx userpool.Tx) error { return tx.Refund(e.ctx, payments, at) })
		}
		one := func(key string, amount int) guard.Payment { return guard.Payment{Key: key, Limit: l, Amount: amount} }
		refund(e.now, one("none", 5), one("a", 5)) // of counters that are not there
		e.pay(e.now, one("a", 50), one("b", 20), one("c", 30))
		refund(e.in(time.Second), one("a", 20), one("b", 25), one("none", 1))
		counts := func() []int {
			return []int{e.spent("a", e.now), e.spent("b", e.now), e.spent("c", e.now), e.spent("none", e.now)}
		}
		equal(e, "counts", counts(), []int{30, 0, 30, 0})
		refund(e.in(time.Minute), one("a", 5))
		refund(e.now)
		equal(e, "counts after a refund that comes too late", counts(), []int{30, 0, 30, 0})
	}},
	{"Pay/by many is exact, all or nothing", func(e *env) {
		const most = 70
		amounts := make([]int, racers)
		race(e, racers, func(tx userpool.Tx, i int) (bool, error) {
			amounts[i] = 0
			bill := []guard.Payment{
				{Key: fmt.Sprint("own", i), Limit: guard.Limit{Max: 9, Window: time.Minute}, Amount: 1},
				{Key: "all", Limit: guard.Limit{Max: most, Window: time.Minute}, Amount: 3 + i%5},
			}
			if i%2 == 0 {
				slices.Reverse(bill)
			}
			spent, err := tx.Pay(e.ctx, bill, e.now)
			if err == nil && allPaid(spent) == nil {
				amounts[i] = 3 + i%5
			}
			return true, err
		})
		sum := 0
		for _, a := range amounts {
			sum += a
		}
		equal(e, "the counter", e.spent("all", e.now), sum)
		if sum > most || sum < most-7 {
			e.Fatalf("%d of %d were paid", sum, most)
		}
	}},
	{"Purse/does what a simple model does", func(e *env) {
		seed := rand.Uint64()
		e.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		model := counterModel{}
		for now := e.now; now.Before(e.in(30 * time.Minute)); now = now.Add(time.Duration(rnd.IntN(20_000)) * time.Millisecond) {
			var bill []guard.Payment
			for k := range 4 {
				if rnd.IntN(3) > 0 {
					bill = append(bill, guard.Payment{Key: fmt.Sprint("key", k), Amount: rnd.IntN(40),
						Limit: guard.Limit{Max: 60, Window: time.Duration(k+1) * time.Minute}})
				}
			}
			if rnd.IntN(4) == 0 {
				e.do(func(tx userpool.Tx) error { return tx.Refund(e.ctx, bill, now) })
				model.refund(bill, now)
				continue
			}
			equal(e, fmt.Sprintf("%v of %+v", now, bill), e.pay(now, bill...), model.pay(bill, now))
		}
	}},
	{"InsertDecisions/round trip", func(e *env) {
		entry := full[guard.Entry]()
		bare := guard.Entry{ID: "z", At: e.now, Verdict: guard.Refuse}
		e.insertDecisions(entry, bare)
		equal(e, "lines", e.decisions(userpool.DecisionPage{}), []guard.Entry{entry, bare})
		changed := entry
		changed.Of = "another"
		e.insertDecisions(changed)
		equal(e, "of one that is there", e.decisions(userpool.DecisionPage{}), []guard.Entry{entry, bare})
		e.do(func(tx userpool.Tx) error { return tx.InsertDecisions(e.ctx, nil) })
	}},
	{"InsertDecisions/keeps a receipt of its ask and one that is not", func(e *env) {
		ofAsk, sent := e.newEntry("a"), e.newEntry("b")
		ofAsk.Receipt = ofAsk.Ask.Receipt()
		sent.Receipt = sent.Ask.Receipt()
		sent.Receipt.SentAt, sent.Receipt.Windows = e.now, true
		other := sent
		other.ID, other.Receipt.Stepped = "c", !sent.Ask.Stepped
		e.insertDecisions(ofAsk, sent, other)
		equal(e, "lines", e.decisions(userpool.DecisionPage{}), []guard.Entry{ofAsk, sent, other})
	}},
	{"InsertDecisions/keeps a level that has no bound", func(e *env) {
		entry := e.newEntry("a")
		entry.Levels = []guard.Level{{Have: math.NaN(), Need: math.Inf(1), Limit: math.Inf(-1)}}
		e.insertDecisions(entry)
		equal(e, "levels", e.decisions(userpool.DecisionPage{})[0].Levels, []guard.Level{{Need: math.MaxFloat64, Limit: -math.MaxFloat64}})
	}},
	{"Decisions/number, request and ids pick lines, in either order", func(e *env) {
		var lines []guard.Entry
		for i := range 40 {
			line := e.newEntry(fmt.Sprintf("%02d", i))
			line.Ask.Party.Number, line.RequestID = fmt.Sprint("number", i%2), fmt.Sprint("request", i/10)
			lines = append(lines, line)
		}
		lines[39].RequestID = ""
		e.insertDecisions(lines...)
		for _, c := range []struct {
			page userpool.DecisionPage
			want string
		}{
			{userpool.DecisionPage{Limit: 3}, "[00 01 02]"},
			{userpool.DecisionPage{Limit: 2, Newest: true}, "[39 38]"},
			{userpool.DecisionPage{Above: "36"}, "[37 38 39]"},
			{userpool.DecisionPage{Above: "10", Below: "13", Newest: true}, "[12 11]"},
			{userpool.DecisionPage{Number: "number1", Limit: 2, Newest: true}, "[39 37]"},
			{userpool.DecisionPage{Number: "number1", Above: "30", Below: "36"}, "[31 33 35]"},
			{userpool.DecisionPage{RequestID: "request3", Above: "36"}, "[37 38]"},
			{userpool.DecisionPage{RequestID: "request1", Newest: true, Limit: 2}, "[19 18]"},
			{userpool.DecisionPage{Number: "nobody"}, "[]"},
		} {
			equal(e, fmt.Sprintf("%+v", c.page), idsOf(e.decisions(c.page)), c.want)
		}
	}},
	{"SentFor/has the challenge's texts that are neither used nor unsent", func(e *env) {
		a, b, c, other, refused, silent := e.newEntry("a"), e.newEntry("b"), e.newEntry("c"), e.newEntry("d"), e.newEntry("e"), e.newEntry("f")
		a.Challenge, b.Challenge, c.Challenge, other.Challenge, refused.Challenge = "one", "one", "one", "two", "one"
		refused.Verdict, silent.Challenge = guard.Refuse, ""
		e.insertDecisions(a, b, c, other, refused, silent)
		equal(e, "at first", e.sentFor("one"), "[a b c]")
		unsent := func(id string) bool {
			return write(e, func(tx userpool.Tx) (bool, error) { return tx.MarkUnsent(e.ctx, id) })
		}
		equal(e, "unsent", unsent("b"), true)
		equal(e, "unsent again", unsent("b"), false)
		equal(e, "unsent, of a refusal", unsent("e"), false)
		equal(e, "unsent, of none", unsent("none"), false)
		equal(e, "without one", e.sentFor("one"), "[a c]")
		a.UsedAt, c.UsedAt, b.Unsent = e.in(time.Second), e.in(time.Second), true
		equal(e, "used", e.markUsed(e.in(time.Second), "one"), withoutLevels(a, c))
		equal(e, "used again", idsOf(e.markUsed(e.in(time.Minute), "one")), "[]")
		equal(e, "of nobody", idsOf(e.markUsed(e.now)), "[]")
		equal(e, "of no challenge, and of none", idsOf(e.markUsed(e.now, "", "none")), "[]")
		equal(e, "when they are used", e.sentFor("one"), "[]")
		equal(e, "unsent, of a used one", unsent("a"), false)
		equal(e, "of the other", e.sentFor("two"), "[d]")
		equal(e, "of no challenge", e.sentFor(""), "[]")
		equal(e, "lines", e.decisions(userpool.DecisionPage{Below: "c"}), []guard.Entry{a, b})
	}},
	{"MarkUsed/of several challenges marks what each has, at its time", func(e *env) {
		var lines []guard.Entry
		var codes []userpool.UsedCode
		for i := range 40 { // more than one statement takes
			line := e.newEntry(fmt.Sprintf("%02d", i))
			line.Challenge = fmt.Sprint("challenge", i)
			lines = append(lines, line)
			codes = append(codes, userpool.UsedCode{Challenge: userpool.ChallengeID(line.Challenge), At: e.in(time.Duration(i) * time.Second)})
		}
		e.insertDecisions(append(lines, e.newEntry("40"))...)
		codes = append(codes, userpool.UsedCode{Challenge: codes[0].Challenge, At: e.in(time.Hour)}) // the first time stays
		for i := range lines {
			lines[i].UsedAt = codes[i].At
		}
		used := func() []guard.Entry {
			return write(e, func(tx userpool.Tx) ([]guard.Entry, error) { return tx.MarkUsed(e.ctx, codes) })
		}
		equal(e, "used", used(), withoutLevels(lines...))
		equal(e, "used again", idsOf(used()), "[]")
		equal(e, "lines", e.decisions(userpool.DecisionPage{Below: "40"}), lines)
	}},
	{"MarkUsed/leaves a challenge that is not used", func(e *env) {
		var codes []userpool.UsedCode
		for _, id := range []string{"a", "b"} {
			line := e.newEntry(id)
			line.Challenge = id
			e.insertDecisions(line)
			e.openChallenge(e.newChallenge(userpool.ChallengeID(id), id))
			codes = append(codes, userpool.UsedCode{Challenge: userpool.ChallengeID(id), At: e.now})
		}
		used := func() string {
			return idsOf(write(e, func(tx userpool.Tx) ([]guard.Entry, error) { return tx.MarkUsed(e.ctx, codes) }))
		}
		equal(e, "of neither", used(), "[]")
		equal(e, "of one, alone", idsOf(e.markUsed(e.now, "a")), "[]")
		e.consume("b", e.now)
		equal(e, "of the other", used(), "[b]")
		e.consume("a", e.now)
		equal(e, "when it is used, alone", idsOf(e.markUsed(e.now, "a")), "[a]")
	}},
	{"MarkUsed/has one winner", func(e *env) {
		e.insertDecisions(e.newEntry("a"))
		code := userpool.UsedCode{Challenge: userpool.ChallengeID(e.newEntry("a").Challenge), At: e.now}
		raceOne(e, "MarkUsed", func(tx userpool.Tx) (bool, error) {
			lines, err := tx.MarkUsed(e.ctx, []userpool.UsedCode{code})
			return len(lines) > 0, err
		})
	}},
	{"MarkUnsent/has one winner", func(e *env) {
		e.insertDecisions(e.newEntry("a"))
		raceOne(e, "MarkUnsent", func(tx userpool.Tx) (bool, error) { return tx.MarkUnsent(e.ctx, "a") })
	}},
	{"ClaimMatured/takes what was sent long enough ago, oldest first, once", func(e *env) {
		var lines []guard.Entry
		for i, age := range []time.Duration{3, 1, 2, 5, 4, 0} {
			line := e.newEntry(fmt.Sprint(i))
			line.At = e.in(-age * time.Minute)
			lines = append(lines, line)
		}
		lines[1].UsedAt, lines[4].Unsent = e.now, true
		refused := e.newEntry("refused")
		refused.At, refused.Verdict = e.in(-time.Hour), guard.StepUp
		e.insertDecisions(append(lines, refused)...)
		first := e.claimMatured(e.in(-time.Minute), 2)
		equal(e, "the oldest", idsOf(first), "[3 0]")
		lines[3].Matured = true
		equal(e, "as it stands", first[:1], withoutLevels(lines[3]))
		equal(e, "the others", idsOf(e.claimMatured(e.in(-time.Minute), 10)), "[2 1]")
		equal(e, "no more", idsOf(e.claimMatured(e.in(-time.Minute), 10)), "[]")
		equal(e, "when it is time", idsOf(e.claimMatured(e.now, 10)), "[5]")
	}},
	{"ClaimMatured/by many gives each line to one", func(e *env) {
		var lines []guard.Entry
		for i := range 60 {
			lines = append(lines, e.newEntry(fmt.Sprintf("%02d", i)))
		}
		e.insertDecisions(lines...)
		got := map[string]int{}
		for range 4 { // at read committed who chose what others claimed gets less
			for _, part := range race(e, racers, func(tx userpool.Tx, _ int) ([]guard.Entry, error) { return tx.ClaimMatured(e.ctx, e.now, 7) }) {
				for _, l := range part {
					got[l.ID]++
				}
			}
		}
		for id, n := range got {
			if n != 1 {
				e.Errorf("line %s went to %d", id, n)
			}
		}
		equal(e, "claimed", len(got), 60)
	}},
	{"KnownNumber/is one that signed in since", func(e *env) {
		touch := func(at, before time.Time) {
			e.do(func(tx userpool.Tx) error { return tx.TouchNumber(e.ctx, "number", at, before) })
		}
		equal(e, "a stranger", e.known("number", time.Time{}), false)
		touch(e.now, e.in(-24*time.Hour))
		equal(e, "now", e.known("number", e.now), true)
		equal(e, "after", e.known("number", e.in(time.Millisecond)), false)
		equal(e, "another", e.known("NUMBER", time.Time{}), false)
		touch(e.in(time.Hour), e.in(time.Hour-24*time.Hour)) // it is noted already
		equal(e, "within the day", e.known("number", e.in(time.Hour)), false)
		touch(e.in(25*time.Hour), e.in(time.Hour))
		equal(e, "after the day", e.known("number", e.in(25*time.Hour)), true)
		touch(e.in(2*time.Hour), e.in(1000*time.Hour)) // never back
		equal(e, "a late one", e.known("number", e.in(25*time.Hour)), true)
	}},
	{"Guard/leaves nothing of what is rolled back", func(e *env) {
		e.insertDecisions(e.newEntry("a"), e.newEntry("b"))
		mine := errors.New("mine")
		e.try(mine, func(tx userpool.Tx) error {
			_, payErr := tx.Pay(e.ctx, []guard.Payment{{Key: "key", Limit: guard.Limit{Max: 9, Window: time.Hour}, Amount: 4}}, e.now)
			_, unsentErr := tx.MarkUnsent(e.ctx, "b")
			_, claimErr := tx.ClaimMatured(e.ctx, e.now, 10)
			_, usedErr := tx.MarkUsed(e.ctx, []userpool.UsedCode{{Challenge: userpool.ChallengeID(e.newEntry("a").Challenge), At: e.now}})
			return errors.Join(payErr, unsentErr, claimErr, usedErr,
				tx.PutCells(e.ctx, []guard.Key{prefixKey}, []guard.Cell{full[guard.Cell]()}),
				tx.InsertDecisions(e.ctx, []guard.Entry{e.newEntry("c")}),
				tx.TouchNumber(e.ctx, "number", e.now, e.now),
				mine)
		})
		equal(e, "cells", e.cells(prefixKey), []guard.Cell{{}})
		equal(e, "spent", e.spent("key", e.now), 0)
		equal(e, "lines", e.decisions(userpool.DecisionPage{}), []guard.Entry{e.newEntry("a"), e.newEntry("b")})
		equal(e, "known", e.known("number", time.Time{}), false)
	}},
	{"Sweep/leaves what the guard remembers for its time", func(e *env) {
		const day = 24 * time.Hour
		old, fresh := e.newEntry("a"), e.newEntry("b")
		fresh.At = e.in(100 * day)
		e.insertDecisions(old, fresh)
		e.putCells([]guard.Key{prefixKey, hashedKey}, []guard.Cell{{At: e.now.UnixMilli(), Sends: 1}, {At: e.in(100 * day).UnixMilli(), Sends: 1}})
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.TouchNumber(e.ctx, "old", e.now, e.now), tx.TouchNumber(e.ctx, "fresh", e.in(100*day), e.now))
		})
		equal(e, "a month later", e.sweep(e.in(39*day), 10), 0)
		equal(e, "the cell", e.sweep(e.in(41*day), 10), 1)
		equal(e, "before three months", e.sweep(e.in(90*day-time.Millisecond), 10), 0)
		equal(e, "the line", e.sweep(e.in(90*day), 10), 1)
		equal(e, "before half a year", e.sweep(e.in(100*day), 10), 0)
		equal(e, "the number, and the other cell", e.sweep(e.in(181*day), 10), 2)
		equal(e, "cells", e.cells(prefixKey, hashedKey), []guard.Cell{{}, {}})
		equal(e, "lines", idsOf(e.decisions(userpool.DecisionPage{})), "[b]")
		equal(e, "known", []bool{e.known("old", time.Time{}), e.known("fresh", time.Time{})}, []bool{false, true})
	}},
	{"EndPending/lets nobody score texts whose codes it ended", func(e *env) {
		e.insertDecisions(e.newEntry("a"))
		e.do(func(tx userpool.Tx) error { return tx.TouchNumber(e.ctx, "number", e.now, e.now) })
		e.do(func(tx userpool.Tx) error {
			_, err := tx.EndPending(e.ctx)
			return err
		})
		equal(e, "claimed", idsOf(e.claimMatured(e.in(time.Hour), 10)), "[]")
		equal(e, "the line", idsOf(e.decisions(userpool.DecisionPage{})), "[a]")
		equal(e, "known", e.known("number", e.now), true)
	}},
}

// pay says in Go what guard.Purse says in words.
func (m counterModel) pay(bill []guard.Payment, at time.Time) []guard.Spent {
	spent := []guard.Spent{}
	after := counterModel{}
	for _, p := range bill {
		c := m[p.Key]
		if !c.ResetAt.After(at) || c.Count == 0 {
			c = guard.Spent{}
		}
		if c.OK = c.Count+p.Amount <= p.Limit.Max; c.OK {
			if c.ResetAt.IsZero() {
				c.ResetAt = at.Add(p.Limit.Window)
			}
			c.Count += p.Amount
		}
		spent = append(spent, c)
		after[p.Key] = c
	}
	if allPaid(spent) == nil {
		for key, c := range after {
			m[key] = c
		}
	}
	return spent
}

func (m counterModel) refund(bill []guard.Payment, at time.Time) {
	for _, p := range bill {
		if c := m[p.Key]; c.ResetAt.After(at) {
			c.Count = max(0, c.Count-p.Amount)
			m[p.Key] = c
		}
	}
}
