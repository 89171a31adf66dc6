package cognito

import (
	"bytes"
	stdjson "encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// fuzzedServer is a whole server but for the sockets and the background work,
// with a pool, a client and a user who is signed in.
type fuzzedServer struct {
	handler http.Handler
	log     *bytes.Buffer
	names   []string
	who     map[string]access
	known   *strings.Replacer // @pool and the like, in bodies
}

func newFuzzedServer(f *testing.F) *fuzzedServer {
	f.Helper()
	store, err := sqlstore.Open(f.Context(), filepath.Join(f.TempDir(), "bellhop.db"), sqlstore.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := store.Close(); err != nil {
			f.Error(err)
		}
	})
	ring, _ := seal.Generate()
	s := &fuzzedServer{log: &bytes.Buffer{}, who: map[string]access{}}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	service, err := userpool.Open(f.Context(), userpool.Config{
		Store: store, Ring: ring, Sender: &smstest.Phone{}, Region: "us-east-1", PublicURL: "http://localhost:9400", LimitsOff: true, Log: log,
	})
	if err != nil {
		f.Fatal(err)
	}
	api, err := New(Config{Service: service, Keys: testKeys})
	if err != nil {
		f.Fatal(err)
	}
	for _, o := range api.table() {
		s.who[o.name] = o.who
		s.names = append(s.names, o.name)
	}
	s.handler = web.Handler(web.Config{Log: log, Refuse: api.Refuse}, api)
	s.people(f)
	return s
}

// people makes the pool and its one user through the face.
func (s *fuzzedServer) people(f *testing.F) {
	f.Helper()
	values := []string{}
	call := func(operation, body string, read ...string) {
		body = strings.NewReplacer(values...).Replace(body)
		w := s.send(operation, body)
		for _, member := range read {
			_, rest, ok := strings.Cut(w.Body.String(), `"`+member+`":"`)
			value, _, _ := strings.Cut(rest, `"`)
			if w.Code != http.StatusOK || !ok {
				f.Fatalf("%s: %d %s", operation, w.Code, w.Body)
			}
			values = append(values, "@"+member, value)
		}
	}
	call("CreateUserPool", `{"PoolName":"riders","UsernameAttributes":["phone_number"],"AutoVerifiedAttributes":["phone_number"],
		"Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","SMS_OTP"]}},"UserPoolTags":{"bellhop:token-alg":"ES256"}}`, "Id")
	call("CreateUserPoolClient", `{"UserPoolId":"@Id","ClientName":"app","ExplicitAuthFlows":["ALLOW_CUSTOM_AUTH","ALLOW_USER_AUTH","ALLOW_USER_SRP_AUTH","ALLOW_ADMIN_USER_PASSWORD_AUTH","ALLOW_REFRESH_TOKEN_AUTH"]}`, "ClientId")
	call("AdminCreateUser", `{"UserPoolId":"@Id","Username":"+14155550123","MessageAction":"SUPPRESS"}`, "Username")
	call("AdminSetUserPassword", `{"UserPoolId":"@Id","Username":"+14155550123","Password":"Correct-Horse-9","Permanent":true}`)
	call("AdminInitiateAuth", `{"UserPoolId":"@Id","ClientId":"@ClientId","AuthFlow":"ADMIN_USER_PASSWORD_AUTH","AuthParameters":{"USERNAME":"+14155550123","PASSWORD":"Correct-Horse-9"}}`, "AccessToken", "RefreshToken")
	call("InitiateAuth", `{"ClientId":"@ClientId","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"+14155550123"}}`, "Session")
	s.known = strings.NewReplacer(values...)
}

// send is a request as its caller would send it: signed, where that is wanted.
func (s *fuzzedServer) send(operation, body string) *httptest.ResponseRecorder {
	r := post(operation, body)
	if s.who[operation] == admin {
		signAs(r, body, time.Now(), families["boto3"]...)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// protocolErrors are the names of errors that no fault has.
var protocolErrors = []string{"SerializationException", "RequestEntityTooLargeException"}

// FuzzFace sends any body to any operation of a server that works. It answers
// with JSON or with Cognito's envelope, never fails on its own account, and
// neither its errors nor its log repeat what nobody should read there.
func FuzzFace(f *testing.F) {
	s := newFuzzedServer(f)
	for _, name := range s.names {
		f.Add(name, `{}`)
	}
	for _, seed := range [][2]string{
		{"SignUp", `{"ClientId":"@ClientId","Username":"+919876543210","Password":"Correct-Horse-10","UserAttributes":[{"Name":"name","Value":"Asha"}]}`},
		{"SignUp", `{"ClientId":"@ClientId","Username":"someone@example.com1","Password":"Correct-Horse-10"}`},
		{"SignUp", `{"ClientId":"+919876543210a","Username":"+919876543210","SecretHash":"c2VjcmV0IGhhc2gx"}`},
		{"ConfirmSignUp", `{"ClientId":"@ClientId","Username":"+919876543210","ConfirmationCode":"123456123456"}`},
		{"ResendConfirmationCode", `{"ClientId":"@ClientId","Username":"+919876543210"}`},
		{"InitiateAuth", `{"ClientId":"@ClientId","AuthFlow":"USER_SRP_AUTH","AuthParameters":{"USERNAME":"+14155550123","SRP_A":"abcdef0123456789"}}`},
		{"InitiateAuth", `{"ClientId":"@ClientId","AuthFlow":"USER_AUTH","AuthParameters":{"USERNAME":"+14155550123","PREFERRED_CHALLENGE":"SMS_OTP"}}`},
		{"InitiateAuth", `{"ClientId":"@ClientId","AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":"@RefreshToken","DEVICE_KEY":null}}`},
		{"InitiateAuth", `{"ClientId":"@ClientId","AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":"+14155550123","CHALLENGE_NAME":"SRP_A","SRP_A":"1"}}`},
		{"RespondToAuthChallenge", `{"ClientId":"@ClientId","ChallengeName":"CUSTOM_CHALLENGE","Session":"@Session","ChallengeResponses":{"USERNAME":"@Username","ANSWER":"123456"}}`},
		{"RespondToAuthChallenge", `{"ClientId":"@ClientId","ChallengeName":"PASSWORD_VERIFIER","ChallengeResponses":{"USERNAME":"+14155550123","PASSWORD_CLAIM_SECRET_BLOCK":"AAAA","PASSWORD_CLAIM_SIGNATURE":"AAAA","TIMESTAMP":"Wed Mar 4 09:07:03 UTC 2026"}}`},
		{"RespondToAuthChallenge", `{"ClientId":"@ClientId","ChallengeName":"NEW_PASSWORD_REQUIRED","Session":"@Session","ChallengeResponses":{"USERNAME":"@Username","NEW_PASSWORD":"x"}}`},
		{"GetUser", `{"AccessToken":"@AccessToken"}`}, {"GetUser", `{"AccessToken":"@AccessTokenA"}`}, {"GetUser", `{"AccessToken":"@RefreshToken"}`},
		{"UpdateUserAttributes", `{"AccessToken":"@AccessToken","UserAttributes":[{"Name":"birthdate","Value":"1999-12-31"},{"Name":"email","Value":"asha123@example.com"},{"Name":"phone_number_verified","Value":"true"}]}`},
		{"GetTokensFromRefreshToken", `{"ClientId":"@ClientId","RefreshToken":"@RefreshToken"}`},
		{"RevokeToken", `{"ClientId":"@ClientId","Token":"@AccessToken"}`},
		{"AdminGetUser", `{"UserPoolId":"@Id","Username":"+14155550123"}`},
		{"AdminCreateUser", `{"UserPoolId":"@Id","Username":"+14155550124","TemporaryPassword":"Short-1-and-bad","UserAttributes":[{"Name":"sub","Value":"x"}]}`},
		{"AdminSetUserPassword", `{"UserPoolId":"@Id","Username":"+14155550129","Password":"alllowercase12345"}`},
		{"CreateUserPool", `{"PoolName":"p","Schema":[{"Name":"name","AttributeDataType":"String","StringAttributeConstraints":{"MinLength":"9","MaxLength":"1"}}]}`},
		{"CreateUserPool", `{"PoolName":"p","AliasAttributes":["email"],"UsernameAttributes":["email"],"UserPoolTags":{"bellhop:behaviour":"nonsense"}}`},
		{"CreateUserPoolClient", `{"UserPoolId":"@Id","ClientName":"c","GenerateSecret":true,"TokenValidityUnits":{"AccessToken":"days"},"AccessTokenValidity":2}`},
		{"DescribeUserPoolClient", `{"UserPoolId":"@Id","ClientId":"@ClientId"}`},
		{"TagResource", `{"ResourceArn":"arn:aws:cognito-idp:us-east-1:000000000000:userpool/@Id","Tags":{"aws:x":"y","bellhop:behaviour":"strict"}}`},
		{"ListTagsForResource", `{"ResourceArn":"arn:aws:cognito-idp:us-east-1:000000000000:userpool/@Id"}`},
		{"SignUp", `{"ClientId":"x` + strings.Repeat("1", 70<<10) + `"}`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, operation, body string) {
		operation = pick(s.names, operation)
		if operation != "DeleteUserPool" { // the others need the pool
			body = s.known.Replace(body)
		}
		s.log.Reset()
		w := s.send(operation, body)
		if w.Code == http.StatusOK {
			checkAnswer(t, w)
		} else {
			checkRefusal(t, operation, w)
		}
		log := s.log.String()
		for _, secret := range secretsIn(body) {
			if strings.Contains(log, secret) {
				t.Fatalf("%s: %q is in the log: %s", operation, secret, log)
			}
			if w.Code != http.StatusOK && strings.Contains(w.Body.String(), secret) {
				t.Fatalf("%s: %q is in the error: %s", operation, secret, w.Body)
			}
		}
		if n := strings.Count(log, `"msg":"request"`); n != 1 {
			t.Fatalf("%d events in the log: %s", n, log)
		}
	})
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Body.Len() == 0 {
		return
	}
	var object map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal(w.Body.Bytes(), &object); err != nil || object == nil || object["__type"] != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
}

func checkRefusal(t *testing.T, operation string, w *httptest.ResponseRecorder) {
	t.Helper()
	var body struct {
		Type string `json:"__type"`
	}
	if err := stdjson.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: error %q: %v", operation, w.Body, err)
	}
	known := slices.Contains(protocolErrors, body.Type)
	for _, k := range fault.Kinds() {
		known = known || k != fault.Internal && k != fault.Unavailable && exceptions[k].name == body.Type
	}
	if !known || w.Code != http.StatusBadRequest && w.Code != http.StatusRequestEntityTooLarge {
		t.Fatalf("%s: %d %s", operation, w.Code, w.Body)
	}
	checkEnvelope(t, operation, w, w.Code, body.Type)
}

// secretsIn are the texts in a body that neither an error nor a log may hold:
// those that are long and odd enough not to be words of ours, and that are not
// also in a place from which they may be repeated.
func secretsIn(body string) []string {
	var all any
	if stdjson.Unmarshal([]byte(body), &all) != nil {
		return nil
	}
	secrets, shown := textsOf(all, false)
	return slices.DeleteFunc(secrets, func(s string) bool {
		return len(s) < 12 || !strings.ContainsAny(s, "0123456789") || strings.Trim(s, "0123456789") == "" || strings.Contains(shown, s)
	})
}

// textsOf are all texts of a value, the secret ones apart.
func textsOf(v any, secret bool) (secrets []string, shown string) {
	add := func(s []string, text string) { secrets, shown = append(secrets, s...), shown+"\n"+text }
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			add(nil, name)
			if name == unitsMember {
				inner = map[string]any{}
			}
			add(textsOf(inner, secret || secretMember[name] && name != "ClientId"))
		}
	case []any:
		for _, inner := range v {
			add(textsOf(inner, secret))
		}
	case string:
		if secret {
			return []string{v}, ""
		}
		return nil, v
	}
	return secrets, shown
}

// FuzzRequestLine sends any method, path, target and content type: what is no
// request of this API is refused in its envelope.
func FuzzRequestLine(f *testing.F) {
	api, err := New(Config{Service: new(userpool.Service), Keys: testKeys})
	if err != nil {
		f.Fatal(err)
	}
	served := map[string]bool{}
	for _, o := range api.table() {
		served[o.name] = o.serve != nil
	}
	log := &bytes.Buffer{}
	handler := web.Handler(web.Config{Log: slog.New(slog.NewJSONHandler(log, nil)), Refuse: api.Refuse}, api)
	for _, seed := range [][4]string{
		{"POST", "/", targetPrefix + "SignUp", contentType}, {"GET", "/", "", ""}, {"PUT", "/x", targetPrefix + "SignUp", ""},
		{"POST", "/a/b", targetPrefix + "AdminGetUser", "application/json"}, {"POST", "/", targetPrefix + "admingetuser", contentType},
		{"POST", "/", " " + targetPrefix + "AdminGetUser", contentType}, {"POST", "/", targetPrefix + "SignUp\n", "text/plain"},
		{"OPTIONS", "//", "x", "y"}, {"post", "/", targetPrefix + "SignUp", contentType}, {"HEAD", "/.well-known/jwks.json", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, path, target, content string) {
		log.Reset()
		r := post("SignUp", "{}")
		r.Method, r.URL.Path = method, path
		r.Header["X-Amz-Target"], r.Header["Content-Type"] = []string{target}, []string{content}
		if isWellKnown(r) {
			return // which asks the service
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		name, ours := strings.CutPrefix(target, targetPrefix)
		_, exists := served[name]
		want := "UnknownOperationException"
		switch {
		case method == http.MethodOptions:
			if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
				t.Fatalf("preflight: %d %q", w.Code, w.Body)
			}
			return
		case method != http.MethodPost:
			want = "MethodNotAllowedException"
		case !ours || !exists:
		case w.Code == http.StatusUnsupportedMediaType:
			want = "UnsupportedMediaTypeException"
		case api.operations[name].who == admin:
			want = "MissingAuthenticationTokenException"
		case !served[name]:
			want = "UnsupportedOperationException"
		default:
			want = "InvalidParameterException"
		}
		checkEnvelope(t, target, w, w.Code, want)
		if w.Code < 400 || w.Code > 415 {
			t.Fatalf("status %d", w.Code)
		}
		if !exists && len(target) > 40 && strings.Contains(log.String(), target) {
			t.Fatalf("a stranger's target is in the log: %s", log)
		}
	})
}
