package rehearse

import (
	"context"
	"iter"
	"time"

	"github.com/bellhop-auth/bellhop/internal/guard"
)

// Comparison is cases beside what other settings would have made of them.
type Comparison struct {
	Requests int       `json:"requests"`
	Used     int       `json:"used"` // whose codes were used
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Was      Tally     `json:"was"`
	Would    []Tally   `json:"would"` // in the order of the settings
}

// Tally is what became of the cases.
type Tally struct {
	Name         string     `json:"name"`
	Sent         int        `json:"sent"`
	Spent        float64    `json:"spent"`        // dollars
	SpentUnused  float64    `json:"spent_unused"` // on codes that were not used
	SteppedUp    int        `json:"stepped_up"`
	Refused      int        `json:"refused"`
	RefusedKnown int        `json:"refused_known"`
	RefusedUsed  int        `json:"refused_used"`    // whose codes were used
	AskedUsed    int        `json:"stepped_up_used"` // asked for a step-up first, and used their codes
	First        *time.Time `json:"first_restricted_at"`

	spent, unused dollars
}

// Named are settings with a name for people.
type Named struct {
	Name     string
	Settings guard.Settings
}

// Compare plays the cases with each of the settings.
func Compare(ctx context.Context, cases iter.Seq2[Case, error], settings ...Named) (Comparison, error) {
	c := Comparison{Was: Tally{Name: "as it was"}}
	players := make([]*Player, len(settings))
	for i, s := range settings {
		c.Would = append(c.Would, Tally{Name: s.Name})
		players[i] = New(guard.NewEngine(s.Settings), s.Settings.Prices)
	}
	for one, err := range cases {
		switch {
		case err != nil:
			return Comparison{}, err
		case ctx.Err() != nil:
			return Comparison{}, ctx.Err()
		}
		c.count(one)
		for i, p := range players {
			r, err := p.PlayCase(ctx, one)
			if err != nil {
				return Comparison{}, err
			}
			c.Would[i].add(one, r.Sent, r.First.Verdict == guard.StepUp && !r.Waited, r.Waited)
		}
	}
	c.Was.sum()
	for i := range c.Would {
		c.Would[i].sum()
	}
	return c, nil
}

func (c *Comparison) count(one Case) {
	if c.Requests == 0 {
		c.From = one.At
	}
	c.To = one.At
	c.Requests++
	if !one.UsedAt.IsZero() {
		c.Used++
	}
	c.Was.add(one, one.Sent, one.Stepped, false)
}

func (t *Tally) add(c Case, sent, stepped, waited bool) {
	used := !c.UsedAt.IsZero()
	if sent {
		t.Sent++
		t.spent.add(c.Ask.Price.Float())
		if !used {
			t.unused.add(c.Ask.Price.Float())
		}
	}
	if stepped {
		t.SteppedUp++
		if used {
			t.AskedUsed++
		}
	}
	if (stepped || !sent && !waited) && t.First == nil {
		t.First = &c.At
	}
	if sent || waited {
		return
	}
	t.Refused++
	if c.Ask.Known {
		t.RefusedKnown++
	}
	if used {
		t.RefusedUsed++
	}
}

func (t *Tally) sum() { t.Spent, t.SpentUnused = t.spent.Float(), t.unused.Float() }
