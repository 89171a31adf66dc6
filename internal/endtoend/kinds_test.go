package endtoend

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/lambdatest"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// kind is one way to have a pool's functions.
type kind struct {
	name          string
	functions     types.LambdaConfigType // of a pool in which sign-ups are confirmed by a code
	open          types.LambdaConfigType // of one in which PreSignUp confirms them
	afterPassword string                 // what an app comes to that begins with a password
}

// kinds are all of them. The built-in challenge has a PreSignUp of somebody else's,
// since it is no such function itself.
func kinds() []*kind {
	return []*kind{
		{name: "built in", functions: custom(builtIn, builtIn, builtIn), open: opened(custom(builtIn, builtIn, builtIn), named("hook-pre-sign-up")), afterPassword: in},
		{name: "bellhop-lambda", functions: everywhere(named("pack")), open: opened(everywhere(named("pack-open")), named("pack-open")), afterPassword: in},
		tutorialOf("local functions of Node.js", "node"),
		tutorialOf("webhooks", "hook"),
		tutorialOf("the Invoke API", "invoke"),
	}
}

// builtIn is Bellhop's own challenge, by name.
const builtIn = "arn:aws:lambda:us-east-1:000000000000:function:" + trigger.TextedCode

// named is the ARN of a function, which the stage's triggers file has an entry for.
func named(function string) string {
	return "arn:aws:lambda:us-east-1:123456789012:function:" + function
}

func tutorialOf(name, prefix string) *kind {
	functions := custom(named(prefix+"-define"), named(prefix+"-create"), named(prefix+"-verify"))
	return &kind{name: name, functions: functions, open: opened(functions, named(prefix+"-pre-sign-up")), afterPassword: asked}
}

func custom(define, create, verify string) types.LambdaConfigType {
	return types.LambdaConfigType{DefineAuthChallenge: &define, CreateAuthChallenge: &create, VerifyAuthChallengeResponse: &verify}
}

func opened(functions types.LambdaConfigType, preSignUp string) types.LambdaConfigType {
	functions.PreSignUp = &preSignUp
	return functions
}

// everywhere is one function on every trigger that bellhop-lambda is made for, but
// PreSignUp.
func everywhere(arn string) types.LambdaConfigType {
	functions := custom(arn, arn, arn)
	functions.PostConfirmation, functions.PreAuthentication, functions.PostAuthentication = &arn, &arn, &arn
	functions.PreTokenGeneration, functions.CustomMessage = &arn, &arn
	return functions
}

// stage is a server with a triggers file, and phones that everybody's texts reach.
type stage struct {
	*site
	sdk *cip.Client
}

// newStage is a stage with the functions of all kinds.
func newStage(tb testing.TB) *stage {
	tb.Helper()
	phones := &smstest.Phone{}
	functions := tutorial{phones}
	hooks := httptest.NewServer(asWebhook(tb, functions.run))
	tb.Cleanup(hooks.Close)
	itself := newDoor(tb)
	pack := newPack(tb, phones, itself.URL)
	s := stageWith(tb, map[string]string{
		"hook-*":           hookEntry(hooks.URL),
		"invoke-*":         fmt.Sprintf("lambda: { endpoint: %q }", lambdatest.New(tb, asLambda(functions.run))),
		"node-define":      nodeEntry(tb, "define", nil),
		"node-create":      nodeEntry(tb, "create", map[string]string{"SMS_URL": postbox(tb, phones)}),
		"node-verify":      nodeEntry(tb, "verify", nil),
		"node-pre-sign-up": nodeEntry(tb, "pre-sign-up", nil),
		"pack":             pack.entry(tb, map[string]string{"BELLHOP_SIGN_UP": "auto-sign-in", "BELLHOP_SRP": "on"}),
		"pack-open":        pack.entry(tb, map[string]string{"BELLHOP_SIGN_UP": "auto-confirm"}),
	})
	s.sink.Phone = phones
	itself.open(s.base())
	return s
}

// stageWith starts a server whose triggers file has the entries, by the name of the
// function.
func stageWith(tb testing.TB, entries map[string]string) *stage {
	tb.Helper()
	folder := tb.TempDir()
	var file strings.Builder
	file.WriteString("functions:\n")
	for _, function := range slices.Sorted(maps.Keys(entries)) {
		fmt.Fprintf(&file, "  - arn: %q\n    %s\n", named(function), entries[function])
	}
	for name, text := range map[string]string{"triggers.yaml": file.String(), "hook.secret": webhookSecret} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	s := &stage{site: prepareSite(tb, "BELLHOP_LIMITS=off", "BELLHOP_TRIGGERS="+filepath.Join(folder, "triggers.yaml"),
		"BELLHOP_ADMIN_ACCESS_KEY_ID="+lambdatest.KeyID, "BELLHOP_ADMIN_SECRET_ACCESS_KEY="+lambdatest.Secret,
		"AWS_ACCESS_KEY_ID="+lambdatest.KeyID, "AWS_SECRET_ACCESS_KEY="+lambdatest.Secret, "AWS_EC2_METADATA_DISABLED=true")}
	s.start()
	tb.Cleanup(s.stop)
	s.sdk = cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.base()), Retryer: aws.NopRetryer{}, HTTPClient: sdkhttp.Whole(http.DefaultClient),
		Credentials: credentials.NewStaticCredentialsProvider(lambdatest.KeyID, lambdatest.Secret, ""),
	})
	return s
}

func hookEntry(url string) string {
	return fmt.Sprintf("webhook: { url: %q, secret-file: hook.secret, allow-private: true }", url)
}

// nodeEntry is of a function of examples/triggers-sms, as it is.
func nodeEntry(tb testing.TB, function string, environment map[string]string) string {
	tb.Helper()
	return localEntry(tb, absolute(tb, "../../examples/triggers-sms/"+function), "handler: index.handler", environment)
}

func absolute(tb testing.TB, path string) string {
	tb.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func localEntry(tb testing.TB, folder, what string, environment map[string]string) string {
	tb.Helper()
	set := []byte("{}")
	if environment != nil {
		var err error
		if set, err = json.Marshal(environment); err != nil {
			tb.Fatal(err)
		}
	}
	return fmt.Sprintf("local: { folder: %q, %s, processes: 2, timeout: 5s, environment: %s }", folder, what, set)
}

// postbox takes texts as examples/triggers-sms posts them.
func postbox(tb testing.TB, phones sms.Sender) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var text struct{ To, Body string }
		err := json.NewDecoder(r.Body).Decode(&text)
		if err == nil {
			err = deliver(r, phones, text.To, text.Body)
		}
		if err != nil {
			tb.Errorf("a function posts a text that is none: %v", err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

func deliver(r *http.Request, phones sms.Sender, number, body string) error {
	to, err := phone.Parse(number)
	if err != nil {
		return err
	}
	_, err = phones.Send(r.Context(), sms.Message{ID: uuid.NewString(), To: to, Body: body})
	return err
}

// cast is the pools of a kind. All have app clients that hide whether a user
// exists, and others that tell.
type cast struct {
	plain string // as most are
	open  string // with PreSignUp
	exact string // behaves as Cognito does where Bellhop by itself does better

	clients, tellers map[string]string // by pool
}

func (s *stage) cast(tb testing.TB, k *kind) *cast {
	tb.Helper()
	c := &cast{clients: map[string]string{}, tellers: map[string]string{}}
	c.plain = s.poolOf(tb, c, k.functions, nil)
	c.open = s.poolOf(tb, c, k.open, nil)
	c.exact = s.poolOf(tb, c, k.functions, map[string]string{"bellhop:behaviour": "cognito-exact"})
	return c
}

// poolOf makes a pool whose users sign in with their numbers, and its two clients.
func (s *stage) poolOf(tb testing.TB, c *cast, functions types.LambdaConfigType, tags map[string]string) string {
	tb.Helper()
	ctx := bounded(tb, time.Minute)
	made, err := s.sdk.CreateUserPool(ctx, &cip.CreateUserPoolInput{
		PoolName: aws.String("pool"), LambdaConfig: &functions, UserPoolTags: tags,
		UsernameAttributes:     []types.UsernameAttributeType{types.UsernameAttributeTypePhoneNumber},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{types.VerifiedAttributeTypePhoneNumber},
	})
	if err != nil {
		tb.Fatal(err)
	}
	pool := *made.UserPool.Id
	c.clients[pool] = s.clientOf(tb, pool, types.PreventUserExistenceErrorTypesEnabled)
	c.tellers[pool] = s.clientOf(tb, pool, types.PreventUserExistenceErrorTypesLegacy)
	return pool
}

func (s *stage) clientOf(tb testing.TB, pool string, existence types.PreventUserExistenceErrorTypes) string {
	tb.Helper()
	made, err := s.sdk.CreateUserPoolClient(bounded(tb, time.Minute), &cip.CreateUserPoolClientInput{
		UserPoolId: &pool, ClientName: aws.String("app"), PreventUserExistenceErrors: existence,
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowCustomAuth, types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return *made.UserPoolClient.ClientId
}
