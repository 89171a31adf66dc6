package endtoend

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/cognito"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

const signUp = "AWSCognitoIdentityProviderService.SignUp"

// crowded is the plumbing and the API's refusals with one place, which is taken
// until somebody has been refused.
type crowded struct {
	url string

	mu    sync.Mutex // guards tries
	tries []attempt
}

// attempt is one request: when it came, and when it was told to come again.
type attempt struct {
	at    time.Time
	after time.Duration
}

func newCrowded(t *testing.T) *crowded {
	t.Helper()
	api, err := cognito.New(cognito.Config{Service: new(userpool.Service),
		Keys: func(context.Context, string) (userpool.Credential, error) {
			return userpool.Credential{}, userpool.ErrNotFound
		}})
	if err != nil {
		t.Fatal(err)
	}
	taken, refused := make(chan struct{}), make(chan struct{})
	face := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") != signUp {
			close(taken)
			<-refused
		}
		w.Write([]byte("{}"))
	})
	plumbing := web.Handler(web.Config{Log: slog.New(slog.DiscardHandler), Places: 1, Class: api.Class, Refuse: api.Refuse}, face)
	c := &crowded{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		plumbing.ServeHTTP(w, r)
		if r.Header.Get("X-Amz-Target") != signUp {
			return
		}
		ms, _ := strconv.Atoi(w.Header().Get("x-amz-retry-after"))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.tries = append(c.tries, attempt{at, time.Duration(ms) * time.Millisecond})
		if len(c.tries) == 1 {
			close(refused)
		}
	}))
	t.Cleanup(srv.Close)
	c.url = srv.URL
	r, err := http.NewRequest(http.MethodPost, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.ListUsers")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := srv.Client().Do(r); err == nil {
			res.Body.Close()
		}
	}()
	t.Cleanup(func() { <-done })
	<-taken
	return c
}

// obeyed checks that the client came again no sooner than it was told. By itself
// it would have: after 50 ms (JavaScript), after up to 1 s (Go).
func (c *crowded) obeyed(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	first := slices.IndexFunc(c.tries, func(a attempt) bool { return a.after > 0 })
	if first < 0 || len(c.tries) < 2 {
		t.Fatalf("nobody was refused and came again: %v", c.tries)
	}
	told, gap := c.tries[first].after, c.tries[len(c.tries)-1].at.Sub(c.tries[first].at)
	if gap < told {
		t.Errorf("told to wait %s, it came after %s", told, gap)
	}
	t.Logf("told to wait %s, it came after %s", told, gap)
}

func TestHint_SDKForGo_WaitsAsTold(t *testing.T) {
	c := newCrowded(t)
	sdk := cip.New(cip.Options{Region: "us-east-1", BaseEndpoint: aws.String(c.url)})
	if _, err := sdk.SignUp(bounded(t, time.Minute), &cip.SignUpInput{ClientId: aws.String("app"), Username: aws.String("+14155550100")}); err != nil {
		t.Fatal(err)
	}
	c.obeyed(t)
}

func TestHint_SDKForJavaScript_WaitsAsTold(t *testing.T) {
	c := newCrowded(t)
	node := exec.CommandContext(bounded(t, time.Minute), "node", "../../e2e/retry_client.mjs")
	node.Env = append(os.Environ(), "ENDPOINT="+c.url)
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	c.obeyed(t)
}
