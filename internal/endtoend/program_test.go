package endtoend

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// binary is the program as `make build` makes it, built once for all tests.
var binary string

// besides is how many tests run at once of those that mostly wait: for a lease, a
// deadline, a server that is down.
const besides = "5"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", besides); err != nil {
		panic(err)
	}
	code, err := withBinary(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withBinary(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "bellhop-endtoend-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "bellhop")
	build := exec.Command("go", "build", "-tags", "grpcnotrace", "-trimpath", "-buildvcs=false", "-o", binary, "../../cmd/bellhop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	defer pgtest.StopShared()
	return m.Run(), nil
}

// site is one installation: a data folder, a provider's webhook, and the
// program, of which tests that need more than one start others.
type site struct {
	*node
	tb     testing.TB
	dir    string
	sink   *smstest.Sink
	pool   string
	client string

	gracious string // another client, see rotating
}

const webhookSecret = "whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG5vdCBvZiBhbnlib2R5"

// newSite is an installation on SQLite, with a pool and a client.
func newSite(tb testing.TB, env ...string) *site {
	tb.Helper()
	s := prepareSite(tb, env...)
	s.makePool()
	return s
}

// prepareSite is an installation that nobody has used yet.
func prepareSite(tb testing.TB, env ...string) *site {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "data")
	s := &site{tb: tb, dir: dir, sink: smstest.NewSink(tb), node: newNode(tb)}
	s.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + tb.TempDir(),
		"BELLHOP_DATA=" + dir, "BELLHOP_LISTEN=127.0.0.1:0",
		"BELLHOP_PUBLIC_URL=http://bellhop.test", "BELLHOP_SMS=webhook:" + s.sink.URL,
		"BELLHOP_SMS_WEBHOOK_SECRET=" + webhookSecret,
	}, env...)
	return s
}

// makePool makes the pool and the client that the tests use.
func (s *site) makePool() {
	s.tb.Helper()
	out := s.run("pool", "create", "--json")
	var made struct {
		PoolID   string `json:"userPoolId"`
		ClientID string `json:"userPoolClientId"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.PoolID == "" || made.ClientID == "" {
		s.tb.Fatalf("pool create --json printed %q: %v", out, err)
	}
	s.pool, s.client = made.PoolID, made.ClientID
}

// sdk is an AWS SDK client of the site that tries everything once.
func (s *site) sdk() *cip.Client { return s.sdkOf(s.node) }

func (s *site) sdkOf(n *node) *cip.Client {
	s.tb.Helper()
	id, secret := s.adminKey()
	return cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(n.url), Retryer: aws.NopRetryer{}, HTTPClient: sdkhttp.Whole(http.DefaultClient),
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
}

// adminKey reads the credentials file as an AWS tool does.
func (s *site) adminKey() (id, secret string) {
	s.tb.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "credentials"))
	if err != nil {
		s.tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(key) {
		case "aws_access_key_id":
			id = strings.TrimSpace(value)
		case "aws_secret_access_key":
			secret = strings.TrimSpace(value)
		}
	}
	return id, secret
}

// codeOf waits for the nth text to the number and reads its code. A text that
// came twice, as one may after a crash, counts once.
func (s *site) codeOf(ctx context.Context, number string, n int) (string, error) {
	for raw := n; ; raw++ {
		if _, err := s.sink.Nth(ctx, number, raw); err != nil {
			return "", err
		}
		if texts := distinct(s.sink.TextsTo(number)); len(texts) >= n {
			return smstest.CodeIn(texts[n-1].Body), nil
		}
	}
}

// distinct are the texts without those whose id has come before.
func distinct(texts []sms.Message) []sms.Message {
	seen := map[string]bool{}
	return slices.DeleteFunc(texts, func(m sms.Message) bool {
		again := seen[m.ID]
		seen[m.ID] = true
		return again
	})
}

var numbers atomic.Int64

// newNumber is an Indian mobile number that no test had before.
func newNumber() string { return fmt.Sprintf("+9198%08d", numbers.Add(1)) }

// patience is by how much slower than what tests were written on a machine may be.
const patience = 4

// bounded is a context for a test that talks to a real process, which takes so long at
// most on a quick machine. It ends what hangs, and judges no speed.
func bounded(tb testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience*d)
	tb.Cleanup(cancel)
	return ctx
}

// syncBuffer is a buffer that processes and tests use at once.
type syncBuffer struct {
	mu   sync.Mutex // guards the fields below
	buf  strings.Builder
	news chan struct{} // closed at the next Write; nil until somebody waits
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.news != nil {
		close(b.news)
		b.news = nil
	}
	return b.buf.Write(p)
}

// await waits until the text is as it is to be, and says whether it came to that.
func (b *syncBuffer) await(ctx context.Context, done func(text string) bool) bool {
	for {
		b.mu.Lock()
		if b.news == nil {
			b.news = make(chan struct{})
		}
		text, news := b.buf.String(), b.news
		b.mu.Unlock()
		if done(text) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-news:
		}
	}
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
