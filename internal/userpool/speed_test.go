package userpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellhop-auth/bellhop/internal/guard"
	"github.com/bellhop-auth/bellhop/internal/seal"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/smstest"
	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/worldtest"
)

// What a flow costs below its face, in a call's own entry of the audit trail, on
// durable SQLite: CPU of this process, allocations, and transactions of the store. The
// keys are elliptic, so that signatures are the small part.
//
//	go test ./internal/userpool -run '^$' -bench 'Flow' -benchtime 2000x
func BenchmarkFlow(b *testing.B) {
	for _, workers := range []int{1, 8} {
		for _, limits := range []bool{false, true} {
			name := fmt.Sprintf("workers=%d,limits=%t", workers, limits)
			b.Run("signin,"+name, func(b *testing.B) { newSpeed(b, limits).drive(b, workers, (*speed).signIn) })
			b.Run("signup,"+name, func(b *testing.B) { newSpeed(b, limits).drive(b, workers, (*speed).signUp) })
			b.Run("refresh,"+name, func(b *testing.B) { newSpeed(b, limits).drive(b, workers, (*speed).refresh) })
			b.Run("getuser,"+name, func(b *testing.B) { newSpeed(b, limits).drive(b, workers, (*speed).getUser) })
		}
	}
}

// speed is a server with people who come again and again.
type speed struct {
	s      *userpool.Service
	store  *counted
	phones inboxes
	client userpool.ClientID
	calls  atomic.Uint64
	people []*person
}

type person struct {
	number string
	caller userpool.Caller
	texts  chan string
	tokens userpool.Tokens
}

// inboxes is a sender to people who wait for their texts.
type inboxes struct{ to sync.Map }

func (p *inboxes) Send(_ context.Context, m sms.Message) (sms.Receipt, error) {
	inbox, ok := p.to.Load(m.To.E164())
	if ok {
		inbox.(chan string) <- smstest.CodeIn(m.Body)
	}
	return sms.Receipt{ProviderID: m.ID}, nil
}

// counted is a store that counts its transactions.
type counted struct {
	*sqlstore.DB
	views, updates atomic.Int64
}

func (c *counted) View(ctx context.Context, fn func(userpool.Tx) error) error {
	c.views.Add(1)
	return c.DB.View(ctx, fn)
}

func (c *counted) Update(ctx context.Context, fn func(userpool.Tx) error) error {
	c.updates.Add(1)
	return c.DB.Update(ctx, fn)
}

func newSpeed(b *testing.B, limits bool) *speed {
	ctx, cancel := context.WithCancel(context.Background())
	store, err := sqlstore.Open(ctx, worldtest.Database(b), sqlstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ring, _ := seal.Generate()
	w := &speed{store: &counted{DB: store}}
	w.s, err = userpool.Open(ctx, userpool.Config{
		Store: w.store, Ring: ring, Sender: &w.phones, Region: "us-east-1", PublicURL: "http://localhost:9400",
		Log: slog.New(slog.DiscardHandler), Guard: guard.NewEngine(worldtest.Roomy()), LimitsOff: !limits,
	})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- w.s.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	set := userpool.DefaultPoolSettings()
	set.UsernameAttributes, set.AutoVerified = []string{"phone_number"}, []string{"phone_number"}
	set.FirstFactors = []string{userpool.FactorPassword, userpool.FactorSMSOTP}
	set.Tags = map[string]string{"bellhop:token-alg": "ES256"}
	p, err := w.s.CreateUserPool(ctx, userpool.NewPool{Name: "riders", Settings: set})
	if err != nil {
		b.Fatal(err)
	}
	c, err := w.s.CreateUserPoolClient(ctx, userpool.NewClient{PoolID: p.ID, Name: "app", Settings: userpool.ClientSettings{
		ExplicitAuthFlows: []string{userpool.AllowCustom, userpool.AllowUserAuth, userpool.AllowSRP, userpool.AllowRefresh}, PreventExistence: true,
	}})
	if err != nil {
		b.Fatal(err)
	}
	w.client = c.ID
	for i := range 100 {
		who := &person{number: fmt.Sprintf("+9198%08d", i), texts: make(chan string, 8)}
		who.caller.Address = netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})
		w.phones.to.Store(who.number, who.texts)
		w.people = append(w.people, who)
		if err := w.register(ctx, who); err != nil {
			b.Fatal(err)
		}
	}
	return w
}

// drive has so many people at a time do something, b.N times in all.
func (w *speed) drive(b *testing.B, workers int, do func(*speed, context.Context, *person) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	free := make(chan *person, len(w.people))
	for _, who := range w.people {
		free <- who
	}
	w.store.views.Store(0)
	w.store.updates.Store(0)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := processCPU(b)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				who := <-free
				if err := do(w, b.Context(), who); err != nil {
					b.Error(err)
					return
				}
				free <- who
			}
		})
	}
	all.Wait()
	used := processCPU(b) - cpu
	b.StopTimer()
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-us/op")
	b.ReportMetric(float64(w.store.views.Load())/float64(b.N), "views/op")
	b.ReportMetric(float64(w.store.updates.Load())/float64(b.N), "updates/op")
}

func processCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// call is a call with its entry in the audit trail, as a face makes one.
func (w *speed) call(ctx context.Context, operation string, who *person, do func(context.Context, userpool.Caller) error) error {
	c := who.caller
	c.Invocation = uuid.NewString()
	c.Body = bodyHash(c.Invocation)
	ctx = w.s.Begin(ctx, userpool.Call{Operation: operation, Address: c.Address, RequestID: c.Invocation})
	userpool.Named(ctx, who.number)
	err := do(ctx, c)
	w.s.End(ctx, err)
	return err
}

func (w *speed) initiate(ctx context.Context, who *person, flow, session string, parameters map[string]string) (r userpool.AuthResult, err error) {
	err = w.call(ctx, "InitiateAuth", who, func(ctx context.Context, c userpool.Caller) (err error) {
		r, err = w.s.InitiateAuth(ctx, userpool.AuthRequest{Caller: c, ClientID: w.client, Flow: flow, Session: session, Parameters: parameters})
		return err
	})
	return r, err
}

// signIn is a texted-code sign-in by CUSTOM_AUTH.
func (w *speed) signIn(ctx context.Context, who *person) error {
	started, err := w.initiate(ctx, who, "CUSTOM_AUTH", "", map[string]string{"USERNAME": who.number})
	if err != nil {
		return err
	}
	code := <-who.texts
	return w.call(ctx, "RespondToAuthChallenge", who, func(ctx context.Context, c userpool.Caller) error {
		r, err := w.s.RespondToAuthChallenge(ctx, userpool.AnswerRequest{
			Caller: c, ClientID: w.client, Challenge: "CUSTOM_CHALLENGE", Session: started.Session,
			Responses: map[string]string{"USERNAME": who.number, "ANSWER": code},
		})
		if err == nil {
			who.tokens = *r.Tokens
		}
		return err
	})
}

// register is a sign-up with its first sign-in, without a second text.
func (w *speed) register(ctx context.Context, who *person) error {
	var signedUp userpool.SignUpResult
	err := w.call(ctx, "SignUp", who, func(ctx context.Context, c userpool.Caller) (err error) {
		signedUp, err = w.s.SignUp(ctx, userpool.SignUpRequest{Caller: c, ClientID: w.client, Username: who.number})
		return err
	})
	if err != nil {
		return err
	}
	code := <-who.texts
	var session string
	err = w.call(ctx, "ConfirmSignUp", who, func(ctx context.Context, c userpool.Caller) (err error) {
		session, err = w.s.ConfirmSignUp(ctx, userpool.ConfirmSignUpRequest{Caller: c, ClientID: w.client, Username: who.number, Code: code, Session: signedUp.Session})
		return err
	})
	if err != nil {
		return err
	}
	r, err := w.initiate(ctx, who, "USER_AUTH", session, map[string]string{"USERNAME": who.number})
	if err == nil {
		who.tokens = *r.Tokens
	}
	return err
}

// signUp is register for somebody new.
func (w *speed) signUp(ctx context.Context, _ *person) error {
	i := w.calls.Add(1)
	who := &person{number: fmt.Sprintf("+9197%08d", i), texts: make(chan string, 1)}
	who.caller.Address = netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)})
	w.phones.to.Store(who.number, who.texts)
	defer w.phones.to.Delete(who.number)
	return w.register(ctx, who)
}

func (w *speed) refresh(ctx context.Context, who *person) error {
	_, err := w.initiate(ctx, who, "REFRESH_TOKEN_AUTH", "", map[string]string{"REFRESH_TOKEN": who.tokens.Refresh})
	return err
}

func (w *speed) getUser(ctx context.Context, who *person) error {
	return w.call(ctx, "GetUser", who, func(ctx context.Context, _ userpool.Caller) error {
		_, err := w.s.GetUser(ctx, who.tokens.Access)
		return err
	})
}
