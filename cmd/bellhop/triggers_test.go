package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/lambdatest"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/kms"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:"

// triggersFile writes a triggers file, a secret and a Node.js function beside it.
func triggersFile(t *testing.T, functions string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"triggers.yaml": "functions:\n" + functions,
		"hook.secret":   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"index.mjs":     "export const handler = async (e) => { console.log('here'); e.response.answerCorrect = true; return e }",
	} {
		write(t, filepath.Join(folder, name), []byte(text))
	}
	return filepath.Join(folder, "triggers.yaml")
}

// tried runs triggers test and returns what it says.
func tried(t *testing.T, code int, args ...string) trial {
	t.Helper()
	got, stdout, stderr := once(t, nil, append([]string{"triggers", "test", "--json"}, args...)...)
	var said trial
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || got != code || (code == exitOK) != (said.Error == nil) {
		t.Errorf("bellhop triggers test %s: exit code %d, %s%s, want %d", args, got, stdout, stderr, code)
	}
	if said.Error == nil {
		said.Error = &trialError{}
	}
	return said
}

// hookWith serves a webhook, and is an entry for it.
func hookWith(t *testing.T, answer http.HandlerFunc) (entry string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return fmt.Sprintf("  - arn: %q\n    webhook: { url: %q, secret-file: hook.secret, allow-private: true }\n", functionARN+"*", server.URL)
}

func echo(w http.ResponseWriter, r *http.Request) {
	event, _ := io.ReadAll(r.Body)
	w.Write(event)
}

func TestTriggersTest_EveryKindOfFunction_Answers(t *testing.T) {
	lambdatest.Env(t)
	called := ""
	endpoint := lambdatest.New(t, func(arn string, event []byte) ([]byte, string) { called = arn; return event, "" })
	file := triggersFile(t, fmt.Sprintf(`  - arn: %[1]slocal
    local: { folder: ., handler: index.handler }
  - arn: %[1]slambda
    lambda: { endpoint: %q }
%s`, functionARN, endpoint, hookWith(t, echo)))
	for name, line := range map[string]string{"local": ":2", "lambda": ":4", "hook": ":6"} {
		got := tried(t, exitOK, "--triggers", file, functionARN+name, "--source", "VerifyAuthChallengeResponse_Authentication", "--set", "request.challengeAnswer=0042", "--set", "request.session:=[1]")
		var event, sent struct {
			Request  struct{ ChallengeAnswer any }
			Response struct{ AnswerCorrect any }
		}
		if err := errors.Join(json.Unmarshal(got.Response, &event), json.Unmarshal(got.Request, &sent)); err != nil {
			t.Fatal(err)
		}
		if want := map[string]any{"local": true}[name]; event.Response.AnswerCorrect != want || sent.Request.ChallengeAnswer != "0042" || event.Request != sent.Request {
			t.Errorf("%s: %s answered by %s", name, got.Request, got.Response)
		}
		if got.Entry != file+line || len(got.Attempts) != 1 || got.Attempts[0].Outcome != "answered" || got.Milliseconds <= 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if called != functionARN+"lambda" {
		t.Errorf("called was %q", called)
	}
	for _, source := range trigger.Sources() {
		tried(t, exitOK, "--triggers", file, functionARN+"hook", "--source", string(source), "--set", "response.issueTokens:=true")
	}
	tried(t, exitOK, "--triggers", file, functionARN+"hook", "--source", "TokenGeneration_RefreshTokens", "--version", "3")
}

// What a function does wrong is said as the server would say it, and why.
func TestTriggersTest_WhatGoesWrong_IsSaidAsCognitoWould(t *testing.T) {
	var ids []string
	var answer http.HandlerFunc
	file := triggersFile(t, hookWith(t, func(w http.ResponseWriter, r *http.Request) {
		ids = append(ids, r.Header.Get("webhook-id"))
		answer(w, r)
	}))
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); io.WriteString(w, body) }
	}
	const arn = functionARN + "hook"
	for name, c := range map[string]struct {
		answer             http.HandlerFunc
		attempts           int
		exception, message string
		cause, text        string
	}{
		"throws":     {status(400, `{"errorMessage":"not from here"}`), 1, "UserLambdaValidationException", "PreSignUp failed with error not from here.", "not from here", ""},
		"garbage":    {status(200, "so\x00 what"), 1, "InvalidLambdaResponseException", "Unrecognizable lambda output", "no JSON object", "so? what"},
		"wrong type": {status(200, `{"response":{"autoConfirmUser":"yes"}}`), 1, "InvalidLambdaResponseException", "Unrecognizable lambda output", "wrong type", ""},
		"not there":  {status(404, ""), 1, "UnexpectedLambdaException", arn + " invocation failed due to configuration.", "status 404", ""},
		"broken":     {status(503, ""), 3, "UnexpectedLambdaException", arn + " failed with error Service unavailable.", "status 503", ""},
		"7 MB":       {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 7<<20)) }, 1, "InvalidLambdaResponseException", "Unrecognizable lambda output", "longer than 6 MB", ""},
	} {
		ids, answer = nil, c.answer
		got := tried(t, exitFailed, arn, "--triggers", file, "--source", "PreSignUp_SignUp")
		if got.Error.Exception != c.exception || got.Error.Message != c.message || !strings.Contains(got.Error.Cause, c.cause) || got.Text != c.text {
			t.Errorf("%s: %+v, %q", name, got.Error, got.Text)
		}
		if len(got.Attempts) != c.attempts || len(ids) != c.attempts || ids[0] == "" || ids[len(ids)-1] != ids[0] {
			t.Errorf("%s: %+v with ids %q", name, got.Attempts, ids)
		}
	}
	got := tried(t, exitFailed, "arn:aws:lambda:eu-west-1:1:function:other", "--triggers", file, "--source", "PreSignUp_SignUp")
	if got.Error.Exception != "UnexpectedLambdaException" || !strings.Contains(got.Error.Cause, "no entry of the triggers file") || got.Entry != "" {
		t.Errorf("no entry: %+v", got)
	}
	answer = status(400, `{"errorMessage":"no"}`)
	code, stdout, stderr := once(t, nil, "triggers", "test", arn, "--triggers", file, "--source", "PreSignUp_SignUp")
	for _, want := range []string{"function   " + arn, `"triggerSource": "PreSignUp_SignUp"`, "attempt 1", "error      UserLambdaValidationException: PreSignUp failed with error no.", "because "} {
		if code != exitFailed || !strings.Contains(stdout, want) || !strings.Contains(stderr, "the trigger fails as UserLambdaValidationException") {
			t.Errorf("exit code %d, %s%s, want %q", code, stdout, stderr, want)
		}
	}
}

func TestTriggersTest_EventOfAFile_GoesOutAsItIs(t *testing.T) {
	var got []byte
	file := triggersFile(t, hookWith(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.Write(got)
	}))
	const event = `{ "triggerSource":"CreateAuthChallenge_Authentication", "n":12345678901234567890,"request":{"session":[{"a":1}]}, "response":{} }`
	path := filepath.Join(filepath.Dir(file), "event.json")
	write(t, path, []byte(event))
	tried(t, exitOK, "--triggers", file, functionARN+"f", "--event", path)
	if string(got) != event {
		t.Errorf("it was sent as %s", got)
	}
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	var err error
	if os.Stdin, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	defer os.Stdin.Close()
	tried(t, exitOK, "--triggers", file, functionARN+"f", "--event", "-", "--set", "request.session.0.a:=null", "--set", "request.clientMetadata.k=v", "--set", "version=1")
	const want = `{"n":12345678901234567890,"request":{"clientMetadata":{"k":"v"},"session":[{"a":null}]},"response":{},"triggerSource":"CreateAuthChallenge_Authentication","version":"1"}`
	if string(got) != want {
		t.Errorf("it was sent as %s, want %s", got, want)
	}
}

func TestTriggersTest_WhatCannotBeSent_IsRefused(t *testing.T) {
	file := triggersFile(t, hookWith(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") }))
	folder := filepath.Dir(file)
	write(t, filepath.Join(folder, "list.json"), []byte("[]"))
	write(t, filepath.Join(folder, "other.json"), []byte(`{"Records":[]}`))
	for args, want := range map[string]string{
		"":    "say which function",
		"ARN": "give either --source",
		"ARN --source PreSignUp_SignUp --event x":         "give either --source",
		"ARN --event LIST":                                "is no JSON object",
		"ARN --event OTHER":                               "has no triggerSource",
		"ARN --event FOLDER/no":                           "cannot be read",
		"ARN --event OTHER --version 2":                   "--version is that of the example",
		"ARN --source PreSignUp_Sign":                     "there are PreSignUp_SignUp, PreSignUp_AdminCreateUser",
		"ARN --source Pre":                                "PreTokenGeneration",
		"ARN --source PreSignUp_SignUp --version 2":       "no version \"2\" of PreSignUp_SignUp",
		"ARN --source PreSignUp_SignUp --set x":           "must be PATH=TEXT",
		"ARN --source PreSignUp_SignUp --set =x":          "must be PATH=TEXT",
		"ARN --source PreSignUp_SignUp --set a:={":        "has no JSON",
		"ARN --source PreSignUp_SignUp --set version.a=1": "a is no member of a text",
		"ARN --source DefineAuthChallenge_Authentication --set request.session.0.a=1":                  "has 0 elements",
		"arn:aws:lambda:us-east-1:000000000000:function:bellhop-texted-code --source PreSignUp_SignUp": "Bellhop's own challenge",
	} {
		args = strings.NewReplacer("ARN", functionARN+"f", "LIST", folder+"/list.json", "OTHER", folder+"/other.json", "FOLDER", folder).Replace(args)
		if want == "PreTokenGeneration" {
			want = "TokenGeneration_RefreshTokens"
		}
		refuse(t, exitUsage, want, append([]string{"triggers", "test", "--triggers", file}, strings.Fields(args)...)...)
	}
	refuse(t, exitUsage, "name the triggers file", "triggers", "test", functionARN+"f", "--source", "PreSignUp_SignUp")
	refuse(t, exitUsage, "name the triggers file", "triggers", "list")
}

// named gives the pool of a data folder functions.
func named(t *testing.T, data string, triggers map[trigger.Name]string) {
	t.Helper()
	change(t, data, func(ctx context.Context, tx userpool.Tx) error {
		pool, err := tx.Pool(ctx, poolID)
		if err != nil {
			return err
		}
		pool.Settings.Triggers.Functions = triggers
		return tx.UpdatePool(ctx, pool)
	})
}

func TestTriggersList_SaysWhichEntryCallsAPoolsFunctions(t *testing.T) {
	file := triggersFile(t, "  - arn: "+functionARN+"create\n    local: { folder: ., handler: index.handler }\n"+
		"  - arn: arn:aws:lambda:eu-*\n    lambda: {}\n"+
		"  - arn: arn:aws:lambda:*:function:pre*\n    webhook: { url: 'https://user:pass-of-hook@hooks.example.com/pre?k=1', secret-file: hook.secret }\n")
	list := func(data string) (functions []functionRow, pools []poolFunction) {
		var said struct {
			Functions []functionRow
			Pools     []poolFunction
		}
		out := succeed(t, "triggers", "list", "--json", "--triggers", file, "--data", data)
		if err := json.Unmarshal([]byte(out), &said); err != nil {
			t.Fatal(err)
		}
		return said.Functions, said.Pools
	}
	wantFunctions := []functionRow{
		{file + ":2", functionARN + "create", "local " + filepath.Dir(file) + "/index.handler"},
		{file + ":4", "arn:aws:lambda:eu-*", "lambda AWS in the function's region"},
		{file + ":6", "arn:aws:lambda:*:function:pre*", "webhook https://hooks.example.com"},
	}
	data := filepath.Join(t.TempDir(), "data")
	if functions, pools := list(data); !reflect.DeepEqual(functions, wantFunctions) || len(pools) != 0 {
		t.Errorf("without a database: %+v, %+v", functions, pools)
	}
	absent(t, data)
	createPool(t, data)
	builtInARN := "arn:aws:lambda:us-east-1:000000000000:function:" + trigger.TextedCode
	named(t, data, map[trigger.Name]string{trigger.CreateAuthChallenge: functionARN + "create", trigger.DefineAuthChallenge: builtInARN, trigger.PreSignUp: functionARN + "pre", trigger.UserMigration: functionARN + "migrate"})
	want := []poolFunction{
		{poolID, trigger.PreSignUp, functionARN + "pre", file + ":6"},
		{poolID, trigger.DefineAuthChallenge, builtInARN, builtIn},
		{poolID, trigger.CreateAuthChallenge, functionARN + "create", file + ":2"},
		{poolID, trigger.UserMigration, functionARN + "migrate", ""},
	}
	if functions, pools := list(data); !reflect.DeepEqual(functions, wantFunctions) || !reflect.DeepEqual(pools, want) {
		t.Errorf("%+v\n%+v", functions, pools)
	}
	out := succeed(t, "triggers", "list", "--triggers", file, "--data", data)
	if !strings.Contains(out, "NOTHING MATCHES") || strings.Contains(out, "pass-of-hook") || strings.Contains(out, "k=1") {
		t.Error(out)
	}
}

func TestDoctor_FunctionsThatNobodyCalls_AreFound(t *testing.T) {
	lambdatest.Env(t)
	data := served(t)
	named(t, data, map[trigger.Name]string{trigger.PreSignUp: functionARN + "pre", trigger.UserMigration: "arn:aws:lambda:eu-west-1:1:function:m"})
	env := []string{"BELLHOP_PUBLIC_URL=https://auth.example.com"}
	found, code, output := examined(t, env, data)
	if code != exitFailed || !said(found, "triggers", levelFail, functionARN+"pre for PreSignUp, and there is no triggers file") {
		t.Error(output)
	}
	endpoint := lambdatest.New(t, func(string, []byte) ([]byte, string) { t.Error("it was called"); return nil, "" })
	hook := hookWith(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	file := triggersFile(t, hook+fmt.Sprintf("  - arn: arn:aws:lambda:ap-*\n    lambda: { endpoint: %q }\n  - arn: arn:aws:lambda:*:function:z\n    lambda: { endpoint: 'http://127.0.0.1:1' }\n", endpoint))
	found, _, output = examined(t, env, data, "--triggers", file)
	for what, l := range map[string]level{
		"arn:aws:lambda:eu-west-1:1:function:m for UserMigration, which no entry": levelFail,
		file + ":2: webhook http://127.0.0.1:":                                    levelOK,
		file + ":4: lambda " + endpoint + " answers":                              levelOK,
		file + ":6: lambda http://127.0.0.1:1 cannot be called (the host refused": levelFail,
	} {
		if !said(found, "triggers", l, what) {
			t.Errorf("it does not say %s %q:\n%s", l, what, output)
		}
	}
	found, _, output = examined(t, env, data, "--triggers", triggersFile(t, "  - arn: x\n    lambda: {}\n  - arn: '*'\n    lamda: {}\n"))
	if !said(found, "triggers", levelFail, ":2: arn must be a function's ARN") || !said(found, "triggers", levelFail, "did you mean lambda?") {
		t.Error(output)
	}
	named(t, data, map[trigger.Name]string{trigger.PreSignUp: functionARN + "pre"})
	found, _, output = examined(t, env, data, "--triggers", triggersFile(t, hook))
	if !said(found, "triggers", levelOK, "each of 1 functions that pools name has an entry") {
		t.Error(output)
	}
}

func TestServe_BadTriggersFile_IsReportedWholeAndNothingStarts(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	file := triggersFile(t, `  - arn: arn:aws:lambda:us-east-1:1:function:a
    webhook: { url: "http://hooks.example.com/", secret-file: hook.secret }
  - arn: arn:aws:lambda:us-east-1:1:function:b
    lambda: { endpoint: "127.0.0.1:9001" }
  - arn: arn:aws:lambda:us-east-1:1:function:c
    local: { folder: ., command: [./bootstrap] }
kms: { endpoint: "127.0.0.1:4599", region: us-east-1 }
`)
	for _, command := range []string{"serve", "demo"} {
		code, stdout, stderr := once(t, nil, command, "--triggers", file, "--data", data, "--listen", "127.0.0.1:0")
		if code != exitUsage || stdout != "" {
			t.Errorf("%s: exit code %d, %q", command, code, stdout)
		}
		for _, want := range []string{file + ":2: webhook cannot be used: the URL must start with https://", file + ":4: lambda cannot be used: ", file + ":6: local cannot be used: ", file + ": kms cannot be used: "} {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: %q is missing in:\n%s", command, want, stderr)
			}
		}
		if command == "serve" {
			absent(t, filepath.Join(data, "bellhop.db"))
		}
	}
	serveData(t, data, "BELLHOP_TRIGGERS="+triggersFile(t, hookWith(t, echo))).endWell()
}

// A pool's sign-in asks whoever the triggers file says, and what that says comes
// out at the API.
func TestServe_PoolsFunctions_AreCalledByTheTriggersFile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	createPool(t, data)
	own := map[trigger.Name]string{}
	for _, name := range []trigger.Name{trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallenge} {
		own[name] = functionARN + string(name)
	}
	named(t, data, own)
	file := triggersFile(t, hookWith(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"errorMessage":"we are closed"}`)
	}))
	p := serveData(t, data, "BELLHOP_TRIGGERS="+file)
	_, err := sdkWithKey(p.url, "id", "secret").InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeCustomAuth, ClientId: aws.String(clientID), AuthParameters: map[string]string{"USERNAME": number},
	})
	refused, ok := errors.AsType[*types.UserLambdaValidationException](err)
	if !ok || refused.ErrorMessage() != "DefineAuthChallenge failed with error we are closed." {
		t.Error(err)
	}
	p.endWell()
}

// Custom senders get codes from a server that can encrypt them, and from no other.
func TestServe_CustomSenders_NeedTheKMSOfTheTriggersFile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	createPool(t, data)
	config := &types.LambdaConfigType{
		KMSKeyID: aws.String("arn:aws:kms:us-east-1:123456789012:key/1"),
		CustomSMSSender: &types.CustomSMSLambdaVersionConfigType{
			LambdaArn: aws.String(functionARN + "sender"), LambdaVersion: types.CustomSMSSenderLambdaVersionTypeV10,
		},
	}
	hook := hookWith(t, echo)
	for file, want := range map[string]bool{triggersFile(t, hook): false, triggersFile(t, hook+"kms: { endpoint: 'http://127.0.0.1:4599', region: us-east-1 }\n"): true} {
		p := serveData(t, data, "BELLHOP_TRIGGERS="+file, "BELLHOP_ADMIN_ACCESS_KEY_ID=local", "BELLHOP_ADMIN_SECRET_ACCESS_KEY=a-secret-of-our-own-choice")
		_, err := sdkWithKey(p.url, "local", "a-secret-of-our-own-choice").CreateUserPool(t.Context(), &cip.CreateUserPoolInput{PoolName: aws.String("posted"), LambdaConfig: config})
		refused, ok := errors.AsType[*types.InvalidParameterException](err)
		if (err == nil) != want || !want && (!ok || !strings.Contains(refused.ErrorMessage(), "no KMS")) {
			t.Errorf("with a KMS %v: %v", want, err)
		}
		p.endWell()
	}
}

func TestDoctor_CustomSendersWithoutAKMS_AreFound(t *testing.T) {
	called := []poolFunction{{Pool: "us-east-1_a", Trigger: trigger.CustomEmailSender}, {Pool: "us-east-1_a", Trigger: trigger.CustomMessage}}
	found := (&functions{}).unencrypted(called)
	if len(found) != 1 || !said(found, "", levelFail, "us-east-1_a has a CustomEmailSender, and there is no KMS") {
		t.Errorf("%+v", found)
	}
	if found := (&functions{kms: &kms.Encrypter{}}).unencrypted(called); len(found) != 0 {
		t.Errorf("with one: %+v", found)
	}
}
