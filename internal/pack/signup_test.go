package pack_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// onlyCustom is a client as way B wants it.
func onlyCustom(id string) pack.Client {
	return pack.Client{ID: id, Flows: []string{"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}}
}

func unconfirmed(age time.Duration) pack.User {
	return pack.User{Name: "half", Phone: number, Unconfirmed: true, CreatedAt: start.Add(-age)}
}

func TestPreSignUp_AutoSignIn_LeavesConfirmationToCognito(t *testing.T) {
	w := newWorld(t)
	for _, n := range []string{number, ""} { // "": by an e-mail address
		if r, err := w.signUp(sub, n); err != nil || r != (trigger.PreSignUpResponse{}) {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

func TestPreSignUp_NumbersThatCouldNotBeTexted_AreRefused(t *testing.T) {
	w := newWorld(t, "BELLHOP_DENY_PREFIXES=+4915, +49160")
	_, err := w.signUp(sub, "+447400123456")
	refusedWith(t, err, "CodeDeliveryFailure: Texts are not sent to this country")
	_, err = w.signUp("017612345678", "017612345678")
	refusedWith(t, err, "InvalidParameter: Invalid phone number format.")
	_, err = w.signUp(sub, "+491601234567")
	refusedWith(t, err, "CodeDeliveryFailure: Texts are not sent to this number")
	for range 5 {
		if _, err := w.message(trigger.CustomMessageAuthentication, owner(number).attrs); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.signUp(sub, number)
	refusedWith(t, err, "LimitExceeded: Attempt limit exceeded")
}

func TestPreSignUp_AutoConfirm_ConfirmsAndVerifiesNothing(t *testing.T) {
	w := newWorld(t, "BELLHOP_SIGN_UP=auto-confirm")
	w.pool.clients = []pack.Client{onlyCustom("another"), onlyCustom(clientID)}
	want := trigger.PreSignUpResponse{AutoConfirmUser: true}
	if r, err := w.signUp(sub, number); err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := w.signUp(number, ""); err != nil || r != want { // the name is the number
		t.Errorf("%+v, %v", r, err)
	}
	_, err := w.signUp(sub, "")
	refusedWith(t, err, "InvalidParameter: ")
}

func TestPreSignUp_AutoConfirm_RefusesWhereAPasswordWouldSignIn(t *testing.T) {
	with := func(flows ...string) pack.Client { return pack.Client{ID: "c", Flows: flows} }
	for name, c := range map[string]struct {
		clients []pack.Client
		want    string
	}{
		"a client that is not there": {[]pack.Client{onlyCustom("c")}, "NotAuthorized: Sign-ups are off: BELLHOP_SIGN_UP is auto-confirm, and the app client " + clientID + " does not allow ALLOW_CUSTOM_AUTH"},
		"passwords":                  {[]pack.Client{with("ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH")}, "the app client c allows ALLOW_USER_PASSWORD_AUTH, which takes passwords"},
		"SRP":                        {[]pack.Client{with("ALLOW_USER_SRP_AUTH")}, "ALLOW_USER_SRP_AUTH"},
		"choice":                     {[]pack.Client{with("ALLOW_USER_AUTH")}, "ALLOW_USER_AUTH"},
		"a backend's":                {[]pack.Client{with("ALLOW_ADMIN_USER_PASSWORD_AUTH")}, "ALLOW_ADMIN_USER_PASSWORD_AUTH"},
		"as they were called before": {[]pack.Client{with("USER_PASSWORD_AUTH")}, "USER_PASSWORD_AUTH"},
		"the default flows":          {[]pack.Client{with()}, "its ExplicitAuthFlows are not set"},
		"managed login":              {[]pack.Client{{ID: "c", Flows: []string{"ALLOW_CUSTOM_AUTH"}, OAuth: []string{"client_credentials", "code"}}}, "managed login (OAuth flow code)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "BELLHOP_SIGN_UP=auto-confirm")
			w.pool.clients = c.clients
			if !strings.HasPrefix(name, "a client") {
				w.pool.clients = append(c.clients, onlyCustom(clientID))
			}
			if _, err := w.signUp(sub, number); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			w.pool.clients = []pack.Client{onlyCustom(clientID)} // put right, it serves at once
			if _, err := w.signUp(sub, number); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPreSignUp_AutoConfirm_LooksAgainAfterTenMinutes(t *testing.T) {
	w := newWorld(t, "BELLHOP_SIGN_UP=auto-confirm")
	w.pool.clients = []pack.Client{onlyCustom(clientID)}
	if _, err := w.signUp(sub, number); err != nil {
		t.Fatal(err)
	}
	w.pool.clients[0].Flows = []string{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH"}
	w.now = start.Add(10 * time.Minute)
	_, err := w.signUp(sub, number)
	refusedWith(t, err, "NotAuthorized: ")
}

func TestPreSignUp_AutoConfirm_ClientsCannotBeListed_AnothersCheckOfTenMinutesServes(t *testing.T) {
	const way = "BELLHOP_SIGN_UP=auto-confirm"
	w := newWorld(t, way)
	w.pool.clients, w.pool.busy = []pack.Client{onlyCustom(clientID)}, true
	_, err := w.signUp(sub, number)
	refusedWith(t, err, "Unavailable: ")
	w.pool.busy = false
	if _, err := w.signUp(sub, number); err != nil {
		t.Fatal(err)
	}
	w.pool.busy = true
	other := w.under(t, way) // as a process that starts now
	other.now = start.Add(10*time.Minute - time.Second)
	if _, err := other.signUp(sub, number); err != nil {
		t.Error(err)
	}
	other.now = start.Add(10 * time.Minute)
	_, err = other.signUp(sub, number)
	refusedWith(t, err, "Unavailable: ")
}

func TestVerify_AutoConfirm_TheFirstRightCodeProvesTheNumber(t *testing.T) {
	w := newWorld(t, "BELLHOP_SIGN_UP=auto-confirm")
	who := owner(number)
	who.attrs["phone_number_verified"] = "false"
	c := w.begin(who)
	w.answer(who, c, wrongOf(w.code()), false)
	if len(w.pool.done) > 0 {
		t.Fatalf("a wrong code did %v", w.pool.done)
	}
	w.pool.fail = errors.New("Cognito is down")
	_, err := w.verify(who, c, w.code())
	refusedWith(t, err, "Unavailable: The account cannot be completed now")
	w.pool.fail = nil
	w.answer(who, c, w.code(), true) // the code was not used up
	if want := []string{"password " + sub, "verified " + sub}; !slices.Equal(w.pool.done, want) {
		t.Errorf("it did %v, want %v", w.pool.done, want)
	}
	who.attrs["phone_number_verified"] = "true"
	w.answer(who, w.begin(who), w.code(), true)
	if len(w.pool.done) != 2 {
		t.Errorf("the second sign-in did %v", w.pool.done[2:])
	}
}

func TestVerify_AutoSignIn_ChangesNothing(t *testing.T) {
	w := newWorld(t)
	who := owner(number)
	delete(who.attrs, "phone_number_verified")
	w.answer(who, w.begin(who), w.code(), true)
	if len(w.pool.done) > 0 {
		t.Errorf("it did %v", w.pool.done)
	}
}

func TestPreSignUp_HalfFinishedSignUp_IsFreed(t *testing.T) {
	confirmed, other := unconfirmed(time.Hour), unconfirmed(time.Hour)
	confirmed.Unconfirmed = false
	other.Phone = "+4917600000000"
	confirms := func(p *userPool) { p.users[0].Unconfirmed = false }
	moves := func(p *userPool) { p.users[0].Phone = "+4917600000000" }
	for name, c := range map[string]struct {
		user    pack.User
		texted  time.Duration // how long ago, 0 for never
		between func(*userPool)
		want    bool
	}{
		"older than ten minutes":                 {unconfirmed(11 * time.Minute), time.Minute, nil, true},
		"young, and a text went out":             {unconfirmed(9 * time.Minute), 8 * time.Minute, nil, false},
		"young, and no text went out":            {unconfirmed(time.Minute), 0, nil, true},
		"young, and the text was long before":    {unconfirmed(time.Minute), 11 * time.Minute, nil, true},
		"confirmed":                              {confirmed, 0, nil, false},
		"of another number":                      {other, 0, nil, false},
		"confirmed since it was listed":          {unconfirmed(time.Hour), 0, confirms, false},
		"of another number since it was listed":  {unconfirmed(time.Hour), 0, moves, false},
		"gone since it was listed, and so freed": {unconfirmed(time.Hour), 0, func(p *userPool) { p.users = nil }, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool.users, w.pool.between = []pack.User{c.user}, c.between
			if c.texted > 0 {
				w.now = start.Add(-c.texted)
				if _, err := w.message(trigger.CustomMessageSignUp, owner(number).attrs); err != nil {
					t.Fatal(err)
				}
				w.now = start
			}
			if _, err := w.signUp(sub, number); err != nil {
				t.Fatal(err)
			}
			if freed := len(w.pool.users) == 0; freed != c.want {
				t.Errorf("freed is %v", freed)
			}
		})
	}
}

// Of two sign-ups of a number at once the second must not delete whom the first is
// about to make: he is there, and no text has gone out yet.
func TestPreSignUp_TwoAtOnce_TheSecondFreesNobody(t *testing.T) {
	w := newWorld(t)
	if _, err := w.signUp(sub, number); err != nil {
		t.Fatal(err)
	}
	w.pool.users = []pack.User{unconfirmed(0)} // now Cognito makes the user
	if _, err := w.signUp(sub, number); err != nil {
		t.Fatal(err)
	}
	if len(w.pool.users) != 1 {
		t.Error("the first sign-up's user was deleted")
	}
}

func TestCustomMessage_WordsAndCountsCognitosTexts(t *testing.T) {
	w := newWorld(t, "BELLHOP_MESSAGE=Code {####}")
	for _, source := range []trigger.Source{trigger.CustomMessageSignUp, trigger.CustomMessageResendCode, trigger.CustomMessageForgotPassword} {
		r, err := w.message(source, owner(number).attrs)
		if err != nil || r.SMSMessage == nil || *r.SMSMessage != "Code {####}\n\n@app.example #{####}" || r.EmailMessage != nil {
			t.Errorf("%s: %+v, %v", source, r, err)
		}
	}
	for range 2 {
		if _, err := w.message(trigger.CustomMessageForgotPassword, owner(number).attrs); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.message(trigger.CustomMessageForgotPassword, owner(number).attrs)
	refusedWith(t, err, "LimitExceeded: ")
	// Whoever confirms has answered the texts.
	if err := w.confirm(trigger.PostConfirmationConfirmSignUp); err != nil {
		t.Fatal(err)
	}
	if _, err := w.message(trigger.CustomMessageForgotPassword, owner(number).attrs); err != nil {
		t.Error(err)
	}
	for source, attrs := range map[trigger.Source]trigger.Attributes{
		trigger.CustomMessageAdminCreateUser: owner(number).attrs,
		trigger.CustomMessageResendCode:      {"email": "a@app.example"},
	} {
		if r, err := w.message(source, attrs); err != nil || r.SMSMessage != nil {
			t.Errorf("%s: %+v, %v", source, r, err)
		}
	}
}

// signedIn is the trigger before or after a sign-in, of a user of that status.
func (w *world) signedIn(source trigger.Source, status string) error {
	who := owner(number)
	who.attrs["cognito:user_status"] = status
	_, err := call[trigger.PreAuthenticationRequest, trigger.None](w, source, who, trigger.PreAuthenticationRequest{UserAttributes: who.attrs})
	return err
}

const before, after = trigger.Source("PreAuthentication_Authentication"), trigger.Source("PostAuthentication_Authentication")

func (w *world) confirm(source trigger.Source) error {
	_, err := call[trigger.PostConfirmationRequest, trigger.None](w, source, owner(number), trigger.PostConfirmationRequest{UserAttributes: owner(number).attrs})
	return err
}

// did wants that these changes were made of the pool, and forgets them.
func (w *world) did(want ...string) {
	w.t.Helper()
	if !slices.Equal(w.pool.done, want) {
		w.t.Errorf("it did %v, want %v", w.pool.done, want)
	}
	w.pool.done = nil
}

const overwritten = "password " + sub

// A stranger's password must not be that of the account that the number's holder
// confirms, whichever way he does.
func TestPassword_AutoSignIn_EndsWithTheConfirmation(t *testing.T) {
	w := newWorld(t)
	for _, call := range []struct {
		what   string
		source trigger.Source
		status string
		want   []string
	}{
		{"a sign-in of whoever is confirmed", before, "CONFIRMED", nil},
		{"the same", after, "CONFIRMED", nil},
		{"SMS_OTP of whoever is not", before, "UNCONFIRMED", nil},
		{"a wrong code, and once more", before, "UNCONFIRMED", nil},
		{"the right code", after, "CONFIRMED", []string{overwritten}},
		{"the next sign-in", before, "CONFIRMED", nil},
		{"the same", after, "CONFIRMED", nil},
		{"SMS_OTP again of one who is not", before, "UNCONFIRMED", nil},
		{"a stranger who has waited for the confirmation", before, "CONFIRMED", []string{overwritten}},
		{"the right code after that", after, "CONFIRMED", nil},
	} {
		if err := w.signedIn(call.source, call.status); err != nil {
			t.Errorf("%s: %v", call.what, err)
		}
		w.did(call.want...)
	}
	if err := w.signedIn(before, "UNCONFIRMED"); err != nil {
		t.Error(err)
	}
	_, err := call[trigger.PreAuthenticationRequest, trigger.None](w, before, nobody(sub), trigger.PreAuthenticationRequest{UserNotFound: true})
	if err != nil { // deleted meanwhile
		t.Error(err)
	}
	w.did()
	if err := w.confirm(trigger.PostConfirmationConfirmSignUp); err != nil {
		t.Error(err)
	}
	w.did(overwritten)
	if err := w.signedIn(after, "CONFIRMED"); err != nil {
		t.Error(err)
	}
	w.did()
	if err := w.confirm(trigger.PostConfirmationConfirmForgotPassword); err != nil { // it is his own
		t.Error(err)
	}
	w.did()
}

func TestPassword_AutoSignIn_CannotBeOverwritten_NobodyGetsInUntilItIs(t *testing.T) {
	w := newWorld(t)
	w.pool.fail = errors.New("Cognito is down")
	refusedWith(t, w.confirm(trigger.PostConfirmationConfirmSignUp), "Unavailable: The account cannot be completed now")
	refusedWith(t, w.signedIn(before, "CONFIRMED"), "Unavailable: ")
	refusedWith(t, w.signedIn(after, "CONFIRMED"), "Unavailable: ")
	w.pool.fail = nil
	if err := w.signedIn(before, "CONFIRMED"); err != nil {
		t.Error(err)
	}
	w.did(overwritten)
}

func TestPassword_KeptOrOfAutoConfirm_IsLeftAlone(t *testing.T) {
	w := newWorld(t, "BELLHOP_KEEP_PASSWORD=on")
	for _, w := range []*world{w, w.under(t, "BELLHOP_SIGN_UP=auto-confirm")} {
		err := errors.Join(w.signedIn(before, "UNCONFIRMED"), w.signedIn(after, "CONFIRMED"), w.confirm(trigger.PostConfirmationConfirmSignUp))
		if err != nil {
			t.Error(err)
		}
		w.did()
	}
}

// A code of Cognito's own that signs in was answered, as ours are, and each once.
func TestCustomMessage_SignInsByCognitosCode_AreGivenBack(t *testing.T) {
	w := newWorld(t)
	text := func() error {
		_, err := w.message(trigger.CustomMessageAuthentication, owner(number).attrs)
		return err
	}
	for range 3 {
		if err := errors.Join(text(), text(), w.signedIn(after, "CONFIRMED")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(text(), text()); err != nil {
		t.Fatal(err)
	}
	known := func() guard.Money {
		n, err := w.store.Count(w.ctx, "money/known/server/hour", w.now)
		if err != nil {
			t.Fatal(err)
		}
		return guard.Money(n)
	}
	if _, err := w.message(trigger.CustomMessageAuthentication, owner("+4917700000001").attrs); err != nil { // unanswered
		t.Fatal(err)
	}
	if spent := known(); spent != 3*w.price(number) {
		t.Errorf("three texts have cost %v", spent)
	}
	var all sync.WaitGroup
	for range 4 { // one of them has something to give back
		all.Go(func() {
			if err := w.signedIn(after, "CONFIRMED"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := errors.Join(text(), text(), text(), text(), text()); err != nil {
		t.Errorf("%v\n%s", err, w.log)
	}
	refusedWith(t, text(), "LimitExceeded: ")
	unproved := owner(number)
	unproved.attrs["phone_number_verified"] = "false"
	for _, who := range []person{unproved, {name: "another", attrs: owner(number).attrs}} {
		if _, err := call[trigger.PostAuthenticationRequest, trigger.None](w, after, who, trigger.PostAuthenticationRequest{UserAttributes: who.attrs}); err != nil {
			t.Fatal(err)
		}
		refusedWith(t, text(), "LimitExceeded: ")
	}
}
