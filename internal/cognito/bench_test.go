package cognito_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/metrics"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// What a request costs from the plumbing down to SQLite and back, without a socket:
// put together as the program does it, log lines and metrics included, in real time.

// desk is a server for benchmarks.
type desk struct {
	b       *testing.B
	handler http.Handler
	service *userpool.Service
	texts   chan sms.Message
	sdk     *cip.Client
	key     userpool.AdminKey
	pool    string
	client  string
}

// Send implements sms.Sender.
func (d *desk) Send(_ context.Context, m sms.Message) (sms.Receipt, error) {
	d.texts <- m
	return sms.Receipt{}, nil
}

// newDesk opens a server with a pool that signs with alg, a client that rotates
// refresh tokens or does not, and a user.
func newDesk(b *testing.B, alg string, rotation types.FeatureType) *desk {
	d := &desk{b: b, texts: make(chan sms.Message, 16)}
	ctx := b.Context()
	store, err := sqlstore.Open(ctx, worldtest.Database(b), sqlstore.Options{})
	d.must(err)
	ring, _ := seal.Generate()
	worldtest.Stock(b, store, ring)
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	counts := metrics.New(metrics.Build{Version: "test"})
	d.service, err = userpool.Open(ctx, userpool.Config{
		Store: store, Ring: ring, Sender: d, Mailer: &mailbox{}, Region: "us-east-1", PublicURL: endpoint, Log: log,
		Observers: []userpool.Observer{counts}, Guard: guard.NewEngine(worldtest.Roomy()),
	})
	d.must(err)
	d.key, _, err = d.service.EnsureAdminKey(ctx)
	d.must(err)
	api, err := cognito.New(cognito.Config{Service: d.service, Keys: d.service.Credential})
	d.must(err)
	d.handler = web.Handler(web.Config{
		Log: log, Refuse: api.Refuse, Class: api.Class, Places: web.Places(), Waiting: web.Waiting(), Observers: []web.Observer{counts},
	}, api)
	d.sdk = cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint), HTTPClient: &wire{handler: d.handler, from: "203.0.113.7:4711"},
		Credentials: credentials.NewStaticCredentialsProvider(d.key.ID, d.key.Secret, ""),
	})
	d.run(store)
	d.furnish(alg, rotation)
	return d
}

// run does the background work until the benchmark ends.
func (d *desk) run(store *sqlstore.DB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.service.Run(ctx) }()
	d.b.Cleanup(func() {
		cancel()
		<-done
		d.must(store.Close())
	})
}

func (d *desk) furnish(alg string, rotation types.FeatureType) {
	ctx := d.b.Context()
	p, err := d.sdk.CreateUserPool(ctx, &cip.CreateUserPoolInput{
		PoolName: aws.String("riders"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"}, UserPoolTags: map[string]string{"bellhop:token-alg": alg},
	})
	d.must(err)
	d.pool = *p.UserPool.Id
	flows := []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	if rotation == "ENABLED" {
		flows = flows[:1]
	}
	c, err := d.sdk.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{
		UserPoolId: &d.pool, ClientName: aws.String("app"), ExplicitAuthFlows: flows,
		RefreshTokenRotation: &types.RefreshTokenRotationType{Feature: rotation},
	})
	d.must(err)
	d.client = *c.UserPoolClient.ClientId
	_, err = d.sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{
		UserPoolId: &d.pool, Username: aws.String(asha), MessageAction: "SUPPRESS",
		UserAttributes: []types.AttributeType{{Name: aws.String("name"), Value: aws.String("Asha")}},
	})
	d.must(err)
}

// answered is what the benchmarks read of answers.
type answered struct {
	Session              string
	AuthenticationResult struct{ AccessToken, RefreshToken string }
}

// signIn is a texted sign-in.
func (d *desk) signIn() answered {
	begun := d.post("InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"CUSTOM_AUTH","AuthParameters":{"USERNAME":%q}}`, d.client, asha))
	code := smstest.CodeIn((<-d.texts).Body)
	return d.post("RespondToAuthChallenge", fmt.Sprintf(
		`{"ClientId":%q,"ChallengeName":"CUSTOM_CHALLENGE","Session":%q,"ChallengeResponses":{"USERNAME":%q,"ANSWER":%q}}`,
		d.client, begun.Session, asha, code))
}

// post sends a request as bytes would arrive and reads its answer.
func (d *desk) post(operation, body string) (a answered) {
	w := d.serve(d.request(operation, body))
	d.must(json.Unmarshal(w.Bytes(), &a))
	return a
}

func (d *desk) request(operation, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, endpoint, bytes.NewReader([]byte(body)))
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	r.Header.Set("User-Agent", "aws-sdk-js/3.914.0 ua/2.1 os/android lang/js md/browser#Chrome_126.0.0.0 api/cognito-identity-provider#3.914.0")
	r.Header.Set("amz-sdk-invocation-id", "5f0ad1a2-9c4b-4b7e-8f3e-0c5d9f1f6a11")
	return r
}

// serve has the server answer, which must be a success.
func (d *desk) serve(r *http.Request) *bytes.Buffer {
	w := answer{header: http.Header{}}
	d.handler.ServeHTTP(&w, r)
	if w.status != http.StatusOK {
		d.b.Fatalf("%d %s", w.status, w.body.String())
	}
	return &w.body
}

// answer is the least that takes one.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (d *desk) must(err error) {
	d.b.Helper()
	if err != nil {
		d.b.Fatal(err)
	}
}

// each times one request again and again.
func (d *desk) each(operation, body string, ready func(*http.Request)) {
	d.b.ReportAllocs()
	for d.b.Loop() {
		r := d.request(operation, body)
		if ready != nil {
			ready(r)
		}
		d.serve(r)
	}
}

// BenchmarkGetUser is GetUser by one who asks again and again with the same token.
func BenchmarkGetUser(b *testing.B) {
	d := newDesk(b, "RS256", "DISABLED")
	d.each("GetUser", fmt.Sprintf(`{"AccessToken":%q}`, d.signIn().AuthenticationResult.AccessToken), nil)
}

// BenchmarkRefresh exchanges a refresh token in every way; its two signatures are the
// cheapest that there are.
func BenchmarkRefresh(b *testing.B) {
	b.Run("flow", func(b *testing.B) {
		d := newDesk(b, "EdDSA", "DISABLED")
		d.each("InitiateAuth", fmt.Sprintf(`{"ClientId":%q,"AuthFlow":"REFRESH_TOKEN_AUTH","AuthParameters":{"REFRESH_TOKEN":%q}}`,
			d.client, d.signIn().AuthenticationResult.RefreshToken), nil)
	})
	b.Run("operation", func(b *testing.B) {
		d := newDesk(b, "EdDSA", "DISABLED")
		d.each("GetTokensFromRefreshToken", fmt.Sprintf(`{"ClientId":%q,"RefreshToken":%q}`, d.client, d.signIn().AuthenticationResult.RefreshToken), nil)
	})
	b.Run("rotation", func(b *testing.B) {
		d := newDesk(b, "EdDSA", "ENABLED")
		newest := d.signIn().AuthenticationResult.RefreshToken
		b.ReportAllocs()
		for b.Loop() {
			newest = d.post("GetTokensFromRefreshToken", fmt.Sprintf(`{"ClientId":%q,"RefreshToken":%q}`, d.client, newest)).AuthenticationResult.RefreshToken
		}
	})
}

// BenchmarkTextedSignIn is a whole sign-in by one worker, so that it waits for
// commits that many would share.
func BenchmarkTextedSignIn(b *testing.B) {
	d := newDesk(b, "EdDSA", "DISABLED")
	b.ReportAllocs()
	for b.Loop() {
		d.signIn()
	}
}

// BenchmarkAdminGetUser is a request with a signature.
func BenchmarkAdminGetUser(b *testing.B) {
	d := newDesk(b, "EdDSA", "DISABLED")
	body := fmt.Sprintf(`{"UserPoolId":%q,"Username":%q}`, d.pool, asha)
	sum := sha256.Sum256([]byte(body))
	hash, at := hex.EncodeToString(sum[:]), time.Now()
	signer, key := v4.NewSigner(), aws.Credentials{AccessKeyID: d.key.ID, SecretAccessKey: d.key.Secret}
	signed := d.request("AdminGetUser", body)
	d.must(signer.SignHTTP(b.Context(), key, signed, hash, "cognito-idp", "us-east-1", at))
	d.each("AdminGetUser", body, func(r *http.Request) { r.Header = signed.Header.Clone() })
}
