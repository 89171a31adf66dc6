package userpool_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passkeytest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const site = "app.example.com"

// withPasskeys is the design of a pool that has them.
func withPasskeys(set *userpool.PoolSettings) {
	set.FirstFactors = append(set.FirstFactors, userpool.FactorWebAuthn)
	set.WebAuthn.RelyingPartyID = site
}

func (w *world) creation(c userpool.Caller, access string) []byte {
	w.t.Helper()
	options, err := w.s.StartWebAuthnRegistration(w.ctx, c, access)
	w.must(err)
	return options
}

func (w *world) register(access string, credential []byte) error {
	return w.s.CompleteWebAuthnRegistration(w.ctx, userpool.NewPasskey{Caller: home, AccessToken: access, Credential: credential})
}

// enrol adds a passkey of the authenticator to the holder of the token.
func (w *world) enrol(a *passkeytest.Authenticator, access string) {
	w.t.Helper()
	w.must(w.register(access, a.Create(w.t, w.creation(home, access))))
}

func (w *world) labels(access string) (labels []string) {
	w.t.Helper()
	page, err := w.s.ListWebAuthnCredentials(w.ctx, access, 0, "")
	w.must(err)
	for _, k := range page.Passkeys {
		labels = append(labels, k.Label())
	}
	return labels
}

// byPasskey begins a sign-in by a passkey.
func (w *world) byPasskey(c userpool.Caller, number string) userpool.AuthResult {
	w.t.Helper()
	r, err := w.initiate(c, "USER_AUTH", "", "USERNAME", number, "PREFERRED_CHALLENGE", "WEB_AUTHN")
	w.must(err)
	if r.Challenge != "WEB_AUTHN" || r.Parameters["CREDENTIAL_REQUEST_OPTIONS"] == "" {
		w.t.Fatalf("USER_AUTH gave %+v", r)
	}
	return r
}

// answerBy answers WEB_AUTHN.
func (w *world) answerBy(c userpool.Caller, number string, r userpool.AuthResult, credential []byte) (userpool.AuthResult, error) {
	return w.answer(c, "WEB_AUTHN", r.Session, "USERNAME", number, "CREDENTIAL", string(credential))
}

func (w *world) signInBy(a *passkeytest.Authenticator, c userpool.Caller, number string) (userpool.AuthResult, error) {
	w.t.Helper()
	r := w.byPasskey(c, number)
	return w.answerBy(c, number, r, a.Sign(w.t, r.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))
}

func TestPasskeys_SignIn_InEveryWay_CostsNoText(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withPasskeys}, func(w *world) {
		access := w.member(home, asha, password).Access
		phone, key := &passkeytest.Authenticator{}, &passkeytest.Authenticator{Counts: true, RSA: true}
		w.enrol(phone, access)
		w.enrol(key, access)
		texts := w.texts(asha)
		for name, a := range map[string]*passkeytest.Authenticator{"phone": phone, "security key": key} {
			for range 2 {
				r, err := w.signInBy(a, mobile, asha)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				w.tokens(r)
			}
		}
		choose := func(more ...string) (userpool.AuthResult, userpool.AuthResult, error) {
			chosen, err := w.initiate(mobile, "USER_AUTH", "", "USERNAME", asha)
			w.must(err)
			if chosen.Challenge != "SELECT_CHALLENGE" || !slices.Contains(chosen.Available, "WEB_AUTHN") {
				t.Fatalf("the choice is %+v", chosen)
			}
			if len(more) > 0 {
				more = []string{"CREDENTIAL", string(phone.Sign(t, chosen.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))}
			}
			r, err := w.answer(mobile, "SELECT_CHALLENGE", chosen.Session, append(more, "USERNAME", asha, "ANSWER", "WEB_AUTHN")...)
			return chosen, r, err
		}
		chosen, r, err := choose()
		w.must(err)
		if r.Challenge != "WEB_AUTHN" || r.Session == chosen.Session || r.Available != nil {
			t.Fatalf("WEB_AUTHN was chosen, and there is %+v", r)
		}
		r, err = w.answerBy(mobile, asha, r, phone.Sign(t, r.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))
		w.must(err)
		w.tokens(r)
		_, r, err = choose("with the answer")
		w.must(err)
		w.tokens(r)
		if n := w.texts(asha); n != texts {
			t.Errorf("%d texts were sent", n-texts)
		}
	})
}

func TestPasskeys_Registration_TakesWhatIsRight_Once(t *testing.T) {
	tags := map[string]string{"bellhop:app-host": "localhost"}
	inWorld(t, options{limitsOff: true, tags: tags, design: func(set *userpool.PoolSettings) {
		set.FirstFactors = append(set.FirstFactors, userpool.FactorWebAuthn)
		set.WebAuthn.UserVerification = "required"
	}}, func(w *world) {
		access, others := w.member(home, asha, password).Access, w.member(home, ravi, password).Access
		for _, c := range []struct {
			name    string
			twist   func(*passkeytest.Answer)
			origin  string
			unsure  bool
			refused fault.Kind
		}{
			{name: "another site", origin: "https://evil.example", refused: fault.WebAuthnOriginNotAllowed},
			{name: "a site that ends alike", origin: "https://evillocalhost", refused: fault.WebAuthnOriginNotAllowed},
			{name: "no origin", origin: "localhost", refused: fault.WebAuthnOriginNotAllowed},
			{name: "a frame", twist: func(a *passkeytest.Answer) { a.CrossOrigin = true }, refused: fault.WebAuthnOriginNotAllowed},
			{name: "another domain", twist: func(a *passkeytest.Answer) { a.RelyingParty = "example.com" }, refused: fault.WebAuthnRelyingPartyMismatch},
			{name: "another challenge", twist: func(a *passkeytest.Answer) { a.Challenge = "AAAAAAAAAAAAAAAAAAAAAA" }, refused: fault.WebAuthnChallengeNotFound},
			{name: "a sign-in", twist: func(a *passkeytest.Answer) { a.Type = "webauthn.get" }, refused: fault.WebAuthnCredentialNotSupported},
			{name: "another algorithm", twist: func(a *passkeytest.Answer) { a.Algorithm = -8 }, refused: fault.WebAuthnCredentialNotSupported},
			{name: "nobody there", twist: func(a *passkeytest.Answer) { a.Flags &^= passkeytest.FlagPresent }, refused: fault.WebAuthnCredentialNotSupported},
			{name: "a backup that cannot be", twist: func(a *passkeytest.Answer) { a.Flags &^= passkeytest.FlagBackupEligible }, refused: fault.WebAuthnCredentialNotSupported},
			{name: "a user who is not verified", unsure: true, refused: fault.WebAuthnCredentialNotSupported},
		} {
			a := &passkeytest.Authenticator{Origin: c.origin, Unverified: c.unsure, Twist: c.twist}
			if err := w.register(access, a.Create(t, w.creation(home, access))); !fault.Is(err, c.refused) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		made := (&passkeytest.Authenticator{Origin: "http://localhost:5173"}).Create(t, w.creation(home, access))
		w.want(w.register(others, made), fault.WebAuthnChallengeNotFound, "")
		elsewhere := w.client
		second, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: w.pool, Name: "second"})
		w.must(err)
		w.client = second.ID
		w.want(w.register(w.texted(home, asha).Access, made), fault.WebAuthnClientMismatch, "")
		w.client = elsewhere
		w.must(w.register(access, made))
		w.want(w.register(access, made), fault.WebAuthnChallengeNotFound, "")
		w.want(w.register(access, []byte(`{"id":"AA"}`)), fault.InvalidParameter, "Credential")
		if n := len(w.labels(access)); n != 1 {
			t.Errorf("there are %d passkeys", n)
		}
		late := (&passkeytest.Authenticator{Origin: "https://app.localhost"}).Create(t, w.creation(home, access))
		w.pass(3 * time.Minute)
		w.want(w.register(access, late), fault.WebAuthnChallengeNotFound, "")
	})
}

func TestPasskeys_Registration_WantsAFreshSignIn_AndTellsTheOwner(t *testing.T) {
	for behaviour, c := range map[userpool.Behaviour]struct {
		fresh   time.Duration
		notices int
	}{userpool.Standard: {59 * time.Minute, 1}, userpool.Strict: {14 * time.Minute, 1}, userpool.CognitoExact: {59 * time.Minute, 0}} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{behaviour: behaviour, design: withPasskeys}, func(w *world) {
				tokens := w.member(home, asha, password)
				w.pass(c.fresh)
				texts := w.texts(asha)
				w.enrol(&passkeytest.Authenticator{}, tokens.Access)
				w.settle()
				if got := w.texts(asha) - texts; got != c.notices {
					t.Errorf("%d notices", got)
				}
				w.pass(2 * time.Minute)
				// A new token does not make the sign-in a new one.
				tokens, err := w.s.GetTokensFromRefreshToken(w.ctx, userpool.RefreshRequest{Caller: home, ClientID: w.client, RefreshToken: tokens.Refresh})
				w.must(err)
				_, err = w.s.StartWebAuthnRegistration(w.ctx, home, tokens.Access)
				if behaviour == userpool.CognitoExact {
					w.must(err)
					return
				}
				w.want(err, fault.NotAuthorized, "Sign in again to add a passkey")
			})
		})
	}
}

func TestPasskeys_APoolWithoutThem_SaysSo(t *testing.T) {
	inWorld(t, options{}, func(w *world) {
		access := w.member(home, asha, password).Access
		_, err := w.s.StartWebAuthnRegistration(w.ctx, home, access)
		w.want(err, fault.WebAuthnNotEnabled, "")
		p, err := w.s.DescribeUserPool(w.ctx, w.pool)
		w.must(err)
		p.Settings.FirstFactors = append(p.Settings.FirstFactors, userpool.FactorWebAuthn)
		w.must(w.s.UpdateUserPool(w.ctx, userpool.PoolUpdate{ID: w.pool, Settings: p.Settings}))
		_, err = w.s.StartWebAuthnRegistration(w.ctx, home, access)
		w.want(err, fault.WebAuthnConfigurationMissing, "")
		r, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "WEB_AUTHN")
		w.must(err)
		if r.Challenge != "SELECT_CHALLENGE" || slices.Contains(r.Available, "WEB_AUTHN") {
			t.Errorf("offered is %+v", r)
		}
		_, err = w.s.SetUserPoolMFA(w.ctx, userpool.PoolMFA{ID: w.pool, WebAuthn: userpool.WebAuthnSettings{RelyingPartyID: "https://example.com"}})
		w.want(err, fault.InvalidParameter, "RelyingPartyId")
		w.want(w.s.TagPool(w.ctx, w.pool, map[string]string{"bellhop:passkey-origins": "https://example.com/login"}), fault.InvalidParameter, "bellhop:passkey-origins")
	})
}

func TestPasskeys_WrongAnswers_SignNobodyIn_AndEndTheirSession(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withPasskeys}, func(w *world) {
		access := w.member(home, asha, password).Access
		own, others := &passkeytest.Authenticator{Counts: true}, &passkeytest.Authenticator{}
		w.enrol(own, access)
		w.enrol(others, w.member(home, ravi, password).Access)
		wrong := func(twist func(*passkeytest.Answer)) func(string) []byte {
			return func(options string) []byte {
				own.Twist = twist
				defer func() { own.Twist = nil }()
				return own.Sign(t, options)
			}
		}
		for name, sign := range map[string]func(options string) []byte{
			"another's passkey":     func(options string) []byte { return others.SignAnyway(t, options) },
			"another challenge":     wrong(func(a *passkeytest.Answer) { a.Challenge = "AAAAAAAAAAAAAAAAAAAAAA" }),
			"another domain":        wrong(func(a *passkeytest.Answer) { a.RelyingParty = "example.com" }),
			"a registration":        wrong(func(a *passkeytest.Answer) { a.Type = "webauthn.create" }),
			"another user's handle": wrong(func(a *passkeytest.Answer) { a.UserHandle = []byte("somebody else") }),
			"nobody there":          wrong(func(a *passkeytest.Answer) { a.Flags &^= passkeytest.FlagPresent }),
			"a key that moved":      wrong(func(a *passkeytest.Answer) { a.Flags = passkeytest.FlagPresent }),
			"a spoiled signature":   wrong(func(a *passkeytest.Answer) { a.Spoiled = true }),
			"a key of somebody's":   func(options string) []byte { return others.Forge(t, options) },
		} {
			r := w.byPasskey(stranger, asha)
			options := r.Parameters["CREDENTIAL_REQUEST_OPTIONS"]
			_, err := w.answerBy(stranger, asha, r, sign(options))
			if !fault.Is(err, fault.NotAuthorized) || !strings.Contains(err.Error(), "Incorrect username or password.") {
				t.Errorf("%s: %v", name, err)
			}
			_, err = w.answerBy(stranger, asha, r, own.Sign(t, options))
			if !fault.Is(err, fault.NotAuthorized) || !strings.Contains(err.Error(), "session can only be used once") {
				t.Errorf("after %s the right one gave %v", name, err)
			}
		}
		r := w.byPasskey(stranger, asha)
		own.Origin = "https://evil.example"
		_, err := w.answerBy(stranger, asha, r, own.Sign(t, r.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))
		w.want(err, fault.NotAuthorized, "The origin that used the passkey is not allowed")
		own.Origin = ""
		_, err = w.answer(stranger, "WEB_AUTHN", r.Session, "USERNAME", asha, "CREDENTIAL", "{}")
		w.want(err, fault.InvalidParameter, "CREDENTIAL")
		_, err = w.answer(stranger, "WEB_AUTHN", r.Session, "USERNAME", asha)
		w.want(err, fault.InvalidParameter, "Missing required parameter CREDENTIAL")

		first, second := w.byPasskey(home, asha), w.byPasskey(home, asha)
		signed := own.Sign(t, first.Parameters["CREDENTIAL_REQUEST_OPTIONS"])
		_, err = w.answerBy(home, asha, second, signed)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.") // of another Session
		_, err = w.answerBy(home, ravi, first, signed)
		w.want(err, fault.NotAuthorized, "Invalid session")
		right, err := w.answerBy(home, asha, first, signed)
		w.must(err)
		w.tokens(right)
		_, err = w.answerBy(home, asha, first, signed)
		w.want(err, fault.NotAuthorized, "session can only be used once")
		late := w.byPasskey(home, asha)
		w.pass(3 * time.Minute)
		_, err = w.answerBy(home, asha, late, own.Sign(t, late.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))
		w.want(err, fault.NotAuthorized, "session is expired")
	})
}

func TestPasskeys_ACountThatGoesBack_IsRefused(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withPasskeys}, func(w *world) {
		access := w.member(home, asha, password).Access
		a := &passkeytest.Authenticator{Counts: true}
		w.enrol(a, access)
		_, err := w.signInBy(a, home, asha)
		w.must(err)
		for _, count := range []uint32{1, 0} {
			a.Twist = func(say *passkeytest.Answer) { say.Count = count }
			_, err = w.signInBy(a, stranger, asha)
			w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		}
		a.Twist = nil
		_, err = w.signInBy(a, home, asha)
		w.must(err)
	})
}

func TestPasskeys_WhatEndsThem(t *testing.T) {
	inWorld(t, options{limitsOff: true, legacy: true, design: withPasskeys}, func(w *world) {
		access := w.member(home, asha, password).Access
		first, second := &passkeytest.Authenticator{}, &passkeytest.Authenticator{}
		w.enrol(first, access)
		w.pass(time.Second)
		w.enrol(second, access)
		labels := w.labels(access)
		page, err := w.s.ListWebAuthnCredentials(w.ctx, access, 1, "")
		w.must(err)
		rest, err := w.s.ListWebAuthnCredentials(w.ctx, access, 1, page.Next)
		w.must(err)
		if len(labels) != 2 || page.Passkeys[0].Label() != labels[0] || rest.Passkeys[0].Label() != labels[1] || rest.Next != "" {
			t.Fatalf("%v in pages is %+v, %+v", labels, page, rest)
		}

		r := w.byPasskey(home, asha)
		signed := first.Sign(t, r.Parameters["CREDENTIAL_REQUEST_OPTIONS"])
		w.want(w.s.DeleteWebAuthnCredential(w.ctx, w.member(home, ravi, password).Access, labels[0]), fault.ResourceNotFound, "")
		w.must(w.s.DeleteWebAuthnCredential(w.ctx, access, labels[0]))
		w.want(w.s.DeleteWebAuthnCredential(w.ctx, access, labels[0]), fault.ResourceNotFound, "")
		_, err = w.answerBy(home, asha, r, signed)
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
		_, err = w.signInBy(second, home, asha)
		w.must(err)

		w.must(w.s.AdminDisableUser(w.ctx, w.pool, asha))
		_, err = w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "WEB_AUTHN")
		w.want(err, fault.NotAuthorized, "User is disabled.")
		w.must(w.s.AdminEnableUser(w.ctx, w.pool, asha))

		_, err = w.s.SetUserPoolMFA(w.ctx, userpool.PoolMFA{ID: w.pool, WebAuthn: userpool.WebAuthnSettings{RelyingPartyID: "example.com"}})
		w.must(err)
		other, err := w.initiate(home, "USER_AUTH", "", "USERNAME", asha, "PREFERRED_CHALLENGE", "WEB_AUTHN")
		w.must(err)
		if other.Challenge != "SELECT_CHALLENGE" || slices.Contains(other.Available, "WEB_AUTHN") {
			t.Errorf("for another relying party there is %+v", other)
		}
	})
}

func TestPasskeys_OfWhoNeverProvedTheNumber_GoWithItsFirstCode(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withPasskeys}, func(w *world) {
		w.signUp(stranger, asha, intruders)
		w.must(w.s.AdminConfirmSignUp(w.ctx, w.pool, asha, nil))
		r, err := w.passwordOf(stranger, asha, intruders)
		w.must(err)
		strangers := &passkeytest.Authenticator{}
		w.enrol(strangers, w.tokens(r).Access)
		_, err = w.signInBy(strangers, stranger, asha)
		w.must(err)

		if left := w.labels(w.texted(home, asha).Access); left != nil {
			t.Errorf("the owner has %v", left)
		}
		again := w.byPasskey(stranger, asha)
		_, err = w.answerBy(stranger, asha, again, strangers.SignAnyway(t, again.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))
		w.want(err, fault.NotAuthorized, "Incorrect username or password.")
	})
}

func TestPasskeys_ANameWithoutAUser_LooksLikeOneWithAPasskey(t *testing.T) {
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		t.Run(string(behaviour), func(t *testing.T) {
			inWorld(t, options{limitsOff: true, behaviour: behaviour, design: withPasskeys}, func(w *world) {
				a := &passkeytest.Authenticator{}
				w.enrol(a, w.member(home, asha, password).Access)
				const without = "+919811111111" // a user who has no passkey
				w.member(home, without, password)
				w.signUp(home, "+919822222222", password) // a sign-up
				look := func(number string) string {
					r := w.byPasskey(stranger, number)
					options := r.Parameters["CREDENTIAL_REQUEST_OPTIONS"]
					ids := passkeytest.Allowed(t, options)
					again := passkeytest.Allowed(t, w.byPasskey(stranger, number).Parameters["CREDENTIAL_REQUEST_OPTIONS"])
					byID, err := w.initiate(stranger, "USER_AUTH", "", "USERNAME", number)
					w.must(err)
					_, err = w.answerBy(stranger, number, r, a.Forge(t, options))
					_, twice := w.answerBy(stranger, number, r, a.SignAnyway(t, options))
					return fmt.Sprint(len(ids), slices.Equal(ids, again), byID.Available, err, twice)
				}
				known := look(asha)
				if want := map[userpool.Behaviour]string{userpool.Standard: "1", userpool.Strict: "0"}[behaviour]; known[:1] != want {
					t.Errorf("%s ids are told: %s", want, known)
				}
				for _, number := range []string{ravi, without, "+919822222222"} {
					if got := look(number); got != known {
						t.Errorf("%s looks like\n%s\nand one with a passkey like\n%s", number, got, known)
					}
				}
				if behaviour == userpool.Strict {
					_, err := w.signInBy(a, home, asha)
					w.must(err)
				}
			})
		})
	}
}

func TestPasskeys_TheTrailTellsOfThem(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withPasskeys}, func(w *world) {
		access := w.member(home, asha, password).Access
		a := &passkeytest.Authenticator{}
		w.must(w.audited("CompleteWebAuthnRegistration", func(ctx context.Context) error {
			return w.s.CompleteWebAuthnRegistration(ctx, userpool.NewPasskey{Caller: home, AccessToken: access, Credential: a.Create(t, w.creation(home, access))})
		}))
		for _, twist := range []func(*passkeytest.Answer){nil, func(say *passkeytest.Answer) { say.Spoiled = true }} {
			a.Twist = twist
			_ = w.audited("RespondToAuthChallenge", func(ctx context.Context) error {
				r := w.byPasskey(home, asha)
				_, err := w.s.RespondToAuthChallenge(ctx, userpool.AnswerRequest{
					Caller: home, ClientID: w.client, Challenge: "WEB_AUTHN", Session: r.Session,
					Responses: pairs([]string{"USERNAME", asha, "CREDENTIAL", string(a.Sign(t, r.Parameters["CREDENTIAL_REQUEST_OPTIONS"]))}),
				})
				return err
			})
		}
		w.s.FlushAudit(w.ctx)
		var told []string
		for _, r := range w.trail(userpool.AuditFilter{}) {
			told = append(told, fmt.Sprint(r.Operation, r.Outcome, r.Reason, r.Detail))
		}
		for _, want := range []string{`"passkey":"added"`, `"signed_in":true`, "refusedWrongPasskey"} {
			if !strings.Contains(strings.Join(told, "\n"), want) {
				t.Errorf("the trail lacks %s:\n%s", want, strings.Join(told, "\n"))
			}
		}
	})
}

func TestPasskeys_TwentyAreTheMost(t *testing.T) {
	inWorld(t, options{limitsOff: true, design: withPasskeys}, func(w *world) {
		access := w.member(home, asha, password).Access
		last := w.creation(home, access)
		for range 20 {
			w.enrol(&passkeytest.Authenticator{}, access)
		}
		w.want(w.register(access, (&passkeytest.Authenticator{}).Create(t, last)), fault.LimitExceeded, "20 passkeys")
		_, err := w.s.StartWebAuthnRegistration(w.ctx, home, access)
		w.want(err, fault.LimitExceeded, "20 passkeys")
	})
}
