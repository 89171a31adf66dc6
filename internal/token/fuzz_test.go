package token_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/token"
)

// cut is a token from which a piece was taken, and another put in.
func cut(s string, from, count uint16, insert string) string {
	start := min(int(from), len(s))
	return s[:start] + insert + s[min(start+int(count), len(s)):]
}

// FuzzEditedAccessToken takes a piece out of a good token and puts another in:
// only the token as it was issued is believed. (Of ECDSA, r and -s are a second
// signature that verifies; it is over the same claims, and no piece of the first.)
func FuzzEditedAccessToken(f *testing.F) {
	algs := []token.Alg{token.RS256, token.ES256, token.EdDSA}
	sets, good := keySets(), map[token.Alg]string{}
	for alg, set := range sets {
		good[alg] = forge(f, private(f, set[1]), goodHeader(set[1]), encodeClaims(f, goodClaims()))
	}
	for i, alg := range algs {
		raw, last := good[alg], uint16(len(good[alg]))
		dot := uint16(strings.IndexByte(raw, '.'))
		f.Add(uint8(i), uint16(0), uint16(0), "")
		f.Add(uint8(i), uint16(0), dot, enc(`{"alg":"none"}`))
		f.Add(uint8(i), dot+1, uint16(4), "eyJ ")
		f.Add(uint8(i), last-1, uint16(1), "B") // stray bits
		f.Add(uint8(i), last, uint16(0), "=")
		f.Add(uint8(i), last, uint16(0), "\n")
		f.Add(uint8(i), last, uint16(0), ".")
		f.Add(uint8(i), last-40, uint16(40), "")
		f.Add(uint8(i), uint16(0), last, good[algs[(i+1)%3]])
		f.Add(uint8(i), last, uint16(0), strings.Repeat("A", 9000))
	}
	f.Fuzz(func(t *testing.T, which uint8, from, count uint16, insert string) {
		alg := algs[int(which)%len(algs)]
		raw := cut(good[alg], from, count, insert)
		for verifier, set := range sets {
			claims, err := token.VerifyAccess(set, issuer, raw, start)
			if (err == nil) != (raw == good[verifier]) {
				t.Fatalf("%s by %s: %v for %q", alg, verifier, err, raw)
			}
			if err != nil && (!fault.Is(err, fault.NotAuthorized) || err.Error() != invalidAccess || claims.Sub != "") {
				t.Fatalf("refused with %v", err)
			}
		}
		checkClaimedIssuer(t, raw)
	})
}

// checkClaimedIssuer holds what is read of a token before it is believed.
func checkClaimedIssuer(t *testing.T, raw string) {
	t.Helper()
	claimed, ok := token.ClaimedIssuer(raw)
	if ok != (claimed != "") || ok && (strings.Count(raw, ".") != 2 || len(claimed) >= len(raw)) {
		t.Fatalf("%q claims %q, %v", raw, claimed, ok)
	}
	if token.LooksLikeJWT(raw) && (strings.Count(raw, ".") != 2 || slices.Contains(strings.Split(raw, "."), "")) {
		t.Fatalf("%q looks like a token", raw)
	}
	if _, err := token.ParseRefresh(refreshKeys, raw); err == nil && token.LooksLikeJWT(raw) {
		t.Fatalf("%q is two things", raw)
	}
}

// FuzzEditedRefreshToken does the same to a refresh token.
func FuzzEditedRefreshToken(f *testing.F) {
	want := token.RefreshToken{FamilyID: "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", Generation: 3}
	good := token.MintRefresh(refreshKey, "0badcafe", want)
	last := uint16(len(good))
	f.Add(uint16(0), uint16(0), "")
	f.Add(uint16(0), last, token.MintRefresh(otherKey, "0badcafe", want))
	f.Add(uint16(2), uint16(11), enc("\x080ddba115"))
	f.Add(last-1, uint16(1), "B")
	f.Add(last, uint16(0), "=")
	f.Add(last, uint16(0), good)
	f.Add(uint16(0), last, enc(string(bytes.Repeat([]byte{1}, 60))))
	f.Fuzz(func(t *testing.T, from, count uint16, insert string) {
		text := cut(good, from, count, insert)
		got, err := token.ParseRefresh(refreshKeys, text)
		if text == good {
			if err != nil || got != want {
				t.Fatalf("the good one gives %+v, %v", got, err)
			}
			return
		}
		if err == nil {
			t.Fatalf("%q is taken for %+v", text, got)
		}
		if !fault.Is(err, fault.NotAuthorized) || err.Error() != invalidRefresh || got != (token.RefreshToken{}) {
			t.Fatalf("refused with %+v, %v", got, err)
		}
		checkClaimedIssuer(t, text)
	})
}
