package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// Triggers are a pool's LambdaConfig: which function each trigger calls.
type Triggers struct {
	Functions map[trigger.Name]string `json:"functions,omitempty"` // ARNs
	// TokenVersion is the version of PreTokenGeneration's events: V1_0, V2_0, V3_0.
	TokenVersion string `json:"token_version,omitempty"`
	KMSKey       string `json:"kms_key,omitempty"` // of codes for custom senders
}

// has says whether the trigger is set.
func (t Triggers) has(name trigger.Name) bool { return t.Functions[name] != "" }

// customAuth are the triggers that decide a CUSTOM_AUTH sign-in.
var customAuth = []trigger.Name{trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallenge}

// decidesCustomAuth says whether a function of the pool's own has a part in its
// CUSTOM_AUTH sign-ins; where none has, the built-in texted code is all of them.
func (t Triggers) decidesCustomAuth() bool {
	return slices.ContainsFunc(customAuth, func(name trigger.Name) bool {
		return t.has(name) && !trigger.IsBuiltIn(t.Functions[name])
	})
}

// check says what no pool can be set to.
func (t Triggers) check(encrypts bool) error {
	for name, arn := range t.Functions {
		if trigger.IsBuiltIn(arn) && !slices.Contains(customAuth, name) {
			return fault.New(fault.InvalidParameter, "LambdaConfig: %s is for %s alone, not for %s.", trigger.TextedCode, joinNames(customAuth), name)
		}
	}
	create, verify := t.Functions[trigger.CreateAuthChallenge], t.Functions[trigger.VerifyAuthChallenge]
	if trigger.IsBuiltIn(create) != trigger.IsBuiltIn(verify) {
		return fault.New(fault.InvalidParameter, "LambdaConfig: CreateAuthChallenge and VerifyAuthChallengeResponse must both be %s or neither, since only who makes a code can check it.", trigger.TextedCode)
	}
	if !t.has(trigger.CustomSMSSender) && !t.has(trigger.CustomEmailSender) {
		return nil
	}
	switch {
	case t.KMSKey == "":
		return fault.New(fault.InvalidParameter, "LambdaConfig: a custom sender needs KMSKeyID, the key that its codes are encrypted under.")
	case !encrypts:
		return fault.New(fault.InvalidParameter, "LambdaConfig: this server has no KMS to encrypt a custom sender's codes with, and hands over none in the clear. Its triggers file names one under kms.")
	}
	return nil
}

func joinNames(names []trigger.Name) string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}

// The bounds of a trigger's call (developer guide, Customizing user pool
// workflows: five seconds, and up to three tries where the function gave no
// answer). A request as a whole waits no longer than triggersWithin, which is less
// than a server takes to write its answer.
const (
	triggerTimeout = 5 * time.Second
	triggerTries   = 3
	triggerPause   = 100 * time.Millisecond // before the second try, twice that before the third
	triggersWithin = 25 * time.Second
	maxInFlight    = 200  // calls of one function at once
	maxFunctionSay = 1000 // characters of a function's own error text
)

// noTriggers calls nobody.
type noTriggers struct{}

func (noTriggers) Invoke(context.Context, string, []byte) ([]byte, error) {
	return nil, &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: errors.New("the server has no triggers file")}
}

// inFlight bounds how many calls of one function are under way, so that one that
// hangs holds up its own callers alone.
type inFlight struct {
	mu    sync.Mutex // guards calls
	calls map[string]int
}

func (f *inFlight) enter(arn string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls[arn] >= maxInFlight {
		return false
	}
	if f.calls == nil {
		f.calls = make(map[string]int)
	}
	f.calls[arn]++
	return true
}

func (f *inFlight) leave(arn string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls[arn]--; f.calls[arn] == 0 {
		delete(f.calls, arn)
	}
}

// occasion is what sets a trigger off: where, and of whom the event speaks.
type occasion struct {
	pool     Pool
	client   ClientID // "" where an administrator's call names none
	userName string
}

// ask calls the pool's trigger of the source and returns its response: sent, with
// what the function filled in. It must not be called in a transaction. Its errors
// are worded as Cognito's.
func ask[Q, A any](ctx context.Context, s *Service, o occasion, source trigger.Source, request Q, sent A) (A, error) {
	if err := settle(ctx, s.store); err != nil {
		return sent, err
	}
	name := source.Trigger()
	arn := o.pool.Settings.Triggers.Functions[name]
	event, err := eventOf(o, source, request, sent)
	if err != nil {
		return sent, err
	}
	answer, err := s.call(ctx, o.pool.ID, name, arn, event)
	filled := sent
	if err == nil {
		filled, err = trigger.Read(answer, sent)
	}
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return sent, ctx.Err() // nobody waits any more
		}
		s.log.WarnContext(ctx, "trigger failed", "pool", o.pool.ID, "trigger", name, "function", arn, "error", forLog(err))
		return sent, TriggerFault(name, arn, err)
	}
	return filled, nil
}

// eventOf is the event as a function gets it.
func eventOf[Q, A any](o occasion, source trigger.Source, request Q, sent A) ([]byte, error) {
	region, _, _ := strings.Cut(string(o.pool.ID), "_")
	event, err := json.Marshal(trigger.Event[Q, A]{
		Version: o.version(source.Trigger()), TriggerSource: source, Region: region,
		UserPoolID: string(o.pool.ID), UserName: o.userName,
		CallerContext: trigger.CallerContext{
			AWSSDKVersion: trigger.UnknownSDK, ClientID: orElse(string(o.client), trigger.NoClient),
		},
		Request: request, Response: sent,
	})
	if err != nil {
		return nil, fmt.Errorf("event of %s: %w", source, err)
	}
	return event, nil
}

// version is that of the event: "1", but for tokens.
func (o occasion) version(name trigger.Name) string {
	if v := o.pool.Settings.Triggers.TokenVersion; name == trigger.PreTokenGeneration && v != "" {
		return strings.TrimSuffix(strings.TrimPrefix(v, "V"), "_0")
	}
	return "1"
}

// forLog is the error without what a function says to whoever signs in, which may
// name him.
func forLog(err error) slog.Value {
	if failed, ok := errors.AsType[*trigger.FunctionError](err); ok {
		return slog.StringValue("the function failed: " + orElse(clip(failed.Type), "it gave no errorType"))
	}
	return slog.StringValue(err.Error())
}

// unusable is the fault of a function whose answer is well formed and makes no sense.
func (s *Service) unusable(ctx context.Context, p Pool, name trigger.Name, why string) error {
	arn := p.Settings.Triggers.Functions[name]
	s.log.WarnContext(ctx, "trigger failed", "pool", p.ID, "trigger", name, "function", arn, "error", why)
	return TriggerFault(name, arn, fmt.Errorf("%w: %s", trigger.ErrUnrecognizable, why))
}

// TriggerFault words what became of a trigger's call as Cognito does.
func TriggerFault(name trigger.Name, arn string, err error) *fault.Error {
	if failed, ok := errors.AsType[*trigger.FunctionError](err); ok {
		say := []rune(failed.Message)
		return fault.New(fault.UserLambdaValidation, "%s failed with error %s.", name, string(say[:min(len(say), maxFunctionSay)]))
	}
	failed, ok := errors.AsType[*trigger.InvokeError](err)
	switch {
	case errors.Is(err, trigger.ErrUnrecognizable), ok && failed.Fault == trigger.Unreadable:
		return fault.Wrap(fault.InvalidLambdaResponse, err, "Unrecognizable lambda output")
	case ok && failed.Fault == trigger.Misconfigured:
		return fault.Wrap(fault.UnexpectedLambda, err, "%s invocation failed due to configuration.", arn)
	case ok && failed.Fault == trigger.TimedOut:
		return fault.Wrap(fault.UnexpectedLambda, err, "%s failed with error Socket timeout while invoking Lambda function.", arn)
	case ok && failed.Fault == trigger.Throttled:
		return fault.Wrap(fault.UnexpectedLambda, err, "%s failed with error Rate Exceeded.", arn)
	}
	return fault.Wrap(fault.UnexpectedLambda, err, "%s failed with error Service unavailable.", arn)
}

// call calls a function, again where it gave no answer that it can be held to.
// Meanwhile the request stands aside: it holds nothing that others wait for.
func (s *Service) call(ctx context.Context, pool PoolID, name trigger.Name, arn string, event []byte) ([]byte, error) {
	if !s.calls.enter(arn) {
		return nil, &trigger.InvokeError{Fault: trigger.Throttled, Cause: fmt.Errorf("%d calls of the function are under way", maxInFlight)}
	}
	defer s.calls.leave(arn)
	defer s.aside(ctx)()
	return CallFunction(ctx, s.triggers, arn, event, func(ctx context.Context, attempt int) (context.Context, func(error)) {
		// As on Lambda a function that was begun goes on to its end, though nobody waits
		// for it any more: else whoever hangs up kills its process.
		ctx, cancel := lasting(ctx)
		ctx, end := s.calling(ctx, TriggerCall{Pool: pool, Trigger: name, Attempt: attempt})
		return ctx, func(err error) { end(err); cancel() }
	})
}

// calling tells the observers of a try, and returns what tells them of its end.
func (s *Service) calling(ctx context.Context, c TriggerCall) (context.Context, func(error)) {
	ends := make([]func(string), len(s.observers))
	for i, o := range s.observers {
		ctx, ends[i] = o.Calling(ctx, c)
	}
	return ctx, func(err error) {
		for _, end := range slices.Backward(ends) {
			end(triggerOutcome(err))
		}
	}
}

// CallFunction calls a function as that of a trigger is called: in time, and again
// where it gave no answer that it can be held to. Its tries have one id. Each is
// told to try, which returns the context for it and is told how it ended.
func CallFunction(ctx context.Context, functions trigger.Invoker, arn string, event []byte, try func(ctx context.Context, attempt int) (context.Context, func(error))) ([]byte, error) {
	ctx = trigger.WithInvocation(ctx, newID())
	for attempt := 1; ; attempt++ {
		tried, end := try(ctx, attempt)
		answer, err := tryFunction(tried, functions, arn, event)
		end(err)
		failed, ok := errors.AsType[*trigger.InvokeError](err)
		if !ok || !failed.MayPass() || attempt == triggerTries || ctx.Err() != nil {
			return answer, err
		}
		if failed.Fault != trigger.TimedOut {
			pause(ctx, triggerPause<<(attempt-1))
		}
	}
}

func tryFunction(ctx context.Context, functions trigger.Invoker, arn string, event []byte) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, triggerTimeout)
	defer cancel()
	answer, err := functions.Invoke(limited, arn, event)
	switch {
	case err == nil && len(answer) > trigger.MaxAnswer:
		return nil, &trigger.InvokeError{Fault: trigger.Unreadable, Cause: errors.New("the answer is too long")}
	case err != nil && errors.Is(limited.Err(), context.DeadlineExceeded):
		return nil, &trigger.InvokeError{Fault: trigger.TimedOut, Cause: errors.New("no answer in time")}
	}
	return answer, err
}

func triggerOutcome(err error) string {
	if err == nil {
		return TriggerAnswered
	}
	if _, ok := errors.AsType[*trigger.FunctionError](err); ok {
		return TriggerFailed
	}
	if failed, ok := errors.AsType[*trigger.InvokeError](err); ok {
		return failed.Fault.String()
	}
	return trigger.Unreachable.String()
}

// patient is a context for a request that waits for triggers. It has their time
// instead of the request's own, and ends as before when the client is gone.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Value(patientKey{}) != nil {
		return ctx, func() {}
	}
	long := context.WithValue(context.WithoutCancel(ctx), patientKey{}, true)
	long, cancel := context.WithTimeout(long, triggersWithin)
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return long, func() { stop(); cancel() }
}

type patientKey struct{}

// patient is the context of a request to the pool, which waits for triggers if the
// pool has any.
func (p Pool) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if len(p.Settings.Triggers.Functions) == 0 {
		return ctx, func() {}
	}
	return patient(ctx)
}

// eventAttributes are the user's as events have them: with sub and status, and in
// pools with aliases the verified ones once more by Cognito's names for them.
func (u User) eventAttributes(p Pool) trigger.Attributes {
	attrs := trigger.Attributes{AttrSub: string(u.ID), "cognito:user_status": string(u.Status)}
	maps.Copy(attrs, u.Attributes)
	for _, alias := range []struct{ attr, as string }{{AttrEmail, "cognito:email_alias"}, {AttrPhone, "cognito:phone_number_alias"}} {
		if c := u.contact(alias.attr); p.Settings.aliases(alias.attr) && !c.IsZero() && slices.Contains(u.Names, p.Settings.nameOfContact(c)) {
			attrs[alias.as] = c.Text()
		}
	}
	return attrs
}

// asUser is the sign-up as events show it: a user who is not confirmed.
func (r Registration) asUser(p Pool) User {
	u := User{
		PoolID: r.PoolID, ID: r.Sub, Username: p.Settings.username(r), Status: StatusUnconfirmed, Enabled: true,
		Attributes: maps.Clone(r.Attributes), CreatedAt: r.CreatedAt, ModifiedAt: r.CreatedAt,
	}
	if u.Attributes == nil {
		u.Attributes = map[string]string{}
	}
	for _, attr := range contactAttributes {
		if c := u.contact(attr); !c.IsZero() && u.Attributes[c.verified()] == "" {
			u.Attributes[c.verified()] = "false"
		}
	}
	return u
}
