//go:build linux

package main

import (
	"context"
	"time"

	"github.com/bellhop-auth/bellhop/internal/bench"
	"github.com/bellhop-auth/bellhop/internal/bench/crowd"
	"github.com/bellhop-auth/bellhop/internal/bench/plant"
)

// countedFor is how long a flow runs to be counted.
const countedFor = 500 * time.Millisecond

// countAll counts what the closed loops of the cells commit, on a server that does
// nothing else: one that is observed is slower.
func (m *measurement) countAll(ctx context.Context, site *place, cells []bench.Cell) error {
	for i := range cells {
		c := &cells[i]
		flow, err := crowd.Find(c.Flow)
		if err != nil {
			return err
		}
		if c.Rate > 0 || flow.Once || c.Failed() > 0 {
			continue
		}
		if err := m.countCell(ctx, site, flow, c); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) countCell(ctx context.Context, site *place, flow crowd.Flow, c *bench.Cell) error {
	group, err := m.gather(ctx, site, flow, c.Workers)
	if err != nil {
		return err
	}
	if err := site.Stop(); err != nil {
		return err
	}
	observed, err := site.Count(ctx)
	if err != nil {
		return err
	}
	group.Move(site.Address)
	var counts [2]plant.Counts
	out, err := group.Drive(ctx, flow, crowd.Load{Workers: c.Workers, For: countedFor}, func(open bool) (err error) {
		counts[at(open)], err = observed.Read(ctx)
		return err
	})
	if err != nil {
		return err
	}
	inAll, err := observed.End()
	if err != nil {
		return err
	}
	n := float64(max(1, out.Flows))
	commits := (counts[1].Commits - counts[0].Commits) / n
	c.Commits = &commits
	switch fsyncs := (counts[1].Fsyncs - counts[0].Fsyncs) / n; {
	case counts[0].Fsyncs >= 0:
		c.Fsyncs = &fsyncs
	case inAll >= 0:
		fsyncs = inAll / float64(max(1, out.Whole)) // those of a start among them, some five
		c.Fsyncs = &fsyncs
	}
	return site.Start(ctx)
}

// at is the place of what is read when a window opens, and when it closes.
func at(open bool) int {
	if open {
		return 0
	}
	return 1
}
