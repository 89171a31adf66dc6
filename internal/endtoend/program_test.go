package endtoend

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// binary is the program as `make build` makes it, built once for all tests.
var binary string

func TestMain(m *testing.M) {
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
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "../../cmd/bellhop")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// site is one installation: a data folder, a provider's webhook, and the
// program, which may be killed and started again.
type site struct {
	tb     testing.TB
	dir    string
	sink   *smstest.Sink
	env    []string
	pool   string
	client string
	log    *syncBuffer // all that any run wrote
	under  []string    // a command that the server is started by, which becomes it

	url string
	cmd *exec.Cmd
}

const webhookSecret = "whsec_dGhlIHNlY3JldCBvZiBhIHRlc3QsIG5vdCBvZiBhbnlib2R5"

func newSite(tb testing.TB, env ...string) *site {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "data")
	s := &site{tb: tb, dir: dir, sink: smstest.NewSink(tb), log: &syncBuffer{}}
	s.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + tb.TempDir(),
		"BELLHOP_DATA=" + dir, "BELLHOP_LISTEN=127.0.0.1:0",
		"BELLHOP_PUBLIC_URL=http://bellhop.test", "BELLHOP_SMS=webhook:" + s.sink.URL,
		"BELLHOP_SMS_WEBHOOK_SECRET=" + webhookSecret,
	}, env...)
	out := s.run("pool", "create", "--json")
	var made struct {
		PoolID   string `json:"userPoolId"`
		ClientID string `json:"userPoolClientId"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.PoolID == "" || made.ClientID == "" {
		tb.Fatalf("pool create --json printed %q: %v", out, err)
	}
	s.pool, s.client = made.PoolID, made.ClientID
	return s
}

// run runs a command to its end and returns what it printed.
func (s *site) run(args ...string) string {
	s.tb.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = s.env
	cmd.Stderr = s.log
	out, err := cmd.Output()
	if err != nil {
		s.tb.Fatalf("bellhop %s: %v\n%s", args, err, s.log)
	}
	return string(out)
}

// start starts the server and waits until it says where it listens.
func (s *site) start() {
	s.tb.Helper()
	argv := append(slices.Clone(s.under), binary, "serve")
	s.cmd = exec.Command(argv[0], argv[1:]...)
	s.cmd.Env = s.env
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	lines := bufio.NewReader(io.TeeReader(out, s.log))
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			s.tb.Fatalf("the server ended before it listened: %v\n%s", err, s.log)
		}
		if _, at, ok := strings.Cut(line, "http://"); ok {
			s.url = "http://" + strings.TrimSpace(at)
			break
		}
	}
	go io.Copy(io.Discard, lines)
}

// kill ends the server as a power cut would end the process.
func (s *site) kill() {
	s.tb.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		s.tb.Fatal(err)
	}
	s.cmd.Wait()
}

// stop ends the server as an operator does.
func (s *site) stop() {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.tb.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		s.tb.Fatalf("the server ended with %v\n%s", err, s.log)
	}
}

// sdk is an AWS SDK client of the site that tries everything once.
func (s *site) sdk() *cip.Client {
	s.tb.Helper()
	id, secret := s.adminKey()
	return cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.url), Retryer: aws.NopRetryer{},
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

// codeOf waits for the nth text to the number and reads its code.
func (s *site) codeOf(ctx context.Context, number string, n int) (string, error) {
	text, err := s.sink.Nth(ctx, number, n)
	return smstest.CodeIn(text.Body), err
}

var numbers atomic.Int64

// newNumber is an Indian mobile number that no test had before.
func newNumber() string { return fmt.Sprintf("+9198%08d", numbers.Add(1)) }

// bounded is a context for a test that talks to a real process.
func bounded(tb testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	tb.Cleanup(cancel)
	return ctx
}

// syncBuffer is a buffer that processes and tests use at once.
type syncBuffer struct {
	mu  sync.Mutex // guards buf
	buf strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
