package cognito_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// An app tells the language in ClientMetadata, in the operations that an SDK sends it
// with; a template of the pool's goes before the words that come with Bellhop.
func TestSDK_Language_OfClientMetadata_IsThatOfTheText(t *testing.T) {
	inWorld(t, func(w *world) {
		newest := func() string {
			synctest.Wait()
			all := w.phone.TextsTo(asha)
			return all[len(all)-1].Body
		}
		arn := aws.String("arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + w.pool)
		_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"bellhop:app-name": "Acme"}})
		w.must(err)
		_, err = w.sdk.SignUp(w.ctx, &cip.SignUpInput{
			ClientId: &w.client, Username: new(asha), Password: new(pass), ClientMetadata: map[string]string{"bellhop:language": "ta-IN"},
		})
		w.must(err)
		if got := newest(); !strings.HasSuffix(got, " Acme கணக்கு தொடங்கும் OTP. பகிராதீர்.") {
			t.Errorf("to sign up: %q", got)
		}
		_, err = w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(w.code(asha))})
		w.must(err)
		_, err = w.sdk.InitiateAuth(w.ctx, &cip.InitiateAuthInput{
			ClientId: &w.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": asha},
			ClientMetadata: map[string]string{"bellhop:language": "fr_CA"},
		})
		w.must(err)
		if got := newest(); !strings.HasSuffix(got, " est votre code pour vous connecter à Acme. Ne le communiquez à personne.") {
			t.Errorf("to sign in: %q", got)
		}
		_, err = w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{
			UserPoolId: &w.pool, AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"},
			VerificationMessageTemplate: &types.VerificationMessageTemplateType{SmsMessage: new("Own: {####}")},
		})
		w.must(err)
		_, err = w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{
			ClientId: &w.client, Username: new(asha), ClientMetadata: map[string]string{"bellhop:language": "de"},
		})
		w.must(err)
		if got := newest(); !strings.HasPrefix(got, "Own: ") {
			t.Errorf("of the pool's template: %q", got)
		}
		_, err = w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"bellhop:language": "a language"}})
		if err == nil || !strings.Contains(err.Error(), "The tag bellhop:language is unknown to this version of Bellhop, or its value is.") {
			t.Errorf("%v", err)
		}
	})
}
