package cognito

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	stdjson "encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/document"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// A crowd sends requests that the service model allows, and such that are broken in one
// place, to every operation, in any order, with what earlier answers gave it: pools,
// clients, names, tokens, Sessions, codes, devices. Whatever it sends, the server answers
// with what the model allows, never fails on its own account, and its directory stays
// sound.

// A run of the crowd, and what asks for another one.
const (
	crowdSeed     = "CROWD_SEED"
	crowdRequests = "CROWD_REQUESTS"
)

// town is a pool with what is known of it, by what it is called in requests.
type town struct {
	known map[string][]string
}

// learn keeps a few values of each kind, the newest among them.
func (t *town) learn(r *rand.Rand, kind, value string) {
	list := t.known[kind]
	switch {
	case value == "" || slices.Contains(list, value):
	case len(list) < 6:
		t.known[kind] = append(list, value)
	default:
		list[r.IntN(len(list))] = value
	}
}

type crowd struct {
	*live
	r       *rand.Rand
	model   serviceModel
	towns   []*town
	here    *town
	names   []string // of all operations
	served  []string
	sdk     *parser
	seen    map[string]int    // how often an operation succeeded
	strange map[string]string // exceptions that the model does not have of an operation, and to what
	hist    []string          // the last requests, for who looks into a failure
}

// kindOf is what a member's value is called among the known ones. Tokens are told apart
// by their members, all else by its shape.
func kindOf(member, shape string) string {
	switch {
	case shape == "TokenModelType" && member == "Token":
		return "RefreshToken"
	case shape == "TokenModelType":
		return member
	case shape == "ConfirmationCodeType" || shape == "SoftwareTokenMFAUserCodeType":
		return "code"
	case shape == "SearchPaginationTokenType" || shape == "PaginationKeyType":
		return "PaginationKey"
	}
	return shape
}

// chance is true n times in a hundred.
func (c *crowd) chance(n int) bool { return c.r.IntN(100) < n }

func one[T any](c *crowd, of ...T) T { return of[c.r.IntN(len(of))] }

// What people of a town are called, and what they own.
var (
	crowdNames     = []string{"+14155550123", "+919876543210", "+919812345678", "asha", "ravi@example.org", "asha@example.org", "Meera"}
	crowdPasswords = []string{"Correct-Horse-9", "Correct-Horse-9", "Another-Horse-8", "short", "alllowercase12345"}
	crowdTexts     = []string{"a", "team", "größer als", "日本", "  ", "' or 1=1 --", `"quoted" \ back`, "0", "-1", "2147483648", "true", "a\u0000b", "\u202e", "custom:x"}
)

// text is a value for a member.
func (c *crowd) text(member, shape string, s modelShape) string {
	if s.Enum != nil {
		return one(c, s.Enum...)
	}
	from := c.here
	if c.chance(3) {
		from = one(c, c.towns...)
	}
	if known := from.known[kindOf(member, shape)]; len(known) > 0 && (c.chance(60) || shape != "UsernameType" && c.chance(80)) {
		return one(c, known...)
	}
	switch {
	case shape == "UsernameType":
		return one(c, crowdNames...)
	case shape == "PasswordType":
		return one(c, crowdPasswords...)
	case shape == "ConfirmationCodeType" || shape == "SoftwareTokenMFAUserCodeType":
		return one(c, c.codes()...)
	case shape == "GroupNameType" || shape == "DeviceNameType" || shape == "StringType":
		return one(c, crowdTexts[:4]...)
	case shape == "ArnType" && strings.HasSuffix(member, "ResourceArn") || member == "ResourceArn":
		return "arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + c.text("UserPoolId", "UserPoolIdType", c.model.Shapes["UserPoolIdType"])
	case shape == "UserFilterType":
		return one(c, `username = "asha"`, `phone_number ^= "+91"`, `email="asha@example.org"`, `cognito:user_status = "CONFIRMED"`, `status = "Enabled"`, `sub ^= "0"`, `custom:x = "1"`, `name = "`, ``)
	case shape == "AttributeNameType":
		return one(c, "email", "phone_number", "name", "email_verified", "phone_number_verified", "sub", "birthdate", "updated_at", "custom:x", "nickname", "preferred_username")
	}
	w := &mutator{t: c.t, model: c.model}
	return w.value(shape).(string)
}

// codes are those that were sent lately, and one that was not.
func (c *crowd) codes() []string {
	synctest.Wait()
	all := append(c.mail.newest(), "123456")
	for _, name := range crowdNames[:3] {
		if code := c.phone.LastCode(name); code != "" {
			all = append(all, code)
		}
	}
	return all
}

// attributes are pairs that fit together, mostly.
func (c *crowd) attribute() map[string]any {
	name := c.text("Name", "AttributeNameType", c.model.Shapes["AttributeNameType"])
	value := one(c, crowdTexts...)
	switch {
	case strings.HasSuffix(name, "_verified"):
		value = one(c, "true", "false", "True", "x")
	case name == "phone_number":
		value = one(c, crowdNames[:4]...)
	case name == "email":
		value = one(c, crowdNames[3:6]...)
	case name == "birthdate" && c.chance(70):
		value = "1999-12-31"
	}
	return map[string]any{"Name": name, "Value": value}
}

// parameters are what AuthParameters and ChallengeResponses hold.
func (c *crowd) parameters() map[string]any {
	of := func(member, shape string) string { return c.text(member, shape, c.model.Shapes[shape]) }
	all := map[string]any{}
	put := func(percent int, key, value string) {
		if c.chance(percent) {
			all[key] = value
		}
	}
	code := one(c, c.codes()...)
	put(92, "USERNAME", of("Username", "UsernameType"))
	put(60, "PASSWORD", one(c, crowdPasswords...))
	put(40, "SRP_A", hex.EncodeToString([]byte(of("x", "StringType"))))
	put(40, "REFRESH_TOKEN", of("RefreshToken", "TokenModelType"))
	put(10, "SECRET_HASH", "c2VjcmV0IGhhc2g=")
	put(20, "DEVICE_KEY", of("DeviceKey", "DeviceKeyType"))
	put(20, "PREFERRED_CHALLENGE", one(c, c.model.Shapes["ChallengeNameType"].Enum...))
	put(10, "CHALLENGE_NAME", "SRP_A")
	put(40, "NEW_PASSWORD", one(c, crowdPasswords...))
	put(10, "userAttributes.name", one(c, crowdTexts...))
	put(20, "PASSWORD_CLAIM_SIGNATURE", "AAAA")
	put(20, "PASSWORD_CLAIM_SECRET_BLOCK", of("SECRET_BLOCK", "StringType"))
	put(20, "TIMESTAMP", "Sat Jan 1 00:00:03 UTC 2000")
	put(10, "CREDENTIAL", `{"id":"x","type":"public-key"}`)
	for _, key := range []string{"SMS_OTP_CODE", "EMAIL_OTP_CODE", "SMS_MFA_CODE", "SOFTWARE_TOKEN_MFA_CODE"} {
		put(50, key, code)
	}
	put(50, "ANSWER", one(c, code, code, "SMS_OTP", "PASSWORD", "SMS_MFA", "SOFTWARE_TOKEN_MFA", "WEB_AUTHN"))
	return all
}

// value is something that the shape allows, with members that need not be there more
// seldom the bigger the structure.
func (c *crowd) value(member, shape string) any {
	s := c.model.Shapes[shape]
	switch shape {
	case "AuthParametersType", "ChallengeResponsesType":
		return c.parameters()
	case "AttributeType":
		return c.attribute()
	case "UserPoolTagsType":
		return map[string]any{"bellhop:token-alg": "ES256", "team": one(c, crowdTexts[:4]...)}
	case "LambdaConfigType":
		return map[string]any{}
	}
	switch s.Type {
	case "structure":
		all := map[string]any{}
		if s.Document {
			return all
		}
		for _, name := range slices.Sorted(maps.Keys(s.Members)) {
			if slices.Contains(s.Required, name) || c.chance(max(8, 60-4*len(s.Members))) {
				all[name] = c.value(name, s.Members[name])
			}
		}
		return all
	case "list":
		n := c.r.IntN(3)
		if s.Min != nil {
			n = max(n, int(*s.Min))
		}
		list := make([]any, n)
		for i := range list {
			list[i] = c.value(member, s.Member)
		}
		return list
	case "map":
		return map[string]any{one(c, crowdTexts...): one(c, crowdTexts...)}
	case "boolean":
		return c.chance(50)
	case "integer", "long":
		low, high := int64(0), int64(60)
		if s.Min != nil {
			low = *s.Min
		}
		if s.Max != nil {
			high = min(*s.Max, 100_000)
		}
		return low + c.r.Int64N(max(1, high-low+1))
	case "timestamp":
		return float64(time.Now().UnixMilli()) / 1000
	case "blob":
		return "YQ=="
	}
	return c.text(member, shape, s)
}

// broken is the body with one place of it made wrong.
func (c *crowd) broken(body map[string]any) string {
	names := slices.Sorted(maps.Keys(body))
	if len(names) > 0 {
		name := one(c, names...)
		switch c.r.IntN(6) {
		case 0:
			delete(body, name)
		case 1:
			body[name] = nil
		case 2:
			body[name] = one[any](c, 7, true, "x", []any{}, map[string]any{}, -1, 1e99, "", []any{nil}, map[string]any{"a": nil})
		case 3:
			body[name] = strings.Repeat(one(c, crowdTexts...), 1+c.r.IntN(3000))
		case 4:
			body[name] = one(c, crowdTexts...)
		default:
			body[strings.ToLower(name)] = body[name]
		}
	}
	text, err := stdjson.Marshal(body)
	c.must(err)
	if c.chance(20) && len(text) > 0 { // and once more as bytes
		text[c.r.IntN(len(text))] ^= byte(1 << c.r.IntN(7))
	}
	return string(text)
}

// learn takes from an answer what later requests may name.
func (c *crowd) learn(member, shape string, v any) {
	s := c.model.Shapes[shape]
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if s.Type == "map" {
				c.learn(name, "StringType", inner) // ChallengeParameters
			} else {
				c.learn(name, s.Members[name], inner)
			}
		}
	case []any:
		for _, inner := range v {
			c.learn(member, s.Member, inner)
		}
	case string:
		switch kind := kindOf(member, shape); {
		case member == "USERNAME" || member == "USER_ID_FOR_SRP":
			c.here.learn(c.r, "UsernameType", v)
		case member == "SECRET_BLOCK":
			c.here.learn(c.r, "StringType", v)
		case kind == "UserPoolIdType" && len(c.here.known[kind]) > 0: // a town is one pool
		case s.Enum == nil && kind != "StringType" && kind != "ArnType":
			c.here.learn(c.r, kind, v)
		}
	}
}

// ask sends a request and holds the answer to all that is known of answers.
func (c *crowd) ask(operation, body string) *httptest.ResponseRecorder {
	c.t.Helper()
	c.hist = append(c.hist[max(0, len(c.hist)-7):], operation+" "+body)
	a := c.send(operation, body)
	c.judge(operation, body, a)
	if a.Code == http.StatusOK {
		c.seen[operation]++
		if operation == "DeleteUserPool" {
			c.settle()
			return a
		}
		var answer any
		if stdjson.Unmarshal(a.Body.Bytes(), &answer) == nil {
			c.learn("", c.model.Operations[operation].Out, answer)
		}
	}
	return a
}

func (c *crowd) judge(operation, body string, a *httptest.ResponseRecorder) {
	c.t.Helper()
	log := c.log.take()
	if a.Code >= 500 || strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "panic") {
		c.t.Errorf("%s %.2000s: %d %s\n%s", operation, body, a.Code, a.Body, log)
	}
	for _, f := range AnswerFaults(operation, a.Code, a.Body.Bytes()) {
		if a.Code == http.StatusOK || !strings.Contains(f, "is not known to answer") {
			c.t.Errorf("%s\nto %.1000s", f, body)
		}
		c.strange[f] = body
	}
	if err := c.sdk.read(operation, a); err != nil {
		c.t.Errorf("%s: the SDK does not read %d %s: %v", operation, a.Code, a.Body, err)
	}
}

// settle makes a town: a pool of one of the three designs, clients, people with
// passwords, and tokens of theirs.
func (c *crowd) settle() {
	c.t.Helper()
	c.here = &town{known: map[string][]string{}}
	if len(c.towns) < 3 {
		c.towns = append(c.towns, c.here)
	} else {
		c.towns[c.r.IntN(len(c.towns))] = c.here
	}
	design := one(c, `"UsernameAttributes":["phone_number"],`, `"UsernameAttributes":["email","phone_number"],`, `"AliasAttributes":["phone_number","email"],`, ``)
	c.ask("CreateUserPool", `{"PoolName":"town",`+design+one(c, `"AutoVerifiedAttributes":["phone_number"],`, `"AutoVerifiedAttributes":["email","phone_number"],`, ``)+
		one(c, `"DeviceConfiguration":{"ChallengeRequiredOnNewDevice":true},`, ``)+one(c, `"Schema":[{"Name":"x","AttributeDataType":"String","Mutable":true}],`, ``)+
		`"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","SMS_OTP","EMAIL_OTP"]}},"UserPoolTags":{"bellhop:token-alg":"ES256","bellhop:behaviour":"`+one(c, "standard", "strict", "cognito-exact")+`"}}`)
	pool := `{"UserPoolId":"` + strings.Join(c.here.known["UserPoolIdType"], "") + `",`
	c.ask("CreateUserPoolClient", pool+`"ClientName":"app","ExplicitAuthFlows":["ALLOW_CUSTOM_AUTH","ALLOW_USER_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_USER_PASSWORD_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`)
	if c.chance(30) {
		c.ask("CreateUserPoolClient", pool+`"ClientName":"server","GenerateSecret":true}`)
	}
	c.ask("CreateGroup", pool+`"GroupName":"team"}`)
	for _, name := range []string{"+14155550123", "asha@example.org", "asha"} {
		named := pool + `"Username":"` + name + `",`
		c.ask("AdminCreateUser", named+`"MessageAction":"SUPPRESS"}`)
		c.ask("AdminSetUserPassword", named+`"Password":"Correct-Horse-9","Permanent":true}`)
		c.ask("AdminInitiateAuth", pool+`"ClientId":"`+c.here.known["ClientIdType"][0]+`","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"`+name+`","PASSWORD":"Correct-Horse-9"}}`)
	}
}

// rare are the operations after which a town, or somebody in it, is not what it was.
var rare = map[string]bool{
	"DeleteUserPool": true, "DeleteUserPoolClient": true, "DeleteUserPoolClientSecret": true, "UpdateUserPool": true, "UpdateUserPoolClient": true,
	"DeleteGroup": true, "AdminDeleteUser": true, "AdminDisableUser": true, "AdminResetUserPassword": true, "AdminUserGlobalSignOut": true,
	"AdminForgetDevice": true, "ForgetDevice": true, "GlobalSignOut": true, "RevokeToken": true, "DeleteUser": true, "AdminSetUserPassword": true,
}

// habits are what people do rightly, from the first request to the last.
var habits = []func(c *crowd, client, name string){
	func(c *crowd, client, name string) {
		c.ask("SignUp", client+name+`"Password":"Correct-Horse-9"}`)
		c.ask("ResendConfirmationCode", client+name+`"ClientMetadata":{}}`)
		c.ask("ConfirmSignUp", client+name+`"ConfirmationCode":"`+c.newest()+`"}`)
	},
	func(c *crowd, client, name string) {
		c.ask("ForgotPassword", client+name+`"ClientMetadata":{}}`)
		c.ask("ConfirmForgotPassword", client+name+`"Password":"Correct-Horse-9","ConfirmationCode":"`+c.newest()+`"}`)
	},
	func(c *crowd, client, name string) {
		c.here.known["AccessToken"], c.here.known["RefreshToken"] = nil, nil
		c.ask("InitiateAuth", client+`"AuthFlow":"USER_PASSWORD_AUTH","AuthParameters":{`+parameter(name)+`"PASSWORD":"Correct-Horse-9"}}`)
	},
	func(c *crowd, client, name string) {
		c.here.known["SessionType"] = nil
		c.ask("InitiateAuth", client+`"AuthFlow":"USER_AUTH","AuthParameters":{`+parameter(name)+`"PREFERRED_CHALLENGE":"SMS_OTP"}}`)
		if s := c.here.known["SessionType"]; len(s) > 0 {
			c.ask("RespondToAuthChallenge", client+`"ChallengeName":"SMS_OTP","Session":"`+s[0]+`","ChallengeResponses":{`+parameter(name)+`"SMS_OTP_CODE":"`+c.newest()+`"}}`)
		}
	},
}

// parameter is a member Username as AuthParameters call it.
func parameter(name string) string { return strings.Replace(name, "Username", "USERNAME", 1) }

// newest is the code that was sent last.
func (c *crowd) newest() string {
	synctest.Wait()
	code := ""
	for _, m := range c.phone.Texts() {
		code = cmp.Or(smstest.CodeIn(m.Body), code)
	}
	return cmp.Or(code, "123456")
}

// habit is a thing that somebody does rightly.
func (c *crowd) habit() {
	clients := c.here.known["ClientIdType"]
	if len(clients) == 0 {
		return
	}
	name := one(c, "+14155550123", "+14155550123", "asha", "+919876543210", "asha@example.org")
	one(c, habits...)(c, `{"ClientId":"`+clients[0]+`",`, `"Username":"`+name+`",`)
}

// step is one thing that the crowd does.
func (c *crowd) step() {
	if c.chance(5) {
		c.habit()
	}
	operation := one(c, c.names...)
	if c.chance(95) {
		operation = one(c, c.served...)
	}
	if rare[operation] && c.chance(85) { // so that there is something for the others
		return
	}
	in, known := c.model.Operations[operation]
	if !known {
		c.ask(operation, `{}`)
		return
	}
	body := c.value("", in.In).(map[string]any)
	if operation == "CreateUserPool" { // RSA keys take their time
		body["UserPoolTags"] = c.value("", "UserPoolTagsType")
	}
	var text string
	if c.chance(25) {
		text = c.broken(body)
	} else {
		whole, err := stdjson.Marshal(body)
		c.must(err)
		text = string(whole)
	}
	if c.chance(4) {
		c.twice(operation, text)
		return
	}
	c.ask(operation, text)
}

// twice sends a request two times at once.
func (c *crowd) twice(operation, body string) {
	c.hist = append(c.hist, "twice "+operation+" "+body)
	requests := []*http.Request{c.request(operation, body), c.request(operation, body)}
	answers := make([]*httptest.ResponseRecorder, len(requests))
	var both sync.WaitGroup
	for i, r := range requests {
		both.Go(func() {
			answers[i] = httptest.NewRecorder()
			c.handler.ServeHTTP(answers[i], r)
		})
	}
	both.Wait()
	for _, a := range answers {
		c.judge(operation, body, a)
	}
}

// parser reads answers as the SDK for Go does.
type parser struct {
	ctx    context.Context
	client reflect.Value
	answer *httptest.ResponseRecorder
	inputs map[string]reflect.Value
}

func newParser(ctx context.Context) *parser {
	p := &parser{ctx: ctx, inputs: map[string]reflect.Value{}}
	p.client = reflect.ValueOf(cip.New(cip.Options{Region: "us-east-1", HTTPClient: p, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}))
	return p
}

// Do answers whatever the SDK asks with the answer that is to be read.
func (p *parser) Do(*http.Request) (*http.Response, error) {
	res := p.answer.Result()
	res.Body = io.NopCloser(bytes.NewReader(p.answer.Body.Bytes()))
	return res, nil
}

// read is what the SDK has against an answer. Errors of the server's are answers too.
func (p *parser) read(operation string, a *httptest.ResponseRecorder) error {
	call := p.client.MethodByName(operation)
	if !call.IsValid() { // newer than the SDK
		return nil
	}
	in, ok := p.inputs[operation]
	if !ok {
		in = reflect.New(call.Type().In(1).Elem())
		fill(in.Elem())
		p.inputs[operation] = in
	}
	p.answer = a
	out := call.Call([]reflect.Value{reflect.ValueOf(p.ctx), in})
	err, _ := out[1].Interface().(error)
	if a.Code == http.StatusOK || err == nil {
		return err
	}
	if name := strings.TrimSuffix(a.Header().Get("x-amzn-ErrorType"), ":"); !strings.Contains(err.Error(), name) {
		return err
	}
	return nil
}

// fill puts something into each member, so that the SDK sends the request.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "ResultMetadata" {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.String:
		v.SetString("x")
	case reflect.Interface:
		v.Set(reflect.ValueOf(document.NewLazyDocument(map[string]any{})))
	}
}

// sound looks into the directory as an auditor would.
func (c *crowd) sound() {
	c.t.Helper()
	for what, query := range map[string]string{
		"a user's name leads nowhere":     `select count(*) from user_names n where not exists (select 1 from users u where u.pool_id = n.pool_id and u.id = n.user_id)`,
		"a member of a group is no user":  `select count(*) from group_members g where not exists (select 1 from users u where u.pool_id = g.pool_id and u.id = g.user_id)`,
		"a group's member is in no group": `select count(*) from group_members m where not exists (select 1 from user_groups g where g.pool_id = m.pool_id and g.name = m.group_name)`,
		"a device is nobody's":            `select count(*) from devices d where not exists (select 1 from users u where u.pool_id = d.pool_id and u.id = d.user_id)`,
		"a client's pool is gone":         `select count(*) from clients c where not exists (select 1 from pools p where p.id = c.pool_id)`,
		"tokens live for who is disabled": `select count(*) from families f, users u where f.revoked_at = 0 and u.pool_id = f.pool_id and u.id = f.user_id and u.sign_outs = f.sign_outs and not u.enabled`,
		"a challenge was tried too often": `select count(*) from challenges where tries > max_tries`,
		"a message's challenge is gone":   `select count(*) from messages m where challenge_id <> '' and not exists (select 1 from challenges c where c.id = m.challenge_id)`,
	} {
		if n := c.column(strings.Replace(query, "count(*)", "cast(count(*) as text)", 1), strings.Replace(query, "count(*)", "cast(count(*) as text)", 1)); n[0] != "0" {
			c.t.Errorf("%s: %s", what, n[0])
		}
	}
}

// play lets the crowd send n requests.
func (c *crowd) play(n int) {
	for i := range n {
		if i%400 == 0 {
			c.settle()
		}
		if c.chance(2) {
			c.here = one(c, c.towns...)
		}
		c.step()
		if c.chance(20) {
			time.Sleep(one(c, 50*time.Millisecond, time.Second, time.Second, 5*time.Second, time.Minute))
		}
		if c.t.Failed() {
			c.t.Fatalf("the last requests:\n%s", strings.Join(c.hist, "\n"))
		}
	}
	for f, body := range c.strange {
		c.t.Errorf("%s\nto %.1000s", f, body)
	}
	c.sound()
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestCrowd_WhateverItSends_GetsAnAnswerOfTheModel(t *testing.T) {
	n, each, otherSeed := uint64(700), uint64(700), uint64(1)
	if os.Getenv("SOAK") != "" {
		n, each, otherSeed = 500_000, 10_000, uint64(time.Now().UnixNano())
	}
	n = number(t, crowdRequests, n)
	seed := number(t, crowdSeed, otherSeed)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			for done := uint64(0); done < n && !t.Failed(); done += each {
				part := min(each, n-done)
				t.Logf("%s=%d %s=%d go test ./internal/cognito -run '%s$'", crowdSeed, seed+done, crowdRequests, part, t.Name())
				goLive(t, engine, true, func(l *live) {
					c := &crowd{live: l, r: rand.New(rand.NewPCG(seed+done, 0)), model: model(t), sdk: newParser(l.ctx), seen: map[string]int{}, strange: map[string]string{}}
					c.served = served()
					c.names = slices.Sorted(maps.Keys(l.who))
					c.play(int(part))
					if done == 0 {
						t.Log(c.report())
					}
				})
			}
		})
	}
}

// report says which operations were never done.
func (c *crowd) report() string {
	var never []string
	for _, name := range served() {
		if c.seen[name] == 0 {
			never = append(never, name)
		}
	}
	return fmt.Sprintf("%d operations were done, never: %v", len(c.seen), never)
}
