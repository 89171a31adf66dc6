package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/bellhop-auth/bellhop/internal/sdkhttp"
)

// process is the program under test, running in this one.
type process struct {
	t      *testing.T
	url    string // where it says it listens
	stderr *buffer
	stdout *buffer

	stop func()
	code chan int
}

// start runs a command that serves, until it says where.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p, said := launch(t, env, args...)
	for line := range said {
		if _, url, ok := strings.Cut(line, "http"); ok {
			p.url = "http" + strings.TrimSpace(url)
			return p
		}
	}
	t.Fatalf("bellhop %s ended with %d before it listened:\n%s", args, <-p.code, p.stderr)
	return nil
}

// launch starts a command and returns the lines of its standard output, which
// end with it.
func launch(t *testing.T, env []string, args ...string) (*process, <-chan string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &process{t: t, stderr: &buffer{}, stdout: &buffer{}, stop: stop, code: make(chan int, 1)}
	read, write := io.Pipe()
	lines := make(chan string, 64)
	go func() {
		p.code <- run(ctx, args, env, io.MultiWriter(p.stdout, write), p.stderr)
		write.Close()
	}()
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(read); s.Scan(); {
			lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		stop()
		for range lines {
		}
	})
	return p, lines
}

// end stops the process as SIGTERM does and returns its exit code.
func (p *process) end() int {
	p.t.Helper()
	p.stop()
	select {
	case code := <-p.code:
		return code
	case <-time.After(time.Minute):
		p.t.Fatalf("the process does not stop:\n%s", p.stderr)
		return -1
	}
}

func (p *process) endWell() {
	p.t.Helper()
	if code := p.end(); code != exitOK {
		p.t.Fatalf("exit code %d:\n%s", code, p.stderr)
	}
}

// get returns the answer to a GET, its body read.
func (p *process) get(path string) (*http.Response, string) {
	p.t.Helper()
	res, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, string(body)
}

// sdk returns an AWS client whose key is that of a credentials file.
func sdk(t *testing.T, url, credentialsFile string) *cip.Client {
	t.Helper()
	cfg, err := awsconfig.LoadDefaultConfig(context.Background(),
		awsconfig.WithRegion("us-east-1"),
		awsconfig.WithSharedConfigFiles(nil),
		awsconfig.WithSharedCredentialsFiles([]string{credentialsFile}))
	if err != nil {
		t.Fatal(err)
	}
	return cip.NewFromConfig(cfg, func(o *cip.Options) { o.BaseEndpoint, o.HTTPClient = &url, sdkhttp.Whole(http.DefaultClient) })
}

// sdkWithKey is sdk with a key given here.
func sdkWithKey(url, id, secret string) *cip.Client {
	return cip.New(cip.Options{Region: "us-east-1", BaseEndpoint: &url, HTTPClient: sdkhttp.Whole(http.DefaultClient),
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(id, secret, ""))})
}

// once runs a command to its end.
func once(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out, errs buffer
	code = run(ctx, args, env, &out, &errs)
	return code, out.String(), errs.String()
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
