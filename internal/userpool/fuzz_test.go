package userpool

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

// poolDesigns are pools of every design, each with and without case.
func poolDesigns() []Pool {
	var pools []Pool
	for _, caseSensitive := range []bool{false, true} {
		for _, set := range []PoolSettings{
			{},
			{AliasAttributes: []string{AttrPhone}},
			{AliasAttributes: []string{AttrEmail}},
			{AliasAttributes: []string{attrPreferred}},
			{AliasAttributes: []string{AttrPhone, AttrEmail, attrPreferred}},
			{UsernameAttributes: []string{AttrPhone}},
			{UsernameAttributes: []string{AttrEmail}},
			{UsernameAttributes: []string{AttrPhone, AttrEmail}},
		} {
			set.CaseSensitive = caseSensitive
			pools = append(pools, Pool{Settings: set})
		}
	}
	return pools
}

const (
	aNumber   = "+14155550123"
	anAddress = "Asha@Example.com"
	aSub      = "6a1d0c2e-50b1-40d3-9c6f-1f5f3f0c9a11"
)

// FuzzNames holds the names of two people who do not know each other against
// all designs of pools: a name that is taken finds its owner however it is
// typed, and no name of one kind is a name of another kind.
func FuzzNames(f *testing.F) {
	for _, seed := range [][2]string{
		{"asha", "Asha"}, {aNumber, anAddress}, {aNumber, "+1 415 555 0123"}, {anAddress, "asha@example.com"}, {aSub, aNumber},
		{"+5215512345678", "+525512345678"}, {"\u212aim@example.com", "kim@example.com"}, {"\u0130", "i"}, {"a@b", "@"}, {"+", "+@x.y"},
		{"+1@example.com", "+14155550123@example.com"}, {"ẞ", "ß"}, {"ſ", "S"}, {"Ǆ", "ǅ"}, {"\xff", "�"}, {strings.ToUpper(aSub), aSub},
	} {
		f.Add(seed[0], seed[1])
	}
	designs := poolDesigns()
	f.Fuzz(func(t *testing.T, one, other string) {
		for _, p := range designs {
			checkName(t, p, one)
			checkKinds(t, p, one, other)
			checkKinds(t, p, other, one)
		}
	})
}

// checkName takes the text for the user name of somebody new.
func checkName(t *testing.T, p Pool, text string) {
	t.Helper()
	l, err := newName(p, text)
	if err != nil {
		if !fault.Is(err, fault.InvalidParameter) || l.name != "" {
			t.Fatalf("%+v: %q is refused with %v", p.Settings, text, err)
		}
		return
	}
	if text == "" {
		return // which the face refuses
	}
	typed := []string{text, l.name}
	if !p.Settings.CaseSensitive {
		typed = append(typed, asciiCase(text, strings.ToUpper), asciiCase(text, strings.ToLower))
	}
	for _, again := range typed {
		if found, err := parseLogin(p, again); err != nil || found.name != l.name {
			t.Fatalf("%+v: %q makes %q, and %q looks for %q, %v", p.Settings, text, l.name, again, found.name, err)
		}
	}
	if p.Settings.namedByContact() == l.contact.IsZero() || p.Settings.loginBy(l.name).contact.IsZero() != l.contact.IsZero() {
		t.Fatalf("%+v: the name %q has contact %v", p.Settings, l.name, l.contact)
	}
	if p.Settings.namedByContact() && uuidText.MatchString(l.name) {
		t.Fatalf("%+v: the contact %q looks like a sub", p.Settings, l.name)
	}
	if p.Settings.CaseSensitive && l.contact.IsZero() && l.name != text {
		t.Fatalf("%+v: %q became %q", p.Settings, text, l.name)
	}
}

// asciiCase changes the case of ASCII letters alone.
func asciiCase(s string, change func(string) string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return r
		}
		return []rune(change(string(r)))[0]
	}, s)
}

// checkKinds gives one person the first text as a name of his own, and another
// the second as a contact that he proved.
func checkKinds(t *testing.T, p Pool, own, proved string) {
	t.Helper()
	for _, attr := range contactAttributes {
		names := namesOf(t, p, attr, proved)
		if len(names) > 1 {
			t.Fatalf("%+v: one contact makes %q", p.Settings, names)
		}
		if !p.Settings.namedByContact() {
			if l, err := newName(p, own); err == nil && own != "" && slices.Contains(names, l.name) {
				t.Fatalf("%+v: the user name %q is the %s %q of somebody", p.Settings, own, attr, proved)
			}
		}
		for _, kind := range []string{AttrPhone, AttrEmail, attrPreferred} {
			if kind == attr {
				continue
			}
			for _, name := range namesOf(t, p, kind, own) {
				if slices.Contains(names, name) {
					t.Fatalf("%+v: the %s %q is the %s %q of somebody", p.Settings, kind, own, attr, proved)
				}
			}
		}
		for _, name := range names {
			l, err := parseLogin(p, proved)
			if err != nil || l.name != name || l.contact.attribute() != attr {
				t.Fatalf("%+v: the %s %q is the name %q, and looks for %q, %v", p.Settings, attr, proved, name, l.name, err)
			}
		}
	}
}

// namesOf are the names that somebody signs in with who has the attribute,
// proved if it is a contact.
func namesOf(t *testing.T, p Pool, attr, value string) []string {
	t.Helper()
	attrs, err := anyAttributes(p, []Attribute{{attr, value}})
	if err != nil {
		if !fault.Is(err, fault.InvalidParameter) {
			t.Fatalf("%s %q: %v", attr, value, err)
		}
		return nil
	}
	attrs[AttrPhoneVerified], attrs[AttrEmailVerified] = "true", "true"
	return signInNames(p, User{Attributes: attrs})
}

// FuzzAttributeValue holds that what was taken for an attribute is taken again
// as it is kept, and that a refusal is about the attribute, not about its value.
func FuzzAttributeValue(f *testing.F) {
	for _, seed := range [][2]string{
		{AttrPhone, aNumber}, {AttrPhone, "+5215512345678"}, {AttrEmail, anAddress}, {AttrEmailVerified, "True"}, {AttrPhoneVerified, "1"},
		{"birthdate", "1999-12-31"}, {attrUpdatedAt, "+1"}, {attrUpdatedAt, "-1"}, {"name", "Asha\x00"}, {"custom:x", "1"}, {"custom:x", "A"}, {AttrSub, aSub},
		{strings.Repeat("n", 40), ""}, {"", ""}, {"Email", anAddress}, {"nickname", strings.Repeat("é", 2049)},
	} {
		f.Add(seed[0], seed[1])
	}
	pool := DefaultPoolSettings()
	pool.Custom = []CustomAttribute{{Name: "custom:x", Type: "Number", Mutable: true}}
	f.Fuzz(func(t *testing.T, name, value string) {
		kept, err := pool.attributeValue(Attribute{name, value})
		if err == nil {
			if again, err := pool.attributeValue(Attribute{name, kept}); err != nil || again != kept {
				t.Fatalf("%s %q is kept as %q, which is kept as %q, %v", name, value, kept, again, err)
			}
			if (value == "") != (kept == "") {
				t.Fatalf("%s %q is kept as %q: empty deletes", name, value, kept)
			}
			return
		}
		if !fault.Is(err, fault.InvalidParameter) || kept != "" {
			t.Fatalf("%s %q is kept as %q, %v", name, value, kept, err)
		}
		if len(value) > 12 && !strings.Contains(name, value) && strings.Contains(strings.ReplaceAll(err.Error(), aNumber, ""), value) {
			t.Fatalf("the refusal of %s repeats %q", name, value)
		}
		if len(err.Error()) > 512 {
			t.Fatalf("a refusal of %d bytes", len(err.Error()))
		}
	})
}

// FuzzSecretBlock cuts a piece out of what goes through a client's hands in an
// SRP sign-in, and puts another in. Only what was sealed for this client, user,
// time and Session is a claim.
func FuzzSecretBlock(f *testing.F) {
	ring, err := seal.ParseRing([]byte(strings.Repeat("A", 42) + "E=\n"))
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{ring: ring, stableKey: make([]byte, 32)}
	at := time.Date(2026, 3, 4, 9, 7, 3, 0, time.UTC)
	a, err := srp.ParseA("abcdef")
	if err != nil {
		f.Fatal(err)
	}
	good := secretBlock{Pool: "us-east-1_AbC", Client: "client", User: aSub, Name: aNumber, A: a, Secret: make([]byte, 416), Expires: at.Add(time.Minute), Nonce: "nonce"}
	plain, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	const fields = 5
	responses := [fields]string{
		base64.StdEncoding.EncodeToString([]byte(ring.Seal(sealBlock, nil, plain))),
		base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"Wed Mar 4 09:07:03 UTC 2026", aNumber, s.srpSession("nonce"),
	}
	keys := [fields]string{"PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP", "USERNAME", "SESSION"}

	f.Add(uint8(0), uint16(0), uint16(0), "")
	f.Add(uint8(0), uint16(3), uint16(1), "A")
	f.Add(uint8(0), uint16(80), uint16(0), "\n")
	f.Add(uint8(0), uint16(0), uint16(9999), base64.StdEncoding.EncodeToString([]byte(ring.Seal("another purpose", nil, plain))))
	f.Add(uint8(0), uint16(0), uint16(9999), base64.StdEncoding.EncodeToString(plain))
	f.Add(uint8(1), uint16(0), uint16(9999), "*")
	f.Add(uint8(2), uint16(14), uint16(2), "59")
	f.Add(uint8(2), uint16(0), uint16(3), "Mon")
	f.Add(uint8(3), uint16(0), uint16(9999), aSub)
	f.Add(uint8(3), uint16(0), uint16(9999), "+919876543210")
	f.Add(uint8(4), uint16(0), uint16(9999), "")
	f.Add(uint8(4), uint16(0), uint16(1), "x")
	f.Fuzz(func(t *testing.T, which uint8, from, count uint16, insert string) {
		changed := responses
		field := int(which) % fields
		changed[field] = splice(changed[field], from, count, insert)
		request := AnswerRequest{ClientID: "client", Session: changed[4], Responses: map[string]string{}}
		for i, key := range keys[:4] {
			request.Responses[key] = changed[i]
		}
		rep := reply{request: request, at: at, client: Client{ID: "client", PoolID: good.Pool}, pool: Pool{ID: good.Pool, Settings: PoolSettings{UsernameAttributes: []string{AttrPhone}}}}
		claim, err := s.readClaim(rep)
		if err != nil {
			if changed == responses {
				t.Fatalf("the good claim is refused: %v", err)
			}
			if !fault.Is(err, fault.NotAuthorized) && !fault.Is(err, fault.InvalidParameter) {
				t.Fatalf("%s %q: %v", keys[field], changed[field], err)
			}
			return
		}
		if fmt.Sprint(claim.block) != fmt.Sprint(mustRead(t, plain)) {
			t.Fatalf("another block: %+v", claim.block)
		}
		switch field {
		case 0: // the signature is over the bytes, so their spelling in base64 is nobody's secret
			raw, _ := base64.StdEncoding.DecodeString(changed[0])
			whole, _ := base64.StdEncoding.DecodeString(responses[0])
			if string(raw) != string(whole) {
				t.Fatalf("accepted %q", changed[0])
			}
		case 2:
			if stamp, err := srp.ParseTimestamp(changed[2]); err != nil || stamp.Sub(at).Abs() > timestampSkew || claim.timestamp != changed[2] {
				t.Fatalf("accepted the time %q", changed[2])
			}
		case 3:
			if l, err := parseLogin(rep.pool, changed[3]); err != nil || l.name != good.Name && string(l.id) != good.User {
				t.Fatalf("accepted for %q", changed[3])
			}
		case 4:
			if changed[4] != "" && changed[4] != responses[4] {
				t.Fatalf("accepted with the Session %q", changed[4])
			}
		}
	})
}

func mustRead(t *testing.T, plain []byte) (b secretBlock) {
	t.Helper()
	if err := json.Unmarshal(plain, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// splice puts a text in the place of some bytes.
func splice(s string, from, count uint16, insert string) string {
	start := min(int(from), len(s))
	end := min(start+int(count), len(s))
	return s[:start] + insert + s[end:]
}
