package cognito

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/go-json-experiment/json"
)

// What is written by hand is what encoding gives, to the byte.
func TestPlainUser_IsWhatEncodingGives(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"", "a", "phone_number", "+14155550100", "é", "日本", "\"", "\\", "<&>", "\u2028", "\n", "\x7f", "\x00", "\xff", "\xed\xa0\x80", "\ufffd", "\U0001f600", "/"}
	text := func(most int) *string {
		if chance.IntN(60) == 0 {
			return nil
		}
		var s string
		for range chance.IntN(3) {
			s += pieces[chance.IntN(most)]
		}
		return &s
	}
	byHand := 0
	for n := range 20_000 {
		most := 4 // such as most people's
		if n%2 == 0 {
			most = len(pieces)
		}
		out := &getUserOutput{}
		if s := text(most); s != nil {
			out.Username = *s
		}
		for range chance.IntN(4) {
			out.UserAttributes = append(out.UserAttributes, attributeType{Name: text(most), Value: text(most)})
		}
		switch chance.IntN(40) {
		case 0:
			out.PreferredMfaSetting = "SMS_MFA"
		case 1:
			out.UserMFASettingList = []string{}
		case 2:
			out.MFAOptions = []mfaOptionType{{}}
		}
		want, err := json.Marshal(out, written)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := out.appendPlain(nil); ok {
			byHand++
			if !bytes.Equal(got, want) {
				t.Fatalf("got %s\nwant %s", got, want)
			}
		}
		if got, err := encode(out); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %s, %v\nwant %s", got, err, want)
		}
	}
	if byHand < 5_000 {
		t.Errorf("%d were written by hand", byHand)
	}
}
