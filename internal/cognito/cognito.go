// Package cognito is the JSON API face: Amazon Cognito's user pool service
// (cognito-idp, service model 2016-04-18, AWS JSON 1.1) as SDKs, Amplify, the
// aws CLI and Terraform speak it. It owns the wire and nothing else: which
// operations exist and who may call them, reading requests strictly, SigV4,
// the shape rules of the service model, the words of errors, CORS, and the two
// well-known documents of a pool. What an operation does is userpool's.
package cognito

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

const (
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "AWSCognitoIdentityProviderService."
)

// KeyLookup opens an access key; userpool.ErrNotFound if there is no such key.
type KeyLookup func(ctx context.Context, accessKeyID string) (userpool.Credential, error)

// Config is what the face is made of. All fields are required.
type Config struct {
	// Service does the work.
	Service *userpool.Service
	// Keys are the access keys that administrative requests are signed with.
	Keys KeyLookup
}

// API answers POST on any path, since an endpoint may carry a prefix, and GET
// for a pool's well-known documents. It expects web.Handler around it.
type API struct {
	service    *userpool.Service
	keys       KeyLookup
	operations map[string]operation
}

// New returns the face. It fails if the table of operations is not sound.
func New(cfg Config) (*API, error) {
	a := &API{service: cfg.Service, keys: cfg.Keys}
	ops, err := index(a.table())
	if err != nil {
		return nil, err
	}
	a.operations = ops
	return a, nil
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shareWithAll(w.Header())
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, r)
	case r.Method == http.MethodPost:
		a.post(w, r)
	case isWellKnown(r):
		a.wellKnown(w, r)
	default:
		w.Header().Set("Allow", allowedMethods)
		a.Refuse(w, r, refusal(http.StatusMethodNotAllowed, "MethodNotAllowedException", "Requests to this API are POSTs."))
	}
}

func (a *API) post(w http.ResponseWriter, r *http.Request) {
	body, err := a.call(r, a.service.Now)
	if err != nil {
		a.Refuse(w, r, err)
		return
	}
	writeBody(w, http.StatusOK, body)
}

// call finds the operation and runs it as an entry of the audit trail.
func (a *API) call(r *http.Request, now func() time.Time) (answer []byte, err error) {
	o, err := a.operation(r)
	if err != nil {
		return nil, err
	}
	event := web.EventOf(r.Context())
	event.Operation = o.name
	ctx := a.service.Begin(r.Context(), entryOf(o, event, r.UserAgent()))
	err = errPanic // until the operation returns
	defer func() {
		a.service.End(ctx, err)
		noteInsight(ctx, event)
	}()
	answer, err = a.run(r.WithContext(ctx), o, now)
	return answer, err
}

var errPanic = fault.New(fault.Internal, "")

// run checks the signature where one is wanted and what its key may do, and
// serves the operation. Nothing of the body is looked at before that.
func (a *API) run(r *http.Request, o operation, now func() time.Time) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	var may permission
	if o.who == admin {
		if may, err = a.admit(r, o, body, now()); err != nil {
			return nil, err
		}
	}
	if o.serve == nil {
		return nil, notServed(o)
	}
	return o.serve(r.Context(), callerOf(r, web.EventOf(r.Context()), o.name, body), may, body)
}

// operation reads X-Amz-Target: exactly one header, exact case. Anything else
// is an operation that does not exist.
func (a *API) operation(r *http.Request) (operation, error) {
	targets := r.Header.Values("X-Amz-Target")
	if len(targets) != 1 {
		return operation{}, errUnknownOperation
	}
	name, ok := strings.CutPrefix(targets[0], targetPrefix)
	if !ok {
		return operation{}, errUnknownOperation
	}
	o, ok := a.operations[name]
	if !ok {
		return operation{}, errUnknownOperation
	}
	return o, nil
}

var errUnknownOperation = refusal(http.StatusBadRequest, "UnknownOperationException",
	"X-Amz-Target names no operation of AWSCognitoIdentityProviderService.")

// checkContentType takes what clients send: AWS JSON of any version and plain
// JSON, with any parameter, or nothing at all.
func checkContentType(r *http.Request) error {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "", contentType, "application/x-amz-json-1.0", "application/json":
		return nil
	}
	return refusal(http.StatusUnsupportedMediaType, "UnsupportedMediaTypeException",
		"The body of a request is JSON: Content-Type "+contentType+".")
}

// readBody reads the whole body. One that is too long is 413 with a type of
// its own and no SerializationException: it may be sound JSON, and no client
// tries again on 413.
func readBody(r *http.Request) ([]byte, error) {
	body, err := web.Body(r)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refusal(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException",
			fmt.Sprintf("The body of a request may have %d bytes.", tooLarge.Limit))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, refusal(http.StatusRequestTimeout, "RequestTimeoutException", "The body of the request did not arrive in time.")
	}
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "SerializationException", "The body of the request did not arrive whole.")
	}
	return body, nil
}

// Values of headers that answers share, each in the form that they are kept in: to set
// them spells the name anew and takes memory for the value each time. Nobody changes them.
var (
	typeHeader    = []string{contentType}
	noStoreHeader = []string{"no-store"} // answers hold tokens
	noSniffHeader = []string{"nosniff"}
	anyOrigin     = []string{"*"}
	exposed       = []string{exposedHeaders}
)

func writeBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = typeHeader
	}
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = noStoreHeader
	}
	h["X-Content-Type-Options"] = noSniffHeader
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone if this fails
}
