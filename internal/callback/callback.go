// Package callback is the face for what SMS providers post to us: what became of
// texts, and texts that came in. It has a provider's adapter verify and read each
// post, and hands on what is in it; what that is good for is userpool's. To whoever
// posts it never says more than whether the post was read.
package callback

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// Path begins the paths that are served here; a provider's name ends them.
const Path = "/callbacks/"

// Config is what the face is made of. All fields are required.
type Config struct {
	// Callers are the providers that post, by their names.
	Callers map[string]sms.Caller
	// URL is the public one of this server, without a slash at its end: some sign the
	// address that they post to.
	URL string
	// Take takes what a provider tells, and returns the text to send back to the phone
	// that one came in from, "" for none. A second event of the same is the first again.
	Take func(ctx context.Context, provider string, e sms.Event) (reply string, err error)
	// Next serves all other requests, and their classes are NextClass's.
	Next      http.Handler
	NextClass func(r *http.Request, body []byte) web.Class
}

// Face takes posts of providers. It expects web.Handler around it.
type Face struct{ cfg Config }

// New returns the face.
func New(cfg Config) *Face { return &Face{cfg} }

// Class is the class of a request, for web.Config. What a provider has to tell waits
// for those who sign in; not all of them tell it again.
func (f *Face) Class(r *http.Request, body []byte) web.Class {
	if strings.HasPrefix(r.URL.Path, Path) {
		return web.Join
	}
	return f.cfg.NextClass(r, body)
}

func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, Path) {
		f.cfg.Next.ServeHTTP(w, r)
		return
	}
	event := web.EventOf(r.Context())
	event.Operation = "ProviderCallback"
	w.Header().Set("Cache-Control", "no-store")
	a, why := f.post(r)
	if why != nil {
		event.Cause, event.Error = why, http.StatusText(a.status)
		if a.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	w.WriteHeader(a.status)
	w.Write(a.body) // whoever does not listen is not told
}

// answer is how a post is answered.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// post takes one post, and says why where it was not taken. Its events are taken in
// their order; where one is not, the post fails, and what the provider tells again is
// known already up to there.
func (f *Face) post(r *http.Request) (answer, error) {
	name := strings.TrimPrefix(r.URL.Path, Path)
	caller, ok := f.cfg.Callers[name]
	switch {
	case !ok:
		return answer{status: http.StatusNotFound}, errors.New("no provider of that name posts here")
	case r.Method != http.MethodPost:
		return answer{status: http.StatusMethodNotAllowed}, errors.New("not a POST")
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return answer{status: http.StatusBadRequest}, errors.New("the body does not arrive, or is too long")
	}
	events, err := caller.ReadPost(r.Context(), time.Now(), sms.Post{
		URL: f.url(r), ContentType: r.Header.Get("Content-Type"), Header: r.Header.Get, Body: raw,
		Aside: func() func() { return web.Aside(r.Context()) },
	})
	if forged, ok := errors.AsType[*sms.ErrForged](err); ok {
		return answer{status: http.StatusForbidden}, forged
	}
	switch {
	case fault.Is(err, fault.Unavailable): // what it takes to verify the post, now
		return answer{status: http.StatusServiceUnavailable}, err
	case err != nil:
		return answer{status: http.StatusBadRequest}, err
	}
	var reply string
	for _, e := range events {
		said, err := f.cfg.Take(r.Context(), name, e)
		if err != nil {
			return answer{status: refused(r.Context(), err)}, err
		}
		if said != "" {
			reply = said
		}
	}
	contentType, body := caller.Answer(reply)
	if body == nil {
		return answer{status: http.StatusNoContent}, nil
	}
	return answer{http.StatusOK, contentType, body}, nil
}

// url is the address that was posted to, as the provider was given it.
func (f *Face) url(r *http.Request) string {
	u := f.cfg.URL + r.URL.Path
	if r.URL.RawQuery != "" {
		u += "?" + r.URL.RawQuery
	}
	return u
}

func refused(ctx context.Context, err error) int {
	if fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
