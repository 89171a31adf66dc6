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
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/bellhop-auth/bellhop/internal/trigger/local"
)

// TestMain is several programs: the tests, and what they start.
func TestMain(m *testing.M) {
	switch os.Getenv("FUNCTION") {
	case "aws-lambda-go":
		lambda.Start(deed)
	case "hostile":
		hostile()
	case "late":
		late()
	case "parent":
		parent()
	default:
		os.Setenv("BELLHOP_MASTER_KEY", "not for functions")
		os.Exit(m.Run())
	}
}

// order is the event of the functions that do as they are told.
type order struct {
	Do   string `json:"do"`
	Code int    `json:"code,omitempty"`
	Line string `json:"line,omitempty"`
	Port int    `json:"port,omitempty"`
}

// deed is a handler for aws-lambda-go.
func deed(ctx context.Context, event json.RawMessage) (any, error) {
	var o order
	if err := json.Unmarshal(event, &o); err != nil {
		return nil, err
	}
	switch o.Do {
	case "echo":
		return event, nil
	case "about":
		about, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"arn": about.InvokedFunctionArn, "id": about.AwsRequestID, "name": lambdacontext.FunctionName,
			"memory": lambdacontext.MemoryLimitInMB, "left": time.Until(deadline) > 0, "environment": os.Environ(),
		}, nil
	case "hang":
		fmt.Println("hanging")
		select {}
	case "say":
		fmt.Println(o.Line)
		return nil, nil
	case "print":
		for {
			fmt.Println(strings.Repeat("y", 10_000))
		}
	case "exit":
		os.Exit(o.Code)
	case "die":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "fail":
		return nil, errors.New("as told")
	case "panic":
		panic("as told")
	case "big":
		return strings.Repeat("x", 7<<20), nil
	case "break off":
		return io.MultiReader(strings.NewReader("half an ans"), broken{}), nil
	case "live":
		conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", o.Port))
		kept = append(kept, conn)
		return nil, err
	}
	return nil, fmt.Errorf("what is %q?", o.Do)
}

var kept []io.Closer // for as long as the process lives

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the source ran dry") }

func runtimeAPI() string {
	return "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
}

// post returns the status of an answer, 0 for none.
func post(url, body string) int {
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// next asks for an event. Its id is "" if it was refused.
func next() (id string, event []byte) {
	response, err := http.Get(runtimeAPI() + "invocation/next")
	if err != nil {
		os.Exit(1)
	}
	defer response.Body.Close()
	event, _ = io.ReadAll(response.Body)
	return response.Header.Get("Lambda-Runtime-Aws-Request-Id"), event
}

// hostile is a runtime that tries everything that it must not, and prints what it
// got away with.
func hostile() {
	expect := func(what string, got int, want ...int) {
		for _, w := range want {
			if got == w {
				return
			}
		}
		fmt.Println("GOT AWAY WITH", what, got)
	}
	secret := filepath.Base(os.Getenv("AWS_LAMBDA_RUNTIME_API"))
	for {
		id, event := next()
		// Ids of calls that others have, or had.
		seen, _ := filepath.Glob("seen-*")
		if err := os.WriteFile("seen-"+id, nil, 0o600); err != nil {
			panic(err)
		}
		for _, name := range seen[max(0, len(seen)-3):] {
			other := strings.TrimPrefix(name, "seen-")
			expect("another's answer", post(runtimeAPI()+"invocation/"+other+"/response", `"stolen"`), 400)
			expect("another's error", post(runtimeAPI()+"invocation/"+other+"/error", `{"errorMessage":"stolen"}`), 400)
		}
		if second, _ := next(); second != "" {
			fmt.Println("GOT AWAY WITH a second event")
		}
		guess := strings.Replace(runtimeAPI(), secret, strings.Repeat("0", len(secret)), 1)
		expect("a guessed secret", post(guess+"invocation/"+id+"/response", `"guessed"`), 404)
		expect("no secret", post(strings.Replace(runtimeAPI(), "/"+secret, "", 1)+"invocation/"+id+"/response", `"guessed"`), 404)
		expect("a late init error", post(runtimeAPI()+"init/error", `{"errorMessage":"stolen"}`), 403)
		switch string(event) {
		case `"garbage"`:
			expect("garbage", post(runtimeAPI()+"invocation/"+id+"/error", "\x00<html>"), 202)
		case `"crash"`:
			os.Exit(1)
		case `"stop"`:
			expect("an answer", post(runtimeAPI()+"invocation/"+id+"/response", `"stopping"`), 202)
			select {} // and no /next
		case `"late"`:
			afterDeath(id)
			select {}
		default:
			expect("its own answer", post(runtimeAPI()+"invocation/"+id+"/response", string(event)), 202)
		}
		expect("a second answer", post(runtimeAPI()+"invocation/"+id+"/response", `"twice"`), 403)
		expect("an error after the answer", post(runtimeAPI()+"invocation/"+id+"/error", `{}`), 403)
	}
}

// afterDeath starts a process that gets out of the group, and answers for this one
// when it is dead.
func afterDeath(id string) {
	self, _ := os.Executable()
	in, out, _ := os.Pipe()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "FUNCTION=late", "ID="+id)
	cmd.Stdin, cmd.Stdout = in, os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	kept = append(kept, out)
	fmt.Println("hanging")
}

func late() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	status := post(runtimeAPI()+"invocation/"+os.Getenv("ID")+"/response", `"from the grave"`)
	_, _ = http.Post(os.Getenv("TELL"), "text/plain", bytes.NewBufferString(fmt.Sprint(status)))
}

// parent calls both kinds of functions as Bellhop would, and is killed.
func parent() {
	var port int
	fmt.Sscan(os.Getenv("PORT"), &port)
	self, _ := os.Executable()
	event, _ := json.Marshal(order{Do: "live", Port: port})
	for _, cfg := range []local.Config{
		{Dir: "testdata/deeds", Handler: "index.handler"},
		{Dir: ".", Command: []string{self}, Environment: map[string]string{"FUNCTION": "aws-lambda-go"}},
	} {
		cfg.Log, cfg.Timeout = slog.New(slog.DiscardHandler), time.Minute
		f, err := local.New(cfg)
		if err != nil {
			panic(err)
		}
		if _, err := f.Invoke(context.Background(), arn, event); err != nil {
			panic(err)
		}
		// One more that is busy when its parent dies.
		go f.Invoke(context.Background(), arn, []byte(`{"do":"hang"}`))
	}
	fmt.Println("ready")
	select {}
}
