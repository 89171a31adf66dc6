package cognito

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// access says who may call an operation.
type access uint8

const (
	public      access = iota // anybody; named by an app client
	accessToken               // whoever has the AccessToken in the body
	admin                     // who signs with SigV4
)

// operation is a row of the table. It is served, or refused with a sentence.
type operation struct {
	name    string
	who     access
	refusal string // why it is not served
	class   web.Class
	serve   func(ctx context.Context, c userpool.Caller, may permission, body []byte) ([]byte, error)
}

// noBody is the output of the operations for which the service model has none:
// they answer with zero bytes. Every other one answers at least {}.
type noBody struct{}

// request is a request type: it knows the shape rules of its members.
type request[T any] interface {
	*T
	validate(v *violations)
}

// op makes a row: read, check the pool, check the shape, call, write. It is all
// that stands between a table row and its function.
func op[In any, P request[In], Out any](name string, who access, fn func(context.Context, userpool.Caller, P) (*Out, error)) operation {
	shape := shapeOf(reflect.TypeFor[In]())
	serve := func(ctx context.Context, c userpool.Caller, may permission, body []byte) ([]byte, error) {
		in := P(new(In))
		if err := decode(body, shape, in); err != nil {
			return nil, err
		}
		if err := may.check(in); err != nil {
			return nil, err
		}
		var v violations
		in.validate(&v)
		if err := v.err(); err != nil {
			return nil, err
		}
		noteRequest(ctx, in)
		c.Told = takeTold(in)
		c.Device = deviceOf(in, c.Told)
		out, err := fn(ctx, c, in)
		noteSubject(web.EventOf(ctx), in, err)
		if err != nil {
			return nil, err
		}
		return encode(out)
	}
	return operation{name: name, who: who, serve: serve, class: web.Manage}
}

// as gives the row another class than that of administration.
func (o operation) as(c web.Class) operation {
	o.class = c
	return o
}

// refused makes a row for an operation that exists in the service and not here.
func refused(name string, who access, why string) operation {
	return operation{name: name, who: who, refusal: why, class: web.Manage}
}

func notServed(o operation) error {
	return fault.New(fault.UnsupportedOperation, "%s is not served here: %s", o.name, o.refusal)
}

var written = json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true))

func encode(out any) ([]byte, error) {
	if _, ok := out.(*noBody); ok {
		return nil, nil
	}
	if out, ok := out.(plainAnswer); ok {
		if body, ok := out.appendPlain(nil); ok {
			return body, nil
		}
	}
	body, err := json.Marshal(out, written)
	if err != nil {
		return nil, fmt.Errorf("write answer: %w", err)
	}
	return body, nil
}

// index makes the look-up by name and refuses a table that is not sound.
func index(table []operation) (map[string]operation, error) {
	ops := make(map[string]operation, len(table))
	for i, o := range table {
		if i > 0 && table[i-1].name >= o.name {
			return nil, fmt.Errorf("operations: %q is a duplicate or out of order", o.name)
		}
		if (o.serve == nil) == (o.refusal == "") {
			return nil, fmt.Errorf("operations: %q must be either served or refused with a reason", o.name)
		}
		ops[o.name] = o
	}
	return ops, nil
}

// noteSubject puts the pool and the client that a request names into the log's
// event, unless they turned out not to exist: those are a stranger's text.
func noteSubject(event *web.Event, in any, err error) {
	if fault.Is(err, fault.ResourceNotFound) || fault.Is(err, fault.Unauthorized) {
		return
	}
	v := reflect.ValueOf(in).Elem()
	event.Pool = identifier(v, "UserPoolId")
	event.Client = identifier(v, "ClientId")
}

// noteInsight puts what the domain has seen of the call into the log's event.
func noteInsight(ctx context.Context, event *web.Event) {
	seen := userpool.InsightInto(ctx)
	event.Store, event.Repeat = seen.Store, seen.Repeat
	event.Reason = seen.Reason
	if event.Pool == "" {
		event.Pool = string(seen.Pool)
	}
}

// identifier is the text of a member of that name. One without a letter is none
// of ours, and may be a phone number in the wrong place.
func identifier(v reflect.Value, name string) string {
	s := member(v, name)
	if !strings.ContainsFunc(value(s), unicode.IsLetter) {
		return ""
	}
	return *s
}

// invocationHeader is amz-sdk-invocation-id, in which SDKs put a UUID.
const invocationHeader = "Amz-Sdk-Invocation-Id"

// invocation is what stands there.
var invocation = whole(`[0-9A-Za-z-]+`)

func isInvocation(id string) bool {
	return len(id) >= 16 && len(id) <= 64 && invocation.matches(id)
}

// callerOf says who sends the request, and what a repeat of it would share.
func callerOf(r *http.Request, event *web.Event, name string, body []byte) userpool.Caller {
	c := userpool.Caller{Address: event.Remote}
	if id := r.Header.Get(invocationHeader); isInvocation(id) {
		c.Invocation = id
	}
	c.Body = func() string {
		sum := sha256.New()
		sum.Write([]byte(name))
		sum.Write([]byte{0})
		sum.Write(body)
		return hex.EncodeToString(sum.Sum(nil))
	}
	return c
}

// value is an optional member, its zero value if it is absent.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
