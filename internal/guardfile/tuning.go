package guardfile

import (
	"strconv"
	"time"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/guard"
)

// windows are those of guard.Tuning by the file's names.
var windows = []struct {
	name, of string
	field    func(*guard.Tuning) *guard.Window
}{
	{"block", "ten thousand numbers", func(t *guard.Tuning) *guard.Window { return &t.Prefix[0] }},
	{"range", "a hundred thousand numbers", func(t *guard.Tuning) *guard.Window { return &t.Prefix[1] }},
	{"area", "a million numbers", func(t *guard.Tuning) *guard.Window { return &t.Prefix[2] }},
	{"country", "a country of which little is known", func(t *guard.Tuning) *guard.Window { return &t.Country }},
	{"address", "an IPv4 address, or an IPv6 /64", func(t *guard.Tuning) *guard.Window { return &t.Address }},
	{"network", "an IPv4 /24, or an IPv6 /48", func(t *guard.Tuning) *guard.Window { return &t.Network }},
}

// windowRows are a credit window's keys.
var windowRows = []row[guard.Window]{
	dollarsRow("initial", "the first credit is what this buys", func(w *guard.Window) *guard.Money { return &w.Initial }),
	countRow("at-least", "texts of the first credit, however dear they are", func(w *guard.Window) *float64 { return &w.AtLeast }),
	countRow("at-most", "texts of the first credit, however cheap they are", func(w *guard.Window) *float64 { return &w.AtMost }),
	countRow("cap", "texts that used codes can earn", func(w *guard.Window) *float64 { return &w.Cap }),
	partRow("kappa", "part of the usual conversion that keeps it open", 0.01, func(w *guard.Window) *float64 { return &w.Kappa }),
	countRow("per-hour", "texts that come back by themselves, up to the first credit", func(w *guard.Window) *float64 { return &w.PerHour }),
	partRow("stepped", "part of the first credit that those who passed a step-up have for themselves", 0, func(w *guard.Window) *float64 { return &w.Stepped }),
	spanRow("stretch", "the cap is at least what is used in so much time", func(w *guard.Window) *time.Duration { return &w.Stretch }),
	spanRow("share", "what a country in good health uses in so much time is added to the credit", func(w *guard.Window) *time.Duration { return &w.Share }),
}

// statisticsRows are the keys of guard.Tuning beside the windows.
var statisticsRows = []row[guard.Tuning]{
	countRow("busy", "codes that a country must have used in three hours to do without its window; where a text costs more than 3 cents, so many times more", func(t *guard.Tuning) *float64 { return &t.Busy }),
	partRow("soft", "part of a budget from which on strangers step up", 0.01, func(t *guard.Tuning) *float64 { return &t.Soft }),

	partRow("alarm.ratio", "the fall of a country's conversion that is looked for: 75% is by a quarter", 0.01, func(t *guard.Tuning) *float64 { return &t.Alarm.Ratio }),
	countRow("alarm.at", "the sum at which strangers must step up", func(t *guard.Tuning) *float64 { return &t.Alarm.At }),
	countRow("alarm.again", "the same for a country that had an alarm not long ago", func(t *guard.Tuning) *float64 { return &t.Alarm.Again }),
	countRow("alarm.clear", "the sum at which they need not any more", func(t *guard.Tuning) *float64 { return &t.Alarm.Clear }),
	countRow("alarm.most", "the sum stops here", func(t *guard.Tuning) *float64 { return &t.Alarm.Most }),
	spanRow("alarm.hold", "how long a second alarm lasts at least; each further one twice as long", func(t *guard.Tuning) *time.Duration { return &t.Alarm.Hold }),
	spanRow("alarm.hold-most", "and no longer; who was quiet for so long starts anew", func(t *guard.Tuning) *time.Duration { return &t.Alarm.HoldMost }),
	partRow("alarm.trusted", "part of the usual conversion that spares an address the step-up", 0.01, func(t *guard.Tuning) *float64 { return &t.Alarm.Trusted }),

	spanRow("probes.first", "from a prefix's closing to the first probe; doubled while they fail", func(t *guard.Tuning) *time.Duration { return &t.Probes.First }),
	spanRow("probes.most", "between two probes at most, but for the next two keys", func(t *guard.Tuning) *time.Duration { return &t.Probes.Most }),
	partRow("probes.part", "part of the time since closing that may lie between two probes", 0, func(t *guard.Tuning) *float64 { return &t.Probes.Part }),
	spanRow("probes.last", "between two probes, however long it is closed", func(t *guard.Tuning) *time.Duration { return &t.Probes.Last }),
	spanRow("probes.fast", "between two probes of a range in a carrier's outage", func(t *guard.Tuning) *time.Duration { return &t.Probes.Fast }),

	dollarsRow("ceiling.at-least", "what a verified user of a country may cost", func(t *guard.Tuning) *guard.Money { return &t.Ceiling.AtLeast }),
	countRow("ceiling.times", "or so many times the price of a text, if that is more", func(t *guard.Tuning) *float64 { return &t.Ceiling.Times }),
	dollarsRow("ceiling.slack", "what may go beyond it, over hours", func(t *guard.Tuning) *guard.Money { return &t.Ceiling.Slack }),

	countRow("feedback.known", "texts to known numbers in a row without a used code, after which nobody seems to report them", func(t *guard.Tuning) *float64 { return &t.Feedback.Known }),
	countRow("feedback.all", "or so many texts to anybody", func(t *guard.Tuning) *float64 { return &t.Feedback.All }),
	countRow("feedback.faster", "how much faster credits come back then", func(t *guard.Tuning) *float64 { return &t.Feedback.Faster }),

	wholeRow("guesses.per-day", "wrong answers of a user pool that are compared", func(t *guard.Tuning) *int { return &t.Guesses.PerDay }),
	wholeRow("guesses.alarm", "wrong answers in an hour from which on strangers step up", func(t *guard.Tuning) *int { return &t.Guesses.Alarm }),
	countRow("guesses.earn", "wrong answers that a right one makes room for", func(t *guard.Tuning) *float64 { return &t.Guesses.Earn }),
}

func tuningRows() []row[File] {
	var all []row[File]
	for _, w := range windows {
		for _, part := range windowRows {
			r := under("tuning."+w.name, part, func(f *File) *guard.Window { return w.field(&f.Settings.Tuning) })
			r.help += ", for " + w.of
			all = append(all, r)
		}
	}
	for _, part := range statisticsRows {
		all = append(all, under("tuning", part, func(f *File) *guard.Tuning { return &f.Settings.Tuning }))
	}
	return all
}

// under is a row of a part of the file, under a key.
func under[T any](key string, part row[T], of func(*File) *T) row[File] {
	return row[File]{key + "." + part.key, part.takes, part.help,
		func(f File) string { return part.shown(*of(&f)) },
		func(r *reader, p place, f *File) { part.set(r, p, of(f)) }}
}

func dollarsRow[T any](key, help string, field func(*T) *guard.Money) row[T] {
	return row[T]{key, "dollars", help,
		func(t T) string { return field(&t).String() },
		func(r *reader, p place, t *T) { *field(t) = r.money(p) }}
}

func countRow[T any](key, help string, field func(*T) *float64) row[T] {
	return row[T]{key, "number", help,
		func(t T) string { return number(*field(&t)) },
		func(r *reader, p place, t *T) { *field(t) = r.count(p) }}
}

func partRow[T any](key, help string, least float64, field func(*T) *float64) row[T] {
	return row[T]{key, "part from " + percent(least) + " to 100%", help,
		func(t T) string { return percent(*field(&t)) },
		func(r *reader, p place, t *T) { *field(t) = r.part(p, least, 1) }}
}

func wholeRow[T any](key, help string, field func(*T) *int) row[T] {
	return row[T]{key, "whole number", help,
		func(t T) string { return strconv.Itoa(*field(&t)) },
		func(r *reader, p place, t *T) { *field(t) = r.Number(p, most) }}
}

// longest is as long as anything that the guard remembers.
const longest = 30 * 24 * time.Hour

func spanRow[T any](key, help string, field func(*T) *time.Duration) row[T] {
	return row[T]{key, "time", help,
		func(t T) string { return span(*field(&t)) },
		func(r *reader, p place, t *T) {
			d, err := config.ParseSpan(p.Node.Value)
			if !p.Scalar() || err != nil || d > longest {
				r.Problem(p, "must be a length of time such as 90s, 10m or 3h, 30 days at most")
				return
			}
			*field(t) = d
		}}
}

// span is a length of time as people write it: 10m, not 10m0s.
func span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d > 0 && d%unit.of == 0 {
			return strconv.FormatInt(int64(d/unit.of), 10) + unit.name
		}
	}
	return d.String()
}

// checkTuning reports figures that cannot all be meant, where one of them is given.
func (r *reader) checkTuning(t guard.Tuning, g given) {
	for _, w := range windows {
		if at, ok := g["tuning."+w.name]; ok {
			r.checkWindow(at, *w.field(&t))
		}
	}
	if at, ok := g["tuning.alarm"]; ok {
		if a := t.Alarm; a.Clear >= a.At || a.At > a.Most {
			r.Problem(at, "must have clear below at, and at not above most; they are %s, %s and %s", number(a.Clear), number(a.At), number(a.Most))
		}
		if a := t.Alarm; a.Hold > a.HoldMost {
			r.Problem(at, "has hold %s above hold-most %s", span(a.Hold), span(a.HoldMost))
		}
	}
	if at, ok := g["tuning.probes"]; ok && t.Probes.First > t.Probes.Last {
		r.Problem(at, "has first %s above last %s", span(t.Probes.First), span(t.Probes.Last))
	}
	if at, ok := g["tuning.guesses"]; ok && t.Guesses.Alarm > t.Guesses.PerDay {
		r.Problem(at, "has an alarm at %d in an hour, above the %d of a day", t.Guesses.Alarm, t.Guesses.PerDay)
	}
}

func (r *reader) checkWindow(at place, w guard.Window) {
	switch {
	case w.AtLeast > w.AtMost:
		r.Problem(at, "has at-least %s above at-most %s", number(w.AtLeast), number(w.AtMost))
	case w.Cap < w.AtMost:
		r.Problem(at, "has a cap of %s texts below the first credit, which may be %s", number(w.Cap), number(w.AtMost))
	}
}
