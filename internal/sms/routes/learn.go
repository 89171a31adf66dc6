package routes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// What must be seen before a provider is put last in a country, and before it is put
// back. It is put last by much and with certainty: the order is the operator's, and
// a wrong demotion costs money.
const (
	span        = 30 * time.Minute // what the evidence is of
	fewTexts    = 8                // fewer tell nothing
	usualTexts  = 20               // of its own past, to compare with
	usualKept   = 0.97             // of that past at each span: half of it after some 11 hours
	poor        = 0.6              // of the share of used codes that it is compared with
	failedMany  = 0.3              // of the texts of which it tells anything
	significant = 0.0001           // chance of such a difference between two that are alike
	unlike      = 0.05             // chance at which a span is no part of its usual

	hopeTexts  = 3    // of probes, all well, for more of them
	backTexts  = 10   // of probes, to judge by
	backShare  = 0.8  // of what it is compared with
	backFailed = 0.15 // of the texts of which it tells anything
	holdFirst  = span // doubled each time, if it was put last within a day
	holdMost   = 4 * time.Hour
	strikesFor = 24 * time.Hour
	forgotten  = 6 * time.Hour // without evidence
)

// usualArrivals stand for what is usual where nothing is known.
var usualArrivals = tally{all: 100, good: 90}

// demotion is why a provider is put last in a country.
type demotion struct {
	since time.Time
	until time.Time // at the earliest
	why   string
	// probes: one text in so many sees whether it is well.
	probes uint32
}

// lessons are what was learned of providers in countries.
type lessons map[pair]*lesson

// lesson is of one of them. All counts are of numbers that had signed in before.
// Whoever pumps texts has others, and could make any provider look bad by them: codes
// that nobody uses, and numbers that do not exist.
type lesson struct {
	recent  recent // as it was told last, and what it heard before
	pending counts // of the last span that ended, which the recent may still overlap
	usual   counts // of the spans before, in which it was well
	spanEnd time.Time
	demoted *demotion
	strikes int // demotions, none of which was a day before the next
	struck  time.Time
}

type counts struct{ used, arrived tally }

// recent is the last half hour in slices, the latest first, and behind them the half
// hours before, each with half the weight of the next: where hardly anybody signs in,
// half an hour tells nothing.
type recent [sms.EvidenceSlices + 1]counts

const older = sms.EvidenceSlices

// latest is the sum of the n latest slices.
func (r *recent) latest(n int) (sum counts) {
	for _, c := range r[:n] {
		sum = sum.plus(c)
	}
	return sum
}

func (r *recent) all() counts { return r.latest(len(r)) }

// tally is how many of all were good.
type tally struct{ all, good float64 }

func (t tally) share() float64 {
	if t.all == 0 {
		return 0
	}
	return t.good / t.all
}

func (t tally) plus(o tally) tally            { return tally{t.all + o.all, t.good + o.good} }
func (t tally) times(f float64) tally         { return tally{t.all * f, t.good * f} }
func (t tally) String() string                { return fmt.Sprintf("%.0f of %.0f", t.good, t.all) }
func (c counts) plus(o counts) counts         { return counts{c.used.plus(o.used), c.arrived.plus(o.arrived)} }
func (c counts) times(f float64) counts       { return counts{c.used.times(f), c.arrived.times(f)} }
func (t tally) below(o tally, p float64) bool { return t.share() < o.share() && chance(t, o) < p }

func countsOf(e sms.Evidence) counts {
	return counts{
		used:    tally{float64(e.Sent), float64(min(e.Used, e.Sent))},
		arrived: tally{float64(e.Told), float64(e.Told - min(e.Failed, e.Told))},
	}
}

func (l lessons) demotion(provider int, country string) *demotion {
	if s := l[pair{provider, country}]; s != nil {
		return s.demoted
	}
	return nil
}

// Learn implements sms.Learner.
func (r *Router) Learn(now time.Time, evidence []sms.Evidence) {
	r.mu.Lock()
	r.hear(evidence)
	news := r.lessons.judge(now)
	r.lessons.turn(now)
	r.mu.Unlock()
	for _, n := range news {
		name := r.providers[n.provider].Name
		if n.demoted == nil {
			r.log.Info(fmt.Sprintf("the provider %s is back in its place in %s", name, orNoCountry(n.country)), "provider", name, "country", n.country)
			continue
		}
		r.log.Warn(fmt.Sprintf("the provider %s is put last in %s: %s", name, orNoCountry(n.country), n.demoted.why), "provider", name, "country", n.country)
	}
}

// hear replaces what was told before.
func (r *Router) hear(evidence []sms.Evidence) {
	for _, s := range r.lessons {
		s.recent = recent{older: s.recent[older]}
	}
	for _, e := range evidence {
		i := r.place(e.Provider)
		if i < 0 || !e.Known {
			continue
		}
		p := pair{i, e.Country}
		s := r.lessons[p]
		if s == nil {
			s = &lesson{}
			r.lessons[p] = s
		}
		slice := min(max(e.Slice, 0), sms.EvidenceSlices-1)
		s.recent[slice] = s.recent[slice].plus(countsOf(e))
	}
}

// verdict is a lesson's new standing.
type verdict struct {
	pair
	demoted *demotion // nil: it is put back
}

// judge puts providers last, and back. All are judged by how things stood before.
func (l lessons) judge(now time.Time) []verdict {
	var all []verdict
	for p, s := range l {
		others := l.others(p)
		if s.demoted == nil {
			if why := s.badBy(others); why != "" {
				all = append(all, verdict{p, &demotion{since: now, why: why, probes: probeOneIn}})
			}
			continue
		}
		if s.isBack(now, others) {
			all = append(all, verdict{p, nil})
		}
		d := *s.demoted // whoever holds it goes on reading what he has
		d.probes = s.probesNow(others)
		s.demoted = &d
	}
	for _, v := range all {
		l[v.pair].put(now, v.demoted)
	}
	slices.SortFunc(all, func(a, b verdict) int {
		return cmp.Or(cmp.Compare(a.country, b.country), cmp.Compare(a.provider, b.provider))
	})
	return all
}

// others is what was seen lately of the other providers in the country that are not
// put last.
func (l lessons) others(p pair) (sum recent) {
	for q, s := range l {
		if q.country != p.country || q.provider == p.provider || s.demoted != nil {
			continue
		}
		for i, c := range s.recent {
			sum[i] = sum[i].plus(c)
		}
	}
	return sum
}

func (s *lesson) put(now time.Time, d *demotion) {
	s.demoted, s.recent[older], s.pending = d, counts{}, counts{}
	if d == nil {
		return
	}
	if now.Sub(s.struck) > strikesFor {
		s.strikes = 0
	}
	s.strikes++
	s.struck = now
	d.until = now.Add(min(holdFirst<<min(s.strikes-1, 8), holdMost))
}

// standard is what a share is compared with: that of the others in the same time, so
// that a bad hour of all providers is held against none; where there is not enough of
// that, theirs of the half hour, or its own past; else what is given, which may be
// nothing.
func standard(same, others, usual, otherwise tally) (tally, string) {
	switch {
	case same.all >= fewTexts:
		return same, "of the other providers'"
	case others.all >= fewTexts:
		return others, "of the other providers'"
	case usual.all >= usualTexts:
		return usual, "of its own before"
	}
	return otherwise, "being usual"
}

// badBy says why it is to be put last, "" for no reason. It looks at the latest slice,
// then at the two latest, and so on: what began a moment ago shows in the latest first
// where there are many texts, and in the half hour where there are few.
func (s *lesson) badBy(others recent) string {
	all := others.all()
	for n := 1; n <= len(s.recent); n++ {
		mine, same := s.recent.latest(n), others.latest(n)
		than, whose := standard(same.arrived, all.arrived, s.usual.arrived, usualArrivals)
		if t := mine.arrived; t.all >= fewTexts && 1-t.share() >= failedMany && t.below(than, significant) {
			return fmt.Sprintf("by its own receipts %v texts to known numbers arrived, %v %s", t, than, whose)
		}
		than, whose = standard(same.used, all.used, s.usual.used, tally{})
		if t := mine.used; t.all >= fewTexts && t.share() < poor*than.share() && t.below(than, significant) {
			return fmt.Sprintf("%v codes to known numbers were used, %v %s", t, than, whose)
		}
	}
	return ""
}

// isBack says that it is to be put back, by the latest slices in which there are enough
// texts.
func (s *lesson) isBack(now time.Time, others recent) bool {
	if now.Before(s.demoted.until) {
		return false
	}
	all := others.all()
	for n := 1; n <= len(s.recent); n++ {
		if seen := s.recent.latest(n); seen.used.all >= backTexts {
			return s.isWell(seen, others.latest(n), all)
		}
	}
	return now.Sub(s.demoted.since) > forgotten
}

// probesNow is one text in how many sees whether it is well: more, once it seems so.
func (s *lesson) probesNow(others recent) uint32 {
	for n := 1; n <= len(s.recent); n++ {
		if seen := s.recent.latest(n); seen.used.all >= hopeTexts {
			if s.isWell(seen, others.latest(n), others.all()) {
				return hopeOneIn
			}
			break
		}
	}
	return probeOneIn
}

func (s *lesson) isWell(seen, same, others counts) bool {
	than, _ := standard(same.used, others.used, s.usual.used, tally{2, 1})
	arrives := seen.arrived.all < backTexts || 1-seen.arrived.share() <= backFailed
	return arrives && seen.used.share() >= backShare*than.share()
}

// turn ends spans. One in which it was well is part of its usual.
func (l lessons) turn(now time.Time) {
	for _, s := range l {
		if now.Before(s.spanEnd) {
			continue
		}
		s.spanEnd = now.Add(span)
		halfHour := s.recent.latest(sms.EvidenceSlices)
		s.usual = s.usual.times(usualKept)
		if s.demoted == nil && !s.recent.suspicious(s.usual) {
			s.usual = s.usual.plus(halfHour)
		}
		s.recent[older] = s.recent[older].times(0.5).plus(s.pending)
		s.pending = halfHour
		if s.demoted != nil && now.Sub(s.demoted.since) < span {
			s.pending = counts{} // most of it is of before
		}
	}
	maps.DeleteFunc(l, func(_ pair, s *lesson) bool {
		return s.demoted == nil && s.recent.all().used.all < 1 && s.pending == counts{} && s.usual.used.all < 1
	})
}

// suspicious says that a half hour, or the latest of it, is hardly like the usual.
func (r *recent) suspicious(usual counts) bool {
	for n := 1; n <= sms.EvidenceSlices; n++ {
		if c := r.latest(n); c.used.below(usual.used, unlike) || c.arrived.below(usual.arrived, unlike) {
			return true
		}
	}
	return false
}
