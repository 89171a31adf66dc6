package rehearse

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Spread is a figure over several seeds.
type Spread struct {
	Worst float64 `json:"worst"`
	Mean  float64 `json:"mean"`
	n     int
}

// never is the figure of what did not happen with any seed.
const never = -1

// add takes one seed's figure, NaN for what did not happen; sign is -1 where less
// is worse.
func (s *Spread) add(v, sign float64) {
	switch {
	case math.IsNaN(v) && s.n == 0:
		s.Worst, s.Mean = never, never
		return
	case math.IsNaN(v):
		return
	case s.n == 0:
		s.Mean = 0
	}
	if s.n == 0 || sign*v > sign*s.Worst {
		s.Worst = v
	}
	s.n++
	s.Mean += (v - s.Mean) / float64(s.n)
}

// Summary is one scenario over its seeds. Parts are in percent, money is in
// dollars, and a figure of what never happened is -1.
type Summary struct {
	Scenario        string     `json:"scenario"`
	About           string     `json:"about"`
	Seeds           int        `json:"seeds"`
	AttackRequests  float64    `json:"attack_requests"` // mean
	AttackSent      Spread     `json:"attack_sent"`
	SentStepUp      Spread     `json:"attack_sent_stepup"`
	Blocked         Spread     `json:"spend_blocked_percent"` // of the attack's spend
	Lost            Spread     `json:"lost_dollars"`
	LossOfNormal    Spread     `json:"loss_percent_of_normal_spend"` // that of real people meanwhile
	RestrictedAfter Spread     `json:"first_restricted_after_seconds"`
	SentBefore      Spread     `json:"sent_before_first_restriction"`
	Legit           float64    `json:"legit_requests"` // mean
	Refused         Spread     `json:"legit_refused_percent"`
	SteppedUp       Spread     `json:"legit_stepped_up_percent"`
	RefusedKnown    Spread     `json:"legit_refused_known"`  // but for asking too often themselves
	NearRefused     Spread     `json:"near_refused_percent"` // people whom it concerns most
	NearSteppedUp   Spread     `json:"near_stepped_up_percent"`
	LateAfter       Spread     `json:"near_restricted_percent_after_ten_minutes"`
	LastAfter       Spread     `json:"near_last_restriction_seconds_afterwards"`
	Answers         *Answers   `json:"answers,omitempty"`
	Rules           []RuleMean `json:"rules"`
}

// Answers is what became of answers to codes.
type Answers struct {
	Guesses      float64 `json:"guesses"` // mean
	Compared     Spread  `json:"compared"`
	BeforeAlarm  Spread  `json:"compared_before_alarm"`
	RightRefused Spread  `json:"right_refused_percent"`
}

func (a *Answers) add(s *AnswerScore, seeds int) {
	a.Guesses += (float64(s.Guesses) - a.Guesses) / float64(seeds)
	a.Compared.add(float64(s.Compared), 1)
	a.BeforeAlarm.add(float64(s.BeforeAlarm), 1)
	a.RightRefused.add(percent(float64(s.RightRefused), float64(s.Right)), 1)
}

// RuleMean is how often a rule decided, a seed.
type RuleMean struct {
	Rule          guard.Rule `json:"rule"`
	AttackRefused float64    `json:"attack_refused"`
	AttackStepped float64    `json:"attack_stepped_up"`
	LegitRefused  float64    `json:"legit_refused"`
	LegitStepped  float64    `json:"legit_stepped_up"`
}

// Summarize puts the seeds of each scenario together.
func Summarize(runs []Run) []Summary {
	var all []Summary
	rules := map[guard.Rule]*[4]int{}
	for i, r := range runs {
		if i == 0 || r.Scenario.Name != runs[i-1].Scenario.Name {
			all = append(all, Summary{Scenario: r.Scenario.Name, About: r.Scenario.About})
			clear(rules)
		}
		s := &all[len(all)-1]
		s.add(r)
		for rule, n := range r.Score.ByRule {
			if rules[rule] == nil {
				rules[rule] = new([4]int)
			}
			for i := range n {
				rules[rule][i] += n[i]
			}
		}
		s.Rules = nil
		for _, rule := range slices.Sorted(maps.Keys(rules)) {
			n, of := rules[rule], float64(s.Seeds)
			s.Rules = append(s.Rules, RuleMean{rule, float64(n[0]) / of, float64(n[2]) / of, float64(n[1]) / of, float64(n[3]) / of})
		}
	}
	return all
}

func (s *Summary) add(r Run) {
	a, l, near, after := r.Score.Attack, r.Score.Legit, r.Score.Near, r.Score.After
	s.Seeds++
	n := float64(s.Seeds)
	s.AttackRequests += (float64(a.Requests) - s.AttackRequests) / n
	s.Legit += (float64(l.Requests) - s.Legit) / n
	s.AttackSent.add(float64(a.Sent), 1)
	s.SentStepUp.add(float64(a.SentStepUp), 1)
	s.Blocked.add(100-percent(a.Spend.Float(), a.SpendOffered.Float()), -1)
	s.Lost.add(a.Spend.Float(), 1)
	s.LossOfNormal.add(percent(a.Spend.Float(), l.Offered.Float()), 1)
	s.RestrictedAfter.add(a.FirstRestricted-r.Span.From, 1)
	s.SentBefore.add(float64(a.SentBefore), 1)
	s.Refused.add(percent(float64(l.Refused), float64(l.Requests)), 1)
	s.SteppedUp.add(percent(float64(l.SteppedUp), float64(l.Requests)), 1)
	s.RefusedKnown.add(float64(l.OthersKnown), 1)
	s.NearRefused.add(percent(float64(near.Refused), float64(near.Requests)), 1)
	s.NearSteppedUp.add(percent(float64(near.SteppedUp), float64(near.Requests)), 1)
	s.LateAfter.add(percent(float64(after.Late), float64(after.Requests)), 1)
	s.LastAfter.add(after.Last-r.Span.To, 1)
	if r.Score.Answers != nil {
		if s.Answers == nil {
			s.Answers = &Answers{}
		}
		s.Answers.add(r.Score.Answers, s.Seeds)
	}
}

func percent(part, of float64) float64 {
	if of == 0 {
		return 0
	}
	return 100 * part / of
}

// Headings are those of Cells.
func Headings() []string {
	return []string{
		"SCENARIO", "ATTACK", "SENT", "BLOCKED %", "LOST $", "OF NORMAL %", "FIRST s", "AFTER TEXTS",
		"PEOPLE", "REFUSED %", "STEP-UP %", "KNOWN REFUSED", "NEAR REFUSED %", "NEAR STEP-UP %", "LATE %", "LAST s",
	}
}

// Cells are the summary as a row of a table: the worst seed, and the mean of all
// where there are several.
func (s Summary) Cells() []string {
	attack := func(sp Spread, format string) string {
		if s.AttackRequests == 0 {
			return "-"
		}
		return s.cell(sp, format)
	}
	return []string{
		s.Scenario, fmt.Sprintf("%.0f", s.AttackRequests), attack(s.AttackSent, "%.0f"), attack(s.Blocked, "%.2f"),
		attack(s.Lost, "%.2f"), attack(s.LossOfNormal, "%.2f"), attack(s.RestrictedAfter, "%.1f"), attack(s.SentBefore, "%.0f"),
		fmt.Sprintf("%.0f", s.Legit), s.cell(s.Refused, "%.3f"), s.cell(s.SteppedUp, "%.3f"), s.cell(s.RefusedKnown, "%.0f"),
		s.cell(s.NearRefused, "%.2f"), s.cell(s.NearSteppedUp, "%.2f"), s.cell(s.LateAfter, "%.3f"), s.cell(s.LastAfter, "%.0f"),
	}
}

// AnswerHeadings are those of AnswerCells.
func AnswerHeadings() []string {
	return []string{"SCENARIO", "GUESSES", "COMPARED", "BEFORE ALARM", "RIGHT ONES REFUSED %"}
}

// AnswerCells are what became of answers, nil where none were played.
func (s Summary) AnswerCells() []string {
	a := s.Answers
	if a == nil {
		return nil
	}
	return []string{s.Scenario, fmt.Sprintf("%.0f", a.Guesses), s.cell(a.Compared, "%.0f"), s.cell(a.BeforeAlarm, "%.0f"), s.cell(a.RightRefused, "%.3f")}
}

func (s Summary) cell(sp Spread, format string) string {
	show := func(v float64) string {
		if v == never {
			return "never"
		}
		return fmt.Sprintf(format, v)
	}
	if s.Seeds < 2 || sp.Worst == never {
		return show(sp.Worst)
	}
	return show(sp.Worst) + " (" + fmt.Sprintf(format, sp.Mean) + ")"
}
