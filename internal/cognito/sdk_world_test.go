package cognito_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/metrics"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

const (
	endpoint = "http://auth.example.org:9400"
	asha     = "+919876543210"
	ravi     = "+919812345678"
	pass     = "Correct-Horse-9"
)

// world is a whole server but for the sockets, in a bubble of virtual time: the
// face in its plumbing, the service, SQLite, the outbox, and a phone. The AWS
// SDK for Go talks to it.
type world struct {
	t        *testing.T
	ctx      context.Context
	handler  http.Handler
	phone    *smstest.Phone
	mail     *mailbox
	log      *safeBuffer
	wire     *wire
	sdk      *cip.Client // signs with the admin key
	key      userpool.AdminKey
	file     string // the database
	stop     func()
	passDown func(time.Duration)
	pool     string
	client   string
	service  *userpool.Service
	metrics  *metrics.Metrics

	functions functions // of pools with triggers
}

// functions give every event back, and keep it.
type functions struct {
	mu     sync.Mutex // guards events
	events []functionEvent
}

type functionEvent = trigger.Event[map[string]any, map[string]any]

// Invoke implements trigger.Invoker.
func (f *functions) Invoke(_ context.Context, _ string, event []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var e functionEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	f.events = append(f.events, e)
	return event, nil
}

// safeBuffer is a log that goroutines may write to.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// wire carries requests to the handler as bytes, so that the server sees what a
// server would see, and counts them.
type wire struct {
	handler http.Handler
	from    string // the client's address
	sent    int
	asked   []http.Header
	answers []*httptest.ResponseRecorder
	secrets []string // every token and Session that was answered
	faults  []string // what of the answers the service model does not allow
}

func (c *wire) Do(r *http.Request) (*http.Response, error) {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	got, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		return nil, err
	}
	got = got.WithContext(r.Context())
	got.RemoteAddr = c.from
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, got)
	_, operation, _ := strings.Cut(got.Header.Get("X-Amz-Target"), ".")
	if f := cognito.AnswerFaults(operation, w.Code, w.Body.Bytes()); len(f) > 0 && got.Method == http.MethodPost {
		c.faults = append(c.faults, f...)
	}
	c.sent++
	c.asked = append(c.asked, got.Header)
	c.answers = append(c.answers, w)
	for _, m := range secretMembers.FindAllStringSubmatch(w.Body.String(), -1) {
		c.secrets = append(c.secrets, m[1])
	}
	return w.Result(), nil
}

// RoundTrip makes wire a transport for plain HTTP clients.
func (c *wire) RoundTrip(r *http.Request) (*http.Response, error) { return c.Do(r) }

var secretMembers = regexp.MustCompile(`"(?:AccessToken|IdToken|RefreshToken|Session|ClientSecret|SECRET_BLOCK)":"([^"]+)"`)

// last is the newest answer.
func (c *wire) last() *httptest.ResponseRecorder { return c.answers[len(c.answers)-1] }

func inWorld(t *testing.T, test func(w *world)) {
	t.Helper()
	file := worldtest.Database(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{t: t, ctx: ctx, phone: &smstest.Phone{}, mail: &mailbox{}, log: &safeBuffer{}}
		w.file = file
		store, err := sqlstore.Open(ctx, w.file, sqlstore.Options{})
		w.must(err)
		service := w.open(store)
		w.service = service
		w.makePool()
		w.start(service)
		test(w)
		w.checkLog()
		w.checkAnswers()
		w.checkMetrics()
		w.stop()
		cancel()
		w.checkTrail()
		w.must(store.Close())
	})
}

// start runs the background work; stop ends it and waits.
func (w *world) start(service *userpool.Service) {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- service.Run(ctx) }()
	w.stop = func() {
		cancel()
		w.must(<-done)
	}
	// Time in which the server is down goes by quicker in a test.
	w.passDown = func(d time.Duration) {
		w.stop()
		<-time.After(d)
		w.start(service)
	}
}

// open puts a server together on the store.
func (w *world) open(store *sqlstore.DB) *userpool.Service {
	w.t.Helper()
	ring, _ := seal.Generate()
	worldtest.Stock(w.t, store, ring)
	// Without the time, which looks like codes.
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: noTime}))
	w.metrics = metrics.New(metrics.Build{Version: "test"})
	service, err := userpool.Open(w.ctx, userpool.Config{
		Store: store, Ring: ring, Sender: w.phone, Mailer: w.mail, Region: "us-east-1", PublicURL: endpoint, Log: log,
		Observers: []userpool.Observer{w.metrics}, Triggers: &w.functions,
		Guard: guard.NewEngine(worldtest.Roomy()), // of a test about the wire
	})
	w.must(err)
	w.metrics.Follow(service)
	key, _, err := service.EnsureAdminKey(w.ctx)
	w.must(err)
	w.key = key
	api, err := cognito.New(cognito.Config{Service: service, Keys: service.Credential})
	w.must(err)
	w.handler = web.Handler(web.Config{Log: log, Refuse: api.Refuse, Observers: []web.Observer{w.metrics}}, api)
	w.wire = &wire{handler: w.handler, from: "203.0.113.7:4711"}
	w.sdk = cip.New(cip.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(endpoint), HTTPClient: w.wire,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	})
	return service
}

// makePool makes a phone pool and a public client through the SDK. The keys are
// elliptic, since making RSA keys would be most of a test's time.
func (w *world) makePool() {
	w.t.Helper()
	p, err := w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{
		PoolName:               new("riders"),
		UsernameAttributes:     []types.UsernameAttributeType{"phone_number"},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"},
		Policies:               &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}},
		UserPoolTags:           map[string]string{"bellhop:token-alg": "ES256"},
	})
	w.must(err)
	w.pool = *p.UserPool.Id
	w.client = w.makeClient(&cip.CreateUserPoolClientInput{
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
	})
}

func (w *world) makeClient(in *cip.CreateUserPoolClientInput) string {
	w.t.Helper()
	in.UserPoolId, in.ClientName = &w.pool, new("app")
	c, err := w.sdk.CreateUserPoolClient(w.ctx, in)
	w.must(err)
	return *c.UserPoolClient.ClientId
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// checkAnswers holds what was answered to the service model.
func (w *world) checkAnswers() {
	w.t.Helper()
	slices.Sort(w.wire.faults)
	for _, f := range slices.Compact(w.wire.faults) {
		w.t.Error(f)
	}
}

// checkLog greps the log for what must never be in one.
func (w *world) checkLog() {
	w.t.Helper()
	log := w.log.String()
	if !strings.Contains(log, `"operation":"CreateUserPool"`) {
		w.t.Error("the log is empty")
	}
	w.checkHidden("the log", log)
}

// checkHidden looks in a text for whatever was secret in the test.
func (w *world) checkHidden(where, log string) {
	w.t.Helper()
	hidden := append([]string{pass, asha, ravi, asha[1:], ravi[1:]}, w.wire.secrets...)
	var bodies []string
	for _, m := range w.phone.Texts() {
		hidden, bodies = append(hidden, m.To.E164()), append(bodies, m.Body)
	}
	for _, m := range w.mail.all() {
		hidden, bodies = append(hidden, m.To.Text()), append(bodies, m.Body)
	}
	for _, body := range bodies {
		hidden = append(hidden, body)
		code := smstest.CodeIn(body)
		if code != "" && regexp.MustCompile(`\b`+code+`\b`).MatchString(log) {
			w.t.Errorf("the code %s is in %s", code, where)
		}
	}
	for _, h := range hidden {
		if strings.Contains(log, h) {
			w.t.Errorf("%.20s… is in %s", h, where)
		}
	}
}

// texts says how many texts were sent so far, to anybody.
func (w *world) texts() int {
	synctest.Wait()
	return len(w.phone.Texts())
}

// code reads the newest code on a number's phone.
func (w *world) code(number string) string {
	w.t.Helper()
	synctest.Wait()
	code := w.phone.LastCode(number)
	if code == "" {
		w.t.Fatalf("no code was texted")
	}
	return code
}

func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// wantError fails unless err is the SDK's exception E with the message.
func wantError[E error](w *world, err error, message string) {
	w.t.Helper()
	e, ok := errors.AsType[E](err)
	api, isAPI := errors.AsType[smithy.APIError](err)
	if !ok || !isAPI || (message != "" && api.ErrorMessage() != message) {
		w.t.Fatalf("got %v, want %v %q", err, reflect.TypeFor[E](), message)
	}
	_ = e
}

func (w *world) signUp(number, password string) *cip.SignUpOutput {
	w.t.Helper()
	in := &cip.SignUpInput{ClientId: &w.client, Username: &number}
	if password != "" {
		in.Password = &password
	}
	out, err := w.sdk.SignUp(w.ctx, in)
	w.must(err)
	return out
}

func (w *world) initiate(flow types.AuthFlowType, session *string, parameters map[string]string) (*cip.InitiateAuthOutput, error) {
	return w.sdk.InitiateAuth(w.ctx, &cip.InitiateAuthInput{ClientId: &w.client, AuthFlow: flow, AuthParameters: parameters, Session: session})
}

func (w *world) respond(name types.ChallengeNameType, session *string, responses map[string]string) (*cip.RespondToAuthChallengeOutput, error) {
	return w.sdk.RespondToAuthChallenge(w.ctx, &cip.RespondToAuthChallengeInput{ClientId: &w.client, ChallengeName: name, Session: session, ChallengeResponses: responses})
}

// member signs a number up, confirms it and signs in by the Session of that.
func (w *world) member(number, password string) *types.AuthenticationResultType {
	w.t.Helper()
	w.signUp(number, password)
	confirmed, err := w.sdk.ConfirmSignUp(w.ctx, &cip.ConfirmSignUpInput{ClientId: &w.client, Username: &number, ConfirmationCode: new(w.code(number))})
	w.must(err)
	auth, err := w.initiate("USER_AUTH", confirmed.Session, map[string]string{"USERNAME": number})
	w.must(err)
	return w.tokens(auth.AuthenticationResult)
}

func (w *world) tokens(r *types.AuthenticationResultType) *types.AuthenticationResultType {
	w.t.Helper()
	if r == nil || aws.ToString(r.AccessToken) == "" || aws.ToString(r.IdToken) == "" || aws.ToString(r.TokenType) != "Bearer" || r.ExpiresIn != 3600 {
		w.t.Fatalf("no tokens but %+v", r)
	}
	return r
}

func attribute(list []types.AttributeType, name string) string {
	for _, a := range list {
		if *a.Name == name {
			return *a.Value
		}
	}
	return ""
}

// raw sends bytes as they are and returns the answer. Signed requests are the
// SDK's business.
func (w *world) raw(target, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, endpoint, strings.NewReader(body))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+target)
	res, err := w.wire.Do(r)
	w.must(err)
	_, err = io.Copy(io.Discard, res.Body)
	w.must(err)
	return w.wire.last()
}
