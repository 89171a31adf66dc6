//go:build linux

package main

import (
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/bench"
	"github.com/bellhop-auth/bellhop/internal/bench/crowd"
)

// step is one flow under one load.
type step struct {
	flow    crowd.Flow
	workers int     // closed loop
	rate    float64 // open loop
	share   float64 // open loop at this share of the most that a closed loop reached
	window  time.Duration
	warmUp  time.Duration
}

// stage is the steps that one installation is measured by.
type stage struct {
	database string
	enforce  bool
	many     bool // people enough for limits in force, from addresses of their own
	steps    []step
}

// The flows that an open loop can have under way: as many as begin in a second, but
// more than a server has places for are of no use.
const fewestOpen, mostOpen = 16, 256

// Of what is measured by default.
var (
	fullWorkers  = []int{1, 8, 32, 64}
	fullShares   = []float64{0.25, 0.5, 0.75, 0.9}
	quickShares  = []float64{0.5}
	limitWorkers = []int{8}
)

// plan is what the command line asks for.
func (o options) plan() (all []stage) {
	for _, database := range o.databases {
		for _, limits := range o.limits {
			s := stage{database: database, enforce: limits == limitsEnforce, many: limits == limitsEnforce}
			switch {
			case o.chosen():
				s.steps = o.asked()
			case o.quick:
				s.steps = o.quickly()
			default:
				s.steps = o.fully(s.enforce)
			}
			all = append(all, s)
		}
	}
	return all
}

// Of what enforcing limits adds by default: as many pairs as a median wants.
const (
	addedPairs  = 8
	addedFor    = time.Second
	addedWarmUp = roundWarmUp
)

// added is by what is measured what enforcing limits adds, where it was not said what
// to measure.
func (o options) added() (all []stage) {
	if o.chosen() || !o.bothLimits() {
		return nil
	}
	texted, _ := crowd.Find("texted")
	for _, database := range o.databases {
		all = append(all, stage{database: database, steps: []step{{flow: texted, workers: bench.TargetWorkers, window: addedFor, warmUp: addedWarmUp}}})
	}
	return all
}

// bothLimits says that limits are to be off, and enforced.
func (o options) bothLimits() bool {
	return len(o.limits) == 2 && slices.Contains(o.limits, limitsOff) && slices.Contains(o.limits, limitsEnforce)
}

// asked is every flow that was named, under every load that was.
func (o options) asked() (steps []step) {
	flows, workers := o.flows, o.workers
	if len(flows) == 0 {
		flows = []string{"texted"}
	}
	if len(workers) == 0 && len(o.rates) == 0 {
		workers = []int{8}
	}
	for _, name := range flows {
		f, _ := crowd.Find(name) // it was checked
		for _, n := range workers {
			steps = append(steps, step{flow: f, workers: n, window: o.window, warmUp: o.warmUp})
		}
		for _, r := range o.rates {
			steps = append(steps, step{flow: f, rate: r, window: o.window, warmUp: o.warmUp})
		}
	}
	return steps
}

// quickly is what tells most, in less than a minute for both databases.
func (o options) quickly() []step {
	const warmUp = 400 * time.Millisecond
	texted, _ := crowd.Find("texted")
	steps := []step{
		{flow: texted, workers: 1, window: 1500 * time.Millisecond, warmUp: warmUp},
		{flow: texted, workers: 8, window: 3 * time.Second, warmUp: warmUp},
	}
	for _, f := range crowd.Flows()[1:] {
		steps = append(steps, step{flow: f, workers: 8, window: 1500 * time.Millisecond, warmUp: warmUp})
	}
	for _, share := range quickShares {
		steps = append(steps, step{flow: texted, share: share, window: 2 * time.Second, warmUp: warmUp})
	}
	return steps
}

// fully is everything: with limits in force those flows that they count.
func (o options) fully(enforce bool) (steps []step) {
	workers := fullWorkers
	if enforce {
		workers = limitWorkers
	}
	for _, f := range crowd.Flows() {
		if enforce && !f.Texts() {
			continue
		}
		for _, n := range workers {
			steps = append(steps, step{flow: f, workers: n, window: o.window, warmUp: o.warmUp})
		}
	}
	if !enforce {
		texted, _ := crowd.Find("texted")
		for _, share := range fullShares {
			steps = append(steps, step{flow: texted, share: share, window: o.window, warmUp: o.warmUp})
		}
	}
	return steps
}
