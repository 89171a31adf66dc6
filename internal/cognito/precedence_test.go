package cognito

import (
	stdjson "encoding/json"
	"strings"
	"testing"
)

// Sign-ins in which several things are wrong at once: the first of Cognito's order is
// told (the model, the client, the flow, the secret hash, the parameters, the user, the
// password, the user's status), but that a disabled user is told so before his password.
func TestSignIn_SeveralThingsWrong_TellsTheFirst(t *testing.T) {
	goLive(t, "sqlite", false, func(l *live) {
		call := func(operation, body string) string {
			t.Helper()
			a := l.send(operation, body)
			var e struct{ Message, ChallengeName string }
			if err := stdjson.Unmarshal(a.Body.Bytes(), &e); err != nil && a.Body.Len() > 0 {
				t.Fatal(err)
			}
			if name := strings.TrimSuffix(a.Header().Get("x-amzn-ErrorType"), "Exception:"); name != "" {
				return name + ": " + e.Message
			}
			return e.ChallengeName
		}
		made := func(operation, body, member string) string {
			t.Helper()
			a := l.send(operation, body)
			_, rest, ok := strings.Cut(a.Body.String(), `"`+member+`":"`)
			id, _, _ := strings.Cut(rest, `"`)
			if !ok {
				t.Fatalf("%s: %s", operation, a.Body)
			}
			return id
		}
		pool := made("CreateUserPool", `{"PoolName":"p","AutoVerifiedAttributes":["email"],"UserPoolTags":{"bellhop:token-alg":"ES256","bellhop:behaviour":"cognito-exact"}}`, "Id")
		in := `{"UserPoolId":"` + pool + `",`
		app := made("CreateUserPoolClient", in+`"ClientName":"app","ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, "ClientId")
		server := made("CreateUserPoolClient", in+`"ClientName":"server","GenerateSecret":true,"ExplicitAuthFlows":["ALLOW_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, "ClientId")
		const password = `"Password":"Correct-Horse-9"`
		for _, name := range []string{"confirmed", "disabled", "reset", "temporary"} {
			call("AdminCreateUser", in+`"Username":"`+name+`","MessageAction":"SUPPRESS","UserAttributes":[{"Name":"email","Value":"`+name+`@example.org"},{"Name":"email_verified","Value":"true"}]}`)
			permanent := "true"
			if name == "temporary" {
				permanent = "false"
			}
			call("AdminSetUserPassword", in+`"Username":"`+name+`",`+password+`,"Permanent":`+permanent+`}`)
		}
		call("AdminDisableUser", in+`"Username":"disabled"}`)
		call("AdminResetUserPassword", in+`"Username":"reset"}`)
		call("SignUp", `{"ClientId":"`+app+`","Username":"unconfirmed",`+password+`,"UserAttributes":[{"Name":"email","Value":"u@example.org"}]}`)

		with := func(client, flow, parameters string) string {
			return `{"ClientId":"` + client + `","AuthFlow":"` + flow + `","AuthParameters":{` + parameters + `}}`
		}
		user := func(name, word string) string {
			return with(app, "USER_PASSWORD_AUTH", `"USERNAME":"`+name+`","PASSWORD":"`+word+`"`)
		}
		const right, wrong = "Correct-Horse-9", "Another-Horse-8"
		for _, c := range []struct{ what, body, want string }{
			{"no such flow, no such client", with("nobody", "X", ``), "InvalidParameter: 1 validation error"},
			{"no such client, a flow of administrators", with("nobody", "ADMIN_USER_PASSWORD_AUTH", ``), "ResourceNotFound: "},
			{"flow not enabled, no secret hash", with(server, "USER_AUTH", ``), "InvalidParameter: USER_AUTH flow not enabled for this client"},
			{"no secret hash, no password", with(server, "USER_PASSWORD_AUTH", `"USERNAME":"confirmed"`), "NotAuthorized: Client " + server + " is configured with secret but SECRET_HASH was not received"},
			{"wrong secret hash, no such user", with(server, "USER_PASSWORD_AUTH", `"USERNAME":"nobody","PASSWORD":"x","SECRET_HASH":"AAAA"`), "NotAuthorized: Unable to verify secret hash for client " + server},
			{"no name, no password", with(app, "USER_PASSWORD_AUTH", ``), "InvalidParameter: Missing required parameter USERNAME"},
			{"no password, no such user", with(app, "USER_PASSWORD_AUTH", `"USERNAME":"nobody"`), "InvalidParameter: Missing required parameter PASSWORD"},
			{"no such user", user("nobody", right), "UserNotFound: User does not exist."},
			{"disabled, wrong password", user("disabled", wrong), "NotAuthorized: User is disabled."}, // docs/divergences.md
			{"disabled", user("disabled", right), "NotAuthorized: User is disabled."},
			{"not confirmed, wrong password", user("unconfirmed", wrong), "NotAuthorized: Incorrect username or password."},
			{"not confirmed", user("unconfirmed", right), "UserNotConfirmed: User is not confirmed."},
			{"to be reset", user("reset", right), "PasswordResetRequired: Password reset required for the user"},
			{"temporary, wrong password", user("temporary", wrong), "NotAuthorized: Incorrect username or password."},
			{"temporary", user("temporary", right), "NEW_PASSWORD_REQUIRED"},
		} {
			if got := call("InitiateAuth", c.body); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %q, want %q", c.what, got, c.want)
			}
		}
	})
}
