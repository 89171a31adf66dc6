package routes

import (
	"fmt"
	"math"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// The breaker's figures. A provider that does not answer costs a user its timeout, so
// that few may find out; one that refuses at once costs nothing.
const (
	tripAfter    = 3               // failures in a row at least
	tripWithin   = 5 * time.Minute // that count as in a row
	tripChance   = 0.001           // of such a row, by the share of failures before it
	shareOf      = 10              // tries at least, of which half failed
	shareWithin  = time.Minute
	openFirst    = 10 * time.Second // doubled each time, if it had not been well for calmAfter
	openAccount  = time.Minute      // the same where the account is refused
	openLongest  = 5 * time.Minute
	calmAfter    = 10 * time.Minute
	remembered   = 20 // outcomes of a breaker
	wideFromMany = 2  // countries must fail before a provider does
	resorts      = 4  // texts at a time that ask a provider whose breaker is open, since nobody else takes them
)

// told is what a try says of its provider.
type told uint8

const (
	nothing     told = iota // the provider is no better or worse for it
	well                    // took the text
	failed                  // did not answer, or could not take it now
	wholeLand               // takes none to the country
	wholeServer             // takes none at all
)

// tellsOf is what an error says of the provider that gave it. One that refuses a
// number or the words says nothing of others: whoever asks for codes must not be able
// to close a provider.
func tellsOf(err error) told {
	if err == nil {
		return well
	}
	switch sms.ExtentOf(err) {
	case sms.ThisAccount:
		return wholeServer
	case sms.ThisCountry:
		return wholeLand
	}
	if sms.OutcomeOf(err).MayRepeat() {
		return failed
	}
	return nothing
}

// breakers are those of the providers, and of each provider's countries in which it
// failed. A country's opens alone where all others are well.
type breakers struct {
	wide    []breaker
	land    map[pair]*breaker
	resorts []int // under way, by provider
}

// pair is a provider in a country.
type pair struct {
	provider int
	country  string
}

func newBreakers(providers int) breakers {
	return breakers{wide: make([]breaker, providers), land: map[pair]*breaker{}, resorts: make([]int, providers)}
}

// longest is the provider's breaker that is open for longest, or a closed one.
func (b *breakers) longest(p pair) *breaker {
	wide, land := &b.wide[p.provider], b.land[p]
	if land != nil && land.until.After(wide.until) {
		return land
	}
	return wide
}

// ticket is the right to ask a provider for one text.
type ticket struct {
	pair
	wideProbe, landProbe bool
	resort               bool
}

// admit gives the right to ask now, if nothing speaks against it.
func (b *breakers) admit(now time.Time, p pair) (ticket, bool) {
	wide, land := &b.wide[p.provider], b.land[p]
	if !wide.admits(now) || (land != nil && !land.admits(now)) {
		return ticket{}, false
	}
	t := ticket{pair: p, wideProbe: wide.take()}
	t.landProbe = land != nil && land.take()
	return t, true
}

// resort gives the right to ask in spite of an open breaker. A breaker sends texts by
// other providers; where there is no other it must not make of a bad hour an outage.
func (b *breakers) resort(p pair) (ticket, bool) {
	if b.resorts[p.provider] >= resorts {
		return ticket{}, false
	}
	b.resorts[p.provider]++
	return ticket{pair: p, resort: true}, true
}

// settle takes in what became of a try, and returns what changed in half a sentence,
// "" for nothing.
func (b *breakers) settle(now time.Time, t ticket, what told, cause string) (news string) {
	if t.resort {
		b.resorts[t.provider]--
	}
	ofWide, ofLand := what, what
	switch what {
	case wholeLand:
		ofWide = nothing
	case wholeServer:
		ofLand = nothing
	}
	land := b.land[t.pair]
	if land == nil && (ofLand == failed || ofLand == wholeLand) {
		land = &breaker{}
		b.land[t.pair] = land
	}
	if land != nil && land.record(outcome{now, ofLand, t.country}, t.standing(t.landProbe), 1, cause) {
		news = changed("in "+orNoCountry(t.country), land)
	}
	if wide := &b.wide[t.provider]; wide.record(outcome{now, ofWide, t.country}, t.standing(t.wideProbe), wideFromMany, cause) {
		news = changed("in any country", wide)
	}
	return news
}

// standing is that of a text at a breaker.
type standing uint8

const (
	ordinary standing = iota
	theProbe
	lastResort
)

func (t ticket) standing(probe bool) standing {
	switch {
	case t.resort:
		return lastResort
	case probe:
		return theProbe
	}
	return ordinary
}

func orNoCountry(iso string) string {
	if iso == "" {
		return "numbers of no country"
	}
	return iso
}

func changed(where string, b *breaker) string {
	if b.until.IsZero() {
		return "takes texts again"
	}
	return fmt.Sprintf("is not asked for %v %s", b.openFor, where)
}

// breaker is closed while its provider is well, and open while it is not asked. From
// then on one text at a time sees whether it is well. The zero breaker is closed.
type breaker struct {
	seen     [remembered]outcome
	next     int
	count    int
	until    time.Time // it is open, zero for closed
	failedAt time.Time // for the last time
	openFor  time.Duration
	cause    string
	closedAt time.Time
	probing  bool
}

// hopeAt is when somebody may be promised a text though it is open, where there is no
// other provider.
func (b *breaker) hopeAt() time.Time {
	if hope := b.failedAt.Add(openFirst); hope.Before(b.until) {
		return hope
	}
	return b.until
}

type outcome struct {
	at      time.Time
	what    told
	country string
}

func (b *breaker) admits(now time.Time) bool {
	return b.until.IsZero() || (!now.Before(b.until) && !b.probing)
}

// take says whether the text that is admitted is the probe.
func (b *breaker) take() bool {
	if b.until.IsZero() {
		return false
	}
	b.probing = true
	return true
}

// record says whether it opened or closed. It opens by failures in no fewer countries
// than are given.
func (b *breaker) record(o outcome, s standing, countries int, cause string) bool {
	if o.what != nothing && o.what != well {
		b.failedAt = o.at
	}
	switch {
	case !b.until.IsZero():
		return b.recordOpen(o, s, cause)
	case o.what == nothing:
		return false
	case o.what == wholeLand || o.what == wholeServer:
		b.open(o.at, openAccount, cause)
		return true
	}
	b.remember(o)
	if o.what != failed || (!b.onTrial(o.at) && !b.trips(o.at, countries)) {
		return false
	}
	b.open(o.at, openFirst, cause)
	return true
}

// recordOpen takes in what became of the probe, and of what was a last resort. What
// was asked before it opened says nothing new.
func (b *breaker) recordOpen(o outcome, s standing, cause string) bool {
	if s == theProbe {
		b.probing = false
	}
	switch {
	case s == ordinary || o.what == nothing:
		return false
	case o.what == well:
		b.close(o.at)
		return true
	case s == lastResort:
		return false
	case o.what == failed:
		b.open(o.at, openFirst, cause)
	default:
		b.open(o.at, openAccount, cause)
	}
	return true
}

func (b *breaker) remember(o outcome) {
	b.seen[b.next] = o
	b.next = (b.next + 1) % remembered
	b.count = min(b.count+1, remembered)
}

// onTrial says that it closed a moment ago: the first failure opens it again.
func (b *breaker) onTrial(now time.Time) bool {
	return !b.closedAt.IsZero() && now.Before(b.closedAt.Add(b.openFor))
}

// trips says that the last were failures, or that half of the last minute's were.
func (b *breaker) trips(now time.Time, countries int) bool {
	return b.failedInRow(now, countries) || b.failedByHalf(now, countries)
}

// failedInRow says that so many failures in a row are no chance. After none or few
// failures three are enough; a provider that fails one text in three, as some do at
// night, may fail five in a row and still be of use.
func (b *breaker) failedInRow(now time.Time, countries int) bool {
	lands := map[string]bool{}
	row, before, failures := 0, 0, 0
	for n := range b.count {
		o := b.last(n)
		if now.Sub(o.at) > tripWithin {
			break
		}
		switch {
		case o.what == failed && before == 0:
			row++
			lands[o.country] = true
			continue
		case o.what == failed:
			failures++
		}
		before++
	}
	usual := (float64(failures) + 0.5) / (float64(before) + 5) // a tenth where nothing is known
	return row >= tripAfter && len(lands) >= countries && math.Pow(usual, float64(row)) <= tripChance*(1+1e-9)
}

func (b *breaker) failedByHalf(now time.Time, countries int) bool {
	lands := map[string]bool{}
	failures, tries := 0, 0
	for n := range b.count {
		o := b.last(n)
		if now.Sub(o.at) > shareWithin {
			break
		}
		tries++
		if o.what == failed {
			failures++
			lands[o.country] = true
		}
	}
	return tries >= shareOf && 2*failures >= tries && len(lands) >= countries
}

// last is the nth outcome from the newest, which is the 0th.
func (b *breaker) last(n int) outcome { return b.seen[(b.next-1-n+2*remembered)%remembered] }

// open opens it, for twice as long as the last time unless it was well in between.
func (b *breaker) open(now time.Time, first time.Duration, cause string) {
	calm := b.openFor == 0 || (b.until.IsZero() && now.Sub(b.closedAt) > calmAfter)
	if calm {
		b.openFor = first
	} else {
		b.openFor = min(max(2*b.openFor, first), openLongest)
	}
	b.until, b.cause = now.Add(b.openFor), cause
	b.next, b.count = 0, 0
}

func (b *breaker) close(now time.Time) {
	b.until, b.cause, b.closedAt = time.Time{}, "", now
	b.probing = false // a probe under way comes too late to say anything
	b.next, b.count = 0, 0
}
