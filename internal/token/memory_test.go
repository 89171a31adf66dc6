package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

func TestMemory_OfARememberedToken_AsksAgainWhatMayChange(t *testing.T) {
	for alg, set := range keySets() {
		var m token.Memory
		raw := issue(t, set, subject(), start).Access
		at := start.Add(time.Minute)
		for range 2 { // the second is from memory
			shown := m.Look(raw)
			if iss, ok := shown.Issuer(); !ok || iss != issuer {
				t.Fatalf("%s: issuer %q", alg, iss)
			}
			got, err := shown.Verify(set, issuer, at)
			want, wantErr := token.VerifyAccess(set, issuer, raw, at)
			if err != nil || wantErr != nil || got.Sub != want.Sub || got.JTI != want.JTI || len(got.Groups) != 2 {
				t.Fatalf("%s: %+v %v, want %+v", alg, got, err, want)
			}
			got.Groups[0] = "changed" // by its caller, which changes nothing here
		}
		again, err := m.Look(raw).Verify(set, issuer, at)
		if err != nil || again.Groups[0] == "changed" {
			t.Errorf("%s: %v %v", alg, again.Groups, err)
		}

		retired := *set[1]
		retired.RetiredAt = start.Add(-48 * time.Hour)
		other, err := token.GenerateKey(alg, token.UseAccess, start)
		if err != nil {
			t.Fatal(err)
		}
		signer := token.Key{ID: set[1].ID, Alg: alg, Use: token.UseAccess, ActiveAt: start}
		der, err := other.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		namesake, err := token.ParseKey(der, signer, token.GoRSA{})
		if err != nil {
			t.Fatal(err)
		}
		for name, refused := range map[string]token.KeySet{
			"no key": nil, "the ID key alone": set[:1], "its key has gone": {set[0], &retired}, "another key of its name": {set[0], namesake},
		} {
			_, err := m.Look(raw).Verify(refused, issuer, at)
			mustRefuse(t, string(alg)+": "+name, err, invalidAccess)
		}
		_, err = m.Look(raw).Verify(set, issuer+"x", at)
		mustRefuse(t, "another issuer", err, invalidAccess)
		_, err = m.Look(raw).Verify(set, issuer, start.Add(-time.Hour))
		mustRefuse(t, "a clock that went back", err, invalidAccess)
		_, err = m.Look(raw).Verify(set, issuer, start.Add(time.Hour))
		mustRefuse(t, "its end", err, "Access Token has expired")
		_, err = m.Look(raw[:len(raw)-5]+"AAAAA").Verify(set, issuer, at)
		mustRefuse(t, "another signature", err, invalidAccess)
		_, err = m.Look(strings.Repeat("a", 1<<20)).Verify(set, issuer, at)
		mustRefuse(t, "a megabyte", err, invalidAccess)

		renewed := *set[1] // as a row that was read again
		if _, err := m.Look(raw).Verify(token.KeySet{set[0], &renewed}, issuer, at); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}

func TestMemory_RefusedTokens_AreNotRemembered(t *testing.T) {
	set := keySets()[token.ES256]
	var m token.Memory
	raw := issue(t, set, subject(), start).Access
	for _, at := range []time.Time{start.Add(-time.Hour), start.Add(2 * time.Hour)} {
		if _, err := m.Look(raw).Verify(set, issuer, at); err == nil {
			t.Fatal("good at a time that is not its own")
		}
	}
	if n := m.Len(); n != 0 {
		t.Errorf("%d are remembered", n)
	}
}

func TestMemory_ALongToken_IsGoodAndNotRemembered(t *testing.T) {
	set := keySets()[token.ES256]
	var m token.Memory
	many := subject()
	for n := range 100 {
		many.Groups = append(many.Groups, fmt.Sprintf("a group of many people, the number of which is %d", n))
	}
	got, err := m.Look(issue(t, set, many, start).Access).Verify(set, issuer, start)
	if err != nil || len(got.Groups) != len(many.Groups) {
		t.Errorf("%d groups, %v", len(got.Groups), err)
	}
	if n := m.Len(); n != 0 {
		t.Errorf("%d are remembered", n)
	}
}

// What is shown again stays while others come and go, and there are never more than
// the bound.
func TestMemory_IsBounded(t *testing.T) {
	set := keySets()[token.ES256]
	var m token.Memory
	raw := issue(t, set, subject(), start).Access
	if _, err := m.Look(raw).Verify(set, issuer, start); err != nil {
		t.Fatal(err)
	}
	for n := range 5 * token.Generation {
		m.Fill(n)
		if n%(token.Generation/2) == 0 && !m.Look(raw).Known() {
			t.Fatalf("forgotten after %d", n)
		}
	}
	if n := m.Len(); n > 2*token.Generation {
		t.Errorf("%d are remembered", n)
	}
	for n := range 2 * token.Generation {
		m.Fill(-n - 1)
	}
	if m.Look(raw).Known() {
		t.Error("remembered for ever")
	}
}

// What was issued here need not be verified here: its signature is right, and all else is
// asked as ever.
func TestMemory_OfWhatWasIssued_VerifiesNoSignature(t *testing.T) {
	idKey := keySets()[token.RS256][0]
	key, err := token.GenerateKey(token.RS256, token.UseAccess, start)
	if err != nil {
		t.Fatal(err)
	}
	der, err := key.MarshalPrivate()
	if err != nil {
		t.Fatal(err)
	}
	refusing, err := token.ParseKey(der, *key, proving{accepts: false})
	if err != nil {
		t.Fatal(err)
	}
	set := token.KeySet{idKey, refusing}
	tokens := issue(t, set, subject(), start)
	raw := tokens.Access
	var m token.Memory
	_, err = m.Look(raw).Verify(set, issuer, start)
	mustRefuse(t, "a token that is not known to have been issued", err, invalidAccess)

	m.Issued(tokens)
	m.Issued(token.Tokens{}) // of nobody
	want, err := token.VerifyAccess(token.KeySet{idKey, key}, issuer, raw, start)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1} { // the second is of one that was shown
		if m.Len() != n {
			t.Errorf("%d were shown, of %d", m.Len(), n)
		}
		got, err := m.Look(raw).Verify(set, issuer, start)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	for name, c := range map[string]struct {
		raw  string
		set  token.KeySet
		at   time.Time
		want string
	}{
		"the ID token":      {tokens.ID, set, start, invalidAccess},
		"another signature": {raw[:len(raw)-8] + "AAAAAAAA", set, start, invalidAccess},
		"its key has gone":  {raw, set[:1], start, invalidAccess},
		"its end":           {raw, set, start.Add(time.Hour), "Access Token has expired"},
	} {
		for _, shown := range []bool{true, false} {
			var fresh token.Memory
			fresh.Issued(tokens)
			of := &fresh
			if shown {
				of = &m
			}
			_, err := of.Look(c.raw).Verify(c.set, issuer, c.at)
			mustRefuse(t, name, err, c.want)
			if fresh.Len() != 0 {
				t.Errorf("%s: it is remembered", name)
			}
		}
	}
}

// Tokens that were issued, and that nobody shows, are forgotten by and by, and take the
// room of none that was shown.
func TestMemory_OfWhatWasIssued_IsBounded(t *testing.T) {
	set := keySets()[token.ES256]
	var m token.Memory
	shown, other := issue(t, set, subject(), start).Access, issue(t, set, subject(), start)
	if _, err := m.Look(shown).Verify(set, issuer, start); err != nil {
		t.Fatal(err)
	}
	m.Issued(other)
	for n := range 5 * token.Generation {
		if known := m.Look(other.Access).Known(); n < token.Generation && !known || n >= 2*token.Generation && known {
			t.Fatalf("after %d others it is known: %v", n, known)
		}
		m.FillIssued(n)
		if m.IssuedLen() > 2*token.Generation {
			t.Fatalf("%d are remembered", m.IssuedLen())
		}
	}
	if !m.Look(shown).Known() || m.Len() != 1 {
		t.Errorf("%d that were shown are remembered", m.Len())
	}
}

// BenchmarkIssued is what it adds to a sign-in that its token is remembered.
func BenchmarkIssued(b *testing.B) {
	tokens, err := token.Issue(keySets()[token.RS256], subject(), hour, start)
	if err != nil {
		b.Fatal(err)
	}
	var m token.Memory
	for n := range 3 * token.Generation {
		m.FillIssued(n)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		m.Issued(tokens)
		m.FillIssued(n)
	}
}
