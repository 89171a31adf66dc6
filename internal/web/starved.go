package web

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

// A processor is short when one goroutine in ten waits longer than this for one.
// With processors to spare nearly all wait some microseconds, under overload tens
// of milliseconds, so the value between is of little weight.
const longWait = 2 * time.Millisecond

// measureEvery is how often that is measured, while anybody asks.
const measureEvery = 100 * time.Millisecond

// processors tells whether this process has more to do than its processors can, by
// the time that goroutines are ready to run and do not. A load average or the
// processor time used would not tell: of a container they show the whole machine, and
// full use is not yet too little.
type processors struct {
	now func() time.Time

	mu     sync.Mutex // guards the fields below
	at     time.Time  // of the last measure
	counts []uint64   // then
	short  bool
}

const schedLatencies = "/sched/latencies:seconds"

// areShort says what held when it was measured last.
func (p *processors) areShort() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Sub(p.at) < measureEvery {
		return p.short
	}
	p.at = p.now()
	sample := []metrics.Sample{{Name: schedLatencies}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return false // a runtime that does not measure it
	}
	all := sample[0].Value.Float64Histogram()
	p.short = beyond(all.Buckets, all.Counts, p.counts, longWait.Seconds()) >= 0.1
	p.counts = all.Counts
	return p.short
}

// beyond is the part of what was added to a histogram since that is in buckets above
// a value. Of a bucket that it lies in nothing is counted.
func beyond(bounds []float64, counts, since []uint64, value float64) float64 {
	var above, sum uint64
	for i, n := range counts {
		if since != nil {
			n -= since[i]
		}
		sum += n
		if low := bounds[i]; low >= value && !math.IsInf(low, -1) {
			above += n
		}
	}
	if sum == 0 {
		return 0
	}
	return float64(above) / float64(sum)
}
