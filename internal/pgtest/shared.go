package pgtest

import (
	"sync"
	"testing"
)

// shared is the one cluster of a test binary, for tests that need a database
// and nothing of the server.
var shared struct {
	mu      sync.Mutex // guards the fields below
	cluster *Cluster
	err     error
}

// Shared returns a cluster that all tests of the binary share; it is started by
// the first who asks. It does not survive a power cut, and nobody may stop it.
// TestMain calls StopShared.
func Shared(tb testing.TB) *Cluster {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = begin(Options{Unsafe: true, MaxConnections: 300})
	}
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.cluster
}

// StopShared stops the shared cluster, if there is one, and removes its files.
func StopShared() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster != nil {
		shared.cluster.Remove()
		shared.cluster = nil
	}
}
