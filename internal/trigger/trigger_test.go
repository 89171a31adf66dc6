package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

func TestRead_WhatFunctionsAnswer(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		answer string
		want   *bool
		fails  bool
	}{
		"the whole event":           {`{"version":"1","triggerSource":"x","request":{"a":[1]},"response":{"answerCorrect":true}}`, &yes, false},
		"nothing but the response":  {`{"response":{"answerCorrect":false}}`, &no, false},
		"null as it came":           {`{"response":{"answerCorrect":null}}`, nil, false},
		"an empty response":         {`{"response":{}}`, nil, false},
		"members of its own":        {`{"response":{"answerCorrect":true,"note":"x"},"own":1}`, &yes, false},
		"a text for a boolean":      {`{"response":{"answerCorrect":"true"}}`, nil, true},
		"a number for a boolean":    {`{"response":{"answerCorrect":1}}`, nil, true},
		"another spelling":          {`{"response":{"AnswerCorrect":true}}`, nil, false},
		"no response":               {`{"version":"1"}`, nil, true},
		"a null response":           {`{"response":null}`, nil, true},
		"a list for a response":     {`{"response":[]}`, nil, true},
		"null":                      {`null`, nil, true},
		"nothing":                   {``, nil, true},
		"a text":                    {`"ok"`, nil, true},
		"a list":                    {`[{"response":{}}]`, nil, true},
		"cut off":                   {`{"response":{"answerCorrect":tr`, nil, true},
		"an answer of API Gateway":  {`{"statusCode":200,"body":"{}"}`, nil, true},
		"a response that is a text": {`{"response":"{\"answerCorrect\":true}"}`, nil, true},
		"said twice":                {`{"response":{"answerCorrect":false,"answerCorrect":true}}`, nil, true},
	} {
		got, err := trigger.Read([]byte(c.answer), trigger.VerifyResponse{})
		if c.fails != errors.Is(err, trigger.ErrUnrecognizable) || (err == nil) == c.fails {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(got.AnswerCorrect, c.want) {
			t.Errorf("%s: %v", name, got.AnswerCorrect)
		}
	}
}

func TestRead_WhatAResponseLeavesOut_StaysAsSent(t *testing.T) {
	got, err := trigger.Read([]byte(`{"response":{"autoVerifyPhone":true}}`), trigger.PreSignUpResponse{AutoConfirmUser: true})
	if want := (trigger.PreSignUpResponse{AutoConfirmUser: true, AutoVerifyPhone: true}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRead_Parameters_AreTextsOrBecomeSome(t *testing.T) {
	read := func(parameters string) (trigger.Texts, error) {
		r, err := trigger.Read([]byte(`{"response":{"privateChallengeParameters":`+parameters+`}}`), trigger.CreateResponse{})
		return r.PrivateChallengeParameters, err
	}
	got, err := read(`{"answer":123456,"zero":"007","yes":true,"none":null,"é":"ü"}`)
	want := trigger.Texts{"answer": "123456", "zero": "007", "yes": "true", "é": "ü"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := read(`null`); err != nil || got != nil {
		t.Errorf("null: %v, %v", got, err)
	}
	for _, wrong := range []string{`{"a":{}}`, `{"a":[]}`, `[]`, `"x"`, `7`, `{"a":"\ud800"}`} {
		if got, err := read(wrong); !errors.Is(err, trigger.ErrUnrecognizable) {
			t.Errorf("%s: %v, %v", wrong, got, err)
		}
	}
}

func TestRead_ClaimsOfTheFirstVersion_AreTextsAlone(t *testing.T) {
	for claims, good := range map[string]bool{
		`{"tenant":"t1"}`: true, `{}`: true, `null`: true,
		`{"n":2}`: false, `{"b":true}`: false, `{"x":null}`: false, `{"o":{}}`: false,
	} {
		_, err := trigger.Read([]byte(`{"response":{"claimsOverrideDetails":{"claimsToAddOrOverride":`+claims+`}}}`), trigger.TokenResponseV1{})
		if (err == nil) != good {
			t.Errorf("%s: %v", claims, err)
		}
	}
	got, err := trigger.Read([]byte(`{"response":{"claimsAndScopeOverrideDetails":{"accessTokenGeneration":{"claimsToAddOrOverride":{"n":12345678901234567890,"o":{"k":[true]}}}}}}`), trigger.TokenResponseV2{})
	if err != nil || string(got.Overrides.Access.AddOrOverride["n"]) != "12345678901234567890" {
		t.Errorf("%+v, %v", got, err)
	}
}

// What functions look into must be there: an object of attributes, a list of
// steps, a response to fill in.
func TestEvent_IsWrittenAsCognitoDoes(t *testing.T) {
	for want, event := range map[string]any{
		`{"version":"1","triggerSource":"DefineAuthChallenge_Authentication","region":"eu-central-1","userPoolId":"eu-central-1_A","userName":"u","callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"c"},"request":{"userAttributes":{},"session":[],"userNotFound":true},"response":{"challengeName":null,"issueTokens":null,"failAuthentication":null}}`: trigger.Event[trigger.DefineRequest, trigger.DefineResponse]{
			Version: "1", TriggerSource: trigger.DefineAuthChallengeAuthentication, Region: "eu-central-1", UserPoolID: "eu-central-1_A", UserName: "u",
			CallerContext: trigger.CallerContext{AWSSDKVersion: trigger.UnknownSDK, ClientID: "c"},
			Request:       trigger.DefineRequest{Session: []trigger.Step{}, UserNotFound: true},
		},
		`{"password":"p","validationData":null,"userAttributes":null}`:                                                                                    trigger.UserMigrationRequest{Password: "p"},
		`{"userAttributes":{"sub":"s"},"validationData":null}`:                                                                                            trigger.PreSignUpRequest{UserAttributes: trigger.Attributes{"sub": "s"}},
		`{"autoConfirmUser":false,"autoVerifyEmail":false,"autoVerifyPhone":false}`:                                                                       trigger.PreSignUpResponse{},
		`{"challengeName":"CUSTOM_CHALLENGE","challengeResult":false,"challengeMetadata":null}`:                                                           trigger.Step{ChallengeName: "CUSTOM_CHALLENGE"},
		`{"publicChallengeParameters":null,"privateChallengeParameters":null,"challengeMetadata":null}`:                                                   trigger.CreateResponse{},
		`{"claimsOverrideDetails":null}`:                                                                                                                  trigger.TokenResponseV1{},
		`{"userAttributes":null,"forceAliasCreation":null,"enableSMSMFA":null,"finalUserStatus":null,"messageAction":null,"desiredDeliveryMediums":null}`: trigger.UserMigrationResponse{},
	} {
		got, err := json.Marshal(event)
		if err != nil || string(got) != want {
			t.Errorf("%T:\n%s\nwant\n%s %v", event, got, want, err)
		}
	}
}

func TestSource_NamesItsTrigger(t *testing.T) {
	for source, want := range map[trigger.Source]trigger.Name{
		trigger.PreSignUpSignUp: trigger.PreSignUp, trigger.TokenGenerationRefreshTokens: trigger.PreTokenGeneration,
		trigger.VerifyAuthChallengeAuthentication: trigger.VerifyAuthChallenge, "CustomSMSSender_SignUp": trigger.CustomSMSSender,
		"PreSignUp": "", "Nothing_SignUp": "", "": "",
	} {
		if got := source.Trigger(); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
	if got := trigger.CustomMessageForgotPassword.For(trigger.CustomEmailSender); got != "CustomEmailSender_ForgotPassword" {
		t.Error(got)
	}
}

type named string

func (n named) Invoke(context.Context, string, []byte) ([]byte, error) { return []byte(n), nil }

func TestRoutes_TheFirstThatMatches(t *testing.T) {
	const prefix = "arn:aws:lambda:eu-central-1:123456789012:function:"
	routes := trigger.Routes{
		{prefix + "define", named("exact")},
		{prefix + "auth-*", named("family")},
		{"arn:aws:lambda:*:123456789012:function:create/[x]?", named("odd")},
		{"arn:aws:lambda:*", named("rest")},
	}
	for arn, want := range map[string]string{
		prefix + "define": "exact", prefix + "define:live": "rest", prefix + "auth-verify": "family",
		prefix + "create/[x]?": "odd", prefix + "create/xy": "rest", prefix + "auth-a/b": "family",
	} {
		if got, err := routes.Invoke(t.Context(), arn, nil); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", arn, got, err)
		}
	}
	_, err := routes.Invoke(t.Context(), "arn:aws:sns:eu-central-1:123456789012:topic", nil)
	failed, ok := errors.AsType[*trigger.InvokeError](err)
	if !ok || failed.Fault != trigger.Misconfigured || failed.MayPass() || !strings.Contains(err.Error(), "triggers file") {
		t.Error(err)
	}
}

func TestIsBuiltIn(t *testing.T) {
	for arn, want := range map[string]bool{
		"arn:aws:lambda:us-east-1:000000000000:function:bellhop-texted-code":   true,
		"arn:aws:lambda:ap-south-1:000000000000:function:bellhop-texted-code":  true,
		"arn:aws:lambda:us-east-1:123456789012:function:bellhop-texted-code":   false,
		"arn:aws:lambda:us-east-1:000000000000:function:bellhop-texted-code:1": false,
		"arn:aws:lambda:us-east-1:000000000000:function:bellhop-other":         false,
		"bellhop-texted-code": false, "": false,
	} {
		if got := trigger.IsBuiltIn(arn); got != want {
			t.Errorf("%q: %v", arn, got)
		}
	}
}
