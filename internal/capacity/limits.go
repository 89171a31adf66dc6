package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limit is a load that something bears and no more, by the laws of Little and of
// utilisation, which hold however flows come.
type Limit struct {
	Of        string
	PerSecond float64
	Why       string
}

// Limits are all of a plant, what is reached first coming first.
func Limits(f Flow, p Plant) ([]Limit, error) {
	if err := cmp.Or(f.check(), p.check()); err != nil {
		return nil, err
	}
	var all []Limit
	add := func(of string, perSecond float64, why string, args ...any) {
		if !math.IsInf(perSecond, 1) {
			all = append(all, Limit{of, perSecond, fmt.Sprintf(why, args...)})
		}
	}
	for m, cores := range p.Cores {
		free := float64(cores) - p.idle(m)
		add("processors of "+p.whose(m), free/p.demand(f, m)*1000, "%.2f of %d are free, a flow takes %.2f ms of them", free, cores, p.demand(f, m))
	}
	tx := p.transaction(f)
	places := float64(p.Connections * len(p.Nodes))
	add("connections to the database", places/(tx*f.Commits)*1000, "%.0f, each held for %.2f ms a transaction", places, tx)
	add("rows that all write", float64(p.Rows)/(tx*f.Shared)*1000, "%d, each held for %.2f ms", p.Rows, tx)
	if p.LogRate > 0 {
		add("the log's disk", p.LogRate/f.Log, "%.1f KiB a flow of %.0f MiB a second", f.Log/1024, p.LogRate/(1<<20))
	}
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(a.PerSecond, b.PerSecond) })
	// Of several nodes alike the first is enough.
	return slices.CompactFunc(all, func(a, b Limit) bool { return a.Of == b.Of }), nil
}

// whose says what is on a machine.
func (p Plant) whose(machine int) string {
	var all []string
	if n := len(p.Nodes); slices.Contains(p.Nodes, machine) {
		all = append(all, map[bool]string{true: "the node", false: "the nodes"}[n == 1])
	}
	if p.Database == machine {
		all = append(all, "the database")
	}
	if p.Driver == machine {
		all = append(all, "those who ask")
	}
	return strings.Join(all, ", ")
}

// transaction is how long one takes where nothing waits, so how long it holds its
// connection: its round trips, what is done between them, and its commit.
func (p Plant) transaction(f Flow) (ms float64) {
	trips := f.RoundTrips / f.Commits
	between := p.Link + f.Database/f.RoundTrips + (f.Node-f.Signing)/(f.Commits+f.RoundTrips)
	return trips*between + p.Flush
}
