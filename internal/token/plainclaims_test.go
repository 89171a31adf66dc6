package token

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	strict "github.com/go-json-experiment/json"
)

// What is read as plain is what strict reading gives, of whatever somebody may have
// written.
func TestPlainClaims_AreWhatStrictReadingGives(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	names := slices.Concat(textClaims[:], numberClaims[:], []string{groupsClaim, "Sub", "custom", "", "ex\\u0070"})
	values := []string{`"a"`, `"a b"`, `""`, `"x\n"`, `"é"`, "\"\x01\"", `1700000000`, `0`, `01`, `-1`, `1.0`, `1e3`, `123456789012`, `1234567890123`, `99999999999999999999`,
		`["g","h"]`, `["g"]`, `[]`, `["g",]`, `[1]`, `null`, `true`, `{}`, `{"a":1}`, ``}
	plain := 0
	for range 200_000 {
		var members []string
		for _, name := range names[:chance.IntN(len(names)+1)] {
			value := values[6]
			switch {
			case chance.IntN(30) == 0:
				value = values[chance.IntN(len(values))]
			case slices.Contains(textClaims[:], name):
				value = values[chance.IntN(3)]
			case name == groupsClaim:
				value = `["g","h"]`
			}
			members = append(members, `"`+name+`":`+value)
		}
		if chance.IntN(10) == 0 && len(members) > 0 {
			members = append(members, members[chance.IntN(len(members))])
		}
		chance.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		text := "{" + strings.Join(members, ",") + "}"
		switch chance.IntN(20) {
		case 0:
			text = text[:chance.IntN(len(text))]
		case 1:
			at := chance.IntN(len(text))
			text = text[:at] + string(`{}[]",: 0\`[chance.IntN(10)]) + text[at:]
		}
		got, ok := readPlainClaims(text)
		if !ok {
			continue
		}
		plain++
		var want wireClaims
		if err := strict.Unmarshal([]byte(text), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\ngot  %+v\nwant %+v, %v", text, got, want, err)
		}
	}
	if plain < 20_000 {
		t.Errorf("%d were plain", plain)
	}
}

// Those that are issued are plain.
func TestPlainClaims_AreThoseThatAreIssued(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	var set KeySet
	for _, use := range []Use{UseID, UseAccess} {
		key, err := GenerateKey(EdDSA, use, at)
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, key)
	}
	tokens, err := Issue(set, Subject{
		Issuer: "https://id.example/pool", ClientID: "client", Sub: "sub", Username: "user", AuthTime: at, OriginJTI: "origin",
		EventID: "event", DeviceKey: "us-east-1_x", Groups: []string{"riders", "drivers"},
	}, Lifetimes{time.Hour, time.Hour}, at)
	if err != nil {
		t.Fatal(err)
	}
	_, payload, _, _ := segments(tokens.Access)
	text, _ := decodeSegment(payload)
	if w, ok := readPlainClaims(string(text)); !ok || w.Sub != "sub" || len(w.Groups) != 2 || w.ExpiresAt != 1_800_003_600 {
		t.Errorf("%s\nis read as %+v, %v", text, w, ok)
	}
}
