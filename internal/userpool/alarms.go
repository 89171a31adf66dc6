package userpool

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// alarmsEvery is how often a server looks for what an operator should be told.
const alarmsEvery = 15 * time.Second

// guessesTold is the part of the wrong answers that are let be from which on they are
// told of.
const guessesTold = 0.9

// What the guard does in the background is done at each tick while this server texts,
// or answers are tried here, and for a while after; else once in a while, for what
// other servers left.
const (
	busyFor  = 10 * time.Minute
	idleLook = 2 * time.Minute
)

// guarding notes that the guard was asked.
func (s *Service) guarding(at time.Time) { s.guardedAt.Store(at.UnixMilli()) }

// whileBusy has a job run at each tick while the guard is busy.
func (s *Service) whileBusy(job func(context.Context) error) func(context.Context) error {
	var last time.Time
	return func(ctx context.Context) error {
		at := s.now()
		if busy := at.Sub(time.UnixMilli(s.guardedAt.Load())) < busyFor; !busy && at.Sub(last).Abs() < idleLook {
			return nil
		}
		last = at
		return job(ctx)
	}
}

// maxAlarmPools bounds the pools whose wrong answers are looked at.
const maxAlarmPools = 100

// alarms are what a server has told of: by name, what it said.
type alarms map[string]string

// watchGuard logs what begins and what ends: alarms of countries, carriers' outages,
// budgets that are nearly spent, wrong answers that are too many. Prefixes that close
// are told by number only, for there may be thousands.
func (s *Service) watchGuard() func(context.Context) error {
	told := alarms{}
	return func(ctx context.Context) error {
		st, err := s.GuardStatus(ctx)
		if err != nil {
			return err
		}
		now := s.alarmsOf(st)
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if told[name] == "" {
				s.log.WarnContext(ctx, "guard: "+now[name])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(told)) {
			if now[name] == "" {
				s.log.InfoContext(ctx, "guard: it is over: "+told[name])
			}
		}
		told = now
		return nil
	}
}

// alarmsOf are the alarms of a status.
func (s *Service) alarmsOf(st GuardStatus) alarms {
	found, prefixes := alarms{}, 0
	for _, c := range st.Standings {
		what := fmt.Sprintf("%s %s stands at %s", c.Key.Kind, c.Key.Of(), c.Cell.Standing)
		switch c.Key.Kind {
		case guard.CellBlock, guard.CellRange, guard.CellArea:
			prefixes++
			continue
		case guard.CellServer:
			what = "no codes are used any more on this server: either nobody can, or the app does not confirm them here; the statistics hold still and the limits stay"
		case guard.CellCountry:
			what = fmt.Sprintf("codes texted to %s are used less than they were: strangers there must step up", c.Key.Of())
		case guard.CellCarrier:
			what = fmt.Sprintf("codes texted to %s… are not used by known numbers either: an outage of a carrier", c.Key.Of())
		}
		found[c.Key.String()] = what
	}
	if prefixes > 0 {
		found["prefixes"] = fmt.Sprintf("prefixes are closed to strangers (%d at the moment; bellhop guard status lists them)", prefixes)
	}
	for _, b := range st.Budgets {
		if b.Limit > 0 && b.Have >= s.guard.Settings().Tuning.Soft*b.Limit {
			found["budget "+b.Of] = fmt.Sprintf("the budget %s is nearly spent: $%.2f of $%.2f", b.Of, b.Have, b.Limit)
		}
	}
	for _, g := range st.Guesses {
		if g.Limit > 0 && g.Have >= guessesTold*g.Limit {
			found["guesses "+g.Of] = fmt.Sprintf("somebody guesses codes: %.0f wrong answers in %s, %.0f are let be", g.Have, g.Of, g.Limit)
		}
	}
	return found
}
