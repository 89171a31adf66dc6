// Package hook posts messages to a webhook: one POST of JSON a message, signed
// by the Standard Webhooks convention, and what may be concluded from the
// answer. What the JSON says is its users' business, repeating a try the
// outbox's.
package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/bellhop-auth/bellhop/internal/brief"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	timeout     = 5 * time.Second // for one try, connecting and answering included
	maxAnswer   = 16 << 10        // read of an answer, so that its connection is used again
	maxHeader   = 64 << 10
	idleOfAHost = 64 // connections kept for the next messages
)

// Config configures a Poster.
type Config struct {
	URL       string            // http or https; may hold user:password@, which is never shown
	Secret    string            // whsec_ and base64, or base64 alone; empty posts unsigned
	Transport http.RoundTripper // nil takes one of our own; tests give theirs
}

// Poster posts to one URL. Its errors hold nothing of what is posted and
// nothing of the URL. It is safe for concurrent use.
type Poster struct {
	url    string
	signer *Signer
	client *http.Client
}

// New returns a Poster for cfg, or an error that names what is wrong with it
// without repeating it.
func New(cfg Config) (*Poster, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	signer, err := NewSigner(cfg.Secret)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport()
	}
	return &Poster{url: cfg.URL, signer: signer, client: NewClient(transport, timeout)}, nil
}

func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = brief.Dial(t.DialContext)
	t.MaxIdleConnsPerHost = idleOfAHost
	t.MaxResponseHeaderBytes = maxHeader
	return t
}

// Post posts a payload, whose JSON is the body, under the message's id. An
// answer of 2xx is acceptance; 4xx except 408 and 429 says that nothing was
// sent; without one Do says what is known; everything else leaves it open. Its errors
// are *sms.SendError.
func (p *Poster) Post(ctx context.Context, id string, payload any) error {
	req, err := p.request(ctx, id, payload)
	if err != nil {
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	}
	res, failed := Do(p.client, req)
	if failed != nil {
		return &sms.SendError{Outcome: failed.Outcome, Extent: failed.Extent, Cause: fmt.Errorf("webhook: %w", failed.Cause)}
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // the status has decided already
	return judge(res.StatusCode)
}

// Probe connects to the webhook's host, by TLS where the URL says so, and posts
// nothing. Where posts go by a proxy it connects to that. Its errors hold nothing of
// the URL.
func (p *Poster) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	target, err := url.Parse(p.url)
	if err != nil {
		return errors.New("webhook: the URL cannot be parsed")
	}
	transport, _ := p.client.Transport.(*http.Transport)
	if err := Reach(ctx, target, transport); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

func (p *Poster) request(ctx context.Context, id string, payload any) (*http.Request, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, errors.New("webhook: the message cannot be encoded")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("webhook: the request cannot be made")
	}
	// net/http sends a request with an Idempotency-Key a second time by itself
	// where it can have the body again; but one Post is one post.
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	req.Header.Set("User-Agent", "bellhop")
	if err := p.signer.Sign(req.Header, id, time.Now(), body); err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	return req, nil
}

// judge turns a status into the contract's outcome; nil is acceptance.
func judge(status int) error {
	cause := fmt.Errorf("webhook: answered with status %d", status)
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return &sms.SendError{Outcome: sms.MaybeSent, Cause: cause}
	case status >= 400 && status <= 499:
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: cause}
	default:
		return &sms.SendError{Outcome: sms.MaybeSent, Cause: cause}
	}
}
