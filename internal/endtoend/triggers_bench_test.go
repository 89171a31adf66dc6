package endtoend

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/lambdatest"
	"github.com/bellhop-auth/bellhop/internal/smstest"
)

// BenchmarkTriggerCall is what one call of a trigger adds to a request, by who is
// called: a PreAuthentication that does nothing, before a sign-in of nobody. added-ms
// is the median against a pool without it; cold-ms is the same for the first call of
// a function, of which there are a few.
func BenchmarkTriggerCall(b *testing.B) {
	const first = 5 // functions that nobody has called
	phones := &smstest.Phone{}
	idle := &rogue{called: map[string]int{}}
	hooks := httptest.NewServer(asWebhook(b, idle.run))
	b.Cleanup(hooks.Close)
	itself := newDoor(b)
	pack := newPack(b, phones, itself.URL)
	entries := map[string]string{}
	kinds := map[string]string{
		"node":    localEntry(b, absolute(b, "testdata/hostile"), "handler: index.handler", nil),
		"pack":    pack.entry(b, map[string]string{"BELLHOP_SIGN_UP": "auto-confirm"}),
		"webhook": hookEntry(hooks.URL),
		"invoke":  fmt.Sprintf("lambda: { endpoint: %q }", lambdatest.New(b, asLambda(idle.run))),
	}
	for name, entry := range kinds {
		for n := range first {
			entries[fmt.Sprint(name, n)] = entry
		}
	}
	s := stageWith(b, entries)
	itself.open(s.base())
	none := s.knocking(b, "")
	for range 50 {
		none() // the server is warm
	}
	for _, name := range []string{"webhook", "invoke", "node", "pack"} {
		var cold []time.Duration
		var knock func() time.Duration
		for n := range first {
			knock = s.knocking(b, fmt.Sprint(name, n))
			cold = append(cold, knock())
		}
		b.Run(name, func(b *testing.B) {
			var without, with []time.Duration
			for range b.N {
				without, with = append(without, none()), append(with, knock())
			}
			usual := median(without)
			b.ReportMetric(millis(median(with)-usual), "added-ms")
			b.ReportMetric(millis(median(cold)-usual), "cold-ms")
		})
	}
}

// knocking makes a pool whose PreAuthentication is that function, none for "", and
// returns what begins a sign-in there and says how long that took.
func (s *stage) knocking(b *testing.B, function string) func() time.Duration {
	var functions types.LambdaConfigType
	if function != "" {
		arn := named(function)
		functions.PreAuthentication = &arn
	}
	c := &cast{clients: map[string]string{}, tellers: map[string]string{}}
	pool := s.poolOf(b, c, functions, nil)
	p := &play{stage: s, sdk: s.sdk, ctx: bounded(b, 5*time.Minute), pool: pool, client: c.clients[pool]}
	return func() time.Duration {
		began := time.Now()
		if a := p.initiate(map[string]string{"USERNAME": newNumber()}); a.err != nil {
			b.Fatal(a.err)
		}
		return time.Since(began)
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
