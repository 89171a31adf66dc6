// Package capacity foretells how many flows a second nodes and their database do, from
// what one flow was measured to take. It is a simulation in virtual time of the places
// where a flow waits (sim.go), and the load at which each of them is full (limits.go).
// It measures nothing, and knows of a flow only what Flow says.
package capacity

import (
	"errors"
	"fmt"
)

// Flow is what one flow takes where nobody else is: what a measurement says. Times are in
// milliseconds.
type Flow struct {
	Node       float64 `json:"node_cpu_ms"`       // of a node's processors
	Signing    float64 `json:"signing_cpu_ms"`    // of that, what comes after the last commit
	Database   float64 `json:"database_cpu_ms"`   // of the database's processors
	Driver     float64 `json:"driver_cpu_ms"`     // of the processors of whoever asks
	Commits    float64 `json:"commits"`           // transactions that wait for the disk
	RoundTrips float64 `json:"round_trips"`       // of all transactions, their commits among them
	Log        float64 `json:"log_bytes"`         // of the database's write-ahead log
	Shared     float64 `json:"shared_row_writes"` // of the commits, those that write a row which others write too

	// What it takes of both where its node has nobody else: what is done for all who are
	// there at once (messages are claimed, the audit trail is written, somebody wakes up)
	// is done for him. 0 is no more than in company.
	NodeAlone     float64 `json:"node_cpu_ms_alone,omitempty"`
	DatabaseAlone float64 `json:"database_cpu_ms_alone,omitempty"`
}

// among is the flow where its node has so many at once, itself among them: what is done
// for all is shared by them.
func (f Flow) among(n float64) Flow {
	f.Node += max(0, f.NodeAlone-f.Node) / n
	f.Database += max(0, f.DatabaseAlone-f.Database) / n
	return f
}

// Crowd is the flow by two measurements at one node: of one worker, and of many. Its
// costs are those of a crowd without end.
func Crowd(one, many Flow, workers int) Flow {
	f, share := many, 1/float64(workers)
	apart := func(one, many float64) float64 { return max(0, one-many) / (1 - share) }
	f.NodeAlone, f.DatabaseAlone = max(one.Node, many.Node), max(one.Database, many.Database)
	f.Node = f.NodeAlone - apart(one.Node, many.Node)
	f.Database = f.DatabaseAlone - apart(one.Database, many.Database)
	return f
}

// Plant is nodes and one database, on machines.
type Plant struct {
	Cores    []int // of each machine
	Nodes    []int // the machine of each node
	Database int   // the machine of the database
	Driver   int   // the machine of those who ask, or Elsewhere

	Connections int     // of each node to the database
	Link        float64 // a round trip between a node and the database, ms
	Flush       float64 // a durable write of the log, which takes along all who wait for it, ms
	LogRate     float64 // bytes a second that the log's disk takes; 0 has no end
	Rows        int     // how many shared rows there are, each as likely

	IdleNode     float64 // processor time of a node that nobody asks, ms a second
	IdleDatabase float64 // of the database, for each node that nobody asks, ms a second
}

// Elsewhere is the machine of who takes nothing of any machine here.
const Elsewhere = -1

// Apart is a plant of so many nodes of so many cores, each a machine, with the database
// on another one.
func Apart(nodes, cores, databaseCores int) Plant {
	p := Plant{Cores: []int{databaseCores}, Driver: Elsewhere, Connections: connections(cores), Rows: 1}
	for n := range nodes {
		p.Cores, p.Nodes = append(p.Cores, cores), append(p.Nodes, n+1)
	}
	return p
}

// Together is a plant of so many nodes that share one machine with the database and with
// whoever asks.
func Together(nodes, cores int) Plant {
	return Plant{Cores: []int{cores}, Nodes: make([]int, nodes), Connections: connections(cores), Rows: 1}
}

// connections are as many as a node has by itself (docs/operating.md).
func connections(cores int) int { return max(16, 4*cores) }

func (f Flow) check() error {
	switch {
	case f.Node <= 0 || f.Commits <= 0:
		return errors.New("a flow takes some processor time of a node and some commits")
	case f.RoundTrips < f.Commits:
		return fmt.Errorf("%g round trips are fewer than the %g commits among them", f.RoundTrips, f.Commits)
	case f.Signing < 0 || f.Signing > f.Node:
		return fmt.Errorf("signing takes %g ms of the %g ms of a node", f.Signing, f.Node)
	case f.Shared < 0 || f.Shared > f.Commits:
		return fmt.Errorf("%g of %g commits write a shared row", f.Shared, f.Commits)
	case f.Database < 0 || f.Driver < 0 || f.Log < 0:
		return errors.New("nothing takes less than no time")
	}
	return nil
}

func (p Plant) check() error {
	if len(p.Nodes) == 0 || p.Connections < 1 || p.Rows < 1 {
		return errors.New("a plant has nodes, with connections, and a shared row at least")
	}
	if p.Link < 0 || p.Flush < 0 || p.LogRate < 0 || p.IdleNode < 0 || p.IdleDatabase < 0 {
		return errors.New("nothing takes less than no time")
	}
	for m, cores := range p.Cores {
		if idle := p.idle(m); float64(cores) <= idle {
			return fmt.Errorf("machine %d has %d processors and is never idle", m, cores)
		}
	}
	return nil
}

// idle is how many processors of a machine are busy while nobody asks.
func (p Plant) idle(machine int) (busy float64) {
	for _, m := range p.Nodes {
		if m == machine {
			busy += p.IdleNode / 1000
		}
	}
	if p.Database == machine {
		busy += p.IdleDatabase / 1000 * float64(len(p.Nodes))
	}
	return busy
}

// demand is the processor time that a flow takes of a machine on average, in ms, when
// nodes get equal shares.
func (p Plant) demand(f Flow, machine int) (ms float64) {
	for _, m := range p.Nodes {
		if m == machine {
			ms += f.Node / float64(len(p.Nodes))
		}
	}
	if p.Database == machine {
		ms += f.Database
	}
	if p.Driver == machine {
		ms += f.Driver
	}
	return ms
}

// SignIn is a sign-in by texted code as docs/scaling.md measured it of one node on
// PostgreSQL: what bellhop-bench model reckons with if it is told nothing else.
var SignIn = Flow{
	Node: 1.15, NodeAlone: 1.45, Signing: 0.48, Database: 0.85, DatabaseAlone: 0.85,
	Commits: 2.15, RoundTrips: 4.4, Log: 6_100,
}
