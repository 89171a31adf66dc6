package userpool

import (
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/seal"
)

func carrying() (*Service, Session, Client) {
	ring, _ := seal.Generate()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := Client{ID: "client", PoolID: "us-east-1_Pool"}
	return &Service{ring: ring}, Session{
		PoolID: c.PoolID, ClientID: c.ID, Subject: newID(), Step: "CUSTOM_CHALLENGE", Username: newID(), Name: "+919876543210",
		Challenge: "code", Device: "us-east-1_device", CreatedAt: at, ExpiresAt: at.Add(3 * time.Minute),
	}, c
}

func carry(t *testing.T, s *Service, session Session) string {
	t.Helper()
	handle, err := s.carry(session, Challenge{ID: session.Challenge, Tries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

func TestCarriedSession_IsAsItWasAndAsLongForNobody(t *testing.T) {
	s, session, c := carrying()
	nobody := session
	nobody.Subject, nobody.Decoy, nobody.Pending = newID(), true, true
	var length int
	for _, want := range []Session{session, nobody} {
		handle := carry(t, s, want)
		if length == 0 {
			length = len(handle)
		}
		if len(handle) != length {
			t.Errorf("a Session of nobody is %d characters long, somebody's %d", len(handle), length)
		}
		got, ok := s.uncarry(handle, c)
		if !ok || got.carried.tries != 1 || got.Hash != sessionKey(handle) || !strings.HasPrefix(got.Hash, timeText(want.CreatedAt)) {
			t.Fatalf("%v, %+v", ok, got)
		}
		got.carried, got.Hash = nil, ""
		if !equalSessions(got, want) {
			t.Errorf("the Session is %+v, was %+v", got, want)
		}
	}
}

func equalSessions(a, b Session) bool {
	return a.PoolID == b.PoolID && a.ClientID == b.ClientID && a.Subject == b.Subject && a.Step == b.Step && a.Username == b.Username &&
		a.Name == b.Name && a.Challenge == b.Challenge && a.Device == b.Device && a.Decoy == b.Decoy && a.ByID == b.ByID &&
		a.Pending == b.Pending && a.CreatedAt.Equal(b.CreatedAt) && a.ExpiresAt.Equal(b.ExpiresAt) && a.UsedAt.Equal(b.UsedAt)
}

// One spelling alone is read: whether a Session is used is looked for by its hash.
func TestCarriedSession_InAnotherSpellingOrOfAnotherClient_IsNone(t *testing.T) {
	s, session, c := carrying()
	handle := carry(t, s, session)
	if _, ok := s.uncarry(handle, c); !ok {
		t.Fatal("the Session itself is not read")
	}
	last, letters := len(handle)-1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	others := []string{
		strings.ToLower(handle), handle + "\n", handle[:20] + "\n" + handle[20:], handle + "=", "0" + handle, handle + handle,
		handle[:last], strings.Replace(handle, carriedMark, "", 1), strings.Replace(handle, carriedMark, "Y", 1), carriedMark + handle,
	}
	for _, letter := range letters {
		others = append(others, handle[:last]+string(letter), handle[:3]+string(letter)+handle[4:], handle[:80]+string(letter)+handle[81:])
	}
	for _, other := range others {
		if _, ok := s.uncarry(other, c); ok && other != handle {
			t.Errorf("%q is read as %q is", other, handle)
		}
	}
	for _, other := range []Client{{ID: "other", PoolID: c.PoolID}, {ID: c.ID, PoolID: "us-east-1_Other"}} {
		if _, ok := s.uncarry(handle, other); ok {
			t.Errorf("%s of %s reads it", other.ID, other.PoolID)
		}
	}
	if stranger, _, _ := carrying(); func() bool { _, ok := stranger.uncarry(handle, c); return ok }() {
		t.Error("another master key reads it")
	}
	if _, ok := s.uncarry(newSessionHandle(session.CreatedAt), c); ok {
		t.Error("one that has a row is read")
	}
}
