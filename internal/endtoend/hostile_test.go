package endtoend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// mischief is what a function does to whoever is called so: the trigger, what it
// does, and for "set" what it fills in. want and logged are what comes of it where
// the function is local, and where it is a webhook; "" is for what there is not.
type mischief struct {
	name                    string
	local, hook             string
	localLogged, hookLogged string
	calls                   int // of the webhook
}

const (
	unrecognizable = "InvalidLambdaResponseException: Unrecognizable lambda output"
	noObject       = "it is no JSON object"
	noResponse     = "it has no response"
	wrongType      = "its response has a member of the wrong type"
	unexpected     = "UnexpectedLambdaException: ARN "
	failedDefine   = "UserLambdaValidationException: DefineAuthChallenge failed with error "
)

// alike is a mischief that comes to the same wherever the function runs.
func alike(name, want, logged string) mischief {
	return mischief{name, want, want, logged, logged, 1}
}

var mischiefs = []mischief{
	alike("DefineAuthChallenge throw", failedDefine+"Come back tomorrow.", "the function failed: Error"),
	{
		"DefineAuthChallenge crash",
		failedDefine + "RequestId: ID Error: Runtime exited with error: exit status 1.", unexpected + "failed with error Service unavailable.",
		"the function failed: Runtime.ExitError", "unreachable: ", 3,
	},
	alike("DefineAuthChallenge garbage", unrecognizable, noObject),
	{"DefineAuthChallenge nothing", unrecognizable, unrecognizable, noResponse, noObject, 1},
	{
		"DefineAuthChallenge huge",
		failedDefine + "Response payload size exceeded maximum allowed payload size (6291556 bytes)..", unrecognizable,
		"the function failed: Function.ResponseSizeTooLarge", "unreadable: ", 1,
	},
	{"DefineAuthChallenge elsewhere", "", unexpected + "invocation failed due to configuration.", "", "misconfigured: ", 1},
	{"DefineAuthChallenge busy", "", unexpected + "failed with error Rate Exceeded.", "", "throttled: ", 3},
	alike(`DefineAuthChallenge set {"issueTokens":"yes"}`, unrecognizable, wrongType),
	alike(`DefineAuthChallenge set {"challengeName":7}`, unrecognizable, wrongType),
	alike(`DefineAuthChallenge set {}`, unrecognizable, "it names no challenge, and neither issues tokens nor fails"),
	alike(`DefineAuthChallenge set {"challengeName":"DANCE"}`, unrecognizable, "it asks for DANCE, which cannot come next here"),
	alike(`DefineAuthChallenge set {"issueTokens":true,"failAuthentication":true}`, wrongCredentials, ""),
	alike(`CreateAuthChallenge set {"privateChallengeParameters":{"answer":{}}}`, unrecognizable, wrongType),
	alike(`CreateAuthChallenge set {"publicChallengeParameters":"all"}`, unrecognizable, wrongType),
	{"CreateAuthChallenge nothing", unrecognizable, unrecognizable, noResponse, noObject, 1},
	alike(`VerifyAuthChallengeResponse set {"answerCorrect":"true"}`, unrecognizable, wrongType),
	alike(`VerifyAuthChallengeResponse set {"answerCorrect":1}`, unrecognizable, wrongType),
	alike("VerifyAuthChallengeResponse throw", "UserLambdaValidationException: VerifyAuthChallengeResponse failed with error Come back tomorrow.", "the function failed: Error"),
}

// hangs is the one that takes its time: three tries of five seconds.
var hangs = mischief{
	"DefineAuthChallenge hang",
	unexpected + "failed with error Socket timeout while invoking Lambda function.", unexpected + "failed with error Socket timeout while invoking Lambda function.",
	"timed out: ", "timed out: ", 3,
}

// TestHostile_WhatFunctionsDo_ComesToWhatItDoesOnCognito has functions of both
// sorts misbehave, while others hang, and is done when those have been given up.
func TestHostile_WhatFunctionsDo_ComesToWhatItDoesOnCognito(t *testing.T) {
	t.Parallel()
	s, rogue := newHostileStage(t)
	local, hook := s.rogues(t, "rogue"), s.rogues(t, "hook")
	given := []func(){
		local.alone(t).awaits(hangs.name, hangs.local, hangs.localLogged),
		hook.alone(t).awaits(hangs.name, hangs.hook, hangs.hookLogged),
	}
	t.Run("all", func(t *testing.T) {
		suffer := func(kind string, in *play, name, want, logged string, calls int) {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				in.alone(t).suffer(name, want, logged)
				if n := rogue.calls(name); kind == "webhook" && n != calls {
					t.Errorf("%d calls, want %d", n, calls)
				}
			})
		}
		for _, m := range mischiefs {
			if m.local != "" {
				suffer("local", local, m.name, m.local, m.localLogged, 0)
			}
			suffer("webhook", hook, m.name, m.hook, m.hookLogged, m.calls)
		}
		suffer("hasty", s.rogues(t, "hasty"), "DefineAuthChallenge spin",
			failedDefine+"TIME ID Task timed out after 1.00 seconds.", "the function failed: Sandbox.Timedout", 0)
		suffer("no function", s.rogues(t, "nobody"), "",
			unexpected+"invocation failed due to configuration.", "misconfigured: no entry of the triggers file matches ARN", 0)
	})
	for _, up := range given {
		up()
	}
	if n := rogue.calls(hangs.name); n != hangs.calls {
		t.Errorf("a function that hangs was called %d times, want %d", n, hangs.calls)
	}
	for _, p := range []*play{local, hook} {
		p := p.alone(t)
		somebody := p.member()
		p.answer(p.begin(somebody), somebody, "open")
		if want := []string{asked, in}; !slices.Equal(p.said, want) {
			t.Errorf("after all that somebody's sign-in comes to %q", p.said)
		}
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, "Come back tomorrow") && !strings.Contains(line, `"msg":"the function printed"`) {
			t.Errorf("the log has what a function says to whoever signs in: %s", line)
		}
	}
}

// TestHostile_AskingForEver has a function that never ends a sign-in.
func TestHostile_AskingForEver_Ends(t *testing.T) {
	t.Parallel()
	s, _ := newHostileStage(t)
	p := s.rogues(t, "hook").alone(t)
	const name = `DefineAuthChallenge set {"challengeName":"CUSTOM_CHALLENGE"}`
	for _, c := range []struct {
		guess string
		most  int
	}{{"shut", 10}, {"open", 25}} {
		number := p.memberCalled(name)
		to, rounds := p.begin(number), 0
		for to.challenge != "" && rounds < 100 {
			to = p.answer(to, number, c.guess)
			rounds++
		}
		if to.String() != wrongCredentials || rounds != c.most {
			t.Errorf("after %d answers it is %v", rounds, to)
		}
	}
	if !s.log.await(p.ctx, func(log string) bool {
		return strings.Count(log, "a sign-in was ended that its DefineAuthChallenge goes on with") == 2
	}) {
		t.Errorf("the log does not say so:\n%s", s.log)
	}
}

// TestHostile_TokensForEverybody has a function that lets everybody in at once.
func TestHostile_TokensForEverybody_OnlyUsersGetSome(t *testing.T) {
	t.Parallel()
	s, _ := newHostileStage(t)
	p := s.rogues(t, "generous").alone(t)
	member, disabled := p.member(), p.member()
	if _, err := p.sdk.AdminDisableUser(p.ctx, &cip.AdminDisableUserInput{UserPoolId: &p.pool, Username: &disabled}); err != nil {
		t.Fatal(err)
	}
	p.begin(member)
	p.begin(newNumber())
	p.begin(disabled)
	p.client = p.telling
	p.begin(newNumber())
	if want := []string{in, wrongCredentials, wrongCredentials, "UserNotFoundException: User does not exist."}; !slices.Equal(p.said, want) {
		t.Errorf("came to %q", p.said)
	}
}

// rogue is a webhook that does what its user is called.
type rogue struct {
	mu     sync.Mutex // guards called
	called map[string]int
}

func (h *rogue) calls(name string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.called[name]
}

func newHostileStage(t *testing.T) (*stage, *rogue) {
	t.Helper()
	h := &rogue{called: map[string]int{}}
	mux := http.NewServeMux()
	mux.Handle("/", asWebhook(t, h.run))
	mux.Handle("/generous", asWebhook(t, generous))
	hooks := httptest.NewServer(mux)
	t.Cleanup(hooks.Close)
	folder := absolute(t, "testdata/hostile")
	local := func(timeout string) string {
		return fmt.Sprintf("local: { folder: %q, handler: index.handler, processes: 4, timeout: %s }", folder, timeout)
	}
	return stageWith(t, map[string]string{
		"rogue": local("1m"), "hasty": local("1s"), "hook": hookEntry(hooks.URL),
		"generous": hookEntry(hooks.URL + "/generous"),
	}), h
}

// rogues is a pool all of whose functions are that one.
func (s *stage) rogues(t *testing.T, function string) *play {
	t.Helper()
	arn, c := named(function), &cast{clients: map[string]string{}, tellers: map[string]string{}}
	pool := s.poolOf(t, c, custom(arn, arn, arn), nil)
	return &play{stage: s, sdk: s.sdk, t: t, pool: pool, client: c.clients[pool], telling: c.tellers[pool]}
}

// alone is a play of one's own in the same pool.
func (p *play) alone(t *testing.T) *play {
	own := *p
	own.t, own.ctx, own.said = t, bounded(t, time.Minute), nil
	return &own
}

func (p *play) memberCalled(name string) string {
	p.t.Helper()
	number := p.member()
	_, err := p.sdk.AdminUpdateUserAttributes(p.ctx, &cip.AdminUpdateUserAttributesInput{
		UserPoolId: &p.pool, Username: &number, UserAttributes: []types.AttributeType{{Name: aws.String("name"), Value: &name}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return number
}

var changing = regexp.MustCompile(`(?P<ARN>arn:aws:lambda:[\w:-]+)|(?P<TIME>\d{4}-\d\d-\d\dT[\d:.]+Z)|(?P<ID>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`)

// steady is the text with names for what is another each time.
func steady(text string) string {
	return changing.ReplaceAllStringFunc(text, func(found string) string {
		for i, group := range changing.FindStringSubmatch(found) {
			if i > 0 && group != "" {
				return changing.SubexpNames()[i]
			}
		}
		return found
	})
}

// suffer has somebody of the name sign in, by the answer that is right if any is.
func (p *play) suffer(name, want, logged string) {
	p.t.Helper()
	number := p.member()
	if name != "" {
		number = p.memberCalled(name)
	}
	to := p.begin(number)
	if to.challenge != "" {
		to = p.answer(to, number, "open")
	}
	p.check(to, name, want, logged)
}

// awaits is suffer for somebody who waits meanwhile: it returns what waits for him.
func (p *play) awaits(name, want, logged string) func() {
	p.t.Helper()
	number, got := p.memberCalled(name), make(chan answered, 1)
	go func() { got <- p.initiate(map[string]string{"USERNAME": number}) }()
	return func() { p.check(<-got, name, want, logged) }
}

// check looks at what the app was told, and at what the operator is.
func (p *play) check(got answered, name, want, logged string) {
	p.t.Helper()
	if said := steady(got.String()); said != want {
		p.t.Errorf("%s comes to\n%s\nwant\n%s", name, said, want)
	}
	trigger, _, _ := strings.Cut(name, " ")
	var lines []string
	if !p.log.await(bounded(p.t, 20*time.Second), func(log string) bool {
		lines = failures(log, p.pool, trigger)
		return logged == "" || slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, logged) })
	}) {
		p.t.Errorf("the log says of %s %q, want %q", trigger, lines, logged)
	}
}

// failures are the errors that a log has of a pool's trigger, "" for any.
func failures(log, pool, trigger string) (all []string) {
	for line := range strings.Lines(log) {
		var said struct{ Msg, Pool, Trigger, Function, Error string }
		if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "trigger failed" && said.Pool == pool && (trigger == "" || said.Trigger == trigger) && said.Function != "" {
			all = append(all, steady(said.Error))
		}
	}
	return all
}

// run is a function of good will, until its user's name says otherwise.
func (h *rogue) run(ctx context.Context, raw []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	trigger, _, _ := strings.Cut(e.source(), "_")
	where, what, _ := strings.Cut(e.attribute("name"), " ")
	if trigger == where {
		h.mu.Lock()
		h.called[e.attribute("name")]++
		h.mu.Unlock()
		return misbehave(ctx, e, what)
	}
	response := e.response()
	switch trigger {
	case "DefineAuthChallenge":
		response["challengeName"] = "CUSTOM_CHALLENGE"
		for _, step := range e.request()["session"].([]any) {
			response["issueTokens"] = step.(map[string]any)["challengeResult"]
		}
	case "CreateAuthChallenge":
		response["privateChallengeParameters"] = map[string]string{"answer": "open"}
	case "VerifyAuthChallengeResponse":
		response["answerCorrect"] = e.request()["challengeAnswer"] == "open"
	}
	return json.Marshal(e)
}

func misbehave(ctx context.Context, e event, what string) ([]byte, error) {
	switch what {
	case "throw":
		return nil, errors.New("Come back tomorrow")
	case "crash":
		panic(http.ErrAbortHandler)
	case "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	case "garbage":
		return []byte("<html>"), nil
	case "nothing":
		return nil, nil
	case "elsewhere":
		return nil, status(http.StatusFound)
	case "busy":
		return nil, status(http.StatusTooManyRequests)
	case "huge":
		e["rest"] = strings.Repeat("x", 7<<20)
	}
	if text, ok := strings.CutPrefix(what, "set "); ok {
		response := e.response()
		if err := json.Unmarshal([]byte(text), &response); err != nil {
			return nil, err
		}
	}
	return json.Marshal(e)
}

// generous lets everybody in at once.
func generous(_ context.Context, raw []byte) ([]byte, error) {
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	e.response()["issueTokens"] = true
	return json.Marshal(e)
}
