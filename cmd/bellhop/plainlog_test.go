package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

// Whatever is logged, the line is the one that slog's handler writes.
func TestPlainLog_OfAnyRecord_WritesWhatSlogDoes(t *testing.T) {
	texts := []string{"", "request", "us-east-1_Ab3", "a \"quoted\" one", `a\b`, "two\nlines", "é", "\xff", "<&>", "\u2028", "\x7f", "~ !", strings.Repeat("x", 3000)}
	values := []slog.Value{
		slog.IntValue(0), slog.IntValue(200), slog.IntValue(-5), slog.Uint64Value(7), slog.BoolValue(true), slog.BoolValue(false),
		slog.DurationValue(time.Second), slog.TimeValue(time.Unix(3, 0)), slog.AnyValue(nil), slog.AnyValue(errors.New("why")),
		slog.AnyValue([]int{1}), slog.GroupValue(slog.Int("a", 1)), slog.GroupValue(), slog.AnyValue(slow{}),
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 0.1, 0.5, 1, 12.3, 1234567.8, 1e-6, 9e-7, 1e-7, 1e20, 1e21, 1e22, -0.1, 1.0 / 3, math.MaxFloat64, math.NaN(), math.Inf(1)} {
		values = append(values, slog.Float64Value(f))
	}
	for _, s := range texts {
		values = append(values, slog.StringValue(s))
	}
	times := []time.Time{{}, time.Unix(1e9, 0), time.Date(2026, 11, 28, 19, 0, 0, 120_000_000, time.UTC), time.Now(), time.Date(2026, 1, 1, 0, 0, 0, 1, time.FixedZone("", 5*3600+1800))}
	plain := 0
	check := func(r slog.Record) {
		t.Helper()
		var want, got bytes.Buffer
		if err := slog.NewJSONHandler(&want, nil).Handle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		log := newPlainLog(&got, slog.LevelInfo)
		if err := log.Handle(t.Context(), r); err != nil || got.String() != want.String() {
			t.Errorf("%s, slog writes %s", got.String(), want.String())
		}
		if _, ok := appendRecord(nil, r); ok {
			plain++
		}
	}
	for i, at := range times {
		for _, message := range texts {
			check(slog.NewRecord(at, slog.Level(i-1), message, 0))
		}
		for _, v := range values {
			for _, key := range texts {
				r := slog.NewRecord(at, slog.LevelWarn, "request", 0)
				r.AddAttrs(slog.String("first", "one"), slog.Attr{Key: key, Value: v}, slog.Int("last", 3))
				check(r)
			}
		}
	}
	if plain == 0 {
		t.Error("all were slog's")
	}
}

type slow struct{}

func (slow) LogValue() slog.Value { return slog.StringValue("resolved") }

// What is bound to a logger is in its lines, and its level holds.
func TestPlainLog_WithAttributes_IsSlogs(t *testing.T) {
	var got bytes.Buffer
	log := slog.New(newPlainLog(&got, slog.LevelWarn))
	log.Info("unseen")
	log.With("node", 1).WithGroup("g").Info("unseen")
	log.With("node", 1).WithGroup("g").Warn("seen", "a", "b")
	if line := got.String(); strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, `,"level":"WARN","msg":"seen","node":1,"g":{"a":"b"}}`+"\n") {
		t.Errorf("%s", line)
	}
}

// BenchmarkRequestLine is a request's line by slog and without it.
func BenchmarkRequestLine(b *testing.B) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	r.AddAttrs(slog.String("request_id", "5f0ad1a2-9c4b-4b7e-8f3e-0c5d9f1f6a11"), slog.String("remote", "203.0.113.7"), slog.Int("status", 200),
		slog.Float64("duration_ms", 0.2), slog.Float64("store_ms", 0.1), slog.String("operation", "GetUser"), slog.String("pool", "us-east-1_a1b2c3d4e"))
	for _, h := range []slog.Handler{slog.NewJSONHandler(io.Discard, nil), newPlainLog(io.Discard, slog.LevelInfo)} {
		b.Run(fmt.Sprintf("%T", h), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.Handle(context.Background(), r)
			}
		})
	}
}
