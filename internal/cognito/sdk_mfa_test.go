package cognito_test

import (
	"encoding/base32"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/bellhop-auth/bellhop/internal/totp"
)

const smsRole = "arn:aws:iam::123456789012:role/texts"

// passwordsOnly makes the pool one without codes as first factors, as MfaConfiguration
// ON wants it.
func (w *world) passwordsOnly() {
	w.t.Helper()
	_, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"}})
	w.must(err)
}

func TestSDK_SetUserPoolMfaConfig_EveryMemberComesBack(t *testing.T) {
	inWorld(t, func(w *world) {
		w.passwordsOnly()
		all := &cip.SetUserPoolMfaConfigInput{
			UserPoolId: &w.pool, MfaConfiguration: "ON",
			SmsMfaConfiguration: &types.SmsMfaConfigType{
				SmsAuthenticationMessage: new("Sign in with {####}"),
				SmsConfiguration:         &types.SmsConfigurationType{SnsCallerArn: new(smsRole), ExternalId: new("x"), SnsRegion: new("eu-west-1")},
			},
			SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true},
			EmailMfaConfiguration:         &types.EmailMfaConfigType{Message: new("Your code is {####}"), Subject: new("Code")},
			WebAuthnConfiguration:         &types.WebAuthnConfigurationType{RelyingPartyId: new("example.com"), UserVerification: "required", FactorConfiguration: "MULTI_FACTOR_WITH_USER_VERIFICATION"},
		}
		least := func(mfa types.UserPoolMfaType, change func(*cip.SetUserPoolMfaConfigInput)) *cip.SetUserPoolMfaConfigInput {
			in := &cip.SetUserPoolMfaConfigInput{UserPoolId: &w.pool, MfaConfiguration: mfa}
			if change != nil {
				change(in)
			}
			return in
		}
		for _, in := range []*cip.SetUserPoolMfaConfigInput{
			all,
			least("OPTIONAL", func(in *cip.SetUserPoolMfaConfigInput) {
				in.SoftwareTokenMfaConfiguration = &types.SoftwareTokenMfaConfigType{}
				in.EmailMfaConfiguration = &types.EmailMfaConfigType{}
				in.WebAuthnConfiguration = &types.WebAuthnConfigurationType{RelyingPartyId: new("example.com"), FactorConfiguration: "SINGLE_FACTOR"}
			}),
			least("OFF", nil),
			all, // what was set before plays no part
		} {
			set, err := w.sdk.SetUserPoolMfaConfig(w.ctx, in)
			w.must(err)
			got, err := w.sdk.GetUserPoolMfaConfig(w.ctx, &cip.GetUserPoolMfaConfigInput{UserPoolId: &w.pool})
			w.must(err)
			set.ResultMetadata, got.ResultMetadata = middleware.Metadata{}, middleware.Metadata{}
			want := &cip.GetUserPoolMfaConfigOutput{
				MfaConfiguration: in.MfaConfiguration, SmsMfaConfiguration: in.SmsMfaConfiguration, EmailMfaConfiguration: in.EmailMfaConfiguration,
				SoftwareTokenMfaConfiguration: in.SoftwareTokenMfaConfiguration, WebAuthnConfiguration: in.WebAuthnConfiguration,
			}
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual((*cip.GetUserPoolMfaConfigOutput)(set), want) {
				a, _ := json.Marshal(got)
				b, _ := json.Marshal(want)
				t.Errorf("got %s, want %s", a, b)
			}
			p := w.describePool()
			if p.MfaConfiguration != in.MfaConfiguration {
				t.Errorf("DescribeUserPool says %s", p.MfaConfiguration)
			}
		}

		// An update without MfaConfiguration, as Terraform's and CloudFormation's have it,
		// leaves all of it but the text's words, which are a member of updates too.
		before, err := w.sdk.GetUserPoolMfaConfig(w.ctx, &cip.GetUserPoolMfaConfigInput{UserPoolId: &w.pool})
		w.must(err)
		for _, mfa := range []types.UserPoolMfaType{"", "ON"} {
			_, err = w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool, MfaConfiguration: mfa,
				SmsAuthenticationMessage: all.SmsMfaConfiguration.SmsAuthenticationMessage})
			w.must(err)
			after, err := w.sdk.GetUserPoolMfaConfig(w.ctx, &cip.GetUserPoolMfaConfigInput{UserPoolId: &w.pool})
			w.must(err)
			before.ResultMetadata, after.ResultMetadata = middleware.Metadata{}, middleware.Metadata{}
			if !reflect.DeepEqual(before, after) {
				t.Errorf("an update with %q changed the second factors", mfa)
			}
		}
		_, err = w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool, MfaConfiguration: "OFF"})
		w.must(err)
		if p := w.describePool(); p.MfaConfiguration != "OFF" {
			t.Errorf("after OFF it is %s", p.MfaConfiguration)
		}
	})
}

func (w *world) describePool() *types.UserPoolType {
	w.t.Helper()
	out, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool})
	w.must(err)
	return out.UserPool
}

func TestSDK_MfaConfiguration_WhatCannotBe_IsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		const off, none = "Invalid MFA configuration given, can't turn off MFA and configure an MFA together.", "Invalid MFA configuration given, can't disable all MFAs with a required or optional configuration."
		app := &types.SoftwareTokenMfaConfigType{Enabled: true}
		for name, c := range map[string]struct {
			in      cip.SetUserPoolMfaConfigInput
			message string
		}{
			"off with a factor":     {cip.SetUserPoolMfaConfigInput{MfaConfiguration: "OFF", SoftwareTokenMfaConfiguration: app}, off},
			"a factor alone":        {cip.SetUserPoolMfaConfigInput{EmailMfaConfiguration: &types.EmailMfaConfigType{}}, off},
			"a factor that is none": {cip.SetUserPoolMfaConfigInput{SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{}}, off},
			"on without":            {cip.SetUserPoolMfaConfigInput{MfaConfiguration: "ON"}, none},
			"optional without":      {cip.SetUserPoolMfaConfigInput{MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{}}, none},
			"on with codes first":   {cip.SetUserPoolMfaConfigInput{MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: app}, ""},
			"a mail without a code": {cip.SetUserPoolMfaConfigInput{MfaConfiguration: "OPTIONAL", EmailMfaConfiguration: &types.EmailMfaConfigType{Message: new("no code here")}}, ""},
		} {
			c.in.UserPoolId = &w.pool
			_, err := w.sdk.SetUserPoolMfaConfig(w.ctx, &c.in)
			if err == nil {
				t.Errorf("%s is taken", name)
				continue
			}
			wantError[*types.InvalidParameterException](w, err, c.message)
		}
		if p := w.describePool(); p.MfaConfiguration != "OFF" {
			t.Errorf("something of it was applied: %s", p.MfaConfiguration)
		}
		_, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool, MfaConfiguration: "ON", SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: new(smsRole)}})
		wantError[*types.InvalidParameterException](w, err, "Cannot turn MFA functionality ON, once the user pool has been created.")

		made, err := w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{
			PoolName: new("texts"), MfaConfiguration: "OPTIONAL", SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: new(smsRole)},
			UserPoolTags: map[string]string{"bellhop:token-alg": "ES256"},
		})
		w.must(err)
		got, err := w.sdk.GetUserPoolMfaConfig(w.ctx, &cip.GetUserPoolMfaConfigInput{UserPoolId: made.UserPool.Id})
		w.must(err)
		if made.UserPool.MfaConfiguration != "OPTIONAL" || got.SmsMfaConfiguration == nil || aws.ToString(got.SmsMfaConfiguration.SmsConfiguration.SnsCallerArn) != smsRole {
			t.Errorf("a pool that is made with MFA has %+v", got)
		}

		_, err = w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: w.describePool().Arn, Tags: map[string]string{"bellhop:second-factor": "required"}})
		w.must(err)
		_, err = w.sdk.SetUserPoolMfaConfig(w.ctx, &cip.SetUserPoolMfaConfigInput{UserPoolId: &w.pool, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: app})
		w.must(err)
		_, err = w.sdk.UntagResource(w.ctx, &cip.UntagResourceInput{ResourceArn: w.describePool().Arn, TagKeys: []string{"bellhop:second-factor"}})
		wantError[*types.InvalidParameterException](w, err, "")
	})
}

// From the set-up of an app to a sign-in with it, for an app and for a back end.
func TestSDK_MFA_FromSetUpToSignIn(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.sdk.SetUserPoolMfaConfig(w.ctx, &cip.SetUserPoolMfaConfigInput{
			UserPoolId: &w.pool, MfaConfiguration: "OPTIONAL", SmsMfaConfiguration: &types.SmsMfaConfigType{},
			SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true},
		})
		w.must(err)
		access := w.member(asha, pass).AccessToken
		shown, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: access})
		w.must(err)
		if shown.MFAOptions != nil || shown.PreferredMfaSetting != nil || shown.UserMFASettingList != nil {
			t.Errorf("without a factor GetUser has %+v", shown)
		}

		_, err = w.sdk.AssociateSoftwareToken(w.ctx, &cip.AssociateSoftwareTokenInput{})
		wantError[*types.InvalidParameterException](w, err, "")
		made, err := w.sdk.AssociateSoftwareToken(w.ctx, &cip.AssociateSoftwareTokenInput{AccessToken: access})
		w.must(err)
		raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(aws.ToString(made.SecretCode))
		w.must(err)
		code := func() string { return totp.Secret(raw).Code(time.Now()) }
		_, err = w.sdk.VerifySoftwareToken(w.ctx, &cip.VerifySoftwareTokenInput{AccessToken: access, UserCode: new(wrong(code()))})
		wantError[*types.EnableSoftwareTokenMFAException](w, err, "Code mismatch")
		_, err = w.sdk.VerifySoftwareToken(w.ctx, &cip.VerifySoftwareTokenInput{AccessToken: access, UserCode: new("12345")})
		wantError[*types.InvalidParameterException](w, err, "1 validation error detected: Value at 'userCode' failed to satisfy constraint: Member must have length greater than or equal to 6")
		verified, err := w.sdk.VerifySoftwareToken(w.ctx, &cip.VerifySoftwareTokenInput{AccessToken: access, UserCode: new(code()), FriendlyDeviceName: new("phone")})
		w.must(err)
		if verified.Status != "SUCCESS" || verified.Session != nil {
			t.Errorf("verified is %+v", verified)
		}
		_, err = w.sdk.SetUserMFAPreference(w.ctx, &cip.SetUserMFAPreferenceInput{AccessToken: access,
			SMSMfaSettings:           &types.SMSMfaSettingsType{Enabled: true},
			SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{Enabled: true, PreferredMfa: true}})
		w.must(err)
		admin, err := w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		if !slices.Equal(admin.UserMFASettingList, []string{"SMS_MFA", "SOFTWARE_TOKEN_MFA"}) || aws.ToString(admin.PreferredMfaSetting) != "SOFTWARE_TOKEN_MFA" ||
			len(admin.MFAOptions) != 1 || admin.MFAOptions[0].DeliveryMedium != "SMS" || aws.ToString(admin.MFAOptions[0].AttributeName) != "phone_number" {
			t.Errorf("AdminGetUser has %+v", admin)
		}
		factors, err := w.sdk.GetUserAuthFactors(w.ctx, &cip.GetUserAuthFactorsInput{AccessToken: access})
		w.must(err)
		if got := factors.ConfiguredUserAuthFactors; !slices.Equal(got, []types.AuthFactorType{"PASSWORD", "SMS_OTP", "SOFTWARE_TOKEN"}) {
			t.Errorf("configured are %v", got)
		}

		w.later(time.Minute)
		backend := w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
		auth, err := w.sdk.AdminInitiateAuth(w.ctx, &cip.AdminInitiateAuthInput{UserPoolId: &w.pool, ClientId: &backend, AuthFlow: "ADMIN_USER_PASSWORD_AUTH",
			AuthParameters: map[string]string{"USERNAME": asha, "PASSWORD": pass}})
		w.must(err)
		if auth.ChallengeName != "SOFTWARE_TOKEN_MFA" || auth.ChallengeParameters["FRIENDLY_DEVICE_NAME"] != "phone" || auth.AuthenticationResult != nil {
			t.Fatalf("a password gives %+v", auth)
		}
		answer := func(code string) (*cip.AdminRespondToAuthChallengeOutput, error) {
			return w.sdk.AdminRespondToAuthChallenge(w.ctx, &cip.AdminRespondToAuthChallengeInput{UserPoolId: &w.pool, ClientId: &backend,
				ChallengeName: auth.ChallengeName, Session: auth.Session, ChallengeResponses: map[string]string{"USERNAME": asha, "SOFTWARE_TOKEN_MFA_CODE": code}})
		}
		_, err = answer(wrong(code()))
		wantError[*types.CodeMismatchException](w, err, "Invalid code received for user")
		done, err := answer(code())
		w.must(err)
		w.tokens(done.AuthenticationResult)

		_, err = w.sdk.SetUserSettings(w.ctx, &cip.SetUserSettingsInput{AccessToken: access, MFAOptions: []types.MFAOptionType{}})
		w.must(err)
		_, err = w.sdk.AdminSetUserMFAPreference(w.ctx, &cip.AdminSetUserMFAPreferenceInput{UserPoolId: &w.pool, Username: new(asha),
			SoftwareTokenMfaSettings: &types.SoftwareTokenMfaSettingsType{}})
		w.must(err)
		_, err = w.sdk.AdminSetUserSettings(w.ctx, &cip.AdminSetUserSettingsInput{UserPoolId: &w.pool, Username: new(asha),
			MFAOptions: []types.MFAOptionType{{DeliveryMedium: "SMS", AttributeName: new("phone_number")}}})
		w.must(err)
		admin, err = w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		if !slices.Equal(admin.UserMFASettingList, []string{"SMS_MFA"}) || admin.PreferredMfaSetting != nil {
			t.Errorf("AdminGetUser has %+v", admin)
		}
	})
}
