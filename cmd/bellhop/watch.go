package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/bellhop-auth/bellhop/internal/clock"
	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/metrics"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/traces"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// watchers are who follows what a server does, nil where the operator wants none.
// The zero watchers watch nothing.
type watchers struct {
	metrics *metrics.Metrics
	page    net.Listener // of the metrics
	traces  *traces.Traces
}

// openWatchers binds the address of the metrics, if there is one, and makes traces
// if the environment asks for them.
func openWatchers(ctx context.Context, cfg *config.Config, env []string, log *slog.Logger) (w watchers, err error) {
	wanted, err := traces.Asked(env)
	if err != nil {
		return w, usageError(err.Error())
	}
	if wanted {
		if w.traces, err = traces.New(ctx, build().Version, log); err != nil {
			return w, err
		}
	}
	if cfg.MetricsListen == "" {
		return w, nil
	}
	if w.page, err = net.Listen("tcp", cfg.MetricsListen); err != nil {
		return w, fmt.Errorf("cannot listen on %s for metrics: %w", cfg.MetricsListen, err)
	}
	w.metrics = metrics.New(build())
	return w, nil
}

// calls are those who follow calls and messages.
func (w watchers) calls() (all []userpool.Observer) {
	if w.traces != nil {
		all = append(all, w.traces)
	}
	if w.metrics != nil {
		all = append(all, w.metrics)
	}
	return all
}

// requests are those who follow requests.
func (w watchers) requests() (all []web.Observer) {
	if w.traces != nil {
		all = append(all, w.traces)
	}
	if w.metrics != nil {
		all = append(all, w.metrics)
	}
	return all
}

// serve shows the metrics until the function that it returns is called, which
// waits for the end.
func (w watchers) serve(service *userpool.Service, sender sms.Sender, k *clock.Clock, log *slog.Logger) (stop func()) {
	if w.metrics == nil {
		return func() {}
	}
	w.metrics.Follow(service)
	w.metrics.FollowClock(k)
	if r, ok := sender.(metrics.Routes); ok {
		w.metrics.FollowRoutes(r)
	}
	server := web.NewServer(log, w.metrics.Handler())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(w.page); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are served no longer", "error", err)
		}
	}()
	log.Info("metrics are at http://" + w.page.Addr().String() + "/metrics")
	return func() {
		_ = server.Close() // a scrape may be cut off
		<-done
	}
}

// close hands over the last traces, and gives the address of the metrics back
// where nothing was served.
func (w watchers) close(ctx context.Context) {
	if w.traces != nil {
		w.traces.Close(ctx)
	}
	if w.page != nil {
		_ = w.page.Close()
	}
}

// build says which program this is.
func build() metrics.Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return metrics.Build{Version: release(info), Revision: revision(info), Go: runtime.Version()}
}
