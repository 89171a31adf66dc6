package endtoend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// crowd is many people with one phone each, who speak the wire by hand: an SDK
// would spend more on a refused request than the server does, on the same cores.
type crowd struct {
	s       *site
	desk    *desk
	http    *http.Client // for who begins
	answers *http.Client // for who ends it: people do not wait for each other's connections
	free    chan string  // numbers that nobody is signing in with
	url     atomic.Value
}

// newCrowd starts a site whose texts go to the crowd, with so many users.
func newCrowd(t *testing.T, people int, env ...string) *crowd {
	t.Helper()
	return newCrowdUnder(t, nil, people, env...)
}

// newCrowdUnder is newCrowd with a server that is started by the command.
func newCrowdUnder(t *testing.T, under []string, people int, env ...string) *crowd {
	t.Helper()
	d := newDesk(t)
	s := newSite(t, append([]string{"BELLHOP_LIMITS=off", "BELLHOP_SMS=webhook:" + d.url}, env...)...)
	s.under = under
	s.start()
	begin, answer := loopback(web.MaxConns*6/10), loopback(web.MaxConns*3/10) // they come from one address
	c := &crowd{s: s, desk: d, http: &http.Client{Transport: begin}, answers: &http.Client{Transport: answer}, free: make(chan string, people)}
	c.url.Store(s.url)
	t.Cleanup(c.http.CloseIdleConnections)
	t.Cleanup(c.answers.CloseIdleConnections)
	ctx, sdk := bounded(t, 5*time.Minute), s.sdk()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range people / 8 {
				number := newNumber()
				if _, err := sdk.AdminCreateUser(ctx, &cip.AdminCreateUserInput{UserPoolId: &s.pool, Username: &number}); err != nil {
					t.Error(err)
					return
				}
				c.free <- number
			}
		})
	}
	all.Wait()
	return c
}

func loopback(conns int) *http.Transport {
	return &http.Transport{MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext}
}

// errHalf is an answer that began and did not end.
var errHalf = errors.New("half an answer")

// answer is what came back of one request.
type answer struct {
	status int
	after  time.Duration // x-amz-retry-after
	took   time.Duration
	body   struct {
		Session              string
		AuthenticationResult *struct{ RefreshToken string }
	}
}

func (c *crowd) call(ctx context.Context, operation string, in any) (a answer, err error) {
	return c.callBy(ctx, c.http, operation, in)
}

func (c *crowd) callBy(ctx context.Context, by *http.Client, operation string, in any) (a answer, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return a, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.Load().(string), bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	start := time.Now()
	res, err := by.Do(r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		err = fmt.Errorf("%w: %w", errHalf, err)
	}
	a.status, a.took = res.StatusCode, time.Since(start)
	if ms, err := strconv.Atoi(res.Header.Get("x-amz-retry-after")); err == nil {
		a.after = time.Duration(ms) * time.Millisecond
	}
	if err == nil && a.status == http.StatusOK {
		err = json.Unmarshal(text, &a.body)
	}
	return a, err
}

func (c *crowd) begin(ctx context.Context, number string) (answer, error) {
	return c.call(ctx, "InitiateAuth", map[string]any{
		"ClientId": c.s.client, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": map[string]string{"USERNAME": number},
	})
}

func (c *crowd) respond(ctx context.Context, number, session, code string) (answer, error) {
	return c.callBy(ctx, c.answers, "RespondToAuthChallenge", map[string]any{
		"ClientId": c.s.client, "ChallengeName": "CUSTOM_CHALLENGE", "Session": session,
		"ChallengeResponses": map[string]string{"USERNAME": number, "ANSWER": code},
	})
}

// finish waits for the text and answers with its code. Refused, it comes again
// when it was told to, as SDKs do, and goes on where they give up, as people do.
func (c *crowd) finish(ctx context.Context, number, session string) (refusals int, err error) {
	code, err := c.desk.code(ctx, number)
	if err != nil {
		return 0, fmt.Errorf("no text came: %w", err)
	}
	a, refusals, err := obey(ctx, func() (answer, error) { return c.respond(ctx, number, session, code) })
	if err == nil && (a.status != http.StatusOK || a.body.AuthenticationResult == nil) {
		err = fmt.Errorf("the answer got %d", a.status)
	}
	return refusals, err
}

// obey sends a request, again as long as it is told to, and when.
func obey(ctx context.Context, send func() (answer, error)) (a answer, refusals int, err error) {
	for ; ; refusals++ {
		a, err := send()
		if err != nil || a.status != http.StatusServiceUnavailable {
			return a, refusals, err
		}
		select {
		case <-time.After(a.after):
		case <-ctx.Done():
			return a, refusals, ctx.Err()
		}
	}
}

// signIn is a whole sign-in of somebody.
func (c *crowd) signIn(ctx context.Context) error {
	_, err := c.complete(ctx)
	return err
}

// complete is signIn, and says how often it was refused on the way.
func (c *crowd) complete(ctx context.Context) (refusals int, err error) {
	number := <-c.free
	defer func() { c.free <- number }()
	a, refusals, err := obey(ctx, func() (answer, error) { return c.begin(ctx, number) })
	if err != nil {
		return refusals, err
	}
	if a.status != http.StatusOK {
		return refusals, fmt.Errorf("the beginning got %d", a.status)
	}
	again, err := c.finish(ctx, number, a.body.Session)
	return refusals + again, err
}

// desk takes texts as the webhook sender posts them and hands each code to
// whoever waits for that number. Unlike smstest.Sink it keeps nothing.
type desk struct {
	url string

	mu    sync.Mutex // guards codes
	codes map[string]chan string
}

func newDesk(tb testing.TB) *desk {
	d := &desk{codes: make(map[string]chan string)}
	server := httptest.NewServer(d)
	tb.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *desk) box(number string) chan string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.codes[number] == nil {
		d.codes[number] = make(chan string, 16)
	}
	return d.codes[number]
}

func (d *desk) code(ctx context.Context, number string) (string, error) {
	select {
	case code := <-d.box(number):
		return code, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var text struct{ To, Body string }
	if err := json.NewDecoder(r.Body).Decode(&text); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	select {
	case d.box(text.To) <- smstest.CodeIn(text.Body):
	default:
		w.WriteHeader(http.StatusInternalServerError) // more texts than anybody reads
	}
}
