package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

func (e *env) newText(id userpool.MessageID) userpool.Text {
	t := full[userpool.Text]()
	t.ID, t.PoolID, t.ClientID, t.Status, t.Challenge = id, e.pool, e.client, userpool.TextSent, "code"
	t.QueuedAt, t.SentAt, t.ToldAt, t.UsedAt = e.now, e.in(time.Second), time.Time{}, time.Time{}
	t.Segments, t.Micros = 2, 83_000
	return t
}

func (e *env) insertTexts(all ...userpool.Text) {
	e.Helper()
	e.do(func(tx userpool.Tx) error { return tx.PutText(e.ctx, all...) })
}

func (e *env) text(id userpool.MessageID) userpool.Text {
	e.Helper()
	return read(e, func(tx userpool.Tx) (userpool.Text, error) {
		t, found, err := tx.Text(e.ctx, id)
		if err == nil && !found {
			err = userpool.ErrNotFound
		}
		return t, err
	})
}

func (e *env) textsOf(id userpool.ChallengeID) (ids []userpool.MessageID) {
	e.Helper()
	for _, t := range read(e, func(tx userpool.Tx) ([]userpool.Text, error) { return tx.TextsOf(e.ctx, id) }) {
		ids = append(ids, t.ID)
	}
	return ids
}

func (e *env) tell(id userpool.MessageID, s userpool.TextStatus, code string, segments int, micros int64) bool {
	e.Helper()
	return write(e, func(tx userpool.Tx) (bool, error) {
		return tx.TellText(e.ctx, id, s, code, segments, micros, e.in(time.Minute))
	})
}

func (e *env) useText(id userpool.ChallengeID, at time.Time) {
	e.Helper()
	for _, t := range e.useTexts(userpool.UsedCode{Challenge: id, At: at}) {
		equal(e, "when", t.UsedAt, at.UTC().Truncate(time.Millisecond))
	}
}

// useTexts returns the texts that are said to be used.
func (e *env) useTexts(codes ...userpool.UsedCode) (used []userpool.Text) {
	e.Helper()
	e.do(func(tx userpool.Tx) error {
		used = nil
		return tx.UseTexts(e.ctx, codes, func(t userpool.Text) { used = append(used, t) })
	})
	for _, t := range used {
		equal(e, "the text that is said to be used", t, e.text(t.ID))
	}
	return used
}

// used names the challenge's texts that have the time of its use.
func (e *env) used(id userpool.ChallengeID) (ids []userpool.MessageID) {
	e.Helper()
	for _, t := range read(e, func(tx userpool.Tx) ([]userpool.Text, error) { return tx.TextsOf(e.ctx, id) }) {
		if !t.UsedAt.IsZero() {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func (e *env) textCounts(from, to time.Time) []userpool.TextCount {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]userpool.TextCount, error) { return tx.TextCounts(e.ctx, from, to) })
}

func (e *env) fold(before time.Time, limit int) int {
	e.Helper()
	return write(e, func(tx userpool.Tx) (int, error) { return tx.FoldTexts(e.ctx, before, limit) })
}

func (e *env) optedOut(key string) bool {
	e.Helper()
	return read(e, func(tx userpool.Tx) (bool, error) { return tx.OptedOut(e.ctx, key) })
}

// textStatuses are all of them, each later than those before it.
var textStatuses = []userpool.TextStatus{
	userpool.TextExpired, userpool.TextUnsent, userpool.TextDryRun, userpool.TextMaybe, userpool.TextSent, userpool.TextFailed, userpool.TextDelivered,
}

// mixedTexts are texts of two days of every status, pool, country and provider, some
// of them used.
func (e *env) mixedTexts() (all []userpool.Text) {
	for i := range 120 {
		t := e.newText(userpool.MessageID(fmt.Sprint("t", i)))
		t.Challenge = userpool.ChallengeID(fmt.Sprint("c", i))
		t.PoolID = []userpool.PoolID{e.pool, "us-east-1_Gone"}[i%2]
		t.Country, t.Provider = []string{"IN", "NG", ""}[i%3], []string{"first", "second"}[i/3%2]
		t.Status, t.Known = textStatuses[i%len(textStatuses)], i%5 == 0
		t.Segments, t.Micros = 1+i%3, 1<<33+int64(i)
		t.QueuedAt = e.in(time.Duration(i) * 20 * time.Minute)
		t.SentAt = t.QueuedAt.Add(time.Second)
		all = append(all, t)
	}
	return all
}

var textLogCases = []testCase{
	{"PutText/keeps all of it, is found by its keys, and leaves what is there", func(e *env) {
		first, second := e.newText("first"), e.newText("second")
		second.SentAt = e.in(time.Hour)
		again := e.newText("first")
		again.Ref = "impostor"
		maybe, sure := e.newText("maybe"), e.newText("maybe")
		maybe.Challenge, maybe.Status, maybe.Ref = "", userpool.TextMaybe, ""
		sure.Provider, sure.Ref, sure.Attempts, sure.SentAt = "next", "ref of next", 2, e.in(time.Minute)
		other := e.newText("other")
		other.Challenge, other.Ref, other.Provider = "", "", "other"
		e.insertTexts(first, second, again, other, maybe, sure)
		equal(e, "first", e.text("first"), first)
		sure.Challenge = ""
		equal(e, "that may have been sent", e.text("maybe"), sure)
		equal(e, "of the code", e.textsOf("code"), []userpool.MessageID{"first", "second"})
		equal(e, "of no code", e.textsOf(""), nil)
		byRef := func(provider, ref string) userpool.MessageID {
			return read(e, func(tx userpool.Tx) (userpool.MessageID, error) {
				t, _, err := tx.TextByRef(e.ctx, provider, ref)
				return t.ID, err
			})
		}
		equal(e, "by the provider's id", byRef(first.Provider, first.Ref), "second")
		equal(e, "by another's", byRef("other", first.Ref), "")
		equal(e, "by none", byRef("other", ""), "")
		equal(e, "absent", read(e, func(tx userpool.Tx) (bool, error) {
			_, found, err := tx.Text(e.ctx, "none")
			return found, err
		}), false)
	}},
	{"TellText/goes forward only, and says so", func(e *env) {
		for i, was := range textStatuses {
			for j, told := range textStatuses {
				x := e.newText(userpool.MessageID(was + "/" + told))
				x.Status, x.Code = was, "before"
				e.insertTexts(x)
				equal(e, string(x.ID), e.tell(x.ID, told, "after", 3, 1<<40), j > i)
				if j > i {
					x.Status, x.Code, x.ToldAt = told, "after", e.in(time.Minute)
				}
				x.Segments, x.Micros = 3, 1<<40 // a price may come late
				equal(e, "text", e.text(x.ID), x)
				equal(e, "again", e.tell(x.ID, told, "later", 0, 0), false)
				equal(e, "text", e.text(x.ID), x)
			}
		}
		equal(e, "none", e.tell("none", userpool.TextDelivered, "", 1, 1), false)
		e.insertTexts(e.newText("odd"))
		equal(e, "a word that is no status", e.tell("odd", "lost", "", 0, 0), false)
	}},
	{"TellText/by many is told once of each", func(e *env) {
		e.insertTexts(e.newText("t"))
		raceOne(e, "failed", func(tx userpool.Tx) (bool, error) {
			return tx.TellText(e.ctx, "t", userpool.TextFailed, "30003", 0, 0, e.now)
		})
		raceOne(e, "delivered", func(tx userpool.Tx) (bool, error) {
			return tx.TellText(e.ctx, "t", userpool.TextDelivered, "", 0, 0, e.now)
		})
	}},
	{"UseTexts/marks the last that may have been sent, once", func(e *env) {
		var all []userpool.Text
		for i, status := range []userpool.TextStatus{
			userpool.TextSent, userpool.TextFailed, userpool.TextExpired, userpool.TextUnsent, userpool.TextDryRun,
		} {
			t := e.newText(userpool.MessageID(status))
			t.Status, t.SentAt = status, e.in(time.Duration(i)*time.Second)
			all = append(all, t)
		}
		other := e.newText("other")
		other.Challenge = "other code"
		e.insertTexts(append(all, other)...)
		e.useText("code", e.in(time.Minute))
		equal(e, "used", e.used("code"), []userpool.MessageID{"failed"})
		equal(e, "at", e.text("failed").UsedAt, e.in(time.Minute))
		late := e.newText("late")
		late.SentAt = e.in(2 * time.Minute)
		e.insertTexts(late)
		e.useText("code", e.in(time.Hour))
		e.tell("failed", userpool.TextDelivered, "", 0, 0)
		equal(e, "used once", e.used("code"), []userpool.MessageID{"failed"})
		equal(e, "at", e.text("failed").UsedAt, e.in(time.Minute))
		equal(e, "of another", e.used("other code"), nil)
		e.useText("", e.now)
		e.useText("no code", e.now)
	}},
	{"UseTexts/of several codes marks each at its time, and nothing of those that are not used", func(e *env) {
		var all []userpool.Text
		for i := range 20 {
			id := userpool.ChallengeID(fmt.Sprint("c", i))
			e.openChallenge(e.newChallenge(id, string(id)))
			t := e.newText(userpool.MessageID(id))
			t.Challenge = id
			all = append(all, t)
		}
		e.insertTexts(all...)
		e.consume("c1", e.in(time.Second))
		e.consume("c2", e.in(2*time.Second))
		codes := []userpool.UsedCode{
			{Challenge: "c0", At: e.in(time.Minute)}, // whose use was not stored
			{Challenge: "c1"}, {Challenge: "c2", At: e.in(time.Hour)}, {Challenge: "c2"}, {Challenge: "c3"}, {Challenge: ""}, {Challenge: "none"},
		}
		for i := range 16 {
			c := userpool.UsedCode{Challenge: userpool.ChallengeID(fmt.Sprint("c", 4+i)), At: e.in(time.Minute)}
			e.consume(c.Challenge, c.At)
			codes = append(codes, c)
		}
		equal(e, "used", len(e.useTexts(codes...)), 18)
		equal(e, "again", len(e.useTexts(codes...)), 0)
		equal(e, "by its challenge", e.text("c1").UsedAt, e.in(time.Second))
		equal(e, "as it was said", e.text("c2").UsedAt, e.in(time.Hour))
		equal(e, "said to be used, and not", e.text("c0").UsedAt, time.Time{})
		equal(e, "not used", e.text("c3").UsedAt, time.Time{})
		equal(e, "the last", e.text("c19").UsedAt, e.in(time.Minute))
	}},
	{"PutText/of a code that is used already says when, at one text", func(e *env) {
		c := e.newChallenge("code", "subject")
		e.openChallenge(c)
		e.do(func(tx userpool.Tx) error {
			_, err := tx.ConsumeChallenge(e.ctx, "code", e.in(5*time.Second))
			return err
		})
		unsent := e.newText("unsent")
		unsent.Status = userpool.TextUnsent
		e.insertTexts(unsent, e.newText("a"))
		e.useTexts(userpool.UsedCode{Challenge: "code"})
		e.insertTexts(e.newText("b"))
		e.useTexts(userpool.UsedCode{Challenge: "code"})
		equal(e, "used", e.used("code"), []userpool.MessageID{"a"})
		equal(e, "at", e.text("a").UsedAt, e.in(5*time.Second))
	}},
	{"PutText/of a code whose challenge is gone has the use from the decision log", func(e *env) {
		line := e.newEntry("decision")
		line.Challenge, line.UsedAt = "code", e.in(7*time.Second)
		e.insertDecisions(line)
		e.insertTexts(e.newText("a"))
		e.useTexts(userpool.UsedCode{Challenge: "code"})
		equal(e, "at", e.text("a").UsedAt, e.in(7*time.Second))
	}},
	{"UseTexts/after a use and PutText at once misses no use", func(e *env) {
		for i := range 8 {
			id := userpool.ChallengeID(fmt.Sprint("code", i))
			e.openChallenge(e.newChallenge(id, string(id)))
			x := e.newText(userpool.MessageID(id))
			x.Challenge = id
			var all sync.WaitGroup
			at := e.in(time.Minute)
			for _, do := range []func(tx userpool.Tx) error{
				func(tx userpool.Tx) error { return tx.PutText(e.ctx, x) },
				func(tx userpool.Tx) error {
					_, err := tx.ConsumeChallenge(e.ctx, id, at)
					return err
				},
			} {
				all.Go(func() {
					code := userpool.UsedCode{Challenge: id}
					err := e.store.Update(e.ctx, do)
					if err == nil {
						err = e.store.Update(e.ctx, func(tx userpool.Tx) error {
							return tx.UseTexts(e.ctx, []userpool.UsedCode{code}, func(userpool.Text) {})
						})
					}
					if err != nil {
						e.Error(err)
					}
				})
			}
			all.Wait()
			equal(e, "used", e.used(id), []userpool.MessageID{x.ID})
			equal(e, "when", e.text(x.ID).UsedAt, at)
		}
	}},
	{"TextEvidence/sums up what providers took in the time", func(e *env) {
		at := func(id string, d time.Duration, status userpool.TextStatus, country string, known bool) userpool.Text {
			t := e.newText(userpool.MessageID(id))
			t.Challenge, t.Provider = userpool.ChallengeID(id), "first"
			t.SentAt, t.Status, t.Country, t.Known = e.in(d), status, country, known
			return t
		}
		e.insertTexts(
			at("early", -time.Millisecond, userpool.TextSent, "IN", false), at("late", time.Hour, userpool.TextSent, "IN", false),
			at("a", 0, userpool.TextSent, "IN", false), at("b", time.Minute, userpool.TextFailed, "IN", false),
			at("c", time.Hour-time.Millisecond, userpool.TextDelivered, "IN", false), at("d", time.Minute, userpool.TextSent, "IN", true),
			at("e", time.Minute, userpool.TextSent, "NG", false), at("f", time.Minute, userpool.TextMaybe, "NG", false),
			at("g", time.Minute, userpool.TextUnsent, "NG", false), at("h", time.Minute, userpool.TextDryRun, "NG", false),
			at("i", time.Minute, userpool.TextExpired, "NG", false))
		e.useText("c", e.in(time.Hour))
		e.useText("early", e.in(time.Hour))
		equal(e, "evidence", read(e, func(tx userpool.Tx) ([]sms.Evidence, error) {
			return tx.TextEvidence(e.ctx, e.now, e.in(time.Hour))
		}), []sms.Evidence{
			{Provider: "first", Country: "IN", Sent: 3, Failed: 1, Told: 2, Used: 1},
			{Provider: "first", Country: "IN", Known: true, Sent: 1},
			{Provider: "first", Country: "NG", Sent: 1},
		})
		equal(e, "none", read(e, func(tx userpool.Tx) ([]sms.Evidence, error) {
			return tx.TextEvidence(e.ctx, e.in(2*time.Hour), e.in(3*time.Hour))
		}), nil)
	}},
	{"TextCounts/sums up a day's texts and how soon codes were used", func(e *env) {
		day := e.now.Truncate(24 * time.Hour)
		for i, took := range []time.Duration{0, 5 * time.Second, 5*time.Second + time.Millisecond, 10 * time.Minute, 11 * time.Minute} {
			t := e.newText(userpool.MessageID(fmt.Sprint(i)))
			t.Challenge = userpool.ChallengeID(t.ID)
			e.insertTexts(t)
			e.useText(t.Challenge, t.QueuedAt.Add(took))
		}
		unsent, before, after := e.newText("unsent"), e.newText("before"), e.newText("after")
		unsent.Status = userpool.TextUnsent
		before.SentAt, after.SentAt = day.Add(-time.Millisecond), day.Add(24*time.Hour)
		e.insertTexts(unsent, before, after)
		want := userpool.TextCount{
			TextGroup: userpool.TextGroup{
				Day: day, Pool: e.pool, Purpose: unsent.Purpose, Country: unsent.Country,
				Provider: unsent.Provider, Wording: unsent.Wording, Language: unsent.Language,
			},
			TextSums: userpool.TextSums{Asked: 6, Sent: 5, Unsent: 1, Used: 5, Segments: 10, Micros: 5 * 83_000},
		}
		want.UsedWithin[0], want.UsedWithin[1], want.UsedWithin[11], want.UsedWithin[12] = 2, 1, 1, 1
		equal(e, "counts", e.textCounts(day, day.Add(24*time.Hour)), []userpool.TextCount{want})
		equal(e, "folded", e.fold(e.in(time.Minute), 100), 7)
		equal(e, "counts", e.textCounts(day, day.Add(24*time.Hour)), []userpool.TextCount{want})
		var all []userpool.TextStatus
		for _, c := range e.textCounts(time.Time{}, day.Add(48*time.Hour)) {
			all = append(all, userpool.TextStatus(c.Day.Format(time.DateOnly)))
		}
		equal(e, "days", all, []userpool.TextStatus{"2026-03-28", "2026-03-29", "2026-03-30"})
	}},
	{"FoldTexts/a few at a time changes no sum", func(e *env) {
		all := e.mixedTexts()
		e.insertTexts(all...)
		for i, t := range all {
			if i%4 == 0 {
				e.useText(t.Challenge, t.QueuedAt.Add(time.Duration(i*i)*100*time.Millisecond))
			}
		}
		from, to := e.now.Truncate(24*time.Hour), e.in(100*time.Hour)
		counts := e.textCounts(from, to)
		asked, used := 0, 0
		for _, c := range counts {
			asked, used = asked+c.Asked, used+c.Used
			within := 0
			for _, n := range c.UsedWithin {
				within += n
			}
			equal(e, "used within", within, c.Used)
			equal(e, "asked", c.Sent+c.Maybe+c.Unsent+c.Expired+c.DryRun, c.Asked)
		}
		equal(e, "asked", asked, len(all))
		equal(e, "used at all", used > 10 && used < 30, true)
		folded := 0
		for n := e.fold(all[100].SentAt, 7); n > 0; n = e.fold(all[100].SentAt, 7) {
			folded += n
			equal(e, "counts", e.textCounts(from, to), counts)
		}
		equal(e, "folded", folded, 100)
		equal(e, "gone", e.textsOf(all[99].Challenge), nil)
		equal(e, "there", e.text(all[100].ID), all[100])
	}},
	{"FoldTexts/by many counts each text once", func(e *env) {
		all := e.mixedTexts()
		e.insertTexts(all...)
		counts := e.textCounts(e.now.Truncate(24*time.Hour), e.in(100*time.Hour))
		race(e, 6, func(tx userpool.Tx, _ int) (int, error) { return tx.FoldTexts(e.ctx, e.in(100*time.Hour), 30) })
		equal(e, "counts", e.textCounts(e.now.Truncate(24*time.Hour), e.in(100*time.Hour)), counts)
	}},
	{"SweepTextDays/takes the days before, and no text", func(e *env) {
		all := e.mixedTexts()
		e.insertTexts(all...)
		e.fold(all[100].SentAt, 1000)
		second := e.now.Truncate(24 * time.Hour).Add(24 * time.Hour)
		kept := e.textCounts(second, e.in(100*time.Hour))
		swept := write(e, func(tx userpool.Tx) (int, error) { return tx.SweepTextDays(e.ctx, second) })
		equal(e, "swept some", swept > 0, true)
		equal(e, "the first day", e.textCounts(e.now.Truncate(24*time.Hour), second), nil)
		equal(e, "what is left", e.textCounts(second, e.in(100*time.Hour)), kept)
	}},
	{"DeletePool/leaves what its texts came to, which was spent", func(e *env) {
		e.insertTexts(e.newText("t"))
		e.do(func(tx userpool.Tx) error { return tx.DeletePool(e.ctx, e.pool) })
		e.insertTexts(e.newText("under way"))
		counts := e.textCounts(e.now.Truncate(24*time.Hour), e.in(48*time.Hour))
		if len(counts) != 1 || counts[0].Pool != e.pool || counts[0].Asked != 2 {
			e.Fatalf("got %+v", counts)
		}
	}},
	{"OptOut/stands until OptIn", func(e *env) {
		for range 2 {
			e.do(func(tx userpool.Tx) error { return tx.OptOut(e.ctx, "key", e.now) })
		}
		equal(e, "who did", e.optedOut("key"), true)
		equal(e, "who did not", e.optedOut("KEY"), false)
		e.do(func(tx userpool.Tx) error { return tx.OptIn(e.ctx, "key") })
		e.do(func(tx userpool.Tx) error { return tx.OptIn(e.ctx, "key") })
		equal(e, "who is back", e.optedOut("key"), false)
	}},
}
