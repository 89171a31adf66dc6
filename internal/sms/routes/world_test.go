package routes_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/phone"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/routes"
)

// world is some hours of virtual time: people who sign in, a server that texts them
// as the outbox does, and what the store knows of it.
type world struct {
	router  *routes.Router
	nets    []*network
	country string
	every   time.Duration // somebody signs in, on average
	lasts   time.Duration

	began time.Time

	mu    sync.Mutex // guards the fields below
	rand  *rand.Rand
	texts []*record
	users []*user
	turns []turn
}

// network is a provider and what it does with texts.
type network struct {
	name string
	mood func(since time.Duration) mood
	w    *world
}

// mood is how a provider is at a time.
type mood struct {
	errs     error         // what it answers in place of taking texts; errSilent and errDeaf do not answer
	share    float64       // of the tries that it answers so
	slow     time.Duration // to answer
	arrives  float64       // share of the texts that arrive
	receipts string        // "true", "lies", "" for none
}

var fine = mood{slow: 200 * time.Millisecond, arrives: 0.97, receipts: "true"}

// record is a text as the store has it.
type record struct {
	provider string
	known    bool
	sentAt   time.Time
	told     bool
	failed   bool
	used     bool
}

type user struct {
	id      int
	known   bool
	pumped  bool
	askedAt time.Time
	codeAt  time.Time      // zero: never
	texts   map[string]int // how often each of his texts was taken, by its id
	arrived chan struct{}
}

// turn is when a became first, or ceased to be.
type turn struct {
	at    time.Duration
	first bool
}

func (n *network) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	now := n.mood(time.Since(n.w.began))
	u := n.w.userOf(m)
	if now.errs != nil && n.w.chance() < now.share {
		if now.errs == errSilent || now.errs == errDeaf {
			if now.errs == errDeaf {
				n.deliver(now, u, m.ID)
			}
			<-ctx.Done()
			return sms.Receipt{}, &sms.SendError{Outcome: sms.MaybeSent, Cause: errors.New("no answer")}
		}
		time.Sleep(now.slow)
		return sms.Receipt{}, now.errs
	}
	time.Sleep(now.slow)
	arrives := n.deliver(now, u, m.ID)
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	told := now.receipts != ""
	n.w.texts = append(n.w.texts, &record{
		provider: n.name, known: u.known, sentAt: time.Now(), told: told,
		failed: told && !arrives && now.receipts == "true",
	})
	return sms.Receipt{ProviderID: strconv.Itoa(len(n.w.texts) - 1)}, nil
}

// deliver brings the text to the phone, some seconds later, or does not.
func (n *network) deliver(now mood, u *user, id string) bool {
	n.w.mu.Lock()
	u.texts[id]++
	n.w.mu.Unlock()
	if u.pumped || n.w.chance() >= now.arrives {
		return false
	}
	go func() {
		time.Sleep(time.Second + time.Duration(n.w.chance()*float64(4*time.Second)))
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		if u.codeAt.IsZero() {
			u.codeAt = time.Now()
			close(u.arrived)
		}
	}()
	return true
}

func (w *world) chance() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rand.Float64()
}

func (w *world) userOf(m sms.Message) *user {
	id, err := strconv.Atoi(m.PoolID)
	if err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.users[id]
}

// signIn asks for a code, and for it again where it does not come.
func (w *world) signIn(u *user, to string) {
	var tried []string
	var last *record
	for n := range 3 {
		receipt, ok := w.outbox(sms.Message{
			ID: fmt.Sprintf("%d-%d", u.id, n), To: phone.FromCanonical(to), Purpose: "sign_in", PoolID: strconv.Itoa(u.id), Tried: tried,
		})
		if ok {
			tried = append(tried, receipt.Provider)
			last = w.recordOf(receipt)
		}
		patience := time.NewTimer(30 * time.Second)
		select {
		case <-u.arrived:
			patience.Stop()
			w.use(last)
			return
		case <-patience.C:
		}
		if u.pumped {
			return
		}
	}
}

// use is the code typed in: one in twenty loses interest.
func (w *world) use(r *record) {
	if w.chance() < 0.05 {
		return
	}
	time.Sleep(8 * time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	if r != nil {
		r.used = true
	}
}

func (w *world) recordOf(receipt sms.Receipt) *record {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, err := strconv.Atoi(receipt.ProviderID)
	if err != nil {
		return nil
	}
	return w.texts[i]
}

// outbox tries a text as the server does, for as long as somebody waits.
func (w *world) outbox(m sms.Message) (sms.Receipt, bool) {
	began := time.Now()
	for wait := 2 * time.Second; ; wait *= 2 {
		receipt, err := send(w.router, m)
		if err == nil {
			return receipt, true
		}
		if !sms.OutcomeOf(err).MayRepeat() || time.Since(began)+wait > time.Minute {
			return receipt, false
		}
		time.Sleep(wait)
	}
}

// evidence is what the server reads from the store every 15 seconds.
func (w *world) evidence(now time.Time) []sms.Evidence {
	const matures, slice = 3 * time.Minute, 5 * time.Minute
	w.mu.Lock()
	defer w.mu.Unlock()
	sums := map[string]*sms.Evidence{}
	for i := len(w.texts) - 1; i >= 0; i-- {
		r := w.texts[i]
		age := now.Sub(r.sentAt)
		if age >= matures+sms.EvidenceSlices*slice {
			break
		}
		if age < matures {
			continue
		}
		n := int((age - matures) / slice)
		key := fmt.Sprint(r.provider, r.known, n)
		e := sums[key]
		if e == nil {
			e = &sms.Evidence{Slice: n, Provider: r.provider, Country: w.country, Known: r.known}
			sums[key] = e
		}
		e.Sent++
		if r.told {
			e.Told++
		}
		if r.failed {
			e.Failed++
		}
		if r.used {
			e.Used++
		}
	}
	var all []sms.Evidence
	for _, e := range sums {
		all = append(all, *e)
	}
	return all
}

// play runs the world with a rule "a, then b, then …" and pumped texts of strangers at
// the given share of all.
func (w *world) play(t *testing.T, seed uint64, pumped float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w.began, w.rand = time.Now(), rand.New(rand.NewPCG(seed, 1))
		c := routes.Config{Rules: []routes.Rule{{Where: "routes[0]"}}, Log: slog.New(w)}
		for _, n := range w.nets {
			n.w = w
			c.Providers = append(c.Providers, routes.Provider{Name: n.name, Sender: n})
			c.Rules[0].By = append(c.Rules[0].By, n.name)
		}
		w.router = router(t, c)
		var people sync.WaitGroup
		people.Go(w.teach)
		for time.Since(w.began) < w.lasts {
			time.Sleep(time.Duration(w.rand2().ExpFloat64() * float64(w.every)))
			u := w.arrive(pumped)
			people.Go(func() { w.signIn(u, fmt.Sprintf("+234803%07d", u.id)) })
		}
		people.Wait()
	})
}

// rand2 draws for the one goroutine that lets people arrive.
func (w *world) rand2() *rand.Rand {
	return rand.New(rand.NewPCG(uint64(w.chance()*1e18), 2))
}

func (w *world) arrive(pumped float64) *user {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := &user{id: len(w.users), askedAt: time.Now(), texts: map[string]int{}, arrived: make(chan struct{})}
	u.pumped = w.rand.Float64() < pumped
	u.known = !u.pumped && w.rand.Float64() < 0.7
	w.users = append(w.users, u)
	return u
}

// teach lets the router learn as the server does.
func (w *world) teach() {
	for ; time.Since(w.began) < w.lasts; time.Sleep(15 * time.Second) {
		now := time.Now()
		w.router.Learn(now, w.evidence(now))
	}
}

// Enabled, Handle, WithAttrs and WithGroup make the world the router's log, from which
// it sees when a is first and when it is not.
func (w *world) Enabled(context.Context, slog.Level) bool { return true }
func (w *world) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w *world) WithGroup(string) slog.Handler            { return w }
func (w *world) Handle(_ context.Context, r slog.Record) error {
	for sentence, first := range map[string]bool{
		"the provider a is not asked": false, "the provider a is put last": false,
		"the provider a takes texts again": true, "the provider a is back in its place": true,
	} {
		if strings.HasPrefix(r.Message, sentence) {
			w.mu.Lock()
			w.turns = append(w.turns, turn{r.Time.Sub(w.began), first})
			w.mu.Unlock()
		}
	}
	return nil
}

// score is what people who asked in the span got, for each of them.
type score struct {
	people int
	soon   float64 // had the code within 10 seconds
	ever   float64 // had it at all
	texts  float64 // that he asked for
	twice  float64 // that two providers took
}

func (w *world) score(from, until time.Duration) score {
	var s score
	for _, u := range w.users {
		if at := u.askedAt.Sub(w.began); u.pumped || at < from || at >= until {
			continue
		}
		s.people++
		s.texts += float64(len(u.texts))
		for _, times := range u.texts {
			if times > 1 {
				s.twice++
			}
		}
		if u.codeAt.IsZero() {
			continue
		}
		s.ever++
		if u.codeAt.Sub(u.askedAt) <= 10*time.Second {
			s.soon++
		}
	}
	n := float64(max(s.people, 1))
	s.soon, s.ever, s.texts, s.twice = s.soon/n, s.ever/n, s.texts/n, s.twice/n
	return s
}

func (s score) String() string {
	return fmt.Sprintf("of %d people %.1f %% had the code in 10 s, %.1f %% at all, by %.2f texts, of which %.3f went out twice",
		s.people, 100*s.soon, 100*s.ever, s.texts, s.twice)
}

// after is how long after a time, and before another, a was not first, or was so again.
func (w *world) after(from, until time.Duration, first bool) time.Duration {
	is := turn{first: true}
	for _, next := range append(w.turns, turn{until, !first}) {
		if next.at > from && is.first == first {
			return max(is.at-from, 0)
		}
		if is = next; is.at >= until {
			break
		}
	}
	return -1
}

// takenAfter is how long after a time the provider took a text again.
func (w *world) takenAfter(from time.Duration, provider string) time.Duration {
	for _, r := range w.texts {
		if at := r.sentAt.Sub(w.began); r.provider == provider && at >= from {
			return at - from
		}
	}
	return -1
}
