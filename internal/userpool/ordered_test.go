package userpool

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestOrderedIDs_AreInTheOrderOfTimeAndNeverTheSame(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var ids, keys []string
	for range 500 {
		at = at.Add(time.Millisecond)
		ids = append(ids, newOrderedID(at))
		keys = append(keys, sessionKey(newSessionHandle(at)))
	}
	if !slices.IsSorted(ids) {
		t.Error("ids are not in the order of time")
	}
	if !slices.IsSorted(keys) {
		t.Error("the keys of Sessions are not in the order of time")
	}
	same := map[string]bool{}
	for range 1000 {
		same[newOrderedID(at)] = true
		same[newSessionHandle(at)] = true
	}
	if len(same) != 2000 {
		t.Errorf("of 2000 of one millisecond %d are different", len(same))
	}
	if u, err := uuid.Parse(ids[0]); err != nil || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		t.Errorf("%s is no UUID of version 7: %v", ids[0], err)
	}
}

func TestSessionKey_HasTheTimeAndNothingElseOfTheSession(t *testing.T) {
	session := newSessionHandle(time.Now())
	key := sessionKey(session)
	made, secret := session[:len(session)-handleLength], session[len(session)-handleLength:]
	if key != made+hashHandle(session) {
		t.Errorf("the key of %q is %q", session, key)
	}
	if strings.Contains(strings.ToLower(key), strings.ToLower(secret[:8])) {
		t.Error("the key has some of what is secret")
	}
	if old := newHandle(); sessionKey(old) != hashHandle(old) {
		t.Error("a Session of before there was a time in it has another key than it had")
	}
	if long := strings.Repeat("0123456789", 200); len(sessionKey(long)) > maxSessionTime+len(key) {
		t.Error("a key is as long as somebody likes")
	}
	if odd := "A" + strings.Repeat("é", 40); sessionKey(odd) != hashHandle(odd) {
		t.Error("a store may be asked for a text that it cannot keep")
	}
	if a, b := sessionKey("A"+secret), sessionKey("B"+secret); a[1:] == b[1:] {
		t.Error("the time is not in the hash")
	}
}
