package trigger

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Sources returns every source that Bellhop sends, trigger by trigger.
func Sources() []Source {
	sources := []Source{
		PreSignUpSignUp, PreSignUpAdminCreateUser,
		PostConfirmationConfirmSignUp, PostConfirmationConfirmForgotPassword,
		PreAuthenticationAuthentication, PostAuthenticationAuthentication,
		TokenGenerationAuthentication, TokenGenerationNewPasswordChallenge, TokenGenerationRefreshTokens,
		DefineAuthChallengeAuthentication, CreateAuthChallengeAuthentication, VerifyAuthChallengeAuthentication,
		UserMigrationAuthentication, UserMigrationForgotPassword,
	}
	messages := []Source{
		CustomMessageSignUp, CustomMessageAdminCreateUser, CustomMessageResendCode, CustomMessageForgotPassword,
		CustomMessageUpdateUserAttribute, CustomMessageVerifyUserAttribute, CustomMessageAuthentication,
	}
	for _, t := range []Name{CustomMessage, CustomSMSSender, CustomEmailSender} {
		for _, s := range messages {
			sources = append(sources, s.For(t))
		}
	}
	return sources
}

// The versions of an event. All but the tokens' trigger's are the first.
const (
	Version1 = "1"
	Version2 = "2"
	Version3 = "3"
)

// Whoever is in samples: nobody, with a number and an address that are for
// examples (NANP 555-01xx, RFC 2606).
const (
	sampleUser   = "6a1d0c2e-7b5f-4d0c-9a4e-2f1c3b5d7e90"
	samplePhone  = "+14155550123"
	sampleEmail  = "asha@example.com"
	sampleAnswer = "314159"
	sampleSecret = "Correct-Horse-7"
	sampleSealed = "AYADeHNhbXBsZQ=="
)

// sample is one trigger's example: what it is asked and what it is to fill in.
type sample struct{ request, response any }

// Sample returns an example of the event of that source, in that version ("" is
// the first), as a function gets it. The user in it is made up. An event for a
// custom sender holds a code that no key opens.
func Sample(source Source, version string) ([]byte, error) {
	if !slices.Contains(Sources(), source) {
		return nil, fmt.Errorf("there is no trigger source %s", source)
	}
	if version == "" {
		version = Version1
	}
	tokens := source.Trigger() == PreTokenGeneration
	if !slices.Contains([]string{Version1, Version2, Version3}, version) || version != Version1 && !tokens {
		return nil, fmt.Errorf("there is no version %q of %s", version, source)
	}
	s := sampleOf(source, version)
	event := Event[any, any]{
		Version: version, TriggerSource: source, Region: "us-east-1", UserPoolID: "us-east-1_Sample123", UserName: sampleUser,
		CallerContext: CallerContext{AWSSDKVersion: UnknownSDK, ClientID: "sampleclient"},
		Request:       s.request, Response: s.response,
	}
	if source.Trigger() == UserMigration {
		event.UserName = samplePhone // what was typed; there is no user yet
	}
	return json.Marshal(event)
}

func sampleOf(source Source, version string) sample {
	user := Attributes{"sub": sampleUser, "cognito:user_status": "CONFIRMED", "phone_number": samplePhone, "phone_number_verified": "true", "email": sampleEmail}
	wrong := "CODE-" + sampleAnswer
	asked := []Step{{ChallengeName: "CUSTOM_CHALLENGE", ChallengeResult: false, ChallengeMetadata: &wrong}}
	groups := GroupConfiguration{GroupsToOverride: []string{"staff"}, IAMRolesToOverride: []string{}}
	switch source.Trigger() {
	case PreSignUp:
		return sample{PreSignUpRequest{UserAttributes: Attributes{"phone_number": samplePhone, "email": sampleEmail}}, PreSignUpResponse{}}
	case PostConfirmation:
		return sample{PostConfirmationRequest{UserAttributes: user}, None{}}
	case PreAuthentication:
		return sample{PreAuthenticationRequest{UserAttributes: user}, None{}}
	case PostAuthentication:
		return sample{PostAuthenticationRequest{UserAttributes: user}, None{}}
	case PreTokenGeneration:
		if version == Version1 {
			return sample{TokenRequest{UserAttributes: user, GroupConfiguration: groups}, TokenResponseV1{}}
		}
		return sample{TokenRequest{UserAttributes: user, GroupConfiguration: groups, Scopes: []string{"aws.cognito.signin.user.admin"}}, TokenResponseV2{}}
	case DefineAuthChallenge:
		return sample{DefineRequest{UserAttributes: user, Session: []Step{}}, DefineResponse{}}
	case CreateAuthChallenge:
		return sample{CreateRequest{UserAttributes: user, ChallengeName: "CUSTOM_CHALLENGE", Session: asked}, CreateResponse{}}
	case VerifyAuthChallenge:
		return sample{VerifyRequest{UserAttributes: user, PrivateChallengeParameters: Texts{"answer": sampleAnswer}, ChallengeAnswer: sampleAnswer}, VerifyResponse{}}
	case UserMigration:
		if source == UserMigrationForgotPassword {
			return sample{UserMigrationRequest{}, UserMigrationResponse{}}
		}
		return sample{UserMigrationRequest{Password: sampleSecret}, UserMigrationResponse{}}
	case CustomMessage:
		request := CustomMessageRequest{UserAttributes: user, CodeParameter: "{####}", LinkParameter: "{##Click Here##}"}
		if source == CustomMessageAdminCreateUser {
			name := "{username}"
			request.UsernameParameter = &name
		}
		return sample{request, CustomMessageResponse{}}
	case CustomSMSSender:
		return sample{CustomSenderRequest{Type: SMSSenderRequest, Code: sampleSealed, UserAttributes: user}, None{}}
	default:
		return sample{CustomSenderRequest{Type: EmailSenderRequest, Code: sampleSealed, UserAttributes: user}, None{}}
	}
}

// Check says whether an answer to an event of that source and version is one: it
// can be read, and that of DefineAuthChallenge decides something. Of a custom sender
// nothing is read, so that any answer is.
func Check(source Source, version string, answer []byte) error {
	switch source.Trigger() {
	case PreSignUp:
		return check[PreSignUpResponse](answer)
	case PreTokenGeneration:
		if version == "" || version == Version1 {
			return check[TokenResponseV1](answer)
		}
		return check[TokenResponseV2](answer)
	case DefineAuthChallenge:
		return checkDecision(answer)
	case CreateAuthChallenge:
		return check[CreateResponse](answer)
	case VerifyAuthChallenge:
		return check[VerifyResponse](answer)
	case UserMigration:
		return check[UserMigrationResponse](answer)
	case CustomMessage:
		return check[CustomMessageResponse](answer)
	case CustomSMSSender, CustomEmailSender:
		return nil
	default:
		return check[None](answer)
	}
}

func check[A any](answer []byte) error {
	var zero A
	_, err := Read(answer, zero)
	return err
}

// checkDecision checks that the function has decided: one that gives its event back
// untouched has not.
func checkDecision(answer []byte) error {
	r, err := Read(answer, DefineResponse{})
	if err != nil {
		return err
	}
	said := func(b *bool) bool { return b != nil && *b }
	if !said(r.IssueTokens) && !said(r.FailAuthentication) && (r.ChallengeName == nil || *r.ChallengeName == "") {
		return fmt.Errorf("%w: it names no challenge, and neither issues tokens nor fails", ErrUnrecognizable)
	}
	return nil
}
