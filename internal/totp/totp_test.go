package totp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/totp"
)

// The SHA-1 vectors of RFC 6238, appendix B, by their last six digits.
func TestCode_IsTheRFCs(t *testing.T) {
	secret := totp.Secret("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471",
		1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := secret.Code(time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestMatch_TakesOneStepBesideAndNoMore(t *testing.T) {
	secret, at := totp.NewSecret(), time.Unix(1_700_000_010, 0)
	for off := -3; off <= 3; off++ {
		n, ok := secret.Match(secret.Code(at.Add(time.Duration(off)*30*time.Second)), at)
		if want := off >= -1 && off <= 1; ok != want {
			t.Errorf("%d steps off: %v, want %v", off, ok, want)
		}
		if want := at.Unix()/30 + int64(off); ok && n != want {
			t.Errorf("%d steps off: step %d, want %d", off, n, want)
		}
	}
	for _, none := range []string{"", "12345", "1234567", secret.Code(at) + "0", "abcdef"} {
		if _, ok := secret.Match(none, at); ok {
			t.Errorf("%q is taken", none)
		}
	}
}

func TestSecret_IsItsOwnAndDoesNotPrintItself(t *testing.T) {
	a, b := totp.NewSecret(), totp.NewSecret()
	if a.Text() == b.Text() || len(a.Text()) != 52 || strings.Trim(a.Text(), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Error("a secret is not 52 characters of base32, or not new")
	}
	if shown := fmt.Sprintf("%v %s %#v", a, a, a); strings.Contains(shown, a.Text()) || shown != "secret secret secret" {
		t.Errorf("it prints itself: %s", shown)
	}
}
