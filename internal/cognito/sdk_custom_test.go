package cognito_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

func attr(name, value string) types.AttributeType {
	return types.AttributeType{Name: &name, Value: &value}
}

func (w *world) addCustom(list ...types.SchemaAttributeType) error {
	_, err := w.sdk.AddCustomAttributes(w.ctx, &cip.AddCustomAttributesInput{UserPoolId: &w.pool, CustomAttributes: list})
	return err
}

// claims reads a token's payload without a look at its signature.
func (w *world) claims(token string) map[string]any {
	w.t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	w.must(err)
	var claims map[string]any
	w.must(json.Unmarshal(payload, &claims))
	return claims
}

func TestSchema_CustomAttributes_AreShownAsCognitoShowsThem(t *testing.T) {
	inWorld(t, func(w *world) {
		pool := w.createdPool(poolWith(`"Schema":[{"Name":"tier","AttributeDataType":"String","StringAttributeConstraints":{"MinLength":"1","MaxLength":"8"}},
			{"Name":"age","AttributeDataType":"Number","Mutable":false},{"Name":"email","Mutable":false}]`))
		w.send("AddCustomAttributes", map[string]any{"UserPoolId": pool["Id"], "CustomAttributes": []map[string]any{
			{"Name": "born", "AttributeDataType": "DateTime"}, {"Name": "vip", "AttributeDataType": "Boolean"}, {"Name": "email", "AttributeDataType": "String"},
		}})
		all := w.describedPool(pool["Id"])["SchemaAttributes"].([]any)
		got, err := json.Marshal(all[21:])
		w.must(err)
		shown := func(name, kind string, mutable bool, rest string) string {
			return fmt.Sprintf(`{"AttributeDataType":%q,"DeveloperOnlyAttribute":false,"Mutable":%v,"Name":%q%s,"Required":false}`, kind, mutable, name, rest)
		}
		var want []any
		w.must(json.Unmarshal([]byte("["+strings.Join([]string{
			shown("custom:tier", "String", true, `,"StringAttributeConstraints":{"MinLength":"1","MaxLength":"8"}`),
			shown("custom:age", "Number", false, `,"NumberAttributeConstraints":{}`),
			shown("custom:born", "DateTime", true, ""), shown("custom:vip", "Boolean", true, ""),
			shown("custom:email", "String", true, `,"StringAttributeConstraints":{}`),
		}, ",")+"]"), &want))
		if !reflect.DeepEqual(all[21:], want) {
			t.Errorf("got %s", got)
		}
		for _, a := range all[:21] {
			if m := a.(map[string]any); m["Name"] == "email" && m["Mutable"] != false {
				t.Errorf("email is %v", m)
			}
		}
	})
}

func TestSchema_CustomAttributesThatCannotHold_AreRefused(t *testing.T) {
	const invalid = "InvalidParameterException"
	inWorld(t, func(w *world) {
		w.must(w.addCustom(types.SchemaAttributeType{Name: new("taken"), AttributeDataType: "String"}))
		list := []told{
			{`{"Name":"x","AttributeDataType":"String","Required":true}`, invalid, "Required custom attributes are not supported currently."},
			{`{"Name":"x"}`, invalid, "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."},
			{`{"Name":"x","AttributeDataType":"String","DeveloperOnlyAttribute":true}`, invalid, "custom:x: Attributes for developers only are not served."},
			{`{"Name":"custom:x","AttributeDataType":"String"}`, invalid, "Name the custom attribute without a prefix"},
			{`{"Name":"dev:x","AttributeDataType":"String"}`, invalid, "Name the custom attribute without a prefix"},
			{`{"Name":"x","AttributeDataType":"String","NumberAttributeConstraints":{"MinValue":"1"}}`, invalid, "Invalid NumberAttributeConstraints for schema attribute custom:x"},
			{`{"Name":"x","AttributeDataType":"Boolean","StringAttributeConstraints":{}}`, invalid, "Invalid StringAttributeConstraints for schema attribute custom:x"},
			{`{"Name":"x","AttributeDataType":"String","StringAttributeConstraints":{"MinLength":"-1"}}`, invalid, "Invalid StringAttributeConstraints"},
			{`{"Name":"x","AttributeDataType":"String","StringAttributeConstraints":{"MaxLength":"2049"}}`, invalid, "user.custom:x: String attributes cannot have a length of more than 2048"},
			{`{"Name":"x","AttributeDataType":"Number","NumberAttributeConstraints":{"MinValue":"2","MaxValue":"1"}}`, invalid, "user.custom:x: Max value cannot be less than min value."},
			{`{"Name":"x","AttributeDataType":"Number","NumberAttributeConstraints":{"MinValue":"1.5"}}`, invalid, "Invalid NumberAttributeConstraints"},
		}
		w.refuses("CreateUserPool", func(s string) string { return poolWith(`"Schema":[` + s + `]`) }, list)
		list = append(list,
			told{`{"Name":"taken","AttributeDataType":"Number"}`, invalid, "custom:taken: Existing attribute already has name custom:taken."},
			told{`{"Name":"x","AttributeDataType":"String"},{"Name":"x","AttributeDataType":"String"}`, invalid, "custom:x: Existing attribute already has name custom:x."})
		w.refuses("AddCustomAttributes", func(s string) string { return fmt.Sprintf(`{"UserPoolId":%q,"CustomAttributes":[%s]}`, w.pool, s) }, list)
	})
}

func TestCustomAttributes_FiftyInAll(t *testing.T) {
	inWorld(t, func(w *world) {
		some := func(prefix string, n int) (list []types.SchemaAttributeType) {
			for i := range n {
				list = append(list, types.SchemaAttributeType{Name: new(fmt.Sprint(prefix, i)), AttributeDataType: "String"})
			}
			return list
		}
		w.must(w.addCustom(some("a", 25)...))
		w.must(w.addCustom(some("b", 24)...))
		wantError[*types.InvalidParameterException](w, w.addCustom(some("c", 2)...), "A user pool may have at most 50 custom attributes.")
		w.must(w.addCustom(some("c", 1)...))
	})
}

// customWorld has a pool with a custom attribute of each kind, and a client that
// reads and writes some.
func customWorld(t *testing.T, test func(w *world)) {
	inWorld(t, func(w *world) {
		w.must(w.addCustom(
			types.SchemaAttributeType{Name: new("tier"), AttributeDataType: "String", StringAttributeConstraints: &types.StringAttributeConstraintsType{MinLength: new("2"), MaxLength: new("4")}},
			types.SchemaAttributeType{Name: new("age"), AttributeDataType: "Number", NumberAttributeConstraints: &types.NumberAttributeConstraintsType{MinValue: new("-1"), MaxValue: new("150")}},
			types.SchemaAttributeType{Name: new("born"), AttributeDataType: "DateTime"},
			types.SchemaAttributeType{Name: new("vip"), AttributeDataType: "Boolean"},
			types.SchemaAttributeType{Name: new("once"), AttributeDataType: "String", Mutable: new(false)},
			types.SchemaAttributeType{Name: new("hidden"), AttributeDataType: "String"},
		))
		names := []string{"name", "custom:tier", "custom:age", "custom:born", "custom:vip", "custom:once"}
		w.client = w.makeClient(&cip.CreateUserPoolClientInput{
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
			ReadAttributes:    names, WriteAttributes: names,
		})
		test(w)
	})
}

func TestCustomAttributes_Values_AreCheckedByTypeAndBounds(t *testing.T) {
	customWorld(t, func(w *world) {
		tokens := w.member(asha, "")
		update := func(a types.AttributeType) error {
			_, err := w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: []types.AttributeType{a}})
			return err
		}
		const lead = "Attributes did not conform to the schema: "
		for _, c := range []struct{ name, value, message string }{
			{"custom:tier", "a", lead + "custom:tier: String must be no shorter than 2 characters\n"},
			{"custom:tier", "äöüßé", lead + "custom:tier: String must be no longer than 4 characters\n"},
			{"custom:age", "old", lead + "custom:age: The value must be a number\n"},
			{"custom:age", "1e2", lead + "custom:age: The value must be a number\n"},
			{"custom:age", "-2", lead + "custom:age: Number must be no less than -1\n"},
			{"custom:age", "150.5", lead + "custom:age: Number must be no greater than 150\n"},
			{"custom:born", "31.12.1999", lead + "custom:born: The value must be a time, as 1999-12-31T23:59:59Z, 1999-12-31 or a number of seconds\n"},
			{"custom:vip", "maybe", lead + "custom:vip: The value must be true or false\n"},
			{"custom:none", "x", lead + "custom:none: Attribute does not exist in the schema.\n"},
			{"tier", "gold", lead + "tier: Attribute does not exist in the schema.\n"},
		} {
			wantError[*types.InvalidParameterException](w, update(attr(c.name, c.value)), c.message)
		}
		for _, good := range [][2]string{
			{"custom:tier", "äöüß"}, {"custom:age", "-1"}, {"custom:age", "36.6"}, {"custom:born", "1999-12-31T23:59:59.5+01:00"},
			{"custom:born", "1999-12-31"}, {"custom:born", "946684799"}, {"custom:vip", "True"}, {"custom:tier", ""},
		} {
			w.must(update(attr(good[0], good[1])))
		}
		user, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if got := attribute(user.UserAttributes, "custom:vip") + attribute(user.UserAttributes, "custom:tier"); got != "true" {
			t.Errorf("got %q", got)
		}
	})
}

func TestCustomAttributes_ReadAndWritten_AsTheClientLists(t *testing.T) {
	customWorld(t, func(w *world) {
		listed := w.client
		_, err := w.sdk.AdminCreateUser(w.ctx, &cip.AdminCreateUserInput{UserPoolId: &w.pool, Username: new(asha), UserAttributes: []types.AttributeType{
			attr("custom:tier", "gold"), attr("custom:age", "36"), attr("custom:hidden", "h"), attr("custom:once", "o"), attr("name", "Asha"), attr("gender", "f"),
		}})
		w.must(err)
		unlisted := w.makeClient(&cip.CreateUserPoolClientInput{ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_USER_AUTH"}})
		signIn := func(client string) *types.AuthenticationResultType {
			t.Helper()
			w.client = client
			start, err := w.initiate("USER_AUTH", nil, map[string]string{"USERNAME": asha, "PREFERRED_CHALLENGE": "SMS_OTP"})
			w.must(err)
			done, err := w.respond("SMS_OTP", start.Session, map[string]string{"USERNAME": asha, "SMS_OTP_CODE": w.code(asha)})
			w.must(err)
			return w.tokens(done.AuthenticationResult)
		}
		seen := func(tokens *types.AuthenticationResultType) (inToken, inUser map[string]string) {
			inToken, inUser = map[string]string{}, map[string]string{}
			claims := w.claims(*tokens.IdToken)
			user, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
			w.must(err)
			for _, name := range []string{"name", "gender", "custom:tier", "custom:age", "custom:hidden", "custom:once"} {
				if v, ok := claims[name].(string); ok {
					inToken[name] = v
				}
				if v := attribute(user.UserAttributes, name); v != "" {
					inUser[name] = v
				}
			}
			return inToken, inUser
		}
		for client, want := range map[string]map[string]string{
			listed:   {"name": "Asha", "custom:tier": "gold", "custom:age": "36", "custom:once": "o"},
			unlisted: {"name": "Asha", "gender": "f"},
		} {
			tokens := signIn(client)
			inToken, inUser := seen(tokens)
			if !reflect.DeepEqual(inToken, want) || !reflect.DeepEqual(inUser, want) {
				t.Errorf("ID token has %v, GetUser %v, want %v", inToken, inUser, want)
			}
			_, err := w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: []types.AttributeType{attr("custom:hidden", "x")}})
			wantError[*types.NotAuthorizedException](w, err, "A client attempted to write unauthorized attribute")
		}
	})
}

func TestImmutableAttributes_AreSetAtSignUpAndNotChanged(t *testing.T) {
	customWorld(t, func(w *world) {
		signUp, err := w.sdk.SignUp(w.ctx, &cip.SignUpInput{ClientId: &w.client, Username: new(asha), UserAttributes: []types.AttributeType{attr("custom:once", "first")}})
		w.must(err)
		confirmed, err := w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: new(asha), ConfirmationCode: new(w.code(asha)), Session: signUp.Session})
		w.must(err)
		auth, err := w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": asha})
		w.must(err)
		tokens := w.tokens(auth.AuthenticationResult)
		for _, value := range []string{"second", ""} {
			_, err = w.sdk.UpdateUserAttributes(w.ctx, &cip.UpdateUserAttributesInput{AccessToken: tokens.AccessToken, UserAttributes: []types.AttributeType{attr("custom:once", value)}})
			wantError[*types.InvalidParameterException](w, err, "user.custom:once: Attribute cannot be updated.")
		}
		user, err := w.sdk.GetUser(w.ctx, &cip.GetUserInput{AccessToken: tokens.AccessToken})
		w.must(err)
		if got := attribute(user.UserAttributes, "custom:once"); got != "first" {
			t.Errorf("got %q", got)
		}
	})
}
