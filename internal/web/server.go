package web

import (
	"log/slog"
	"net/http"
	"time"
)

// Limits of a connection. A client that is slower or chattier than this is not
// one of ours: requests are a few hundred bytes.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
	maxStreams        = 32 // of one HTTP/2 connection; each may hold a body
)

// NewServer returns a server for the handler with limits on time and headers
// for every connection. Its own complaints (broken handshakes, slow clients)
// go to the log at debug level, since strangers cause them at will.
func NewServer(log *slog.Logger, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
