package cognito_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
	"github.com/coreos/go-oidc/v3/oidc"
)

func apiCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// losing is a network that loses the first answers.
type losing struct {
	wire        *wire
	lose, tried int
}

func (l *losing) Do(r *http.Request) (*http.Response, error) {
	res, err := l.wire.Do(r)
	l.tried++
	if l.tried <= l.lose {
		return nil, errors.New("connection reset by peer")
	}
	return res, err
}

func TestSDK_PoolSettings_ComeBackAsTheyWereSent(t *testing.T) {
	inWorld(t, func(w *world) {
		in := &cip.CreateUserPoolInput{
			PoolName:                 new("all of it"),
			UsernameAttributes:       []types.UsernameAttributeType{"phone_number"},
			AutoVerifiedAttributes:   []types.VerifiedAttributeType{"phone_number"},
			UsernameConfiguration:    &types.UsernameConfigurationType{CaseSensitive: new(false)},
			DeletionProtection:       "ACTIVE",
			MfaConfiguration:         "OFF",
			UserPoolTier:             "ESSENTIALS",
			SmsVerificationMessage:   new("Your code: {####}"),
			SmsAuthenticationMessage: new("Sign in with {####}"),
			EmailVerificationSubject: new("Hello"),
			Policies: &types.UserPoolPolicyType{
				PasswordPolicy: &types.PasswordPolicyType{MinimumLength: new(int32(12)), RequireNumbers: true, TemporaryPasswordValidityDays: 3},
				SignInPolicy:   &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}},
			},
			AccountRecoverySetting: &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{{Name: "verified_phone_number", Priority: new(int32(1))}}},
			AdminCreateUserConfig: &types.AdminCreateUserConfigType{AllowAdminCreateUserOnly: true, UnusedAccountValidityDays: 3,
				InviteMessageTemplate: &types.MessageTemplateType{SMSMessage: new("{username}: {####}"), EmailSubject: new("Welcome")}},
			DeviceConfiguration:         &types.DeviceConfigurationType{DeviceOnlyRememberedOnUserPrompt: true},
			EmailConfiguration:          &types.EmailConfigurationType{EmailSendingAccount: "DEVELOPER", SourceArn: new("arn:aws:ses:us-east-1:123456789012:identity/a@b.c"), From: new("a@b.c")},
			SmsConfiguration:            &types.SmsConfigurationType{SnsCallerArn: new("arn:aws:iam::123456789012:role/sms"), ExternalId: new("x"), SnsRegion: new("us-east-1")},
			UserAttributeUpdateSettings: &types.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []types.VerifiedAttributeType{"phone_number"}},
			VerificationMessageTemplate: &types.VerificationMessageTemplateType{SmsMessage: new("Your code: {####}"), EmailSubject: new("Hello"), DefaultEmailOption: "CONFIRM_WITH_LINK"},
			UserPoolTags:                map[string]string{"team": "riders", "bellhop:token-alg": "ES256"},
			Schema:                      []types.SchemaAttributeType{{Name: new("name"), Required: new(true), StringAttributeConstraints: &types.StringAttributeConstraintsType{MinLength: new("1"), MaxLength: new("64")}}},
		}
		created, err := w.sdk.CreateUserPool(w.ctx, in)
		w.must(err)
		described, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: created.UserPool.Id})
		w.must(err)
		if !reflect.DeepEqual(created.UserPool, described.UserPool) {
			t.Errorf("created %+v\ndescribed %+v", created.UserPool, described.UserPool)
		}
		sent, got := reflect.ValueOf(*in), reflect.ValueOf(*described.UserPool)
		for _, name := range strings.Fields(`UsernameAttributes AutoVerifiedAttributes UsernameConfiguration DeletionProtection MfaConfiguration
			UserPoolTier SmsVerificationMessage SmsAuthenticationMessage EmailVerificationSubject Policies AccountRecoverySetting AdminCreateUserConfig
			DeviceConfiguration EmailConfiguration SmsConfiguration UserAttributeUpdateSettings VerificationMessageTemplate UserPoolTags`) {
			if !reflect.DeepEqual(sent.FieldByName(name).Interface(), got.FieldByName(name).Interface()) {
				t.Errorf("%s: sent %+v, got %+v", name, sent.FieldByName(name), got.FieldByName(name))
			}
		}
		p := described.UserPool
		if *p.Name != "all of it" || *p.Arn != "arn:aws:cognito-idp:us-east-1:000000000000:userpool/"+*p.Id || !p.CreationDate.Equal(time.Now().Truncate(time.Millisecond)) {
			t.Errorf("got %+v", p)
		}
		if len(p.SchemaAttributes) != 21 {
			t.Errorf("%d schema attributes", len(p.SchemaAttributes))
		}
		for _, a := range p.SchemaAttributes {
			if *a.Name == "name" && (!*a.Required || *a.StringAttributeConstraints.MaxLength != "64") {
				t.Errorf("name is %+v", a)
			}
		}
		_, err = w.sdk.DeleteUserPool(w.ctx, &cip.DeleteUserPoolInput{UserPoolId: p.Id})
		wantError[*types.InvalidParameterException](w, err, "")
	})
}

func TestSDK_PoolOfOnlyAName_HasCognitosDefaults(t *testing.T) {
	inWorld(t, func(w *world) {
		out, err := w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{PoolName: new("p"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"},
			UserPoolTags: map[string]string{"bellhop:token-alg": "ES256"}})
		w.must(err)
		p := out.UserPool
		want := &types.UserPoolPolicyType{
			PasswordPolicy: &types.PasswordPolicyType{MinimumLength: new(int32(8)), RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSymbols: true, TemporaryPasswordValidityDays: 7},
			SignInPolicy:   &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD"}},
		}
		if !reflect.DeepEqual(p.Policies, want) || p.MfaConfiguration != "OFF" || p.DeletionProtection != "INACTIVE" || p.UserPoolTier != "ESSENTIALS" ||
			p.EmailConfiguration.EmailSendingAccount != "COGNITO_DEFAULT" || p.VerificationMessageTemplate.DefaultEmailOption != "CONFIRM_WITH_CODE" ||
			p.AdminCreateUserConfig.AllowAdminCreateUserOnly || p.AdminCreateUserConfig.UnusedAccountValidityDays != 7 || p.AccountRecoverySetting != nil ||
			p.UsernameConfiguration != nil {
			t.Errorf("got %+v", p)
		}
		_, err = w.sdk.DeleteUserPool(w.ctx, &cip.DeleteUserPoolInput{UserPoolId: p.Id})
		w.must(err)
		if body := w.wire.last().Body.String(); body != "" {
			t.Errorf("DeleteUserPool answered %q, want no body", body)
		}
		_, err = w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: p.Id})
		wantError[*types.ResourceNotFoundException](w, err, "User pool "+*p.Id+" does not exist.")
	})
}

const (
	function = "arn:aws:lambda:us-east-1:123456789012:function:f"
	texted   = "arn:aws:lambda:us-east-1:000000000000:function:bellhop-texted-code"
)

// Triggers come back as they were sent, and an update without them takes them away.
func TestSDK_Triggers_ComeBackAsSent(t *testing.T) {
	inWorld(t, func(w *world) {
		want := &types.LambdaConfigType{
			PreSignUp: new(function), PostConfirmation: new(function + ":live"), CreateAuthChallenge: new(texted),
			DefineAuthChallenge: new(function), VerifyAuthChallengeResponse: new(texted), PreTokenGeneration: new(function),
			PreTokenGenerationConfig: &types.PreTokenGenerationVersionConfigType{LambdaArn: new(function), LambdaVersion: "V2_0"},
			KMSKeyID:                 new("arn:aws:kms:us-east-1:123456789012:key/1"),
		}
		made, err := w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{PoolName: new("with triggers"), LambdaConfig: want})
		if err != nil || !reflect.DeepEqual(made.UserPool.LambdaConfig, want) {
			t.Fatalf("%+v, %v", made, err)
		}
		id := made.UserPool.Id
		if _, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: id, LambdaConfig: want}); err != nil {
			t.Fatal(err)
		}
		shown, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: id})
		if err != nil || !reflect.DeepEqual(shown.UserPool.LambdaConfig, want) {
			t.Fatalf("%+v, %v", shown, err)
		}
		list, err := w.sdk.ListUserPools(w.ctx, &cip.ListUserPoolsInput{MaxResults: new(int32(60))})
		if err != nil || !slices.ContainsFunc(list.UserPools, func(p types.UserPoolDescriptionType) bool {
			return *p.Id == *id && reflect.DeepEqual(p.LambdaConfig, want)
		}) {
			t.Fatalf("%+v, %v", list, err)
		}
		if _, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: id}); err != nil {
			t.Fatal(err)
		}
		if shown, err = w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: id}); err != nil || !reflect.DeepEqual(shown.UserPool.LambdaConfig, &types.LambdaConfigType{}) {
			t.Errorf("%+v, %v", shown.UserPool.LambdaConfig, err)
		}
	})
}

// What would change who gets in is refused, not kept and ignored.
func TestSDK_PoolSettingsThatAreNotServed_AreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		for name, change := range map[string]func(*cip.CreateUserPoolInput){
			"second factor": func(in *cip.CreateUserPoolInput) { in.MfaConfiguration = "ON" },
			"a custom sender without a KMS": func(in *cip.CreateUserPoolInput) {
				in.LambdaConfig = &types.LambdaConfigType{
					KMSKeyID:        new("arn:aws:kms:us-east-1:123456789012:key/1"),
					CustomSMSSender: &types.CustomSMSLambdaVersionConfigType{LambdaArn: new(function), LambdaVersion: "V1_0"},
				}
			},
			"a trigger of federated sign-in": func(in *cip.CreateUserPoolInput) {
				in.LambdaConfig = &types.LambdaConfigType{InboundFederation: &types.InboundFederationLambdaType{LambdaArn: new(function), LambdaVersion: "V1_0"}}
			},
			"two functions for tokens": func(in *cip.CreateUserPoolInput) {
				in.LambdaConfig = &types.LambdaConfigType{
					PreTokenGeneration:       new(function + "-1"),
					PreTokenGenerationConfig: &types.PreTokenGenerationVersionConfigType{LambdaArn: new(function), LambdaVersion: "V2_0"},
				}
			},
			"half of the built-in challenge": func(in *cip.CreateUserPoolInput) {
				in.LambdaConfig = &types.LambdaConfigType{CreateAuthChallenge: new(texted), VerifyAuthChallengeResponse: new(function)}
			},
			"the built-in challenge as another trigger": func(in *cip.CreateUserPoolInput) {
				in.LambdaConfig = &types.LambdaConfigType{PreSignUp: new(texted)}
			},
			"aliases beside names": func(in *cip.CreateUserPoolInput) { in.AliasAttributes = []types.AliasAttributeType{"email"} },
			"threat protection": func(in *cip.CreateUserPoolInput) {
				in.UserPoolAddOns = &types.UserPoolAddOnsType{AdvancedSecurityMode: "ENFORCED"}
			},
			"attribute for developers": func(in *cip.CreateUserPoolInput) {
				in.Schema = []types.SchemaAttributeType{{Name: new("tier"), AttributeDataType: "String", DeveloperOnlyAttribute: new(true)}}
			},
			"passkeys alone": func(in *cip.CreateUserPoolInput) {
				in.Policies = &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"WEB_AUTHN"}}}
			},
			"unknown tag": func(in *cip.CreateUserPoolInput) { in.UserPoolTags = map[string]string{"bellhop:nonsense": "1"} },
		} {
			in := &cip.CreateUserPoolInput{PoolName: new("p"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"}}
			change(in)
			_, err := w.sdk.CreateUserPool(w.ctx, in)
			if apiCode(err) != "InvalidParameterException" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestSDK_ClientSettings_ComeBackAsTheyWereSent(t *testing.T) {
	inWorld(t, func(w *world) {
		in := &cip.CreateUserPoolClientInput{
			UserPoolId: &w.pool, ClientName: new("web"), GenerateSecret: true,
			ExplicitAuthFlows:   []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH"},
			AccessTokenValidity: new(int32(10)), IdTokenValidity: new(int32(20)), RefreshTokenValidity: 2,
			TokenValidityUnits:                       &types.TokenValidityUnitsType{AccessToken: "minutes", IdToken: "minutes", RefreshToken: "hours"},
			PreventUserExistenceErrors:               "ENABLED",
			EnableTokenRevocation:                    new(false),
			EnablePropagateAdditionalUserContextData: new(true),
			AuthSessionValidity:                      new(int32(5)),
			RefreshTokenRotation:                     &types.RefreshTokenRotationType{Feature: "ENABLED", RetryGracePeriodSeconds: new(int32(10))},
			ReadAttributes:                           []string{"name", "phone_number"}, WriteAttributes: []string{"name"},
			CallbackURLs: []string{"https://app.example/cb"}, LogoutURLs: []string{"https://app.example/out"}, DefaultRedirectURI: new("https://app.example/cb"),
			AllowedOAuthFlows: []types.OAuthFlowType{"code"}, AllowedOAuthScopes: []string{"openid"}, AllowedOAuthFlowsUserPoolClient: true,
			SupportedIdentityProviders: []string{"COGNITO"},
		}
		created, err := w.sdk.CreateUserPoolClient(w.ctx, in)
		w.must(err)
		described, err := w.sdk.DescribeUserPoolClient(w.ctx, &cip.DescribeUserPoolClientInput{UserPoolId: &w.pool, ClientId: created.UserPoolClient.ClientId})
		w.must(err)
		if !reflect.DeepEqual(created.UserPoolClient, described.UserPoolClient) {
			t.Errorf("created %+v\ndescribed %+v", created.UserPoolClient, described.UserPoolClient)
		}
		c := described.UserPoolClient
		sent, got := reflect.ValueOf(*in), reflect.ValueOf(*c)
		for _, name := range strings.Fields(`UserPoolId ClientName ExplicitAuthFlows AccessTokenValidity IdTokenValidity RefreshTokenValidity TokenValidityUnits
			PreventUserExistenceErrors EnableTokenRevocation EnablePropagateAdditionalUserContextData AuthSessionValidity RefreshTokenRotation ReadAttributes
			WriteAttributes CallbackURLs LogoutURLs DefaultRedirectURI AllowedOAuthFlows AllowedOAuthScopes SupportedIdentityProviders`) {
			if !reflect.DeepEqual(sent.FieldByName(name).Interface(), got.FieldByName(name).Interface()) {
				t.Errorf("%s: sent %+v, got %+v", name, sent.FieldByName(name), got.FieldByName(name))
			}
		}
		if len(aws.ToString(c.ClientSecret)) < 24 || !*c.AllowedOAuthFlowsUserPoolClient || c.CreationDate == nil {
			t.Errorf("got %+v", c)
		}
	})
}

func TestSDK_ClientOfOnlyAName_HasCognitosDefaults(t *testing.T) {
	inWorld(t, func(w *world) {
		id := w.makeClient(&cip.CreateUserPoolClientInput{})
		out, err := w.sdk.DescribeUserPoolClient(w.ctx, &cip.DescribeUserPoolClientInput{UserPoolId: &w.pool, ClientId: &id})
		w.must(err)
		c := out.UserPoolClient
		if c.RefreshTokenValidity != 30 || *c.AuthSessionValidity != 3 || c.PreventUserExistenceErrors != "LEGACY" || !*c.EnableTokenRevocation ||
			*c.EnablePropagateAdditionalUserContextData || *c.AllowedOAuthFlowsUserPoolClient || c.ClientSecret != nil || c.AccessTokenValidity != nil || c.ReadAttributes != nil {
			t.Errorf("got %+v", c)
		}
	})
}

func TestSDK_ClientLifetimesOutOfBounds_AreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		for name, in := range map[string]*cip.CreateUserPoolClientInput{
			"two days":          {AccessTokenValidity: new(int32(48))},
			"a minute":          {AccessTokenValidity: new(int32(1)), TokenValidityUnits: &types.TokenValidityUnitsType{AccessToken: "minutes"}},
			"beyond all clocks": {RefreshTokenValidity: 315360000},
			"longer than refresh": {RefreshTokenValidity: 60, AccessTokenValidity: new(int32(2)),
				TokenValidityUnits: &types.TokenValidityUnitsType{RefreshToken: "minutes", AccessToken: "hours"}},
		} {
			in.UserPoolId, in.ClientName = &w.pool, new("c")
			_, err := w.sdk.CreateUserPoolClient(w.ctx, in)
			if apiCode(err) != "InvalidParameterException" {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestSDK_Tags(t *testing.T) {
	inWorld(t, func(w *world) {
		pool, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool})
		w.must(err)
		arn := pool.UserPool.Arn
		_, err = w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"team": "riders", "bellhop:behaviour": "strict"}})
		w.must(err)
		_, err = w.sdk.UntagResource(w.ctx, &cip.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"bellhop:token-alg", "absent"}})
		w.must(err)
		tags, err := w.sdk.ListTagsForResource(w.ctx, &cip.ListTagsForResourceInput{ResourceArn: arn})
		w.must(err)
		if want := map[string]string{"team": "riders", "bellhop:behaviour": "strict"}; !reflect.DeepEqual(tags.Tags, want) {
			t.Errorf("tags %v, want %v", tags.Tags, want)
		}
		_, err = w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"bellhop:behaviour": "loose"}})
		wantError[*types.InvalidParameterException](w, err, "")
		_, err = w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: new("arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_none"), Tags: map[string]string{"a": "b"}})
		wantError[*types.ResourceNotFoundException](w, err, "")
	})
}

// A back end that knows OpenID Connect checks our ID tokens with the two
// documents alone.
func TestWellKnown_GoOIDC_ChecksIDTokensWithTheDocuments(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, "")
		ctx := oidc.ClientContext(w.ctx, &http.Client{Transport: w.wire})
		provider, err := oidc.NewProvider(ctx, endpoint+"/"+w.pool)
		w.must(err)
		verifier := provider.Verifier(&oidc.Config{ClientID: w.client})
		token, err := verifier.Verify(ctx, *tokens.IdToken)
		w.must(err)
		var claims struct {
			Phone string `json:"phone_number"`
			Use   string `json:"token_use"`
		}
		w.must(token.Claims(&claims))
		if claims.Phone != asha || claims.Use != "id" {
			t.Errorf("claims %+v", claims)
		}
		if _, err := verifier.Verify(ctx, *tokens.AccessToken); err == nil {
			t.Error("the access token passes as an ID token")
		}
	})
}

func TestWellKnown_AreSharedCachedJSONAndUnknownPoolsAre404(t *testing.T) {
	inWorld(t, func(w *world) {
		get := func(path string) *http.Response {
			t.Helper()
			r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, endpoint+path, nil)
			w.must(err)
			res, err := w.wire.Do(r)
			w.must(err)
			return res
		}
		for _, path := range []string{"/" + w.pool + "/.well-known/jwks.json", "/prefix/" + w.pool + "/.well-known/openid-configuration"} {
			res := get(path)
			if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("Access-Control-Allow-Origin") != "*" ||
				!strings.HasPrefix(res.Header.Get("Cache-Control"), "public") {
				t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
			}
		}
		for _, name := range []string{"jwks.json", "openid-configuration"} {
			res := get("/us-east-1_none/.well-known/" + name)
			if res.StatusCode != 404 || res.Header.Get("x-amzn-ErrorType") != "ResourceNotFoundException:" || res.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s of nowhere: %d %v", name, res.StatusCode, res.Header)
			}
		}
		if res := get("/" + w.pool + "/.well-known/other"); res.StatusCode != 405 {
			t.Errorf("another document: %d", res.StatusCode)
		}
	})
}
