package trigger_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// A sample given back as it came is an answer to itself: it has the members, and
// of the types, that the trigger reads. DefineAuthChallenge alone must decide.
func TestSample_OfEverySource_IsAnEventThatMayComeBackAsItIs(t *testing.T) {
	for _, source := range trigger.Sources() {
		for _, version := range []string{"", "1", "2", "3"} {
			event, err := trigger.Sample(source, version)
			if several := version == "2" || version == "3"; several && source.Trigger() != trigger.PreTokenGeneration {
				if err == nil {
					t.Errorf("%s has a version %s", source, version)
				}
				continue
			}
			var got trigger.Event[map[string]any, map[string]any]
			if err != nil || json.Unmarshal(event, &got) != nil {
				t.Errorf("%s %s: %s, %v", source, version, event, err)
				continue
			}
			if got.TriggerSource != source || got.Version == "" || got.UserName == "" || got.Request == nil || got.Response == nil {
				t.Errorf("%s %s: %s", source, version, event)
			}
			undecided := source.Trigger() == trigger.DefineAuthChallenge
			if err := trigger.Check(source, version, event); (err != nil) != undecided {
				t.Errorf("%s %s: %v", source, version, err)
			}
		}
	}
	if n := len(trigger.Sources()); n != 14+3*7 {
		t.Errorf("%d sources", n)
	}
	for _, source := range []trigger.Source{"", "PreSignUp", "PreSignUp_Nothing", "CustomSMSSender_Nothing"} {
		if _, err := trigger.Sample(source, ""); err == nil {
			t.Errorf("%q has a sample", source)
		}
	}
}

// Each trigger's response is read by its own types.
func TestCheck_GoesByTheTrigger(t *testing.T) {
	for _, c := range []struct {
		source           trigger.Source
		version          string
		response, broken string
	}{
		{trigger.PreSignUpSignUp, "1", `{"autoConfirmUser":true}`, `{"autoConfirmUser":"yes"}`},
		{trigger.PostConfirmationConfirmSignUp, "1", `{"anything":1}`, `[]`},
		{trigger.PreAuthenticationAuthentication, "1", `{}`, `null`},
		{trigger.TokenGenerationRefreshTokens, "1", `{"claimsOverrideDetails":{"claimsToAddOrOverride":{"a":"b"}}}`, `{"claimsOverrideDetails":{"claimsToAddOrOverride":{"a":1}}}`},
		{trigger.TokenGenerationRefreshTokens, "2", `{"claimsAndScopeOverrideDetails":{"idTokenGeneration":{"claimsToAddOrOverride":{"a":1}}}}`, `{"claimsAndScopeOverrideDetails":[]}`},
		{trigger.DefineAuthChallengeAuthentication, "1", `{"issueTokens":true}`, `{"issueTokens":"true"}`},
		{trigger.DefineAuthChallengeAuthentication, "1", `{"failAuthentication":true}`, `{"issueTokens":false,"failAuthentication":false,"challengeName":""}`},
		{trigger.DefineAuthChallengeAuthentication, "1", `{"challengeName":"CUSTOM_CHALLENGE","issueTokens":false}`, `{}`},
		{trigger.CreateAuthChallengeAuthentication, "1", `{"publicChallengeParameters":{"a":"b"}}`, `{"publicChallengeParameters":"b"}`},
		{trigger.VerifyAuthChallengeAuthentication, "1", `{"answerCorrect":true}`, `{"answerCorrect":1}`},
		{trigger.UserMigrationForgotPassword, "1", `{"userAttributes":{"a":"b"}}`, `{"finalUserStatus":1}`},
		{trigger.CustomMessageSignUp, "1", `{"smsMessage":"{####}"}`, `{"smsMessage":1}`},
	} {
		if err := trigger.Check(c.source, c.version, []byte(`{"response":`+c.response+`}`)); err != nil {
			t.Errorf("%s: %v", c.source, err)
		}
		if err := trigger.Check(c.source, c.version, []byte(`{"response":`+c.broken+`}`)); !errors.Is(err, trigger.ErrUnrecognizable) {
			t.Errorf("%s takes %s", c.source, c.broken)
		}
	}
	if err := trigger.Check("CustomEmailSender_SignUp", "1", nil); err != nil {
		t.Errorf("the answer of a custom sender is read: %v", err)
	}
}

func TestReadFailure_WhatRuntimesWriteOfAnError(t *testing.T) {
	long := strings.Repeat("ü", 3000)
	for payload, want := range map[string]struct {
		failure trigger.FunctionError
		ok      bool
	}{
		`{"errorMessage":"no","errorType":"Error","trace":["a"]}`: {trigger.FunctionError{Type: "Error", Message: "no"}, true},
		`{"errorMessage":""}`:                    {trigger.FunctionError{}, true},
		`{"errorType":"Error"}`:                  {trigger.FunctionError{Type: "Error"}, false},
		`{"errorMessage":null,"errorType":"T"}`:  {trigger.FunctionError{Type: "T"}, false},
		`{"errorMessage":{"a":1},"errorType":7}`: {trigger.FunctionError{}, false},
		`{"ErrorMessage":"no"}`:                  {trigger.FunctionError{}, false},
		`{"message":"Forbidden"}`:                {trigger.FunctionError{}, false},
		`"no"`:                                   {trigger.FunctionError{}, false},
		``:                                       {trigger.FunctionError{}, false},
		`<html>`:                                 {trigger.FunctionError{}, false},
		"{\"errorMessage\":\"a\xff\"}":           {trigger.FunctionError{Message: "a\uFFFD"}, true},
		`{"errorMessage":"a","errorMessage":"b"}`: {trigger.FunctionError{Message: "b"}, true},
		`{"errorMessage":"` + long + `"}`:         {trigger.FunctionError{Message: long[:4096]}, true},
		`{"errorMessage":"x` + long + `"}`:        {trigger.FunctionError{Message: "x" + long[:4094]}, true},
	} {
		got, ok := trigger.ReadFailure([]byte(payload))
		if !reflect.DeepEqual(*got, want.failure) || ok != want.ok {
			t.Errorf("%.80s: %.80v, %v", payload, got, ok)
		}
	}
}
