// Package upload is the face for the files of user import jobs: a PUT to the address
// that CreateUserImportJob gave out, as to the storage of AWS. It bounds how many
// come at once and how slowly, and hands them on as they come; what is in them is
// userpool's. To whoever uploads it says no more than what became of the file.
package upload

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// Bounds on uploads: how many at once, how long all of a file may take, and how long
// the next part of it.
const (
	atOnce   = 2
	within   = 15 * time.Minute
	nextPart = 30 * time.Second
)

// Config is what the face is made of. All fields are required.
type Config struct {
	// Store stores the file of the job whose address was asked for.
	Store func(ctx context.Context, job string, q url.Values, file io.Reader) error
	// Next serves all other requests.
	Next http.Handler
}

// Face takes files. It expects web.Handler around it, with its Streams.
type Face struct {
	cfg   Config
	place chan struct{} // one for each upload under way
}

// New returns the face.
func New(cfg Config) *Face { return &Face{cfg, make(chan struct{}, atOnce)} }

// Streams says which requests are files, for web.Config.
func (f *Face) Streams(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, userpool.ImportPath)
}

func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.Streams(r) {
		f.cfg.Next.ServeHTTP(w, r)
		return
	}
	event := web.EventOf(r.Context())
	event.Operation = "UploadImportFile"
	status, told, why := f.put(w, r)
	if why != nil {
		event.Cause, event.Error = why, http.StatusText(status)
	}
	w.Header().Set("Cache-Control", "no-store")
	switch status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPut)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	if status != http.StatusOK {
		w.Header().Set("Connection", "close") // what is left of the file is not read
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, told) // whoever does not listen is not told
}

// put takes one file, and says with which status and text it is answered, and why
// where that is no success.
func (f *Face) put(w http.ResponseWriter, r *http.Request) (status int, told string, why error) {
	if r.Method != http.MethodPut {
		return http.StatusMethodNotAllowed, "A file is uploaded with PUT.\n", errors.New("not a PUT")
	}
	if r.ContentLength > userpool.MaxImportSize {
		return answer(userpool.ErrImportSize)
	}
	select {
	case f.place <- struct{}{}:
		defer func() { <-f.place }()
	default:
		return http.StatusServiceUnavailable, "Other files are being uploaded. Please try again.\n", errors.New("too many uploads at once")
	}
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	file := &patient{body: r.Body, ctx: ctx, conn: http.NewResponseController(w)}
	err := f.cfg.Store(ctx, strings.TrimPrefix(r.URL.Path, userpool.ImportPath), r.URL.Query(), file)
	if err == nil {
		return http.StatusOK, "", nil
	}
	if file.failed != nil {
		return http.StatusBadRequest, "The file did not arrive.\n", file.failed
	}
	return answer(err)
}

// answer words why a file is not taken.
func answer(err error) (status int, told string, why error) {
	status = http.StatusInternalServerError
	switch {
	case errors.Is(err, userpool.ErrImportSize):
		return http.StatusRequestEntityTooLarge, "The file is larger than 100 MB.\n", err
	case errors.Is(err, userpool.ErrImportRows):
		return http.StatusRequestEntityTooLarge, "The file has more than 500,000 rows.\n", err
	case fault.Is(err, fault.NotAuthorized):
		status = http.StatusForbidden
	case fault.Is(err, fault.ResourceNotFound):
		status = http.StatusNotFound
	case fault.Is(err, fault.PreconditionNotMet):
		status = http.StatusConflict
	case fault.Is(err, fault.Unavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, "The file cannot be stored now. Please try again.\n", err
	default:
		return status, "An internal error occurred.\n", err
	}
	fault, _ := errors.AsType[*fault.Error](err)
	return status, fault.Message + "\n", err
}

// patient reads a body that comes slowly, but comes: the server's own deadlines are
// made for bodies of a few hundred bytes.
type patient struct {
	body   io.Reader
	ctx    context.Context
	conn   *http.ResponseController
	failed error // why there is no more of the body, which is not its end
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	now := time.Now()
	// A connection without deadlines has none to be moved.
	_ = p.conn.SetReadDeadline(now.Add(nextPart))
	_ = p.conn.SetWriteDeadline(now.Add(2 * nextPart))
	n, err := p.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		p.failed = err
	}
	return n, err
}
