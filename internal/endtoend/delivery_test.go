package endtoend

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
)

// street is one of several groups of people whose texts begin with a carrier of their own.
type street struct {
	first, by string // the carrier, and whom the rule has
	digit     int
	dialect   dialect
	mood      mood
	more      string // settings of the carrier
}

func (s street) prefix() string { return fmt.Sprintf("+49151%d", s.digit) }

func (s street) number() string { return fmt.Sprintf("%s%07d", s.prefix(), numbers.Add(1)) }

// from sends what somebody asks for from his address.
type from struct {
	address string
	by      http.RoundTripper
}

func (f from) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", f.address)
	return f.by.RoundTrip(r)
}

var addresses atomic.Int64

// network is the balancer for somebody with a network of his own.
func (s *site) network(b *balancer) *balancer {
	n := addresses.Add(1)
	return &balancer{nodes: b.nodes, by: from{fmt.Sprintf("%d.%d.%d.1", 11+n>>16&63, n>>8&255, n&255), b.by}}
}

// somebody is his patient client.
func (s *site) somebody(b *balancer) *cip.Client { return s.patient(s.network(b)) }

const proxied = "BELLHOP_TRUSTED_PROXIES=127.0.0.0/8"

// TestDelivery_EveryWayToFail_EverybodyIsTexted has people sign up and in at once while
// the first provider of each of seven rules fails in a way of its own. What is true is
// read from the providers' books, the phones, and the guard's budgets.
func TestDelivery_EveryWayToFail_EverybodyIsTexted(t *testing.T) {
	t.Parallel()
	for range often(1, 50) {
		everyWayToFail(t, 22)
	}
}

func everyWayToFail(t *testing.T, people int) {
	x := newExchange(t)
	streets := []street{
		{first: "gone", by: "gone, spare", digit: 1, dialect: byTwilio, mood: away},
		{first: "broken", by: "broken, spare", digit: 2, dialect: byTwilio, mood: failing},
		{first: "mute", by: "mute, spare", digit: 3, dialect: byTwilio, mood: silent, more: ", timeout: 1s"},
		{first: "busy", by: "busy, spare", digit: 4, dialect: bySNS, mood: throttling},
		{first: "babbling", by: "babbling, spare", digit: 5, dialect: byTwilio, mood: garbling},
		{first: "forgetful", by: "forgetful, gone, third", digit: 6, dialect: byWebhook, mood: losing},
		{first: "worse", by: "worse, worst, third", digit: 7, dialect: bySNS, mood: failing},
	}
	var file, routes strings.Builder
	file.WriteString("providers:\n")
	routes.WriteString("routes:\n")
	first := map[string]*carrier{}
	for _, s := range streets {
		first[s.first] = x.carrier(s.first, s.dialect, s.mood)
		file.WriteString(first[s.first].line(s.more))
		fmt.Fprintf(&routes, "  - { prefixes: [%q], by: [%s] }\n", s.prefix(), s.by)
	}
	worst := x.carrier("worst", byTwilio, failing)
	for _, c := range []*carrier{worst, x.carrier("spare", byWebhook, well), x.carrier("third", bySNS, well)} {
		file.WriteString(c.line(""))
	}
	s := delivering(t, x, file.String()+routes.String(), proxied)
	s.makePool()
	s.start()
	ctx := bounded(t, 2*time.Minute)
	b := newBalancer(t, s.node)

	var all []string
	var residents sync.WaitGroup
	for i := range people * len(streets) {
		number, sdk := streets[i%len(streets)].number(), s.somebody(b)
		all = append(all, number)
		residents.Go(func() {
			if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
				t.Errorf("a sign-up fails with its provider: %v", err)
			} else if _, err := s.codeOf(ctx, number, 1); err != nil {
				t.Errorf("no text to %s*: %v; %v", number[:7], err, x.of(number))
			}
		})
	}
	residents.Wait()
	s.reported(ctx, t, "all sent", func(r sums) bool { return r.Asked == len(all) && r.Sent == len(all) })
	s.settled(ctx, t, x)
	if t.Failed() {
		t.Fatalf("%s", s.log)
	}

	for _, number := range all {
		sdk := s.somebody(b)
		residents.Go(func() {
			if err := confirmAndSignIn(ctx, s, sdk, number); err != nil {
				t.Errorf("with the codes that came to %s*: %v", number[:7], err)
			}
		})
	}
	residents.Wait()
	s.reported(ctx, t, "all texts used", func(r sums) bool { return r.Asked == 2*len(all) && r.Sent == r.Asked && r.Used == r.Asked })
	book := x.entries()
	doubled := audit(t, x, all, 2)
	for _, s := range streets {
		asked := 0 // no less than a breaker needs to open, and not for each text
		begun, late := map[string]time.Time{}, []time.Duration(nil)
		for _, e := range book {
			switch text := e.to + e.body; {
			case !strings.HasPrefix(e.to, s.prefix()):
			case e.carrier == s.first:
				asked++
				begun[text] = e.at
			case e.verdict == took && !begun[text].IsZero():
				late = append(late, e.at.Sub(begun[text]))
			}
		}
		if s.mood == away {
			continue // it keeps no books
		}
		median, worst := spread(late)
		t.Logf("%s was asked for %d of %d texts, and those were taken by another after %v, at worst %v", s.first, asked, 2*people, median, worst)
		if asked == 0 || asked > people+5 {
			t.Errorf("%s was asked for %d texts", s.first, asked)
		}
	}

	for _, c := range first {
		c.become(well)
	}
	worst.become(well)
	began := time.Now()
	for _, street := range streets { // people come now and then, until the first takes texts again
		sdk := s.somebody(b)
		residents.Go(func() {
			for {
				number := street.number()
				if _, err := sdk.SignUp(ctx, &cip.SignUpInput{ClientId: &s.client, Username: &number}); err != nil {
					t.Errorf("a sign-up while %s recovers: %v", street.first, err)
					return
				}
				if _, err := s.codeOf(ctx, number, 1); err != nil {
					t.Errorf("no text while %s recovers: %v", street.first, err)
					return
				}
				if got := x.of(number); len(got) != 1 || got[0].verdict != took {
					t.Errorf("while %s recovers a text has the tries %v", street.first, got)
				} else if got[0].carrier == street.first {
					return
				}
				<-time.After(300 * time.Millisecond) // the next who comes
			}
		})
	}
	residents.Wait()
	t.Logf("%d people: %d tries, %d texts twice; all carriers asked again %v after they were well",
		len(all), len(book), doubled, time.Since(began).Round(time.Second))
	s.stop()
}

// confirmAndSignIn ends a sign-up by the number's first code, and signs in by the next.
func confirmAndSignIn(ctx context.Context, s *site, sdk *cip.Client, number string) error {
	code, err := s.codeOf(ctx, number, 1)
	if err != nil {
		return err
	}
	if _, err := sdk.ConfirmSignUp(ctx, &cip.ConfirmSignUpInput{ClientId: &s.client, Username: &number, ConfirmationCode: &code}); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	a, err := start(ctx, s, sdk, number, 2)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	in, err := a.give(ctx, s, sdk)
	if err == nil && in.AuthenticationResult == nil {
		err = fmt.Errorf("the code is answered with another challenge")
	}
	return err
}

// settled waits until the guard's budgets hold what the carriers' books say may be paid
// for.
func (s *site) settled(ctx context.Context, t *testing.T, x *exchange) {
	t.Helper()
	for {
		had := mayBePaid(x.entries())
		have := s.spent()
		if have == had && mayBePaid(x.entries()) == had {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the budgets hold %d texts, and the carriers may send bills for %d", have, had)
		case <-time.After(50 * time.Millisecond): // until it is written down
		}
	}
}

// mostDoubts is how many carriers may have been asked for a text in vain and in doubt: two
// by each try, and there is a second try where those two were all.
const mostDoubts = 4

// audit checks the carriers' books about each number, which has had so many codes. It
// returns how many texts came twice.
func audit(t *testing.T, x *exchange, all []string, codes int) (doubled int) {
	t.Helper()
	for _, number := range all {
		tries := map[string][]entry{}
		for _, e := range x.of(number) {
			tries[e.body] = append(tries[e.body], e)
		}
		if len(tries) != codes {
			t.Errorf("%d different texts for %d codes: %v", len(tries), codes, x.of(number))
		}
		for body, of := range tries {
			doubts, taken := 0, 0
			for _, e := range of {
				if taken > 0 {
					t.Errorf("a text that was taken is sent again: %v", of)
				}
				switch e.verdict {
				case took:
					taken++
				case doubt:
					doubts++
				}
				if e.id != "" && of[0].id != "" && e.id != of[0].id {
					t.Errorf("one code has two texts: %v", of)
				}
			}
			texts := 0
			for _, m := range x.TextsTo(number) {
				if m.Body == body {
					texts++
				}
			}
			if taken != 1 || doubts > mostDoubts || texts < 1 || texts > 1+doubts {
				t.Errorf("a text was taken %d times and came %d times, with %d doubts: %v", taken, texts, doubts, of)
			}
			doubled += min(texts-1, 1)
		}
	}
	return doubled
}
