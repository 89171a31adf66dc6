package cognito_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/srptest"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// texted signs in by CUSTOM_AUTH, with parameters besides in both requests.
func (w *world) texted(number string, more map[string]string, metadata map[string]string) *types.AuthenticationResultType {
	w.t.Helper()
	with := func(parameters map[string]string) map[string]string {
		for k, v := range more {
			parameters[k] = v
		}
		return parameters
	}
	w.later(time.Minute)
	auth, err := w.sdk.InitiateAuth(w.ctx, &cip.InitiateAuthInput{
		ClientId: &w.client, AuthFlow: "CUSTOM_AUTH", AuthParameters: with(map[string]string{"USERNAME": number}), ClientMetadata: metadata,
	})
	w.must(err)
	done, err := w.sdk.RespondToAuthChallenge(w.ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &w.client, ChallengeName: "CUSTOM_CHALLENGE", Session: auth.Session, ClientMetadata: metadata,
		ChallengeResponses: with(map[string]string{"USERNAME": number, "ANSWER": w.code(number)}),
	})
	w.must(err)
	return w.tokens(done.AuthenticationResult)
}

func (w *world) confirmDevice(r *types.AuthenticationResultType, name string) *cip.ConfirmDeviceOutput {
	w.t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	out, err := w.sdk.ConfirmDevice(w.ctx, &cip.ConfirmDeviceInput{
		AccessToken: r.AccessToken, DeviceKey: r.NewDeviceMetadata.DeviceKey, DeviceName: &name,
		DeviceSecretVerifierConfig: &types.DeviceSecretVerifierConfigType{PasswordVerifier: new(b64(make([]byte, 384))), Salt: new(b64(make([]byte, 16)))},
	})
	w.must(err)
	return out
}

// The life of a user's devices, as he and an administrator see it.
func TestSDK_Devices_FromFirstSignInToForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		first := w.member(asha, pass)
		if k := aws.ToString(first.NewDeviceMetadata.DeviceKey); !strings.HasPrefix(k, "us-east-1_") || len(k) != len(noDevice) {
			t.Fatalf("the key is %q", k)
		}
		if w.confirmDevice(first, "Chromium").UserConfirmationNecessary {
			t.Error("the user is to be asked")
		}
		keys := []string{*first.NewDeviceMetadata.DeviceKey}
		for _, name := range []string{"Firefox", "Android"} {
			r := w.texted(asha, nil, nil)
			w.confirmDevice(r, name)
			keys = append(keys, *r.NewDeviceMetadata.DeviceKey)
		}
		if w.texted(asha, map[string]string{"DEVICE_KEY": keys[0]}, nil).NewDeviceMetadata != nil {
			t.Error("a device is known and new")
		}
		if w.texted(asha, nil, map[string]string{"bellhop:device": keys[0]}).NewDeviceMetadata != nil {
			t.Error("a device that tells its key in ClientMetadata is new")
		}
		unconfirmed := *w.texted(asha, map[string]string{"DEVICE_KEY": noDevice}, nil).NewDeviceMetadata.DeviceKey

		slices.Sort(keys)
		var listed, byAdmin []string
		for token := (*string)(nil); token != nil || len(listed) == 0; {
			page, err := w.sdk.ListDevices(w.ctx, &cip.ListDevicesInput{AccessToken: first.AccessToken, Limit: new(int32(2)), PaginationToken: token})
			w.must(err)
			for _, d := range page.Devices {
				listed = append(listed, *d.DeviceKey)
			}
			if _, err := w.sdk.AdminListDevices(w.ctx, &cip.AdminListDevicesInput{UserPoolId: &w.pool, Username: new(asha), PaginationToken: page.PaginationToken}); err != nil {
				t.Error("the token of one list does not serve the other, of the same devices:", err)
			}
			token = page.PaginationToken
		}
		all, err := w.sdk.AdminListDevices(w.ctx, &cip.AdminListDevicesInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
		for _, d := range all.Devices {
			byAdmin = append(byAdmin, *d.DeviceKey)
		}
		if !slices.Equal(listed, keys) || !slices.Equal(byAdmin, keys) {
			t.Errorf("devices %v\nlisted %v\nby admin %v", keys, listed, byAdmin)
		}

		key := *first.NewDeviceMetadata.DeviceKey
		shown, err := w.sdk.GetDevice(w.ctx, &cip.GetDeviceInput{AccessToken: first.AccessToken, DeviceKey: &key})
		w.must(err)
		d := shown.Device
		if attribute(d.DeviceAttributes, "device_status") != "valid" || attribute(d.DeviceAttributes, "device_name") != "Chromium" ||
			attribute(d.DeviceAttributes, "last_ip_used") != "203.0.113.7" || attribute(d.DeviceAttributes, "dev:device_remembered_status") != "remembered" ||
			!d.DeviceLastAuthenticatedDate.After(*d.DeviceCreateDate) {
			t.Errorf("the device is %+v", d)
		}
		_, err = w.sdk.UpdateDeviceStatus(w.ctx, &cip.UpdateDeviceStatusInput{AccessToken: first.AccessToken, DeviceKey: &key, DeviceRememberedStatus: "not_remembered"})
		w.must(err)
		seen, err := w.sdk.AdminGetDevice(w.ctx, &cip.AdminGetDeviceInput{UserPoolId: &w.pool, Username: new(asha), DeviceKey: &key})
		w.must(err)
		if attribute(seen.Device.DeviceAttributes, "dev:device_remembered_status") != "not_remembered" {
			t.Errorf("the device is %+v", seen.Device.DeviceAttributes)
		}
		_, err = w.sdk.AdminUpdateDeviceStatus(w.ctx, &cip.AdminUpdateDeviceStatusInput{UserPoolId: &w.pool, Username: new(asha), DeviceKey: &key, DeviceRememberedStatus: "remembered"})
		w.must(err)

		_, err = w.sdk.ForgetDevice(w.ctx, &cip.ForgetDeviceInput{AccessToken: first.AccessToken, DeviceKey: &key})
		w.must(err)
		_, err = w.sdk.AdminForgetDevice(w.ctx, &cip.AdminForgetDeviceInput{UserPoolId: &w.pool, Username: new(asha), DeviceKey: &unconfirmed})
		w.must(err)
		for _, err := range []error{
			second(w.sdk.GetDevice(w.ctx, &cip.GetDeviceInput{AccessToken: first.AccessToken, DeviceKey: &key})),
			second(w.sdk.ForgetDevice(w.ctx, &cip.ForgetDeviceInput{AccessToken: first.AccessToken, DeviceKey: &key})),
			second(w.sdk.UpdateDeviceStatus(w.ctx, &cip.UpdateDeviceStatusInput{AccessToken: first.AccessToken, DeviceKey: &key, DeviceRememberedStatus: "remembered"})),
			second(w.sdk.AdminGetDevice(w.ctx, &cip.AdminGetDeviceInput{UserPoolId: &w.pool, Username: new(asha), DeviceKey: &unconfirmed})),
		} {
			wantError[*types.ResourceNotFoundException](w, err, "Device does not exist.")
		}
		wantError[*types.NotAuthorizedException](w, second(w.sdk.GetDevice(w.ctx, &cip.GetDeviceInput{DeviceKey: &key})), "Invalid Access Token")
		wantError[*types.UserNotFoundException](w, second(w.sdk.AdminForgetDevice(w.ctx, &cip.AdminForgetDeviceInput{UserPoolId: &w.pool, Username: new(ravi), DeviceKey: &key})), "User does not exist.")

		<-time.After(time.Second)
		for _, told := range []struct{ operation, detail string }{
			{"ConfirmDevice", `{"device":"` + key + `"}`},
			{"UpdateDeviceStatus", `{"device":"` + key + `","remembered":false}`},
			{"AdminUpdateDeviceStatus", `{"device":"` + key + `","remembered":true}`},
			{"ForgetDevice", `{"device":"` + key + `"}`},
			{"AdminForgetDevice", `{"device":"` + unconfirmed + `"}`},
		} {
			if !slices.ContainsFunc(w.trail(), func(r userpool.AuditRow) bool {
				return r.Operation == told.operation && r.Outcome == userpool.OutcomeSuccess && r.Detail == told.detail
			}) {
				t.Errorf("no row of %s has %s", told.operation, told.detail)
			}
		}
	})
}

func second[T any](_ T, err error) error {
	if err == nil {
		return errors.New("it succeeded")
	}
	return err
}

// A remembered device proves itself by SRP, and its user is texted nothing.
func TestSDK_Devices_ProveThemselves_InThePlaceOfASecondFactor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		_, err := w.sdk.UpdateUserPool(w.ctx, &cip.UpdateUserPoolInput{UserPoolId: &w.pool, DeviceConfiguration: &types.DeviceConfigurationType{ChallengeRequiredOnNewDevice: true}})
		w.must(err)
		_, err = w.sdk.SetUserPoolMfaConfig(w.ctx, &cip.SetUserPoolMfaConfigInput{
			UserPoolId: &w.pool, MfaConfiguration: "OPTIONAL",
			SmsMfaConfiguration: &types.SmsMfaConfigType{SmsConfiguration: &types.SmsConfigurationType{SnsCallerArn: new("arn:aws:iam::123456789012:role/texts")}},
		})
		w.must(err)
		_, err = w.sdk.AdminSetUserMFAPreference(w.ctx, &cip.AdminSetUserMFAPreferenceInput{UserPoolId: &w.pool, Username: new(asha), SMSMfaSettings: &types.SMSMfaSettingsType{Enabled: true}})
		w.must(err)
		password := func(key string) *cip.RespondToAuthChallengeOutput {
			c := srptest.New(t)
			auth, err := w.initiate("USER_SRP_AUTH", nil, map[string]string{"USERNAME": asha, "SRP_A": c.A()})
			w.must(err)
			proved := c.Respond(t, w.pool, pass, auth.ChallengeParameters)
			if key != "" {
				proved["DEVICE_KEY"] = key
			}
			out, err := w.respond("PASSWORD_VERIFIER", auth.Session, proved)
			w.must(err)
			return out
		}
		out := password("")
		if out.ChallengeName != "SMS_MFA" {
			t.Fatalf("after the password comes %q", out.ChallengeName)
		}
		out, err = w.respond("SMS_MFA", out.Session, map[string]string{"USERNAME": asha, "SMS_MFA_CODE": w.code(asha)})
		w.must(err)
		d, salt, verifier := srptest.NewDevice(*out.AuthenticationResult.NewDeviceMetadata.DeviceKey, *out.AuthenticationResult.NewDeviceMetadata.DeviceGroupKey)
		_, err = w.sdk.ConfirmDevice(w.ctx, &cip.ConfirmDeviceInput{
			AccessToken: out.AuthenticationResult.AccessToken, DeviceKey: &d.Key,
			DeviceSecretVerifierConfig: &types.DeviceSecretVerifierConfigType{PasswordVerifier: &verifier, Salt: &salt},
		})
		w.must(err)

		texts := w.texts()
		out = password(d.Key)
		if out.ChallengeName != "DEVICE_SRP_AUTH" {
			t.Fatalf("on the device there is %q", out.ChallengeName)
		}
		c := srptest.New(t)
		out, err = w.respond("DEVICE_SRP_AUTH", out.Session, map[string]string{"USERNAME": asha, "DEVICE_KEY": d.Key, "SRP_A": c.A()})
		w.must(err)
		out, err = w.respond("DEVICE_PASSWORD_VERIFIER", out.Session, c.RespondAsDevice(t, d, out.ChallengeParameters))
		w.must(err)
		if r := w.tokens(out.AuthenticationResult); r.NewDeviceMetadata != nil || w.texts() != texts {
			t.Errorf("the device is %+v, and there are %d texts", r.NewDeviceMetadata, w.texts()-texts)
		}
	})
}
