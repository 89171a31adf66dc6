package sqlstore

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// versionOne is what a database of the first version holds: two clients, one of
// them with a secret, a user, a sign-up with its challenge, and a text.
const versionOne = `
	insert into schema_migrations values (1, 'init', 0);
	insert into pools values ('us-east-1_Old', 'riders', '{"case_sensitive":true}', 1000, 1000);
	insert into clients values ('public', 'us-east-1_Old', 'app', '', '{}', 2000, 2000);
	insert into clients values ('secret', 'us-east-1_Old', 'back end', 'v1.sealed', '{}', 3456, 3456);
	insert into users values ('us-east-1_Old', 'sub-1', 'sub-1', '["+15550100"]', 'CONFIRMED', true,
		'{"phone_number":"+15550100","phone_number_verified":"true","name":"Zoë","email":"Zoe@example.com"}', 'sealed', 4000, 5000, 0, 0, 0, false);
	insert into user_names values ('us-east-1_Old', '+15550100', 'sub-1');
	insert into users values ('us-east-1_Old', 'sub-2', 'sub-2', '["+15550101"]', 'CONFIRMED', false, '', '', 4000, 5000, 0, 0, 0, false);
	insert into user_names values ('us-east-1_Old', '+15550101', 'sub-2');
	insert into registrations values ('reg-1', 'us-east-1_Old', 'public', '+15550102', 'sub-3', '192.0.2.1',
		'{"phone_number":"+15550102","name":"Ravi"}', '', '', 6000, 0);
	insert into challenges values ('chal-1', 'us-east-1_Old', 'public', 'reg-1', 'sign_up', '192.0.2.1', '', 'reg-1', '+15550102',
		'key', 6, 5, 0, 1, 6000, 9000, 6000, 0);
	insert into messages values ('text-1', 'us-east-1_Old', 'public', 'sign_up', 'chal-1', 'key', 6, '{####}', '', '+15550102',
		'', '', false, '192.0.2.1', 6000, 9000, 6000, 0);`

// versionOneFile is an SQLite file that the first version has written.
func versionOneFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bellhop.db")
	execSQL(t, path, "pragma application_id = 1113943148; pragma foreign_keys = on;"+
		sqlMakeMigrations+";"+sqliteDialect.schema(firstSchema(t))+versionOne)
	return path
}

func firstSchema(t *testing.T) string {
	t.Helper()
	schema, err := os.ReadFile("migrations/0001_init.sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(schema)
}

// onEachEngine runs a test on databases that the first version has written.
func onEachEngine(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Run("SQLite", func(t *testing.T) { test(t, reopen(t, versionOneFile(t), Options{})) })
	t.Run("PostgreSQL", func(t *testing.T) {
		url := pgtest.NewSchema(t, pgtest.Shared(t).NewDatabase(t))
		if err := beside(t, url).script(sqlMakeMigrations + ";" + postgresSchema(firstSchema(t)) + versionOne); err != nil {
			t.Fatal(err)
		}
		test(t, &DB{openURL(t, url, repeatableRead)})
	})
}

func TestUpgrade_OfTheFirstVersion_FindsEverything(t *testing.T) { onEachEngine(t, findEverything) }

func findEverything(t *testing.T, db *DB) {
	now := time.UnixMilli(7000)
	const pool = "us-east-1_Old"
	err := db.View(t.Context(), func(u userpool.Tx) error {
		ctx := t.Context()
		for _, c := range []struct {
			filter userpool.Filter
			want   []string
		}{
			{userpool.Filter{}, []string{"sub-1", "sub-2", "sub-3"}},
			{userpool.Filter{Attribute: "name", Value: "Zoë"}, []string{"sub-1"}},
			{userpool.Filter{Attribute: "email", Value: "zoe@", Prefix: true}, []string{"sub-1"}},
			{userpool.Filter{Attribute: "phone_number", Value: "+15550102"}, []string{"sub-3"}},
			{userpool.Filter{Attribute: "status", Value: "Disabled"}, []string{"sub-2"}},
			{userpool.Filter{Attribute: "cognito:user_status", Value: "UNCONFIRMED"}, []string{"sub-3"}},
		} {
			places, err := u.Places(ctx, pool, c.filter, userpool.Spot{}, 10, now)
			if err != nil {
				return err
			}
			if got := subsAt(t, u, pool, places, now); !reflect.DeepEqual(got, setOf(c.want)) {
				t.Errorf("%+v: found %v, want %v", c.filter, got, c.want)
			}
		}
		user, err := u.UserByName(ctx, pool, "+15550100")
		if err != nil || user.ID != "sub-1" || user.Attributes["name"] != "Zoë" || !user.ActiveAt.IsZero() {
			t.Errorf("the user is %+v, %v", user, err)
		}
		public, err := u.Client(ctx, "public")
		if err != nil || len(public.Secrets) != 0 {
			t.Errorf("the public client is %+v, %v", public, err)
		}
		client, err := u.Client(ctx, "secret")
		want := []userpool.ClientSecret{{ID: "secret--3", Sealed: "v1.sealed", CreatedAt: time.UnixMilli(3456).UTC()}}
		if err != nil || !reflect.DeepEqual(client.Secrets, want) {
			t.Errorf("the client's secrets are %+v, %v, want %+v", client.Secrets, err, want)
		}
		challenge, err := u.Challenge(ctx, "chal-1")
		if err != nil || challenge.To.Text() != "+15550102" {
			t.Errorf("the challenge is to %v, %v", challenge.To, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(u userpool.Tx) error {
		texts, err := u.ClaimMessages(t.Context(), now, now.Add(time.Minute), 10)
		if err == nil && (len(texts) != 1 || texts[0].To.Text() != "+15550102" || texts[0].Headline != "") {
			t.Errorf("the texts are %+v", texts)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A user of the first version is one like any other: his rows in the search
// follow what he changes, and go with him.
func TestUpgrade_OfTheFirstVersion_UsersChangeAndGo(t *testing.T) { onEachEngine(t, changeAndGo) }

func changeAndGo(t *testing.T, db *DB) {
	const pool = "us-east-1_Old"
	found := func(value string) (n int) {
		err := db.View(t.Context(), func(u userpool.Tx) error {
			places, err := u.Places(t.Context(), pool, userpool.Filter{Attribute: "name", Value: value}, userpool.Spot{}, 10, time.UnixMilli(7000))
			n = len(places)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	err := db.Update(t.Context(), func(u userpool.Tx) error {
		user, err := u.User(t.Context(), pool, "sub-1")
		if err != nil {
			return err
		}
		user.Attributes["name"] = "Zora"
		return u.UpdateUser(t.Context(), user)
	})
	if err != nil || found("Zoë") != 0 || found("Zora") != 1 {
		t.Fatalf("after a change: %v, %d and %d", err, found("Zoë"), found("Zora"))
	}
	err = db.Update(t.Context(), func(u userpool.Tx) error { return u.DeleteUser(t.Context(), pool, "sub-1") })
	if err != nil || found("Zora") != 0 {
		t.Fatalf("after the end: %v, %d", err, found("Zora"))
	}
}

func subsAt(t *testing.T, u userpool.Tx, pool userpool.PoolID, places []userpool.Spot, now time.Time) map[string]bool {
	t.Helper()
	subs := map[string]bool{}
	for _, spot := range places {
		place := spot.Place
		if user, err := u.UserAt(t.Context(), pool, place); err == nil {
			subs[string(user.ID)] = true
			continue
		}
		r, err := u.RegistrationAt(t.Context(), pool, place, now)
		if err != nil {
			t.Errorf("nobody at %q: %v", place, err)
			continue
		}
		subs[string(r.Sub)] = true
	}
	return subs
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}
