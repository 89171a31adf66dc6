package cognito_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// The four states of a name. The numbers end alike, so that masks do too.
var states = map[string]string{
	"known":       "+919876543210",
	"unknown":     "+919811113210",
	"unconfirmed": "+919822223210",
	"disabled":    "+919833333210",
}

// question is a public operation that names somebody.
type question struct {
	name      string
	operation string
	body      string // with NUMBER and CLIENT in it
	// then is asked with the Session of the first answer, "" for nothing.
	then, thenBody string
	// tells are the states of which it is known to say more, each for a reason
	// that docs/divergences.md states.
	tells []string
	// strictTells are the same in a strict pool.
	strictTells []string
}

var questions = []question{
	{name: "SignUp", operation: "SignUp",
		body:  `{"ClientId":"CLIENT","Username":"NUMBER","Password":"` + pass + `"}`,
		tells: []string{"known", "disabled"}}, // UsernameExistsException, by which apps route
	{name: "ConfirmSignUp", operation: "ConfirmSignUp",
		body:  `{"ClientId":"CLIENT","Username":"NUMBER","ConfirmationCode":"000000"}`,
		tells: []string{"unconfirmed"}, strictTells: []string{"unconfirmed"}}, // a sign-up waits
	{name: "ResendConfirmationCode", operation: "ResendConfirmationCode", body: `{"ClientId":"CLIENT","Username":"NUMBER"}`},
	{name: "ForgotPassword", operation: "ForgotPassword", body: `{"ClientId":"CLIENT","Username":"NUMBER"}`},
	{name: "ConfirmForgotPassword", operation: "ConfirmForgotPassword",
		body: `{"ClientId":"CLIENT","Username":"NUMBER","ConfirmationCode":"000000","Password":"` + pass + `"}`},
	{name: "CUSTOM_AUTH", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"NUMBER"}}`,
		then: "RespondToAuthChallenge", thenBody: `{"ClientId":"CLIENT","ChallengeName":"CUSTOM_CHALLENGE","Session":"SESSION","ChallengeResponses":{"USERNAME":"NUMBER","ANSWER":"000000"}}`},
	{name: "USER_AUTH", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"NUMBER"}}`,
		then: "RespondToAuthChallenge", thenBody: `{"ClientId":"CLIENT","ChallengeName":"SELECT_CHALLENGE","Session":"SESSION","ChallengeResponses":{"USERNAME":"NUMBER","ANSWER":"SMS_OTP"}}`},
	{name: "SMS_OTP", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"NUMBER","PREFERRED_CHALLENGE":"SMS_OTP"}}`,
		then: "RespondToAuthChallenge", thenBody: `{"ClientId":"CLIENT","ChallengeName":"SMS_OTP","Session":"SESSION","ChallengeResponses":{"USERNAME":"NUMBER","SMS_OTP_CODE":"000000"}}`},
	{name: "PASSWORD", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"NUMBER","PREFERRED_CHALLENGE":"PASSWORD","PASSWORD":"wrong-Pass-1"}}`},
	{name: "USER_PASSWORD_AUTH", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"NUMBER","PASSWORD":"wrong-Pass-1"}}`},
	{name: "USER_SRP_AUTH", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"NUMBER","SRP_A":"` + strings.Repeat("4a", 300) + `"}}`,
		then: "RespondToAuthChallenge", thenBody: `{"ClientId":"CLIENT","ChallengeName":"PASSWORD_VERIFIER","Session":"SESSION","ChallengeResponses":{"USERNAME":"NUMBER","PASSWORD_CLAIM_SECRET_BLOCK":"BLOCK","PASSWORD_CLAIM_SIGNATURE":"` + strings.Repeat("A", 43) + `=","TIMESTAMP":"CLOCK"}}`},
	{name: "CUSTOM_AUTH with a password", operation: "InitiateAuth",
		body: `{"ClientId":"CLIENT","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"NUMBER","CHALLENGE_NAME":"SRP_A","SRP_A":"` + strings.Repeat("4a", 300) + `"}}`},
}

// random are the members whose values are chance; what is left of them is their
// length, and of numbers in hexadecimal nothing.
var random = map[string]string{
	"Session": "text", "UserSub": "text", "SECRET_BLOCK": "text", "USERNAME": "text", "USER_ID_FOR_SRP": "text",
	"SALT": "hex", "SRP_B": "hex",
}

// seen is an answer as somebody sees it who compares answers.
func seen(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintln(&b, w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		if name == "Content-Length" && strings.Contains(w.Body.String(), "SRP_B") || name == "X-Amzn-Requestid" {
			continue
		}
		fmt.Fprintln(&b, name, w.Header()[name])
	}
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		return b.String() + w.Body.String()
	}
	text, _ := json.MarshalIndent(withoutChance(v), "", " ")
	return b.String() + string(text)
}

func withoutChance(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for name, value := range m {
		text, isText := value.(string)
		switch {
		case isText && random[name] == "text":
			m[name] = fmt.Sprintf("<%d characters>", len(text))
		case isText && random[name] == "hex":
			m[name] = "<hex>"
		default:
			m[name] = withoutChance(value)
		}
	}
	return m
}

// member of an answer, wherever it stands.
func memberOf(w *httptest.ResponseRecorder, name string) string {
	_, rest, _ := strings.Cut(w.Body.String(), `"`+name+`":"`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

// ask puts the question about a number and returns all that could be seen.
func (w *world) ask(q question, number string) string {
	w.wire.from = elsewhere
	fill := func(body string, more ...string) string {
		stamp := time.Now().UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
		return strings.NewReplacer(append(more, "CLIENT", w.client, "NUMBER", number, "CLOCK", stamp)...).Replace(body)
	}
	first := w.raw(q.operation, fill(q.body))
	all := seen(first)
	if q.then == "" || first.Code != http.StatusOK {
		return all
	}
	second := w.raw(q.then, fill(q.thenBody, "SESSION", memberOf(first, "Session"), "BLOCK", memberOf(first, "SECRET_BLOCK")))
	return all + "\nthen " + seen(second)
}

// Whether a number has a user shows in no answer of a public operation to a
// client that prevents existence errors: not in words, headers, lengths or
// masks, and texts go to nobody but those who have an account or sign up.
func TestExistence_ShowsInNoPublicAnswer(t *testing.T) {
	for _, behaviour := range []string{"standard", "strict"} {
		for _, q := range questions {
			t.Run(behaviour+"/"+q.name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					w.people(behaviour)
					answers := map[string]string{}
					for state, number := range states {
						before := w.texts()
						answers[state] = w.ask(q, number)
						if n := w.texts() - before; n > 0 && (state == "unknown" && q.operation != "SignUp" || state == "disabled") {
							t.Errorf("%s: %d texts", state, n)
						}
					}
					tells := q.tells
					if behaviour == "strict" {
						tells = q.strictTells
					}
					for state, answer := range answers {
						if same := answer == answers["unknown"]; same == slices.Contains(tells, state) && state != "unknown" {
							t.Errorf("%s: %s\nunknown: %s", state, answer, answers["unknown"])
						}
					}
				})
			})
		}
	}
}

// people makes a pool of the behaviour, and puts the numbers into their states.
func (w *world) people(behaviour string) {
	w.t.Helper()
	_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{
		ResourceArn: new("arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + w.pool),
		Tags:        map[string]string{"bellhop:behaviour": behaviour},
	})
	w.must(err)
	w.client = w.makeClient(&cip.CreateUserPoolClientInput{
		ExplicitAuthFlows:          []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
		PreventUserExistenceErrors: "ENABLED",
	})
	w.wire.from = atHome
	w.member(states["known"], pass)
	w.member(states["disabled"], pass)
	_, err = w.sdk.AdminDisableUser(w.ctx, &cip.AdminDisableUserInput{UserPoolId: &w.pool, Username: new(states["disabled"])})
	w.must(err)
	w.signUp(states["unconfirmed"], pass)
	w.later(time.Minute)
}
