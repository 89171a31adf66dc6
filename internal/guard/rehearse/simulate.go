package rehearse

import (
	"context"
	"runtime"
	"sync"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
)

// Simulation plays scenarios, each with several seeds.
type Simulation struct {
	Settings  guard.Settings
	Options   traffic.Options // but for the seed
	Scenarios []traffic.Scenario
	Seeds     []uint64
}

// Run is one scenario with one seed.
type Run struct {
	Scenario traffic.Scenario
	Seed     uint64
	Span     traffic.Span
	Score    *Score
}

// Run plays all. Runs come in the order of the scenarios, and of the seeds within.
func (s Simulation) Run(ctx context.Context) ([]Run, error) {
	runs := make([]Run, len(s.Scenarios)*len(s.Seeds))
	errs := make([]error, len(s.Seeds))
	var work sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for n := range s.Seeds {
		free <- struct{}{}
		work.Go(func() {
			errs[n] = s.seed(ctx, n, runs)
			<-free
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// seed plays all scenarios with the n-th seed. What came before is played once
// for those that have it in common.
func (s Simulation) seed(ctx context.Context, n int, runs []Run) error {
	o, known := s.Options, &numbers{}
	o.Seed = s.Seeds[n]
	done := make([]bool, len(s.Scenarios))
	for first, scenario := range s.Scenarios {
		if done[first] {
			continue
		}
		history := New(guard.NewEngine(s.Settings), s.Settings.Prices)
		history.numbers = known
		if err := history.PlayAll(ctx, scenario.History(o), nil); err != nil {
			return err
		}
		for i, other := range s.Scenarios[first:] {
			if i += first; done[i] || other.World(o) != scenario.World(o) {
				continue
			}
			run, err := history.Clone().scenario(ctx, other, o)
			if err != nil {
				return err
			}
			runs[i*len(s.Seeds)+n], done[i] = run, true
		}
	}
	return nil
}

// scenario plays one, and keeps the score.
func (p *Player) scenario(ctx context.Context, s traffic.Scenario, o traffic.Options) (r Run, err error) {
	r = Run{Scenario: s, Seed: o.Seed, Span: s.Span(o)}
	r.Score = NewScore(r.Span.From, r.Span.To)
	if s.Guessing {
		if r.Score.Answers, err = p.PlayAnswers(); err != nil {
			return r, err
		}
	}
	return r, p.PlayAll(ctx, s.Stream(o), r.Score)
}

// PlayAll plays a stream and keeps the score, if there is one to keep.
func (p *Player) PlayAll(ctx context.Context, s *traffic.Stream, score *Score) error {
	for e := range s.All() {
		r, err := p.Play(ctx, &e)
		if err != nil {
			return err
		}
		if score != nil {
			score.Add(&e, r)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
