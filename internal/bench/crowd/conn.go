package crowd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// patience is how long a connection waits for an answer.
const patience = 10 * time.Second

// conn is one connection to the server, kept open from request to request. It
// speaks HTTP by hand: a client for every case would spend more on a request than
// the server does, on the same cores.
type conn struct {
	address   string
	forwarded string // who asks, for a server that believes it; the connection itself where it is ""

	raw     net.Conn // nil until the first request and after a failure
	answers *bufio.Reader
	out     []byte
	busy    int // how often a request was told to come again
}

// reply is what flows need to know of an answer.
type reply struct {
	Session              string
	ChallengeParameters  map[string]string
	AuthenticationResult struct{ AccessToken, RefreshToken string }
	Type                 string `json:"__type"` // of a refusal
}

// Refusal is an answer that is not 200.
type Refusal struct {
	Operation string
	Status    int
	Type      string
	After     time.Duration // x-amz-retry-after: come again then
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s got %d %s", r.Operation, r.Status, r.Type) }

// patient is how often a request that is turned away comes again.
const patient = 20

// call sends a request and reads its answer. Told that there are too many at once,
// it comes again when it was told to, as SDKs do.
func (c *conn) call(ctx context.Context, operation string, in any) (*reply, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	for tries := 1; ; tries++ {
		out, err := c.exchange(operation, body)
		if err == nil {
			return out, nil
		}
		refusal, ok := errors.AsType[*Refusal](err)
		if !ok {
			c.close()
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
		if refusal.Status != http.StatusServiceUnavailable || tries > patient {
			return nil, err
		}
		c.busy++
		select {
		case <-time.After(refusal.After):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *conn) exchange(operation string, body []byte) (*reply, error) {
	if err := c.dial(); err != nil {
		return nil, err
	}
	if err := c.raw.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := c.raw.Write(c.request(operation, body)); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.Close {
		c.close()
	}
	out := new(reply)
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("an answer that is no JSON: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return out, nil
	}
	r := &Refusal{Operation: operation, Status: res.StatusCode, Type: out.Type}
	if ms, err := strconv.Atoi(res.Header.Get("X-Amz-Retry-After")); err == nil {
		r.After = time.Duration(ms) * time.Millisecond
	}
	return nil, r
}

func (c *conn) dial() error {
	if c.raw != nil {
		return nil
	}
	raw, err := net.DialTimeout("tcp", c.address, patience)
	if err != nil {
		return err
	}
	c.raw, c.answers = raw, bufio.NewReaderSize(raw, 8<<10)
	return nil
}

// request writes a request as one piece.
func (c *conn) request(operation string, body []byte) []byte {
	b := append(c.out[:0], "POST / HTTP/1.1\r\nHost: "...)
	b = append(b, c.address...)
	b = append(b, "\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSCognitoIdentityProviderService."...)
	b = append(b, operation...)
	if c.forwarded != "" {
		b = append(b, "\r\nX-Forwarded-For: "...)
		b = append(b, c.forwarded...)
	}
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	c.out = append(b, body...)
	return c.out
}

func (c *conn) close() {
	if c.raw != nil {
		c.raw.Close()
		c.raw = nil
	}
}
