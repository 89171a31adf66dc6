// Package webhook calls triggers over HTTPS: one POST of the event a try, signed by
// the Standard Webhooks convention (https://www.standardwebhooks.com). What comes
// back with 2xx is the function's answer. A handler throws by an answer of 4xx or
// 5xx whose body is {"errorMessage": "…"}. Trying again is the caller's business.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/netcause"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

const (
	timeout     = 5 * time.Second // for one call, where its context has no earlier end
	connections = 256             // to the host, at once
	maxFailure  = 64 << 10        // read of an answer that is none
)

// Config configures an Invoker.
type Config struct {
	URL          string // https; may hold user:password@, which is never shown
	Secret       string // whsec_ and base64
	AllowPrivate bool   // also hosts of private addresses, http, and by way of a proxy
}

// Invoker posts to one URL, whatever the function's name. Its errors hold nothing
// of what is posted and nothing of the URL. It is safe for concurrent use.
type Invoker struct {
	url       *url.URL
	signer    *hook.Signer
	transport *http.Transport
	client    *http.Client
}

// New returns an Invoker for cfg, or an error that names what is wrong with it
// without repeating it.
func New(cfg Config) (*Invoker, error) {
	target, err := hook.Target(cfg.URL, cfg.AllowPrivate)
	if err != nil {
		return nil, err
	}
	signer, err := hook.NewSigner(cfg.Secret)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, errors.New("there is no secret to sign with")
	}
	transport := hook.TargetTransport(cfg.AllowPrivate, connections)
	return &Invoker{url: target, signer: signer, transport: transport, client: hook.NewClient(transport, timeout)}, nil
}

// Invoke implements trigger.Invoker. The id of trigger.WithInvocation is the
// message's; without one each call has a new id.
func (i *Invoker) Invoke(ctx context.Context, _ string, event []byte) ([]byte, error) {
	req, err := i.request(ctx, event)
	if err != nil {
		return nil, &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: err}
	}
	res, err := i.client.Do(req)
	if err != nil {
		return nil, faultOf(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, refusal(res)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, trigger.MaxAnswer+1))
	switch {
	case len(answer) > trigger.MaxAnswer:
		return nil, &trigger.InvokeError{Fault: trigger.Unreadable, Cause: errors.New("the webhook's answer is longer than 6 MB")}
	case err != nil:
		return nil, faultOf(ctx, err)
	}
	return answer, nil
}

func (i *Invoker) request(ctx context.Context, event []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.url.String(), bytes.NewReader(event))
	if err != nil {
		return nil, errors.New("the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "bellhop")
	id := trigger.Invocation(ctx)
	if id == "" {
		id = uuid.NewString()
	}
	return req, i.signer.Sign(req.Header, id, time.Now(), event)
}

// refusal is what an answer other than 2xx comes to.
func refusal(res *http.Response) error {
	if res.StatusCode >= 400 && res.StatusCode != http.StatusTooManyRequests {
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxFailure))
		if failed, ok := trigger.ReadFailure(body); ok {
			return failed
		}
	}
	cause := fmt.Errorf("the webhook answered with status %d", res.StatusCode)
	switch status := res.StatusCode; {
	case status == http.StatusTooManyRequests:
		return &trigger.InvokeError{Fault: trigger.Throttled, Cause: cause}
	case status >= 500, status == http.StatusRequestTimeout:
		return &trigger.InvokeError{Fault: trigger.Unreachable, Cause: cause}
	case status < 400:
		cause = fmt.Errorf("%w, and no redirect is followed", cause)
	}
	return &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: cause}
}

// faultOf is what it comes to that there is no answer.
func faultOf(ctx context.Context, err error) error {
	cause := netcause.Of(err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, hook.ErrPrivate):
		return &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: fmt.Errorf("the webhook's host has a %w", hook.ErrPrivate)}
	case ctx.Err() != nil, errors.Is(cause, netcause.ErrTimedOut):
		return &trigger.InvokeError{Fault: trigger.TimedOut, Cause: errors.New("no answer of the webhook in time")}
	case errors.Is(cause, netcause.ErrCertificate):
		return &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: cause}
	}
	return &trigger.InvokeError{Fault: trigger.Unreachable, Cause: cause}
}

// Probe connects to the webhook's host and posts nothing.
func (i *Invoker) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return hook.Reach(ctx, i.url, i.transport)
}
