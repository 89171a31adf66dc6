package userpool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// subOf makes a sub that tells which one it is.
func subOf(n int) userpool.UserID {
	return userpool.UserID(fmt.Sprintf("%08x-70c1-4b6e-9d5e-%012x", n, n))
}

// arrives brings users into the world's pool and returns what became of them.
func (w *world) arrives(users ...userpool.Arrival) []error {
	w.t.Helper()
	outcomes, err := w.s.Arrive(w.ctx, w.pool, users)
	w.must(err)
	if len(outcomes) != len(users) {
		w.t.Fatalf("%d outcomes for %d users", len(outcomes), len(users))
	}
	return outcomes
}

// ashaElsewhere is a user with all that an Arrival can carry.
func ashaElsewhere() userpool.Arrival {
	born := time.Date(1999, 3, 1, 12, 0, 0, 5e6, time.UTC)
	return userpool.Arrival{
		ID: subOf(1), Username: string(subOf(1)), Status: userpool.StatusConfirmed, Enabled: true,
		Attributes: map[string]string{
			"phone_number": asha, "phone_number_verified": "true", "email": "Asha@example.com",
			"email_verified": "false", "name": "Asha", "custom:plan": "gold",
		},
		Groups: []string{"staff", "riders"}, CreatedAt: born, ModifiedAt: born.Add(time.Hour),
		MFA: userpool.MFAPreference{SMS: true}, PasswordHash: "$2b$10$CtA.Rcu/szzn9U00wpUjOuN3vrgJRZycv4aOzcP3GzqzO8UDPEFq6",
	}
}

func withPlan(s *userpool.PoolSettings) {
	s.Custom = []userpool.CustomAttribute{{Name: "custom:plan", Type: userpool.TypeString, Mutable: true}}
}

func TestArrive_KeepsAllOfAUser_WhoSignsInByCode(t *testing.T) {
	inWorld(t, options{design: withPlan}, func(w *world) {
		w.group("staff", 1, "")
		w.group("riders", 2, "")
		w.signUp(stranger, asha, intruders) // waits, and ends with the arrival
		before := w.texts(asha)
		a := ashaElsewhere()
		if got := w.arrives(a, a); got[0] != nil || !errors.Is(got[1], userpool.ErrSkipped) {
			t.Fatalf("outcomes %v", got)
		}
		u, err := w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.must(err)
		if u.Username != string(a.ID) || !u.CreatedAt.Equal(a.CreatedAt) || !u.ModifiedAt.Equal(a.ModifiedAt) || u.Status != a.Status || !u.Enabled {
			t.Errorf("came as %+v", u)
		}
		want := maps.Clone(a.Attributes)
		want["sub"] = string(a.ID)
		if got := attributesOf(u); !maps.Equal(got, want) {
			t.Errorf("attributes %v, want %v", got, want)
		}
		var stored userpool.User
		w.must(w.store.View(w.ctx, func(tx userpool.Tx) (err error) {
			stored, err = tx.User(w.ctx, w.pool, a.ID)
			return err
		}))
		hash, err := w.ring.Open("password hash", []byte(a.ID), stored.PasswordHash)
		if err != nil || string(hash) != a.PasswordHash || stored.MFA != a.MFA || stored.Unproved {
			t.Errorf("kept hash %q (%v), mfa %+v, unproved %v", hash, err, stored.MFA, stored.Unproved)
		}
		if w.texts(asha) != before {
			t.Error("the arrival sent a text")
		}
		tokens := w.texted(home, asha)
		claims := w.claims(tokens.ID)
		if claims["sub"] != string(a.ID) || fmt.Sprint(claims["cognito:groups"]) != "[staff riders]" {
			t.Errorf("claims %v", claims)
		}
		if got := w.numbers(`cognito:user_status = "UNCONFIRMED"`, 10); len(got) != 0 {
			t.Errorf("sign-ups of %v still wait", got)
		}
		b := ashaElsewhere()
		b.ID, b.Username, b.Groups, b.PasswordHash, b.Attributes["phone_number"] = subOf(2), "", nil, "", ravi
		w.must(w.arrives(b)[0])
		_, err = w.forgot(home, ravi) // who has no password may have one
		w.must(err)
		w.must(w.reset(home, ravi, w.code(ravi), password))
		if !w.canSignInWith(ravi, password) {
			t.Error("the password that was reset lets nobody in")
		}
	})
}

func attributesOf(u userpool.UserView) map[string]string {
	m := make(map[string]string)
	for _, a := range u.Attributes {
		m[a.Name] = a.Value
	}
	return m
}

func TestArrive_OneWhoCannotComeKeepsNobodyOut(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		gone := w.create("+919800000001")
		w.must(w.s.AdminDeleteUser(w.ctx, w.pool, "+919800000001"))
		w.create("+919800000002")
		base := func(n int, number string) userpool.Arrival {
			return userpool.Arrival{ID: subOf(n), Status: userpool.StatusConfirmed, Enabled: true, Attributes: map[string]string{"phone_number": number, "phone_number_verified": "true"}}
		}
		change := func(a userpool.Arrival, by func(*userpool.Arrival)) userpool.Arrival { by(&a); return a }
		cases := []struct {
			name string
			a    userpool.Arrival
			want fault.Kind // Internal for one who comes
		}{
			{"plain", base(10, "+919800000010"), fault.Internal},
			{"the number of another", base(11, "+919800000010"), fault.UsernameExists},
			{"the number of one who was there before", base(12, "+919800000002"), fault.UsernameExists},
			{"a sub that was deleted here", change(base(13, "+919800000013"), func(a *userpool.Arrival) { a.ID = userpool.UserID(attributesOf(gone)["sub"]) }), fault.Conflict},
			{"a number that is none", base(14, "+12"), fault.InvalidParameter},
			{"an attribute of another pool", change(base(15, "+919800000015"), func(a *userpool.Arrival) { a.Attributes["custom:x"] = "y" }), fault.InvalidParameter},
			{"no number at all", change(base(16, ""), func(a *userpool.Arrival) { a.Attributes = nil }), fault.InvalidParameter},
			{"a sub that is no UUID", change(base(17, "+919800000017"), func(a *userpool.Arrival) { a.ID = "asha" }), fault.InvalidParameter},
			{"two subs", change(base(18, "+919800000018"), func(a *userpool.Arrival) { a.Username = string(subOf(99)) }), fault.InvalidParameter},
			{"a group that is not there", change(base(19, "+919800000019"), func(a *userpool.Arrival) { a.Groups = []string{"nobody"} }), fault.ResourceNotFound},
			{"never confirmed", change(base(20, "+919800000020"), func(a *userpool.Arrival) { a.Status = userpool.StatusUnconfirmed }), fault.UnsupportedUserState},
			{"of an identity provider", change(base(21, "+919800000021"), func(a *userpool.Arrival) { a.Status = "EXTERNAL_PROVIDER" }), fault.UnsupportedUserState},
			{"named by the number", change(base(22, "+919800000022"), func(a *userpool.Arrival) { a.Username, a.ID = "+919800000022", "" }), fault.Internal},
			{"by another number than his", change(base(23, "+919800000023"), func(a *userpool.Arrival) { a.Username = "+919800000024" }), fault.InvalidParameter},
			{"unverified and alone", change(base(25, "+919800000025"), func(a *userpool.Arrival) { a.Attributes["phone_number_verified"] = "false" }), fault.Internal},
			{"disabled", change(base(26, "+919800000026"), func(a *userpool.Arrival) { a.Enabled = false }), fault.Internal},
			{"made by an administrator", change(base(27, "+919800000027"), func(a *userpool.Arrival) { a.Status = userpool.StatusForceChangePassword }), fault.Internal},
		}
		var users []userpool.Arrival
		for i := range 95 { // so that the cases are in two batches
			users = append(users, base(1000+i, fmt.Sprintf("+9198100%05d", i)))
		}
		for _, c := range cases {
			users = append(users, c.a)
		}
		outcomes := w.arrives(users...)
		came := 0
		for i, err := range outcomes {
			var want fault.Kind
			name := "one of the crowd"
			if i >= 95 {
				name, want = cases[i-95].name, cases[i-95].want
			}
			if want == fault.Internal && err != nil || want != fault.Internal && !fault.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if err == nil {
				came++
			}
		}
		if got := len(w.numbers("", 60)); got != came+1 {
			t.Errorf("%d users are there, want %d", got, came+1)
		}
		for i, err := range w.arrives(users...) { // again: nothing changes
			if outcomes[i] == nil && !errors.Is(err, userpool.ErrSkipped) || outcomes[i] != nil && fmt.Sprint(err) != fmt.Sprint(outcomes[i]) {
				t.Errorf("user %d the second time: %v, at first %v", i, err, outcomes[i])
			}
		}
		w.texted(home, "+919800000025")
		rows := w.trail(userpool.AuditFilter{Operation: "ArriveUsers"})
		if len(rows) != 4 || rows[0].Detail != `{"arrived":96,"refused":4,"skipped":0}` {
			t.Errorf("the trail says %+v", rows)
		}
		for _, r := range rows {
			if r.UserID != "" || r.Masked != "" || r.PoolID != w.pool {
				t.Errorf("a row of a batch speaks of %q %q in %q", r.UserID, r.Masked, r.PoolID)
			}
		}
	})
}

func TestArrive_Renewed_IsAsTheOtherSystemHasIt(t *testing.T) {
	inWorld(t, options{design: withPlan}, func(w *world) {
		for _, g := range []string{"staff", "riders", "guests"} {
			w.group(g, 1, "")
		}
		a := ashaElsewhere()
		w.arrives(a)
		tokens := w.texted(home, asha)
		a.Renew, a.Groups = true, []string{"guests", "riders"}
		if got := w.arrives(a)[0]; got != nil {
			t.Errorf("other groups: %v", got)
		}
		if got := w.arrives(a)[0]; !errors.Is(got, userpool.ErrSkipped) {
			t.Errorf("nothing new: %v", got)
		}
		w.pass(time.Minute)
		a.Attributes, a.Enabled, a.ModifiedAt = maps.Clone(a.Attributes), false, time.Now()
		a.Attributes["phone_number"], a.Attributes["custom:plan"] = ravi, "silver"
		w.pass(time.Minute)
		if got := w.arrives(a)[0]; got != nil {
			t.Errorf("changed: %v", got)
		}
		u, err := w.s.AdminGetUser(w.ctx, w.pool, ravi)
		w.must(err)
		if got := attributesOf(u); u.Enabled || got["custom:plan"] != "silver" || got["sub"] != string(a.ID) {
			t.Errorf("renewed to %+v", u)
		}
		groups, err := w.s.AdminListGroupsForUser(w.ctx, w.pool, ravi, 10, "")
		w.must(err)
		if len(groups.Groups) != 2 || groups.Groups[0].Name != "guests" {
			t.Errorf("groups %+v", groups)
		}
		if _, err := w.s.GetUser(w.ctx, tokens.Access); err == nil {
			t.Error("whom the other system disabled is still signed in")
		}
		w.want(second(w.s.AdminGetUser(w.ctx, w.pool, asha)), fault.UserNotFound, "")
	})
}

func TestArrive_NamesOfOnesOwn(t *testing.T) {
	design := func(s *userpool.PoolSettings) {
		s.UsernameAttributes, s.AliasAttributes = nil, []string{"phone_number", "email"}
	}
	inWorld(t, options{design: design}, func(w *world) {
		ann := func(n int, name, verified string) userpool.Arrival {
			return userpool.Arrival{ID: subOf(n), Username: name, Status: userpool.StatusConfirmed, Enabled: true, Attributes: map[string]string{"phone_number": asha, "phone_number_verified": verified}}
		}
		got := w.arrives(
			ann(1, "Ann", "true"), ann(2, "ann.2", "true"), ann(3, "ann.3", "false"), ann(4, "Ann", "false"), ann(1, "bob", "false"),
			ann(5, asha, "false"), ann(6, "", "false"), userpool.Arrival{Username: "Ann", Status: userpool.StatusConfirmed},
		)
		for i, want := range []fault.Kind{fault.Internal, fault.AliasExists, fault.Internal, fault.UsernameExists, fault.Conflict, fault.InvalidParameter, fault.InvalidParameter, fault.Internal} {
			if want != fault.Internal && !fault.Is(got[i], want) || want == fault.Internal && got[i] != nil && !errors.Is(got[i], userpool.ErrSkipped) {
				t.Errorf("user %d: %v, want %v", i, got[i], want)
			}
		}
		if !errors.Is(got[7], userpool.ErrSkipped) {
			t.Errorf("a user without a sub whose name is there: %v", got[7])
		}
		u, err := w.s.AdminGetUser(w.ctx, w.pool, asha)
		w.must(err)
		if u.Username != "Ann" {
			t.Errorf("the number signs in %s", u.Username)
		}
	})
}

// Whoever elsewhere put a password to a number that was never proved is not let in
// by it once the number's owner has come.
func TestArrive_HashBesideAnUnprovedNumber_EndsWithItsFirstCode(t *testing.T) {
	inWorld(t, options{design: withPlan}, func(w *world) {
		a := ashaElsewhere()
		a.Groups, a.Attributes["phone_number_verified"] = nil, "false"
		w.arrives(a)
		w.texted(home, asha)
		w.must(w.store.View(w.ctx, func(tx userpool.Tx) error {
			u, err := tx.User(w.ctx, w.pool, a.ID)
			if err == nil && (u.PasswordHash != "" || u.Unproved) {
				t.Errorf("the hash is %q, unproved %v", u.PasswordHash, u.Unproved)
			}
			return err
		}))
	})
}

// What an export writes an import job reads: every value comes back, but for the
// blanks around it and its line breaks.
func TestExportCSV_ComesBackByAnImport(t *testing.T) {
	inWorld(t, options{design: withPlan}, func(w *world) {
		values := []string{
			"Asha", "=1+1", "'=1", "a,b", `a\`, `a\,b`, `a\\,`, `"quoted"`, `a "b" c`, "@x", "-5", "+4 9", "'", "''", "ü,\u2028z", ",", `\`, `"`,
		}
		rng := rand.New(rand.NewPCG(4, 4))
		for len(values) < 150 {
			var b strings.Builder
			for range 1 + rng.IntN(6) {
				b.WriteByte(`'"=+-@\, a1`[rng.IntN(11)])
			}
			if v := strings.TrimSpace(b.String()); v != "" {
				values = append(values, v)
			}
		}
		var users []userpool.Arrival
		for i, v := range values {
			a := ashaElsewhere()
			a.ID, a.Username, a.Groups, a.MFA, a.PasswordHash = subOf(i), "", nil, userpool.MFAPreference{}, ""
			a.Attributes = map[string]string{"phone_number": fmt.Sprintf("+9198%08d", i), "phone_number_verified": "true", "name": v, "custom:plan": "x\ny"}
			users = append(users, a)
		}
		w.must(errors.Join(w.arrives(users...)...))
		var file bytes.Buffer
		done, err := w.s.ExportCSV(w.ctx, w.pool, false, &file)
		w.must(err)
		if done.Users != len(users) || done.Changed != len(users) || done.Guarded == 0 {
			t.Errorf("exported %+v", done)
		}
		p, err := w.s.DescribeUserPool(w.ctx, w.pool)
		w.must(err)
		f, err := userpool.NewUserFile(p, "", &file)
		w.must(err)
		rows, err := f.Rows(len(users) + 1)
		if !errors.Is(err, io.EOF) || len(rows) != len(users) {
			t.Fatalf("%d rows: %v", len(rows), err)
		}
		read := make(map[string]map[string]string)
		for _, row := range rows {
			w.must(row.Why)
			read[row.User.Username] = row.User.Attributes
		}
		for _, u := range users {
			u.Attributes["custom:plan"] = "x y"
			if got := read[u.Attributes["phone_number"]]; !maps.Equal(got, u.Attributes) {
				t.Errorf("%q came back as %q", u.Attributes, got)
			}
		}
	})
}

func TestCSVHeader_IsCognitosWithThePoolsOwn(t *testing.T) {
	s := userpool.PoolSettings{}
	withPlan(&s)
	got := strings.Join(s.CSVHeader(), ",")
	want := "name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,website,email,email_verified,gender,birthdate,zoneinfo,locale,phone_number,phone_number_verified,address,updated_at,custom:plan,cognito:mfa_enabled,cognito:username"
	if got != want {
		t.Errorf("header %s", got)
	}
}

// How many users a minute arrive, in batches as they are read from a pool, each
// in two groups:
//
//	go test ./internal/userpool -run '^$' -bench Arrive -benchtime 20000x
func BenchmarkArrive(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchArrive(b, worldtest.Database(b)) })
	b.Run("PostgreSQL", func(b *testing.B) { benchArrive(b, pgtest.NewSchema(b, pgtest.Shared(b).NewDatabase(b))) })
}

func benchArrive(b *testing.B, file string) {
	ctx := b.Context()
	store, err := sqlstore.Open(ctx, file, sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	ring, _ := seal.Generate()
	s, err := userpool.Open(ctx, userpool.Config{
		Store: store, Ring: ring, Region: "us-east-1", PublicURL: "http://localhost:9400",
		Log: slog.New(slog.DiscardHandler), Guard: guard.NewEngine(guard.Default()),
	})
	if err != nil {
		b.Fatal(err)
	}
	worldtest.Stock(b, store, ring)
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes, set.AutoVerified = []string{"phone_number"}, []string{"phone_number"}
	p, err := s.CreateUserPool(ctx, userpool.NewPool{Name: "riders", Settings: set})
	if err != nil {
		b.Fatal(err)
	}
	for _, g := range []string{"staff", "riders"} {
		if _, err := s.CreateGroup(ctx, userpool.NewGroup{PoolID: p.ID, Name: g}); err != nil {
			b.Fatal(err)
		}
	}
	users := make([]userpool.Arrival, b.N)
	for i := range users {
		users[i] = userpool.Arrival{
			ID: subOf(i), Status: userpool.StatusConfirmed, Enabled: true, Groups: []string{"staff", "riders"},
			Attributes: map[string]string{
				"phone_number": fmt.Sprintf("+9198%08d", i), "phone_number_verified": "true",
				"email": fmt.Sprintf("rider.%d@example.com", i), "email_verified": "true", "name": fmt.Sprintf("Rider %d", i),
			},
		}
	}
	b.ResetTimer()
	for page := range slices.Chunk(users, 60) {
		outcomes, err := s.Arrive(ctx, p.ID, page)
		if err = errors.Join(append(outcomes, err)...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Minutes(), "users/min")
}

// All users of a pool that moves come on one day. Those who had proved their numbers
// are no strangers to the guard.
func TestArrive_ProvedNumbersAreKnown(t *testing.T) {
	inWorld(t, options{guard: shipped()}, func(w *world) {
		for i, verified := range []string{"true", "false"} {
			a := ashaElsewhere()
			a.ID, a.Username, a.Groups, a.PasswordHash = subOf(i), "", nil, ""
			a.Attributes = map[string]string{"phone_number": neighbour(i), "phone_number_verified": verified}
			if outcomes := w.arrives(a); outcomes[0] != nil {
				t.Fatal(outcomes[0])
			}
			x, err := w.s.Explain(w.ctx, phone.FromCanonical(neighbour(i)))
			w.must(err)
			if want := verified == "true"; x.Known != want {
				t.Errorf("a number that was verified there (%s) is known: %t", verified, x.Known)
			}
		}
	})
}
