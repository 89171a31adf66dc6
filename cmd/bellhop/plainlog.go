package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/plain"
)

// plainLog writes what slog's JSON handler writes. A record whose values are plain, as
// those of requests are, it writes by itself: slog hands each fraction to encoding/json,
// and took more for a request's line than any other part of the plumbing.
type plainLog struct {
	slog.Handler           // slog's own, for all others
	w            io.Writer // that it writes to; it takes lines from many goroutines
}

// newPlainLog needs a writer of which each Write is one line, whoever writes.
func newPlainLog(w io.Writer, level slog.Level) *plainLog {
	return &plainLog{Handler: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}), w: w}
}

var lineRoom = sync.Pool{New: func() any { return new(make([]byte, 0, 1<<10)) }}

// Handle implements slog.Handler.
func (p *plainLog) Handle(ctx context.Context, r slog.Record) error {
	room := lineRoom.Get().(*[]byte)
	defer lineRoom.Put(room)
	line, ok := appendRecord((*room)[:0], r)
	*room = line
	if !ok {
		return p.Handler.Handle(ctx, r)
	}
	_, err := p.w.Write(line)
	return err
}

// appendRecord appends a record's line, if all in it is plain.
func appendRecord(b []byte, r slog.Record) (_ []byte, ok bool) {
	if r.Time.IsZero() || !plain.Is(r.Message) {
		return b, false
	}
	b = append(b, `{"time":"`...)
	b = r.Time.Round(0).AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, r.Level.String()...)
	b = append(b, `","msg":`...)
	b = plain.Append(b, r.Message)
	ok = true
	r.Attrs(func(a slog.Attr) bool {
		b, ok = appendAttr(b, a)
		return ok
	})
	return append(b, "}\n"...), ok
}

func appendAttr(b []byte, a slog.Attr) (_ []byte, ok bool) {
	if a.Key == "" || !plain.Is(a.Key) {
		return b, false
	}
	b = plain.AppendName(b, a.Key)
	switch v := a.Value; v.Kind() {
	case slog.KindString:
		s := v.String()
		return plain.Append(b, s), plain.Is(s)
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool()), true
	case slog.KindFloat64:
		f := v.Float64()
		usual := f == 0 && !math.Signbit(f) || f >= 1e-6 && f < 1e21 // others have an exponent
		return strconv.AppendFloat(b, f, 'f', -1, 64), usual
	}
	return b, false
}
