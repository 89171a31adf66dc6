package cognito

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// rules that are checked by a run, and some that are not.
func TestPattern_ARunSaysWhatItsExpressionSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "Z", "0", "_", "-", "=", ".", "+", "/", " ", "\t", "\n", "\x00", "\xff", "\u00a0", "\ufffd", "é", "ß", "あ", "😀", "\u0301", "\u200b", "{####}"}
	for text, run := range map[string]bool{
		username.pattern.text: true, password.pattern.text: true, clientID.pattern.text: true, secretHash.pattern.text: true,
		jwtOrHandle.pattern.text: true, userCode.pattern.text: true, attributeName.pattern.text: true, resourceName.pattern.text: true,
		providerName.pattern.text: true, scopeName.pattern.text: true, invitationMail.pattern.text: true,
		deviceKey.pattern.text: false, verificationText.pattern.text: false, mailAddress.pattern.text: false, resourceARN.pattern.text: false,
	} {
		p := whole(text)
		if (p.run != nil) != run {
			t.Errorf("%s: a run: %v", text, p.run != nil)
		}
		for range 2000 {
			var b strings.Builder
			for range r.IntN(4) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			if s := b.String(); p.matches(s) != p.re.MatchString(s) {
				t.Fatalf("%s on %q: %v, and its expression %v", text, s, p.matches(s), p.re.MatchString(s))
			}
		}
	}
}
