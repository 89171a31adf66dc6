package cognito_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// secretClient makes the world's client one with a secret, and returns that.
func (w *world) secretClient() string {
	w.t.Helper()
	c, err := w.sdk.CreateUserPoolClient(w.ctx, &cip.CreateUserPoolClientInput{
		UserPoolId: &w.pool, ClientName: new("backend"), GenerateSecret: true, ExplicitAuthFlows: []types.ExplicitAuthFlowsType{
			"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	})
	w.must(err)
	w.client = *c.UserPoolClient.ClientId
	return *c.UserPoolClient.ClientSecret
}

// secretHash is Base64(HMAC-SHA256(secret, name + client id)), as clients make it.
func (w *world) secretHash(secret, name string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(name + w.client))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func TestSecretClient_EveryOperation_WantsTheHash(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		secret := w.secretClient()
		hash := w.secretHash(secret, asha)
		custom, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha, "SECRET_HASH": hash})
		w.must(err)
		choice, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "SECRET_HASH": hash})
		w.must(err)
		id := fmt.Sprintf(`"ClientId":%q`, w.client)
		named := id + fmt.Sprintf(`,"Username":%q,`, asha)
		flow := func(name string) string {
			return id + fmt.Sprintf(`,"AuthFlow":%q,"AuthParameters":{"USERNAME":%q,`, name, asha)
		}
		answer := func(name string, session *string) string {
			return id + fmt.Sprintf(`,"ChallengeName":%q,"Session":%q,"ChallengeResponses":{"USERNAME":%q,`, name, *session, asha)
		}
		pool := fmt.Sprintf(`"UserPoolId":%q,`, w.pool)
		for _, c := range []struct{ target, body, member, end string }{
			{"SignUp", named + `"Password":"` + pass + `"`, `,"SecretHash":`, `}`},
			{"ConfirmSignUp", named + `"ConfirmationCode":"123456"`, `,"SecretHash":`, `}`},
			{"ResendConfirmationCode", named + `"ClientMetadata":{}`, `,"SecretHash":`, `}`},
			{"ForgotPassword", named + `"ClientMetadata":{}`, `,"SecretHash":`, `}`},
			{"ConfirmForgotPassword", named + `"ConfirmationCode":"123456","Password":"` + pass + `"`, `,"SecretHash":`, `}`},
			{"InitiateAuth", flow("CUSTOM_AUTH") + `"X":""`, `,"SECRET_HASH":`, `}}`},
			{"InitiateAuth", flow("USER_AUTH") + `"X":""`, `,"SECRET_HASH":`, `}}`},
			{"InitiateAuth", flow("USER_PASSWORD_AUTH") + `"PASSWORD":"` + pass + `"`, `,"SECRET_HASH":`, `}}`},
			{"InitiateAuth", flow("USER_SRP_AUTH") + `"SRP_A":"abcdef"`, `,"SECRET_HASH":`, `}}`},
			{"RespondToAuthChallenge", answer("CUSTOM_CHALLENGE", custom.Session) + `"ANSWER":"123456"`, `,"SECRET_HASH":`, `}}`},
			{"RespondToAuthChallenge", answer("SELECT_CHALLENGE", choice.Session) + `"ANSWER":"SMS_OTP"`, `,"SECRET_HASH":`, `}}`},
			{"RespondToAuthChallenge", answer("SMS_OTP", custom.Session) + `"SMS_OTP_CODE":"123456"`, `,"SECRET_HASH":`, `}}`},
			{"RespondToAuthChallenge", answer("NEW_PASSWORD_REQUIRED", custom.Session) + `"NEW_PASSWORD":"` + pass + `"`, `,"SECRET_HASH":`, `}}`},
			{"RespondToAuthChallenge", answer("PASSWORD_VERIFIER", custom.Session) + `"TIMESTAMP":"x"`, `,"SECRET_HASH":`, `}}`},
			{"AdminInitiateAuth", pool + flow("ADMIN_USER_PASSWORD_AUTH") + `"PASSWORD":"` + pass + `"`, `,"SECRET_HASH":`, `}}`},
			{"AdminRespondToAuthChallenge", pool + answer("CUSTOM_CHALLENGE", custom.Session) + `"ANSWER":"123456"`, `,"SECRET_HASH":`, `}}`},
		} {
			send := w.public
			if strings.HasPrefix(c.target, "Admin") {
				send = w.signed
			}
			for given, want := range map[string]string{
				"": "Client " + w.client + " is configured with secret but SECRET_HASH was not received",
				c.member + `"` + w.secretHash(secret, ravi) + `"`: "Unable to verify secret hash for client " + w.client,
				c.member + `"c2VjcmV0"`:                           "Unable to verify secret hash for client " + w.client,
			} {
				a := send(bad{target: c.target, body: "{" + c.body + given + c.end})
				if got := a.Header().Get("x-amzn-ErrorType"); got != "NotAuthorizedException:" || !strings.Contains(a.Body.String(), want) {
					t.Errorf("%s %s: got %s %s, want %q", c.target, given, got, a.Body, want)
				}
			}
		}
	})
}

func TestSecretClient_WholeRoad(t *testing.T) {
	inWorld(t, func(w *world) {
		secret := w.secretClient()
		hash := w.secretHash(secret, asha)
		_, err := w.sdk.SignUp(w.ctx, &cip.SignUpInput{ClientId: &w.client, Username: new(asha), Password: new(pass), SecretHash: &hash})
		w.must(err)
		_, err = w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(w.code(asha)), SecretHash: &hash})
		w.must(err)
		auth, err := w.initiate("USER_PASSWORD_AUTH", nil, map[string]string{"USERNAME": asha, "PASSWORD": pass, "SECRET_HASH": hash})
		w.must(err)
		tokens := w.tokens(auth.AuthenticationResult)
		// A refresh names nobody, so the hash is over the canonical user name.
		name := w.claims(*tokens.IdToken)["cognito:username"].(string)
		_, err = w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken})
		wantError[*types.NotAuthorizedException](w, err, "Client "+w.client+" is configured with secret but SECRET_HASH was not received")
		refreshed, err := w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken, "SECRET_HASH": w.secretHash(secret, name)})
		w.must(err)
		w.tokens(refreshed.AuthenticationResult)

		// The newer operations take the secret itself.
		for _, given := range []*string{nil, aws.String(strings.Repeat("x", 30))} {
			_, err = w.sdk.GetTokensFromRefreshToken(w.ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &w.client, RefreshToken: tokens.RefreshToken, ClientSecret: given})
			wantError[*types.NotAuthorizedException](w, err, "")
			_, err = w.sdk.RevokeToken(w.ctx, &cip.RevokeTokenInput{ClientId: &w.client, Token: tokens.RefreshToken, ClientSecret: given})
			wantError[*types.UnauthorizedException](w, err, "")
		}
		again, err := w.sdk.GetTokensFromRefreshToken(w.ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &w.client, RefreshToken: tokens.RefreshToken, ClientSecret: &secret})
		w.must(err)
		w.tokens(again.AuthenticationResult)
		_, err = w.sdk.RevokeToken(w.ctx, &cip.RevokeTokenInput{ClientId: &w.client, Token: tokens.RefreshToken, ClientSecret: &secret})
		w.must(err)
		_, err = w.sdk.GetTokensFromRefreshToken(w.ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &w.client, RefreshToken: tokens.RefreshToken, ClientSecret: &secret})
		wantError[*types.NotAuthorizedException](w, err, "Refresh Token has been revoked")
	})
}
