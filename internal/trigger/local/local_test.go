//go:build unix

package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/trigger"
	"github.com/bellhop-auth/bellhop/internal/trigger/local"
)

const arn = "arn:aws:lambda:eu-central-1:123456789012:function:auth"

// journal is a log that can be waited for.
type journal struct {
	mu   sync.Mutex // guards text
	more sync.Cond
	text bytes.Buffer
}

func newJournal() *journal {
	j := &journal{}
	j.more.L = &j.mu
	return j
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.more.Broadcast()
	return j.text.Write(line)
}

// await returns when the log has the text so many times.
func (j *journal) await(text string, times int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for strings.Count(j.text.String(), text) < times {
		j.more.Wait()
	}
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) count(text string) int { return strings.Count(j.String(), text) }

const (
	wasStarted = "a process of the function was started"
	hasEnded   = "a process of the function has ended"
)

// open returns a function that ends with its test, and its log. A limit that a
// test does not set is one that it does not reach.
func open(t testing.TB, cfg local.Config) (*local.Function, *journal) {
	t.Helper()
	j := newJournal()
	cfg.Name, cfg.Log = "test", slog.New(slog.NewTextHandler(j, nil))
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	f, err := local.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if f.Processes() != 0 {
			t.Error("processes are left")
		}
		if t.Failed() {
			t.Log(j.String())
		}
	})
	return f, j
}

// compiled is this test's own binary as a handler.
func compiled(t testing.TB, which string) local.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return local.Config{Dir: t.TempDir(), Command: []string{self}, Environment: map[string]string{"FUNCTION": which}}
}

func ordered(t testing.TB, o order) []byte {
	t.Helper()
	event, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func failedWith(err error) (kind, message string) {
	if failed, ok := errors.AsType[*trigger.FunctionError](err); ok {
		return failed.Type, failed.Message
	}
	return fmt.Sprintf("%T", err), fmt.Sprint(err)
}

// echoes checks that the function is well.
func echoes(t *testing.T, f *local.Function) {
	t.Helper()
	event := string(ordered(t, order{Do: "echo", Line: fmt.Sprint(rand.Int())}))
	if answer, err := f.Invoke(t.Context(), arn, []byte(event)); err != nil || string(answer) != event {
		t.Errorf("%s: %s, %v", event, answer, err)
	}
}

func TestNode_EveryStyleOfHandler(t *testing.T) {
	t.Parallel()
	const event = `{"a":1}`
	with := func(how string) string { return `{"a":1,"response":{"how":"` + how + `"}}` }
	for _, c := range []struct{ dir, handler, answer, kind, message string }{
		{handler: "cjs.asynchronous", answer: with("async")},
		{handler: "cjs.promise", answer: with("promise")},
		{handler: "cjs.callback", answer: with("callback")},
		{handler: "cjs.callbackAtOnce", answer: with("at once")},
		{handler: "cjs.done", answer: with("done")},
		{handler: "cjs.succeed", answer: with("succeed")},
		{handler: "cjs.plain", answer: with("plain")},
		{handler: "cjs.text", answer: `"a text"`},
		{handler: "cjs.nothing", answer: `null`},
		{handler: "cjs.never", answer: `null`},
		{handler: "cjs.nested.deeper.handler", answer: with("nested")},
		{handler: "common.handler", answer: with(".cjs")},
		{handler: "esm.handler", answer: with("module of true")},
		{handler: "esm.other", answer: event},
		{handler: "src/deep/index.handler", answer: with("nested path")},
		{handler: "./src/deep/index.handler", answer: with("nested path")},
		{dir: "module", handler: "index.handler", answer: with("type module")},
		{handler: "cjs.fail", kind: "Error", message: "fail"},
		{handler: "cjs.failWithoutReason", kind: "string", message: "handled"},
		{handler: "cjs.throwsAtOnce", kind: "Denied", message: "not you"},
		{handler: "cjs.rejects", kind: "Denied", message: "not you either"},
		{handler: "cjs.callsBackWithError", kind: "Denied", message: "nor you"},
		{handler: "cjs.callsBackWithText", kind: "string", message: "only a text"},
		{handler: "cjs.throwsText", kind: "string", message: "thrown text"},
		{handler: "cjs.throwsUmlaut", kind: "Error", message: "Für Sie nicht: €"},
		{handler: "cjs.throwsLater", kind: "TypeError", message: "later"},
		{handler: "cjs.rejectsUnseen", kind: "Runtime.UnhandledPromiseRejection", message: "Denied: unseen"},
		{handler: "cjs.circular", kind: "Runtime.MarshalError", message: "Unable to stringify response body"},
	} {
		dir := "testdata/styles"
		if c.dir != "" {
			dir = "testdata/" + c.dir
		}
		f, _ := open(t, local.Config{Dir: dir, Handler: c.handler})
		for range 2 { // a process that was kept, or one after another's end
			answer, err := f.Invoke(t.Context(), arn, []byte(event))
			if c.kind == "" {
				if err != nil || string(answer) != c.answer {
					t.Errorf("%s: %s, %v", c.handler, answer, err)
				}
			} else if kind, message := failedWith(err); kind != c.kind || message != c.message {
				t.Errorf("%s: %s, %q: %q", c.handler, answer, kind, message)
			}
		}
		f.Close()
	}
}

func TestNode_WhatAHandlerIsTold(t *testing.T) {
	t.Parallel()
	f, _ := open(t, local.Config{Dir: "testdata/styles", Handler: "cjs.context", MemoryMB: 256})
	answer, err := f.Invoke(t.Context(), arn+":live", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"functionName":"auth","functionVersion":"$LATEST","memoryLimitInMB":"256",` +
		`"logGroupName":"/aws/lambda/auth","logStreamName":"bellhop","invokedFunctionArn":"` + arn + `:live",` +
		`"left":true,"sameID":true,"trace":true,"folder":true}`
	if string(answer) != want {
		t.Errorf("%s\nwant %s", answer, want)
	}

	f, _ = open(t, local.Config{
		Dir: "testdata/styles", Handler: "cjs.environment",
		Environment: map[string]string{"TABLE": "users", "AWS_REGION": "us-west-2"},
	})
	answer, err = f.Invoke(t.Context(), arn, []byte(`{}`))
	var env map[string]string
	if err != nil || json.Unmarshal(answer, &env) != nil {
		t.Fatalf("%s, %v", answer, err)
	}
	dir, _ := filepath.Abs("testdata/styles")
	for key, want := range map[string]string{
		"TABLE": "users", "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "eu-central-1", "TZ": ":UTC",
		"_HANDLER": "cjs.environment", "LAMBDA_TASK_ROOT": dir, "PATH": os.Getenv("PATH"),
		"AWS_LAMBDA_FUNCTION_NAME": "auth", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
	} {
		if env[key] != want {
			t.Errorf("%s is %q, want %q", key, env[key], want)
		}
	}
	if !strings.HasPrefix(env["AWS_EXECUTION_ENV"], "AWS_Lambda_nodejs") {
		t.Error(env["AWS_EXECUTION_ENV"])
	}
	for key := range env {
		if strings.HasPrefix(key, "BELLHOP") {
			t.Errorf("the function sees %s", key)
		}
	}
}

func TestGo_WhatAHandlerIsTold(t *testing.T) {
	t.Parallel()
	f, _ := open(t, compiled(t, "aws-lambda-go"))
	answer, err := f.Invoke(t.Context(), arn, ordered(t, order{Do: "about"}))
	var about struct {
		ARN, ID, Name string
		Memory        int
		Left          bool
		Environment   []string
	}
	if err != nil || json.Unmarshal(answer, &about) != nil {
		t.Fatalf("%s, %v", answer, err)
	}
	if about.ARN != arn || len(about.ID) != 36 || about.Name != "auth" || about.Memory != 128 || !about.Left {
		t.Errorf("%+v", about)
	}
	if env := strings.Join(about.Environment, "\n"); strings.Contains(env, "BELLHOP") || !strings.Contains(env, "AWS_REGION=eu-central-1") {
		t.Error(env)
	}
}

// deedsOf are the functions that do as they are told, one in each language.
func deedsOf(t *testing.T) map[string]local.Config {
	return map[string]local.Config{
		"node": {Dir: "testdata/deeds", Handler: "index.handler"},
		"go":   compiled(t, "aws-lambda-go"),
	}
}

func TestFunction_ThatFails_FailsOneCall(t *testing.T) {
	t.Parallel()
	for language, cfg := range deedsOf(t) {
		f, _ := open(t, cfg)
		for _, c := range []struct {
			order
			kind, message string
		}{
			{order{Do: "exit", Code: 3}, "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"},
			{order{Do: "exit"}, "Runtime.ExitError", "Error: Runtime exited without providing a reason"},
			{order{Do: "die"}, "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"},
			{order{Do: "big"}, "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."},
			{order{Do: "fail"}, "", "as told"},
			{order{Do: "panic"}, "", ""},
			{order{Do: "break off"}, "", ""},
		} {
			if language == "node" && c.message == "" { // no such things there
				continue
			}
			answer, err := f.Invoke(t.Context(), arn, ordered(t, c.order))
			failed, ok := errors.AsType[*trigger.FunctionError](err)
			if !ok || answer != nil {
				t.Errorf("%s, %+v: %.40s, %v", language, c.order, answer, err)
				continue
			}
			if c.kind != "" && failed.Type != c.kind || !strings.HasSuffix(failed.Message, c.message) || failed.Message == "" {
				t.Errorf("%s, %+v: %q, %q", language, c.order, failed.Type, failed.Message)
			}
			if c.kind == "Runtime.ExitError" && !strings.HasPrefix(failed.Message, "RequestId: ") {
				t.Errorf("%s, %+v: %q", language, c.order, failed.Message)
			}
			echoes(t, f)
		}
	}
}

func TestInvoke_AtTheLimit_KillsAndStartsAfresh(t *testing.T) {
	t.Parallel()
	for language, cfg := range deedsOf(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			cfg.Timeout = 2 * time.Second
			f, log := open(t, cfg)
			echoes(t, f)
			_, err := f.Invoke(t.Context(), arn, ordered(t, order{Do: "hang"}))
			if kind, message := failedWith(err); kind != "Sandbox.Timedout" || !strings.HasSuffix(message, " Task timed out after 2.00 seconds") {
				t.Errorf("%q: %q", kind, message)
			}
			echoes(t, f)
			if log.count(wasStarted) != 2 || log.count("it took longer than its limit") != 1 {
				t.Error("it is not the second process")
			}
		})
	}
}

func TestInvoke_CallerGone_KillsAndStartsAfresh(t *testing.T) {
	t.Parallel()
	for _, cfg := range deedsOf(t) {
		f, log := open(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			log.await("line=hanging", 1)
			cancel()
		}()
		_, err := f.Invoke(ctx, arn, ordered(t, order{Do: "hang"}))
		failed, ok := errors.AsType[*trigger.InvokeError](err)
		if !ok || failed.Fault != trigger.TimedOut || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		echoes(t, f)
		if log.count(wasStarted) != 2 {
			t.Error("it is not the second process")
		}
	}
}

func TestInvoke_ProcessKilledBetweenCalls_IsReplaced(t *testing.T) {
	t.Parallel()
	f, log := open(t, compiled(t, "aws-lambda-go"))
	for n := range 3 {
		answer, err := f.Invoke(t.Context(), arn, ordered(t, order{Do: "about"}))
		if err != nil {
			t.Fatalf("%s, %v", answer, err)
		}
		var pid int
		lines := strings.Split(log.String(), wasStarted+`" function=test pid=`)
		if _, err := fmt.Sscan(lines[len(lines)-1], &pid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		log.await(hasEnded, n+1)
	}
}

func TestInvoke_QueueFull_Throttled(t *testing.T) {
	t.Parallel()
	cfg := compiled(t, "aws-lambda-go")
	f, log := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	hang := ordered(t, order{Do: "hang"})
	var all sync.WaitGroup
	ends := make(chan error, 101)
	call := func() {
		_, err := f.Invoke(ctx, arn, hang)
		ends <- err
	}
	all.Go(call)
	log.await("line=hanging", 1)
	for range 101 { // one more than may wait
		all.Go(call)
	}
	err := <-ends
	if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.Throttled || !failed.MayPass() {
		t.Error(err)
	}
	cancel()
	for range 101 {
		err := <-ends
		if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.TimedOut {
			t.Error(err)
		}
	}
	all.Wait()
	if f.Waiting() != 0 {
		t.Error("calls wait that nobody waits for")
	}
	if f.Close(); log.count("a process of the function is killed") != 1 {
		t.Error("a call reached a process although nobody waited for its answer")
	}
	_, err = f.Invoke(t.Context(), arn, hang)
	if failed, ok := errors.AsType[*trigger.InvokeError](err); !ok || failed.Fault != trigger.Unreachable {
		t.Errorf("after Close: %v", err)
	}
}

// A runtime that tries to answer for others gets nowhere, and each caller has his
// own answer, whoever else gives up meanwhile.
func TestInvoke_ManyCallersOfAHostileRuntime_EachGetsHisOwn(t *testing.T) {
	t.Parallel()
	cfg := compiled(t, "hostile")
	cfg.Processes = 2
	f, log := open(t, cfg)
	var all sync.WaitGroup
	for caller := range 50 {
		all.Go(func() {
			for n := range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				gone := rand.N(10) == 0
				if gone {
					time.AfterFunc(rand.N(20*time.Millisecond), cancel)
				}
				event := fmt.Sprintf(`"caller %d, call %d"`, caller, n)
				crash := !gone && rand.N(20) == 0
				if crash {
					event = `"crash"`
				}
				answer, err := f.Invoke(ctx, arn, []byte(event))
				cancel()
				if gone && errors.Is(err, context.Canceled) {
					continue
				}
				if crash {
					if kind, message := failedWith(err); kind != "Runtime.ExitError" {
						t.Errorf("%s got %s, %q: %q", event, answer, kind, message)
					}
				} else if err != nil || string(answer) != event {
					t.Errorf("%s got %s, %v", event, answer, err)
				}
				if n := f.Processes(); n > cfg.Processes {
					t.Errorf("%d processes", n)
				}
			}
		})
	}
	all.Wait()
	_, err := f.Invoke(t.Context(), arn, []byte(`"garbage"`))
	if kind, message := failedWith(err); kind != "Runtime.Unknown" || message != "Unknown application error occurred" {
		t.Errorf("%q: %q", kind, message)
	}
	f.Close()
	if strings.Contains(log.String(), "GOT AWAY") {
		t.Error("the runtime got away with something")
	}
}

func TestInvoke_RuntimeThatAnswersAndHangs_IsReplaced(t *testing.T) {
	t.Parallel()
	cfg := compiled(t, "hostile")
	cfg.Timeout = 2 * time.Second
	f, log := open(t, cfg)
	if answer, err := f.Invoke(t.Context(), arn, []byte(`"stop"`)); err != nil || string(answer) != `"stopping"` {
		t.Fatalf("%s, %v", answer, err)
	}
	if answer, err := f.Invoke(t.Context(), arn, []byte(`"next"`)); err != nil || string(answer) != `"next"` {
		t.Fatalf("%s, %v", answer, err)
	}
	if log.count("it does not ask for an event") != 1 {
		t.Error("it was not killed")
	}
}

func TestInvoke_AnswerAfterTheKill_IsRefused(t *testing.T) {
	t.Parallel()
	told := make(chan string, 1)
	ear := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		status, _ := io.ReadAll(r.Body)
		told <- string(status)
	}))
	defer ear.Close()
	cfg := compiled(t, "hostile")
	cfg.Environment["TELL"] = ear.URL
	f, log := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		log.await("line=hanging", 1)
		cancel()
	}()
	if answer, err := f.Invoke(ctx, arn, []byte(`"late"`)); !errors.Is(err, context.Canceled) {
		t.Errorf("%s, %v", answer, err)
	}
	if status := <-told; status != "404" {
		t.Errorf("the late answer got %s", status)
	}
	if answer, err := f.Invoke(t.Context(), arn, []byte(`"next"`)); err != nil || string(answer) != `"next"` {
		t.Errorf("%s, %v", answer, err)
	}
}

func TestFunction_ThatDoesNotStart_SaysWhyAndIsLeftAlone(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.WriteFile(gone, []byte("#!/no/such/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg           local.Config
		kind, message string
	}{
		{local.Config{Handler: "syntax.handler"}, "Runtime.UserCodeSyntaxError", "SyntaxError: "},
		{local.Config{Handler: "throws.handler"}, "RangeError", "no configuration"},
		{local.Config{Handler: "missing.handler"}, "Runtime.ImportModuleError", "Error: Cannot find module 'no-such-library'"},
		{local.Config{Handler: "later.handler"}, "Error", "while loading"},
		{local.Config{Handler: "other.handler"}, "Runtime.HandlerNotFound", "other.handler is not a function"},
		{local.Config{Handler: "other.none"}, "Runtime.HandlerNotFound", "other.none is undefined or not exported"},
		{local.Config{Handler: "exits.handler"}, "Runtime.ExitError", "RequestId: "},
		{local.Config{Handler: "hangs.handler"}, "Sandbox.Timedout", "Init timed out after 1.00 seconds"},
		{local.Config{Command: []string{"false"}}, "Runtime.ExitError", "RequestId: "},
		{local.Config{Command: []string{gone}}, "*trigger.InvokeError", "misconfigured: start the function: "},
	} {
		name := c.cfg.Handler + strings.Join(c.cfg.Command, " ")
		c.cfg.Dir = "testdata/broken"
		c.cfg.Processes = 2
		f, log := open(t, c.cfg)
		f.RestFor(time.Hour)
		if name == "hangs.handler" {
			f.InitWithin(time.Second)
		}
		// Both calls of the first pair may bring a process about, the others none.
		for range 5 {
			var pair sync.WaitGroup
			for range 2 {
				pair.Go(func() {
					answer, err := f.Invoke(t.Context(), arn, []byte(`{}`))
					if kind, message := failedWith(err); kind != c.kind || !strings.HasPrefix(message, c.message) {
						t.Errorf("%s: %s, %q: %q", name, answer, kind, message)
					}
				})
			}
			pair.Wait()
		}
		f.Close()
		if n := log.count("the function did not start"); n < 1 || n > 2 {
			t.Errorf("%s: started in vain %d times", name, n)
		}
	}
}

func TestFunction_ThatDidNotStart_IsTriedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(code string) {
		if err := os.WriteFile(filepath.Join(dir, "index.js"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("throw new Error('not yet')")
	f, _ := open(t, local.Config{Dir: dir, Handler: "index.handler"})
	f.RestFor(0)
	if answer, err := f.Invoke(t.Context(), arn, []byte(`{}`)); err == nil {
		t.Errorf("%s", answer)
	}
	write("exports.handler = async (event) => event")
	echoes(t, f)
}

func TestFunction_ThatPrintsForEver_IsCutShort(t *testing.T) {
	t.Parallel()
	cfg := compiled(t, "aws-lambda-go")
	cfg.Timeout = 2 * time.Second
	f, log := open(t, cfg)
	if _, err := f.Invoke(t.Context(), arn, ordered(t, order{Do: "say", Line: "hello"})); err != nil {
		t.Error(err)
	}
	log.await("line=hello", 1)
	if said := log.String(); !strings.Contains(said, "request=") || !strings.Contains(said, "function=test") {
		t.Error(said)
	}
	_, err := f.Invoke(t.Context(), arn, ordered(t, order{Do: "print"}))
	if kind, _ := failedWith(err); kind != "Sandbox.Timedout" {
		t.Error(err)
	}
	echoes(t, f)
	f.Close()
	said := log.String()
	if len(said) > 1<<20 || !strings.Contains(said, "lines are left out") {
		t.Errorf("%d bytes of log", len(said))
	}
	for line := range strings.Lines(said) {
		if len(line) > 5<<10 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// lives listens to processes that connect, and tells when all of so many have died.
func lives(t *testing.T, many int) (port int, here, gone <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	came, left := make(chan struct{}), make(chan struct{})
	go func() {
		var all sync.WaitGroup
		for range many {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(io.Discard, conn)
				conn.Close()
			})
		}
		close(came)
		all.Wait()
		close(left)
	}()
	return listener.Addr().(*net.TCPAddr).Port, came, left
}

func TestClose_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	port, here, gone := lives(t, 2) // node, and what it has started
	f, _ := open(t, local.Config{Dir: "testdata/deeds", Handler: "index.handler"})
	if answer, err := f.Invoke(t.Context(), arn, ordered(t, order{Do: "live", Port: port, Line: "with a child"})); err != nil {
		t.Fatalf("%s, %v", answer, err)
	}
	<-here
	f.Close()
	<-gone
}

// Where the system does not end a child with its parent, the bootstrap ends by
// itself when it loses the Runtime API.
func TestNode_RuntimeAPIGone_Ends(t *testing.T) {
	t.Parallel()
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/secret/2018-06-01/runtime/invocation/next" {
			t.Error(r.URL.Path)
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
		fmt.Fprint(w, "{}")
	}))
	api.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateIdle { // the handler is at work now
			conn.Close()
		}
	}
	api.Start()
	defer api.Close()
	dir, _ := filepath.Abs("testdata/styles")
	cmd := exec.Command("node", "--input-type=module", "-")
	cmd.Stdin = strings.NewReader(local.Bootstrap)
	cmd.Env = append(os.Environ(), "_HANDLER=cjs.waits", "LAMBDA_TASK_ROOT="+dir,
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://")+"/secret")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Error(err)
	}
}

func TestNew_SaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	good := local.Config{Dir: "testdata/deeds", Handler: "index.handler"}
	for name, c := range map[string]struct {
		change func(*local.Config)
		fields []string
	}{
		"good":            {func(*local.Config) {}, nil},
		"no folder":       {func(c *local.Config) { c.Dir = "" }, []string{"Dir"}},
		"folder gone":     {func(c *local.Config) { c.Dir = "testdata/none" }, []string{"Dir"}},
		"folder a file":   {func(c *local.Config) { c.Dir = "testdata/deeds/index.mjs" }, []string{"Dir"}},
		"nothing to run":  {func(c *local.Config) { c.Handler = "" }, []string{"Handler"}},
		"two to run":      {func(c *local.Config) { c.Command = []string{"true"} }, []string{"Handler"}},
		"no export":       {func(c *local.Config) { c.Handler = "index" }, []string{"Handler"}},
		"no file":         {func(c *local.Config) { c.Handler = "main.handler" }, []string{"Handler"}},
		"outside":         {func(c *local.Config) { c.Handler = "../deeds/index.handler" }, []string{"Handler"}},
		"no node":         {func(c *local.Config) { c.Node = "/no/such/node" }, []string{"Node"}},
		"no program":      {func(c *local.Config) { c.Handler, c.Command = "", []string{"no-such-program"} }, []string{"Command"}},
		"not executable":  {func(c *local.Config) { c.Handler, c.Command = "", []string{"index.mjs"} }, []string{"Command"}},
		"a command":       {func(c *local.Config) { c.Handler, c.Command = "", []string{"true"} }, nil},
		"Lambda's own":    {func(c *local.Config) { c.Environment = map[string]string{"_HANDLER": "x"} }, []string{"Environment"}},
		"not a variable":  {func(c *local.Config) { c.Environment = map[string]string{"A=B": "x"} }, []string{"Environment"}},
		"several at once": {func(c *local.Config) { c.Processes, c.Timeout, c.MemoryMB = -1, -1, -1 }, []string{"Processes", "Timeout", "MemoryMB"}},
	} {
		cfg := good
		c.change(&cfg)
		cfg.Log = slog.New(slog.DiscardHandler)
		f, err := local.New(cfg)
		if (f == nil) != (err != nil) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
		said := fmt.Sprint(err)
		if len(c.fields) == 0 && err != nil || len(c.fields) > 0 && strings.Count(said, "\n") != len(c.fields)-1 {
			t.Errorf("%s: %v", name, err)
		}
		for _, field := range c.fields {
			if wrong, ok := errors.AsType[*local.ConfigError](err); !ok || wrong.Problem == "" || !strings.Contains(said, field+": ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func benchmark(b *testing.B, cfg local.Config, warm bool) {
	event := ordered(b, order{Do: "echo"})
	call := func(f *local.Function) {
		if _, err := f.Invoke(context.Background(), arn, event); err != nil {
			b.Fatal(err)
		}
	}
	f, _ := open(b, cfg)
	if warm {
		call(f)
	}
	for b.Loop() {
		if !warm {
			f, _ = open(b, cfg)
		}
		call(f)
		if !warm {
			f.Close()
		}
	}
}

func nodeDeeds() local.Config { return local.Config{Dir: "testdata/deeds", Handler: "index.handler"} }

func BenchmarkInvoke_Node_Warm(b *testing.B) { benchmark(b, nodeDeeds(), true) }
func BenchmarkInvoke_Node_Cold(b *testing.B) { benchmark(b, nodeDeeds(), false) }
func BenchmarkInvoke_Go_Warm(b *testing.B)   { benchmark(b, compiled(b, "aws-lambda-go"), true) }
func BenchmarkInvoke_Go_Cold(b *testing.B)   { benchmark(b, compiled(b, "aws-lambda-go"), false) }
