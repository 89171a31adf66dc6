package storetest

import (
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// oddTexts must come back byte for byte, and none of them may be found by
// another. NUL is not among them: PostgreSQL keeps none, and refuses it.
var oddTexts = []string{
	"a", "A", "ä", "Ä", "a\u0308", // precomposed and not: two texts
	"ﬁ", "fi", "İ", "i", "ı", "ß", "ss",
	" ", "  ", "a ", "\t", "\n", "\r\n",
	"%", "_", "'", `"`, `\`, "''; drop table users; --", "$1", "?1", "{}", "[]", "null", "0", "00",
	"日本語", "مرحبا", "\u202eabc", "👩‍👩‍👧", "\u200b", "\ufeff", "\ufffd", "\U0010ffff", "\x7f",
}

// longText is longer than any face lets through, and than what may be a key.
var longText = strings.Repeat("ü", 1<<17)

var textCases = []testCase{
	{"Text/comes back as it was and finds nothing else", func(e *env) {
		e.do(func(tx userpool.Tx) error {
			for _, s := range oddTexts {
				if err := tx.PutMeta(e.ctx, "odd "+s, s); err != nil {
					return err
				}
			}
			return nil
		})
		for _, s := range oddTexts {
			equal(e, "Meta", e.meta("odd "+s), s)
		}
		e.do(func(tx userpool.Tx) error { return tx.PutMeta(e.ctx, "long", longText) })
		equal(e, "long Meta", e.meta("long"), longText)
	}},
	{"Text/in names and attributes comes back as it was", func(e *env) {
		for i, s := range oddTexts {
			u := e.newUser(userpool.UserID(newID()), s)
			u.Username = "user " + s
			u.Attributes = map[string]string{"name": s, s: "value", "address": longText}
			e.insertUser(u)
			found := read(e, func(tx userpool.Tx) (userpool.User, error) { return tx.UserByName(e.ctx, e.pool, s) })
			if found.ID != u.ID {
				e.Fatalf("text %d finds another user", i)
			}
			equal(e, "user", found, u)
		}
	}},
	{"Time/is kept to the millisecond, in UTC", func(e *env) {
		zone := time.FixedZone("elsewhere", -9*3600)
		for _, at := range []time.Time{
			time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
			time.Date(2026, 2, 28, 23, 59, 59, 999_999_999, time.UTC),
			time.Date(2026, 10, 25, 2, 30, 0, 1_500_000, zone),
			time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
		} {
			f := e.newFamily(userpool.FamilyID(newID()), "user")
			f.AuthTime = at
			e.do(func(tx userpool.Tx) error { return tx.InsertFamily(e.ctx, f) })
			got := read(e, func(tx userpool.Tx) (userpool.Family, error) { return tx.Family(e.ctx, f.ID) })
			equal(e, "time", got.AuthTime, at.UTC().Truncate(time.Millisecond))
		}
	}},
	{"Time/zero comes back as zero", func(e *env) {
		f := e.newFamily(userpool.FamilyID(newID()), "user")
		f.AuthTime = time.Time{}
		e.do(func(tx userpool.Tx) error { return tx.InsertFamily(e.ctx, f) })
		got := read(e, func(tx userpool.Tx) (userpool.Family, error) { return tx.Family(e.ctx, f.ID) })
		if !got.AuthTime.IsZero() || !got.RevokedAt.IsZero() {
			e.Fatalf("got %+v", got)
		}
	}},
}
