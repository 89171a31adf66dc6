// Package sdkhttp is what the AWS SDK for Go needs between itself and HTTP where
// servers answer at once.
package sdkhttp

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// Client does requests; aws.HTTPClient and *http.Client are such.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// Whole is a client that sends requests from a copy. The SDK closes a request's body
// as soon as there is an answer (smithy-go, transport/http, ClientHandler). A
// transport that has not looked for the body's end by then takes that for a failed
// request, and closes the connection in the middle of the answer. It holds the body
// in memory, so it is not for large ones.
func Whole(next Client) Client { return whole{next} }

type whole struct{ next Client }

func (w whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err := errors.Join(err, r.Body.Close()); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return w.next.Do(r)
}
