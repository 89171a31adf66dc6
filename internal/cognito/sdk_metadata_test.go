package cognito_test

import (
	"reflect"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// ClientMetadata and ValidationData reach the functions that Cognito's documentation
// names, operation by operation.
func TestSDK_ClientMetadata_ReachesTheFunctions(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{
			UserPoolId: &w.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"},
			Policies: &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}},
			LambdaConfig: &types.LambdaConfigType{
				PreSignUp: new(function), PostConfirmation: new(function), CustomMessage: new(function),
			},
		})
		w.must(err)
		// from are the functions that the operation calls, each with its name in
		// clientMetadata.
		from := func(operation string, validation map[string]any, sources ...string) {
			t.Helper()
			var got []string
			for _, e := range w.functions.events {
				got = append(got, string(e.TriggerSource))
				if !reflect.DeepEqual(e.Request["clientMetadata"], map[string]any{"from": operation}) {
					t.Errorf("%s: clientMetadata of %s is %v", operation, e.TriggerSource, e.Request["clientMetadata"])
				}
				if v, ok := e.Request["validationData"]; ok && !reflect.DeepEqual(v, any(validation)) {
					t.Errorf("%s: validationData is %v", operation, v)
				}
			}
			if !reflect.DeepEqual(got, sources) {
				t.Errorf("%s called %v, want %v", operation, got, sources)
			}
			w.functions.events = nil
			<-time.NewTimer(time.Minute).C // of the bubble's time: past the resend gap
		}
		// What is for Bellhop itself reaches no function.
		meta := func(operation string) map[string]string {
			return map[string]string{"from": operation, "bellhop:device": "us-east-1_0", "bellhop:step-up": "proof"}
		}

		_, err = w.sdk.SignUp(w.ctx, &cip.SignUpInput{
			ClientId: &w.client, Username: new(asha), Password: new(pass), ClientMetadata: meta("SignUp"),
			ValidationData: attributes("captcha", "x"),
		})
		w.must(err)
		from("SignUp", map[string]any{"captcha": "x"}, "PreSignUp_SignUp", "CustomMessage_SignUp")
		_, err = w.sdk.ResendConfirmationCode(w.ctx, &cip.ResendConfirmationCodeInput{
			ClientId: &w.client, Username: new(asha), ClientMetadata: meta("ResendConfirmationCode"),
		})
		w.must(err)
		from("ResendConfirmationCode", nil, "CustomMessage_ResendCode")
		confirmed, err := w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{
			ClientId: &w.client, Username: new(asha), ConfirmationCode: new(w.code(asha)), ClientMetadata: meta("ConfirmSignUp"),
		})
		w.must(err)
		auth, err := w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": asha})
		w.must(err)
		access := w.tokens(auth.AuthenticationResult).AccessToken
		from("ConfirmSignUp", nil, "PostConfirmation_ConfirmSignUp")

		_, err = w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{
			AccessToken: access, UserAttributes: attributes("phone_number", ravi), ClientMetadata: meta("UpdateUserAttributes"),
		})
		w.must(err)
		from("UpdateUserAttributes", nil, "CustomMessage_UpdateUserAttribute")
		_, err = w.sdk.GetUserAttributeVerificationCode(w.ctx, &cip.GetUserAttributeVerificationCodeInput{
			AccessToken: access, AttributeName: new("phone_number"), ClientMetadata: meta("GetUserAttributeVerificationCode"),
		})
		w.must(err)
		from("GetUserAttributeVerificationCode", nil, "CustomMessage_VerifyUserAttribute")

		_, err = w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{ClientId: &w.client, Username: new(asha), ClientMetadata: meta("ForgotPassword")})
		w.must(err)
		from("ForgotPassword", nil, "CustomMessage_ForgotPassword")
		_, err = w.sdk.ConfirmForgotPassword(w.ctx, &cip.ConfirmForgotPasswordInput{
			ClientId: &w.client, Username: new(asha), ConfirmationCode: new(w.code(asha)), Password: new(pass), ClientMetadata: meta("ConfirmForgotPassword"),
		})
		w.must(err)
		from("ConfirmForgotPassword", nil, "PostConfirmation_ConfirmForgotPassword")
		_, err = w.sdk.AdminResetUserPassword(w.ctx, &cip.AdminResetUserPasswordInput{
			UserPoolId: &w.pool, Username: new(asha), ClientMetadata: meta("AdminResetUserPassword"),
		})
		w.must(err)
		from("AdminResetUserPassword", nil, "CustomMessage_ForgotPassword")
		_, err = w.sdk.AdminUpdateUserAttributes(w.ctx, &cip.AdminUpdateUserAttributesInput{
			UserPoolId: &w.pool, Username: new(asha), UserAttributes: attributes("phone_number", ravi), ClientMetadata: meta("AdminUpdateUserAttributes"),
		})
		w.must(err)
		from("AdminUpdateUserAttributes", nil, "CustomMessage_UpdateUserAttribute")

		const third = "+919812345670"
		_, err = w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{
			UserPoolId: &w.pool, Username: new(third), TemporaryPassword: new(pass), ClientMetadata: meta("AdminCreateUser"),
			ValidationData: attributes("from", "crm"),
		})
		w.must(err)
		from("AdminCreateUser", map[string]any{"from": "crm"}, "PreSignUp_AdminCreateUser", "CustomMessage_AdminCreateUser")
		const fourth = "+919812345671"
		w.signUp(fourth, pass)
		w.functions.events = nil
		_, err = w.sdk.AdminConfirmSignUp(w.ctx, &cip.AdminConfirmSignUpInput{
			UserPoolId: &w.pool, Username: new(fourth), ClientMetadata: meta("AdminConfirmSignUp"),
		})
		w.must(err)
		from("AdminConfirmSignUp", nil, "PostConfirmation_ConfirmSignUp")
	})
}
