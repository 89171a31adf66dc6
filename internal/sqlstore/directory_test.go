package sqlstore

import (
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// TestDirectory_Plans checks that a page is found by an index up to where it
// begins, and is in its order already.
func TestDirectory_Plans(t *testing.T) {
	db := openTemp(t, Options{})
	for _, c := range []struct{ query, index string }{
		{sqlUserPlaces, "users_by_place (pool_id=? AND place>?)"},
		{sqlStandingPlaces, "users_by_standing (pool_id=? AND status=? AND enabled=? AND place>?)"},
		{sqlPlaceBehind, "COVERING INDEX users_by_place (pool_id=?)"},
		{sqlRegistrationPlaces, "registrations_by_place (pool_id=? AND place>?)"},
		{sqlValuePlaces, "PRIMARY KEY (pool_id=? AND attribute=? AND value=? AND place>?)"},
		{sqlPrefixPlaces, "PRIMARY KEY (pool_id=? AND attribute=? AND (value,place)>(?,?) AND value<?)"},
		{sqlSubPlaces, "sqlite_autoindex_users_1 (pool_id=? AND id=?)"},
		{sqlRegistrationSubPlaces, "registrations_by_sub (pool_id=? AND sub=?)"},
		{sqlSubPrefixPlaces, "sqlite_autoindex_users_1 (pool_id=? AND id>? AND id<?)"},
		{sqlRegistrationSubPrefixPlaces, "registrations_by_sub (pool_id=? AND sub>? AND sub<?)"},
		{sqlUserAt, "users_by_place (pool_id=? AND place=?)"},
		{sqlRegistrationAt, "registrations_by_place (pool_id=? AND place=?)"},
		{sqlDropTerm, "PRIMARY KEY (pool_id=? AND attribute=? AND value=? AND place=? AND owner=?)"},
		{sqlGroups, "PRIMARY KEY (pool_id=? AND name>?)"},
		{sqlGroupsOf, "group_members_by_user (pool_id=? AND user_id=?)"},
		{sqlMembers, "PRIMARY KEY (pool_id=? AND (group_name,user_id)>(?,?) AND group_name<?)"},
	} {
		plan := planOf(t, db, c.query)
		if !strings.Contains(plan, c.index) {
			t.Errorf("%s\n does not use %s:\n%s", c.query, c.index, plan)
		}
		if strings.Contains(c.query, "limit $") && strings.Contains(plan, "TEMP B-TREE FOR ORDER BY") {
			t.Errorf("%s\n sorts:\n%s", c.query, plan)
		}
	}
}

func planOf(t *testing.T, db *DB, query string) string {
	t.Helper()
	var plan strings.Builder
	err := db.View(t.Context(), func(u userpool.Tx) error {
		query := "explain query plan " + placeholder.ReplaceAllString(query, "'$1'")
		return u.(*tx).conn.query(query, nil, func(r row) error {
			var id, parent, unused int64
			var detail string
			err := r.Scan(&id, &parent, &unused, &detail)
			plan.WriteString(detail + "\n")
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
