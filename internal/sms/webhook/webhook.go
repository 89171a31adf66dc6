// Package webhook hands texts to an HTTP service of the operator's own: one
// POST a try, with the message's id as Idempotency-Key, signed by the Standard
// Webhooks convention (https://www.standardwebhooks.com) where a secret is set.
// Repeating a try is the outbox's business.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	timeout     = 5 * time.Second // for one try, connecting and answering included
	maxAnswer   = 16 << 10        // read of an answer, so that its connection is used again
	maxHeader   = 64 << 10
	idleOfAHost = 64 // connections kept for the next texts
)

// Config configures a Sender.
type Config struct {
	URL       string            // http or https; may hold user:password@, which is never shown
	Secret    string            // whsec_ and base64, or base64 alone; empty sends unsigned
	Transport http.RoundTripper // nil takes one of our own; tests give theirs
}

// Sender posts messages to one URL. Its errors hold no body, no number and
// nothing of the URL.
type Sender struct {
	url    string
	signer *standardwebhooks.Webhook // nil sends unsigned
	client *http.Client
}

// New returns a Sender for cfg, or an error that names what is wrong with it
// without repeating it.
func New(cfg Config) (*Sender, error) {
	if err := checkURL(cfg.URL); err != nil {
		return nil, err
	}
	signer, err := newSigner(cfg.Secret)
	if err != nil {
		return nil, err
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport()
	}
	return &Sender{url: cfg.URL, signer: signer, client: &http.Client{
		Transport: transport,
		Timeout:   timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a code is not carried to an address nobody configured
		},
	}}, nil
}

func checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("webhook: the URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("webhook: the URL must start with http:// or https://")
	case u.Hostname() == "":
		return errors.New("webhook: the URL names no host")
	}
	return nil
}

func newSigner(secret string) (*standardwebhooks.Webhook, error) {
	if secret == "" {
		return nil, nil
	}
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("webhook: the secret is not whsec_ followed by base64")
	}
	return signer, nil
}

func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = idleOfAHost
	t.MaxResponseHeaderBytes = maxHeader
	return t
}

// payload is the body of the POST, an outside interface: fields may be added,
// never changed.
type payload struct {
	ID        string `json:"id"`
	To        string `json:"to"`
	Body      string `json:"body"`
	Purpose   string `json:"purpose"`
	Pool      string `json:"pool"`
	Client    string `json:"client"`
	ExpiresAt string `json:"expires_at"` // Unix seconds
}

// Send implements sms.Sender. An answer of 2xx is acceptance; 4xx except 408
// and 429 says that nothing was sent; everything else leaves it open.
func (s *Sender) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	req, err := s.request(ctx, m)
	if err != nil {
		return sms.Receipt{}, &sms.SendError{Outcome: sms.SurelyNotSent, Cause: err}
	}
	res, err := s.client.Do(req)
	if err != nil {
		return sms.Receipt{}, &sms.SendError{Outcome: sms.MaybeSent, Cause: describe(err)}
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // the status has decided already
	return sms.Receipt{}, judge(res.StatusCode)
}

func (s *Sender) request(ctx context.Context, m sms.Message) (*http.Request, error) {
	body, err := json.Marshal(payload{
		ID: m.ID, To: m.To.E164(), Body: m.Body, Purpose: m.Purpose, Pool: m.PoolID, Client: m.ClientID,
		ExpiresAt: strconv.FormatInt(m.ExpiresAt.Unix(), 10),
	})
	if err != nil {
		return nil, errors.New("webhook: the message cannot be encoded")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("webhook: the request cannot be made")
	}
	// net/http sends a request with an Idempotency-Key a second time by itself
	// where it can have the body again; but one Send is one post.
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", m.ID)
	req.Header.Set("User-Agent", "bellhop")
	return req, s.sign(req, m.ID, time.Now(), body)
}

func (s *Sender) sign(req *http.Request, id string, now time.Time, body []byte) error {
	if s.signer == nil {
		return nil
	}
	signature, err := s.signer.Sign(id, now, body)
	if err != nil {
		return errors.New("webhook: the message cannot be signed")
	}
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
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
