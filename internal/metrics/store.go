package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The calls of a store.
const (
	callView   = "view"
	callUpdate = "update"
)

// The kinds of its errors.
const (
	kindUnavailable = "unavailable" // busy, full, or out of reach
	kindCanceled    = "canceled"    // the caller went, or its time was over
	kindInternal    = "internal"    // anything else, a damaged file for one
)

var storeKinds = []string{kindUnavailable, kindCanceled, kindInternal}

// Store is the store, measured.
func (m *Metrics) Store(s userpool.Store) userpool.Store { return measured{s, m} }

type measured struct {
	store userpool.Store
	m     *Metrics
}

func (s measured) View(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.m.measure(ctx, callView, s.store.View, fn)
}

func (s measured) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	return s.m.measure(ctx, callUpdate, s.store.Update, fn)
}

type transaction = func(context.Context, func(userpool.Tx) error) error

func (m *Metrics) measure(ctx context.Context, call string, run transaction, fn func(userpool.Tx) error) error {
	start, reruns := time.Now(), -1
	var own error
	err := run(ctx, func(tx userpool.Tx) error {
		reruns++
		own = fn(tx)
		return own
	})
	m.storeTime.WithLabelValues(call).Observe(time.Since(start).Seconds())
	if reruns > 0 {
		m.storeReruns.WithLabelValues(call).Add(float64(reruns))
	}
	if kind := storeKind(err, own != nil); kind != "" {
		m.storeErrors.WithLabelValues(call, kind).Inc()
	}
	return err
}

// storeKind sorts an error; "" is none, or one by which the function rolls its own
// transaction back. What a store fails by is a fault, within the function too.
func storeKind(err error, byFn bool) string {
	_, isFault := errors.AsType[*fault.Error](err)
	switch {
	case err == nil, errors.Is(err, userpool.ErrNotFound), errors.Is(err, userpool.ErrExists):
		return ""
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return kindCanceled
	case byFn && !isFault:
		return ""
	}
	switch fault.KindOf(err) {
	case fault.Internal:
		return kindInternal
	case fault.Unavailable:
		return kindUnavailable
	}
	return ""
}
