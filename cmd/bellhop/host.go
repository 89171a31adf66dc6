package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// drain is how long requests under way may take once the server is to stop: as
// long as any request takes, those that wait for triggers included.
const drain = 30 * time.Second

// host runs one HTTP server and the domain's background work, and stops them in
// order: readiness, after the delay the listener, requests, work.
type host struct {
	service  *userpool.Service
	log      *slog.Logger
	trusted  []netip.Prefix // proxies
	delay    time.Duration  // between the end of readiness and that of the listener
	stopping atomic.Bool
	onStop   []func()                    // called when requests are to end, for streams
	keepTime func(context.Context) error // nil where there is no other clock to go by
	former   func(context.Context) error // keeps the keys of former issuers; nil where there are none
}

var errStopping = errors.New("stopping")

func (h *host) ready(ctx context.Context) error {
	if h.stopping.Load() {
		return errStopping
	}
	return h.service.Ready(ctx)
}

// run serves until ctx ends or something fails, and returns when all has
// stopped.
func (h *host) run(ctx context.Context, d *door, handler http.Handler, announce func()) error {
	server := web.NewServer(h.log, h.dismissing(handler))
	server.TLSConfig = d.tls
	web.LimitConns(server, h.log, h.trusted, web.MaxConns, allConns())
	for _, f := range h.onStop {
		server.RegisterOnShutdown(f)
	}
	jobs, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	group, failed := errgroup.WithContext(ctx)
	group.Go(func() error { return finished(h.service.Run(jobs), jobs) })
	if h.keepTime != nil {
		group.Go(func() error { return h.keepTime(jobs) })
	}
	if h.former != nil {
		group.Go(func() error { return h.former(jobs) })
	}
	group.Go(func() error { return settle(jobs, h.log) })
	group.Go(func() error { return listen(server, d) })
	group.Go(func() error {
		<-failed.Done()
		h.stopping.Store(true)
		h.log.Info("stopping")
		defer stopJobs()      // requests may still hand texts to them
		if ctx.Err() != nil { // it was told to stop, and nothing has failed
			<-time.After(h.delay)
		}
		return h.drain(context.WithoutCancel(ctx), server)
	})
	announce()
	return group.Wait()
}

func listen(server *http.Server, d *door) error {
	serve := server.Serve
	if d.tls != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// dismissing ends each connection with the next answer on it once the server is
// to stop (on HTTP/2 by GOAWAY), so that during the delay clients leave by
// themselves and none is cut off in the middle of what it sends.
func (h *host) dismissing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.stopping.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// drain waits for requests under way and cuts off those that take too long.
func (h *host) drain(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		h.log.Warn("requests were cut off", "after", drain.String())
		return server.Close()
	}
	return err
}

// finished turns the end of work that was told to stop into no error.
func finished(err error, told context.Context) error {
	if told.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// newLogger writes lines for people on a terminal and JSON elsewhere.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// newServersLogger is newLogger for one that has a line for each request. Lines wait for
// each other for a moment, unless somebody looks on; flush writes those that still do.
func newServersLogger(w io.Writer) (log *slog.Logger, flush func()) {
	if isTerminal(w) {
		return newLogger(w, slog.LevelInfo), func() {}
	}
	l := &lines{w: w}
	return slog.New(newPlainLog(l, slog.LevelInfo)), l.Flush
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
