package cognito

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// unsignedOperations are the 32 that botocore's model marks as needing no
// signature.
var unsignedOperations = strings.Fields(`AssociateSoftwareToken ChangePassword CompleteWebAuthnRegistration ConfirmDevice
	ConfirmForgotPassword ConfirmSignUp DeleteUser DeleteUserAttributes DeleteWebAuthnCredential ForgetDevice
	ForgotPassword GetDevice GetTokensFromRefreshToken GetUser GetUserAttributeVerificationCode GetUserAuthFactors
	GlobalSignOut InitiateAuth ListDevices ListWebAuthnCredentials ResendConfirmationCode RespondToAuthChallenge
	RevokeToken SetUserMFAPreference SetUserSettings SignUp StartWebAuthnRegistration UpdateAuthEventFeedback
	UpdateDeviceStatus UpdateUserAttributes VerifySoftwareToken VerifyUserAttribute`)

func TestTable_HasEveryOperationOnceAndTheUnsignedOnesAreKnown(t *testing.T) {
	table := (&API{}).table()
	if _, err := index(table); err != nil {
		t.Fatal(err)
	}
	if len(table) != 129 {
		t.Errorf("%d operations, want 129", len(table))
	}
	var unsigned []string
	for _, o := range table {
		if o.who != admin {
			unsigned = append(unsigned, o.name)
		}
	}
	if !slices.Equal(unsigned, unsignedOperations) {
		t.Errorf("unsigned operations differ:\n got %v\nwant %v", unsigned, unsignedOperations)
	}
}

// newerThanSDK are operations that the service model has and the SDK that the
// tests use does not yet.
var newerThanSDK = []string{"AdminGetUserAuthFactors", "GetProvisionedLimit", "UpdateProvisionedLimit"}

func TestTable_NamesAreTheSDKsMethods(t *testing.T) {
	client := reflect.TypeFor[*cip.Client]()
	var sdk []string
	for m := range client.Methods() {
		if m.Name != "Options" {
			sdk = append(sdk, m.Name)
		}
	}
	var ours []string
	for _, o := range (&API{}).table() {
		if !slices.Contains(newerThanSDK, o.name) {
			ours = append(ours, o.name)
		}
	}
	for _, n := range sdk {
		if !slices.Contains(ours, n) {
			t.Errorf("the SDK has %s, the table not", n)
		}
	}
	for _, n := range ours {
		if !slices.Contains(sdk, n) {
			t.Errorf("the table has %s, the SDK not", n)
		}
	}
}

func TestTable_RefusedOperations_SayWhyInOneSentence(t *testing.T) {
	for _, o := range (&API{}).table() {
		if o.serve == nil && (!strings.HasSuffix(o.refusal, ".") || strings.Count(o.refusal, ". ") > 0) {
			t.Errorf("%s: %q", o.name, o.refusal)
		}
	}
}

func TestIndex_RefusesUnsoundTables(t *testing.T) {
	serve := func(context.Context, userpool.Caller, permission, []byte) ([]byte, error) { return nil, nil }
	for name, table := range map[string][]operation{
		"duplicate":    {{name: "A", serve: serve}, {name: "A", serve: serve}},
		"out of order": {{name: "B", serve: serve}, {name: "A", serve: serve}},
		"neither":      {{name: "A"}},
		"both":         {{name: "A", serve: serve, refusal: "no."}},
	} {
		if _, err := index(table); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
