package token_test

import (
	"bytes"
	"encoding/base64"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/token"
)

var (
	refreshKey = bytes.Repeat([]byte{1}, 32)
	otherKey   = bytes.Repeat([]byte{2}, 32)
)

// refreshKeys knows two keys by their ids.
func refreshKeys(id string) ([]byte, bool) {
	switch id {
	case "0badcafe":
		return refreshKey, true
	case "0ddba115":
		return otherKey, true
	}
	return nil, false
}

const invalidRefresh = "Invalid Refresh Token"

func TestRefresh_EveryFamilyAndGeneration_RoundTrips(t *testing.T) {
	wire := regexp.MustCompile(`^[A-Za-z0-9\-_=.]+$`) // Cognito's model, shape TokenModelType
	for _, family := range []string{"f", "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", "q83vASNFZ4mrze8BI0VniQ", strings.Repeat("x", 255), "a\x00b"} {
		for _, generation := range []uint32{0, 1, 255, 256, math.MaxUint32} {
			want := token.RefreshToken{FamilyID: family, Generation: generation}
			text := token.MintRefresh(refreshKey, "0badcafe", want)
			if !wire.MatchString(text) {
				t.Errorf("%q is not of the wire's alphabet", text)
			}
			if got, err := token.ParseRefresh(refreshKeys, text); err != nil || got != want {
				t.Errorf("%+v comes back as %+v, %v", want, got, err)
			}
			if again := token.MintRefresh(refreshKey, "0badcafe", want); again != text {
				t.Error("the same token has two texts: a lost answer could not be repeated")
			}
		}
	}
}

func TestRefresh_GenerationsAndFamilies_HaveDifferentTexts(t *testing.T) {
	seen := map[string]token.RefreshToken{}
	for _, r := range []token.RefreshToken{{"a", 0}, {"a", 1}, {"b", 0}, {"ab", 0}, {"a\x00", 0}} {
		for id, key := range map[string][]byte{"0badcafe": refreshKey, "0ddba115": otherKey} {
			text := token.MintRefresh(key, id, r)
			if other, ok := seen[text]; ok {
				t.Errorf("%+v and %+v have the same text", r, other)
			}
			seen[text] = r
		}
	}
}

func TestParseRefresh_EachChangedByte_IsRefused(t *testing.T) {
	text := token.MintRefresh(refreshKey, "0badcafe", token.RefreshToken{FamilyID: "0d5a7f57-6c43-4d0a-8d58-0f1f4d2b7a10", Generation: 3})
	for i := range text {
		for _, b := range []byte{text[i] ^ 1, 'A', '_', '=', '.', '\n', 0xff} {
			if b == text[i] {
				continue
			}
			if r, err := token.ParseRefresh(refreshKeys, text[:i]+string([]byte{b})+text[i+1:]); err == nil {
				t.Errorf("byte %d as %q gives %+v", i, b, r)
			}
		}
		_, err := token.ParseRefresh(refreshKeys, text[:i])
		mustRefuse(t, "cut", err, invalidRefresh)
		if _, err := token.ParseRefresh(refreshKeys, text[:i]+"\n"+text[i:]); err == nil {
			t.Errorf("a line end at %d is passed over", i)
		}
	}
}

func TestParseRefresh_ForgedOrForeign_IsRefused(t *testing.T) {
	r := token.RefreshToken{FamilyID: "family", Generation: 1}
	good := token.MintRefresh(refreshKey, "0badcafe", r)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	tokens := issue(t, keySets()[token.EdDSA], subject(), start)
	for name, text := range map[string]string{
		"empty":              "",
		"another key":        token.MintRefresh(otherKey, "0badcafe", r),
		"another's key id":   token.MintRefresh(refreshKey, "0ddba115", r),
		"unknown key id":     token.MintRefresh(refreshKey, "12345678", r),
		"padded":             good + "=",
		"trailing byte":      encode(append(bytes.Clone(raw), 0)),
		"no MAC":             encode(raw[:len(raw)-32]),
		"half a MAC":         encode(raw[:len(raw)-16]),
		"zero MAC":           encode(append(bytes.Clone(raw[:len(raw)-32]), make([]byte, 32)...)),
		"version 0":          encode(append([]byte{0}, raw[1:]...)),
		"version 2":          encode(append([]byte{2}, raw[1:]...)),
		"only a MAC":         encode(make([]byte, 32)),
		"lengths past end":   encode(append([]byte{1, 255}, raw[2:]...)),
		"empty ids":          encode(append([]byte{1, 0, 0, 0, 0, 0, 1}, make([]byte, 32)...)),
		"standard base64":    base64.StdEncoding.EncodeToString(raw),
		"access token":       tokens.Access,
		"ID token":           tokens.ID,
		"Cognito's own form": "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.a.b.c.d",
		"huge":               strings.Repeat("A", 1<<20),
		"spaces":             " " + good + " ",
		"not ASCII":          "é" + good,
	} {
		_, err := token.ParseRefresh(refreshKeys, text)
		mustRefuse(t, name, err, invalidRefresh)
	}
	none := func(string) ([]byte, bool) { return nil, true }
	_, err = token.ParseRefresh(none, good)
	mustRefuse(t, "empty key", err, invalidRefresh)
}

func TestMintRefresh_UnusableParts_Panics(t *testing.T) {
	for name, use := range map[string]func(){
		"short key":   func() { token.MintRefresh(refreshKey[:31], "k", token.RefreshToken{FamilyID: "f"}) },
		"no key id":   func() { token.MintRefresh(refreshKey, "", token.RefreshToken{FamilyID: "f"}) },
		"no family":   func() { token.MintRefresh(refreshKey, "k", token.RefreshToken{}) },
		"long family": func() { token.MintRefresh(refreshKey, "k", token.RefreshToken{FamilyID: strings.Repeat("f", 256)}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			use()
		}()
	}
}

func FuzzParseRefresh(f *testing.F) {
	good := token.MintRefresh(refreshKey, "0badcafe", token.RefreshToken{FamilyID: "family", Generation: 1})
	for _, seed := range []string{good, "", "AQ", good[:20], strings.ToUpper(good), base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{1}, 50))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := token.ParseRefresh(refreshKeys, text)
		if err == nil && token.MintRefresh(refreshKey, "0badcafe", r) != text && token.MintRefresh(otherKey, "0ddba115", r) != text {
			t.Fatalf("%q is taken for %+v", text, r)
		}
	})
}
