// Package trigger is the vocabulary of Cognito's Lambda triggers: which there
// are, the JSON that goes to a function and comes back, and what may become of a
// call. It calls nobody; an Invoker does (trigger/lambda, trigger/local,
// trigger/webhook). Both Bellhop, which calls functions, and bellhop-lambda, which
// is one, speak it.
package trigger

import "strings"

// Name is a trigger's, as LambdaConfig and Cognito's error texts have it.
type Name string

// The triggers (service model, LambdaConfigType).
const (
	PreSignUp             Name = "PreSignUp"
	PostConfirmation      Name = "PostConfirmation"
	PreAuthentication     Name = "PreAuthentication"
	PostAuthentication    Name = "PostAuthentication"
	PreTokenGeneration    Name = "PreTokenGeneration"
	DefineAuthChallenge   Name = "DefineAuthChallenge"
	CreateAuthChallenge   Name = "CreateAuthChallenge"
	VerifyAuthChallenge   Name = "VerifyAuthChallengeResponse"
	UserMigration         Name = "UserMigration"
	CustomMessage         Name = "CustomMessage"
	CustomSMSSender       Name = "CustomSMSSender"
	CustomEmailSender     Name = "CustomEmailSender"
	sourceTokenGeneration      = "TokenGeneration"
)

// Names returns every trigger, in the order of the service model's guide.
func Names() []Name {
	return []Name{
		PreSignUp, PostConfirmation, PreAuthentication, PostAuthentication, PreTokenGeneration,
		DefineAuthChallenge, CreateAuthChallenge, VerifyAuthChallenge, UserMigration,
		CustomMessage, CustomSMSSender, CustomEmailSender,
	}
}

// Source is an event's triggerSource: the trigger, and what set it off.
type Source string

// The sources (developer guide, Lambda trigger sources) that Bellhop sends.
const (
	PreSignUpSignUp          Source = "PreSignUp_SignUp"
	PreSignUpAdminCreateUser Source = "PreSignUp_AdminCreateUser"

	PostConfirmationConfirmSignUp         Source = "PostConfirmation_ConfirmSignUp"
	PostConfirmationConfirmForgotPassword Source = "PostConfirmation_ConfirmForgotPassword"

	PreAuthenticationAuthentication  Source = "PreAuthentication_Authentication"
	PostAuthenticationAuthentication Source = "PostAuthentication_Authentication"

	TokenGenerationAuthentication       Source = "TokenGeneration_Authentication"
	TokenGenerationNewPasswordChallenge Source = "TokenGeneration_NewPasswordChallenge"
	TokenGenerationRefreshTokens        Source = "TokenGeneration_RefreshTokens"

	DefineAuthChallengeAuthentication Source = "DefineAuthChallenge_Authentication"
	CreateAuthChallengeAuthentication Source = "CreateAuthChallenge_Authentication"
	VerifyAuthChallengeAuthentication Source = "VerifyAuthChallengeResponse_Authentication"

	UserMigrationAuthentication Source = "UserMigration_Authentication"
	UserMigrationForgotPassword Source = "UserMigration_ForgotPassword"

	CustomMessageSignUp              Source = "CustomMessage_SignUp"
	CustomMessageAdminCreateUser     Source = "CustomMessage_AdminCreateUser"
	CustomMessageResendCode          Source = "CustomMessage_ResendCode"
	CustomMessageForgotPassword      Source = "CustomMessage_ForgotPassword"
	CustomMessageUpdateUserAttribute Source = "CustomMessage_UpdateUserAttribute"
	CustomMessageVerifyUserAttribute Source = "CustomMessage_VerifyUserAttribute"
	CustomMessageAuthentication      Source = "CustomMessage_Authentication"
)

// For returns the source of another trigger that the same event sets off: what
// CustomMessage_SignUp is to CustomMessage, CustomSMSSender_SignUp is to
// CustomSMSSender.
func (s Source) For(t Name) Source {
	_, what, _ := strings.Cut(string(s), "_")
	return Source(string(t) + "_" + what)
}

// Trigger is whose event it is, "" if there is no such trigger.
func (s Source) Trigger() Name {
	prefix, _, found := strings.Cut(string(s), "_")
	if prefix == sourceTokenGeneration {
		prefix = string(PreTokenGeneration)
	}
	for _, t := range Names() {
		if found && string(t) == prefix {
			return t
		}
	}
	return ""
}

// NoClient stands in callerContext.clientId where an administrator's call names no
// app client.
const NoClient = "CLIENT_ID_NOT_APPLICABLE"

// UnknownSDK stands in callerContext.awsSdkVersion of calls that nobody signed.
const UnknownSDK = "aws-sdk-unknown-unknown"

// Event is what a function gets, whole, and gives back with its response filled
// in. Q and A are the request and the response of one trigger.
type Event[Q, A any] struct {
	Version       string        `json:"version"` // "1"; the version of the tokens' trigger
	TriggerSource Source        `json:"triggerSource"`
	Region        string        `json:"region"`
	UserPoolID    string        `json:"userPoolId"`
	UserName      string        `json:"userName"`
	CallerContext CallerContext `json:"callerContext"`
	Request       Q             `json:"request"`
	Response      A             `json:"response"`
}

// CallerContext says through which app client a person came.
type CallerContext struct {
	AWSSDKVersion string `json:"awsSdkVersion"`
	ClientID      string `json:"clientId"`
}

// TextedCode is the reserved name of the built-in challenge by a texted code, for
// DefineAuthChallenge, CreateAuthChallenge and VerifyAuthChallengeResponse: a
// function of this name, of any region and of no account, is Bellhop itself.
const TextedCode = "bellhop-texted-code"

const builtInPrefix = "arn:aws:lambda:"

// IsBuiltIn says whether the ARN names Bellhop's own challenge.
func IsBuiltIn(arn string) bool {
	rest, ok := strings.CutPrefix(arn, builtInPrefix)
	_, name, _ := strings.Cut(rest, ":")
	return ok && name == "000000000000:function:"+TextedCode
}
