package userpool

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// Only the very text that was given, and to that user of that pool, is a key.
func TestDeviceKey_IsNobodyElses_AndNothingElse(t *testing.T) {
	const pool, user = PoolID("eu-west-1_AbC"), UserID("8c3ce8bd-eb93-4406-a67a-39a00ff1e072")
	s := &Service{stableKey: []byte(strings.Repeat("k", 32))}
	at := time.Date(2026, 3, 4, 9, 7, 3, 999e6, time.UTC)
	shape := regexp.MustCompile(`^eu-west-1_[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	key := s.newDeviceKey(pool, user, at)
	if !shape.MatchString(key) {
		t.Fatalf("the key is %q", key)
	}
	if given, ok := s.deviceKeyGiven(pool, user, key); !ok || !given.Equal(at.Truncate(time.Second)) {
		t.Fatalf("it was given at %s, %t", given, ok)
	}
	if s.newDeviceKey(pool, user, at) == key {
		t.Error("two keys of one moment are one")
	}
	long := PoolID(strings.Repeat("r", 60) + "_AbC")
	if k := s.newDeviceKey(long, user, at); len(k) > maxDeviceKey {
		t.Errorf("a key of %d characters", len(k))
	} else if _, ok := s.deviceKeyGiven(long, user, k); !ok {
		t.Error("the key of a pool with a long region is none")
	}

	no := func(what string, s *Service, pool PoolID, user UserID, key string) {
		t.Helper()
		if _, ok := s.deviceKeyGiven(pool, user, key); ok {
			t.Errorf("%s: %q is good", what, key)
		}
	}
	no("another user", s, pool, user[1:]+"0", key)
	no("another pool of the region", s, "eu-west-1_AbD", user, key)
	no("pool and user cut otherwise", s, pool+PoolID(user[:1]), user[1:], key)
	no("another server", &Service{stableKey: []byte(strings.Repeat("l", 32))}, pool, user, key)
	id := strings.TrimPrefix(key, "eu-west-1_")
	for _, other := range []string{
		"", "_", "eu-west-1_", id, "_" + id, "us-east-1_" + id, "eu-west-1_" + strings.ToUpper(id), "EU-WEST-1_" + id,
		"eu-west-1_" + strings.ReplaceAll(id, "-", ""), "eu-west-1_{" + id + "}", "eu-west-1_urn:uuid:" + id, key + " ", key + "\x00",
	} {
		no("another text", s, pool, user, other)
	}
	for i := len("eu-west-1_"); i < len(key); i++ {
		for _, digit := range "0123456789abcdef" {
			if other := key[:i] + string(digit) + key[i+1:]; key[i] != '-' && other != key {
				no("a digit changed", s, pool, user, other)
			}
		}
	}
	no("a random one", s, pool, user, rowedDeviceKey(pool))
}
