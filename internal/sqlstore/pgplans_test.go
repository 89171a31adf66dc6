package sqlstore

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
)

// pgCrowd are twenty thousand users, each in a group, and a hundred sign-ups.
const pgCrowd = `
	insert into pools (id, name, settings, created_at, modified_at) values ('p', 'crowd', '{}', 0, 0);
	insert into user_groups values ('p', 'g', '', '', 1, 0, 0);
	insert into users (pool_id, id, username, names, status, enabled, attributes, verifier, created_at, modified_at,
			password_at, signed_in_at, signed_out_at, unproved, place)
		select 'p', md5(i::text), md5(i::text), '', case when i % 20 = 0 then 'FORCE_CHANGE_PASSWORD' else 'CONFIRMED' end, i % 100 <> 0,
			repeat('x', 200), '', 1, 1, 0, 0, 0, false, md5('place ' || i) from generate_series(1, 20000) i;
	insert into user_names select 'p', 'name ' || i, md5(i::text) from generate_series(1, 20000) i;
	insert into user_search select 'p', a, a || i % 1000, md5('place ' || i), md5(i::text)
		from generate_series(1, 20000) i, unnest(array['name', 'email']) a;
	insert into group_members select 'p', 'g', md5(i::text), 1 from generate_series(1, 20000) i;
	insert into registrations (id, pool_id, client_id, name, sub, requester, attributes, verifier, existing_id, created_at, expires_at, place)
		select 'r' || i, 'p', 'c', 'sign-up ' || i, md5('s' || i), '', '', '', '', 1, 0, md5('r' || i) || '~' from generate_series(1, 5000) i;
	analyze;
	-- Too few to be in the statistics of a large table.
	insert into group_members select 'p', 'few', md5(i::text), 1 from generate_series(1, 20000, 1000) i`

// TestDirectory_PostgresPlans has the server's planner find every page by an index,
// and in its order, for the values that there are and for any.
func TestDirectory_PostgresPlans(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	openURL(t, url, repeatableRead)
	c := beside(t, url)
	if err := c.script(pgCrowd); err != nil {
		t.Fatal(err)
	}
	reads := regexp.MustCompile(`Seq Scan on (users|user_search|user_names|registrations|group_members)\b`)
	for _, q := range []struct {
		query string
		args  string
	}{
		{sqlUserPlaces, "'p', '8', 61"},
		{sqlStandingPlaces, "'p', '8', 61, 'CONFIRMED', true"},
		{sqlRegistrationPlaces, "'p', '8', 61, 5"},
		{sqlValuePlaces, "'p', '8', 61, 'name', 'name7'"},
		{sqlPrefixPlaces, "'p', 'name', '', 61, 'namf', 'name'"},
		{sqlPrefixPlaces, "'p', 'name5', '8', 61, 'namf', 'name'"},
		{sqlSubPlaces, "'p', 'x'"},
		{sqlRegistrationSubPlaces, "'p', 'x'"},
		{sqlSubPrefixPlaces, "'p', '4', '', 61, '5'"},
		{sqlRegistrationSubPrefixPlaces, "'p', '4', '', 61, '5'"},
		{sqlUserAt, "'p', '8'"},
		{sqlRegistrationAt, "'p', '8', 5"},
		{sqlPlaceBehind, "'p', 5000"},
		{sqlUserByName, "'p', 'name 7'"},
		{sqlGroupsOf, "'p', 'x'"},
		{sqlMembers, "'p', 'g', '8', 61"},
		{sqlMembers, "'p', 'few', '', 61"},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			var plan strings.Builder
			err := c.script("set plan_cache_mode = " + mode + "; prepare page as " + q.query)
			if err == nil {
				err = explainPage(c, q.args, &plan)
			}
			if err != nil {
				t.Fatalf("%s: %v", q.query, err)
			}
			if err := c.script("deallocate page"); err != nil {
				t.Fatal(err)
			}
			if q.query == sqlMembers && !strings.Contains(plan.String(), "group_members_pkey") {
				t.Errorf("%s: the members of one group are looked for among those of all:\n%s", mode, &plan)
			}
			sorts := strings.Contains(strings.ReplaceAll(plan.String(), "Incremental Sort", ""), "Sort  (") &&
				q.query != sqlRegistrationAt && q.query != sqlGroupsOf // of one place, of a user's groups
			if m := reads.FindString(plan.String()); m != "" || sorts {
				t.Errorf("%s\n%s: reads or sorts all:\n%s", q.query, mode, &plan)
			}
		}
	}
}

func explainPage(c *pgConn, args string, plan *strings.Builder) error {
	rows, err := c.pg.Query(c.ctx, "explain execute page ("+args+")")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		fmt.Fprintln(plan, line)
	}
	return rows.Err()
}

// TestChallenges_PostgresPlans has the planner of a database that nobody has counted the
// rows of find a challenge, and what is of it, by a key, and never read for it a whole index,
// nor all that has not expired.
func TestChallenges_PostgresPlans(t *testing.T) {
	url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
	openURL(t, url, repeatableRead)
	c := beside(t, url)
	if err := c.script(sessionSettings); err != nil {
		t.Fatal(err)
	}
	findByKeys(t, c, map[string]int{
		batchRefund.text(batchMost): 1 + 2*batchMost, batchMarkUsed.text(batchMost): 2 * batchMost, batchLead.text(3): 5 + 2*3, sqlMarkUsed: 2,
		pgDeleteMessages: 1, sqlDeleteMessage: 1, pgUseTexts: 2,
		sqlSignUpChallenges: 3, sqlUnmarkSent: 1, sqlClaimAttempt: 2, sqlConsumeAttempt: 2, sqlConsumeChallenge: 2,
		sqlDevices: 4, sqlTrimConfirmed: 3, sqlTrimFresh: 3, sqlReplaceDevice: 4, sqlSession: 1, sqlDeleteSessions: 2,
	})
	// Where there were none when they were counted, any index seems as good as another.
	if err := c.script("analyze"); err != nil {
		t.Fatal(err)
	}
	findByKeys(t, c, map[string]int{
		sqlClaimAttempt: 2, sqlConsumeAttempt: 2, sqlConsumeSession: 2, pgUseTexts: 2, sqlRepeat: 2, sqlRotateRefresh: 3,
	})
	// Where all that there were when they were counted were of one challenge, the last text
	// seems to be its last.
	if err := c.script(pgTextsOfOne); err != nil {
		t.Fatal(err)
	}
	findByKeys(t, c, map[string]int{pgUseTexts: 2})
}

// pgTextsOfOne are a thousand texts, of one challenge when they are counted, and many others.
const pgTextsOfOne = `
	alter table texts set (autovacuum_enabled = off);
	insert into texts select i, 'p', 'c', '', 'one', 'IN', false, '', '', '', '', 1, 1, 'sent', '', 1, 1, i, 0, 0 from generate_series(1, 1000) i;
	analyze texts;
	insert into texts select i, 'p', 'c', '', i, 'IN', false, '', '', '', '', 1, 1, 'sent', '', 1, 1, i, 0, 0 from generate_series(1001, 50000) i`

// findByKeys has the planner explain statements, with their numbers of arguments.
func findByKeys(t *testing.T, c *pgConn, statements map[string]int) {
	t.Helper()
	for query, args := range statements {
		var plan strings.Builder
		err := c.script("prepare page as " + query)
		if err == nil {
			err = explainPage(c, strings.TrimSuffix(strings.Repeat("null, ", args), ", "), &plan)
		}
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if err := c.script("deallocate page"); err != nil {
			t.Fatal(err)
		}
		scans := strings.Count(plan.String(), "Index Scan") + strings.Count(plan.String(), "Seq Scan")
		if found := strings.Count(plan.String(), "Index Cond"); scans == 0 || found != scans || strings.Contains(plan.String(), "Index Cond: (expires_at") {
			t.Errorf("%s: %d of %d scans look for something:\n%s", query, found, scans, &plan)
		}
	}
}
