package cognito

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// bareFace is the face with its plumbing and without a store: for what is
// refused before a service would be asked.
func bareFace(t *testing.T) (http.Handler, *bytes.Buffer) {
	t.Helper()
	api, err := New(Config{Service: new(userpool.Service), Keys: testKeys})
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	return web.Handler(web.Config{Log: slog.New(slog.NewJSONHandler(log, nil)), Refuse: api.Refuse}, api), log
}

func post(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", targetPrefix+target)
	return r
}

// checkEnvelope checks an error answer as clients read it.
func checkEnvelope(t *testing.T, what string, w *httptest.ResponseRecorder, status int, name string) {
	t.Helper()
	var body struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body, json.RejectUnknownMembers(true)); err != nil {
		t.Errorf("%s: body %q: %v", what, w.Body, err)
	}
	h := w.Header()
	if w.Code != status || body.Type != name || h.Get("x-amzn-ErrorType") != name+":" {
		t.Errorf("%s: got %d %s %q, want %d %s", what, w.Code, body.Type, h.Get("x-amzn-ErrorType"), status, name)
	}
	if body.Message == "" || h.Get("x-amzn-ErrorMessage") != headerSafe(body.Message) {
		t.Errorf("%s: message %q, header %q", what, body.Message, h.Get("x-amzn-ErrorMessage"))
	}
	if h.Get("Content-Type") != contentType || h.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(h.Get("Access-Control-Expose-Headers"), "x-amzn-ErrorType") || h.Get("x-amzn-RequestId") == "" {
		t.Errorf("%s: headers %v", what, h)
	}
}

func TestFace_WhatIsNoRequestOfThisAPI_GetsATypedError(t *testing.T) {
	with := func(r *http.Request, change func(*http.Request)) *http.Request { change(r); return r }
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	for _, c := range []struct {
		what   string
		r      *http.Request
		status int
		name   string
	}{
		{"GET", httptest.NewRequest(http.MethodGet, "/", nil), 405, "MethodNotAllowedException"},
		{"GET of nothing", httptest.NewRequest(http.MethodGet, "/index.html", nil), 405, "MethodNotAllowedException"},
		{"PUT", httptest.NewRequest(http.MethodPut, "/", nil), 405, "MethodNotAllowedException"},
		{"no target", with(post("SignUp", "{}"), header("X-Amz-Target")), 400, "UnknownOperationException"},
		{"empty target", with(post("SignUp", "{}"), header("X-Amz-Target", "")), 400, "UnknownOperationException"},
		{"unknown operation", post("SignUpp", "{}"), 400, "UnknownOperationException"},
		{"wrong case", post("signUp", "{}"), 400, "UnknownOperationException"},
		{"space after", post("SignUp ", "{}"), 400, "UnknownOperationException"},
		{"space before", post(" SignUp", "{}"), 400, "UnknownOperationException"},
		{"no prefix", with(post("SignUp", "{}"), header("X-Amz-Target", "SignUp")), 400, "UnknownOperationException"},
		{"another service", with(post("SignUp", "{}"), header("X-Amz-Target", "AWSCognitoIdentityService.SignUp")), 400, "UnknownOperationException"},
		{"two targets", with(post("SignUp", "{}"), header("X-Amz-Target", targetPrefix+"SignUp", targetPrefix+"AdminGetUser")), 400, "UnknownOperationException"},
		{"a form", with(post("SignUp", "{}"), header("Content-Type", "application/x-www-form-urlencoded")), 415, "UnsupportedMediaTypeException"},
		{"huge body", post("SignUp", `{"X":"`+strings.Repeat("x", 64<<10)+`"}`), 413, "RequestEntityTooLargeException"},
		{"body cut off", with(post("SignUp", ""), func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)) }), 400, "SerializationException"},
		{"body too slow", with(post("SignUp", ""), func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(os.ErrDeadlineExceeded)) }), 408, "RequestTimeoutException"},
		{"wrong JSON", post("SignUp", "{"), 400, "SerializationException"},
		{"wrong shape", post("SignUp", "{}"), 400, "InvalidParameterException"},
		{"not served, public", post("UpdateAuthEventFeedback", "{}"), 400, "UnsupportedOperationException"},
		{"unsigned", post("AdminGetUser", "{}"), 400, "MissingAuthenticationTokenException"},
		{"unsigned and not served", post("ListIdentityProviders", "{}"), 400, "MissingAuthenticationTokenException"},
	} {
		face, _ := bareFace(t)
		w := httptest.NewRecorder()
		face.ServeHTTP(w, c.r)
		checkEnvelope(t, c.what, w, c.status, c.name)
	}
}

func TestFace_RefusedOperations_AreRefusedByName(t *testing.T) {
	api, err := New(Config{Service: new(userpool.Service), Keys: testKeys})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range api.table() {
		if o.serve != nil {
			continue
		}
		r := post(o.name, "{}")
		if o.who == admin {
			signAs(r, "{}", time.Now(), families["boto3"]...)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != 400 || !strings.Contains(w.Body.String(), o.name+" is not served here: ") ||
			w.Header().Get("x-amzn-ErrorType") != "UnsupportedOperationException:" {
			t.Errorf("%s: %d %s", o.name, w.Code, w.Body)
		}
	}
}

func TestFace_ContentTypesOfClients_AreTaken(t *testing.T) {
	for _, ct := range []string{contentType, "application/json", "application/x-amz-json-1.0", contentType + "; charset=UTF-8", "Application/JSON;charset=utf-8", ""} {
		face, _ := bareFace(t)
		r := post("SignUp", "{}")
		r.Header.Set("Content-Type", ct)
		w := httptest.NewRecorder()
		face.ServeHTTP(w, r)
		checkEnvelope(t, ct, w, 400, "InvalidParameterException")
	}
}

func TestFace_PublicOperations_NeverLookAtAuthorization(t *testing.T) {
	face, _ := bareFace(t)
	r := post("SignUp", "{}")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 nonsense")
	w := httptest.NewRecorder()
	face.ServeHTTP(w, r)
	checkEnvelope(t, "SignUp", w, 400, "InvalidParameterException")
}

func TestFace_Preflight_AllowsTheHeadersThatAreAskedFor(t *testing.T) {
	for _, path := range []string{"/", "/auth/", "/us-east-1_abc/.well-known/jwks.json"} {
		for asked, want := range map[string]string{
			"amz-sdk-invocation-id,content-type,x-my-app": "amz-sdk-invocation-id,content-type,x-my-app",
			"": usualHeaders,
		} {
			face, _ := bareFace(t)
			r := httptest.NewRequest(http.MethodOptions, path, nil)
			r.Header.Set("Origin", "http://app.example")
			r.Header.Set("Access-Control-Request-Method", "POST")
			if asked != "" {
				r.Header.Set("Access-Control-Request-Headers", asked)
			}
			w := httptest.NewRecorder()
			face.ServeHTTP(w, r)
			h := w.Header()
			if w.Code != http.StatusNoContent || w.Body.Len() != 0 || h.Get("Access-Control-Allow-Origin") != "*" ||
				h.Get("Access-Control-Allow-Headers") != want || h.Get("Access-Control-Max-Age") != "172800" ||
				!strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") {
				t.Errorf("%s, asked %q: %d %v", path, asked, w.Code, h)
			}
		}
	}
}

func TestRefuse_RetryAfter_IsInWholeSecondsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "", time.Millisecond: "1", 59500 * time.Millisecond: "60", time.Hour: "3600"} {
		w := httptest.NewRecorder()
		(&API{}).Refuse(w, post("SignUp", "{}"), fault.New(fault.LimitExceeded, "Attempt limit exceeded, please try after some time.").After(d))
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%s: Retry-After %q, want %q", d, got, want)
		}
	}
}

func TestRefuse_HostileMessages_StayOnOneHeaderLineAndInValidJSON(t *testing.T) {
	w := httptest.NewRecorder()
	(&API{}).Refuse(w, post("SignUp", "{}"), fault.New(fault.InvalidParameter, "name: required\nx-evil: 1\r\n\x00ü\xff%s", strings.Repeat("y", 2000)))
	h := w.Header().Get("x-amzn-ErrorMessage")
	if len(h) > maxHeaderMessage || strings.ContainsFunc(h, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("header %q", h)
	}
	var body map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || !strings.HasPrefix(body["message"], "name: required\nx-evil: 1") {
		t.Errorf("body %q: %v", w.Body, err)
	}
}

func TestFace_Panic_IsAnInternalErrorInTheEnvelope(t *testing.T) {
	face, log := bareFace(t) // there is no store, so a good request panics
	w := httptest.NewRecorder()
	face.ServeHTTP(w, post("GetUser", `{"AccessToken":"eyJ.secret.x"}`))
	checkEnvelope(t, "panic", w, 500, "InternalErrorException")
	if strings.Contains(w.Body.String(), "nil pointer") || !strings.Contains(log.String(), "nil pointer") {
		t.Errorf("told %q, logged %q", w.Body, log)
	}
	if strings.Contains(log.String(), "eyJ.secret") {
		t.Error("the token is in the log")
	}
}

func TestFace_StrangersText_IsNotLogged(t *testing.T) {
	for _, r := range []*http.Request{
		post("919860353193", `{}`),
		post("SignUp", `{"ClientId":"919860353193","Username":"a b"}`),
		post("SignUp", `{"919860353193":1,"919860353193":2}`),
		post("DescribeUserPool", `{"UserPoolId":"x_919860353193"}`),
	} {
		face, log := bareFace(t)
		face.ServeHTTP(httptest.NewRecorder(), r)
		if !strings.Contains(log.String(), `"msg":"request"`) || strings.Contains(log.String(), "919860353193") {
			t.Errorf("log: %s", log)
		}
	}
}

func TestCallerOf_InvocationIsTakenIfItLooksLikeOne(t *testing.T) {
	const uuid = "79b5c823-c59b-4a6a-8a7e-2dacf365c906"
	for header, want := range map[string]string{uuid: uuid, "": "", "x": "", strings.Repeat("a", 65): "", uuid + "\n": "", "' or 1=1 --aaaaaaaaaaaa": ""} {
		r := post("SignUp", "{}")
		r.Header["Amz-Sdk-Invocation-Id"] = []string{header}
		if c := callerOf(r, &web.Event{}, "SignUp", nil); c.Invocation != want {
			t.Errorf("%q: got %q", header, c.Invocation)
		}
	}
}

func TestCallerOf_BodyHash_TellsOperationsAndBodiesApart(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range [][2]string{{"SignUp", "{}"}, {"SignUp", "{ }"}, {"ConfirmSignUp", "{}"}, {"SignUp{", "}"}} {
		h := callerOf(post(c[0], ""), &web.Event{}, c[0], []byte(c[1])).Body()
		if len(h) != 64 || seen[h] {
			t.Errorf("%v: hash %q", c, h)
		}
		seen[h] = true
	}
}

func TestPoolARN_RoundTrips(t *testing.T) {
	arn := poolARN("eu-central-1_AbC")
	if arn != "arn:aws:cognito-idp:eu-central-1:000000000000:userpool/eu-central-1_AbC" {
		t.Error(arn)
	}
	if id, err := poolOfARN(&arn); err != nil || id != "eu-central-1_AbC" {
		t.Errorf("got %s, %v", id, err)
	}
	for _, bad := range []string{"", "arn:aws:s3:::bucket", "arn:aws:cognito-idp:eu:1:userpool/", "arn:aws:cognito-idp:eu:1:userpool/a/b_c"} {
		if _, err := poolOfARN(&bad); !fault.Is(err, fault.InvalidParameter) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
