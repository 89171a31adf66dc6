package pack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellhop-auth/bellhop/internal/otp"
	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/pack/dynamo"
	"github.com/bellhop-auth/bellhop/internal/pack/packtest"
	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

const (
	poolID   = "eu-central-1_AbCdEfGhI"
	clientID = "4k2nexampleclient"
	sub      = "6a1d0c2e-5f3b-4c1d-9e8f-0a1b2c3d4e5f"
	number   = "+4917612345678"
)

var start = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// world is a pack with a real table, a phone and a small user pool.
type world struct {
	t     *testing.T
	pack  *pack.Pack
	store pack.Store
	phone *phoneBox
	pool  *userPool
	log   *syncBuffer
	scan  func() string // all that is in the table
	now   time.Time
	ctx   context.Context
}

// settings are those of the documentation's defaults, with what is given.
func settings(t *testing.T, env ...string) pack.Settings {
	t.Helper()
	all := map[string]string{
		"BELLHOP_TABLE": "t", "BELLHOP_KEY": "x", "BELLHOP_SIGN_UP": "auto-sign-in",
		"BELLHOP_SENDER": "sns", "BELLHOP_COUNTRIES": "DE,US,IN", "BELLHOP_APP_HOST": "app.example",
	}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		all[name] = value
	}
	s, err := pack.Read(func(name string) string { return all[name] })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	t.Parallel()
	client, table := packtest.Table(t)
	w := &world{
		t: t, store: dynamo.New(client, table), phone: &phoneBox{}, pool: &userPool{}, log: &syncBuffer{}, now: start, ctx: context.Background(),
		scan: func() string { return packtest.Dump(t, client, table) },
	}
	return w.under(t, env...)
}

// under is the same world with a pack of other settings.
func (w *world) under(t *testing.T, env ...string) *world {
	t.Helper()
	other := *w
	other.pack = pack.New(pack.Config{
		Settings: settings(t, env...), Key: []byte(strings.Repeat("k", pack.MinKey)),
		Store: w.store, Texter: w.phone, Directory: w.pool, DecisionTime: time.Minute,
		Log: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return &other
}

// phoneBox is every phone: it keeps what was texted.
type phoneBox struct {
	mu        sync.Mutex
	texts     []sms.Message
	pretended int
	fail      error
	sending   func() // if set, called at each text
}

func (p *phoneBox) Send(_ context.Context, m sms.Message) (sms.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sending != nil {
		p.sending()
	}
	if p.fail == nil {
		p.texts = append(p.texts, m)
	}
	return sms.Receipt{}, p.fail
}

func (p *phoneBox) Pretend(context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pretended++
}

var codeForm = regexp.MustCompile(`^Your verification code is ([0-9]{6})\.\n\n@app\.example #([0-9]{6})$`)

// code is that of the last text.
func (w *world) code() string {
	w.t.Helper()
	w.phone.mu.Lock()
	defer w.phone.mu.Unlock()
	if len(w.phone.texts) == 0 {
		w.t.Fatal("nothing was texted")
	}
	body := w.phone.texts[len(w.phone.texts)-1].Body
	m := codeForm.FindStringSubmatch(body)
	if m == nil || m[1] != m[2] {
		w.t.Fatalf("a text of another form: %q", body)
	}
	return m[1]
}

func (w *world) sent(want int) {
	w.t.Helper()
	w.phone.mu.Lock()
	defer w.phone.mu.Unlock()
	if n := len(w.phone.texts); n != want {
		w.t.Errorf("%d texts, want %d", n, want)
	}
}

// userPool is a pool's users and clients.
type userPool struct {
	mu      sync.Mutex
	users   []pack.User
	clients []pack.Client
	busy    bool     // too busy to list its clients
	done    []string // what was changed, in order
	fail    error    // of every change
	between func(*userPool)
}

func (p *userPool) ByPhone(_ context.Context, _, number string) ([]pack.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []pack.User
	for _, u := range p.users {
		if u.Phone == number {
			found = append(found, u)
		}
	}
	if p.between != nil {
		p.between(p)
	}
	return found, nil
}

func (p *userPool) User(_ context.Context, _, name string) (pack.User, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.users, func(u pack.User) bool { return u.Name == name })
	if i < 0 {
		return pack.User{}, false, nil
	}
	return p.users[i], true, nil
}

func (p *userPool) Delete(_ context.Context, _, name string) error {
	p.users = slices.DeleteFunc(p.users, func(u pack.User) bool { return u.Name == name })
	return p.did("delete " + name)
}

func (p *userPool) Clients(context.Context, string) ([]pack.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return nil, errors.New("Rate exceeded")
	}
	return p.clients, nil
}

func (p *userPool) SetPassword(_ context.Context, _, name string, password otp.Code) error {
	if len(password.Reveal()) < 32 {
		return errors.New("a password that could be guessed")
	}
	return p.did("password " + name)
}

func (p *userPool) VerifyPhone(_ context.Context, _, name string) error {
	return p.did("verified " + name)
}

func (p *userPool) did(what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail == nil {
		p.done = append(p.done, what)
	}
	return p.fail
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// person is a user as events tell of him.
type person struct {
	name    string
	attrs   trigger.Attributes
	unknown bool
}

func owner(number string) person {
	return person{name: sub, attrs: trigger.Attributes{
		"sub": sub, "cognito:user_status": "CONFIRMED", "phone_number": number, "phone_number_verified": "true",
	}}
}

// nobody is who signs in by a number that has no account.
func nobody(name string) person { return person{name: name, unknown: true} }

// call sends an event and reads the answer's response.
func call[Q, A any](w *world, source trigger.Source, who person, request Q) (A, error) {
	var response A
	event, err := json.Marshal(trigger.Event[Q, A]{
		Version: "1", TriggerSource: source, Region: "eu-central-1", UserPoolID: poolID, UserName: who.name,
		CallerContext: trigger.CallerContext{AWSSDKVersion: trigger.UnknownSDK, ClientID: clientID}, Request: request,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := w.pack.Handle(w.ctx, event, w.now)
	if err != nil {
		return response, err
	}
	return trigger.Read(answer, response)
}

func (w *world) create(who person, session ...trigger.Step) (trigger.CreateResponse, error) {
	return call[trigger.CreateRequest, trigger.CreateResponse](w, trigger.CreateAuthChallengeAuthentication, who, trigger.CreateRequest{
		UserAttributes: who.attrs, ChallengeName: "CUSTOM_CHALLENGE", Session: session, UserNotFound: who.unknown,
	})
}

func (w *world) verify(who person, c trigger.CreateResponse, answer string) (bool, error) {
	v, err := call[trigger.VerifyRequest, trigger.VerifyResponse](w, trigger.VerifyAuthChallengeAuthentication, who, trigger.VerifyRequest{
		UserAttributes: who.attrs, PrivateChallengeParameters: c.PrivateChallengeParameters, ChallengeAnswer: answer, UserNotFound: who.unknown,
	})
	return v.AnswerCorrect != nil && *v.AnswerCorrect, err
}

func (w *world) define(who person, session ...trigger.Step) string {
	w.t.Helper()
	d, err := call[trigger.DefineRequest, trigger.DefineResponse](w, trigger.DefineAuthChallengeAuthentication, who, trigger.DefineRequest{
		UserAttributes: who.attrs, Session: session, UserNotFound: who.unknown,
	})
	switch {
	case err != nil:
		w.t.Fatal(err)
	case *d.FailAuthentication && !*d.IssueTokens && d.ChallengeName == nil:
		return "fail"
	case *d.IssueTokens && !*d.FailAuthentication && d.ChallengeName == nil:
		return "tokens"
	case d.ChallengeName != nil && !*d.IssueTokens && !*d.FailAuthentication:
		return *d.ChallengeName
	}
	w.t.Fatalf("an ambiguous decision: %+v", d)
	return ""
}

// begin is the first round of a sign-in that must not be refused.
func (w *world) begin(who person) trigger.CreateResponse {
	w.t.Helper()
	c, err := w.create(who)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// answer gives the answer and wants the verdict.
func (w *world) answer(who person, c trigger.CreateResponse, code string, want bool) {
	w.t.Helper()
	if right, err := w.verify(who, c, code); err != nil || right != want {
		w.t.Errorf("the answer is %v, %v; want %v", right, err, want)
	}
}

func (w *world) signUp(name, number string) (trigger.PreSignUpResponse, error) {
	return call[trigger.PreSignUpRequest, trigger.PreSignUpResponse](w, trigger.PreSignUpSignUp, person{name: name}, trigger.PreSignUpRequest{
		UserAttributes: trigger.Attributes{"phone_number": number},
	})
}

func (w *world) message(source trigger.Source, attrs trigger.Attributes) (trigger.CustomMessageResponse, error) {
	return call[trigger.CustomMessageRequest, trigger.CustomMessageResponse](w, source, person{name: sub}, trigger.CustomMessageRequest{
		UserAttributes: attrs, CodeParameter: "{####}", LinkParameter: "{##Click Here##}",
	})
}

func step(result bool) trigger.Step {
	note := "CODE"
	return trigger.Step{ChallengeName: "CUSTOM_CHALLENGE", ChallengeResult: result, ChallengeMetadata: &note}
}

// refusedWith says whether the error is the text that an app would see, up to what
// follows.
func refusedWith(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), text) {
		t.Errorf("got %v, want %s…", err, text)
	}
}

func wrongOf(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}
