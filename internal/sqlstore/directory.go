package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const (
	sqlUserPlaces     = `select place from users where pool_id = $1 and place > $2 order by place limit $3`
	sqlStandingPlaces = `select place from users where pool_id = $1 and status = $4 and enabled = $5 and place > $2 order by place limit $3`

	sqlRegistrationPlaces = `select distinct place from registrations where pool_id = $1 and place > $2
		and existing_id = '' and (expires_at = 0 or expires_at > $4) order by place limit $3`

	sqlValuePlaces = `select distinct place from user_search where pool_id = $1 and attribute = $4 and value = $5
		and place > $2 order by place limit $3`

	// By a prefix: one lower bound, which is where the page begins, so that no page
	// reads those before it.
	sqlPrefixPlaces = `select distinct value, place from user_search where pool_id = $1 and attribute = $6
		and (value, place) > ($2, $3) and value < $5 order by value, place limit $4`
	sqlSubPrefixPlaces = `select id, place from users where pool_id = $1
		and (id, place) > ($2, $3) and id < $5 order by id limit $4`
	sqlRegistrationSubPrefixPlaces = `select sub, place from registrations where pool_id = $1
		and (sub, place) > ($2, $3) and sub < $5 order by sub, place limit $4`

	// Who has one sub are few, and a condition on their places would make SQLite
	// look along all places.
	sqlSubPlaces             = `select place from users where pool_id = $1 and id = $2`
	sqlRegistrationSubPlaces = `select place from registrations where pool_id = $1 and sub = $2`

	sqlUserAt         = `select ` + userColumns + ` from users where pool_id = $1 and place = $2`
	sqlRegistrationAt = `select ` + registrationColumns + ` from registrations
		where pool_id = $1 and place = $2 and existing_id = '' and (expires_at = 0 or expires_at > $3)
		and not exists (select 1 from user_names where pool_id = $1 and name = registrations.name)
		order by created_at desc, id desc limit 1`

	sqlPlaceOf     = `select place from users where pool_id = $1 and id = $2`
	sqlPlaceBehind = `select place from users where pool_id = $1 order by place limit 1 offset $2`
	sqlCountUsers  = `select count(*) from (select 1 from users where pool_id = $1 limit $2) found`

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

func (t *tx) Places(ctx context.Context, pool userpool.PoolID, f userpool.Filter, after userpool.Spot, limit int, now time.Time) ([]userpool.Spot, error) {
	p := placesAfter{tx: t, pool: pool, after: after, limit: limit, now: now}
	switch {
	case f.Attribute == "":
		p.query(ctx, sqlUserPlaces)
		p.registrations(ctx)
	case f.Attribute == userpool.SearchStatus:
		p.enabled(ctx, f)
	case f.Attribute == userpool.SearchUserStatus:
		p.statuses(ctx, f)
	case f.ByValue():
		p.prefix(ctx, f)
	case f.Attribute == userpool.AttrSub:
		p.few(many(ctx, t, scanPlace, sqlSubPlaces, pool, f.Value))
		p.few(many(ctx, t, scanPlace, sqlRegistrationSubPlaces, pool, f.Value))
	default:
		p.query(ctx, sqlValuePlaces, f.Attribute, f.Term())
	}
	return p.found()
}

// placesAfter collects what several queries find behind a spot.
type placesAfter struct {
	tx    *tx
	pool  userpool.PoolID
	after userpool.Spot
	limit int
	now   time.Time

	spots []userpool.Spot
	err   error
}

func (p *placesAfter) found() ([]userpool.Spot, error) {
	if p.err != nil {
		return nil, p.err
	}
	slices.SortFunc(p.spots, compareSpots)
	p.spots = slices.Compact(p.spots)
	return p.spots[:min(len(p.spots), p.limit)], nil
}

func compareSpots(a, b userpool.Spot) int {
	return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Place, b.Place))
}

// scanPlace and scanSpot scan what a listing goes by.
func scanPlace(r row) (at userpool.Spot, err error) { return at, r.Scan(&at.Place) }
func scanSpot(r row) (at userpool.Spot, err error)  { return at, r.Scan(&at.Value, &at.Place) }

// query runs a statement on pool, place, limit and its own arguments, whose
// rows come in the order of places.
func (p *placesAfter) query(ctx context.Context, query string, own ...any) {
	p.add(many(ctx, p.tx, scanPlace, query, append([]any{p.pool, p.after.Place, p.limit}, own...)...))
}

func (p *placesAfter) add(spots []userpool.Spot, err error) {
	p.spots = append(p.spots, spots...)
	p.err = cmp.Or(p.err, err)
}

// few adds what was found before and behind the place.
func (p *placesAfter) few(spots []userpool.Spot, err error) {
	p.add(slices.DeleteFunc(spots, func(at userpool.Spot) bool { return at.Place <= p.after.Place }), err)
}

func (p *placesAfter) registrations(ctx context.Context) {
	p.query(ctx, sqlRegistrationPlaces, millis(p.now))
}

func (p *placesAfter) enabled(ctx context.Context, f userpool.Filter) {
	for _, enabled := range f.EnabledStates() {
		for _, status := range userpool.UserStatuses() {
			p.standing(ctx, status, enabled)
		}
		if enabled {
			p.registrations(ctx)
		}
	}
}

func (p *placesAfter) statuses(ctx context.Context, f userpool.Filter) {
	for _, status := range f.Statuses() {
		if status == userpool.StatusUnconfirmed {
			p.registrations(ctx)
		}
		for _, enabled := range []bool{true, false} {
			p.standing(ctx, status, enabled)
		}
	}
}

func (p *placesAfter) standing(ctx context.Context, status userpool.UserStatus, enabled bool) {
	if status != userpool.StatusUnconfirmed { // no user is
		p.query(ctx, sqlStandingPlaces, status, enabled)
	}
}

// prefix goes by values, from the prefix itself on.
func (p *placesAfter) prefix(ctx context.Context, f userpool.Filter) {
	want := f.Term()
	from := p.after
	if compareSpots(from, userpool.Spot{Value: want}) < 0 {
		from = userpool.Spot{Value: want}
	}
	bounds := []any{p.pool, from.Value, from.Place, p.limit, prefixEnd(want)}
	if f.Attribute == userpool.AttrSub {
		p.add(many(ctx, p.tx, scanSpot, sqlSubPrefixPlaces, bounds...))
		p.add(many(ctx, p.tx, scanSpot, sqlRegistrationSubPrefixPlaces, bounds...))
		return
	}
	p.add(many(ctx, p.tx, scanSpot, sqlPrefixPlaces, append(bounds, f.Attribute)...))
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

// CountUsers goes by the places, which are hashes: where the first of them reach a
// tenth of the way, there are ten times as many.
func (t *tx) CountUsers(ctx context.Context, pool userpool.PoolID, exactly int) (int, error) {
	place, more, err := maybe(ctx, t, value[string], sqlPlaceBehind, pool, exactly)
	if err != nil {
		return 0, err
	}
	if way := wayTo(place); more && way > 0 {
		return int(float64(exactly) / way), nil
	}
	return one(ctx, t, value[int], sqlCountUsers, pool, exactly)
}

// placeLetters are those of a name's hash in the order of places.
const placeLetters = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// wayTo is which part of all places lies before one.
func wayTo(place string) (way float64) {
	weight := 1.0
	for _, letter := range []byte(place[:min(len(place), 8)]) {
		weight /= float64(len(placeLetters))
		way += weight * float64(max(0, strings.IndexByte(placeLetters, letter)))
	}
	return way
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
