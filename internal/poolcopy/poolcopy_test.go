package poolcopy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/poolcopy"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// house is a server, seen by its service and by the SDK over HTTP.
type house struct {
	t       testing.TB
	service *userpool.Service
	store   *sqlstore.DB
	phone   *smstest.Phone
	sdk     *cip.Client
	// answer may answer a request in the place of the server.
	answer func(operation string, body []byte, w http.ResponseWriter) bool
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, phone: &smstest.Phone{}}
	ctx := t.Context()
	var err error
	h.store, err = sqlstore.Open(ctx, worldtest.Database(t), sqlstore.Options{})
	h.must(err)
	ring, _ := seal.Generate()
	worldtest.Stock(t, h.store, ring)
	log := slog.New(slog.DiscardHandler)
	h.service, err = userpool.Open(ctx, userpool.Config{
		Store: h.store, Ring: ring, Sender: h.phone, Region: "us-east-1", PublicURL: "http://localhost:9400", Log: log,
		Guard: guard.NewEngine(worldtest.Roomy()),
	})
	h.must(err)
	key, _, err := h.service.EnsureAdminKey(ctx)
	h.must(err)
	api, err := cognito.New(cognito.Config{Service: h.service, Keys: h.service.Credential})
	h.must(err)
	handler := web.Handler(web.Config{Log: log, Refuse: api.Refuse}, api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if h.answer == nil || !h.answer(operation, body, w) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.Close()
		h.must(h.store.Close())
	})
	h.sdk = cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, HTTPClient: sdkhttp.Whole(server.Client()), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	})
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// furnish makes a pool with users of all kinds, by the API where that can, and
// returns its id.
func (h *house) furnish(users int) string {
	h.t.Helper()
	ctx := h.t.Context()
	p, err := h.sdk.CreateUserPool(ctx, &cip.CreateUserPoolInput{
		PoolName: new("riders"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"},
		Policies:               &types.UserPoolPolicyType{SignInPolicy: &types.SignInPolicyType{AllowedFirstAuthFactors: []types.AuthFactorType{"PASSWORD", "SMS_OTP"}}},
		UserPoolTags:           map[string]string{"bellhop:token-alg": "ES256", "team": "riders"},
		Schema:                 []types.SchemaAttributeType{{Name: new("plan"), AttributeDataType: "String", Mutable: new(true)}},
		LambdaConfig:           &types.LambdaConfigType{PreSignUp: new("arn:aws:lambda:us-east-1:123456789012:function:pre")},
	})
	h.must(err)
	pool := p.UserPool.Id
	_, err = h.sdk.SetUserPoolMfaConfig(ctx, &cip.SetUserPoolMfaConfigInput{
		UserPoolId: pool, MfaConfiguration: "OPTIONAL", SoftwareTokenMfaConfiguration: &types.SoftwareTokenMfaConfigType{Enabled: true},
	})
	h.must(err)
	for _, secret := range []bool{false, true} {
		_, err = h.sdk.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{
			UserPoolId: pool, ClientName: new("app"), GenerateSecret: secret,
			ExplicitAuthFlows: []types.ExplicitAuthFlowsType{"ALLOW_CUSTOM_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"},
		})
		h.must(err)
	}
	for _, g := range []string{"staff", "riders", "nobody"} {
		_, err = h.sdk.CreateGroup(ctx, &cip.CreateGroupInput{UserPoolId: pool, GroupName: &g, Precedence: new(int32(3)), Description: new("All " + g)})
		h.must(err)
	}
	var arrivals []userpool.Arrival
	for i := range users {
		a := userpool.Arrival{
			Status: userpool.StatusConfirmed, Enabled: i%11 != 3, Username: fmt.Sprintf("+919800%06d", i),
			Attributes: map[string]string{"phone_number_verified": fmt.Sprint(i%5 != 1), "name": fmt.Sprintf("Rider %d", i), "custom:plan": "gold"},
		}
		if i%7 == 0 {
			a.Groups = append(a.Groups, "staff")
		}
		if i%3 == 0 {
			a.Groups = append(a.Groups, "riders")
		}
		arrivals = append(arrivals, a)
	}
	outcomes, err := h.service.Arrive(ctx, userpool.PoolID(*pool), arrivals)
	h.must(errors.Join(append(outcomes, err)...))
	return *pool
}

// all are the pool's users, by sub, each with its groups, as the API shows them.
func (h *house) all(pool string) map[string]string {
	h.t.Helper()
	ctx := h.t.Context()
	users := make(map[string]string)
	for token := (*string)(nil); ; {
		out, err := h.sdk.ListUsers(ctx, &cip.ListUsersInput{UserPoolId: &pool, PaginationToken: token})
		h.must(err)
		for _, u := range out.Users {
			if users[*u.Username] != "" {
				h.t.Errorf("the user %s is there twice", *u.Username)
			}
			text, err := json.Marshal(u)
			h.must(err)
			users[*u.Username] = string(text)
		}
		if token = out.PaginationToken; token == nil {
			break
		}
	}
	groups, err := h.sdk.ListGroups(ctx, &cip.ListGroupsInput{UserPoolId: &pool})
	h.must(err)
	for _, g := range groups.Groups {
		for token := (*string)(nil); ; {
			out, err := h.sdk.ListUsersInGroup(ctx, &cip.ListUsersInGroupInput{UserPoolId: &pool, GroupName: g.GroupName, NextToken: token})
			h.must(err)
			for _, u := range out.Users {
				users[*u.Username] += " " + *g.GroupName
			}
			if token = out.NextToken; token == nil {
				break
			}
		}
	}
	return users
}

// described is what the API says of the pool and its clients, but for times.
func (h *house) described(pool string) string {
	h.t.Helper()
	ctx := h.t.Context()
	p, err := h.sdk.DescribeUserPool(ctx, &cip.DescribeUserPoolInput{UserPoolId: &pool})
	h.must(err)
	p.UserPool.CreationDate, p.UserPool.LastModifiedDate = nil, nil
	mfa, err := h.sdk.GetUserPoolMfaConfig(ctx, &cip.GetUserPoolMfaConfigInput{UserPoolId: &pool})
	h.must(err)
	all := []any{p.UserPool, mfa.MfaConfiguration, mfa.SoftwareTokenMfaConfiguration}
	list, err := h.sdk.ListUserPoolClients(ctx, &cip.ListUserPoolClientsInput{UserPoolId: &pool, MaxResults: new(int32(60))})
	h.must(err)
	for _, c := range list.UserPoolClients {
		d, err := h.sdk.DescribeUserPoolClient(ctx, &cip.DescribeUserPoolClientInput{UserPoolId: &pool, ClientId: c.ClientId})
		h.must(err)
		d.UserPoolClient.CreationDate, d.UserPoolClient.LastModifiedDate = nil, nil
		all = append(all, d.UserPoolClient)
	}
	groups, err := h.sdk.ListGroups(ctx, &cip.ListGroupsInput{UserPoolId: &pool})
	h.must(err)
	for _, g := range groups.Groups {
		all = append(all, *g.GroupName, *g.Description, *g.Precedence)
	}
	text, err := json.MarshalIndent(all, "", " ")
	h.must(err)
	return string(text)
}

// from is a copy from one house to another.
func (h *house) from(source *house, pool string) poolcopy.Config {
	return poolcopy.Config{
		Source: source.sdk, From: "the other house", Pool: userpool.PoolID(pool), Target: h.service,
		Progress: filepath.Join(h.t.TempDir(), "progress.json"),
		Audited: func(ctx context.Context, operation string, change func(context.Context) error) error {
			call := h.service.Begin(ctx, userpool.Call{Operation: operation, Kind: userpool.ActorOperator, Actor: "op"})
			err := change(call)
			h.service.End(call, err)
			h.service.FlushAudit(ctx)
			return err
		},
	}
}

func TestRun_InterruptedAtAnyPage_BringsEveryUserOnceWithAllOfHim(t *testing.T) {
	t.Parallel()
	source, target := newHouse(t), newHouse(t)
	pool := source.furnish(430) // eight pages
	cfg := target.from(source, pool)
	var mu sync.Mutex // guards the three below: who was stopped leaves a request behind
	requests, forget := 0, false
	var stop context.CancelFunc
	source.answer = func(operation string, body []byte, w http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		if requests--; requests == 0 {
			stop() // in the midst of whatever it is
		}
		if forget && operation == "ListUsers" && bytes.Contains(body, []byte("PaginationToken")) {
			forget, requests = false, requests+2 // as AWS does after an hour
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"InvalidParameterException","message":"Invalid user pagination token."}`)
			return true
		}
		return false
	}
	rng := rand.New(rand.NewPCG(8, 8))
	var report poolcopy.Report
	runs := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		mu.Lock()
		stop, requests = cancel, 13+rng.IntN(6)
		forget = forget || runs == 2
		mu.Unlock()
		var err error
		report, err = poolcopy.Run(ctx, cfg)
		cancel()
		if runs++; err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || runs > 100 {
			t.Fatalf("run %d: %v", runs, err)
		}
	}
	mu.Lock()
	requests = 0 // nothing is stopped any more
	mu.Unlock()
	if runs < 4 || !report.Relisted || !report.Resumed || !report.Finished {
		t.Errorf("%d runs, %+v", runs, report)
	}
	if u := report.Users; u.Came+u.Already != 430 || u.Refused != 0 || u.Already > 60*runs {
		t.Errorf("the report says %+v", u)
	}
	if got, want := target.all(pool), source.all(pool); !maps.Equal(got, want) {
		for sub := range want {
			if got[sub] != want[sub] {
				t.Errorf("a user is\n%s, want\n%s", got[sub], want[sub])
				break
			}
		}
		t.Errorf("%d users, want %d", len(got), len(want))
	}
	if got, want := target.described(pool), source.described(pool); got != want {
		t.Errorf("the pool is\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Stat(cfg.Progress); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the progress of a finished import: %v", err)
	}
	again, err := poolcopy.Run(t.Context(), cfg) // a second import finds all there
	target.must(err)
	if again.Users.Already != 430 || again.Users.Came != 0 || again.PoolMade || again.Clients.Already != 2 || again.Groups.Already != 3 {
		t.Errorf("the second time %+v", again)
	}
	for row, err := range target.service.Audit(t.Context(), userpool.AuditFilter{Operation: "ImportUsers"}) {
		target.must(err)
		if row.UserID != "" || row.ActorKind != userpool.ActorOperator {
			t.Errorf("the trail has %+v", row)
		}
	}
}

// Whoever came signs in by a code, as whom he was.
func TestRun_ImportedUser_SignsInByCode(t *testing.T) {
	t.Parallel()
	source, target := newHouse(t), newHouse(t)
	pool := source.furnish(1)
	cfg := target.from(source, pool)
	cfg.WithoutTriggers = true // nobody could call them here
	_, err := poolcopy.Run(t.Context(), cfg)
	target.must(err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- target.service.Run(ctx) }()
	defer func() {
		stop()
		target.must(<-done)
	}()
	list, err := source.sdk.ListUserPoolClients(ctx, &cip.ListUserPoolClientsInput{UserPoolId: &pool, MaxResults: new(int32(60))})
	target.must(err)
	client := ""
	for _, c := range list.UserPoolClients {
		d, err := source.sdk.DescribeUserPoolClient(ctx, &cip.DescribeUserPoolClientInput{UserPoolId: &pool, ClientId: c.ClientId})
		target.must(err)
		if d.UserPoolClient.ClientSecret == nil {
			client = *c.ClientId
		}
	}
	const number = "+919800000000"
	begun, err := target.sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{ClientId: &client, AuthFlow: "CUSTOM_AUTH", AuthParameters: map[string]string{"USERNAME": number}})
	target.must(err)
	if _, err := target.phone.Nth(ctx, number, 1); err != nil {
		t.Fatal(err)
	}
	got, err := target.sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &client, ChallengeName: begun.ChallengeName, Session: begun.Session,
		ChallengeResponses: map[string]string{"USERNAME": number, "ANSWER": target.phone.LastCode(number)},
	})
	target.must(err)
	me, err := target.sdk.GetUser(ctx, &cip.GetUserInput{AccessToken: got.AuthenticationResult.AccessToken})
	target.must(err)
	if there := source.all(pool)[*me.Username]; there == "" {
		t.Errorf("signed in as %s, who is none of the source's", *me.Username)
	}
}

func TestRun_DryRun_SaysTheSameAndWritesNothing(t *testing.T) {
	t.Parallel()
	source, target := newHouse(t), newHouse(t)
	pool := source.furnish(70)
	cfg := target.from(source, pool)
	cfg.DryRun = true
	report, err := poolcopy.Run(t.Context(), cfg)
	target.must(err)
	if report.Users.Came != 70 || report.Clients.Came != 2 || report.Groups.Came != 3 || report.Memberships != 34 {
		t.Errorf("foreseen %+v", report)
	}
	if _, err := target.service.DescribeUserPool(t.Context(), userpool.PoolID(pool)); err == nil {
		t.Error("the pool was made")
	}
	if _, err := os.Stat(cfg.Progress); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("progress of a dry run: %v", err)
	}
}

// Of a pool that could not even be read there is nothing to report.
func TestRun_PoolThatIsNotThere_ReportsNothing(t *testing.T) {
	t.Parallel()
	source, target := newHouse(t), newHouse(t)
	cfg := target.from(source, "us-east-1_nobodys00")
	report, err := poolcopy.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "does not exist") || !report.Started.IsZero() {
		t.Errorf("%v, and a report: %+v", err, report)
	}
}

// What AWS has and Bellhop has not is left out, each with a reason, and the rest comes.
func TestRun_WhatCannotCome_IsReportedAndKeepsNothingElseOut(t *testing.T) {
	t.Parallel()
	source, target := newHouse(t), newHouse(t)
	pool := source.furnish(0)
	answers := map[string]string{
		"DescribeUserPool": `{"UserPool":{"Id":"` + pool + `","Name":"riders","UsernameAttributes":["phone_number"],"AutoVerifiedAttributes":["phone_number"],
			"UsernameConfiguration":{"CaseSensitive":false},"Domain":"riders","UserPoolTier":"PLUS",
			"UserPoolAddOns":{"AdvancedSecurityMode":"ENFORCED"},"UserPoolTags":{"aws:cloudformation:stack-id":"x","team":"riders","bellhop:token-alg":"ES256"},
			"SchemaAttributes":[{"Name":"sub","AttributeDataType":"String"},{"Name":"custom:plan","AttributeDataType":"String","Mutable":true}],
			"Policies":{"PasswordPolicy":{"MinimumLength":10},"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","SMS_OTP"]}}}}`,
		"GetUserPoolMfaConfig":  `{"MfaConfiguration":"ON"}`,
		"ListIdentityProviders": `{"Providers":[{"ProviderName":"Google","ProviderType":"Google"}]}`,
		"ListResourceServers":   `{"ResourceServers":[{"Identifier":"https://api.example.org"}]}`,
		"ListUsersInGroup":      `{"Users":[]}`,
		"ListUsers": `{"Users":[
			{"Username":"10000000-70c1-4b6e-9d5e-000000000001","Enabled":true,"UserStatus":"CONFIRMED","Attributes":[{"Name":"sub","Value":"10000000-70c1-4b6e-9d5e-000000000001"},{"Name":"phone_number","Value":"+919876543210"},{"Name":"identities","Value":"[]"},{"Name":"custom:plan","Value":"gold"}]},
			{"Username":"Google_1","Enabled":true,"UserStatus":"EXTERNAL_PROVIDER","Attributes":[{"Name":"sub","Value":"10000000-70c1-4b6e-9d5e-000000000002"}]},
			{"Username":"10000000-70c1-4b6e-9d5e-000000000003","Enabled":true,"UserStatus":"UNCONFIRMED","Attributes":[{"Name":"sub","Value":"10000000-70c1-4b6e-9d5e-000000000003"},{"Name":"phone_number","Value":"+919876543211"}]},
			{"Username":"10000000-70c1-4b6e-9d5e-000000000004","Enabled":true,"UserStatus":"CONFIRMED","Attributes":[{"Name":"sub","Value":"10000000-70c1-4b6e-9d5e-000000000004"},{"Name":"phone_number","Value":"+919876543210"}]},
			{"Username":"10000000-70c1-4b6e-9d5e-000000000005","Enabled":true,"UserStatus":"CONFIRMED","Attributes":[{"Name":"sub","Value":"10000000-70c1-4b6e-9d5e-000000000005"},{"Name":"phone_number","Value":"+12"}]}]}`,
		"AdminGetUser": `{"Username":"x","UserMFASettingList":["SMS_MFA","SOFTWARE_TOKEN_MFA"],"PreferredMfaSetting":"SOFTWARE_TOKEN_MFA"}`,
	}
	source.answer = func(operation string, _ []byte, w http.ResponseWriter) bool {
		text, ok := answers[operation]
		if ok {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			io.WriteString(w, text)
		}
		return ok
	}
	cfg := target.from(source, pool)
	cfg.WithMFA = true
	report, err := poolcopy.Run(t.Context(), cfg)
	target.must(err)
	var out bytes.Buffer
	target.must(report.Print(&out))
	if report.Users != (poolcopy.Count{Seen: 5, Came: 1, Refused: 4}) {
		t.Errorf("users %+v", report.Users)
	}
	for _, want := range []string{
		"MfaConfiguration", "UserPoolAddOns", "aws:cloudformation:stack-id", "domain riders", "identity provider Google", "resource server https://api.example.org",
		"never confirmed", "identity provider, of which there is none", "An account with the given phone_number already exists", "Invalid phone number",
		"links to identity providers", "authenticator apps", "10000000-70c1-4b6e-9d5e-000000000005",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not speak of %q:\n%s", want, out.String())
		}
	}
	text, err := json.Marshal(report)
	target.must(err)
	if strings.Contains(string(text)+out.String(), "9876543") || !bytes.Contains(text, []byte(`"users_per_minute"`)) {
		t.Errorf("the report is %s", text)
	}
	p, err := target.service.DescribeUserPool(t.Context(), userpool.PoolID(pool))
	target.must(err)
	if p.Settings.Password.MinimumLength != 10 || p.Settings.Tags["team"] != "riders" || len(p.Settings.Custom) != 1 || !slices.Contains(p.Settings.FirstFactors, "SMS_OTP") {
		t.Errorf("the pool came as %+v", p.Settings)
	}
	var u userpool.User
	target.must(target.store.View(t.Context(), func(tx userpool.Tx) (err error) {
		u, err = tx.User(t.Context(), userpool.PoolID(pool), "10000000-70c1-4b6e-9d5e-000000000001")
		return err
	}))
	if u.MFA != (userpool.MFAPreference{SMS: true}) || u.Attributes["custom:plan"] != "gold" {
		t.Errorf("the user came as %+v", u)
	}
}
