package token_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// carryOut does what a plan says, as the domain does in one transaction.
func carryOut(t testing.TB, set token.KeySet, plan token.Plan, now time.Time) token.KeySet {
	t.Helper()
	var out token.KeySet
	for _, k := range set {
		if slices.Contains(plan.Drop, k.ID) {
			continue
		}
		c := *k
		for _, r := range plan.Retire {
			if r.ID == k.ID {
				c.RetiredAt = r.RetiredAt
			}
		}
		out = append(out, &c)
	}
	for _, spec := range plan.Create {
		k, err := token.GenerateKey(spec.Alg, spec.Use, now)
		if err != nil {
			t.Fatal(err)
		}
		k.ActiveAt = spec.ActiveAt
		out = append(out, k)
	}
	return out
}

func publishedIDs(t testing.TB, set token.KeySet, now time.Time) map[string]bool {
	t.Helper()
	var doc struct {
		Keys []struct {
			Kid string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(set.JWKS(now), &doc); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for _, k := range doc.Keys {
		ids[k.Kid] = true
	}
	return ids
}

func TestPlan_NoKeys_CreatesOneForEachUseAtOnce(t *testing.T) {
	set := carryOut(t, nil, token.KeySet(nil).Plan(token.ES256, start), start)
	if len(set) != 2 || set.Signing(token.UseID, start) == nil || set.Signing(token.UseAccess, start) == nil {
		t.Fatalf("%d keys", len(set))
	}
	if plan := set.Plan(token.ES256, start); !plan.IsEmpty() {
		t.Errorf("a second plan: %+v", plan)
	}
	if plan := set.Plan(token.ES256, start.Add(90*24*time.Hour-1)); !plan.IsEmpty() {
		t.Errorf("a plan before 90 days: %+v", plan)
	}
}

// TestRotation_TwoYears plays a pool for two years with a job that runs every
// few hours and now and then not for days. A verifier that fetched the key set
// up to a day ago knows every new token; every token verifies to its end.
func TestRotation_TwoYears_NoTokenIsEverUnknown(t *testing.T) {
	type sighting struct {
		at  time.Time
		ids map[string]bool
	}
	type living struct {
		raw  string
		ends time.Time
	}
	day := token.Lifetimes{ID: token.MaxTTL, Access: token.MaxTTL}
	var (
		set     token.KeySet
		fetched []sighting
		alive   []living
		signers = map[string]bool{}
		most    int
	)
	for now := start; now.Before(start.Add(730 * 24 * time.Hour)); now = now.Add(6 * time.Hour) {
		asleep := now.Sub(start)%(100*24*time.Hour) > 95*24*time.Hour // the job, not the server
		if !asleep {
			set = carryOut(t, set, set.Plan(token.ES256, now), now)
		}
		tokens, err := token.Issue(set, subject(), day, now)
		if err != nil {
			t.Fatalf("after %v: %v", now.Sub(start), err)
		}
		alive = append(alive, living{tokens.Access, now.Add(day.Access)})
		fetched = append(fetched, sighting{now, publishedIDs(t, set, now)})

		for _, use := range []token.Use{token.UseID, token.UseAccess} {
			signer := set.Signing(use, now).ID
			signers[signer] = true
			for _, old := range fetched {
				if age := now.Sub(old.at); age <= 24*time.Hour && !old.ids[signer] {
					t.Fatalf("after %v: %s signs, which the key set of %v ago lacks", now.Sub(start), signer, age)
				}
			}
		}
		alive = slices.DeleteFunc(alive, func(l living) bool { return !now.Before(l.ends) })
		for _, l := range alive {
			if _, err := token.VerifyAccess(set, issuer, l.raw, now); err != nil {
				t.Fatalf("after %v: a token with %v to live: %v", now.Sub(start), l.ends.Sub(now), err)
			}
		}
		fetched = slices.DeleteFunc(fetched, func(s sighting) bool { return now.Sub(s.at) > 24*time.Hour })
		most = max(most, len(set))
	}
	if len(signers) < 14 || len(signers) > 18 {
		t.Errorf("%d keys signed in two years, want 8 of each use or so", len(signers))
	}
	if most > 6 {
		t.Errorf("as many as %d keys at once: old ones are not dropped", most)
	}
}

func TestPlan_Rotation_StepByStep(t *testing.T) {
	const days = 24 * time.Hour
	set := carryOut(t, nil, token.KeySet(nil).Plan(token.EdDSA, start), start)
	first := set.Signing(token.UseAccess, start)

	due := start.Add(90 * days)
	set = carryOut(t, set, set.Plan(token.EdDSA, due), due)
	if len(set) != 4 || set.Signing(token.UseAccess, due).ID != first.ID {
		t.Fatalf("at 90 days: %d keys", len(set))
	}
	if len(publishedIDs(t, set, due)) != 4 {
		t.Error("the successors are not published at once")
	}
	if plan := set.Plan(token.EdDSA, due.Add(time.Hour)); !plan.IsEmpty() {
		t.Errorf("an hour later: %+v", plan)
	}

	change := due.Add(1 * days)
	if set.Signing(token.UseAccess, change.Add(-1)).ID != first.ID || set.Signing(token.UseAccess, change).ID == first.ID {
		t.Error("the successor does not sign after exactly a day")
	}
	over := change.Add(25 * time.Hour)
	if !publishedIDs(t, set, over.Add(-1))[first.ID] || publishedIDs(t, set, over)[first.ID] {
		t.Error("the old key is not published for exactly 25 hours")
	}
	if plan := set.Plan(token.EdDSA, over.Add(-1)); !plan.IsEmpty() {
		t.Errorf("before the end: %+v", plan)
	}
	plan := set.Plan(token.EdDSA, over)
	if len(plan.Drop) != 2 || len(plan.Create) != 0 || !slices.Contains(plan.Drop, first.ID) {
		t.Errorf("at the end: %+v", plan)
	}
}

func TestPlan_AlgorithmChanged_RotatesToIt(t *testing.T) {
	set := carryOut(t, nil, token.KeySet(nil).Plan(token.EdDSA, start), start)
	now := start.Add(time.Hour)
	set = carryOut(t, set, set.Plan(token.ES256, now), now)
	if set.Signing(token.UseID, now).Alg != token.EdDSA {
		t.Error("the new algorithm signs before verifiers can know its key")
	}
	later := now.Add(24 * time.Hour)
	if set.Signing(token.UseID, later).Alg != token.ES256 || set.Signing(token.UseAccess, later).Alg != token.ES256 {
		t.Error("the new algorithm does not sign after a day")
	}
	// Changed back before the successor was used: it is overtaken in turn.
	set = carryOut(t, set, set.Plan(token.EdDSA, later), later)
	end := later.Add(48 * time.Hour)
	if set.Signing(token.UseAccess, end).Alg != token.EdDSA {
		t.Error("the way back is closed")
	}
	set = carryOut(t, set, set.Plan(token.EdDSA, end), end)
	if plan := set.Plan(token.EdDSA, end); !plan.IsEmpty() {
		t.Errorf("does not come to rest: %+v", plan)
	}
}

func TestPlan_OvertakenKeyWithoutEnd_IsRetired(t *testing.T) {
	a, err := token.GenerateKey(token.EdDSA, token.UseID, start)
	if err != nil {
		t.Fatal(err)
	}
	b, err := token.GenerateKey(token.EdDSA, token.UseID, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	plan := token.KeySet{a, b}.Plan(token.EdDSA, start.Add(2*time.Hour))
	if len(plan.Retire) != 1 || plan.Retire[0] != (token.Retirement{ID: a.ID, RetiredAt: b.ActiveAt}) {
		t.Errorf("%+v", plan.Retire)
	}
}

func TestPublished_KeysInStock_AreNot(t *testing.T) {
	stock, err := token.GenerateKey(token.EdDSA, "", start)
	if err != nil {
		t.Fatal(err)
	}
	if keys := (token.KeySet{stock}).Published(start); len(keys) != 0 {
		t.Error("a key in stock is published")
	}
}
