package token_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

func firstKeys(t *testing.T) token.KeySet {
	t.Helper()
	return carryOut(t, nil, token.KeySet(nil).Plan(token.EdDSA, start), start)
}

func TestPlanRotation_BeginsOnceAndEndsAsTheOrdinaryOne(t *testing.T) {
	set := firstKeys(t)
	old := set.Signing(token.UseID, start)
	at := start.Add(time.Hour)
	set = carryOut(t, set, set.PlanRotation(token.EdDSA, at), at)
	if len(set) != 4 || len(publishedIDs(t, set, at)) != 4 || set.Signing(token.UseID, at).ID != old.ID {
		t.Fatalf("%d keys; the old one does not sign on", len(set))
	}
	if plan := set.PlanRotation(token.EdDSA, at.Add(23*time.Hour)); !plan.IsEmpty() {
		t.Errorf("asked again while it is under way: %+v", plan)
	}
	change := at.Add(24 * time.Hour)
	if set.Signing(token.UseID, change).ID == old.ID {
		t.Error("the successor does not sign after a day")
	}
	if again := set.PlanRotation(token.EdDSA, change); len(again.Create) != 2 {
		t.Errorf("after its end: %+v", again)
	}
}

func TestPlanReplacement_SignsAtOnceAndKeepsWhatHasSigned(t *testing.T) {
	set := firstKeys(t)
	old := set.Signing(token.UseAccess, start)
	at := start.Add(time.Hour)
	set = carryOut(t, set, set.PlanRotation(token.EdDSA, at), at)
	waiting := set[len(set)-1].ID
	now := at.Add(time.Hour)
	set = carryOut(t, set, set.PlanReplacement(token.EdDSA, now, false), now)

	fresh := set.Signing(token.UseAccess, now)
	published := publishedIDs(t, set, now)
	if fresh.ID == old.ID || !published[fresh.ID] || !published[old.ID] {
		t.Error("the new key does not sign at once, or the old one is not published any more")
	}
	if published[waiting] {
		t.Error("a key that waited is still there")
	}
	if plan := set.Plan(token.EdDSA, now.Add(25*time.Hour-1)); !plan.IsEmpty() {
		t.Errorf("the old key does not stay for its tokens: %+v", plan)
	}
	if plan := set.Plan(token.EdDSA, now.Add(25*time.Hour)); !slices.Contains(plan.Drop, old.ID) {
		t.Errorf("the old key does not go after its tokens: %+v", plan)
	}
}

func TestPlanReplacement_Revoking_LeavesNewKeysAlone(t *testing.T) {
	set := firstKeys(t)
	tokens, err := token.Issue(set, subject(), token.Lifetimes{ID: time.Hour, Access: time.Hour}, start)
	if err != nil {
		t.Fatal(err)
	}
	now := start.Add(time.Minute)
	set = carryOut(t, set, set.PlanReplacement(token.EdDSA, now, false), now)
	if _, err := token.VerifyAccess(set, issuer, tokens.Access, now); err != nil {
		t.Errorf("before: %v", err)
	}
	later := now.Add(time.Minute) // it was not enough: the key from before goes too
	set = carryOut(t, set, set.PlanReplacement(token.EdDSA, later, true), later)
	if len(set) != 2 || len(publishedIDs(t, set, later)) != 2 {
		t.Errorf("%d keys are left", len(set))
	}
	if _, err := token.VerifyAccess(set, issuer, tokens.Access, later); err == nil {
		t.Error("a token of a revoked key is still good")
	}
}
