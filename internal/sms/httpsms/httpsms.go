// Package httpsms is what the adapters of providers with an API over HTTP share: one
// try of one request, and what may be concluded where it failed. Repeating a try, and
// going on to another provider, is the outbox's and the routes' business.
package httpsms

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/hook"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

const (
	timeout     = 15 * time.Second // for one try whose context ends later, or never
	maxAnswer   = 64 << 10
	connections = 64 // to one provider
)

// Client tries requests at one provider. Its errors hold nothing of the request and
// nothing that the provider said but its codes. It is safe for concurrent use.
type Client struct {
	name string
	http *http.Client
}

// New returns a Client whose errors begin with the name. A nil transport stands for
// the plain network.
func New(name string, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = hook.TargetTransport(true, connections)
	}
	return &Client{name, hook.NewClient(transport, timeout)}
}

// Answer is what came back. Body may be cut short.
type Answer struct {
	Status int
	Body   []byte
}

// Do tries a request once and follows no redirect; hook.Do says what its errors mean.
func (c *Client) Do(req *http.Request) (Answer, error) {
	req.Header.Set("User-Agent", "bellhop")
	res, err := hook.Do(c.http, req)
	if err != nil {
		return Answer{}, c.FailAll(err.Extent, err.Outcome, "", err.Cause.Error())
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // what a cut one says is its reader's to judge
	return Answer{res.StatusCode, body}, nil
}

// Fail returns the error of a failed try: what it means, the provider's code if it gave
// one, and why, in words of ours.
func (c *Client) Fail(o sms.Outcome, code, why string) error {
	return c.FailAll(sms.ThisText, o, code, why)
}

// FailAll is Fail where other texts would fail as well.
func (c *Client) FailAll(e sms.Extent, o sms.Outcome, code, why string) error {
	return &sms.SendError{Outcome: o, Extent: e, Code: code, Cause: fmt.Errorf("%s: %s", c.name, why)}
}

// Refused returns the error of an answer that is no acceptance, by its status alone.
func (c *Client) Refused(status int, code string) error {
	why := fmt.Sprintf("answered with status %d", status)
	if code != "" {
		why += ", code " + code
	}
	return c.FailAll(extentOf(status), OutcomeOf(status), code, why)
}

// extentOf is what a status says of other texts: without credentials, or without
// money, none of them goes.
func extentOf(status int) sms.Extent {
	if status == http.StatusUnauthorized || status == http.StatusPaymentRequired {
		return sms.ThisAccount
	}
	return sms.ThisText
}

// Unreadable returns the error of an answer of success that does not read as the
// provider's: who gave it may have passed the request on.
func (c *Client) Unreadable(status int) error {
	return c.Fail(sms.MaybeSent, "", fmt.Sprintf("answered with status %d, and what cannot be read", status))
}

// OutcomeOf is what may be concluded from a status that is no success, of a provider
// that says what it throttles by 429. A 408 may be of a proxy that had passed the
// request on.
func OutcomeOf(status int) sms.Outcome {
	switch {
	case status == http.StatusTooManyRequests:
		return sms.NotYet
	case status == http.StatusRequestTimeout:
		return sms.MaybeSent
	case status >= 400 && status <= 499:
		return sms.SurelyNotSent
	default:
		return sms.MaybeSent
	}
}

// codes and ids, of which a UUID has 36 characters.
var (
	code = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}$`)
	id   = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// Code returns what a provider gave as a code, or "" for what is none: it goes into
// logs and tables.
func Code(s string) string {
	if !code.MatchString(s) {
		return ""
	}
	return s
}

// ID returns what a provider gave back as the id of a text, or "" for what is none.
func ID(s string) string {
	if !id.MatchString(s) {
		return ""
	}
	return s
}

// CheckBase says what is wrong with the address of an API, as half a sentence: it is
// https, but for an emulator on this machine or beside it.
func CheckBase(raw string) error {
	if err := hook.CheckURL(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the URL cannot be parsed")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("the URL must be scheme, host and path alone")
	case u.Scheme == "http" && !Near(u.Hostname()):
		return errors.New("the URL must start with https://, since secrets go there")
	}
	return nil
}

// Near says whether a host is of this machine or of its network, so that nobody outside
// reaches it.
func Near(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return hook.Private(addr)
	}
	return !strings.Contains(host, ".") // as those are that Compose and Kubernetes give
}
