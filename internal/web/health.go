package web

import (
	"context"
	"io"
	"net/http"
	"time"
)

// readyTimeout bounds one readiness check.
const readyTimeout = 2 * time.Second

// Health answers GET /healthz (the process is up) and GET /readyz (ready
// returns nil within two seconds), has no metrics for those who look here for
// them, and hands everything else to next. Why the
// server is not ready is for the log, not for whoever asks. There is no
// http.ServeMux here, because its redirects for unclean paths are HTML.
func Health(ready func(context.Context) error, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case get && r.URL.Path == "/healthz":
			plain(w, http.StatusOK, "ok\n")
		case get && r.URL.Path == "/readyz":
			readyz(w, r, ready)
		case get && r.URL.Path == "/metrics": // they have an address of their own
			plain(w, http.StatusNotFound, "not found\n")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func readyz(w http.ResponseWriter, r *http.Request, ready func(context.Context) error) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := ready(ctx); err != nil {
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client is gone if this fails
}
