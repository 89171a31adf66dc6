package userpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellhop-auth/bellhop/internal/clock"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/pgtest"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/stepup"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/wording"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

const (
	asha      = "+919876543210"
	ravi      = "+919812345678"
	password  = "Correct-Horse-9"
	intruders = "Stranger-Pass-1"
)

// Addresses of people who do not know each other.
var (
	home     = caller("203.0.113.7")
	stranger = caller("198.51.100.9")
	mobile   = caller("2001:db8:1:2::3")
)

func caller(address string) userpool.Caller {
	return userpool.Caller{Address: netip.MustParseAddr(address)}
}

// world is a server in a bubble: real store, real outbox, a phone to read.
type world struct {
	t       *testing.T
	ctx     context.Context
	s       *userpool.Service
	store   *sqlstore.DB
	ring    *seal.Ring
	phone   *smstest.Phone
	mail    *mailbox
	log     *strings.Builder
	pool    userpool.PoolID
	client  userpool.ClientID
	file    string // the database: a path or a URL
	stop    func() // ends the background work and waits for it
	keyFile []byte // the ring's text

	limitsOff bool
	helpText  string
	guard     guard.Settings
	stepUp    *userpool.StepUp
	functions *functions // of the pool's triggers; nil for none
	encrypter userpool.Encrypter
	messages  []wording.Entry
	onlooker  *onlooker
	aside     func(context.Context) func() // nil for nothing
}

type options struct {
	behaviour userpool.Behaviour
	flows     []string
	legacy    bool // PreventUserExistenceErrors LEGACY
	limitsOff bool
	guard     *guard.Settings              // nil for the shipped ones with roomy windows
	stepUp    *userpool.StepUp             // nil for a little proof of work
	aside     func(context.Context) func() // nil for nothing
	noVerify  bool                         // no AutoVerifiedAttributes
	rotation  bool
	grace     time.Duration
	tags      map[string]string
	// set is by how much the machine's clock was set; nil for never.
	set *atomic.Int64
	// functions are the pool's triggers.
	functions *functions
	// encrypter is the custom senders'; nil for none.
	encrypter userpool.Encrypter
	// messages are the operator's words of texts.
	messages []wording.Entry
	// design changes the pool's settings: other names than phone numbers.
	design func(*userpool.PoolSettings)
}

// newDatabase names a new database: an SQLite file, or with
// BELLHOP_TEST_DATABASE=postgres a schema on PostgreSQL.
func newDatabase(t *testing.T) string {
	if os.Getenv("BELLHOP_TEST_DATABASE") != "postgres" {
		return worldtest.Database(t)
	}
	return pgtest.NewSchema(t, sharedDatabase(t))
}

// sharedDatabase is one database on PostgreSQL for all tests.
func sharedDatabase(t *testing.T) string {
	shared.Do(func() { shared.url = pgtest.Shared(t).NewDatabase(t) })
	return shared.url
}

var shared struct {
	sync.Once
	url string
}

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.StopShared()
	os.Exit(code)
}

// inWorld runs a test in a bubble of virtual time with a server in it.
func inWorld(t *testing.T, o options, test func(w *world)) {
	t.Helper()
	file := newDatabase(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store, err := sqlstore.Open(ctx, file, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ring, keyFile := seal.Generate()
		w := &world{
			t: t, ctx: ctx, store: store, ring: ring, keyFile: keyFile, file: file,
			phone: &smstest.Phone{}, mail: &mailbox{}, log: &strings.Builder{},
		}
		w.limitsOff, w.functions, w.onlooker = o.limitsOff, o.functions, &onlooker{}
		w.messages = o.messages
		w.encrypter, w.stepUp, w.aside, w.guard = o.encrypter, o.stepUp, o.aside, worldtest.Roomy()
		if o.guard != nil {
			w.guard = *o.guard
		}
		if w.stepUp == nil {
			w.stepUp = &userpool.StepUp{Settings: stepup.Settings{Ways: []stepup.Kind{stepup.Work}, Work: stepup.Bounds{Least: 6, Most: 10}}}
		}
		w.open(o.set)
		worldtest.Stock(t, store, ring)
		w.makePool(o)
		w.start()
		defer func() {
			w.stop()
			cancel()
			if err := store.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}()
		test(w)
	})
}

// open opens the Service on the store, as a new process would. set is by how much
// the machine's clock was set, nil for never.
func (w *world) open(set *atomic.Int64) {
	w.t.Helper()
	cfg := userpool.Config{
		Store: w.store, Ring: w.ring, Sender: w.phone, Mailer: w.mail, Messages: w.messages, Region: "us-east-1",
		PublicURL: "http://localhost:9400", LimitsOff: w.limitsOff, HelpText: w.helpText, Aside: w.aside,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Guard: guard.NewEngine(w.guard), StepUp: w.stepUp,
	}
	if w.functions != nil {
		cfg.Encrypter = w.encrypter
		cfg.Triggers, cfg.Observers = w.functions, []userpool.Observer{w.onlooker}
	}
	if set != nil {
		cfg.Clock = clock.New(clock.Config{Wall: func() time.Time { return time.Now().Add(time.Duration(set.Load())) }})
	}
	var err error
	if w.s, err = userpool.Open(w.ctx, cfg); err != nil {
		w.t.Fatal(err)
	}
}

// start and stop are the background work's.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- w.s.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

// passDown lets time go by in which the server is down, which is quicker to
// test where it is about days.
func (w *world) passDown(d time.Duration) {
	w.stop()
	w.pass(d)
	w.start()
	synctest.Wait()
}

func (w *world) makePool(o options) {
	w.t.Helper()
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes = []string{"phone_number"}
	if !o.noVerify {
		set.AutoVerified = []string{"phone_number"}
	}
	set.FirstFactors = []string{userpool.FactorPassword, userpool.FactorSMSOTP}
	// Elliptic keys, since making RSA keys would be most of a test's time.
	set.Tags = map[string]string{"bellhop:token-alg": "ES256"}
	if o.behaviour != "" {
		set.Tags["bellhop:behaviour"] = string(o.behaviour)
	}
	for k, v := range o.tags {
		set.Tags[k] = v
	}
	if o.functions != nil {
		set.Triggers = o.functions.triggers()
	}
	if o.design != nil {
		o.design(&set)
	}
	p, err := w.s.CreateUserPool(w.ctx, userpool.NewPool{Name: "riders", Settings: set})
	if err != nil {
		w.t.Fatal(err)
	}
	flows := o.flows
	if flows == nil {
		flows = []string{userpool.AllowCustom, userpool.AllowSRP, userpool.AllowUserAuth}
		if !o.rotation {
			flows = append(flows, userpool.AllowRefresh)
		}
	}
	c, err := w.s.CreateUserPoolClient(w.ctx, userpool.NewClient{PoolID: p.ID, Name: "app", Settings: userpool.ClientSettings{
		ExplicitAuthFlows: flows, PreventExistence: !o.legacy, Rotation: o.rotation, RotationGrace: o.grace,
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.pool, w.client = p.ID, c.ID
}

// settle lets the outbox do its work; no time passes.
func (w *world) settle() { synctest.Wait() }

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

// texts says how many texts a number has got so far.
func (w *world) texts(number string) int {
	w.settle()
	return len(w.phone.TextsTo(number))
}

// code reads the newest code on a number's phone.
func (w *world) code(number string) string {
	w.t.Helper()
	w.settle()
	code := w.phone.LastCode(number)
	if code == "" {
		w.t.Fatalf("no code was texted to %s", number)
	}
	return code
}

// wrongCode is a code that is not the one given.
func wrongCode(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// want fails the test unless err is a fault of the kind.
func (w *world) want(err error, kind fault.Kind, message string) {
	w.t.Helper()
	if !fault.Is(err, kind) {
		w.t.Fatalf("error is %v (kind %d), want kind %d %q", err, fault.KindOf(err), kind, message)
	}
	if message != "" && !strings.Contains(err.Error(), message) {
		w.t.Fatalf("error is %q, want %q", err, message)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) signUp(c userpool.Caller, number, password string, attrs ...userpool.Attribute) userpool.SignUpResult {
	w.t.Helper()
	r, err := w.trySignUp(c, number, password, attrs...)
	w.must(err)
	return r
}

func (w *world) trySignUp(c userpool.Caller, number, password string, attrs ...userpool.Attribute) (userpool.SignUpResult, error) {
	return w.s.SignUp(w.ctx, userpool.SignUpRequest{Caller: c, ClientID: w.client, Username: number, Password: password, Attributes: attrs})
}

func (w *world) confirm(c userpool.Caller, number, code, session string) (string, error) {
	return w.s.ConfirmSignUp(w.ctx, userpool.ConfirmSignUpRequest{Caller: c, ClientID: w.client, Username: number, Code: code, Session: session})
}

func (w *world) resend(c userpool.Caller, number string) error {
	_, err := w.s.ResendConfirmationCode(w.ctx, userpool.ResendRequest{Caller: c, ClientID: w.client, Username: number})
	return err
}

func (w *world) initiate(c userpool.Caller, flow string, session string, parameters ...string) (userpool.AuthResult, error) {
	return w.s.InitiateAuth(w.ctx, userpool.AuthRequest{Caller: c, ClientID: w.client, Flow: flow, Session: session, Parameters: pairs(parameters)})
}

func (w *world) answer(c userpool.Caller, name, session string, responses ...string) (userpool.AuthResult, error) {
	return w.s.RespondToAuthChallenge(w.ctx, userpool.AnswerRequest{Caller: c, ClientID: w.client, Challenge: name, Session: session, Responses: pairs(responses)})
}

func pairs(list []string) map[string]string {
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// custom starts CUSTOM_AUTH and returns the Session to answer.
func (w *world) custom(c userpool.Caller, number string) userpool.AuthResult {
	w.t.Helper()
	r, err := w.initiate(c, "CUSTOM_AUTH", "", "USERNAME", number)
	w.must(err)
	if r.Challenge != "CUSTOM_CHALLENGE" || r.Session == "" {
		w.t.Fatalf("CUSTOM_AUTH gave %+v", r)
	}
	return r
}

// texted signs in by CUSTOM_AUTH with the code from the phone.
func (w *world) texted(c userpool.Caller, number string) userpool.Tokens {
	w.t.Helper()
	r := w.custom(c, number)
	r, err := w.answer(c, "CUSTOM_CHALLENGE", r.Session, "USERNAME", number, "ANSWER", w.code(number))
	w.must(err)
	return w.tokens(r)
}

func (w *world) tokens(r userpool.AuthResult) userpool.Tokens {
	w.t.Helper()
	if r.Tokens == nil || r.Tokens.Access == "" || r.Tokens.ID == "" {
		w.t.Fatalf("no tokens but %s", r.Challenge)
	}
	return *r.Tokens
}

// member signs a number up, confirms it and returns the user's first tokens.
func (w *world) member(c userpool.Caller, number, password string, attrs ...userpool.Attribute) userpool.Tokens {
	w.t.Helper()
	r := w.signUp(c, number, password, attrs...)
	session, err := w.confirm(c, number, w.code(number), r.Session)
	w.must(err)
	auth, err := w.initiate(c, "USER_AUTH", session, "USERNAME", number)
	w.must(err)
	return w.tokens(auth)
}

// attribute reads one attribute of the holder of an access token.
func (w *world) attribute(access, name string) string {
	w.t.Helper()
	view, err := w.s.GetUser(w.ctx, access)
	w.must(err)
	for _, a := range view.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

func (w *world) String() string { return fmt.Sprintf("world of pool %s", w.pool) }
