package cognito

import (
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// complaint is what validation says of a body for the operation.
func complaint(t *testing.T, operation, body string) string {
	t.Helper()
	in := reflect.New(wireTypes[operation][0])
	if err := decode([]byte(body), shapeOf(in.Type()), in.Interface()); err != nil {
		t.Fatalf("%s %s: %v", operation, body, err)
	}
	var v violations
	in.Interface().(interface{ validate(*violations) }).validate(&v)
	err := v.err()
	if err == nil {
		return ""
	}
	if !fault.Is(err, fault.InvalidParameter) {
		t.Fatalf("%s %s: %v is no InvalidParameter", operation, body, err)
	}
	return err.Error()
}

const notNull = "failed to satisfy constraint: Member must not be null"

func TestValidate_WordsConstraintsAsCognitoDoes(t *testing.T) {
	long := strings.Repeat("x", 2049)
	for _, c := range []struct{ operation, body, want string }{
		{"InitiateAuth", `{"AuthFlow":"CUSTOM_AUTH"}`, "1 validation error detected: Value null at 'clientId' " + notNull},
		{"SignUp", `{}`, "2 validation errors detected: Value null at 'clientId' " + notNull + "; Value null at 'username' " + notNull},
		{"DescribeUserPool", `{"UserPoolId":"abc"}`, `1 validation error detected: Value 'abc' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`},
		{"InitiateAuth", `{"AuthFlow":"X","ClientId":"a"}`, "1 validation error detected: Value 'X' at 'authFlow' failed to satisfy constraint: Member must satisfy enum value set: [ADMIN_NO_SRP_AUTH, ADMIN_USER_PASSWORD_AUTH, USER_SRP_AUTH, REFRESH_TOKEN_AUTH, REFRESH_TOKEN, CUSTOM_AUTH, USER_PASSWORD_AUTH, USER_AUTH]"},
		{"SignUp", `{"ClientId":"a","Username":"a b"}`, `1 validation error detected: Value at 'username' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+`},
		{"ConfirmSignUp", `{"ClientId":"a","Username":"b","ConfirmationCode":"","Session":"short"}`, `3 validation errors detected: Value at 'confirmationCode' failed to satisfy constraint: Member must have length greater than or equal to 1; Value at 'confirmationCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\S]+; Value at 'session' failed to satisfy constraint: Member must have length greater than or equal to 20`},
		{"UpdateUserAttributes", `{"AccessToken":"a","UserAttributes":[{"Value":"v"}]}`, "1 validation error detected: Value null at 'userAttributes.1.member.name' " + notNull},
		{"UpdateUserAttributes", `{"AccessToken":"a","UserAttributes":[{"Name":"a"},{"Name":"name","Value":"` + long + `"}]}`, "1 validation error detected: Value at 'userAttributes.2.member.value' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		{"UpdateUserAttributes", `{"AccessToken":"a"}`, "1 validation error detected: Value null at 'userAttributes' " + notNull},
		{"CreateUserPoolClient", `{"UserPoolId":"a_b","ClientName":"c","AuthSessionValidity":2}`, "1 validation error detected: Value '2' at 'authSessionValidity' failed to satisfy constraint: Member must have value greater than or equal to 3"},
		{"CreateUserPoolClient", `{"UserPoolId":"a_b","ClientName":"c","AllowedOAuthFlows":["X","code","Y"]}`, "1 validation error detected: Value '[X, code, Y]' at 'allowedOAuthFlows' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [code, implicit, client_credentials]]"},
		{"CreateUserPoolClient", `{"UserPoolId":"a_b","ClientName":"c","ReadAttributes":["a",""]}`, "1 validation error detected: Value '[a, ]' at 'readAttributes' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length greater than or equal to 1]"},
		{"TagResource", `{"ResourceArn":"` + poolARN("us-east-1_a") + `","Tags":{"":"` + long + `"}}`, "2 validation errors detected: Value at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]; Value at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"},
		{"GetUser", `{"AccessToken":"a b"}`, "1 validation error detected: Value at 'accessToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9-_=.]+"},
		{"DescribeUserPool", `{"UserPoolId":"` + long + `"}`, `2 validation errors detected: Value at 'userPoolId' failed to satisfy constraint: Member must have length less than or equal to 55; Value at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+`},
	} {
		if got := complaint(t, c.operation, c.body); got != c.want {
			t.Errorf("%s %.80s\n got %s\nwant %s", c.operation, c.body, got, c.want)
		}
	}
}

func TestValidate_EveryModelLimit_IsChecked(t *testing.T) {
	s := func(n int) string { return strings.Repeat("a", n) }
	client := func(member string) string { return `{"UserPoolId":"a_b","ClientName":"c",` + member + `}` }
	pool := func(member string) string { return `{"PoolName":"p",` + member + `}` }
	for _, c := range []struct{ operation, body, at string }{
		{"SignUp", `{"ClientId":"a","Username":"` + s(129) + `"}`, "username"},
		{"SignUp", `{"ClientId":"` + s(129) + `","Username":"a"}`, "clientId"},
		{"SignUp", `{"ClientId":"a-b","Username":"a"}`, "clientId"},
		{"SignUp", `{"ClientId":"a","Username":"a","Password":"` + s(257) + `"}`, "password"},
		{"SignUp", `{"ClientId":"a","Username":"a","Password":"a b"}`, "password"},
		{"SignUp", `{"ClientId":"a","Username":"a","SecretHash":"` + s(129) + `"}`, "secretHash"},
		{"SignUp", `{"ClientId":"a","Username":"a","UserAttributes":[{"Name":"` + s(33) + `"}]}`, "userAttributes.1.member.name"},
		{"SignUp", `{"ClientId":"a","Username":"a","ValidationData":[{}]}`, "validationData.1.member.name"},
		{"ConfirmSignUp", `{"ClientId":"a","Username":"a","ConfirmationCode":"` + s(2049) + `"}`, "confirmationCode"},
		{"ConfirmSignUp", `{"ClientId":"a","Username":"a","ConfirmationCode":"1 2"}`, "confirmationCode"},
		{"ResendConfirmationCode", `{"ClientId":"a"}`, "username"},
		{"InitiateAuth", `{"ClientId":"a"}`, "authFlow"},
		{"InitiateAuth", `{"ClientId":"a","AuthFlow":"USER_AUTH","Session":"` + s(2049) + `"}`, "session"},
		{"RespondToAuthChallenge", `{"ClientId":"a"}`, "challengeName"},
		{"RespondToAuthChallenge", `{"ClientId":"a","ChallengeName":"X"}`, "challengeName"},
		{"RespondToAuthChallenge", `{"ClientId":"a","ChallengeName":"SMS_OTP","Session":"a"}`, "session"},
		{"GetTokensFromRefreshToken", `{"ClientId":"a","RefreshToken":"a/b"}`, "refreshToken"},
		{"GetTokensFromRefreshToken", `{"ClientId":"a","RefreshToken":"a","ClientSecret":"short"}`, "clientSecret"},
		{"GetTokensFromRefreshToken", `{"ClientId":"a","RefreshToken":"a","DeviceKey":"x"}`, "deviceKey"},
		{"RevokeToken", `{"ClientId":"a"}`, "token"},
		{"GlobalSignOut", `{}`, "accessToken"},
		{"DeleteUser", `{"AccessToken":""}`, "accessToken"},
		{"AdminCreateUser", `{"UserPoolId":"a_b","Username":"a","MessageAction":"X"}`, "messageAction"},
		{"AdminCreateUser", `{"UserPoolId":"a_b","Username":"a","DesiredDeliveryMediums":["PIGEON"]}`, "desiredDeliveryMediums"},
		{"AdminSetUserPassword", `{"UserPoolId":"a_b","Username":"a","Password":""}`, "password"},
		{"AdminGetUser", `{"UserPoolId":"a_b"}`, "username"},
		{"AdminConfirmSignUp", `{"Username":"a"}`, "userPoolId"},
		{"AdminGetUser", `{"UserPoolId":"` + s(54) + `_b","Username":"a"}`, "userPoolId"},
		{"TagResource", `{"ResourceArn":"x","Tags":{}}`, "resourceArn"},
		{"TagResource", `{"ResourceArn":"` + poolARN("us-east-1_a") + `","Tags":{"":"a"}}`, "tags"},
		{"TagResource", `{"ResourceArn":"` + poolARN("us-east-1_a") + `","Tags":{"a":"` + s(257) + `"}}`, "tags"},
		{"UntagResource", `{"ResourceArn":"` + poolARN("us-east-1_a") + `","TagKeys":["` + s(129) + `"]}`, "tagKeys"},
		{"ListTagsForResource", `{}`, "resourceArn"},
		{"CreateUserPool", `{"PoolName":"a/b"}`, "poolName"},
		{"CreateUserPool", `{"PoolName":"` + s(129) + `"}`, "poolName"},
		{"CreateUserPool", pool(`"Policies":{"PasswordPolicy":{"MinimumLength":5}}`), "policies.passwordPolicy.minimumLength"},
		{"CreateUserPool", pool(`"Policies":{"PasswordPolicy":{"PasswordHistorySize":25}}`), "policies.passwordPolicy.passwordHistorySize"},
		{"CreateUserPool", pool(`"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":366}}`), "policies.passwordPolicy.temporaryPasswordValidityDays"},
		{"CreateUserPool", pool(`"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":[]}}`), "policies.signInPolicy.allowedFirstAuthFactors"},
		{"CreateUserPool", pool(`"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["X"]}}`), "policies.signInPolicy.allowedFirstAuthFactors"},
		{"CreateUserPool", pool(`"SmsVerificationMessage":"no code in here"`), "smsVerificationMessage"},
		{"CreateUserPool", pool(`"SmsAuthenticationMessage":"{####}` + s(140) + `"`), "smsAuthenticationMessage"},
		{"CreateUserPool", pool(`"VerificationMessageTemplate":{"SmsMessage":"x"}`), "verificationMessageTemplate.smsMessage"},
		{"CreateUserPool", pool(`"AdminCreateUserConfig":{"InviteMessageTemplate":{"SMSMessage":"x"}}`), "adminCreateUserConfig.inviteMessageTemplate.sMSMessage"},
		{"CreateUserPool", pool(`"EmailVerificationSubject":"` + s(141) + `"`), "emailVerificationSubject"},
		{"CreateUserPool", pool(`"EmailVerificationMessage":"no code in here"`), "emailVerificationMessage"},
		{"CreateUserPool", pool(`"EmailVerificationSubject":"a\u0000b"`), "emailVerificationSubject"},
		{"CreateUserPool", pool(`"VerificationMessageTemplate":{"EmailMessage":"no code in here"}`), "verificationMessageTemplate.emailMessage"},
		{"CreateUserPool", pool(`"VerificationMessageTemplate":{"EmailMessageByLink":"no link in here"}`), "verificationMessageTemplate.emailMessageByLink"},
		{"CreateUserPool", pool(`"EmailConfiguration":{"SourceArn":"x"}`), "emailConfiguration.sourceArn"},
		{"CreateUserPool", pool(`"EmailConfiguration":{"ReplyToEmailAddress":"x"}`), "emailConfiguration.replyToEmailAddress"},
		{"CreateUserPool", pool(`"EmailConfiguration":{"ConfigurationSet":""}`), "emailConfiguration.configurationSet"},
		{"CreateUserPool", pool(`"SmsConfiguration":{"SnsCallerArn":"arn:aws:iam::123456789012:role/sms","SnsRegion":"us"}`), "smsConfiguration.snsRegion"},
		{"CreateUserPool", pool(`"IssuerConfiguration":{"Type":"X"}`), "issuerConfiguration.type"},
		{"CreateUserPool", pool(`"KeyConfiguration":{"KeyType":"X"}`), "keyConfiguration.keyType"},
		{"CreateUserPool", pool(`"UserPoolAddOns":{"AdvancedSecurityMode":"OFF","AdvancedSecurityAdditionalFlows":{"CustomAuthMode":"X"}}`), "userPoolAddOns.advancedSecurityAdditionalFlows.customAuthMode"},
		{"CreateUserPool", pool(`"MfaConfiguration":"X"`), "mfaConfiguration"},
		{"CreateUserPool", pool(`"DeletionProtection":"X"`), "deletionProtection"},
		{"CreateUserPool", pool(`"UserPoolTier":"X"`), "userPoolTier"},
		{"CreateUserPool", pool(`"UsernameAttributes":["X"]`), "usernameAttributes"},
		{"CreateUserPool", pool(`"AccountRecoverySetting":{"RecoveryMechanisms":[{"Priority":3,"Name":"admin_only"}]}`), "accountRecoverySetting.recoveryMechanisms.1.member.priority"},
		{"CreateUserPool", pool(`"Schema":[{"Name":"` + s(21) + `"}]`), "schema.1.member.name"},
		{"CreateUserPool", pool(`"SmsConfiguration":{}`), "smsConfiguration.snsCallerArn"},
		{"CreateUserPool", pool(`"UsernameConfiguration":{}`), "usernameConfiguration.caseSensitive"},
		{"CreateUserPoolClient", client(`"ClientSecret":"short"`), "clientSecret"},
		{"CreateUserPoolClient", client(`"AuthSessionValidity":16`), "authSessionValidity"},
		{"CreateUserPoolClient", client(`"AccessTokenValidity":0`), "accessTokenValidity"},
		{"CreateUserPoolClient", client(`"IdTokenValidity":86401`), "idTokenValidity"},
		{"CreateUserPoolClient", client(`"RefreshTokenValidity":-1`), "refreshTokenValidity"},
		{"CreateUserPoolClient", client(`"TokenValidityUnits":{"IdToken":"weeks"}`), "tokenValidityUnits.idToken"},
		{"CreateUserPoolClient", client(`"RefreshTokenRotation":{"Feature":"ENABLED","RetryGracePeriodSeconds":61}`), "refreshTokenRotation.retryGracePeriodSeconds"},
		{"CreateUserPoolClient", client(`"RefreshTokenRotation":{}`), "refreshTokenRotation.feature"},
		{"CreateUserPoolClient", client(`"ExplicitAuthFlows":["X"]`), "explicitAuthFlows"},
		{"CreateUserPoolClient", client(`"PreventUserExistenceErrors":"X"`), "preventUserExistenceErrors"},
		{"CreateUserPoolClient", client(`"AllowedOAuthFlows":["X"]`), "allowedOAuthFlows"},
		{"CreateUserPoolClient", client(`"AllowedOAuthScopes":["a b"]`), "allowedOAuthScopes"},
		{"CreateUserPoolClient", client(`"AllowedOAuthFlows":["code","code","code","code"]`), "allowedOAuthFlows"},
		{"CreateUserPoolClient", client(`"SupportedIdentityProviders":[""]`), "supportedIdentityProviders"},
		{"CreateUserPoolClient", client(`"ReadAttributes":[""]`), "readAttributes"},
		{"CreateUserPoolClient", client(`"AnalyticsConfiguration":{"ApplicationId":"x"}`), "analyticsConfiguration.applicationId"},
		{"DeleteUserPoolClientSecret", `{"UserPoolId":"a_b","ClientId":"a","ClientSecretId":"` + s(129) + `"}`, "clientSecretId"},
		{"DescribeUserPoolClient", `{"UserPoolId":"a_b"}`, "clientId"},
	} {
		if got := complaint(t, c.operation, c.body); !strings.Contains(got, "at '"+c.at+"' failed") {
			t.Errorf("%s %.100s: got %q, want a complaint at %s", c.operation, c.body, got, c.at)
		}
	}
}

func TestValidate_WhatClientsSend_Passes(t *testing.T) {
	for _, c := range []struct{ operation, body string }{
		{"SignUp", `{"ClientId":"f86eee83c845544ad573284bea","Username":"+919860353193","Password":"Pw-8pfsktt76hA1!","UserAttributes":[],"ValidationData":null}`},
		{"SignUp", `{"ClientId":"f86eee83c845544ad573284bea","Username":"+919860353193","Password":""}`},
		{"InitiateAuth", `{"AuthFlow":"CUSTOM_AUTH","ClientId":"f86eee83c845544ad573284bea","AuthParameters":{"USERNAME":"+919860353193"},"ClientMetadata":{}}`},
		{"CreateUserPool", `{"PoolName":"cli","AutoVerifiedAttributes":["phone_number"],"UsernameAttributes":["phone_number"]}`},
		{"CreateUserPoolClient", `{"UserPoolId":"us-east-1_AbC123xyz","ClientName":"c","ExplicitAuthFlows":["ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`},
		{"AdminCreateUser", `{"UserPoolId":"us-east-1_AbC123xyz","Username":"+919660862375","UserAttributes":[{"Name":"phone_number","Value":"+919660862375"}],"MessageAction":"SUPPRESS"}`},
		{"TagResource", `{"ResourceArn":"` + poolARN("us-east-1_AbC123xyz") + `","Tags":{"bellhop:behaviour":"strict","team":""}}`},
	} {
		if got := complaint(t, c.operation, c.body); got != "" {
			t.Errorf("%s %s: %s", c.operation, c.body, got)
		}
	}
}
