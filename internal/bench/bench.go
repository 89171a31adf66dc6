// Package bench is what a measurement is: the figures of each flow, the machine's
// own speeds beside them, the targets, and how two programs compare. It writes them
// as a table, as JSON and as a chart, and measures nothing.
package bench

import (
	"math"
	"slices"
	"time"
)

// Run is all that one run of the program measured.
type Run struct {
	Program string       `json:"program"` // what the measured program says it is
	Made    string       `json:"made"`    // when, UTC
	Signer  string       `json:"signer"`  // what signs tokens in it
	Machine Machine      `json:"machine"`
	Sites   []Site       `json:"sites"`
	Cells   []Cell       `json:"cells"`
	Added   []Comparison `json:"enforcing_adds,omitempty"` // limits off and in force, in turns
	Targets []Target     `json:"targets,omitempty"`
}

// Machine is what the machine can do, each thing alone on one core unless it says
// otherwise, in milliseconds.
type Machine struct {
	Processors int    `json:"processors"`
	Model      string `json:"model"`
	Go         string `json:"go"`

	GoRSA      float64 `json:"go_rsa_2048_sign_ms"`
	OpenSSLRSA float64 `json:"openssl_rsa_2048_sign_ms,omitempty"` // 0 where there is none
	OpenSSL    string  `json:"openssl,omitempty"`
	// While every processor signs, as in a closed loop that has them all busy: they share
	// caches, memory and often a clock, and each is slower than alone.
	GoRSABusy      float64 `json:"go_rsa_2048_sign_all_processors_ms"`
	OpenSSLRSABusy float64 `json:"openssl_rsa_2048_sign_all_processors_ms,omitempty"`
	ECDSA          float64 `json:"go_ecdsa_p256_sign_ms"`
	Ed25519        float64 `json:"go_ed25519_sign_ms"`
	Append         float64 `json:"append_4k_fdatasync_p50_ms"`
	AppendP99      float64 `json:"append_4k_fdatasync_p99_ms"`
	AppendCPU      float64 `json:"append_4k_fdatasync_cpu_ms"`
}

// Site is what one installation took beside the flows.
type Site struct {
	Database   string  `json:"database"`
	Start      float64 `json:"start_to_first_answer_ms"` // with existing data
	CreatePool float64 `json:"create_user_pool_ms"`
	Idle       float64 `json:"idle_memory_mib"`
	Peak       float64 `json:"peak_memory_mib"` // of all that was driven
	Binary     float64 `json:"binary_mib"`
}

// Cell is one flow under one load.
type Cell struct {
	Database string  `json:"database"`
	Limits   string  `json:"limits"` // enforce or off
	Flow     string  `json:"flow"`
	Workers  int     `json:"workers,omitempty"` // closed loop
	Rate     float64 `json:"rate,omitempty"`    // open loop: flows a second that begin

	Seconds  float64        `json:"seconds"`
	Flows    int            `json:"flows"`
	Failures map[string]int `json:"failures,omitempty"`
	Busy     int            `json:"told_to_come_again,omitempty"`
	Unserved int            `json:"unserved,omitempty"`

	PerSecond float64 `json:"flows_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p999_ms"`
	LateP99   float64 `json:"late_p99_ms,omitempty"` // open loop: by how much flows began too late

	Server   float64 `json:"server_cpu_ms"` // these three a flow
	Store    float64 `json:"database_cpu_ms,omitempty"`
	Driver   float64 `json:"driver_cpu_ms"`
	Memory   float64 `json:"memory_mib"`
	Peak     float64 `json:"peak_memory_mib"`
	StoreMiB float64 `json:"database_memory_mib,omitempty"`

	Commits    *float64 `json:"commits,omitempty"` // a flow; nil where nobody counted
	Fsyncs     *float64 `json:"fsyncs,omitempty"`
	Signatures int      `json:"signatures"`
	Floor      float64  `json:"floor_cpu_ms"` // what the signatures and the durable writes cost by themselves
}

// Beyond is the server's CPU milliseconds of a cell beyond its signatures.
func (r Run) Beyond(c Cell) float64 { return c.Server - float64(c.Signatures)*r.Sign(c) }

// OverFloor is the CPU of server and database as a multiple of the floor, 0 where
// there is no floor.
func (c Cell) OverFloor() float64 {
	if c.Floor == 0 {
		return 0
	}
	return (c.Server + c.Store) / c.Floor
}

// Failed is how many flows failed.
func (c Cell) Failed() (n int) {
	for _, times := range c.Failures {
		n += times
	}
	return n
}

// Sign is what one of the server's RSA signatures costs under the load of a cell, by
// what signs in it: alone, or while every processor does the same if the load has them
// all busy.
func (r Run) Sign(c Cell) float64 {
	alone, busy := r.Machine.GoRSA, r.Machine.GoRSABusy
	if r.Signer == OpenSSL && r.Machine.OpenSSLRSA > 0 {
		alone, busy = r.Machine.OpenSSLRSA, r.Machine.OpenSSLRSABusy
	}
	if c.Rate == 0 && c.Workers > r.Machine.Processors {
		return busy
	}
	return alone
}

// What signs tokens.
const (
	Go      = "go"
	OpenSSL = "openssl"
)

// commitsOfFloor is what a sign-in commits at least where nobody has counted: its
// beginning, and its end.
const commitsOfFloor = 2

// SetFloors sets the floor of each cell: its signatures and its share of durable
// writes.
func (r *Run) SetFloors() {
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Signatures == 0 {
			continue
		}
		writes := float64(commitsOfFloor)
		if c.Fsyncs != nil {
			writes = *c.Fsyncs
		}
		c.Floor = float64(c.Signatures)*r.Sign(*c) + writes*r.Machine.AppendCPU
	}
}

// Milliseconds is a duration in milliseconds.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MiB is bytes in MiB.
func MiB(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// Quantile is the value of sorted ones that so large a share of them does not
// exceed, by nearest rank; 0 of none. It is exact: nothing is put into buckets.
func Quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median is the middle of values, which need not be sorted; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
