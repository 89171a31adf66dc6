package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlUserPlaces    = `select place from users where pool_id = $1 and place > $2 order by place limit $3`
	sqlStatusPlaces  = `select place from users where pool_id = $1 and status = $4 and place > $2 order by place limit $3`
	sqlEnabledPlaces = `select place from users where pool_id = $1 and enabled = $4 and place > $2 order by place limit $3`

	sqlRegistrationPlaces = `select distinct place from registrations where pool_id = $1 and place > $2
		and existing_id = '' and (expires_at = 0 or expires_at > $4) order by place limit $3`

	sqlValuePlaces = `select distinct place from user_search where pool_id = $1 and attribute = $4 and value = $5
		and place > $2 order by place limit $3`

	// A prefix is looked up by the index of values where few begin so, and by
	// the index of places where many do: substr keeps the latter from using the
	// former's.
	sqlValueRange = `select distinct place from user_search
		where pool_id = $1 and attribute = $2 and value >= $3 and value < $4 limit $5`
	sqlValueWalk = `select distinct place from user_search where pool_id = $1 and attribute = $4
		and place > $2 and substr(value, 1, length($5)) = $5 order by place limit $3`
	// Who has one sub are few, and a condition on their places would make SQLite
	// look along all places.
	sqlSubPlaces             = `select place from users where pool_id = $1 and id = $2`
	sqlRegistrationSubPlaces = `select place from registrations where pool_id = $1 and sub = $2`
	sqlSubRange              = `select place from users where pool_id = $1 and id >= $2 and id < $3 limit $4`
	sqlRegistrationSubRange  = `select distinct place from registrations where pool_id = $1 and sub >= $2 and sub < $3 limit $4`
	sqlSubWalk               = `select place from users where pool_id = $1 and place > $2 and substr(id, 1, length($4)) = $4 order by place limit $3`
	sqlRegistrationSubWalk   = `select distinct place from registrations where pool_id = $1 and place > $2
		and substr(sub, 1, length($4)) = $4 order by place limit $3`

	sqlUserAt         = `select ` + userColumns + ` from users where pool_id = $1 and place = $2`
	sqlRegistrationAt = `select ` + registrationColumns + ` from registrations
		where pool_id = $1 and place = $2 and existing_id = '' and (expires_at = 0 or expires_at > $3)
		and not exists (select 1 from user_names where pool_id = $1 and name = registrations.name)
		order by created_at desc, id desc limit 1`

	sqlPlaceOf    = `select place from users where pool_id = $1 and id = $2`
	sqlCountUsers = `select count(*) from (select 1 from users where pool_id = $1 limit $2) found`

	sqlAddTerm = `insert into user_search (pool_id, attribute, value, place, owner, registration_id)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing`
	sqlDropTerm = `delete from user_search
		where pool_id = $1 and attribute = $2 and value = $3 and place = $4 and owner = $5`
)

// placeOfUser is where a user stands in a list for ever: by the name that it was
// made with (hashed, since it may have another one today), then by age, for who
// had the name before and who after.
func placeOfUser(u userpool.User) string {
	name := u.Username
	if name == string(u.ID) && len(u.Names) > 0 {
		name = u.Names[0]
	}
	return fmt.Sprintf("%s%012x%s", namePlace(u.PoolID, name), millis(u.CreatedAt), u.ID)
}

// placeOfRegistration is behind all users who had its name, and so behind the
// one whom it becomes, whichever of the name's sign-ups that is: who has listed
// the sign-up does not meet the user, and who has not does.
func placeOfRegistration(r userpool.Registration) string {
	return namePlace(r.PoolID, r.Name) + "~"
}

// namePlace keeps 22 characters, 132 bits.
func namePlace(pool userpool.PoolID, name string) string { return hashName(pool, name)[:22] }

// manyMatches is how many matches of a prefix are sorted; where there are more,
// walking along the places meets one soon.
const manyMatches = 2000

func (t *tx) Places(ctx context.Context, pool userpool.PoolID, f userpool.Filter, after string, limit int, now time.Time) ([]string, error) {
	p := placesAfter{tx: t, pool: pool, after: after, limit: limit, now: now}
	switch f.Attribute {
	case "":
		p.query(ctx, sqlUserPlaces)
		p.registrations(ctx)
	case userpool.SearchStatus:
		p.enabled(ctx, f)
	case userpool.SearchUserStatus:
		p.statuses(ctx, f)
	case userpool.AttrSub:
		p.subs(ctx, f)
	default:
		p.values(ctx, f)
	}
	return p.found()
}

// placesAfter collects what several queries find behind a place.
type placesAfter struct {
	tx    *tx
	pool  userpool.PoolID
	after string
	limit int
	now   time.Time

	places []string
	err    error
}

func (p *placesAfter) found() ([]string, error) {
	if p.err != nil {
		return nil, p.err
	}
	slices.Sort(p.places)
	p.places = slices.Compact(p.places)
	return p.places[:min(len(p.places), p.limit)], nil
}

// query runs a statement on pool, place, limit and its own arguments, whose
// rows come in the order of places.
func (p *placesAfter) query(ctx context.Context, query string, own ...any) {
	p.add(many(ctx, p.tx, value[string], query, append([]any{p.pool, p.after, p.limit}, own...)...))
}

func (p *placesAfter) add(places []string, err error) {
	p.places = append(p.places, places...)
	p.err = cmp.Or(p.err, err)
}

// few adds what was found before and behind the place.
func (p *placesAfter) few(places []string, err error) {
	p.add(slices.DeleteFunc(places, func(place string) bool { return place <= p.after }), err)
}

func (p *placesAfter) registrations(ctx context.Context) {
	p.query(ctx, sqlRegistrationPlaces, millis(p.now))
}

func (p *placesAfter) enabled(ctx context.Context, f userpool.Filter) {
	for _, enabled := range f.EnabledStates() {
		p.query(ctx, sqlEnabledPlaces, enabled)
		if enabled {
			p.registrations(ctx)
		}
	}
}

func (p *placesAfter) statuses(ctx context.Context, f userpool.Filter) {
	for _, status := range f.Statuses() {
		if status == userpool.StatusUnconfirmed {
			p.registrations(ctx)
			continue
		}
		p.query(ctx, sqlStatusPlaces, status)
	}
}

func (p *placesAfter) subs(ctx context.Context, f userpool.Filter) {
	if !f.Prefix {
		p.few(many(ctx, p.tx, value[string], sqlSubPlaces, p.pool, f.Value))
		p.few(many(ctx, p.tx, value[string], sqlRegistrationSubPlaces, p.pool, f.Value))
		return
	}
	end := prefixEnd(f.Value)
	p.prefix(ctx, sqlSubRange, sqlSubWalk, []any{p.pool, f.Value, end}, f.Value)
	p.prefix(ctx, sqlRegistrationSubRange, sqlRegistrationSubWalk, []any{p.pool, f.Value, end}, f.Value)
}

func (p *placesAfter) values(ctx context.Context, f userpool.Filter) {
	want := f.Term()
	if !f.Prefix {
		p.query(ctx, sqlValuePlaces, f.Attribute, want)
		return
	}
	p.prefix(ctx, sqlValueRange, sqlValueWalk, []any{p.pool, f.Attribute, want, prefixEnd(want)}, f.Attribute, want)
}

// prefix sorts what the range has if that is little, and else walks.
func (p *placesAfter) prefix(ctx context.Context, byValue, byPlace string, bounds []any, own ...any) {
	all, err := many(ctx, p.tx, value[string], byValue, append(bounds, manyMatches)...)
	if err != nil || len(all) < manyMatches {
		p.few(all, err)
		return
	}
	p.query(ctx, byPlace, own...)
}

// prefixEnd is the first text behind all that begin with the prefix, in the
// order of UTF-8's bytes, which is that of its code points.
func prefixEnd(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == utf8.MaxRune:
			continue
		case last == 0xD7FF: // the surrogates are no characters
			return prefix + "\uE000"
		}
		return prefix + string(last+1)
	}
	return string(utf8.MaxRune)
}

func (t *tx) UserAt(ctx context.Context, pool userpool.PoolID, place string) (userpool.User, error) {
	return one(ctx, t, scanUser, sqlUserAt, pool, place)
}

func (t *tx) RegistrationAt(ctx context.Context, pool userpool.PoolID, place string, now time.Time) (userpool.Registration, error) {
	return one(ctx, t, scanRegistration, sqlRegistrationAt, pool, place, millis(now))
}

func (t *tx) CountUsers(ctx context.Context, pool userpool.PoolID, most int) (int, error) {
	return one(ctx, t, value[int], sqlCountUsers, pool, most)
}

// indexUser makes the search find the user by what is instead of by what was,
// nil for nothing.
func (t *tx) indexUser(ctx context.Context, u userpool.User, place string, was, is []userpool.Attribute) error {
	for _, term := range is {
		if slices.Contains(was, term) {
			continue
		}
		if err := t.run(ctx, sqlAddTerm, u.PoolID, term.Name, term.Value, place, u.ID, nil); err != nil {
			return err
		}
	}
	for _, term := range was {
		if slices.Contains(is, term) {
			continue
		}
		if err := t.run(ctx, sqlDropTerm, u.PoolID, term.Name, term.Value, place, u.ID); err != nil {
			return err
		}
	}
	return nil
}

// reindexUser is indexUser of a user who is stored, and so has his place.
func (t *tx) reindexUser(ctx context.Context, u userpool.User, was, is []userpool.Attribute) error {
	if slices.Equal(was, is) {
		return nil
	}
	place, err := one(ctx, t, value[string], sqlPlaceOf, u.PoolID, u.ID)
	if err != nil {
		return err
	}
	return t.indexUser(ctx, u, place, was, is)
}

// indexRegistration makes the search find a sign-up; with its row its terms go
// by themselves. One of somebody who is a user is never shown.
func (t *tx) indexRegistration(ctx context.Context, r userpool.Registration) error {
	if r.Existing != "" {
		return nil
	}
	place := placeOfRegistration(r)
	for _, term := range r.SearchTerms() {
		if err := t.run(ctx, sqlAddTerm, r.PoolID, term.Name, term.Value, place, r.ID, r.ID); err != nil {
			return err
		}
	}
	return nil
}
