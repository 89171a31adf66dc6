package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/pack/packtest"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// asFunction makes the test binary the function, so that tests start it as AWS
// Lambda does.
const asFunction = "BELLHOP_TEST_AS_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) != "" {
		os.Unsetenv(asFunction)
		main()
		return
	}
	os.Exit(m.Run())
}

// runtime is Lambda's Runtime API (2018-06-01) for one process.
type runtime struct {
	t       *testing.T
	url     string
	events  chan string
	answers chan answer
}

type answer struct {
	failed bool
	body   string
}

func newRuntime(t *testing.T) *runtime {
	r := &runtime{t: t, events: make(chan string), answers: make(chan answer)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, q *http.Request) {
		select {
		case event := <-r.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(5*time.Second).UnixMilli()))
			io.WriteString(w, event)
		case <-q.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/1/{how}", func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.WriteHeader(http.StatusAccepted)
		select {
		case r.answers <- answer{q.PathValue("how") == "error", string(body)}:
		case <-q.Context().Done():
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// invoke sends an event of the source and returns the response, or the error's
// message.
func (r *runtime) invoke(source, request string) string {
	r.t.Helper()
	event := fmt.Sprintf(`{"version":"1","triggerSource":%q,"region":"eu-central-1","userPoolId":"eu-central-1_AbCdEfGhI","userName":"someone",`+
		`"callerContext":{"awsSdkVersion":"aws-sdk-unknown-unknown","clientId":"theclient"},"request":%s,"response":{}}`, source, request)
	select {
	case r.events <- event:
	case <-time.After(30 * time.Second):
		r.t.Fatal("nobody asks for the event of " + source)
	}
	select {
	case a := <-r.answers:
		var read struct {
			Response     json.RawMessage
			ErrorMessage string
		}
		if err := json.Unmarshal([]byte(a.body), &read); err != nil {
			r.t.Fatalf("%s answered %s", source, a.body)
		}
		if a.failed {
			return read.ErrorMessage
		}
		return string(read.Response)
	case <-time.After(30 * time.Second):
		r.t.Fatal("no answer to " + source)
		return ""
	}
}

// clouds are stand-ins for SNS, Secrets Manager and Cognito, on one port.
type clouds struct {
	url string

	mu    sync.Mutex // guards the fields below
	texts []string
	calls []string // of Cognito
}

func newClouds(t *testing.T) *clouds {
	c := &clouds{}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *clouds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	switch call {
	case "GetSecretValue":
		io.WriteString(w, `{"SecretString":"a text that is random, as a test sees it"}`)
	case "ListUsers":
		c.calls = append(c.calls, call+" "+string(body))
		io.WriteString(w, `{"Users":[{"Username":"half","UserStatus":"UNCONFIRMED","UserCreateDate":1,"Attributes":[{"Name":"phone_number","Value":"+4917612345678"}]}]}`)
	case "AdminGetUser":
		io.WriteString(w, `{"Username":"half","UserStatus":"UNCONFIRMED","UserCreateDate":1,"UserAttributes":[{"Name":"phone_number","Value":"+4917612345678"}]}`)
	case "ListUserPoolClients":
		io.WriteString(w, `{"UserPoolClients":[{"ClientId":"theclient"}]}`)
	case "DescribeUserPoolClient":
		io.WriteString(w, `{"UserPoolClient":{"ClientId":"theclient","ExplicitAuthFlows":["ALLOW_CUSTOM_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}}`)
	case "": // SNS speaks forms
		form, _ := url.ParseQuery(string(body))
		c.texts = append(c.texts, form.Get("Message"))
		w.Header().Set("Content-Type", "text/xml")
		io.WriteString(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
	default:
		c.calls = append(c.calls, call+" "+string(body))
		io.WriteString(w, `{}`)
	}
}

var codeForm = regexp.MustCompile(`[0-9]{6}`)

func (c *clouds) code(t *testing.T) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.texts) != 1 {
		t.Fatalf("%d texts", len(c.texts))
	}
	return codeForm.FindString(c.texts[0])
}

// lastCalls are the latest ones of Cognito, without their bodies.
func (c *clouds) lastCalls() (names []string, bodies string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		name, body, _ := strings.Cut(call, " ")
		names, bodies = append(names, name), bodies+body
	}
	c.calls = nil
	return names, bodies
}

// function starts the function with the variables.
func function(t *testing.T, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Env = append([]string{
		asFunction + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, &log
}

func TestFunction_UnderLambdasRuntimeAPI_SignsUpAndInByOneText(t *testing.T) {
	t.Parallel()
	lambda, aws := newRuntime(t), newClouds(t)
	_, table := packtest.Table(t)
	began := time.Now()
	cmd, log := function(t,
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(lambda.url, "http://"), "AWS_ENDPOINT_URL="+aws.url,
		"AWS_ENDPOINT_URL_DYNAMODB="+packtest.Dynalite(t), "BELLHOP_TABLE="+table,
		"BELLHOP_KEY_SECRET_ARN=arn:aws:secretsmanager:eu-central-1:123456789012:secret:bellhop",
		"BELLHOP_SIGN_UP=auto-confirm", "BELLHOP_SENDER=sns", "BELLHOP_COUNTRIES=DE", "BELLHOP_LIMIT_POOL_HOURS=1",
	)
	const owner = `"userAttributes":{"phone_number":"+4917612345678","phone_number_verified":"false"}`
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	want(lambda.invoke("PreSignUp_SignUp", `{`+owner+`,"validationData":null}`), `{"autoConfirmUser":true,"autoVerifyEmail":false,"autoVerifyPhone":false}`)
	t.Logf("from the process's start to the first answer: %s", time.Since(began).Round(time.Millisecond))
	if calls, bodies := aws.lastCalls(); !slices.Equal(calls, []string{"ListUsers", "AdminDeleteUser"}) || !strings.Contains(bodies, `phone_number = \"+4917612345678\"`) {
		t.Errorf("of Cognito it asked %v: %s", calls, bodies)
	}
	want(lambda.invoke("PreSignUp_SignUp", `{"userAttributes":{"phone_number":"+447400123456"}}`), "CodeDeliveryFailure: Texts are not sent to this country")
	began = time.Now()
	want(lambda.invoke("DefineAuthChallenge_Authentication", `{`+owner+`,"session":[]}`), `{"challengeName":"CUSTOM_CHALLENGE","issueTokens":false,"failAuthentication":false}`)
	t.Logf("a warm call: %s", time.Since(began).Round(100*time.Microsecond))
	var created struct {
		PrivateChallengeParameters json.RawMessage
	}
	if err := json.Unmarshal([]byte(lambda.invoke("CreateAuthChallenge_Authentication", `{`+owner+`,"challengeName":"CUSTOM_CHALLENGE","session":[]}`)), &created); err != nil {
		t.Fatal(err)
	}
	verify := func(code string) string {
		return lambda.invoke("VerifyAuthChallengeResponse_Authentication", fmt.Sprintf(`{%s,"privateChallengeParameters":%s,"challengeAnswer":%q}`, owner, created.PrivateChallengeParameters, code))
	}
	code := aws.code(t)
	want(verify("no code"), `{"answerCorrect":false}`)
	want(verify(code), `{"answerCorrect":true}`)
	if calls, bodies := aws.lastCalls(); !slices.Equal(calls, []string{"AdminSetUserPassword", "AdminUpdateUserAttributes"}) ||
		!strings.Contains(bodies, `"Permanent":true`) || !strings.Contains(bodies, `"UserAttributes":[{"Name":"phone_number_verified","Value":"true"}]`) {
		t.Errorf("of Cognito it asked %v: %s", calls, bodies)
	}
	want(verify(code), `{"answerCorrect":false}`)

	cmd.Process.Kill()
	cmd.Wait() // now the log is whole
	if !strings.Contains(log.String(), "BELLHOP_LIMIT_POOL_HOURS") {
		t.Error("it says nothing of a variable that it does not know")
	}
	for _, secret := range []string{code, "17612345678", "as a test sees it"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %s:\n%s", secret, log)
		}
	}
}

func TestFunction_WhatIsWrongWithItsSettings_IsSaidAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  []string
		want []string
	}{
		"nothing":     {nil, []string{"BELLHOP_TABLE", "BELLHOP_SIGN_UP", "BELLHOP_SENDER", "BELLHOP_COUNTRIES", "BELLHOP_KEY"}},
		"a short key": {[]string{"BELLHOP_TABLE=t", "BELLHOP_SIGN_UP=auto-sign-in", "BELLHOP_SENDER=eums", "BELLHOP_COUNTRIES=*", "BELLHOP_KEY=short"}, []string{"at least 32 characters; it has 5"}},
	} {
		cmd, log := function(t, c.env...)
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: it started", name)
		}
		for _, want := range c.want {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%s: %s is not in %s", name, want, log)
			}
		}
	}
}

// slow takes a while to send.
type slow time.Duration

func (s slow) Send(context.Context, sms.Message) (sms.Receipt, error) {
	time.Sleep(time.Duration(s)) // of a bubble's virtual time
	return sms.Receipt{}, nil
}

func TestPretend_TakesAsLongAsTheLastSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(slow(300 * time.Millisecond))
		took := func(fn func()) time.Duration {
			began := time.Now()
			fn()
			return time.Since(began)
		}
		ctx := t.Context()
		if d := took(func() { p.Pretend(ctx) }); d != usual {
			t.Errorf("before any text it takes %s", d)
		}
		for range 2 * remembered {
			p.Send(ctx, sms.Message{})
		}
		if d := took(func() { p.Pretend(ctx) }); d != 300*time.Millisecond {
			t.Errorf("it takes %s", d)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if d := took(func() { p.Pretend(ended) }); d != 0 {
			t.Errorf("when nobody waits it takes %s", d)
		}
	})
}
