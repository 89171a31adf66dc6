package cognito_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/passkeytest"
)

// allowPasskeys sets the pool up for passkeys of a site.
func (w *world) allowPasskeys(site string) {
	w.t.Helper()
	_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: w.poolARN(), Tags: map[string]string{"bellhop:app-host": site}})
	w.must(err)
	_, err = w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool, Policies: &types.UserPoolPolicyType{
		SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP", "WEB_AUTHN"}},
	}})
	w.must(err)
}

func (w *world) poolARN() *string {
	w.t.Helper()
	p, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool})
	w.must(err)
	return p.UserPool.Arn
}

// creation are the options of a new passkey, as the SDK hands them on.
func (w *world) creation(access *string) []byte {
	w.t.Helper()
	out, err := w.sdk.StartWebAuthnRegistration(w.ctx, &cip.StartWebAuthnRegistrationInput{AccessToken: access})
	w.must(err)
	text, err := out.CredentialCreationOptions.MarshalSmithyDocument()
	w.must(err)
	return text
}

func (w *world) register(access *string, credential []byte) error {
	w.t.Helper()
	var object map[string]any
	w.must(json.Unmarshal(credential, &object))
	_, err := w.sdk.CompleteWebAuthnRegistration(w.ctx, &cip.CompleteWebAuthnRegistrationInput{AccessToken: access, Credential: document.NewLazyDocument(object)})
	return err
}

// A passkey from its registration to its end, as the SDK's types have it.
func TestSDK_Passkeys_FromRegistrationToRemoval(t *testing.T) {
	inWorld(t, func(w *world) {
		access := w.member(asha, pass).AccessToken
		_, err := w.sdk.StartWebAuthnRegistration(w.ctx, &cip.StartWebAuthnRegistrationInput{AccessToken: access})
		wantError[*types.WebAuthnNotEnabledException](w, err, "")
		w.allowPasskeys("example.com")
		a := &passkeytest.Authenticator{Origin: "https://login.example.com:8443"}

		var o struct {
			RP               struct{ ID, Name string }
			User             struct{ ID, Name, DisplayName string }
			PubKeyCredParams []struct {
				Type string
				Alg  int
			}
			Timeout                int
			Attestation            string
			AuthenticatorSelection struct {
				RequireResidentKey            bool
				ResidentKey, UserVerification string
			}
		}
		options := w.creation(access)
		w.must(json.Unmarshal(options, &o))
		if o.RP.ID != "example.com" || o.RP.Name == "" || o.User.ID == "" || o.User.Name != asha || o.User.DisplayName == "" ||
			len(o.PubKeyCredParams) != 2 || o.PubKeyCredParams[0].Alg != -7 || o.PubKeyCredParams[1].Alg != -257 ||
			o.Timeout != 180_000 || o.Attestation != "none" || !o.AuthenticatorSelection.RequireResidentKey ||
			o.AuthenticatorSelection.ResidentKey != "required" || o.AuthenticatorSelection.UserVerification != "preferred" {
			t.Errorf("the options are %s", options)
		}
		w.must(w.register(access, a.Create(t, options)))
		if again := a.Create(t, w.creation(access)); again != nil {
			t.Error("the options of a second passkey exclude none")
		}
		w.later(time.Minute)
		other := &passkeytest.Authenticator{Origin: "https://evil.example"}
		wantError[*types.WebAuthnOriginNotAllowedException](w, w.register(access, other.Create(t, w.creation(access))), "The origin that used the passkey is not allowed for the relying party example.com.")
		wantError[*types.WebAuthnChallengeNotFoundException](w, w.register(access, other.Create(t, options)), "")

		listed, err := w.sdk.ListWebAuthnCredentials(w.ctx, &cip.ListWebAuthnCredentialsInput{AccessToken: access, MaxResults: new(int32(20))})
		w.must(err)
		if len(listed.Credentials) != 1 || listed.NextToken != nil {
			t.Fatalf("listed are %+v", listed)
		}
		k := listed.Credentials[0]
		if aws.ToString(k.RelyingPartyId) != "example.com" || aws.ToString(k.AuthenticatorAttachment) != "platform" || aws.ToString(k.FriendlyCredentialName) == "" ||
			!slices.Equal(k.AuthenticatorTransports, []string{"hybrid", "internal"}) || k.CreatedAt.IsZero() {
			t.Errorf("the passkey is %+v", k)
		}

		r, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "WEB_AUTHN"})
		w.must(err)
		if r.ChallengeName != "WEB_AUTHN" || !slices.Equal(r.AvailableChallenges, []types.ChallengeNameType{"WEB_AUTHN"}) {
			t.Fatalf("USER_AUTH gave %+v", r)
		}
		signed := a.Sign(t, r.ChallengeParameters["CREDENTIAL_REQUEST_OPTIONS"])
		done, err := w.respond("WEB_AUTHN", r.Session, map[string]string{"USERNAME": asha, "CREDENTIAL": string(signed)})
		w.must(err)
		w.tokens(done.AuthenticationResult)
		_, err = w.respond("WEB_AUTHN", r.Session, map[string]string{"USERNAME": asha, "CREDENTIAL": string(signed) + " "})
		wantError[*types.NotAuthorizedException](w, err, "Invalid session for the user, session can only be used once.")

		_, err = w.sdk.DeleteWebAuthnCredential(w.ctx, &cip.DeleteWebAuthnCredentialInput{AccessToken: access, CredentialId: k.CredentialId})
		w.must(err)
		_, err = w.sdk.DeleteWebAuthnCredential(w.ctx, &cip.DeleteWebAuthnCredentialInput{AccessToken: access, CredentialId: k.CredentialId})
		wantError[*types.ResourceNotFoundException](w, err, "Passkey does not exist.")
	})
}
