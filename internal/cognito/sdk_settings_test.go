package cognito_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// admin sends a signed request as JSON, as clients in any language may word it,
// and returns the member of the answer.
func (w *world) admin(target, body, member string) map[string]any {
	w.t.Helper()
	a := w.rawSigned(target, body, time.Now(), nil)
	var out map[string]map[string]any
	if err := json.Unmarshal(a.Body.Bytes(), &out); err != nil || a.Code != 200 || out[member] == nil {
		w.t.Fatalf("%s %s: %d %s", target, body, a.Code, a.Body)
	}
	return out[member]
}

// poolWith is CreateUserPool's body with more members.
func poolWith(members string) string {
	return `{"PoolName":"p","UsernameAttributes":["phone_number"],"UserPoolTags":{"bellhop:token-alg":"ES256"},` + members + `}`
}

// createdPool makes a pool, checks that it looks the same when it is described,
// and returns it.
func (w *world) createdPool(body string) map[string]any {
	w.t.Helper()
	created := w.admin("CreateUserPool", body, "UserPool")
	described := w.admin("DescribeUserPool", fmt.Sprintf(`{"UserPoolId":%q}`, created["Id"]), "UserPool")
	if !reflect.DeepEqual(created, described) {
		w.t.Errorf("%s\ncreated   %v\ndescribed %v", body, created, described)
	}
	return created
}

// createdClient is createdPool for an app client with the members.
func (w *world) createdClient(members string) map[string]any {
	w.t.Helper()
	created := w.admin("CreateUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"c",%s}`, w.pool, members), "UserPoolClient")
	described := w.admin("DescribeUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientId":%q}`, w.pool, created["ClientId"]), "UserPoolClient")
	if !reflect.DeepEqual(created, described) {
		w.t.Errorf("%s\ncreated   %v\ndescribed %v", members, created, described)
	}
	return created
}

// told is a request's members and what must be said of them.
type told struct{ members, exception, message string }

func (w *world) refuses(target string, body func(members string) string, list []told) {
	w.t.Helper()
	before := w.dump()
	for _, c := range list {
		a := w.rawSigned(target, body(c.members), time.Now(), nil)
		var got struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		w.must(json.Unmarshal(a.Body.Bytes(), &got))
		if a.Code != 400 || got.Type != c.exception || !strings.HasPrefix(got.Message, c.message) {
			w.t.Errorf("%s: got %d %s %q, want %s %q", c.members, a.Code, got.Type, got.Message, c.exception, c.message)
		}
	}
	if after := w.dump(); after != before {
		w.t.Errorf("something was written:\n%s", difference(before, after))
	}
}

func TestSchema_WhatCannotHold_IsRefused(t *testing.T) {
	const invalid = "InvalidParameterException"
	const nature = "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute "
	text := func(name, constraints string) string {
		return fmt.Sprintf(`{"Name":%q,"StringAttributeConstraints":{%s}}`, name, constraints)
	}
	number := func(name, constraints string) string {
		return fmt.Sprintf(`{"Name":%q,"NumberAttributeConstraints":{%s}}`, name, constraints)
	}
	inWorld(t, func(w *world) {
		w.refuses("CreateUserPool", func(s string) string { return poolWith(`"Schema":[` + s + `]`) }, []told{
			{`{"Name":"email","AttributeDataType":"Number"}`, invalid, nature + "email"},
			{`{"Name":"updated_at","AttributeDataType":"String"}`, invalid, nature + "updated_at"},
			{`{"Name":"name","DeveloperOnlyAttribute":true}`, invalid, nature + "name"},
			{`{"Name":"name"},{"Name":"name","Required":true}`, invalid, "Schema: the attribute name is named twice."},
			{`{"Name":"email_verified","Mutable":false}`, invalid, "Schema: email_verified cannot be made immutable."},
			{text("name", `"MinLength":"one"`), invalid, "Invalid StringAttributeConstraints for schema attribute name"},
			{text("name", `"MaxLength":""`), invalid, "Invalid StringAttributeConstraints for schema attribute name"},
			{text("name", `"MinLength":"-1"`), invalid, "Invalid StringAttributeConstraints for schema attribute name"},
			{text("name", `"MaxLength":"99999999999999999999"`), invalid, "Invalid StringAttributeConstraints for schema attribute name"},
			{text("name", `"MinLength":"5","MaxLength":"4"`), invalid, "user.name: Max length cannot be less than min length."},
			{text("name", `"MaxLength":"2049"`), invalid, "user.name: String attributes cannot have a length of more than 2048"},
			{text("name", `"MinLength":"2049"`), invalid, "user.name: String attributes cannot have a length of more than 2048"},
			{text("updated_at", `"MinLength":"1"`), invalid, "Invalid StringAttributeConstraints for schema attribute updated_at"},
			{text("email_verified", ``), invalid, "Invalid StringAttributeConstraints for schema attribute email_verified"},
			{text("birthdate", `"MinLength":"4","MaxLength":"10"`), invalid, "Invalid StringAttributeConstraints for schema attribute birthdate"},
			{text("phone_number", `"MaxLength":"12"`), invalid, "user.phone_number: "},
			{number("name", `"MinValue":"1"`), invalid, "Invalid NumberAttributeConstraints for schema attribute name"},
			{number("updated_at", `"MinValue":"-5"`), invalid, "Invalid NumberAttributeConstraints for schema attribute updated_at"},
			{number("updated_at", `"MinValue":"5","MaxValue":"4"`), invalid, "user.updated_at: Max value cannot be less than min value."},
		})
	})
}

func TestSchema_StandardOneAsItIsShown_IsTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		shown := w.createdPool(poolWith(`"Schema":[]`))["SchemaAttributes"].([]any)
		// The model's 20 characters for a name are too few for this one.
		given := slices.DeleteFunc(slices.Clone(shown), func(a any) bool { return a.(map[string]any)["Name"] == "phone_number_verified" })
		schema, err := json.Marshal(given)
		w.must(err)
		again := w.createdPool(poolWith(`"Schema":` + string(schema)))["SchemaAttributes"]
		if len(shown) != 21 || len(given) != 20 || !reflect.DeepEqual(again, shown) {
			t.Errorf("shown %v\nagain %v", shown, again)
		}
	})
}

// A bound that is shown is kept, whoever gives the value.
func TestSchema_Bounds_HoldForSignUpUpdateAndAdministrators(t *testing.T) {
	inWorld(t, func(w *world) {
		pool := w.createdPool(poolWith(`"AutoVerifiedAttributes":["phone_number"],"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","SMS_OTP"]}},"Schema":[
			{"Name":"nickname","StringAttributeConstraints":{"MinLength":"2","MaxLength":"4"}},
			{"Name":"updated_at","NumberAttributeConstraints":{"MinValue":"10","MaxValue":"20"}}]`))
		w.pool = pool["Id"].(string)
		w.client = w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH"}})
		const lead = "Attributes did not conform to the schema: "
		cases := []struct{ name, value, message string }{
			{"nickname", "a", lead + "nickname: String must be no shorter than 2 characters\n"},
			{"nickname", "äöüßé", lead + "nickname: String must be no longer than 4 characters\n"},
			{"updated_at", "9", lead + "updated_at: Number must be no less than 10\n"},
			{"updated_at", "21", lead + "updated_at: Number must be no greater than 20\n"},
		}
		tokens := w.member(asha, "")
		for _, c := range cases {
			attrs := []types.AttributeType{{Name: &c.name, Value: &c.value}}
			_, err := w.sdk.SignUp(w.ctx, &cip.SignUpInput{ClientId: &w.client, Username: new(ravi), UserAttributes: attrs})
			wantError[*types.InvalidParameterException](w, err, c.message)
			_, err = w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: attrs})
			wantError[*types.InvalidParameterException](w, err, c.message)
			_, err = w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(ravi), UserAttributes: attrs})
			wantError[*types.InvalidParameterException](w, err, c.message)
		}
		fits := []types.AttributeType{{Name: new("nickname"), Value: new("äöüß")}, {Name: new("updated_at"), Value: new("20")}}
		_, err := w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: fits})
		w.must(err)
		_, err = w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(ravi), UserAttributes: fits})
		w.must(err)
		_, err = w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken,
			UserAttributes: []types.AttributeType{{Name: new("nickname"), Value: new("")}}})
		w.must(err) // empty deletes
	})
}

func TestClient_WhatWouldNotHold_IsRefused(t *testing.T) {
	const invalid = "InvalidParameterException"
	inWorld(t, func(w *world) {
		w.refuses("CreateUserPoolClient", func(members string) string {
			return fmt.Sprintf(`{"UserPoolId":%q,"ClientName":"c",%s}`, w.pool, members)
		}, []told{
			{`"ReadAttributes":["name","custom:x"]`, invalid, "Invalid read attributes specified while creating a client: custom:x"},
			{`"WriteAttributes":["nonsense"]`, invalid, "Invalid write attributes specified while creating a client: nonsense"},
			{`"WriteAttributes":["sub"]`, invalid, "Invalid write attributes specified while creating a client: sub"},
			{`"WriteAttributes":["email_verified"]`, invalid, "Invalid write attributes"},
			{`"WriteAttributes":["phone_number_verified"]`, invalid, "Invalid write attributes"},
			{`"WriteAttributes":["identities"]`, invalid, "Invalid write attributes"},
			{`"GenerateSecret":true,"AllowedOAuthFlows":["code","client_credentials"]`, "InvalidOAuthFlowException", ""},
			{`"AllowedOAuthFlows":["client_credentials"]`, "InvalidOAuthFlowException", ""},
			{`"AllowedOAuthScopes":["openid","riders/read"]`, "ScopeDoesNotExistException", "Invalid scope requested: riders/read"},
			{`"SupportedIdentityProviders":["COGNITO","Google"]`, invalid, "SupportedIdentityProviders"},
			{`"CallbackURLs":["https://a.example/cb"],"DefaultRedirectURI":"https://b.example/cb"`, invalid, "DefaultRedirectURI"},
			{`"DefaultRedirectURI":"https://b.example/cb"`, invalid, "DefaultRedirectURI"},
			{`"CallbackURLs":["/cb"]`, invalid, "CallbackURLs"},
			{`"CallbackURLs":["app.example/cb"]`, invalid, "CallbackURLs"},
			{`"CallbackURLs":["https:///cb"]`, invalid, "CallbackURLs"},
			{`"CallbackURLs":["https://a.example/cb#"]`, invalid, "CallbackURLs"},
		})
	})
}

func TestClient_OAuthSettingsThatTheServiceTakes_AreTaken(t *testing.T) {
	inWorld(t, func(w *world) {
		w.createdClient(`"GenerateSecret":true,"AllowedOAuthFlows":["client_credentials"]`)
		w.createdClient(`"AllowedOAuthFlows":["code","implicit"],"AllowedOAuthScopes":["openid","email","phone","profile","aws.cognito.signin.user.admin"],
			"CallbackURLs":["myapp://","http://localhost:3000/cb"],"DefaultRedirectURI":"myapp://"`)
		w.createdClient(`"ReadAttributes":["sub","email_verified","phone_number_verified","name"],"WriteAttributes":["phone_number","updated_at"]`)
	})
}

func TestClient_Rotation_ComesBackAsItWasSent(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, sent := range []string{
			`{"Feature":"DISABLED"}`,
			`{"Feature":"DISABLED","RetryGracePeriodSeconds":30}`,
			`{"Feature":"ENABLED"}`,
			`{"Feature":"ENABLED","RetryGracePeriodSeconds":0}`,
			`{"Feature":"ENABLED","RetryGracePeriodSeconds":60}`,
		} {
			c := w.createdClient(`"ExplicitAuthFlows":["ALLOW_USER_AUTH"],"RefreshTokenRotation":` + sent)
			got, err := json.Marshal(c["RefreshTokenRotation"])
			w.must(err)
			if string(got) != sent {
				t.Errorf("sent %s, got %s", sent, got)
			}
		}
	})
}

func TestEmptyListsAndMaps_AreAbsentFromTheFirst(t *testing.T) {
	inWorld(t, func(w *world) {
		members := strings.Fields(`ExplicitAuthFlows ReadAttributes WriteAttributes SupportedIdentityProviders CallbackURLs LogoutURLs AllowedOAuthFlows AllowedOAuthScopes`)
		for _, list := range []string{"[]", "[null]"} {
			c := w.createdClient(`"` + strings.Join(members, `":`+list+`,"`) + `":` + list)
			for _, m := range members {
				if v, there := c[m]; there {
					t.Errorf("%s sent as %s came back as %v", m, list, v)
				}
			}
			p := w.createdPool(poolWith(`"AutoVerifiedAttributes":` + list + `,"AliasAttributes":` + list))
			if v, there := p["AutoVerifiedAttributes"]; there {
				t.Errorf("AutoVerifiedAttributes sent as %s came back as %v", list, v)
			}
		}
		p := w.createdPool(`{"PoolName":"p","UsernameAttributes":["phone_number"],"UserPoolTags":{}}`)
		if v, there := p["UserPoolTags"]; there {
			t.Errorf("UserPoolTags came back as %v", v)
		}
	})
}

func TestNullsInLists_ArePassedOver(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.createdClient(`"ExplicitAuthFlows":[null,"ALLOW_USER_AUTH"],"ReadAttributes":["name",null]`)
		if got := fmt.Sprint(c["ExplicitAuthFlows"], c["ReadAttributes"]); got != "[ALLOW_USER_AUTH] [name]" {
			t.Errorf("got %s", got)
		}
		p := w.createdPool(`{"PoolName":"p","UsernameAttributes":[null,"phone_number"],"UserPoolTags":{"team":"riders","bellhop:token-alg":"ES256"}}`)
		a := w.rawSigned("UntagResource", fmt.Sprintf(`{"ResourceArn":%q,"TagKeys":[null,"team"]}`, p["Arn"]), time.Now(), nil)
		if a.Code != 200 {
			t.Errorf("UntagResource: %d %s", a.Code, a.Body)
		}
		tags := w.admin("ListTagsForResource", fmt.Sprintf(`{"ResourceArn":%q}`, p["Arn"]), "Tags")
		if !reflect.DeepEqual(tags, map[string]any{"bellhop:token-alg": "ES256"}) {
			t.Errorf("tags %v", tags)
		}
	})
}

func TestMailTemplates_AreMirrored(t *testing.T) {
	const text, subject = "Your code is {####}", "Your code"
	inWorld(t, func(w *world) {
		for _, sent := range []string{
			`"VerificationMessageTemplate":{"EmailMessage":"` + text + `","EmailSubject":"` + subject + `"}`,
			`"EmailVerificationMessage":"` + text + `","EmailVerificationSubject":"` + subject + `"`,
		} {
			p := w.createdPool(poolWith(sent))
			template, _ := p["VerificationMessageTemplate"].(map[string]any)
			if p["EmailVerificationMessage"] != text || p["EmailVerificationSubject"] != subject ||
				template["EmailMessage"] != text || template["EmailSubject"] != subject || template["DefaultEmailOption"] != "CONFIRM_WITH_CODE" {
				t.Errorf("%s: got %v", sent, p)
			}
		}
	})
}

// An empty structure is how tools take a setting back. None comes back as null,
// which typed clients trip over.
func TestPoolSettings_EmptyStructures_ComeBackEmpty(t *testing.T) {
	inWorld(t, func(w *world) {
		p := w.createdPool(poolWith(`"AccountRecoverySetting":{},"UserAttributeUpdateSettings":{},"IssuerConfiguration":{},"KeyConfiguration":{},
			"EmailConfiguration":{},"DeviceConfiguration":{},"AdminCreateUserConfig":{"InviteMessageTemplate":{}},"VerificationMessageTemplate":{},
			"UserPoolAddOns":{"AdvancedSecurityMode":"OFF","AdvancedSecurityAdditionalFlows":{}}`))
		a := w.rawSigned("DescribeUserPool", fmt.Sprintf(`{"UserPoolId":%q}`, p["Id"]), time.Now(), nil)
		if strings.Contains(a.Body.String(), "null") {
			t.Errorf("a null is in %s", a.Body)
		}
		again := map[string]any{"UserPoolId": p["Id"]}
		for _, name := range []string{"AccountRecoverySetting", "UserAttributeUpdateSettings", "IssuerConfiguration", "KeyConfiguration", "EmailConfiguration",
			"DeviceConfiguration", "AdminCreateUserConfig", "VerificationMessageTemplate", "UserPoolAddOns", "Policies"} {
			again[name] = p[name]
		}
		w.send("UpdateUserPool", again)
		described := w.describedPool(p["Id"])
		delete(described, "LastModifiedDate")
		delete(p, "LastModifiedDate")
		if !reflect.DeepEqual(described, p) {
			t.Errorf("before the update %v\nafter it %v", p, described)
		}
	})
}

func TestPoolSettings_TwoValiditiesOfTemporaryPasswords_MustAgree(t *testing.T) {
	both := func(policy, unused int) string {
		return poolWith(fmt.Sprintf(`"Policies":{"PasswordPolicy":{"TemporaryPasswordValidityDays":%d}},"AdminCreateUserConfig":{"UnusedAccountValidityDays":%d}`, policy, unused))
	}
	inWorld(t, func(w *world) {
		w.createdPool(both(3, 3))
		w.refuses("CreateUserPool", func(string) string { return both(3, 5) }, []told{{"3 and 5", "InvalidParameterException",
			"Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"}})
	})
}

// The name of an unknown pool is a stranger's text, whatever else is wrong.
func TestClient_OfUnknownPool_IsToldFirstAndNotLogged(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, members := range []string{`"ReadAttributes":["nonsense"]`, `"AccessTokenValidity":48`, `"AllowedOAuthScopes":["nonsense"]`} {
			a := w.rawSigned("CreateUserPoolClient", `{"UserPoolId":"stranger_Text","ClientName":"c",`+members+`}`, time.Now(), nil)
			if got := a.Header().Get("x-amzn-ErrorType"); got != "ResourceNotFoundException:" {
				t.Errorf("%s: %s %s", members, got, a.Body)
			}
		}
		if strings.Contains(w.log.String(), "stranger_Text") {
			t.Error("the unknown pool is in the log")
		}
	})
}
