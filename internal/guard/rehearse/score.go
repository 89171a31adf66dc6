package rehearse

import (
	"encoding/json"
	"math"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/guard/traffic"
)

// Score is what a run came to.
type Score struct {
	Attack  AttackScore
	Legit   LegitScore
	Country map[string]*[2]int // requests and sent, by country

	// From and To are the seconds that Attack and Legit speak of; both zero for all.
	From, To float64
	// Near and After are of people near what a scenario is about, in those seconds
	// and after them.
	Near  LegitScore
	After AfterScore
	// Answers is nil where none were played.
	Answers *AnswerScore
	ByRule  map[guard.Rule]*[4]int // attack and legit refused, attack and legit stepped up first
}

// AttackScore is of attack lines.
type AttackScore struct {
	Requests, Sent, SentStepUp int
	Spend, SpendOffered        dollars
	Unused                     dollars // spent on codes that were not used
	FirstRestricted            float64 // its t, NaN for none
	SentBefore                 int     // that were sent until then
}

// LegitScore is of the lines of real people.
type LegitScore struct {
	Requests, Refused, SteppedUp, RefusedKnown int
	OthersKnown                                int     // known, refused for another thing than how often they asked
	Offered                                    dollars // the price of all
}

// AfterScore is of lines of real people after To. Who is refused because he himself
// has asked too often is not counted as restricted.
type AfterScore struct {
	Requests, Restricted int
	Late                 int     // restricted later than ten minutes after
	Last                 float64 // the t of the last that was restricted, NaN for none
}

// soon is for how long an end may be felt.
const soon = 600.0

// NewScore returns a score of the seconds, all of them if both are zero.
func NewScore(from, to float64) *Score {
	return &Score{
		Attack: AttackScore{FirstRestricted: math.NaN()}, After: AfterScore{Last: math.NaN()},
		Country: map[string]*[2]int{}, ByRule: map[guard.Rule]*[4]int{}, From: from, To: to,
	}
}

// Add counts an event and what became of it.
func (s *Score) Add(e *traffic.Event, r Result) {
	within := s.From == s.To || e.T >= s.From && e.T < s.To
	switch {
	case within && e.Attack:
		s.Attack.add(e, r)
	case within:
		s.Legit.add(e, r)
		if e.Near {
			s.Near.add(e, r)
		}
	case e.Near && e.T >= s.To:
		s.After.add(e, r, e.T >= s.To+soon)
	}
	if !within {
		return
	}
	s.rule(e, r)
	c := s.Country[r.Country]
	if c == nil {
		c = new([2]int)
		s.Country[r.Country] = c
	}
	c[0]++
	if r.Sent {
		c[1]++
	}
}

func (s *Score) rule(e *traffic.Event, r Result) {
	count := func(rule guard.Rule, at int) {
		if s.ByRule[rule] == nil {
			s.ByRule[rule] = new([4]int)
		}
		if !e.Attack {
			at++
		}
		s.ByRule[rule][at]++
	}
	if r.Refused() {
		count(r.Last.Rule, 0)
	}
	if !r.Waited && r.First.Verdict == guard.StepUp {
		count(r.First.Rule, 2)
	}
}

func (a *AttackScore) add(e *traffic.Event, r Result) {
	a.Requests++
	a.SpendOffered.add(e.Price)
	if r.Restricted() && math.IsNaN(a.FirstRestricted) {
		a.FirstRestricted = e.T
		a.SentBefore = a.Sent
	}
	if !r.Sent {
		return
	}
	a.Sent++
	a.Spend.add(e.Price)
	if !e.Converts {
		a.Unused.add(e.Price)
	}
	if r.Stepped {
		a.SentStepUp++
	}
}

func (l *LegitScore) add(e *traffic.Event, r Result) {
	l.Requests++
	l.Offered.add(e.Price)
	if !r.Waited && r.First.Verdict == guard.StepUp {
		l.SteppedUp++
	}
	if r.Refused() {
		l.Refused++
		if e.Known {
			l.RefusedKnown++
			if r.Last.Rule != guard.RuleNumber {
				l.OthersKnown++
			}
		}
	}
}

func (a *AfterScore) add(e *traffic.Event, r Result, late bool) {
	a.Requests++
	if r.Waited || !r.Restricted() || r.Last.Rule == guard.RuleNumber {
		return
	}
	a.Restricted++
	a.Last = e.T
	if late {
		a.Late++
	}
}

// dollars adds up amounts without losing the small ones.
type dollars struct{ sum, lost float64 }

func (d *dollars) add(v float64) {
	v -= d.lost
	sum := d.sum + v
	d.lost = sum - d.sum - v
	d.sum = sum
}

// Float is the sum, to the billionth.
func (d dollars) Float() float64 { return math.Round(d.sum*1e9) / 1e9 }

// JSON is the score as a trace's replay prints it, with the seconds that it took.
func (s *Score) JSON(seconds float64) ([]byte, error) {
	var first *float64
	if !math.IsNaN(s.Attack.FirstRestricted) {
		first = &s.Attack.FirstRestricted
	}
	a, l := s.Attack, s.Legit
	return json.Marshal(struct {
		Attack    any                `json:"attack"`
		Legit     any                `json:"legit"`
		ByCountry map[string]*[2]int `json:"by_country"`
		Seconds   float64            `json:"seconds"`
	}{
		struct {
			Requests        int      `json:"requests"`
			Sent            int      `json:"sent"`
			SentStepUp      int      `json:"sent_stepup"`
			Spend           float64  `json:"spend"`
			SpendOffered    float64  `json:"spend_offered"`
			FirstRestricted *float64 `json:"first_restricted_at"`
		}{a.Requests, a.Sent, a.SentStepUp, a.Spend.Float(), a.SpendOffered.Float(), first},
		struct {
			Requests     int `json:"requests"`
			Refused      int `json:"refused"`
			SteppedUp    int `json:"stepped_up"`
			RefusedKnown int `json:"refused_known"`
		}{l.Requests, l.Refused, l.SteppedUp, l.RefusedKnown},
		s.Country, seconds,
	})
}
