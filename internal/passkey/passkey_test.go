package passkey_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passkey"
	"github.com/bellhop-auth/bellhop/internal/passkeytest"
)

const apk = "android:apk-key-hash:hfSHNX0VXUHI2yTHRYdGLrnXMX8AGmtaDoeLOOeeyO8"

var (
	challenge = []byte("a challenge of thirty-two bytes.")
	handle    = []byte("8f3b2c1d")
)

func create(t *testing.T, rp passkey.RelyingParty, a *passkeytest.Authenticator) (passkey.Key, error) {
	t.Helper()
	options, err := rp.CreationOptions(challenge, passkey.User{Handle: handle, Name: "asha", DisplayName: "Asha"}, nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r, err := passkey.ReadRegistration(a.Create(t, options))
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Challenge()) != string(challenge) {
		t.Fatalf("the challenge is %q", r.Challenge())
	}
	return rp.Accept(r, challenge, handle)
}

func check(t *testing.T, rp passkey.RelyingParty, a *passkeytest.Authenticator, k passkey.Key) (passkey.Use, error) {
	t.Helper()
	options, err := rp.RequestOptions(challenge, []passkey.Key{k}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := passkey.ReadAssertion(a.Sign(t, string(options)))
	if err != nil {
		t.Fatal(err)
	}
	return rp.Check(answer, challenge, handle, k)
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		id      string
		origins []string
		origin  string
		allowed bool
	}{
		{"example.com", nil, "https://example.com", true},
		{"example.com", nil, "https://login.example.com:8443", true},
		{"example.com", nil, "http://example.com", false},
		{"example.com", nil, "https://badexample.com", false},
		{"example.com", nil, "https://example.com.evil.example", false},
		{"example.com", nil, "https://example.com/", false},
		{"example.com", nil, "https://evil.example@example.com", false},
		{"example.com", nil, "http://localhost:3000", false},
		{"example.com", nil, apk, false},
		{"example.com", nil, "null", false},
		{"app.example.com", nil, "https://example.com", false},
		{"localhost", nil, "http://localhost:3000", true},
		{"localhost", nil, "http://app.localhost", true},
		{"example.com", []string{"https://example.com", apk}, apk, true},
		{"example.com", []string{"https://example.com", apk}, "https://example.com", true},
		{"example.com", []string{"https://example.com", apk}, "https://users.example.com", false},
		{"example.com", []string{"https://example.org"}, "https://example.org", true}, // a related origin
	} {
		rp := passkey.RelyingParty{ID: c.id, Name: "Riders", Origins: c.origins}
		a := &passkeytest.Authenticator{Origin: c.origin}
		k, err := create(t, rp, a)
		if (err == nil) != c.allowed || err != nil && !fault.Is(err, fault.WebAuthnOriginNotAllowed) {
			t.Errorf("%s for %s %v: registration gave %v", c.origin, c.id, c.origins, err)
		}
		if err != nil {
			a.Origin = ""
			if k, err = create(t, passkey.RelyingParty{ID: c.id, Name: "Riders"}, a); err != nil {
				t.Fatal(err)
			}
			a.Origin = c.origin
		}
		if _, err := check(t, rp, a, k); (err == nil) != c.allowed || err != nil && !fault.Is(err, fault.WebAuthnOriginNotAllowed) {
			t.Errorf("%s for %s %v: sign-in gave %v", c.origin, c.id, c.origins, err)
		}
	}
}

func TestIsOrigin(t *testing.T) {
	for text, want := range map[string]bool{
		"https://example.com": true, "https://example.com:8443": true, "http://localhost:3000": true, apk: true,
		"http://example.com": false, "https://example.com/": false, "https://": false, "example.com": false,
		"android:apk-key-hash:AAAA": false, "ios:bundle-id:com.example": false, "https://exa mple.com": false, "": false,
	} {
		if passkey.IsOrigin(text) != want {
			t.Errorf("%q is an origin: %v", text, !want)
		}
	}
}

func TestCheck_SaysWhoWasVerified_AndInsistsWhereAsked(t *testing.T) {
	rp := passkey.RelyingParty{ID: "example.com", Name: "Riders"}
	for _, rsa := range []bool{false, true} {
		a := &passkeytest.Authenticator{Counts: true, RSA: rsa}
		k, err := create(t, rp, a)
		if err != nil || k.Count != 0 || !k.BackupEligible || !k.BackedUp || k.Attachment != "platform" || k.Name != "This device" {
			t.Fatalf("the passkey is %+v, %v", k, err)
		}
		use, err := check(t, rp, a, k)
		if err != nil || use != (passkey.Use{Count: 1, Verified: true, BackedUp: true}) {
			t.Errorf("its use is %+v, %v", use, err)
		}
		a.Unverified = true
		if use, err := check(t, rp, a, k); err != nil || use.Verified {
			t.Errorf("unverified it is %+v, %v", use, err)
		}
		strict := rp
		strict.Verify = true
		if _, err := check(t, strict, a, k); err == nil {
			t.Error("an unverified user passes")
		}
		a.Unverified = false
		if _, err := check(t, strict, a, k); err != nil {
			t.Error(err)
		}
		if _, err := check(t, rp, a, passkey.Nobodys(k.ID)); err == nil {
			t.Error("somebody signs by nobody's passkey")
		}
		stranger := rp
		stranger.ID, stranger.Origins = "example.org", []string{"https://example.com"}
		if _, err := create(t, stranger, &passkeytest.Authenticator{Origin: "https://example.com", Twist: func(say *passkeytest.Answer) { say.RelyingParty = "example.com" }}); !fault.Is(err, fault.WebAuthnRelyingPartyMismatch) {
			t.Errorf("a passkey of another domain gave %v", err)
		}
	}
}

// FuzzRead reads what anybody may send: it is refused as a bad parameter, or it is
// something that can be checked.
func FuzzRead(f *testing.F) {
	rp := passkey.RelyingParty{ID: "example.com", Name: "Riders"}
	options, err := rp.CreationOptions(challenge, passkey.User{Handle: handle}, nil, time.Minute)
	if err != nil {
		f.Fatal(err)
	}
	a := &passkeytest.Authenticator{}
	f.Add(a.Create(f, options))
	f.Add(a.SignAnyway(f, `{"challenge":"AAAA","rpId":"example.com"}`))
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA","authenticatorData":""}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := passkey.ReadRegistration(text); err == nil {
			_, err := rp.Accept(r, r.Challenge(), handle)
			if _, known := errors.AsType[*fault.Error](err); err != nil && !known {
				t.Errorf("Accept gave %v", err)
			}
		} else if !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("ReadRegistration gave %v", err)
		}
		if r, err := passkey.ReadAssertion(text); err == nil {
			_, _ = rp.Check(r, challenge, handle, passkey.Nobodys(r.ID()))
		} else if !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("ReadAssertion gave %v", err)
		}
	})
}
