//go:build !race

// The race detector would take most of a minute to put the crowd in; scripts/test.sh
// runs this file without it.

package sqlstore

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// crowdPool has a hundred thousand users: number i has the sub u<i>, the name
// "name <i mod 10>", an e-mail address of his own, and is disabled if i divides
// by a thousand.
const (
	crowdPool = "us-east-1_Crowd"
	crowdSize = 100_000
)

// crowdSQL inserts in the order of the keys.
const crowdSQL = `
	insert into pools (id, name, settings, created_at, modified_at) values ('us-east-1_Crowd', 'crowd', '{}', 0, 0);
	create temp table crowd as with recursive n(i) as (select 0 union all select i + 1 from n where i < 99999)
		select i, printf('u%05d', i) as id, printf('%05d', (i * 7919) % 100000) as place from n;
	insert into users (pool_id, id, username, names, status, enabled, attributes, verifier, created_at, modified_at,
			password_at, signed_in_at, signed_out_at, unproved, place)
		select 'us-east-1_Crowd', id, id, '', 'CONFIRMED', i % 1000 <> 0, '', '', 1, 1, 0, 0, 0, false, place from crowd;
	insert into user_search (pool_id, attribute, value, place, owner)
		select 'us-east-1_Crowd', 'email', id || '@example.com', place, id from crowd;
	insert into user_search (pool_id, attribute, value, place, owner)
		select 'us-east-1_Crowd', 'name', 'name ' || (i % 10), place, id from crowd order by i % 10, place;`

func openCrowd(t testing.TB) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "bellhop.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Update(t.Context(), func(u userpool.Tx) error { return u.(*tx).conn.script(crowdSQL) }); err != nil {
		t.Fatal(err)
	}
	return db
}

// crowdSearches are filters and how many of the crowd each finds.
var crowdSearches = []struct {
	filter userpool.Filter
	finds  int
}{
	{userpool.Filter{}, crowdSize},
	{userpool.Filter{Attribute: "name", Value: "name 3"}, crowdSize / 10},
	{userpool.Filter{Attribute: "name", Value: "name", Prefix: true}, crowdSize},
	{userpool.Filter{Attribute: "email", Value: "U04711@example.com"}, 1},
	{userpool.Filter{Attribute: "email", Value: "u047", Prefix: true}, 100},
	{userpool.Filter{Attribute: "email", Value: "u0", Prefix: true}, crowdSize / 10},
	{userpool.Filter{Attribute: "sub", Value: "u04711"}, 1},
	{userpool.Filter{Attribute: "sub", Value: "u9", Prefix: true}, crowdSize / 10},
	{userpool.Filter{Attribute: "status", Value: "Disabled"}, crowdSize / 1000},
	{userpool.Filter{Attribute: "cognito:user_status", Value: "CONFIRMED"}, crowdSize},
	{userpool.Filter{Attribute: "cognito:user_status", Value: "UNCONFIRMED"}, 0},
}

func TestDirectory_AHundredThousandUsers_EachIsFoundOnce(t *testing.T) {
	db := openCrowd(t)
	for _, c := range crowdSearches {
		const page = 5000
		seen, after := 0, userpool.Spot{}
		for {
			places := placesOf(t, db, c.filter, after, page)
			if !slices.IsSortedFunc(places, compareSpots) || (len(places) > 0 && compareSpots(places[0], after) <= 0) {
				t.Fatalf("%+v: out of order after %+v", c.filter, after)
			}
			seen += len(places)
			if len(places) < page {
				break
			}
			after = places[page-1]
		}
		if seen != c.finds {
			t.Errorf("%+v: found %d, want %d", c.filter, seen, c.finds)
		}
	}
}

func placesOf(t testing.TB, db *DB, f userpool.Filter, after userpool.Spot, limit int) (places []userpool.Spot) {
	t.Helper()
	err := db.View(t.Context(), func(u userpool.Tx) (err error) {
		places, err = u.Places(t.Context(), crowdPool, f, after, limit, time.UnixMilli(1))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// BenchmarkDirectory reads a page from the middle of each listing.
func BenchmarkDirectory(b *testing.B) {
	db := openCrowd(b)
	for _, c := range crowdSearches {
		b.Run(fmt.Sprintf("%s prefix=%v %s", c.filter.Attribute, c.filter.Prefix, c.filter.Value), func(b *testing.B) {
			for b.Loop() {
				if err := readPage(b.Context(), db, c.filter); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func readPage(ctx context.Context, db *DB, f userpool.Filter) error {
	return db.View(ctx, func(u userpool.Tx) error {
		places, err := u.Places(ctx, crowdPool, f, userpool.Spot{Value: f.Value, Place: "5"}, 61, time.UnixMilli(1))
		if err != nil {
			return err
		}
		for _, at := range places {
			if _, err := u.UserAt(ctx, crowdPool, at.Place); err != nil {
				return err
			}
		}
		return nil
	})
}
