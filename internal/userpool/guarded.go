package userpool

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/phone"
)

// What the guard says of itself, to operators.

// Explanation is what the guard makes of a number.
type Explanation struct {
	Number  phone.Number
	Country string
	Kind    phone.Kind
	Price   guard.Money
	Known   bool           // it has signed in within knownFor
	Test    bool           // it is a test number, which is sent nothing
	Now     guard.Decision // of a text to it at this moment, asked for from an address of which nothing is known
	Stepped guard.Decision // the same with a step-up passed
	Log     []guard.Entry  // what was decided of it, the newest first
}

// explained is how many past decisions an explanation has at most.
const explained = 20

// Explain says what the guard would decide of a text to the number now, by which
// rule, and what it decided before. Nothing is counted.
func (s *Service) Explain(ctx context.Context, number phone.Number) (Explanation, error) {
	at := s.now()
	to := Contact{Number: number}
	x := Explanation{Number: number}
	_, x.Test = s.testCode(to, at)
	err := s.store.View(ctx, func(tx Tx) error {
		a, err := s.asks(ctx, tx, &codeRequest{to: to, at: at, caller: Caller{Backend: true}}, s.party(to, backend))
		if err != nil {
			return err
		}
		x.Country, x.Kind, x.Price, x.Known = a.Route.Country, a.Kind, a.Price, a.Known
		if x.Now, err = s.guard.Explain(ctx, tx, a, at); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
		a.Stepped = true
		if x.Stepped, err = s.guard.Explain(ctx, tx, a, at); err != nil {
			return fmt.Errorf("guard: %w", err)
		}
		stopped, err := tx.OptedOut(ctx, a.Party.Number)
		if err != nil {
			return err
		}
		if stopped { // before the guard is asked, and no step-up changes it
			for _, d := range []*guard.Decision{&x.Now, &x.Stepped} {
				*d = guard.Decision{Verdict: guard.Refuse, Rule: guard.RuleStopped, Levels: d.Levels}
			}
		}
		x.Log, err = tx.Decisions(ctx, DecisionPage{Number: a.Party.Number, Newest: true, Limit: explained})
		return err
	})
	return x, err
}

// ExplainRequest returns what the guard decided in the request of that id.
func (s *Service) ExplainRequest(ctx context.Context, id string) (log []guard.Entry, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		log, err = tx.Decisions(ctx, DecisionPage{RequestID: id, Limit: explained})
		return err
	})
	if err == nil && len(log) == 0 {
		return nil, fault.New(fault.ResourceNotFound, "The decision log has nothing of a request %s. It is kept for 90 days; requests that asked for no text are in the audit trail alone.", clip(id))
	}
	return log, err
}

// GuardStatus is how the guard stands.
type GuardStatus struct {
	At        time.Time
	Budgets   []guard.Level // of the server, and of countries that have spent most
	Standings []KeyedCell   // what stands otherwise than open: the worst first
	Countries []KeyedCell   // of which most is known, those that convert worst first
	Guesses   []guard.Level // wrong answers of user pools, in an hour and a day
}

// The most that a status has of each.
const (
	statusStandings = 100
	statusCountries = 300
)

// standingKinds are the cells that can stand otherwise than open.
var standingKinds = []guard.CellKind{
	guard.CellServer, guard.CellCountry, guard.CellEntry, guard.CellCarrier, guard.CellArea, guard.CellRange, guard.CellBlock,
}

// GuardStatus looks at how the guard stands.
func (s *Service) GuardStatus(ctx context.Context) (GuardStatus, error) {
	st := GuardStatus{At: s.now()}
	err := s.store.View(ctx, func(tx Tx) error {
		st.Standings = nil
		for _, kind := range standingKinds {
			cells, err := tx.Standings(ctx, kind, true, statusStandings)
			if err != nil {
				return err
			}
			st.Standings = append(st.Standings, cells...)
		}
		countries, err := tx.Standings(ctx, guard.CellCountry, false, statusCountries)
		if err != nil {
			return err
		}
		st.Countries = countries
		young, err := tx.Standings(ctx, guard.CellEntry, false, statusCountries)
		if err != nil {
			return err
		}
		var names []string
		for _, c := range slices.Concat(countries, young) {
			names = append(names, c.Key.Of())
		}
		found, err := tx.Pools(ctx, "", maxAlarmPools)
		if err != nil {
			return err
		}
		pools := make([]string, len(found))
		for i, p := range found {
			pools[i] = string(p.ID)
		}
		if st.Budgets, err = s.guard.Exposure(ctx, tx, names, pools, st.At); err != nil {
			return err
		}
		st.Guesses, err = s.guesses(ctx, tx, pools, st.At)
		return err
	})
	slices.SortStableFunc(st.Countries, func(a, b KeyedCell) int { return byConversion(a.Cell, b.Cell) })
	return st, err
}

func (s *Service) guesses(ctx context.Context, tx Tx, pools []string, at time.Time) (all []guard.Level, err error) {
	for _, id := range pools {
		levels, err := s.guard.WrongAnswers(ctx, tx, id, at)
		if err != nil {
			return nil, err
		}
		all = append(all, levels...)
	}
	return all, nil
}

func byConversion(a, b guard.Cell) int {
	switch x, y := a.Conversion(), b.Conversion(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// decisionPage is how many lines of the decision log one transaction reads.
const decisionPage = 500

// GuardLog reads the decision log from since on, oldest first, page by page.
func (s *Service) GuardLog(ctx context.Context, since, until time.Time) iter.Seq2[guard.Entry, error] {
	return func(yield func(guard.Entry, error) bool) {
		page := DecisionPage{Above: string(firstAuditID(since)), Below: string(firstAuditID(until)), Limit: decisionPage}
		if until.IsZero() {
			page.Below = ""
		}
		for {
			var lines []guard.Entry
			err := s.store.View(ctx, func(tx Tx) (err error) {
				lines, err = tx.Decisions(ctx, page)
				return err
			})
			if err != nil {
				yield(guard.Entry{}, err)
				return
			}
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
			if len(lines) < page.Limit {
				return
			}
			page.Above = lines[len(lines)-1].ID
		}
	}
}
