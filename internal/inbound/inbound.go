// Package inbound is the face for texts that users send us: a signed post of each
// text, by whoever receives texts at the operator's number. It reads and verifies;
// what a text is good for is userpool's. To whoever posts it never says more than
// that the post was read.
package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// path is the one that is served here.
const path = "/inbound-text"

// Config is what the face is made of. All fields are required.
type Config struct {
	// Secret verifies posts: whsec_ and base64.
	Secret string
	// Receive takes a text, and returns what is to be texted back, "" for nothing. A
	// second text of the same id is the first again.
	Receive func(ctx context.Context, id string, from phone.Number, body string) (reply string, err error)
	// Next serves all other requests, and their classes are NextClass's.
	Next      http.Handler
	NextClass func(r *http.Request, body []byte) web.Class
}

// Face takes texts. It expects web.Handler around it.
type Face struct {
	cfg     Config
	webhook *standardwebhooks.Webhook
}

// New returns the face, or an error that does not repeat the secret.
func New(cfg Config) (*Face, error) {
	webhook, err := standardwebhooks.NewWebhook(cfg.Secret)
	if err != nil {
		return nil, errors.New("the secret of texts that come in is not whsec_ followed by base64")
	}
	return &Face{cfg, webhook}, nil
}

// Class is the class of a request, for web.Config. A text that came in is the
// beginning of something.
func (f *Face) Class(r *http.Request, body []byte) web.Class {
	if r.URL.Path == path {
		return web.Begin
	}
	return f.cfg.NextClass(r, body)
}

func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != path {
		f.cfg.Next.ServeHTTP(w, r)
		return
	}
	event := web.EventOf(r.Context())
	event.Operation = "InboundText"
	status, reply, why := f.post(r)
	if why != nil {
		event.Cause, event.Error = why, http.StatusText(status)
	}
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	if reply == "" {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer{reply}) // whoever does not listen is not told
}

// answer is what a post is answered whose text wants a text back.
type answer struct {
	Reply string `json:"reply"`
}

// text is a post's body. Other members are ignored: the number that it was sent to
// is the provider's to know.
type text struct {
	ID   string `json:"id"`
	From string `json:"from"`
	Body string `json:"body"`
}

// post takes one post and says with which status it is answered, and why where
// that is no success.
func (f *Face) post(r *http.Request) (status int, reply string, why error) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "", errors.New("not a POST")
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest, "", errors.New("the body does not arrive, or is too long")
	}
	if err := f.webhook.Verify(raw, r.Header); err != nil {
		return http.StatusUnauthorized, "", errors.New("the signature is missing, wrong or not of these five minutes")
	}
	var t text
	if err := json.Unmarshal(raw, &t); err != nil || t.ID == "" || t.From == "" {
		return http.StatusBadRequest, "", errors.New("the body is no text with an id and a sender")
	}
	from, err := phone.Parse(t.From)
	if err != nil { // a short code, or a name: nobody who signs in
		return http.StatusNoContent, "", nil
	}
	switch reply, err := f.cfg.Receive(r.Context(), t.ID, from, t.Body); {
	case err == nil && reply != "":
		return http.StatusOK, reply, nil
	case err == nil:
		return http.StatusNoContent, "", nil
	case fault.Is(err, fault.Unavailable), r.Context().Err() != nil:
		return http.StatusServiceUnavailable, "", err
	default:
		return http.StatusInternalServerError, "", err
	}
}
