package routes

import (
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// The breaker's figures. A provider that does not answer costs a user its timeout, so
// that few may find out; one that refuses at once costs nothing.
const (
	tripAfter    = 3               // failures in a row
	tripWithin   = 5 * time.Minute // that count as in a row
	shareOf      = 10              // tries at least, of which half failed
	shareWithin  = time.Minute
	openFirst    = 10 * time.Second // doubled each time, if it had not been well for calmAfter
	openAccount  = time.Minute      // the same where the account is refused
	openLongest  = 5 * time.Minute
	calmAfter    = 10 * time.Minute
	remembered   = 20 // outcomes of a breaker
	wideFromMany = 2  // countries must fail before a provider does
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
	wide []breaker
	land map[pair]*breaker
}

// pair is a provider in a country.
type pair struct {
	provider int
	country  string
}

func newBreakers(providers int) breakers {
	return breakers{wide: make([]breaker, providers), land: map[pair]*breaker{}}
}

// openUntil is when the provider may be asked again, zero where it may be always.
func (b *breakers) openUntil(provider int, country string) (until time.Time, cause string) {
	until, cause = b.wide[provider].until, b.wide[provider].cause
	if c := b.land[pair{provider, country}]; c != nil && c.until.After(until) {
		until, cause = c.until, c.cause
	}
	return until, cause
}

// ticket is the right to ask a provider for one text.
type ticket struct {
	pair
	wideProbe, landProbe bool
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

// settle takes in what became of a try, and returns what changed in half a sentence,
// "" for nothing.
func (b *breakers) settle(now time.Time, t ticket, what told, cause string) (news string) {
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
	if land != nil && land.record(now, outcome{now, ofLand, t.country}, t.landProbe, 1, cause) {
		news = changed("in "+orNoCountry(t.country), land)
	}
	if wide := &b.wide[t.provider]; wide.record(now, outcome{now, ofWide, t.country}, t.wideProbe, wideFromMany, cause) {
		news = changed("in any country", wide)
	}
	return news
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
	openFor  time.Duration
	cause    string
	closedAt time.Time
	probing  bool
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
func (b *breaker) record(now time.Time, o outcome, probe bool, countries int, cause string) bool {
	if !b.until.IsZero() {
		return probe && b.probed(now, o.what, cause) // else it was asked before it opened
	}
	switch o.what {
	case nothing:
		return false
	case wholeLand, wholeServer:
		b.open(now, openAccount, cause)
		return true
	}
	b.remember(o)
	if o.what != failed || (!b.onTrial(now) && !b.trips(now, countries)) {
		return false
	}
	b.open(now, openFirst, cause)
	return true
}

// probed takes in what became of the probe.
func (b *breaker) probed(now time.Time, what told, cause string) bool {
	b.probing = false
	switch what {
	case nothing:
		return false
	case well:
		b.close(now)
	case failed:
		b.open(now, openFirst, cause)
	default:
		b.open(now, openAccount, cause)
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

func (b *breaker) failedInRow(now time.Time, countries int) bool {
	lands := map[string]bool{}
	for n := range b.count {
		o := b.last(n)
		if o.what != failed || now.Sub(o.at) > tripWithin {
			return false
		}
		lands[o.country] = true
		if n+1 >= tripAfter && len(lands) >= countries {
			return true
		}
	}
	return false
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
	b.next, b.count = 0, 0
}
