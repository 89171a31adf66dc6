package endtoend

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
)

// hung is how long an attempt may be without any answer. A server that is in
// trouble says so long before.
const hung = 20 * time.Second

// balancer is the one address of several nodes: each attempt goes to the next
// of them, and where one is down the attempt fails, as it does while a load
// balancer has not noticed yet.
type balancer struct {
	nodes []*node
	turn  atomic.Int64
	late  atomic.Int64 // attempts that got no answer in time
	by    http.RoundTripper
}

func newBalancer(tb testing.TB, nodes ...*node) *balancer {
	transport := &http.Transport{
		MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: hung,
		DialContext: (&net.Dialer{Timeout: hung}).DialContext,
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &balancer{nodes: nodes, by: transport}
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	n := b.nodes[int(b.turn.Add(1))%len(b.nodes)]
	to, err := url.Parse(n.base())
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host, r.URL.Host = r.URL.Host, to.Host // signed with the name of the balancer
	began := time.Now()
	answer, err := b.by.RoundTrip(r)
	if err != nil && time.Since(began) >= hung && r.Context().Err() == nil {
		b.late.Add(1)
	}
	return answer, err
}

// patient is an SDK client that repeats what failed with a 5xx, or of which it
// knows nothing, under the same invocation, as SDKs do three times, until its
// context ends.
func (s *site) patient(b *balancer) *cip.Client {
	s.tb.Helper()
	return s.speak(b, retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 1 << 30
		o.RateLimiter = ratelimit.None
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 50 * time.Millisecond, nil })
	}))
}

// hasty is an SDK client of all nodes that tries everything once.
func (s *site) hasty(b *balancer) *cip.Client {
	s.tb.Helper()
	return s.speak(b, aws.NopRetryer{})
}

func (s *site) speak(b *balancer, r aws.Retryer) *cip.Client {
	id, secret := s.adminKey()
	return cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://balancer.test"), Retryer: r, HTTPClient: sdkhttp.Whole(&http.Client{Transport: b}),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

// rotating makes the site's client one whose refresh tokens are good for once,
// and another whose are good for a minute more.
func (s *site) rotating(ctx context.Context, sdk *cip.Client) {
	s.tb.Helper()
	s.client, s.gracious = s.clientWithGrace(ctx, sdk, 0), s.clientWithGrace(ctx, sdk, 60)
}

func (s *site) clientWithGrace(ctx context.Context, sdk *cip.Client, seconds int32) string {
	s.tb.Helper()
	made, err := sdk.CreateUserPoolClient(ctx, &cip.CreateUserPoolClientInput{
		UserPoolId: &s.pool, ClientName: aws.String("rotating"),
		ExplicitAuthFlows:    []types.ExplicitAuthFlowsType{types.ExplicitAuthFlowsTypeAllowCustomAuth, types.ExplicitAuthFlowsTypeAllowUserAuth},
		RefreshTokenRotation: &types.RefreshTokenRotationType{Feature: types.FeatureTypeEnabled, RetryGracePeriodSeconds: &seconds},
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return *made.UserPoolClient.ClientId
}

// record is what the server has acknowledged, kept by the clients alone.
type record struct {
	mu        sync.Mutex // guards the fields below
	signedUp  []string   // numbers
	confirmed []string   // numbers
	refresh   []string   // refresh tokens that nobody has used
	rotated   []string   // refresh tokens that were exchanged
	used      []spentAnswer
	whole     []string // numbers whose life is over
	refusals  []string // definite failures, which no life has by itself
	news      chan struct{}
}

// spentAnswer is an answer that gave tokens, so that it may never again.
type spentAnswer struct{ number, session, code string }

func (r *record) add(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

// next is closed when something more is acknowledged.
func (r *record) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.news == nil {
		r.news = make(chan struct{})
	}
	return r.news
}

func (r *record) signIns() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.refresh) + len(r.rotated)
}

// lives is how many lives are over.
func (r *record) lives() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.whole)
}

// town is people who live on the server at once.
type town struct {
	stop   context.CancelFunc
	people sync.WaitGroup
}

// populate lets some people live one life after the other until the town is
// dispersed. Each knows from its patient client how everything ended: what was
// unknown is repeated until it is known.
func populate(ctx context.Context, s *site, b *balancer, rec *record, people int) *town {
	ctx, stop := context.WithCancel(ctx)
	c := &town{stop: stop}
	for range people {
		sdk := s.patient(b)
		c.people.Go(func() {
			for ctx.Err() == nil {
				if err := live(ctx, s, sdk, rec); err != nil && ctx.Err() == nil {
					rec.add(func() { rec.refusals = append(rec.refusals, err.Error()) })
					return
				}
			}
		})
	}
	return c
}

func (c *town) disperse() {
	c.stop()
	c.people.Wait()
}

// live is one person's sign-up, two sign-ins and a refresh. What is acknowledged
// is recorded at once; the first error ends it.
func live(ctx context.Context, s *site, sdk *cip.Client, rec *record) error {
	number := newNumber()
	if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
		return err
	}
	rec.add(func() { rec.signedUp = append(rec.signedUp, number) })
	code, err := s.codeOf(ctx, number, 1)
	if err != nil {
		return err
	}
	confirmed, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code})
	if err != nil {
		return err
	}
	rec.add(func() { rec.confirmed = append(rec.confirmed, number) })
	first, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeUserAuth, Session: confirmed.Session,
		AuthParameters: map[string]string{"USERNAME": number},
	})
	if err != nil {
		return err
	}
	old := *first.AuthenticationResult.RefreshToken
	fresh, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &old})
	if err != nil {
		return err
	}
	rec.add(func() {
		rec.rotated = append(rec.rotated, old)
		rec.refresh = append(rec.refresh, *fresh.AuthenticationResult.RefreshToken)
	})
	answer, err := start(ctx, s, sdk, number, 2)
	if err != nil {
		return err
	}
	second, err := answer.give(ctx, s, sdk)
	if err != nil {
		return err
	}
	rec.add(func() {
		rec.refresh = append(rec.refresh, *second.AuthenticationResult.RefreshToken)
		rec.used = append(rec.used, answer)
		rec.whole = append(rec.whole, number)
	})
	return nil
}

// start starts a sign-in by texted code, whose text is the number's nth, and
// returns the answer that will end it.
func start(ctx context.Context, s *site, sdk *cip.Client, number string, n int) (spentAnswer, error) {
	started, err := sdk.InitiateAuth(ctx, &cip.InitiateAuthInput{
		ClientId: &s.client, AuthFlow: types.AuthFlowTypeCustomAuth, AuthParameters: map[string]string{"USERNAME": number},
	})
	if err != nil {
		return spentAnswer{}, err
	}
	code, err := s.codeOf(ctx, number, n)
	return spentAnswer{number, *started.Session, code}, err
}

func (a spentAnswer) give(ctx context.Context, s *site, sdk *cip.Client) (*cip.RespondToAuthChallengeOutput, error) {
	return sdk.RespondToAuthChallenge(ctx, &cip.RespondToAuthChallengeInput{
		ClientId: &s.client, ChallengeName: types.ChallengeNameTypeCustomChallenge, Session: aws.String(a.session),
		ChallengeResponses: map[string]string{"USERNAME": a.number, "ANSWER": a.code},
	})
}

// check asks the servers about everything that they acknowledged, and compares
// the provider's texts and the audit trail with it.
func check(t *testing.T, s *site, b *balancer, rec *record) {
	t.Helper()
	ctx, sdk := bounded(t, 20*time.Minute), s.patient(b)
	for _, refusal := range rec.refusals {
		t.Errorf("a person who did everything right was refused: %s", refusal)
	}
	if n := b.late.Load(); n > 0 {
		t.Errorf("%d requests got no answer within %v", n, hung)
	}
	status := func(number string) types.UserStatusType {
		u, err := sdk.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &number})
		if err != nil {
			t.Errorf("an acknowledged sign-up is lost: %v", err)
			return ""
		}
		return u.UserStatus
	}
	for _, number := range rec.signedUp {
		status(number)
	}
	for _, number := range rec.confirmed {
		if got := status(number); got != types.UserStatusTypeConfirmed {
			t.Errorf("an acknowledged confirmation is lost: the user is %s", got)
		}
	}
	checkTokens(ctx, t, s, sdk, rec)
	for _, answer := range rec.used {
		_, err := answer.give(ctx, s, sdk)
		if _, ok := errors.AsType[*types.NotAuthorizedException](err); !ok {
			t.Errorf("a used code was answered with %v", err)
		}
	}
	checkTexts(ctx, t, s, sdk, rec)
	checkTrail(t, s, sdk, rec)
}

// checkTokens exchanges the refresh tokens that are good, and then those that are not,
// since the use of an old one ends its family.
func checkTokens(ctx context.Context, t *testing.T, s *site, sdk *cip.Client, rec *record) {
	t.Helper()
	for _, token := range rec.refresh {
		if _, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &token}); err != nil {
			t.Errorf("an acknowledged sign-in is lost: %v", err)
		}
	}
	for _, token := range slices.Concat(rec.rotated, rec.refresh) {
		_, err := sdk.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{ClientId: &s.client, RefreshToken: &token})
		if refused := smithy.APIError(nil); !errors.As(err, &refused) || refused.ErrorFault() != smithy.FaultClient {
			t.Errorf("a refresh token that was exchanged is answered with %v", err)
		}
	}
}

// mostOfOne is how often a text may come that is sent again because a fault hit
// between its acceptance and the record: once more for each fault, and few texts
// meet two.
const mostOfOne = 3

// checkTexts looks for texts without a record of their reason, for texts that
// were ordered twice, and for a second code where one was repeated.
func checkTexts(ctx context.Context, t *testing.T, s *site, sdk *cip.Client, rec *record) {
	t.Helper()
	bodies, texts, tries, doubles := map[string]string{}, map[string]int{}, map[string]int{}, 0
	for _, m := range s.sink.Texts() {
		body, again := bodies[m.ID]
		tries[m.ID]++
		switch {
		case !again:
			bodies[m.ID] = m.Body
			texts[m.To.E164()]++
		case body != m.Body:
			t.Errorf("text %s came twice, with different words", m.ID)
		default:
			doubles++
		}
	}
	for id, n := range tries {
		if n > mostOfOne {
			t.Errorf("text %s was sent %d times", id, n)
		}
	}
	for number := range texts {
		if _, err := sdk.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &number}); err != nil {
			t.Errorf("a text was sent of which the database has no record: %v", err)
		}
	}
	for _, number := range rec.whole {
		if texts[number] != 2 {
			t.Errorf("%d texts for a sign-up and a sign-in, not 2", texts[number])
		}
	}
	t.Logf("%d texts, %d of them twice, with the same code", len(bodies), doubles)
}

// firstGood signs somebody up and returns how long that took: the seconds to the
// first good answer.
func firstGood(ctx context.Context, s *site, b *balancer, rec *record) (time.Duration, error) {
	began, number := time.Now(), newNumber()
	if _, err := s.patient(b).SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
		return 0, err
	}
	rec.add(func() { rec.signedUp = append(rec.signedUp, number) })
	return time.Since(began), nil
}

// spread is the median and the worst of some durations.
func spread(all []time.Duration) (median, worst time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond)
}
