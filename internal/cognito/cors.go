package cognito

import "net/http"

const (
	allowedMethods = "POST, GET, OPTIONS"
	// exposedHeaders are the ones that Amplify reads errors from; a browser
	// hides what is not listed.
	exposedHeaders = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Retry-After,x-amz-retry-after,Date"
	// usualHeaders are what known clients ask for, for a preflight that names
	// none.
	usualHeaders = "content-type,x-amz-target,x-amz-user-agent,cache-control,pragma,amz-sdk-invocation-id,amz-sdk-request,x-amz-date,x-amz-content-sha256,x-amz-security-token,authorization"
	// preflightAge is in seconds: two days, which browsers cut to their limit.
	preflightAge = "172800"
)

// shareWithAll lets every web page read the answer, errors included. There are
// no cookies in this API, so no origin is nearer to it than another.
func shareWithAll(h http.Header) {
	h["Access-Control-Allow-Origin"] = anyOrigin
	h["Access-Control-Expose-Headers"] = exposed
}

// preflight allows whatever headers are asked for: apps add their own to
// Amplify's calls.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	asked := r.Header.Get("Access-Control-Request-Headers")
	if asked == "" {
		asked = usualHeaders
	}
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	h.Set("Access-Control-Allow-Headers", asked)
	h.Set("Access-Control-Max-Age", preflightAge)
	h.Set("Vary", "Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}
