package endtoend

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/lambdatest"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// tutorial is the functions of examples/triggers-sms once more, as somebody writes
// them who answers events in Go: all four in one, and what he sends goes to phones.
type tutorial struct{ phones sms.Sender }

// event is what the functions read and fill in. What they do not know goes back as
// it came.
type event map[string]any

func (e event) request() map[string]any  { return e["request"].(map[string]any) }
func (e event) response() map[string]any { return e["response"].(map[string]any) }
func (e event) source() string           { return e["triggerSource"].(string) }

// attribute is one of the user's, "" if he has none of that name.
func (e event) attribute(name string) string {
	all, _ := e.request()["userAttributes"].(map[string]any)
	value, _ := all[name].(string)
	return value
}

// run answers one event.
func (f tutorial) run(ctx context.Context, raw []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	var err error
	switch name, _, _ := strings.Cut(e.source(), "_"); name {
	case "PreSignUp":
		e.response()["autoConfirmUser"] = true
	case "DefineAuthChallenge":
		f.define(e)
	case "CreateAuthChallenge":
		err = f.create(ctx, e)
	case "VerifyAuthChallengeResponse":
		private := e.request()["privateChallengeParameters"].(map[string]any)
		e.response()["answerCorrect"] = e.request()["challengeAnswer"] == private["answer"]
	default:
		err = fmt.Errorf("no function for %s", name)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

func (f tutorial) define(e event) {
	answers, last := 0, map[string]any{}
	for _, step := range e.request()["session"].([]any) {
		last = step.(map[string]any)
		if last["challengeName"] == "CUSTOM_CHALLENGE" {
			answers++
		}
	}
	response := e.response()
	response["issueTokens"], response["failAuthentication"] = false, false
	switch {
	case last["challengeName"] == "SRP_A":
		response["challengeName"] = "PASSWORD_VERIFIER"
	case last["challengeName"] == "CUSTOM_CHALLENGE" && last["challengeResult"] == true:
		response["issueTokens"] = true
	case answers >= 3:
		response["failAuthentication"] = true
	default:
		response["challengeName"] = "CUSTOM_CHALLENGE"
	}
}

func (f tutorial) create(ctx context.Context, e event) error {
	code := ""
	for _, step := range e.request()["session"].([]any) {
		kept, _ := step.(map[string]any)["challengeMetadata"].(string)
		if rest, ok := strings.CutPrefix(kept, "CODE-"); ok {
			code = rest
		}
	}
	if code == "" {
		n, err := rand.Int(rand.Reader, big.NewInt(1e6))
		if err != nil {
			return err
		}
		code = fmt.Sprintf("%06d", n)
		if err := f.text(ctx, e, code); err != nil {
			return err
		}
	}
	response := e.response()
	response["publicChallengeParameters"] = map[string]string{"medium": "SMS"}
	response["privateChallengeParameters"] = map[string]string{"answer": code}
	response["challengeMetadata"] = "CODE-" + code
	return nil
}

func (f tutorial) text(ctx context.Context, e event, code string) error {
	if e.request()["userNotFound"] == true {
		return nil
	}
	to, err := phone.Parse(e.attribute("phone_number"))
	if err != nil {
		return errors.New("The user has no number.")
	}
	_, err = f.phones.Send(ctx, sms.Message{ID: uuid.NewString(), To: to, Body: code + " is your code."})
	return err
}

// runner is what answers an event, or throws.
type runner func(ctx context.Context, event []byte) ([]byte, error)

// asWebhook serves the functions as a webhook's handler does that checks who calls.
func asWebhook(tb testing.TB, run runner) http.Handler {
	checks, err := standardwebhooks.NewWebhook(webhookSecret)
	if err != nil {
		tb.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if err := checks.Verify(body, r.Header); err != nil {
			tb.Errorf("a webhook is called with a wrong signature: %v", err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer, err := run(r.Context(), body)
		if code, ok := errors.AsType[status](err); ok {
			w.WriteHeader(int(code))
			return
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			answer = thrown(err)
		}
		w.Write(answer)
	})
}

// status is an answer of a webhook that is nothing more.
type status int

func (s status) Error() string { return http.StatusText(int(s)) }

// asLambda serves the functions behind the Invoke API.
func asLambda(run runner) lambdatest.Function {
	return func(_ string, event []byte) ([]byte, string) {
		answer, err := run(context.Background(), event)
		if err != nil {
			return thrown(err), "Unhandled"
		}
		return answer, ""
	}
}

// thrown is how runtimes report that a function threw.
func thrown(err error) []byte {
	said, _ := json.Marshal(map[string]string{"errorMessage": err.Error(), "errorType": "Error"})
	return said
}
