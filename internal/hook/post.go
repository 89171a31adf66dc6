package hook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/netcause"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// What every post to somebody else's address has in common, also one of which more
// comes back than a status.

// CheckURL says what is wrong with an address of the web, without repeating it.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the URL must start with http:// or https://")
	case u.Hostname() == "":
		return errors.New("the URL names no host")
	}
	return nil
}

// NewClient returns a client that follows no redirect: what is posted is not
// carried to an address that nobody configured.
func NewClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: transport,
		Timeout:   timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// Do does a request once. Its error is NotYet where the request surely never left,
// since nobody could be connected to, SurelyNotSent where nobody vouches for who is
// there, and MaybeSent in all else; it holds nothing of the request.
func Do(client *http.Client, req *http.Request) (*http.Response, *sms.SendError) {
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, &sms.SendError{Outcome: sms.NotYet, Cause: netcause.Of(ctx.Err())}
	}
	var asked, got atomic.Bool // for a connection; another goroutine says so
	res, err := client.Do(req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})))
	if err == nil {
		return res, nil
	}
	failed := &sms.SendError{Outcome: sms.MaybeSent, Cause: netcause.Of(err)}
	switch {
	case errors.Is(failed.Cause, netcause.ErrCertificate): // no later try takes that away
		failed.Outcome, failed.Extent = sms.SurelyNotSent, sms.ThisAccount
	case asked.Load() && !got.Load():
		failed.Outcome = sms.NotYet
	}
	return nil, failed
}

// Signer signs posts by the Standard Webhooks convention. A nil one leaves them
// unsigned.
type Signer struct{ webhook *standardwebhooks.Webhook }

// NewSigner returns the Signer of a secret, whsec_ and base64 or base64 alone, nil
// for none. Its error does not repeat the secret.
func NewSigner(secret string) (*Signer, error) {
	if secret == "" {
		return nil, nil
	}
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("the secret is not whsec_ followed by base64")
	}
	return &Signer{webhook}, nil
}

// Sign puts the signature of body, as message id of that time, into header.
func (s *Signer) Sign(header http.Header, id string, now time.Time, body []byte) error {
	if s == nil {
		return nil
	}
	signature, err := s.webhook.Sign(id, now, body)
	if err != nil {
		return errors.New("the message cannot be signed")
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return nil
}

// tolerance is how far the time of a signed post may be from ours.
const tolerance = 5 * time.Minute

// Verify says whether somebody with the same secret signed body, within five minutes of
// now. A nil Signer verifies nothing. Its errors hold nothing of the post.
func (s *Signer) Verify(header func(name string) string, now time.Time, body []byte) error {
	if s == nil {
		return errors.New("without a secret nobody can tell")
	}
	given := http.Header{}
	for _, name := range []string{standardwebhooks.HeaderWebhookID, standardwebhooks.HeaderWebhookTimestamp, standardwebhooks.HeaderWebhookSignature} {
		given.Set(name, header(name))
	}
	if err := s.webhook.VerifyIgnoringTimestamp(body, given); err != nil {
		return errors.New("the signature is missing or wrong")
	}
	at, err := strconv.ParseInt(header(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > tolerance {
		return errors.New("the signature is not of these five minutes")
	}
	return nil
}

// Reach connects to a host, by TLS where its URL says so, as the transport would,
// and sends nothing. Where the transport goes by a proxy it connects to that. A nil
// transport stands for the plain network. Its errors hold nothing of the URL.
func Reach(ctx context.Context, target *url.URL, transport *http.Transport) error {
	security := &tls.Config{}
	dial := new(net.Dialer).DialContext
	if transport != nil {
		if transport.TLSClientConfig != nil {
			security = transport.TLSClientConfig.Clone()
		}
		if transport.DialContext != nil {
			dial = transport.DialContext
		}
		if transport.Proxy != nil {
			proxy, err := transport.Proxy(&http.Request{URL: target})
			if err != nil {
				return errors.New("the proxy's URL cannot be parsed")
			}
			if proxy != nil {
				target = proxy
			}
		}
	}
	port := target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[target.Scheme]
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(target.Hostname(), port))
	switch {
	case errors.Is(err, ErrPrivate):
		return fmt.Errorf("the host has a %w", ErrPrivate)
	case err != nil:
		return netcause.Of(err)
	}
	defer conn.Close()
	if target.Scheme != "https" {
		return nil
	}
	if security.ServerName == "" {
		security.ServerName = target.Hostname()
	}
	if err := tls.Client(conn, security).HandshakeContext(ctx); err != nil {
		return netcause.Of(err)
	}
	return nil
}
