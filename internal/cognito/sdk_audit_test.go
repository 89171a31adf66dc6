package cognito_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// trail reads the whole audit trail, oldest first.
func (w *world) trail() []userpool.AuditRow {
	w.t.Helper()
	var rows []userpool.AuditRow
	for r, err := range w.service.Audit(context.WithoutCancel(w.ctx), userpool.AuditFilter{}) {
		w.must(err)
		rows = append(rows, r)
	}
	return rows
}

// checkTrail checks, at the end of every test of this package, that each request
// for an operation has exactly one row with its outcome, and that no row holds a
// secret.
func (w *world) checkTrail() {
	w.t.Helper()
	rows, dropped := map[string]userpool.AuditRow{}, 0
	for _, r := range w.trail() {
		if r.Operation == "AuditTrail" {
			var detail struct{ Dropped int }
			w.must(json.Unmarshal([]byte(r.Detail), &detail))
			dropped += detail.Dropped
			continue
		}
		if _, twice := rows[r.RequestID]; twice && r.RequestID != "" {
			w.t.Errorf("two rows of one request: %+v", r)
		}
		rows[r.RequestID] = r
		w.checkRow(r)
	}
	for i, answer := range w.wire.answers {
		asked := w.wire.asked[i]
		name, isOperation := strings.CutPrefix(asked.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")
		served, failed := answer.Code == http.StatusOK, answer.Header().Get("x-amzn-ErrorType")
		if !isOperation || failed == "UnknownOperationException:" {
			continue
		}
		row, ok := rows[answer.Header().Get("x-amzn-RequestId")]
		if !ok && served && asked.Get("Authorization") == "" && usersRead.MatchString(name) {
			continue
		}
		if !ok && !served && dropped > 0 {
			dropped--
			continue
		}
		if !ok || row.Operation != name || (row.Outcome == userpool.OutcomeSuccess && !served) {
			w.t.Errorf("%s, answered with %d %s, has the row %+v", name, answer.Code, failed, row)
		}
	}
	if dropped > 0 {
		w.t.Errorf("%d rows more are said to be dropped than are missing", dropped)
	}
}

// usersRead are what users may do without a row, where it succeeds and changes
// nothing.
var usersRead = regexp.MustCompile(`^(Get|List)(User|Device|WebAuthn)`)

func (w *world) checkRow(r userpool.AuditRow) {
	w.t.Helper()
	text, err := json.Marshal(r)
	w.must(err)
	hidden := append([]string{pass, asha, ravi, asha[1:], ravi[1:]}, w.wire.secrets...)
	for _, m := range w.phone.Texts() {
		hidden = append(hidden, m.Body)
		if code := smstest.CodeIn(m.Body); code != "" && regexp.MustCompile(`\b`+code+`\b`).Match(text) {
			w.t.Errorf("the code %s is in a row: %s", code, text)
		}
	}
	for _, h := range hidden {
		if strings.Contains(string(text), h) {
			w.t.Errorf("%.20s… is in a row: %s", h, text)
		}
	}
}

// newest is the newest row of the operation, once what waits is written.
func (w *world) newest(operation string) userpool.AuditRow {
	w.t.Helper()
	<-time.After(time.Second)
	rows := w.trail()
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Operation == operation {
			return rows[i]
		}
	}
	w.t.Fatalf("no row of %s in %+v", operation, rows)
	return userpool.AuditRow{}
}

// story is how a row tells the end of a call.
func story(r userpool.AuditRow) string {
	return strings.TrimSpace(strings.Join([]string{string(r.ActorKind), string(r.Outcome), r.Reason, r.Detail}, " "))
}

func TestAudit_SignIn_IsToldAsAnOperatorThinksOfIt(t *testing.T) {
	inWorld(t, func(w *world) {
		check := func(operation, want string) userpool.AuditRow {
			t.Helper()
			r := w.newest(operation)
			if story(r) != want {
				t.Errorf("%s: %s\nwant %s", operation, story(r), want)
			}
			return r
		}
		up := w.signUp(asha, pass)
		signUp := check("SignUp", `anonymous success  {"sent":"sign_up"}`)
		confirm := func(code string) error {
			_, err := w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: &code, Session: up.Session})
			return err
		}
		if confirm(wrong(w.code(asha))) == nil {
			t.Fatal("a wrong code confirms")
		}
		check("ConfirmSignUp", `anonymous refused CodeMismatch`)
		w.must(confirm(w.code(asha)))
		check("ConfirmSignUp", `anonymous success  {"user":"created"}`)

		started, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		check("InitiateAuth", `anonymous success  {"challenge":"CUSTOM_CHALLENGE","flow":"CUSTOM_AUTH","sent":"sign_in"}`)
		again, err := w.respond("CUSTOM_CHALLENGE", started.Session, map[string]string{"USERNAME": asha, "ANSWER": wrong(w.code(asha))})
		w.must(err)
		check("RespondToAuthChallenge", `anonymous refused CodeMismatch {"answered":"CUSTOM_CHALLENGE","challenge":"CUSTOM_CHALLENGE"}`)
		done, err := w.respond("CUSTOM_CHALLENGE", again.Session, map[string]string{"USERNAME": *up.UserSub, "ANSWER": w.code(asha)})
		w.must(err)
		signedIn := check("RespondToAuthChallenge", `user success  {"answered":"CUSTOM_CHALLENGE","device":"new","signed_in":true}`)
		if signedIn.Actor != *up.UserSub || string(signedIn.UserID) != *up.UserSub || string(signedIn.ClientID) != w.client || string(signedIn.PoolID) != w.pool ||
			signedIn.NameHash != signUp.NameHash || signedIn.NameHash == "" || signedIn.Masked != "+********3210" || signedIn.Address != "203.0.113.7" {
			t.Errorf("the row of a sign-in: %+v, of its sign-up: %+v", signedIn, signUp)
		}

		for range 6 {
			_, err = w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Wrong-Horse-1"})
			if err == nil {
				t.Fatal("a wrong password signs in")
			}
		}
		check("InitiateAuth", `anonymous refused LockedOut {"flow":"USER_AUTH"}`)
		<-time.After(20 * time.Minute)
		_, err = w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": "Wrong-Horse-1"})
		if err == nil {
			t.Fatal("a wrong password signs in")
		}
		check("InitiateAuth", `anonymous refused WrongPassword {"flow":"USER_AUTH","tried_password":"wrong"}`)
		_, err = w.initiate("USER_SRP_AUTH", nil, map[string]string{"USERNAME": asha, "SRP_A": srptest.New(t).A()})
		w.must(err)
		check("InitiateAuth", `anonymous success  {"challenge":"PASSWORD_VERIFIER","flow":"USER_SRP_AUTH"}`)
		_, err = w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *done.AuthenticationResult.RefreshToken})
		w.must(err)
		check("InitiateAuth", `user success  {"flow":"REFRESH_TOKEN_AUTH"}`)
		_, err = w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: done.AuthenticationResult.AccessToken,
			UserAttributes: []types.AttributeType{{Name: new("given_name"), Value: new("Asha")}}})
		w.must(err)
		check("UpdateUserAttributes", `user success  {"attributes":["given_name"]}`)
		_, err = w.sdk.GlobalSignOut(w.ctx, &cip.GlobalSignOutInput{AccessToken: done.AuthenticationResult.AccessToken})
		w.must(err)
		check("GlobalSignOut", `user success`)
		_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: done.AuthenticationResult.AccessToken})
		if err == nil {
			t.Fatal("signed out, and still good")
		}
		check("GetUser", `user refused TokenRevoked`)
	})
}

func TestAudit_Administration_NamesTheKeyAndWhatChanged(t *testing.T) {
	inWorld(t, func(w *world) {
		check := func(operation, want string) {
			t.Helper()
			if r := w.newest(operation); story(r) != want || r.Actor != w.key.ID {
				t.Errorf("%s: %s by %q\nwant %s", operation, story(r), r.Actor, want)
			}
		}
		check("CreateUserPool", `admin success`)
		check("CreateUserPoolClient", `admin success`)
		_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: aws.String("arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + w.pool), Tags: map[string]string{"a": "b"}})
		w.must(err)
		check("TagResource", `admin success  {"settings":["tags"]}`)
		_, err = w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(ravi), TemporaryPassword: new(pass)})
		w.must(err)
		check("AdminCreateUser", `admin success  {"sent":"invitation","user":"created"}`)
		_, err = w.sdk.AdminSetUserPassword(w.ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: new(ravi), Password: new(pass), Permanent: true})
		w.must(err)
		check("AdminSetUserPassword", `admin success  {"password":"set"}`)
		_, err = w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(ravi)})
		w.must(err)
		check("AdminGetUser", `admin success`)
		_, err = w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)})
		wantError[*types.UserNotFoundException](w, err, "")
		check("AdminGetUser", `admin refused UserNotFound`)
		w.raw("AdminGetUser", `{}`)
		if r := w.newest("AdminGetUser"); story(r) != "anonymous refused MissingAuthenticationToken" || r.Actor != "" {
			t.Errorf("unsigned: %+v", r)
		}
	})
}

func TestAudit_DeletedUser_LeavesNoMaskedName(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, "")
		w.member(ravi, "")
		_, err := w.sdk.DeleteUser(w.ctx, &cip.DeleteUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		deletion := w.newest("DeleteUser")
		if deletion.UserID == "" || deletion.NameHash == "" {
			t.Errorf("the row of the deletion: %+v", deletion)
		}
		ravis := 0
		for _, r := range w.trail() {
			switch {
			case r.UserID == deletion.UserID && r.Masked != "":
				t.Errorf("a row still shows the user: %+v", r)
			case r.Masked != "":
				ravis++
			}
		}
		if ravis == 0 {
			t.Error("the other user's rows lost their names")
		}
	})
}

func TestAudit_Repeat_IsMarked(t *testing.T) {
	inWorld(t, func(w *world) {
		body := `{"ClientId":"` + w.client + `","Username":"` + asha + `"}`
		w.raw("SignUp", body)
		if r := w.newest("SignUp"); strings.Contains(r.Detail, "repeat") {
			t.Errorf("the first: %+v", r)
		}
		w.raw("SignUp", body)
		if r := w.newest("SignUp"); story(r) != `anonymous success  {"repeat":true}` {
			t.Errorf("the repeat: %+v", r)
		}
	})
}
