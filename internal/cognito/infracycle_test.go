package cognito_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// These tests do what infrastructure code does to a pool (make, read, compare, change,
// read, compare, delete) and fail on any difference that such a tool would want to mend
// at every run. The rules are those of Terraform's AWS provider, whose source says in
// internal/service/cognitoidp what it sends and how it reads what comes back, and of
// CloudFormation, whose resource schemas name the calls and compare what a template says.

type tree = map[string]any

// parsed reads JSON that a test wrote.
func (w *world) parsed(text string) tree {
	w.t.Helper()
	var out tree
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return out
}

// computed are the members that a tool takes as they are where its configuration does
// not speak of them, and says again at every update (Optional and Computed).
var computed = strings.Fields(`AdminCreateUserConfig EmailConfiguration AccountRecoverySetting EmailVerificationMessage EmailVerificationSubject
	Policies SmsConfiguration SmsVerificationMessage VerificationMessageTemplate UserPoolTier`)

// optional are the members of which a tool wants nothing to be there where its
// configuration does not speak of them: one that is there is a difference.
var optional = strings.Fields(`AliasAttributes UsernameAttributes UsernameConfiguration AutoVerifiedAttributes DeviceConfiguration LambdaConfig
	SmsAuthenticationMessage UserAttributeUpdateSettings UserPoolAddOns UserPoolTags
	SmsMfaConfiguration SoftwareTokenMfaConfiguration EmailMfaConfiguration WebAuthnConfiguration`)

// usual are the values that a tool fills in itself.
var usual = tree{"MfaConfiguration": "OFF", "DeletionProtection": "INACTIVE"}

// filledIn are what the service adds to a block that a tool set in part, and the tool
// takes as it is.
var filledIn = strings.Fields(`AdminCreateUserConfig.UnusedAccountValidityDays Policies.PasswordPolicy Policies.PasswordPolicy.TemporaryPasswordValidityDays
	Policies.SignInPolicy SmsConfiguration.SnsRegion VerificationMessageTemplate.DefaultEmailOption VerificationMessageTemplate.EmailMessage
	VerificationMessageTemplate.EmailSubject VerificationMessageTemplate.SmsMessage LambdaConfig.PreTokenGeneration LambdaConfig.PreTokenGenerationConfig
	EmailConfiguration.EmailSendingAccount`)

// drift lists what a tool would want to change: got is what the service shows, want
// what the configuration says.
func drift(path string, got, want any) []string {
	switch want := want.(type) {
	case tree:
		got, _ := got.(tree)
		var all []string
		for name, v := range want {
			all = append(all, drift(join(path, name), got[name], v)...)
		}
		for name, v := range got {
			if want[name] == nil && !nothing(v) && !slices.Contains(filledIn, join(path, name)) {
				all = append(all, fmt.Sprintf("%s: %v, want nothing", join(path, name), v))
			}
		}
		return all
	case []any:
		if got, _ := got.([]any); reflect.DeepEqual(asSet(got), asSet(want)) {
			return nil
		}
	default:
		if reflect.DeepEqual(got, want) || nothing(got) && nothing(want) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s: %v, want %v", path, got, want)}
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// nothing says that a tool sees no value: its kind's zero.
func nothing(v any) bool {
	switch v := v.(type) {
	case tree:
		for _, e := range v {
			if !nothing(e) {
				return false
			}
		}
		return true
	case []any:
		return len(v) == 0
	}
	return v == nil || v == "" || v == false || v == 0.0
}

// asSet is a list without its order, as tools keep them.
func asSet(list []any) []string {
	all := []string{}
	for _, e := range list {
		text, _ := json.Marshal(e)
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

// terraform is a pool as that tool keeps it.
type terraform struct {
	*world
	id    string
	state tree // what was read last: the pool, and its second factors
}

// set puts the members into a request where the configuration has them.
func set(to, from tree, names ...string) {
	for _, name := range names {
		if v, ok := from[name]; ok {
			to[name] = v
		}
	}
}

var mfaBlocks = []string{"SoftwareTokenMfaConfiguration", "EmailMfaConfiguration", "WebAuthnConfiguration"}

// mfaConfig is what SetUserPoolMfaConfig is sent: texts only where factors are on,
// since the service refuses them otherwise.
func (tf *terraform) mfaConfig(config tree) tree {
	in := tree{"UserPoolId": tf.id, "MfaConfiguration": config["MfaConfiguration"]}
	set(in, config, mfaBlocks...)
	sms := config["SmsConfiguration"]
	if sms == nil { // as it is, where the configuration is silent
		sms = tf.state["SmsConfiguration"]
	}
	if sms != nil && config["MfaConfiguration"] != "OFF" {
		block := tree{"SmsConfiguration": sms}
		set(block, config, "SmsAuthenticationMessage")
		in["SmsMfaConfiguration"] = block
	}
	return in
}

func withUsual(config tree) tree {
	all := maps.Clone(usual)
	maps.Copy(all, config)
	return all
}

func (tf *terraform) create(config tree) {
	tf.t.Helper()
	config = withUsual(config)
	in := tree{"PoolName": "p", "DeletionProtection": config["DeletionProtection"]}
	set(in, config, computed...)
	set(in, config, "Schema")
	for _, name := range optional {
		if !strings.HasSuffix(name, "MfaConfiguration") && name != "WebAuthnConfiguration" {
			set(in, config, name)
		}
	}
	body, _ := json.Marshal(in)
	tf.id = tf.admin("CreateUserPool", string(body), "UserPool")["Id"].(string)
	if config["MfaConfiguration"] != "OFF" || config["WebAuthnConfiguration"] != nil {
		tf.send("SetUserPoolMfaConfig", tf.mfaConfig(config))
	}
	tf.read()
}

func (tf *terraform) read() {
	tf.t.Helper()
	tf.state = tf.describedPool(tf.id)
	tf.send("GetUserPoolMfaConfig", tree{"UserPoolId": tf.id})
	mfa := tf.parsed(tf.wire.last().Body.String())
	delete(mfa, "SmsMfaConfiguration") // it is read from the pool
	maps.Copy(tf.state, mfa)
}

// update changes the pool from one configuration to another.
func (tf *terraform) update(from, to tree) {
	tf.t.Helper()
	from, to = withUsual(from), withUsual(to)
	changed := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return !reflect.DeepEqual(from[n], to[n]) })
	}
	if changed(append(mfaBlocks, "MfaConfiguration", "SmsAuthenticationMessage", "SmsConfiguration")...) {
		tf.send("SetUserPoolMfaConfig", tf.mfaConfig(to))
	}
	in := tree{"UserPoolId": tf.id, "MfaConfiguration": to["MfaConfiguration"], "DeletionProtection": to["DeletionProtection"]}
	for _, name := range computed { // as they are, where the configuration is silent
		set(in, tf.state, name)
		set(in, to, name)
	}
	if t, ok := in["VerificationMessageTemplate"].(tree); ok {
		t = maps.Clone(t)
		in["VerificationMessageTemplate"] = t
		for old, name := range map[string]string{"EmailVerificationMessage": "EmailMessage", "EmailVerificationSubject": "EmailSubject", "SmsVerificationMessage": "SmsMessage"} {
			if changed(old) && to[old] != nil {
				t[name] = to[old]
			}
		}
	}
	set(in, to, "AutoVerifiedAttributes", "DeviceConfiguration", "LambdaConfig", "SmsAuthenticationMessage", "UserAttributeUpdateSettings", "UserPoolAddOns")
	if changed("UserAttributeUpdateSettings") && to["UserAttributeUpdateSettings"] == nil {
		in["UserAttributeUpdateSettings"] = tree{"AttributesRequireVerificationBeforeUpdate": []any{}}
	}
	tf.send("UpdateUserPool", in)
	tf.retag(from, to)
	tf.read()
}

func (tf *terraform) retag(from, to tree) {
	tf.t.Helper()
	was, _ := from["UserPoolTags"].(tree)
	is, _ := to["UserPoolTags"].(tree)
	gone := []string{}
	for key := range was {
		if is[key] == nil {
			gone = append(gone, key)
		}
	}
	if len(gone) > 0 {
		tf.send("UntagResource", tree{"ResourceArn": tf.state["Arn"], "TagKeys": gone})
	}
	if len(is) > 0 {
		tf.send("TagResource", tree{"ResourceArn": tf.state["Arn"], "Tags": is})
	}
}

// plan lists what the tool would do next.
func (tf *terraform) plan(config tree) []string {
	config = withUsual(config)
	var all []string
	for _, name := range slices.Concat(computed, optional, slices.Collect(maps.Keys(usual))) {
		switch want, ok := config[name]; {
		case ok:
			all = append(all, drift(name, tf.state[name], want)...)
		case slices.Contains(optional, name) && !nothing(tf.state[name]):
			all = append(all, fmt.Sprintf("%s: %v, want nothing", name, tf.state[name]))
		case slices.Contains(optional, name) && tf.state[name] != nil && !slices.Contains([]string{"LambdaConfig", "UserAttributeUpdateSettings"}, name):
			// A block of which every member is zero is a block all the same, but for
			// those that are read as none while they are empty.
			all = append(all, fmt.Sprintf("%s: an empty one, want none", name))
		}
	}
	return append(all, tf.planSchema(config)...)
}

// planSchema compares the attributes: those that every pool has are passed over unless
// the configuration has them, and then only as the service shows them to everyone.
func (tf *terraform) planSchema(config tree) (all []string) {
	list, _ := config["Schema"].([]any)
	wanted := map[string]tree{}
	for _, a := range list {
		wanted[a.(tree)["Name"].(string)] = a.(tree)
	}
	for _, a := range tf.state["SchemaAttributes"].([]any) {
		got := maps.Clone(a.(tree))
		name := strings.TrimPrefix(got["Name"].(string), "custom:")
		got["Name"] = name
		want, ok := wanted[name]
		delete(wanted, name)
		switch {
		case ok && want["StringAttributeConstraints"] == nil && got["AttributeDataType"] == "String":
			got = without(got, "StringAttributeConstraints") // the provider passes them over
			fallthrough
		case ok:
			for _, flag := range []string{"DeveloperOnlyAttribute", "Mutable", "Required"} {
				want = withUsual(want)
				delete(want, "MfaConfiguration")
				delete(want, "DeletionProtection")
				if want[flag] == nil {
					want[flag] = false
				}
			}
			all = append(all, drift("Schema."+name, got, want)...)
		case !reflect.DeepEqual(got, standardAttribute(name)):
			all = append(all, fmt.Sprintf("Schema: %v, want it as the service shows it of every pool", got))
		}
	}
	for name := range wanted {
		all = append(all, "Schema: no "+name)
	}
	return all
}

// standardAttribute is how the service shows an attribute that a pool has by itself.
func standardAttribute(name string) tree {
	a := tree{"Name": name, "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": true, "Required": false}
	switch name {
	case "sub":
		a["Mutable"], a["Required"] = false, true
		a["StringAttributeConstraints"] = tree{"MinLength": "1", "MaxLength": "2048"}
	case "email_verified", "phone_number_verified":
		a["AttributeDataType"] = "Boolean"
	case "updated_at":
		a["AttributeDataType"], a["NumberAttributeConstraints"] = "Number", tree{"MinValue": "0"}
	case "birthdate":
		a["StringAttributeConstraints"] = tree{"MinLength": "10", "MaxLength": "10"}
	case "identities":
		a["StringAttributeConstraints"] = tree{}
	default:
		a["StringAttributeConstraints"] = tree{"MinLength": "0", "MaxLength": "2048"}
	}
	return a
}

// poolBlocks are configurations of one block each.
var poolBlocks = []string{
	`"AccountRecoverySetting":{"RecoveryMechanisms":[{"Name":"verified_phone_number","Priority":2},{"Name":"verified_email","Priority":1}]}`,
	`"AdminCreateUserConfig":{"AllowAdminCreateUserOnly":true}`,
	`"AdminCreateUserConfig":{"AllowAdminCreateUserOnly":false,"InviteMessageTemplate":{"EmailMessage":"{username} {####}","EmailSubject":"Come","SMSMessage":"{username} {####}"}}`,
	`"AutoVerifiedAttributes":["phone_number","email"]`,
	`"DeletionProtection":"ACTIVE"`,
	`"DeviceConfiguration":{"ChallengeRequiredOnNewDevice":true,"DeviceOnlyRememberedOnUserPrompt":false}`,
	`"DeviceConfiguration":{"ChallengeRequiredOnNewDevice":false,"DeviceOnlyRememberedOnUserPrompt":false}`,
	`"EmailConfiguration":{"EmailSendingAccount":"DEVELOPER","From":"app@example.org","SourceArn":"arn:aws:ses:us-east-1:123456789012:identity/example.org","ReplyToEmailAddress":"a@example.org","ConfigurationSet":"set"}`,
	`"EmailConfiguration":{"EmailSendingAccount":"COGNITO_DEFAULT"}`,
	`"EmailVerificationMessage":"Code {####}","EmailVerificationSubject":"Code","SmsVerificationMessage":"Code {####}"`,
	`"LambdaConfig":{"PreSignUp":"arn:aws:lambda:us-east-1:123456789012:function:a","PreTokenGeneration":"arn:aws:lambda:us-east-1:123456789012:function:b"}`,
	`"LambdaConfig":{"PreTokenGenerationConfig":{"LambdaArn":"arn:aws:lambda:us-east-1:123456789012:function:b","LambdaVersion":"V2_0"}}`,
	`"Policies":{"PasswordPolicy":{"MinimumLength":10,"PasswordHistorySize":0,"RequireLowercase":true,"RequireNumbers":false,"RequireSymbols":false,"RequireUppercase":false}}`,
	`"SmsAuthenticationMessage":"In with {####}"`,
	`"SmsConfiguration":{"ExternalId":"x","SnsCallerArn":"arn:aws:iam::123456789012:role/sms"}`,
	`"MfaConfiguration":"ON","SoftwareTokenMfaConfiguration":{"Enabled":true}`,
	`"MfaConfiguration":"OPTIONAL","SmsAuthenticationMessage":"In with {####}","SmsConfiguration":{"ExternalId":"x","SnsCallerArn":"arn:aws:iam::123456789012:role/sms"}`,
	`"MfaConfiguration":"OPTIONAL","SoftwareTokenMfaConfiguration":{"Enabled":true},"SmsConfiguration":{"ExternalId":"y","SnsCallerArn":"arn:aws:iam::123456789012:role/sms"}`,
	`"MfaConfiguration":"OPTIONAL","EmailMfaConfiguration":{"Message":"In with {####}","Subject":"In"}`,
	`"WebAuthnConfiguration":{"RelyingPartyId":"example.org","UserVerification":"required"}`,
	`"UserAttributeUpdateSettings":{"AttributesRequireVerificationBeforeUpdate":["email"]},"AutoVerifiedAttributes":["email"]`,
	`"UserPoolAddOns":{"AdvancedSecurityMode":"OFF"}`,
	`"UserPoolTags":{"bellhop:token-alg":"ES256","team":"a"}`,
	`"UserPoolTier":"LITE"`,
	`"VerificationMessageTemplate":{"DefaultEmailOption":"CONFIRM_WITH_CODE"}`,
	`"VerificationMessageTemplate":{"DefaultEmailOption":"CONFIRM_WITH_CODE","EmailMessage":"C {####}","EmailSubject":"C","SmsMessage":"C {####}","EmailMessageByLink":"{##here##}","EmailSubjectByLink":"L"}`,
	// The last, since it stays, and goes with no second factor that is asked of all.
	`"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["SMS_OTP","PASSWORD"]}}`,
}

// lifelong are configurations of what is said when a pool is made, and never again.
var lifelong = []string{
	``,
	`"UsernameAttributes":["phone_number","email"],"UsernameConfiguration":{"CaseSensitive":false}`,
	`"AliasAttributes":["preferred_username","email"],"UsernameConfiguration":{"CaseSensitive":true},"Schema":[
		{"Name":"email","AttributeDataType":"String","Required":true,"Mutable":true,"DeveloperOnlyAttribute":false,"StringAttributeConstraints":{"MinLength":"0","MaxLength":"2048"}},
		{"Name":"name","AttributeDataType":"String","Required":true,"Mutable":true,"DeveloperOnlyAttribute":false},
		{"Name":"tier","AttributeDataType":"String","Required":false,"Mutable":true,"DeveloperOnlyAttribute":false,"StringAttributeConstraints":{"MinLength":"1","MaxLength":"9"}},
		{"Name":"free","AttributeDataType":"String","Required":false,"Mutable":false,"DeveloperOnlyAttribute":false,"StringAttributeConstraints":{}},
		{"Name":"age","AttributeDataType":"Number","Required":false,"Mutable":true,"DeveloperOnlyAttribute":false,"NumberAttributeConstraints":{"MinValue":"0"}},
		{"Name":"since","AttributeDataType":"DateTime","Required":false,"Mutable":true,"DeveloperOnlyAttribute":false},
		{"Name":"ok","AttributeDataType":"Boolean","Required":false,"Mutable":true,"DeveloperOnlyAttribute":false}]`,
}

// Each block, alone on a new pool and on one that had another, and gone again: what is
// read is what was said, and a second look says so still.
func TestTerraform_PoolOfEachBlock_DoesNotDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		const quick = `"UserPoolTags":{"bellhop:token-alg":"ES256"}` // RSA keys take their time
		for _, life := range lifelong {
			config := func(block string) tree {
				parts := []string{quick, life, block}
				if strings.Contains(block, "UserPoolTags") {
					parts = parts[1:]
				}
				return w.parsed("{" + strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ",") + "}")
			}
			check := func(tf *terraform, when, block string) {
				t.Helper()
				if d := tf.plan(config(block)); len(d) > 0 {
					t.Errorf("%s %s\nwith %s:\n  %s", when, block, life, strings.Join(d, "\n  "))
				}
			}
			tf := &terraform{world: w}
			tf.create(config(""))
			check(tf, "made", "")
			last := ""
			for _, block := range append(poolBlocks, "") {
				tf.update(config(last), config(block))
				check(tf, "changed to", block)
				last = block
				if life != "" {
					continue
				}
				tf.update(config(block), config(""))
				check(tf, "taken away", "")
				last = ""
				alone := &terraform{world: w}
				alone.create(config(block))
				check(alone, "made", block)
				alone.update(config(block), config(""))
				w.send("DeleteUserPool", tree{"UserPoolId": alone.id})
			}
			w.send("DeleteUserPool", tree{"UserPoolId": tf.id})
		}
	})
}

// clientBlocks are configurations of app clients.
var clientBlocks = []string{
	`"ClientName":"c"`,
	`"ClientName":"d","AccessTokenValidity":10,"IdTokenValidity":20,"RefreshTokenValidity":2,"TokenValidityUnits":{"AccessToken":"minutes","IdToken":"minutes","RefreshToken":"hours"}`,
	`"ClientName":"c","AccessTokenValidity":1,"TokenValidityUnits":{"AccessToken":"hours","IdToken":"hours","RefreshToken":"days"}`,
	`"ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_AUTH","ALLOW_REFRESH_TOKEN_AUTH"],"PreventUserExistenceErrors":"ENABLED","EnableTokenRevocation":false,"EnablePropagateAdditionalUserContextData":true,"AuthSessionValidity":15`,
	`"ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_AUTH"],"RefreshTokenRotation":{"Feature":"ENABLED","RetryGracePeriodSeconds":10}`,
	`"ClientName":"c","ExplicitAuthFlows":["ALLOW_USER_AUTH"],"RefreshTokenRotation":{"Feature":"DISABLED","RetryGracePeriodSeconds":0}`,
	`"ClientName":"c","ReadAttributes":["email","name"],"WriteAttributes":["name"]`,
	`"ClientName":"c","AllowedOAuthFlows":["code","implicit"],"AllowedOAuthFlowsUserPoolClient":true,"AllowedOAuthScopes":["openid","email"],"CallbackURLs":["https://a.example/cb","myapp://cb"],
		"DefaultRedirectURI":"https://a.example/cb","LogoutURLs":["https://a.example/out"],"SupportedIdentityProviders":["COGNITO"]`,
	`"ClientName":"c","AnalyticsConfiguration":{"ApplicationId":"0123456789abcdef","ExternalId":"x","RoleArn":"arn:aws:iam::123456789012:role/a","UserDataShared":true}`,
}

// What the tool reads of a client that its configuration does not speak of is taken as
// it is and said again at every update. Blocks are not: what it reads of those must
// be none.
func TestTerraform_ClientOfEachBlock_DoesNotDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		blocks := strings.Fields("TokenValidityUnits RefreshTokenRotation AnalyticsConfiguration")
		check := func(when string, config, got tree) {
			t.Helper()
			var all []string
			for name, want := range config {
				all = append(all, drift(name, got[name], want)...)
			}
			for _, name := range blocks {
				if config[name] == nil && !nothing(got[name]) {
					all = append(all, fmt.Sprintf("%s: %v, want none", name, got[name]))
				}
			}
			if len(all) > 0 {
				t.Errorf("%s %v:\n  %s", when, config, strings.Join(all, "\n  "))
			}
		}
		read := func(id any) tree {
			return w.admin("DescribeUserPoolClient", fmt.Sprintf(`{"UserPoolId":%q,"ClientId":%q}`, w.pool, id), "UserPoolClient")
		}
		request := func(config tree, more tree) string {
			in := tree{"UserPoolId": w.pool}
			maps.Copy(in, more)
			maps.Copy(in, config)
			text, _ := json.Marshal(in)
			return string(text)
		}
		for _, first := range clientBlocks {
			from := w.parsed("{" + first + "}")
			made := w.admin("CreateUserPoolClient", request(from, nil), "UserPoolClient")
			id := made["ClientId"]
			check("made", from, made)
			check("read", from, read(id))
			for _, next := range clientBlocks {
				to, state := w.parsed("{"+next+"}"), read(id)
				more := tree{"ClientId": id}
				for name, v := range without(state, "ClientId UserPoolId ClientSecret CreationDate LastModifiedDate TokenValidityUnits RefreshTokenRotation AnalyticsConfiguration") {
					if !nothing(v) {
						more[name] = v
					}
				}
				if state["TokenValidityUnits"] != nil && to["TokenValidityUnits"] == nil && !nothing(state["TokenValidityUnits"]) {
					// Taking the block away says the usual units, and takes the lengths of time
					// with it where they were of other ones.
					more["TokenValidityUnits"] = tree{"AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days"}
					for _, name := range strings.Fields("AccessTokenValidity IdTokenValidity RefreshTokenValidity") {
						delete(more, name)
					}
				}
				if to["RefreshTokenRotation"] != nil { // which excludes a flow that was there
					delete(more, "ExplicitAuthFlows")
				}
				changed := w.admin("UpdateUserPoolClient", request(to, more), "UserPoolClient")
				if units, ok := more["TokenValidityUnits"]; ok { // the tool reads the usual ones as none
					if reflect.DeepEqual(changed["TokenValidityUnits"], units) {
						changed["TokenValidityUnits"] = nil
					}
				}
				check("changed", to, changed)
				again := read(id)
				if len(drift("", without(again, "TokenValidityUnits"), without(changed, "TokenValidityUnits"))) > 0 {
					t.Errorf("answered %v\nread     %v", changed, again)
				}
			}
			w.send("DeleteUserPoolClient", tree{"UserPoolId": w.pool, "ClientId": id})
		}
	})
}

// Groups, users and who is in which: as the tool makes, reads, changes and deletes them.
func TestTerraform_GroupsAndUsers_DoNotDrift(t *testing.T) {
	inWorld(t, func(w *world) {
		group := func(op string, more tree) tree {
			in := tree{"UserPoolId": w.pool, "GroupName": "staff"}
			maps.Copy(in, more)
			text, _ := json.Marshal(in)
			return w.admin(op, string(text), "Group")
		}
		expect := func(got, want tree) {
			t.Helper()
			if d := drift("", without(got, "CreationDate LastModifiedDate UserPoolId GroupName"), want); len(d) > 0 {
				t.Errorf("%v", d)
			}
		}
		full := tree{"Description": "d", "Precedence": 3.0, "RoleArn": "arn:aws:iam::123456789012:role/a"}
		expect(group("CreateGroup", nil), tree{})
		expect(group("GetGroup", nil), tree{})
		expect(group("UpdateGroup", full), full)
		expect(group("GetGroup", nil), full)
		// What is taken away is sent as its zero.
		group("UpdateGroup", tree{"Description": "", "Precedence": 0})
		expect(group("GetGroup", nil), tree{"RoleArn": full["RoleArn"]})

		user := func() tree {
			w.send("AdminGetUser", tree{"UserPoolId": w.pool, "Username": asha})
			got := w.parsed(w.wire.last().Body.String())
			all := tree{}
			for _, a := range got["UserAttributes"].([]any) {
				all[a.(tree)["Name"].(string)] = a.(tree)["Value"]
			}
			delete(all, "sub")
			all["enabled"] = got["Enabled"]
			return all
		}
		named := func(more tree) tree {
			in := tree{"UserPoolId": w.pool, "Username": asha}
			maps.Copy(in, more)
			return in
		}
		attributes := func(pairs ...string) []any {
			var all []any
			for i := 0; i < len(pairs); i += 2 {
				all = append(all, tree{"Name": pairs[i], "Value": pairs[i+1]})
			}
			return all
		}
		w.send("AdminCreateUser", named(tree{"MessageAction": "SUPPRESS", "UserAttributes": attributes("phone_number", asha, "name", "Asha")}))
		want := tree{"phone_number": asha, "name": "Asha", "enabled": true}
		if got := user(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		w.send("AdminUpdateUserAttributes", named(tree{"UserAttributes": attributes("nickname", "A", "phone_number_verified", "true")}))
		w.send("AdminDeleteUserAttributes", named(tree{"UserAttributeNames": []any{"name"}}))
		w.send("AdminDisableUser", named(nil))
		w.send("AdminSetUserPassword", named(tree{"Password": pass, "Permanent": true}))
		want = tree{"phone_number": asha, "nickname": "A", "phone_number_verified": "true", "enabled": false}
		if got := user(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		w.send("AdminAddUserToGroup", named(tree{"GroupName": "staff"}))
		w.send("AdminListGroupsForUser", named(nil))
		if body := w.wire.last().Body.String(); strings.Count(body, `"GroupName":"staff"`) != 1 {
			t.Errorf("got %s", body)
		}
		w.send("AdminRemoveUserFromGroup", named(tree{"GroupName": "staff"}))
		w.send("AdminListGroupsForUser", named(nil))
		if body := w.wire.last().Body.String(); strings.Contains(body, "staff") {
			t.Errorf("got %s", body)
		}
		w.send("AdminDeleteUser", named(nil))
		w.send("DeleteGroup", tree{"UserPoolId": w.pool, "GroupName": "staff"})
	})
}

// CloudFormation sends the whole template at every update, and nothing that is not in
// it: the pool must then be the one that the template makes, whatever it was before.
func TestCloudFormation_UpdateToATemplate_IsThePoolThatItMakes(t *testing.T) {
	inWorld(t, func(w *world) {
		const quick = `"UserPoolTags":{"bellhop:token-alg":"ES256"}`
		template := func(block string) tree {
			out := w.parsed("{" + quick + "}")
			maps.Copy(out, w.parsed("{"+block+"}"))
			return out
		}
		shown := func(tf *terraform) tree {
			return without(tf.state, "Id Arn Name CreationDate LastModifiedDate EstimatedNumberOfUsers")
		}
		stack := &terraform{world: w}
		stack.create(template(""))
		for _, block := range append(slices.Clone(poolBlocks), "") {
			want := &terraform{world: w}
			want.create(template(block))
			// Of the pool as it was the handler takes nothing, not even a sender of texts.
			delete(stack.state, "SmsConfiguration")
			to := withUsual(template(block))
			w.send("SetUserPoolMfaConfig", stack.mfaConfig(to))
			in := tree{"UserPoolId": stack.id}
			maps.Copy(in, without(to, strings.Join(mfaBlocks, " ")))
			w.send("UpdateUserPool", in)
			stack.read()
			if got, want := shown(stack), shown(want); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n  %s", block, strings.Join(drift("", got, want), "\n  "))
			}
			w.send("UpdateUserPool", tree{"UserPoolId": want.id})
			w.send("DeleteUserPool", tree{"UserPoolId": want.id})
		}
	})
}
