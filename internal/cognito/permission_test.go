package cognito

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// TestPermission_EveryServedOperation_AsksForThePoolOfItsRequest is what keeps
// a key of one pool out of the others, whatever operation is added.
func TestPermission_EveryServedOperation_AsksForThePoolOfItsRequest(t *testing.T) {
	const pool = "us-east-1_Riders1"
	stop := errors.New("stop")
	poolless := []string{"CreateUserPool", "ListUserPools"}
	asked := 0
	for _, o := range new(API).table() {
		if o.who != admin || o.serve == nil {
			continue
		}
		var got []userpool.PoolID
		ask := func(id userpool.PoolID) error { got = append(got, id); return stop }
		body, want := `{"UserPoolId":"`+pool+`"}`, userpool.PoolID(pool)
		switch {
		case slices.Contains(poolless, o.name):
			body, want = `{}`, ""
		case strings.HasSuffix(o.name, "TagResource") || strings.HasSuffix(o.name, "ForResource") || o.name == "UntagResource":
			body = `{"ResourceArn":"` + poolARN(pool) + `"}`
		}
		_, err := o.serve(context.Background(), userpool.Caller{}, ask, []byte(body))
		if !errors.Is(err, stop) || !slices.Equal(got, []userpool.PoolID{want}) {
			t.Errorf("%s asks for %q and goes on with %v, want %q", o.name, got, err, want)
		}
		asked++
	}
	if asked < 10 {
		t.Errorf("only %d operations were asked", asked)
	}
}

// limited is a face with one key, and the exception that it answers to a request
// of the family for DescribeUserPool, signed now.
func limited(key userpool.Credential, family string) (exception, message string) {
	key.ID, key.Secret = testKeyID, testSecret
	api := &API{service: new(userpool.Service), keys: func(_ context.Context, id string) (userpool.Credential, error) { return key, nil }}
	ops, err := index(api.table())
	if err != nil {
		return err.Error(), ""
	}
	api.operations = ops
	r := signAs(familyRequest(family), describeBody, time.Now(), families[family]...)
	_, err = api.call(r, time.Now)
	e := worded(err)
	return e.name, e.message
}

func TestPermission_EverySDKFamily_IsToldWhatItsKeyMayNot(t *testing.T) {
	const denied = "User: arn:aws:iam::000000000000:access-key/" + testKeyID + " is not authorized to perform: cognito-idp:DescribeUserPool on resource: "
	for family := range families {
		for name, c := range map[string]struct {
			key                userpool.Credential
			exception, message string
		}{
			"another operation": {userpool.Credential{Operations: []string{"ListUsers", "Admin*"}}, "AccessDeniedException", denied + "*"},
			"another pool":      {userpool.Credential{Pools: []userpool.PoolID{"us-east-1_Other1"}}, "AccessDeniedException", denied + poolARN("us-east-1_AbC123xyz")},
			"expired":           {userpool.Credential{ExpiresAt: time.Now().Add(-time.Second)}, "ExpiredTokenException", "The security token included in the request is expired"},
		} {
			exception, message := limited(c.key, family)
			if exception != c.exception || message != c.message {
				t.Errorf("%s, %s: %s %q", family, name, exception, message)
			}
		}
	}
}

func TestPermission_KeyLookupThatFails_IsNoRefusalOfTheKey(t *testing.T) {
	api := &API{service: new(userpool.Service), keys: func(context.Context, string) (userpool.Credential, error) {
		return userpool.Credential{}, errors.New("disk")
	}}
	w := httptest.NewRecorder()
	r := signAs(adminRequest(describeBody), describeBody, time.Now(), families["boto3"]...)
	_, err := api.admit(r, operation{name: "DescribeUserPool"}, []byte(describeBody), time.Now())
	api.Refuse(w, r, err)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAccessDenied_WhatIsNoPoolID_IsNotRepeated(t *testing.T) {
	err := accessDenied(userpool.Credential{ID: "K"}, "AdminGetUser", "+919876543210")
	if strings.Contains(err.Error(), "98765") {
		t.Error(err)
	}
}

func TestParseOperations_TakesIAMsSpellingsAndRefusesSlips(t *testing.T) {
	got, err := ParseOperations([]string{"ListUsers", "cognito-idp:AdminGetUser", "Admin*", "cognito-idp:*", "read-only"})
	want := []string{"ListUsers", "AdminGetUser", "Admin*", "*", "AdminGet*", "AdminList*", "Describe*", "Get*", "List*"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, slip := range []string{"", "ListUser", "listusers", "Adm*n", "s3:GetObject", "SignUp", "*User", "read_only"} {
		if got, err := ParseOperations([]string{slip}); err == nil {
			t.Errorf("%q became %v", slip, got)
		}
	}
	for _, o := range new(API).table() {
		reads := slices.ContainsFunc(readOnly, func(p string) bool { return userpool.MatchesOperation(p, o.name) })
		verb := strings.TrimPrefix(o.name, "Admin")
		if o.who == admin && reads != (strings.HasPrefix(verb, "Get") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Describe")) {
			t.Errorf("read-only includes %s: %v", o.name, reads)
		}
	}
}
