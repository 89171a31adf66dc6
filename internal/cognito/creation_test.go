package cognito_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/poolfile"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// everythingOfAPool asks for nearly everything that a pool can have.
func everythingOfAPool() *cip.CreateUserPoolInput {
	return &cip.CreateUserPoolInput{
		PoolName:               new("everything"),
		AccountRecoverySetting: &types.AccountRecoverySettingType{RecoveryMechanisms: []types.RecoveryOptionType{{Name: "verified_email", Priority: new(int32(1))}}},
		AdminCreateUserConfig: &types.AdminCreateUserConfigType{
			AllowAdminCreateUserOnly: true,
			InviteMessageTemplate:    &types.MessageTemplateType{SMSMessage: new("{username} {####}"), EmailMessage: new("{username} {####}"), EmailSubject: new("Come in")},
		},
		AutoVerifiedAttributes:      []types.VerifiedAttributeType{"email", "phone_number"},
		DeletionProtection:          "ACTIVE",
		DeviceConfiguration:         &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: true},
		EmailConfiguration:          &types.EmailConfigurationType{EmailSendingAccount: "DEVELOPER", From: new("App <app@example.org>"), SourceArn: new("arn:aws:ses:us-east-1:123456789012:identity/example.org"), ReplyToEmailAddress: new("help@example.org")},
		LambdaConfig:                &types.LambdaConfigType{PreSignUp: new("arn:aws:lambda:us-east-1:123456789012:function:pre")},
		MfaConfiguration:            "OFF",
		Policies:                    &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: new(int32(12)), RequireNumbers: true, PasswordHistorySize: new(int32(3)), TemporaryPasswordValidityDays: 3}, SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}},
		Schema:                      []types.SchemaAttributeType{{Name: new("name"), Required: new(true)}, {Name: new("tier"), AttributeDataType: "Number", Mutable: new(true), NumberAttributeConstraints: &types.NumberAttributeConstraintsType{MaxValue: new("9")}}},
		SmsAuthenticationMessage:    new("In: {####}"),
		SmsConfiguration:            &types.SmsConfigurationType{SnsCallerArn: new("arn:aws:iam::123456789012:role/sms"), ExternalId: new("x"), SnsRegion: new("us-east-1")},
		UserAttributeUpdateSettings: &types.UserAttributeUpdateSettingsType{AttributesRequireVerificationBeforeUpdate: []types.VerifiedAttributeType{"email"}},
		UserPoolAddOns:              &types.UserPoolAddOnsType{AdvancedSecurityMode: "OFF"},
		UserPoolTags:                map[string]string{"team": "riders", "bellhop:token-alg": "ES256"},
		UserPoolTier:                "LITE",
		UsernameAttributes:          []types.UsernameAttributeType{"email", "phone_number"},
		UsernameConfiguration:       &types.UsernameConfigurationType{CaseSensitive: new(false)},
		VerificationMessageTemplate: &types.VerificationMessageTemplateType{DefaultEmailOption: "CONFIRM_WITH_CODE", EmailMessage: new("Code {####}"), EmailSubject: new("Code"), SmsMessage: new("Code {####}")},
	}
}

// A pool that is described can be made again, as it is, whatever server described it.
func TestPoolOf_DescribedPool_IsMadeTheSame(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, in := range []*cip.CreateUserPoolInput{
			{PoolName: new("minimal"), UserPoolTags: map[string]string{"bellhop:token-alg": "ES256"}},
			everythingOfAPool(),
		} {
			made, err := w.sdk.CreateUserPool(w.ctx, in)
			w.must(err)
			described := poolfile.TreeOf(made.UserPool)
			again, err := cognito.PoolOf(userpool.PoolID(*made.UserPool.Id), poolfile.Creation(described).JSON())
			w.must(err)
			shown, err := cognito.ShownPool(again)
			w.must(err)
			want := w.admin("DescribeUserPool", string(poolfile.Tree{"UserPoolId": *made.UserPool.Id}.JSON()), "UserPool")
			var got map[string]any
			w.must(json.Unmarshal(shown, &got))
			for _, m := range []map[string]any{want, got} {
				maps.DeleteFunc(m, func(name string, _ any) bool { return name == "CreationDate" || name == "LastModifiedDate" })
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\ndescribed %v\nagain     %v", *in.PoolName, want, got)
			}
		}
	})
}

// What the API refuses is refused in the same words.
func TestPoolOf_WhatTheAPIRefuses_IsRefused(t *testing.T) {
	for members, want := range map[string]string{
		`{"PoolName":""}`: "validation error",
		`{"PoolName":"p","UserPoolAddOns":{"AdvancedSecurityMode":"AUDIT"}}`:                       "AdvancedSecurityMode",
		`{"PoolName":"p","Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["SMS_OTP"]}}}`:     "must contain PASSWORD",
		`{"PoolName":"p","Schema":[{"Name":"tier","AttributeDataType":"String","Required":true}]}`: "Required custom attributes",
		`{"PoolName":"p","SmsVerificationMessage":"Your code is in the post, patience please"}`:    "regular expression",
		`{"PoolName":"p","UsernameAttributes":["phone_number"],"AliasAttributes":["email"]}`:       "Only one of",
	} {
		_, err := cognito.PoolOf("", []byte(members))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", members, err, want)
		}
	}
}
