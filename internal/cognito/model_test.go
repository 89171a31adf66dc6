package cognito

import (
	"errors"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// wireTypes are the request and response types of the operations served.
var wireTypes = map[string][2]reflect.Type{
	"AddCustomAttributes":              pair[addCustomAttributesInput, emptyAnswer](),
	"AddUserPoolClientSecret":          pair[addUserPoolClientSecretInput, addUserPoolClientSecretOutput](),
	"AdminAddUserToGroup":              pair[membershipInput, noBody](),
	"AdminConfirmSignUp":               pair[adminConfirmSignUpInput, emptyAnswer](),
	"AdminCreateUser":                  pair[adminCreateUserInput, adminCreateUserOutput](),
	"AdminDeleteUser":                  pair[adminUserInput, noBody](),
	"AdminDeleteUserAttributes":        pair[adminDeleteUserAttributesInput, emptyAnswer](),
	"AdminDisableUser":                 pair[adminUserInput, emptyAnswer](),
	"AdminEnableUser":                  pair[adminUserInput, emptyAnswer](),
	"AdminForgetDevice":                pair[adminDeviceInput, noBody](),
	"AdminGetDevice":                   pair[adminDeviceInput, deviceOutput](),
	"AdminGetUser":                     pair[adminUserInput, adminGetUserOutput](),
	"AdminGetUserAuthFactors":          pair[adminUserInput, authFactorsOutput](),
	"AdminInitiateAuth":                pair[adminInitiateAuthInput, initiateAuthOutput](),
	"AdminListDevices":                 pair[adminListDevicesInput, devicesOutput](),
	"AdminListGroupsForUser":           pair[adminListGroupsForUserInput, groupsOutput](),
	"AdminListUserAuthEvents":          pair[adminListUserAuthEventsInput, adminListUserAuthEventsOutput](),
	"AdminRemoveUserFromGroup":         pair[membershipInput, noBody](),
	"AdminResetUserPassword":           pair[adminResetUserPasswordInput, emptyAnswer](),
	"AdminRespondToAuthChallenge":      pair[adminRespondToAuthChallengeInput, respondToAuthChallengeOutput](),
	"AdminSetUserMFAPreference":        pair[adminSetUserMFAPreferenceInput, emptyAnswer](),
	"AdminSetUserPassword":             pair[adminSetUserPasswordInput, emptyAnswer](),
	"AdminSetUserSettings":             pair[adminSetUserSettingsInput, emptyAnswer](),
	"AdminUpdateAuthEventFeedback":     pair[adminUpdateAuthEventFeedbackInput, emptyAnswer](),
	"AdminUpdateDeviceStatus":          pair[adminUpdateDeviceStatusInput, emptyAnswer](),
	"AdminUpdateUserAttributes":        pair[adminUpdateUserAttributesInput, emptyAnswer](),
	"AdminUserGlobalSignOut":           pair[adminUserInput, emptyAnswer](),
	"AssociateSoftwareToken":           pair[associateSoftwareTokenInput, associateSoftwareTokenOutput](),
	"ChangePassword":                   pair[changePasswordInput, emptyAnswer](),
	"CompleteWebAuthnRegistration":     pair[completeWebAuthnRegistrationInput, emptyAnswer](),
	"ConfirmDevice":                    pair[confirmDeviceInput, confirmDeviceOutput](),
	"ConfirmForgotPassword":            pair[confirmForgotPasswordInput, emptyAnswer](),
	"ConfirmSignUp":                    pair[confirmSignUpInput, confirmSignUpOutput](),
	"CreateGroup":                      pair[groupSettings, groupOutput](),
	"CreateUserImportJob":              pair[createUserImportJobInput, importJobOutput](),
	"CreateUserPool":                   pair[createUserPoolInput, createUserPoolOutput](),
	"CreateUserPoolClient":             pair[createUserPoolClientInput, createUserPoolClientOutput](),
	"DeleteGroup":                      pair[groupInput, noBody](),
	"DeleteUser":                       pair[accessTokenInput, noBody](),
	"DeleteUserAttributes":             pair[deleteUserAttributesInput, emptyAnswer](),
	"DeleteUserPool":                   pair[userPoolInput, noBody](),
	"DeleteUserPoolClient":             pair[userPoolClientInput, noBody](),
	"DeleteUserPoolClientSecret":       pair[deleteUserPoolClientSecretInput, emptyAnswer](),
	"DeleteWebAuthnCredential":         pair[deleteWebAuthnCredentialInput, emptyAnswer](),
	"DescribeUserImportJob":            pair[importJobInput, importJobOutput](),
	"DescribeUserPool":                 pair[userPoolInput, describeUserPoolOutput](),
	"DescribeUserPoolClient":           pair[userPoolClientInput, describeUserPoolClientOutput](),
	"ForgetDevice":                     pair[deviceInput, noBody](),
	"ForgotPassword":                   pair[forgotPasswordInput, forgotPasswordOutput](),
	"GetCSVHeader":                     pair[csvHeaderInput, csvHeaderOutput](),
	"GetDevice":                        pair[deviceInput, deviceOutput](),
	"GetGroup":                         pair[groupInput, groupOutput](),
	"GetLogDeliveryConfiguration":      pair[userPoolInput, logDeliveryConfigurationOutput](),
	"GetTokensFromRefreshToken":        pair[getTokensFromRefreshTokenInput, getTokensFromRefreshTokenOutput](),
	"GetUser":                          pair[accessTokenInput, getUserOutput](),
	"GetUserAttributeVerificationCode": pair[getUserAttributeVerificationCodeInput, getUserAttributeVerificationCodeOutput](),
	"GetUserAuthFactors":               pair[accessTokenInput, authFactorsOutput](),
	"GetUserPoolMfaConfig":             pair[userPoolInput, mfaMembers](),
	"GlobalSignOut":                    pair[accessTokenInput, emptyAnswer](),
	"InitiateAuth":                     pair[initiateAuthInput, initiateAuthOutput](),
	"ListDevices":                      pair[listDevicesInput, devicesOutput](),
	"ListGroups":                       pair[listGroupsInput, groupsOutput](),
	"ListTagsForResource":              pair[listTagsForResourceInput, listTagsForResourceOutput](),
	"ListUserImportJobs":               pair[listUserImportJobsInput, importJobsOutput](),
	"ListUserPoolClientSecrets":        pair[listUserPoolClientSecretsInput, listUserPoolClientSecretsOutput](),
	"ListUserPoolClients":              pair[listUserPoolClientsInput, listUserPoolClientsOutput](),
	"ListUserPools":                    pair[listUserPoolsInput, listUserPoolsOutput](),
	"ListUsers":                        pair[listUsersInput, listUsersOutput](),
	"ListUsersInGroup":                 pair[listUsersInGroupInput, listUsersInGroupOutput](),
	"ListWebAuthnCredentials":          pair[listWebAuthnCredentialsInput, listWebAuthnCredentialsOutput](),
	"ResendConfirmationCode":           pair[resendConfirmationCodeInput, resendConfirmationCodeOutput](),
	"RespondToAuthChallenge":           pair[respondToAuthChallengeInput, respondToAuthChallengeOutput](),
	"RevokeToken":                      pair[revokeTokenInput, emptyAnswer](),
	"SetLogDeliveryConfiguration":      pair[setLogDeliveryConfigurationInput, logDeliveryConfigurationOutput](),
	"SetUserMFAPreference":             pair[setUserMFAPreferenceInput, emptyAnswer](),
	"SetUserPoolMfaConfig":             pair[setUserPoolMfaConfigInput, mfaMembers](),
	"SetUserSettings":                  pair[setUserSettingsInput, emptyAnswer](),
	"SignUp":                           pair[signUpInput, signUpOutput](),
	"StartUserImportJob":               pair[importJobInput, importJobOutput](),
	"StopUserImportJob":                pair[importJobInput, importJobOutput](),
	"StartWebAuthnRegistration":        pair[accessTokenInput, startWebAuthnRegistrationOutput](),
	"TagResource":                      pair[tagResourceInput, emptyAnswer](),
	"UntagResource":                    pair[untagResourceInput, emptyAnswer](),
	"UpdateDeviceStatus":               pair[updateDeviceStatusInput, emptyAnswer](),
	"UpdateGroup":                      pair[groupSettings, groupOutput](),
	"UpdateUserAttributes":             pair[updateUserAttributesInput, updateUserAttributesOutput](),
	"UpdateUserPool":                   pair[updateUserPoolInput, emptyAnswer](),
	"UpdateUserPoolClient":             pair[updateUserPoolClientInput, updateUserPoolClientOutput](),
	"VerifySoftwareToken":              pair[verifySoftwareTokenInput, verifySoftwareTokenOutput](),
	"VerifyUserAttribute":              pair[verifyUserAttributeInput, emptyAnswer](),
}

func pair[In, Out any]() [2]reflect.Type {
	return [2]reflect.Type{reflect.TypeFor[In](), reflect.TypeFor[Out]()}
}

// absent are members of the SDK's types that ours lack, each with the reason.
var absent = map[string]string{
	"EventContextDataType.City":                    "nothing knows where an address is",
	"EventContextDataType.Country":                 "nothing knows where an address is",
	"EventContextDataType.Timezone":                "no client tells it but in what is encoded for threat protection",
	"EventRiskType.CompromisedCredentialsDetected": "passwords are not compared with leaked ones",
	"EventRiskType.RiskLevel":                      "the guard has no levels",
	"UserPoolDescriptionType.ReplicaRegions":       "there are no Regions",
	"UserPoolDescriptionType.Status":               "deprecated by the service",
	"UserPoolType.Domain":                          "no hosted login",
	"UserPoolType.CustomDomain":                    "no hosted login",
	"UserPoolType.EmailConfigurationFailure":       "e-mails do not go by the pool's Amazon SES",
	"UserPoolType.SmsConfigurationFailure":         "no message role is used",
	"UserPoolType.Status":                          "deprecated by the service",
}

// newer are members and operations that the service model has and the SDK not yet.
var newer = map[string]bool{
	"SmsConfigurationType.EumsSms":                      true,
	"AdminGetUserAuthFactors":                           true,
	"CreateUserImportJobInput.PasswordHashingAlgorithm": true,
	"UserImportJobType.PasswordHashingAlgorithm":        true,
}

func TestWireTypes_HaveTheSDKsMembers(t *testing.T) {
	client := reflect.TypeFor[*cip.Client]()
	used := map[string]bool{}
	for _, o := range (&API{}).table() {
		types, known := wireTypes[o.name]
		if known != (o.serve != nil) {
			t.Errorf("%s: in the list of wire types: %v, served: %v", o.name, known, o.serve != nil)
			continue
		}
		if !known {
			continue
		}
		m, found := client.MethodByName(o.name)
		if !found && newer[o.name] {
			continue
		}
		compare(t, used, types[0], m.Type.In(2))
		compare(t, used, types[1], m.Type.Out(0))
	}
	for member := range maps.Keys(absent) {
		if !used[member] {
			t.Errorf("%s is listed as absent and is not", member)
		}
	}
}

// compare checks that two types have the same members, by name and by JSON
// type, down to the leaves.
func compare(t *testing.T, used map[string]bool, ours, sdk reflect.Type) {
	t.Helper()
	ours, sdk = deref(ours), deref(sdk)
	if kind(ours) != kind(sdk) {
		t.Errorf("%v is %s on the wire, the SDK's %v is %s", ours, kind(ours), sdk, kind(sdk))
		return
	}
	switch kind(sdk) {
	case "list":
		compare(t, used, ours.Elem(), sdk.Elem())
	case "structure":
		compareMembers(t, used, ours, sdk)
	}
}

func compareMembers(t *testing.T, used map[string]bool, ours, sdk reflect.Type) {
	t.Helper()
	have := shapeMembers(ours)
	for f := range sdk.Fields() {
		if !f.IsExported() || f.Type == reflect.TypeFor[middleware.Metadata]() {
			continue
		}
		member := sdk.Name() + "." + f.Name
		mine, ok := have[f.Name]
		_, listed := absent[member]
		switch {
		case listed:
			used[member] = true
			if ok {
				t.Errorf("%s is listed as absent, and %v has it", member, ours)
			}
		case !ok:
			t.Errorf("%v lacks %s", ours, member)
		default:
			compare(t, used, mine, f.Type)
		}
		delete(have, f.Name)
	}
	for name := range have {
		if !newer[sdk.Name()+"."+name] {
			t.Errorf("%v.%s is unknown to the SDK's %v", ours, name, sdk)
		}
	}
}

func shapeMembers(t reflect.Type) map[string]reflect.Type {
	members := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if !f.Anonymous {
			members[f.Name] = f.Type
		}
	}
	return members
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// kind is a type's form in JSON.
func kind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[epoch](), t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[anyJSON](), t == reflect.TypeFor[document.Interface]():
		return "document"
	}
	switch t.Kind() {
	case reflect.Struct:
		return "structure"
	case reflect.Slice:
		return "list"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "number"
	default:
		return t.Kind().String()
	}
}

// requiredBySDK are the members without which the SDK does not send a request.
func requiredBySDK(t *testing.T, operation string) (names []string) {
	t.Helper()
	client := reflect.ValueOf(cip.New(cip.Options{Region: "us-east-1", HTTPClient: unreachable{}, Retryer: aws.NopRetryer{}}))
	call := client.MethodByName(operation)
	out := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.New(call.Type().In(1).Elem())})
	err, _ := out[1].Interface().(error)
	if err == nil {
		t.Fatalf("%s without anything was sent and answered", operation)
	}
	for _, m := range regexp.MustCompile(`missing required field, \w+Input\.(\w+)\.`).FindAllStringSubmatch(err.Error(), -1) {
		names = append(names, m[1])
	}
	return names
}

// unreachable is a server that nobody answers for.
type unreachable struct{}

func (unreachable) Do(*http.Request) (*http.Response, error) { return nil, errors.New("unreachable") }

func TestValidate_WhatTheSDKRequires_IsRequired(t *testing.T) {
	for operation := range wireTypes {
		if newer[operation] {
			continue
		}
		required := requiredBySDK(t, operation)
		got := complaint(t, operation, `{}`)
		for _, name := range required {
			if at := strings.ToLower(name[:1]) + name[1:]; !strings.Contains(got, "Value null at '"+at+"' "+notNull) {
				t.Errorf("%s without %s: %q", operation, name, got)
			}
		}
		if n := strings.Count(got, "Value null"); n != len(required) {
			t.Errorf("%s: %d members are required, the SDK requires %v: %q", operation, n, required, got)
		}
	}
}

func TestDecode_MembersOfAnotherType_AreSerializationExceptions(t *testing.T) {
	wrong := map[string][]string{
		"string": {`7`, `true`, `[]`, `{}`}, "bool": {`"true"`, `1`, `[]`, `{}`}, "number": {`"1"`, `1.5`, `true`, `[]`, `{}`, `1e99`},
		"list": {`"x"`, `1`, `{}`, `[[]]`}, "map": {`"x"`, `1`, `[]`, `{"a":7}`, `{"a":{}}`}, "structure": {`"x"`, `1`, `[]`},
	}
	for operation, types := range wireTypes {
		for name, member := range shapeMembers(types[0]) {
			for _, value := range wrong[kind(deref(member))] {
				body := `{"` + name + `":` + value + `}`
				err := decode([]byte(body), shapeOf(types[0]), reflect.New(types[0]).Interface())
				if e, ok := errors.AsType[*wireError](err); !ok || e.name != "SerializationException" {
					t.Errorf("%s %s: %v", operation, body, err)
				}
			}
		}
	}
}

func TestTable_TokenOperations_HaveAnAccessToken(t *testing.T) {
	for _, o := range (&API{}).table() {
		if o.serve == nil {
			continue
		}
		members := shapeMembers(wireTypes[o.name][0])
		_, has := members["AccessToken"]
		if _, either := members["Session"]; has && either { // one or the other, so anybody may come
			has = false
		}
		if has != (o.who == accessToken) {
			t.Errorf("%s: has an AccessToken: %v, access %d", o.name, has, o.who)
		}
	}
}

func TestExceptions_EveryKindHasWordsThatTheSDKKnows(t *testing.T) {
	modelled := []error{
		&types.InternalErrorException{}, &types.InvalidParameterException{}, &types.NotAuthorizedException{},
		&types.ResourceNotFoundException{}, &types.UserNotFoundException{}, &types.UsernameExistsException{},
		&types.AliasExistsException{}, &types.UserNotConfirmedException{}, &types.PasswordResetRequiredException{},
		&types.CodeMismatchException{}, &types.ExpiredCodeException{}, &types.CodeDeliveryFailureException{},
		&types.InvalidPasswordException{}, &types.PasswordHistoryPolicyViolationException{}, &types.LimitExceededException{}, &types.TooManyRequestsException{},
		&types.ForbiddenException{}, &types.UnsupportedUserStateException{}, &types.RefreshTokenReuseException{},
		&types.UnsupportedTokenTypeException{}, &types.UnsupportedOperationException{}, &types.UnauthorizedException{},
		&types.UserPoolTaggingException{}, &types.ConcurrentModificationException{},
		&types.InvalidOAuthFlowException{}, &types.ScopeDoesNotExistException{},
		&types.UserLambdaValidationException{}, &types.UnexpectedLambdaException{}, &types.InvalidLambdaResponseException{},
		&types.GroupExistsException{}, &types.DeviceKeyExistsException{}, &types.InvalidUserPoolConfigurationException{},
		&types.WebAuthnNotEnabledException{}, &types.WebAuthnConfigurationMissingException{}, &types.WebAuthnChallengeNotFoundException{},
		&types.WebAuthnClientMismatchException{}, &types.WebAuthnOriginNotAllowedException{}, &types.WebAuthnRelyingPartyMismatchException{},
		&types.WebAuthnCredentialNotSupportedException{},
		&types.SoftwareTokenMFANotFoundException{}, &types.EnableSoftwareTokenMFAException{},
		&types.UserImportInProgressException{}, &types.PreconditionNotMetException{},
	}
	var names []string
	for _, e := range modelled {
		names = append(names, reflect.TypeOf(e).Elem().Name())
	}
	names = append(names, "ServiceUnavailableException") // common to AWS; SDKs send the request again
	if len(exceptions) != len(fault.Kinds()) {
		t.Errorf("%d kinds, %d exceptions", len(fault.Kinds()), len(exceptions))
	}
	for _, k := range fault.Kinds() {
		e := worded(fault.New(k, "why"))
		if !slices.Contains(names, e.name) {
			t.Errorf("kind %d: %q is no exception of the SDK", k, e.name)
		}
		want := map[fault.Kind]int{fault.Internal: http.StatusInternalServerError, fault.Unavailable: http.StatusServiceUnavailable}[k]
		if want == 0 {
			want = http.StatusBadRequest
		}
		if e.status != want {
			t.Errorf("%s: status %d, want %d", e.name, e.status, want)
		}
	}
}

func TestWorded_InternalFailures_TellNothing(t *testing.T) {
	for _, err := range []error{
		errors.New("open /secret/path"),
		fault.Wrap(fault.Internal, errors.New("cause"), "open /secret/path"),
	} {
		e := worded(err)
		if e.message != internalMessage || strings.Contains(string(envelope(e)), "secret") || e.cause == nil {
			t.Errorf("%v became %q with cause %v", err, e.message, e.cause)
		}
	}
}
