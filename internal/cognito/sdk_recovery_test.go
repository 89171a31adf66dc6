package cognito_test

import (
	"fmt"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const otherPass = "Other-Horse-77"

// empty checks that the newest answer is the empty structure.
func (w *world) empty(what string) {
	w.t.Helper()
	if body := w.wire.last().Body.String(); body != "{}" {
		w.t.Errorf("%s answered %q, want {}", what, body)
	}
}

// byPassword signs in with a password by USER_AUTH.
func (w *world) byPassword(number, password string) (*cip.InitiateAuthOutput, error) {
	return w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": number, "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": password})
}

func attributesOf(pairs ...string) (list []types.AttributeType) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, types.AttributeType{Name: &pairs[i], Value: &pairs[i+1]})
	}
	return list
}

func TestSDK_ForgottenPassword(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		asked, err := w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{ClientId: &w.client, Username: new(asha)})
		w.must(err)
		d := asked.CodeDeliveryDetails
		if *d.Destination != "+********3210" || d.DeliveryMedium != "SMS" || *d.AttributeName != "phone_number" {
			t.Errorf("delivery %+v", d)
		}
		confirm := func(code, password string) error {
			_, err := w.sdk.ConfirmForgotPassword(w.ctx, &cip.ConfirmForgotPasswordInput{
				ClientId: &w.client, Username: new(asha), ConfirmationCode: &code, Password: &password,
			})
			return err
		}
		code := w.code(asha)
		wantError[*types.InvalidPasswordException](w, confirm(code, "short"), "Password does not conform to policy: Password not long enough")
		wantError[*types.CodeMismatchException](w, confirm(wrong(code), otherPass), "Invalid verification code provided, please try again.")
		w.must(confirm(code, otherPass))
		w.empty("ConfirmForgotPassword")
		wantError[*types.ExpiredCodeException](w, confirm(code, otherPass), "Invalid code provided, please request a code again.")
		auth, err := w.byPassword(asha, otherPass)
		w.must(err)
		w.tokens(auth.AuthenticationResult)
		_, err = w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{ClientId: &w.client, Username: new(ravi)})
		wantError[*types.UserNotFoundException](w, err, "Username/client id combination not found.")
	})
}

func TestSDK_ForgottenPassword_SecretClient(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		w.client = w.makeClient(&cip.CreateUserPoolClientInput{GenerateSecret: true})
		_, err := w.sdk.ForgotPassword(w.ctx, &cip.ForgotPasswordInput{ClientId: &w.client, Username: new(asha)})
		wantError[*types.NotAuthorizedException](w, err, "Client "+w.client+" is configured with secret but SECRET_HASH was not received")
		_, err = w.sdk.ConfirmForgotPassword(w.ctx, &cip.ConfirmForgotPasswordInput{
			ClientId: &w.client, Username: new(asha), ConfirmationCode: new("123456"), Password: new(otherPass), SecretHash: new("c2VjcmV0"),
		})
		wantError[*types.NotAuthorizedException](w, err, "Unable to verify secret hash for client "+w.client)
	})
}

func TestSDK_ChangePassword(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, pass)
		change := func(previous, proposed string) error {
			_, err := w.sdk.ChangePassword(w.ctx, &cip.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: &previous, ProposedPassword: &proposed})
			return err
		}
		wantError[*types.NotAuthorizedException](w, change(otherPass, otherPass), "Incorrect username or password.")
		wantError[*types.InvalidPasswordException](w, change(pass, "short"), "")
		w.must(change(pass, otherPass))
		w.empty("ChangePassword")
		for range 3 {
			change(pass, otherPass)
		}
		wantError[*types.LimitExceededException](w, change(otherPass, pass), "Attempt limit exceeded, please try after some time.")
		if w.wire.last().Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

func TestSDK_PasswordHistory(t *testing.T) {
	inWorld(t, func(w *world) {
		p, err := w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{
			PoolName: new("remembers"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"},
			AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"},
			Policies:               &types.UserPoolPolicyType{PasswordPolicy: &types.PasswordPolicyType{MinimumLength: new(int32(8)), PasswordHistorySize: new(int32(3))}},
			UserPoolTags:           map[string]string{"bellhop:token-alg": "ES256"},
		})
		w.must(err)
		w.pool = *p.UserPool.Id
		w.client = w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH"}})
		tokens := w.member(asha, pass)
		_, err = w.sdk.ChangePassword(w.ctx, &cip.ChangePasswordInput{AccessToken: tokens.AccessToken, PreviousPassword: new(pass), ProposedPassword: new(pass)})
		wantError[*types.PasswordHistoryPolicyViolationException](w, err, "Password has previously been used.")
		_, err = w.sdk.AdminSetUserPassword(w.ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: new(asha), Password: new(pass), Permanent: true})
		wantError[*types.PasswordHistoryPolicyViolationException](w, err, "")
	})
}

func TestSDK_AttributesByTheirCode(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, pass)
		updated, err := w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: attributesOf("phone_number", ravi, "nickname", "A")})
		w.must(err)
		if l := updated.CodeDeliveryDetailsList; len(l) != 1 || *l[0].Destination != "+********5678" || l[0].DeliveryMedium != "SMS" || *l[0].AttributeName != "phone_number" {
			t.Errorf("deliveries %+v", l)
		}
		again, err := w.sdk.GetUserAttributeVerificationCode(w.ctx, &cip.GetUserAttributeVerificationCodeInput{AccessToken: tokens.AccessToken, AttributeName: new("phone_number")})
		w.must(err)
		if *again.CodeDeliveryDetails.Destination != "+********5678" {
			t.Errorf("delivery %+v", again.CodeDeliveryDetails)
		}
		verify := func(code string) error {
			_, err := w.sdk.VerifyUserAttribute(w.ctx, &cip.VerifyUserAttributeInput{AccessToken: tokens.AccessToken, AttributeName: new("phone_number"), Code: &code})
			return err
		}
		code := w.code(ravi)
		wantError[*types.CodeMismatchException](w, verify(wrong(code)), "Invalid verification code provided, please try again.")
		w.must(verify(code))
		w.empty("VerifyUserAttribute")
		wantError[*types.ExpiredCodeException](w, verify(code), "Invalid code provided, please request a code again.")
		_, err = w.sdk.DeleteUserAttributes(w.ctx, &cip.DeleteUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributeNames: []string{"nickname"}})
		w.must(err)
		w.empty("DeleteUserAttributes")
		me, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if attribute(me.UserAttributes, "phone_number") != ravi || attribute(me.UserAttributes, "nickname") != "" {
			t.Errorf("attributes %d", len(me.UserAttributes))
		}
	})
}

func TestSDK_AdministrationOfAttributesAndResets(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, pass)
		w.member(ravi, pass)
		update := func(pairs ...string) error {
			_, err := w.sdk.AdminUpdateUserAttributes(w.ctx, &cip.AdminUpdateUserAttributesInput{UserPoolId: &w.pool, Username: new(asha), UserAttributes: attributesOf(pairs...)})
			return err
		}
		w.must(update("email", "asha@example.com", "email_verified", "true", "nickname", "A"))
		w.empty("AdminUpdateUserAttributes")
		wantError[*types.AliasExistsException](w, update("phone_number", ravi, "phone_number_verified", "true"), "An account with the given phone_number already exists.")
		wantError[*types.InvalidParameterException](w, update("sub", "x"), "user.sub: Attribute cannot be updated.")
		_, err := w.sdk.AdminDeleteUserAttributes(w.ctx, &cip.AdminDeleteUserAttributesInput{UserPoolId: &w.pool, Username: new(asha), UserAttributeNames: []string{"nickname"}})
		w.must(err)
		w.empty("AdminDeleteUserAttributes")
		_, err = w.sdk.AdminUserGlobalSignOut(w.ctx, &cip.AdminUserGlobalSignOutInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		w.empty("AdminUserGlobalSignOut")
		_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		wantError[*types.NotAuthorizedException](w, err, "Access Token has been revoked")
		_, err = w.sdk.AdminResetUserPassword(w.ctx, &cip.AdminResetUserPasswordInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		w.empty("AdminResetUserPassword")
		_, err = w.byPassword(asha, pass)
		wantError[*types.PasswordResetRequiredException](w, err, "Password reset required for the user")
		user, err := w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		if user.UserStatus != "RESET_REQUIRED" || attribute(user.UserAttributes, "email_verified") != "true" {
			t.Errorf("status %s", user.UserStatus)
		}
	})
}

func TestBadInput_PasswordsAndAttributes_LeaveNothingBehind(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, pass)
		w.signUp(ravi, pass)
		token := *tokens.AccessToken
		client := `"ClientId":"` + w.client + `","Username":"` + asha + `"`
		bearer := `"AccessToken":"` + token + `"`
		long := strings.Repeat("x", 2049)
		w.refuse(w.public, []bad{
			{"no user name", "ForgotPassword", `{"ClientId":"` + w.client + `"}`, "InvalidParameterException"},
			{"unknown client", "ForgotPassword", `{"ClientId":"nobody","Username":"` + asha + `"}`, "ResourceNotFoundException"},
			{"no number", "ForgotPassword", `{"ClientId":"` + w.client + `","Username":"asha"}`, "InvalidParameterException"},
			{"nobody", "ForgotPassword", `{"ClientId":"` + w.client + `","Username":"+919800000001"}`, "UserNotFoundException"},
			{"unconfirmed", "ForgotPassword", `{"ClientId":"` + w.client + `","Username":"` + ravi + `"}`, "NotAuthorizedException"},
			{"wrong type", "ForgotPassword", `{` + client + `,"ClientMetadata":[]}`, "SerializationException"},
			{"no code", "ConfirmForgotPassword", `{` + client + `,"Password":"` + otherPass + `"}`, "InvalidParameterException"},
			{"blank in the code", "ConfirmForgotPassword", `{` + client + `,"ConfirmationCode":"12 34","Password":"` + otherPass + `"}`, "InvalidParameterException"},
			{"no password", "ConfirmForgotPassword", `{` + client + `,"ConfirmationCode":"123456"}`, "InvalidParameterException"},
			{"weak password", "ConfirmForgotPassword", `{` + client + `,"ConfirmationCode":"123456","Password":"weak"}`, "InvalidPasswordException"},
			{"nobody's code", "ConfirmForgotPassword", `{"ClientId":"` + w.client + `","Username":"+919800000001","ConfirmationCode":"123456","Password":"` + otherPass + `"}`, "UserNotFoundException"},
			{"no token", "ChangePassword", `{"PreviousPassword":"` + pass + `","ProposedPassword":"` + otherPass + `"}`, "InvalidParameterException"},
			{"made-up token", "ChangePassword", `{"AccessToken":"a.b.c","PreviousPassword":"` + pass + `","ProposedPassword":"` + otherPass + `"}`, "NotAuthorizedException"},
			{"no new password", "ChangePassword", `{` + bearer + `,"PreviousPassword":"` + pass + `"}`, "InvalidParameterException"},
			{"no old password", "ChangePassword", `{` + bearer + `,"ProposedPassword":"` + otherPass + `"}`, "InvalidParameterException"},
			{"made-up token", "GetUserAttributeVerificationCode", `{"AccessToken":"a.b.c","AttributeName":"email"}`, "NotAuthorizedException"},
			{"no attribute", "GetUserAttributeVerificationCode", `{` + bearer + `}`, "InvalidParameterException"},
			{"unverifiable", "GetUserAttributeVerificationCode", `{` + bearer + `,"AttributeName":"name"}`, "InvalidParameterException"},
			{"without a value", "GetUserAttributeVerificationCode", `{` + bearer + `,"AttributeName":"email"}`, "InvalidParameterException"},
			{"verified", "GetUserAttributeVerificationCode", `{` + bearer + `,"AttributeName":"phone_number"}`, "InvalidParameterException"},
			{"no code", "VerifyUserAttribute", `{` + bearer + `,"AttributeName":"phone_number"}`, "InvalidParameterException"},
			{"unverifiable", "VerifyUserAttribute", `{` + bearer + `,"AttributeName":"name","Code":"123456"}`, "InvalidParameterException"},
			{"long code", "VerifyUserAttribute", `{` + bearer + `,"AttributeName":"email","Code":"` + long + `"}`, "InvalidParameterException"},
			{"no list", "DeleteUserAttributes", `{` + bearer + `}`, "InvalidParameterException"},
			{"long name", "DeleteUserAttributes", `{` + bearer + `,"UserAttributeNames":["` + long + `"]}`, "InvalidParameterException"},
			{"text for list", "DeleteUserAttributes", `{` + bearer + `,"UserAttributeNames":"name"}`, "SerializationException"},
			{"unknown", "DeleteUserAttributes", `{` + bearer + `,"UserAttributeNames":["shoe_size"]}`, "InvalidParameterException"},
			{"the name", "DeleteUserAttributes", `{` + bearer + `,"UserAttributeNames":["phone_number"]}`, "InvalidParameterException"},
			{"owned", "DeleteUserAttributes", `{` + bearer + `,"UserAttributeNames":["sub"]}`, "NotAuthorizedException"},
			{"no such number", "UpdateUserAttributes", `{` + bearer + `,"UserAttributes":[{"Name":"phone_number","Value":"12"}]}`, "InvalidParameterException"},
		})
		user := fmt.Sprintf(`"UserPoolId":%q,"Username":%q`, w.pool, asha)
		nobody := fmt.Sprintf(`"UserPoolId":%q,"Username":"+919800000001"`, w.pool)
		pending := fmt.Sprintf(`"UserPoolId":%q,"Username":%q`, w.pool, ravi)
		w.refuse(w.signed, []bad{
			{"no list", "AdminUpdateUserAttributes", `{` + user + `}`, "InvalidParameterException"},
			{"nobody", "AdminUpdateUserAttributes", `{` + nobody + `,"UserAttributes":[]}`, "UserNotFoundException"},
			{"unknown pool", "AdminUpdateUserAttributes", `{"UserPoolId":"us-east-1_none","Username":"x","UserAttributes":[]}`, "ResourceNotFoundException"},
			{"unknown attribute", "AdminUpdateUserAttributes", `{` + user + `,"UserAttributes":[{"Name":"shoe_size","Value":"9"}]}`, "InvalidParameterException"},
			{"flag of nothing", "AdminUpdateUserAttributes", `{` + user + `,"UserAttributes":[{"Name":"email_verified","Value":"true"}]}`, "InvalidParameterException"},
			{"no truth", "AdminUpdateUserAttributes", `{` + user + `,"UserAttributes":[{"Name":"phone_number_verified","Value":"perhaps"}]}`, "InvalidParameterException"},
			{"unconfirmed", "AdminUpdateUserAttributes", `{` + pending + `,"UserAttributes":[]}`, "InvalidParameterException"},
			{"the name", "AdminDeleteUserAttributes", `{` + user + `,"UserAttributeNames":["phone_number"]}`, "InvalidParameterException"},
			{"no list", "AdminDeleteUserAttributes", `{` + user + `}`, "InvalidParameterException"},
			{"nobody", "AdminResetUserPassword", `{` + nobody + `}`, "UserNotFoundException"},
			{"unconfirmed", "AdminResetUserPassword", `{` + pending + `}`, "NotAuthorizedException"},
			{"nobody", "AdminUserGlobalSignOut", `{` + nobody + `}`, "UserNotFoundException"},
			{"unconfirmed", "AdminUserGlobalSignOut", `{` + pending + `}`, "InvalidParameterException"},
		})
	})
}
