package cognito_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

func TestSDK_SignUpConfirmAutoSignIn_CostsOneText(t *testing.T) {
	inWorld(t, func(w *world) {
		up := w.signUp(asha, "")
		if up.UserConfirmed || aws.ToString(up.UserSub) == "" || *up.CodeDeliveryDetails.Destination != "+********3210" ||
			up.CodeDeliveryDetails.DeliveryMedium != "SMS" || *up.CodeDeliveryDetails.AttributeName != "phone_number" {
			t.Fatalf("SignUp: %+v %+v", up, up.CodeDeliveryDetails)
		}
		confirm := &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(wrong(w.code(asha)))}
		_, err := w.sdk.ConfirmSignUp(w.ctx, confirm)
		wantError[*types.CodeMismatchException](w, err, "Invalid verification code provided, please try again.")

		confirm.ConfirmationCode = new(w.code(asha))
		confirmed, err := w.sdk.ConfirmSignUp(w.ctx, confirm)
		w.must(err)
		auth, err := w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": asha})
		w.must(err)
		tokens := w.tokens(auth.AuthenticationResult)
		if aws.ToString(tokens.RefreshToken) == "" || auth.ChallengeParameters == nil {
			t.Fatalf("InitiateAuth: %+v", auth)
		}
		me, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if *me.Username != *up.UserSub || attribute(me.UserAttributes, "phone_number") != asha || attribute(me.UserAttributes, "phone_number_verified") != "true" {
			t.Fatalf("GetUser: %+v", me)
		}
		if n := w.texts(); n != 1 {
			t.Fatalf("%d texts, want 1", n)
		}
		_, err = w.sdk.ConfirmSignUp(w.ctx, confirm)
		wantError[*types.NotAuthorizedException](w, err, "User cannot be confirmed. Current status is CONFIRMED")
	})
}

func TestSDK_ResendConfirmationCode_TellsWhereItWent(t *testing.T) {
	inWorld(t, func(w *world) {
		w.signUp(asha, pass)
		first := w.code(asha)
		<-time.After(2 * time.Minute) // of the bubble
		again, err := w.sdk.ResendConfirmationCode(w.ctx, &cip.ResendConfirmationCodeInput{ClientId: &w.client, Username: new(asha)})
		w.must(err)
		if *again.CodeDeliveryDetails.Destination != "+********3210" || w.texts() != 2 || w.code(asha) != first {
			t.Fatalf("resent: %+v, %d texts", again.CodeDeliveryDetails, w.texts())
		}
	})
}

func TestSDK_CustomAuth_WrongCodeGivesANewSessionAndTheThirdEndsIt(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, "")
		start, err := w.initiate("CUSTOM_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		if start.ChallengeName != "CUSTOM_CHALLENGE" || start.ChallengeParameters["USERNAME"] == "" {
			t.Fatalf("InitiateAuth: %+v", start)
		}
		again, err := w.respond("CUSTOM_CHALLENGE", start.Session, map[string]string{"USERNAME": asha, "ANSWER": wrong(w.code(asha))})
		w.must(err)
		if again.ChallengeName != "CUSTOM_CHALLENGE" || *again.Session == *start.Session {
			t.Fatalf("wrong code: %+v", again)
		}
		done, err := w.respond("CUSTOM_CHALLENGE", again.Session, map[string]string{"USERNAME": asha, "ANSWER": w.code(asha)})
		w.must(err)
		w.tokens(done.AuthenticationResult)

		_, err = w.respond("CUSTOM_CHALLENGE", again.Session, map[string]string{"USERNAME": asha, "ANSWER": wrong(w.code(asha))})
		wantError[*types.NotAuthorizedException](w, err, "Invalid session for the user, session can only be used once.")
	})
}

func TestSDK_Password_BySRP(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		sent := w.texts()
		for _, flow := range []struct {
			name       types.AuthFlowType
			parameters map[string]string
		}{
			{"USER_SRP_AUTH", nil},
			{"CUSTOM_AUTH", map[string]string{"CHALLENGE_NAME": "SRP_A"}},
			{"USER_AUTH", map[string]string{"PREFERRED_CHALLENGE": "PASSWORD_SRP"}},
		} {
			for _, password := range []string{pass, "Wrong-Horse-9"} {
				c := srptest.New(t)
				parameters := map[string]string{"USERNAME": asha, "SRP_A": c.A()}
				for k, v := range flow.parameters {
					parameters[k] = v
				}
				start, err := w.initiate(flow.name, nil, parameters)
				w.must(err)
				if start.ChallengeName != "PASSWORD_VERIFIER" {
					t.Fatalf("%s: %+v", flow.name, start)
				}
				done, err := w.respond("PASSWORD_VERIFIER", start.Session, c.Respond(t, w.pool, password, start.ChallengeParameters))
				if password != pass {
					wantError[*types.NotAuthorizedException](w, err, "Incorrect username or password.")
					continue
				}
				w.must(err)
				w.tokens(done.AuthenticationResult)
			}
		}
		if w.texts() != sent {
			t.Errorf("%d texts for passwords", w.texts()-sent)
		}
	})
}

func TestSDK_UserAuth_SelectionThenTextedCode(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		start, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha})
		w.must(err)
		if start.ChallengeName != "SELECT_CHALLENGE" || len(start.AvailableChallenges) < 2 {
			t.Fatalf("InitiateAuth: %+v", start)
		}
		otp, err := w.respond("SELECT_CHALLENGE", start.Session, map[string]string{"USERNAME": asha, "ANSWER": "SMS_OTP"})
		w.must(err)
		if otp.ChallengeName != "SMS_OTP" || otp.ChallengeParameters["CODE_DELIVERY_DESTINATION"] != "+********3210" || otp.ChallengeParameters["CODE_DELIVERY_DELIVERY_MEDIUM"] != "SMS" {
			t.Fatalf("SELECT_CHALLENGE: %+v", otp)
		}
		code := w.code(asha)
		_, err = w.respond("SMS_OTP", otp.Session, map[string]string{"USERNAME": asha, "SMS_OTP_CODE": wrong(code)})
		wantError[*types.CodeMismatchException](w, err, "Invalid code or auth state for the user.")
		done, err := w.respond("SMS_OTP", otp.Session, map[string]string{"USERNAME": asha, "SMS_OTP_CODE": code})
		w.must(err)
		w.tokens(done.AuthenticationResult)
	})
}

func TestSDK_RefreshRevokeAndGlobalSignOut(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, "")
		refreshed, err := w.sdk.GetTokensFromRefreshToken(w.ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &w.client, RefreshToken: tokens.RefreshToken})
		w.must(err)
		w.tokens(refreshed.AuthenticationResult)
		if refreshed.AuthenticationResult.RefreshToken != nil {
			t.Error("a refresh token without rotation")
		}
		flow, err := w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken})
		w.must(err)
		w.tokens(flow.AuthenticationResult)

		_, err = w.sdk.RevokeToken(w.ctx, &cip.RevokeTokenInput{ClientId: &w.client, Token: tokens.RefreshToken})
		w.must(err)
		_, err = w.initiate("REFRESH_TOKEN_AUTH", nil, map[string]string{"REFRESH_TOKEN": *tokens.RefreshToken})
		wantError[*types.NotAuthorizedException](w, err, "Refresh Token has been revoked")
		_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		wantError[*types.NotAuthorizedException](w, err, "Access Token has been revoked")
		_, err = w.sdk.RevokeToken(w.ctx, &cip.RevokeTokenInput{ClientId: &w.client, Token: tokens.AccessToken})
		wantError[*types.UnsupportedTokenTypeException](w, err, "")

		second := w.member(ravi, "")
		_, err = w.sdk.GlobalSignOut(w.ctx, &cip.GlobalSignOutInput{AccessToken: second.AccessToken})
		w.must(err)
		_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: second.AccessToken})
		wantError[*types.NotAuthorizedException](w, err, "Access Token has been revoked")
		_, err = w.sdk.GetTokensFromRefreshToken(w.ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &w.client, RefreshToken: second.RefreshToken})
		wantError[*types.NotAuthorizedException](w, err, "Refresh Token has been revoked")
	})
}

func TestSDK_OwnAttributesAndDeletion(t *testing.T) {
	inWorld(t, func(w *world) {
		tokens := w.member(asha, "")
		updated, err := w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken,
			UserAttributes: []types.AttributeType{{Name: new("name"), Value: new("Asha")}}})
		w.must(err)
		if updated.CodeDeliveryDetailsList == nil || len(updated.CodeDeliveryDetailsList) != 0 {
			t.Errorf("delivery list %v, want an empty one", updated.CodeDeliveryDetailsList)
		}
		me, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if attribute(me.UserAttributes, "name") != "Asha" {
			t.Errorf("name is %q", attribute(me.UserAttributes, "name"))
		}
		_, err = w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken,
			UserAttributes: []types.AttributeType{{Name: new("sub"), Value: new("x")}}})
		wantError[*types.NotAuthorizedException](w, err, "A client attempted to write unauthorized attribute")

		_, err = w.sdk.DeleteUser(w.ctx, &cip.DeleteUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if body := w.wire.last().Body.String(); body != "" {
			t.Errorf("DeleteUser answered %q, want no body", body)
		}
		_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		wantError[*types.UserNotFoundException](w, err, "User does not exist.")
	})
}

func TestSDK_Administration(t *testing.T) {
	inWorld(t, func(w *world) {
		created, err := w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(asha), MessageAction: "SUPPRESS",
			TemporaryPassword: new(pass), UserAttributes: []types.AttributeType{{Name: new("phone_number_verified"), Value: new("true")}}})
		w.must(err)
		u := created.User
		if !u.Enabled || u.UserStatus != "FORCE_CHANGE_PASSWORD" || attribute(u.Attributes, "phone_number") != asha || !u.UserCreateDate.Equal(time.Now().Truncate(time.Millisecond)) {
			t.Fatalf("AdminCreateUser: %+v", u)
		}
		_, err = w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(asha)})
		wantError[*types.UsernameExistsException](w, err, "")

		// The temporary password must be changed.
		c := srptest.New(t)
		start, err := w.initiate("USER_SRP_AUTH", nil, map[string]string{"USERNAME": asha, "SRP_A": c.A()})
		w.must(err)
		change, err := w.respond("PASSWORD_VERIFIER", start.Session, c.Respond(t, w.pool, pass, start.ChallengeParameters))
		w.must(err)
		if change.ChallengeName != "NEW_PASSWORD_REQUIRED" {
			t.Fatalf("temporary password: %+v", change)
		}
		done, err := w.respond("NEW_PASSWORD_REQUIRED", change.Session, map[string]string{"USERNAME": asha, "NEW_PASSWORD": pass + "0"})
		w.must(err)
		tokens := w.tokens(done.AuthenticationResult)

		named := func(op string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", op, err)
			}
		}
		_, err = w.sdk.AdminDisableUser(w.ctx, &cip.AdminDisableUserInput{UserPoolId: &w.pool, Username: new(asha)})
		named("AdminDisableUser", err)
		_, err = w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		wantError[*types.NotAuthorizedException](w, err, "")
		_, err = w.sdk.AdminEnableUser(w.ctx, &cip.AdminEnableUserInput{UserPoolId: &w.pool, Username: new(asha)})
		named("AdminEnableUser", err)
		_, err = w.sdk.AdminSetUserPassword(w.ctx, &cip.AdminSetUserPasswordInput{UserPoolId: &w.pool, Username: new(asha), Password: new(pass), Permanent: true})
		named("AdminSetUserPassword", err)
		got, err := w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: u.Username})
		named("AdminGetUser", err)
		if !got.Enabled || got.UserStatus != "CONFIRMED" || attribute(got.UserAttributes, "phone_number") != asha {
			t.Fatalf("AdminGetUser: %+v", got)
		}
		_, err = w.sdk.AdminDeleteUser(w.ctx, &cip.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new(asha)})
		named("AdminDeleteUser", err)
		_, err = w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)})
		wantError[*types.UserNotFoundException](w, err, "User does not exist.")

		w.signUp(ravi, pass)
		_, err = w.sdk.AdminConfirmSignUp(w.ctx, &cip.AdminConfirmSignUpInput{UserPoolId: &w.pool, Username: new(ravi)})
		named("AdminConfirmSignUp", err)
		_, err = w.sdk.AdminConfirmSignUp(w.ctx, &cip.AdminConfirmSignUpInput{UserPoolId: &w.pool, Username: new(ravi)})
		wantError[*types.NotAuthorizedException](w, err, "User cannot be confirmed. Current status is CONFIRMED")
	})
}

func TestSDK_WrongKeys_AreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		// In this order, since the SDK keeps the signing key that it derived
		// for an access key id, whatever the secret is the next time.
		for _, c := range []struct {
			want string
			key  userpool.AdminKey
		}{
			{"UnrecognizedClientException", userpool.AdminKey{ID: "AKIAOTHER", Secret: w.key.Secret}},
			{"InvalidSignatureException", userpool.AdminKey{ID: w.key.ID, Secret: "x" + w.key.Secret}},
		} {
			_, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool}, func(o *cip.Options) {
				o.Credentials = credentials.NewStaticCredentialsProvider(c.key.ID, c.key.Secret, "")
			})
			if apiCode(err) != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		}
	})
}

// Repeats of one user action carry one amz-sdk-invocation-id.
func TestSDK_TryAgainOfALostAnswer_CostsNoSecondTextAndGivesTheSameAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		lost := &losing{wire: w.wire, lose: 1}
		out, err := w.sdk.SignUp(w.ctx, &cip.SignUpInput{ClientId: &w.client, Username: new(asha)}, func(o *cip.Options) { o.HTTPClient = lost })
		w.must(err)
		if lost.tried != 2 || w.texts() != 1 {
			t.Fatalf("%d tries, %d texts", lost.tried, w.texts())
		}
		_, err = w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(w.code(asha)), Session: out.Session},
			func(o *cip.Options) { o.HTTPClient = &losing{wire: w.wire, lose: 1} })
		w.must(err)
	})
}

func TestSDK_OverARealConnection(t *testing.T) {
	dir := t.TempDir()
	w := &world{t: t, ctx: t.Context(), phone: &smstest.Phone{}, log: &safeBuffer{}}
	store, err := sqlstore.Open(w.ctx, filepath.Join(dir, "bellhop.db"), sqlstore.Options{})
	w.must(err)
	service := w.open(store)
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = web.NewServer(slog.New(slog.DiscardHandler), web.Health(service.Ready, w.handler))
	srv.Start()
	w.sdk = cip.New(cip.Options{Region: "us-east-1", BaseEndpoint: &srv.URL, HTTPClient: srv.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(w.key.ID, w.key.Secret, "")})
	ctx, stop := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()

	w.makePool()
	w.signUp(asha, pass)
	text, err := w.phone.Nth(w.ctx, asha, 1)
	w.must(err)
	confirmed, err := w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(smstest.CodeIn(text.Body))})
	w.must(err)
	auth, err := w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": asha})
	w.must(err)
	w.tokens(auth.AuthenticationResult)
	if res, err := srv.Client().Get(srv.URL + "/readyz"); err != nil || res.StatusCode != http.StatusOK || res.Body.Close() != nil {
		t.Errorf("readyz: %v %v", res, err)
	}

	srv.Close()
	stop()
	w.must(<-done)
	w.must(store.Close())
}
