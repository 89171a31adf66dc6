package simulation

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/clock"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// tooOld says that a code outlived its ten minutes of real time, and what clocks
// that are kept in time may be off by meanwhile. If a node started anew when it had
// nearly gone slowly enough for a clock that was set back, a code that was just
// over may live again for a moment; and of a set-back by less than a node was down
// nobody can know.
func (s *sim) tooOld(made time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	life := 10*time.Minute + 5*time.Second
	if s.leaps > 0 {
		life += time.Minute
	}
	return time.Since(made) > life && made.After(s.blind)
}

// play is what a seed is played with.
type play struct {
	seed  uint64
	steps int
	races bool // some steps make several calls at once, in any order
}

// outcome is what a play came to.
type outcome struct {
	broken string // the first invariant that broke, "" for none
	trace  []string
	hash   uint64
	score  score
}

// score counts what happened, so that a test can say that things did happen.
type score struct {
	calls, unknown, repeated, crashes, tokens, confirmed, refreshed, texts, steps, races int
}

func (a *score) add(b score) {
	a.calls += b.calls
	a.unknown += b.unknown
	a.repeated += b.repeated
	a.crashes += b.crashes
	a.tokens += b.tokens
	a.confirmed += b.confirmed
	a.refreshed += b.refreshed
	a.texts += b.texts
	a.steps += b.steps
	a.races += b.races
}

// node is one server. Its machine's clock is off, and may be set.
type node struct {
	name    string
	line    *line
	service *userpool.Service
	clock   *clock.Clock
	off     time.Duration
	stop    func()
}

// sim is a play under way. Its own goroutine takes one step at a time; what
// nodes and carrier do is theirs.
type sim struct {
	play
	t       *testing.T
	ctx     context.Context
	r       *rand.Rand
	store   *sqlstore.DB
	db      *sql.DB
	ring    *seal.Ring
	nodes   []*node
	carrier *carrier
	pool    userpool.PoolID
	client  userpool.ClientID
	grace   time.Duration
	common  time.Duration // by how much the clock that nodes share was set
	setAt   time.Time     // when a clock was set last
	people  []*person
	actions int

	mu     sync.Mutex // guards the fields below
	ledger ledger
	out    outcome
	leaps  int       // nodes that started anew while a clock was on its way
	blind  time.Time // when one did so last that had been down
}

// run plays a seed in a bubble of virtual time.
func run(t *testing.T, p play) (out outcome) {
	t.Helper()
	dir := scratch(t)
	cryptotest.SetGlobalRandom(t, p.seed)
	synctest.Test(t, func(t *testing.T) {
		s := &sim{play: p, t: t, r: rand.New(rand.NewPCG(p.seed, 0x5eed))}
		s.ledger = newLedger()
		s.carrier = newCarrier(s)
		defer s.openStore(filepath.Join(dir, "bellhop.db"))()
		s.begin()
		for i := 0; i < p.steps && s.whole(); i++ {
			s.step(i)
		}
		s.end()
		out = s.out
	})
	h := fnv.New64a()
	for _, l := range out.trace {
		io.WriteString(h, l+"\n")
	}
	out.hash = h.Sum64()
	return out
}

// scratch is a folder in memory where there is such a place: nodes die here and
// machines do not, so nothing is to be learnt from the disk.
func scratch(t *testing.T) string {
	const memory = "/dev/shm"
	dir, err := os.MkdirTemp(memory, "bellhop-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// openStore opens the one database and says how to close it.
func (s *sim) openStore(file string) func() {
	ctx, cancel := context.WithCancel(s.t.Context())
	s.ctx = ctx
	var err error
	if s.store, err = sqlstore.Open(ctx, file, sqlstore.Options{Readers: 2}); err != nil {
		s.t.Fatal(err)
	}
	if s.db, err = sql.Open("sqlite", file); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		for _, n := range s.nodes {
			n.stop()
		}
		cancel()
		synctest.Wait()
		if err := errors.Join(s.db.Close(), s.store.Close()); err != nil {
			s.t.Error(err)
		}
	}
}

// begin draws the world: nodes with clocks that are apart, a pool, people.
func (s *sim) begin() {
	s.ring, _ = seal.Generate()
	for i := range 1 + s.r.IntN(3) {
		n := &node{name: string(rune('A' + i)), stop: func() {}}
		if s.r.IntN(2) == 0 {
			n.off = time.Duration(s.r.IntN(61)-30) * time.Second
		}
		s.nodes = append(s.nodes, n)
	}
	for _, n := range s.nodes {
		s.start(n)
	}
	s.makePool()
	s.carrier.faults = s.r.IntN(4) > 0
	s.makePeople()
}

// many says that nodes share the clock of their store.
func (s *sim) many() bool { return len(s.nodes) > 1 }

// start opens a node on the store, as a new process would.
func (s *sim) start(n *node) {
	n.line = newLine(s)
	n.clock = clock.New(clock.Config{Wall: func() time.Time { return time.Now().Add(n.off) }})
	s.observe(n)
	service, err := userpool.Open(s.ctx, userpool.Config{
		Store: n.line, Ring: s.ring, Sender: phoneCompany{s.carrier, n.line}, Region: "us-east-1",
		PublicURL: "http://localhost:9400", Clock: n.clock,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.count(`select count(*) from audit where at > ?`, n.clock.Now().Add(5*time.Second).UnixMilli()) > 0 {
		s.leapt(0) // what is under way ends, and answers with Sessions are no more
	}
	if err := service.EndFuture(s.ctx); err != nil {
		s.t.Fatal(err)
	}
	n.service = service
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := service.Run(ctx); err != nil {
			s.broke("Run", "the background work ended: %v", err)
		}
	}()
	n.stop = func() { cancel(); <-done }
	s.pass(13 * time.Millisecond) // so that no two nodes tick at once
}

func (s *sim) observe(n *node) {
	if s.many() {
		n.clock.Observe(time.Now().Add(s.common), 2*time.Millisecond)
	}
}

func (s *sim) makePool() {
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes, set.AutoVerified = []string{"phone_number"}, []string{"phone_number"}
	set.FirstFactors = []string{userpool.FactorPassword, userpool.FactorSMSOTP}
	set.Tags = map[string]string{"bellhop:token-alg": "ES256"} // quick to make
	if s.r.IntN(3) == 0 {
		set.Tags["bellhop:behaviour"] = string(userpool.Strict)
	}
	service := s.nodes[0].service
	p, err := service.CreateUserPool(s.ctx, userpool.NewPool{Name: "riders", Settings: set})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.r.IntN(2) == 0 {
		s.grace = 30 * time.Second
	}
	c, err := service.CreateUserPoolClient(s.ctx, userpool.NewClient{PoolID: p.ID, Name: "app", Settings: userpool.ClientSettings{
		ExplicitAuthFlows: []string{userpool.AllowCustom, userpool.AllowUserAuth, userpool.AllowPassword},
		PreventExistence:  s.r.IntN(2) == 0, Rotation: true, RotationGrace: s.grace,
	}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.pool, s.client = p.ID, c.ID
	s.tell("%d nodes, %v, existence hidden %v, grace %s, carrier fails %v", len(s.nodes), set.Tags["bellhop:behaviour"], c.Settings.PreventExistence, s.grace, s.carrier.faults)
}

func caller(address string) userpool.Caller {
	return userpool.Caller{Address: netip.MustParseAddr(address)}
}

func (s *sim) makePeople() {
	numbers := []string{"+919876543210", "+919812345671", "+14155550102"}
	for i, number := range numbers[:1+s.r.IntN(3)] {
		s.people = append(s.people, &person{
			name: fmt.Sprintf("owner%d", i), number: number, reads: true,
			caller: caller(fmt.Sprintf("203.0.113.%d", i+1)), password: fmt.Sprintf("Correct-Horse-%d", i),
		})
	}
	s.people = append(s.people,
		&person{name: "stranger", caller: caller("198.51.100.9"), password: "Stranger-Pass-1"},
		&person{name: "operator", caller: caller("192.0.2.1")})
}

// pass lets time go by, and a little more, so that nothing that was begun at a
// step is due at the very moment of another: the order of the two is not given.
func (s *sim) pass(d time.Duration) {
	if d > 0 {
		timer := time.NewTimer(d + time.Duration(s.r.IntN(1e6)))
		<-timer.C
	}
	synctest.Wait()
}

// tell takes down what happens, in words that are the same when the seed is
// played again: no id and no code.
func (s *sim) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.trace = append(s.out.trace, time.Since(bubbleStart).Round(time.Millisecond).String()+" "+fmt.Sprintf(format, args...))
}

// bubbleStart is when virtual time begins.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// broke notes the first invariant that does not hold.
func (s *sim) broke(invariant, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.broken == "" {
		s.out.broken = invariant + ": " + fmt.Sprintf(format, args...)
	}
}

func (s *sim) whole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.broken == ""
}

// waits are how long people think. Codes live ten minutes, resend gaps are from
// thirty seconds on, a Session lives three minutes.
var waits = []time.Duration{
	0, 0, 0, time.Second, time.Second, time.Second, 7 * time.Second, 7 * time.Second, 7 * time.Second,
	20 * time.Second, 31 * time.Second, 31 * time.Second, time.Minute, 170 * time.Second, 4 * time.Minute, 11 * time.Minute,
}

// step lets somebody do something, and sees what that has led to.
func (s *sim) step(i int) {
	s.trouble()
	for _, n := range s.nodes {
		s.observe(n)
	}
	if s.races && s.r.IntN(6) == 0 {
		s.race()
	} else {
		s.somebody()
	}
	synctest.Wait()
	s.revive()
	s.check()
	wait := waits[s.r.IntN(len(waits))]
	if s.r.IntN(150) == 0 {
		wait = time.Duration(1+s.r.IntN(25)) * time.Hour
	}
	s.pass(wait)
	s.revive()
}

// end lets the nodes finish, and looks once more.
func (s *sim) end() {
	s.pass(15 * time.Minute)
	s.revive()
	s.pass(time.Minute)
	s.check()
	s.I11_EachChangeHasItsAuditRow()
	s.out.score.texts = len(s.ledger.texts)
}

// trouble draws what goes wrong beside people's calls: background writes that
// fail or kill their node, and clocks that are set.
func (s *sim) trouble() {
	n := s.nodes[s.r.IntN(len(s.nodes))]
	if s.r.IntN(8) == 0 {
		h := s.harm()
		n.line.mu.Lock()
		n.line.background = append(n.line.background, h)
		n.line.mu.Unlock()
		s.tell("node %s: a background write will be %s", n.name, h)
	}
	if s.r.IntN(25) == 0 {
		s.setClock(n)
	}
}

// steps of clocks: small ones are followed at once, the others later.
var clockSteps = []time.Duration{time.Hour, -time.Hour, 90 * time.Second, -90 * time.Second, 4 * time.Minute, -7 * time.Minute}

// setClock sets the machine's clock of a node. Where nodes share one, that may be
// set as well. What the others' own clocks say must not matter then.
func (s *sim) setClock(n *node) {
	by := clockSteps[s.r.IntN(len(clockSteps))]
	if s.many() { // see mayDie
		for _, n := range s.nodes {
			n.line.mu.Lock()
			n.line.background = nil
			n.line.mu.Unlock()
		}
	}
	if s.many() && s.r.IntN(2) == 0 {
		if !s.steady() {
			return
		}
		s.common += by
		s.setAt = time.Now()
		s.tell("the shared clock is set by %s", by)
		return
	}
	n.off += by
	if !s.many() {
		s.setAt = time.Now()
	}
	s.tell("node %s: its machine's clock is set by %s", n.name, by)
}

// mayDie says that a node may. One of many that starts anew while the shared clock
// is on its way goes by the new time at once, and the others do not: that is
// beyond what is promised.
func (s *sim) mayDie() bool { return !s.many() || s.steady() }

// steady says that no clock that is followed was set lately: one that is would
// still be on its way.
func (s *sim) steady() bool {
	for _, n := range s.nodes {
		if n.clock.Status().Apart != 0 {
			return false
		}
	}
	return s.setAt.IsZero() || time.Since(s.setAt) > 11*time.Minute
}

// revive opens dead nodes anew.
func (s *sim) revive() {
	for _, n := range s.nodes {
		if !n.line.isDead() {
			continue
		}
		n.stop()
		s.out.score.crashes++
		steady := s.steady()
		s.tell("node %s died and starts anew", n.name)
		if s.r.IntN(3) == 0 { // after a while, and if it is alone all waits
			s.pass(time.Duration(1+s.r.IntN(12)) * time.Minute)
		}
		if !steady {
			s.leapt(time.Since(n.line.died))
		}
		s.start(n)
	}
}

// leapt notes that a node starts anew while a clock is on its way.
func (s *sim) leapt(down time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaps++
	clear(s.ledger.waiting)
	if down > time.Second {
		s.blind = time.Now()
	}
}

// answer is how a request ended, for who made it.
type answer uint8

const (
	success answer = iota
	refusal
	unknown
)

func (a answer) String() string { return [...]string{"success", "refused", "unknown"}[a] }

// reply is what somebody was told at last, and the action that it was about.
type reply struct {
	answer answer
	err    error
	action string
	// after says that a try before this answer was unknown: where a repeat is not
	// known as one, its refusal says nothing of what that did.
	after bool
}

// settled is the answer about all tries of a call whose repeats are new calls.
func (r reply) settled() answer {
	if r.answer == refusal && r.after {
		return unknown
	}
	return r.answer
}

// request is a call of an operation: what it is called, by whom, and the call.
type request struct {
	by   *person
	name string
	kind userpool.ActorKind
	do   func(context.Context, *userpool.Service, userpool.Caller) error
	calm bool // nothing befalls it
}

// ask sends a request, and again as SDKs do while nobody knows what came of it.
func (s *sim) ask(q request) reply {
	synctest.Wait() // what the call before this one has led to
	s.revive()
	s.actions++
	action := fmt.Sprintf("action-%d", s.actions)
	began, leaps := time.Now(), s.leaps
	for try := 0; ; try++ {
		n := s.nodes[s.r.IntN(len(s.nodes))]
		c := &call{action: action}
		if !q.calm {
			c.harms = s.harms()
		}
		lost := !q.calm && s.r.IntN(20) == 0
		rep := s.send(q, n, c, try)
		rep.after = try > 0
		if lost && rep.answer != unknown {
			rep.answer, rep.err = unknown, errBroken
		}
		s.tell("%s %s on %s %v: %s %s", q.by.name, q.name, n.name, c.harms, rep.answer, kindOf(rep.err))
		if rep.answer != unknown {
			return rep
		}
		s.out.score.unknown++
		if try == 2 || s.r.IntN(4) == 0 {
			return rep
		}
		s.pass(time.Duration(1+s.r.IntN(15)) * time.Second)
		s.revive()
		if time.Since(began) > 50*time.Second || s.leaps > leaps {
			return rep // answers are kept for a minute by the node's clock
		}
		s.out.score.repeated++
	}
}

// harms draws what befalls the uses of the store of one call.
func (s *sim) harms() map[int]harm {
	if s.r.IntN(5) > 0 {
		return nil
	}
	return map[int]harm{s.r.IntN(4): s.harm()}
}

// harm draws one harm.
func (s *sim) harm() harm {
	h := harm(1 + s.r.IntN(int(crashUndecided)))
	if h >= crashBefore && !s.mayDie() {
		return inDoubt
	}
	return h
}

func (s *sim) send(q request, n *node, c *call, try int) reply {
	who := q.by.caller
	who.Invocation, who.Body = c.action, func() string { return q.name }
	ctx := context.WithValue(s.ctx, callKey{}, c)
	ctx = n.service.Begin(ctx, userpool.Call{
		Operation: q.name, Kind: q.kind, Address: who.Address, RequestID: fmt.Sprintf("%s/%d", c.action, try),
	})
	n.line.begin()
	err := q.do(ctx, n.service, who)
	n.service.End(ctx, err)
	lived := n.line.end()
	rep := reply{err: err, action: c.action}
	switch {
	case !lived:
		rep.answer, rep.err = unknown, errDead
	case err == nil:
	case fault.KindOf(err) == fault.Internal:
		s.broke("I12", "%s ended in no answer: %v", q.name, err)
		rep.answer = unknown
	case fault.KindOf(err) == fault.Unavailable:
		rep.answer = unknown
	default:
		rep.answer = refusal
	}
	s.mu.Lock()
	s.out.score.calls++
	s.mu.Unlock()
	return rep
}

func kindOf(err error) string {
	if err == nil {
		return ""
	}
	return fault.KindOf(err).String()
}

// keyOf is what the store keeps of a Session: the time before its 52 secret letters, and
// the hash of all.
func keyOf(session string) string {
	sum := sha256.Sum256([]byte(session))
	return session[:max(0, len(session)-52)] + hex.EncodeToString(sum[:])
}

// tail are the last lines of a trace.
func tail(trace []string, n int) string {
	return strings.Join(trace[max(len(trace)-n, 0):], "\n")
}
