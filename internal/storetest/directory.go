package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// everybody finds all; where and begins make filters.
var everybody userpool.Filter

func where(attribute, value string) userpool.Filter {
	return userpool.Filter{Attribute: attribute, Value: value}
}

func begins(attribute, value string) userpool.Filter {
	return userpool.Filter{Attribute: attribute, Value: value, Prefix: true}
}

func (e *env) places(f userpool.Filter, after userpool.Spot, limit int, now time.Time) []userpool.Spot {
	e.Helper()
	return read(e, func(tx userpool.Tx) ([]userpool.Spot, error) { return tx.Places(e.ctx, e.pool, f, after, limit, now) })
}

// start is before all.
var start userpool.Spot

func compareSpots(a, b userpool.Spot) int {
	return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Place, b.Place))
}

// at names who stands at a place: a user's id, or "pending" and a sign-up's.
func (e *env) at(at userpool.Spot, now time.Time) string {
	e.Helper()
	u, err := look(e, func(tx userpool.Tx) (userpool.User, error) { return tx.UserAt(e.ctx, e.pool, at.Place) })
	if err == nil {
		return string(u.ID)
	}
	r, err := look(e, func(tx userpool.Tx) (userpool.Registration, error) {
		return tx.RegistrationAt(e.ctx, e.pool, at.Place, now)
	})
	if err == nil {
		return "pending " + string(r.ID)
	}
	if !errors.Is(err, userpool.ErrNotFound) {
		e.Fatal(err)
	}
	return ""
}

// whom names, sorted, everybody whom the filter finds, read in pages of two.
func (e *env) whom(f userpool.Filter, now time.Time) []string {
	e.Helper()
	found, after := []string{}, start
	for {
		places := e.places(f, after, 2, now)
		if len(places) > 2 || !slices.IsSortedFunc(places, compareSpots) || (len(places) > 0 && compareSpots(places[0], after) <= 0) {
			e.Fatalf("after %+v came %+v", after, places)
		}
		if len(places) == 0 {
			slices.Sort(found)
			return found
		}
		for _, place := range places {
			who := e.at(place, now)
			if f.ByValue() && f.Attribute == userpool.AttrSub && place.Value != strings.Replace(who, "pending ", "sub of ", 1) {
				continue // that of another sign-up, which does not show
			}
			if who != "" {
				found = append(found, who)
			}
		}
		after = places[len(places)-1]
	}
}

// person is a user with an e-mail address and a name.
func (e *env) person(id userpool.UserID, email, name string) userpool.User {
	u := e.newUser(id, "+1555"+string(id))
	u.Attributes = map[string]string{"email": email, "name": name, "phone_number": u.Names[0], "gender": "x"}
	return u
}

var directoryCases = []testCase{
	{"Places/find by every searched value, as it is now", func(e *env) {
		named := e.person("c", "", "Ben")
		named.Username = "ben"
		for _, u := range []userpool.User{e.person("a", "Ann@example.com", "Ann"), e.person("b", "ann@example.org", "Anna"), named} {
			e.insertUser(u)
		}
		finds := func(f userpool.Filter, want ...string) {
			e.Helper()
			equal(e, fmt.Sprintf("%+v", f), e.whom(f, e.now), append([]string{}, want...))
		}
		finds(everybody, "a", "b", "c")
		finds(where("name", "Ann"), "a")
		finds(where("name", "ann"))
		finds(begins("name", "Ann"), "a", "b")
		finds(begins("name", ""), "a", "b", "c")
		finds(where("email", "ANN@example.com"), "a")
		finds(begins("email", "aNN@"), "a", "b")
		finds(begins("phone_number", "+1555b"), "b")
		finds(where("gender", "x"))
		finds(where("username", "ben"), "c")
		finds(where("username", "a"))
		finds(where("sub", "b"), "b")
		finds(begins("sub", ""), "a", "b", "c")

		changed := e.person("a", "new@example.com", "Ann")
		changed.Names = []string{"+15559999"}
		changed.Attributes["phone_number"] = "+15559999"
		e.do(func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, changed) })
		finds(where("email", "ann@example.com"))
		finds(where("email", "new@example.com"), "a")
		finds(where("phone_number", "+15559999"), "a")
		finds(where("name", "Ann"), "a")
		e.do(func(tx userpool.Tx) error { return tx.DeleteUser(e.ctx, e.pool, "b") })
		finds(begins("name", "Ann"), "a")
		finds(everybody, "a", "c")
	}},
	{"Places/find by status", func(e *env) {
		for id, status := range map[userpool.UserID]userpool.UserStatus{
			"a": userpool.StatusConfirmed, "b": userpool.StatusForceChangePassword, "c": userpool.StatusResetRequired, "d": userpool.StatusConfirmed,
		} {
			u := e.person(id, "", "")
			u.Status, u.Enabled = status, id != "d"
			e.insertUser(u)
		}
		r := e.newRegistration("r", "+15550100")
		r.Existing = ""
		e.register(r)
		for _, c := range []struct {
			filter userpool.Filter
			want   []string
		}{
			{where("cognito:user_status", "confirmed"), []string{"a", "d"}},
			{where("cognito:user_status", "UNCONFIRMED"), []string{"pending r"}},
			{begins("cognito:user_status", "f"), []string{"b"}},
			{begins("cognito:user_status", ""), []string{"a", "b", "c", "d", "pending r"}},
			{where("cognito:user_status", "other"), []string{}},
			{where("status", "Enabled"), []string{"a", "b", "c", "pending r"}},
			{where("status", "Disabled"), []string{"d"}},
			{begins("status", ""), []string{"a", "b", "c", "d", "pending r"}},
			{where("status", "enabled"), []string{}},
		} {
			equal(e, fmt.Sprintf("%+v", c.filter), e.whom(c.filter, e.now), c.want)
		}
	}},
	{"Places/hold the newest live sign-up of a name that nobody has", func(e *env) {
		older, newer := e.newRegistration("older", "+15550100"), e.newRegistration("newer", "+15550100")
		newer.CreatedAt, newer.ExpiresAt = e.in(time.Second), e.in(time.Hour)
		newer.Attributes = map[string]string{"name": "Zora"}
		ofUser := e.newRegistration("of a user", "+15550101")
		taken := e.newRegistration("taken", "+15550102")
		older.Existing, newer.Existing, taken.Existing = "", "", ""
		e.register(older, newer, ofUser, taken)
		e.insertUser(e.newUser("owner", "+15550102"))
		equal(e, "now", e.whom(everybody, e.now), []string{"owner", "pending newer"})
		equal(e, "by a value", e.whom(where("name", "Zora"), e.now), []string{"pending newer"})
		equal(e, "by the sub", e.whom(where("sub", "sub of newer"), e.now), []string{"pending newer"})
		equal(e, "by a prefix of subs", e.whom(begins("sub", "sub of"), e.now), []string{"pending newer"})
		equal(e, "when the newer has expired", e.whom(everybody, newer.ExpiresAt), []string{"owner", "pending older"})
		equal(e, "when all have", e.whom(everybody, older.ExpiresAt), []string{"owner"})
	}},
	{"Places/of a sign-up that ended are not searched any more", func(e *env) {
		for i, end := range []func(tx userpool.Tx, id userpool.RegistrationID) error{
			func(tx userpool.Tx, id userpool.RegistrationID) error { return tx.DeleteRegistration(e.ctx, id) },
			func(tx userpool.Tx, id userpool.RegistrationID) error {
				_, err := tx.Sweep(e.ctx, e.in(100*time.Hour), e.in(100*time.Hour), 10)
				return err
			},
		} {
			r := e.newRegistration(userpool.RegistrationID(fmt.Sprint("r", i)), "+15550100")
			r.Existing = ""
			e.register(r)
			equal(e, "before", len(e.places(where("name", "Zoë"), start, 10, e.now)), 1)
			e.do(func(tx userpool.Tx) error { return end(tx, r.ID) })
			equal(e, "after", e.places(where("name", "Zoë"), start, 10, e.now), nil)
		}
	}},
	{"Places/a user keeps his, whatever he changes, and a later user of his first name stands behind him", func(e *env) {
		e.insertUser(e.newUser("first", "+15550100"))
		was := e.places(everybody, start, 10, e.now)
		changed := e.newUser("first", "+15550199")
		changed.CreatedAt = e.in(time.Hour)
		e.do(func(tx userpool.Tx) error { return tx.UpdateUser(e.ctx, changed) })
		equal(e, "place", e.places(everybody, start, 10, e.now), was)
		later := e.newUser("a second", "+15550100")
		later.CreatedAt = e.in(time.Second)
		e.insertUser(later)
		equal(e, "who is behind", e.at(e.places(everybody, was[0], 10, e.now)[0], e.now), "a second")
	}},
	{"Places/a sign-up and the user of its name stand together, the sign-up last", func(e *env) {
		for i := range 20 {
			r := e.newRegistration(userpool.RegistrationID(fmt.Sprint("r", i)), fmt.Sprint("+155501", 10+i))
			r.Existing = ""
			e.register(r)
		}
		before := e.places(everybody, start, 100, e.now)
		name := read(e, func(tx userpool.Tx) (userpool.Registration, error) {
			return tx.RegistrationAt(e.ctx, e.pool, before[10].Place, e.now)
		}).Name
		e.do(func(tx userpool.Tx) error {
			return errors.Join(tx.DeleteRegistrations(e.ctx, e.pool, name), tx.InsertUser(e.ctx, e.newUser("zz another sub", name)))
		})
		equal(e, "who has not listed it meets the user", e.at(e.places(everybody, before[9], 1, e.now)[0], e.now), "zz another sub")
		equal(e, "who has does not", e.places(everybody, before[10], 1, e.now), before[11:12])
	}},
	{"Places/with a prefix that very many share are the same as with one that few do", func(e *env) {
		const many = 2100
		for from := 0; from < many; from += 300 {
			e.do(func(tx userpool.Tx) error {
				for i := from; i < from+300; i++ {
					u := e.person(userpool.UserID(fmt.Sprintf("%04d", i)), "", fmt.Sprintf("many %04d", i))
					if err := tx.InsertUser(e.ctx, u); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for _, attribute := range []string{"name", "sub"} {
			prefix := map[string]string{"name": "many ", "sub": ""}[attribute]
			all := e.places(begins(attribute, prefix), start, many+1, e.now)
			equal(e, "all", len(all), many)
			equal(e, "a page", e.places(begins(attribute, prefix), all[999], 60, e.now), all[1000:1060])
			few := e.places(begins(attribute, prefix+"012"), start, many, e.now)
			equal(e, "few", len(few), 10)
			equal(e, "the rest of few", e.places(begins(attribute, prefix+"012"), few[3], many, e.now), few[4:])
		}
	}},
	{"Places/with a prefix at the end of the characters", func(e *env) {
		for i, name := range []string{"a\uD7FFb", "a\uE000", "a\U0010FFFFb", "b"} {
			e.insertUser(e.person(userpool.UserID(fmt.Sprint(i)), "", name))
		}
		equal(e, "before the surrogates", e.whom(begins("name", "a\uD7FF"), e.now), []string{"0"})
		equal(e, "the last", e.whom(begins("name", "a\U0010FFFF"), e.now), []string{"2"})
		equal(e, "all", e.whom(begins("name", "a"), e.now), []string{"0", "1", "2"})
	}},
	{"CountUsers/counts few, and estimates many", func(e *env) {
		count := func(pool userpool.PoolID, exactly int) int {
			return read(e, func(tx userpool.Tx) (int, error) { return tx.CountUsers(e.ctx, pool, exactly) })
		}
		const all = 1000
		e.do(func(tx userpool.Tx) error {
			for i := range all {
				if err := tx.InsertUser(e.ctx, e.newUser(userpool.UserID(fmt.Sprint(i)), fmt.Sprint("+1555", all+i))); err != nil {
					return err
				}
			}
			return nil
		})
		equal(e, "counts", []int{count(e.pool, 2*all), count(e.pool, all), count("us-east-1_None", 10)}, []int{all, all, 0})
		if n := count(e.pool, 400); n < all*80/100 || n > all*120/100 { // four times what it is off by as a rule
			e.Errorf("%d users are estimated as %d", all, n)
		}
	}},
}
