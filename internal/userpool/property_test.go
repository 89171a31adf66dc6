package userpool_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"pgregory.net/rapid"

	"github.com/bellhop-auth/bellhop/internal/sqlstore"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// A state machine: an owner, a stranger and an operator do what they can with
// the owner's number, in any order and at any time. Only the owner reads the
// phone; both know nothing of each other. After every step the directory must
// obey the invariants below, whatever the steps were.

// deed is one step of a plan: who does what, and how long he waits before.
type deed struct {
	who, what int
	wait      time.Duration
}

func (d deed) String() string {
	return fmt.Sprintf("%s+%s:%s", names[d.who], d.wait, deeds(d.who)[d.what].name)
}

var names = []string{"owner", "stranger", "operator"}

const theOwner, theStranger, theOperator = 0, 1, 2

// action is something that somebody can do.
type action struct {
	name string
	do   func(*theatre, *player)
}

// player is somebody with what he holds.
type player struct {
	who       int
	from      userpool.Caller
	password  string
	sessions  []string
	challenge string // the newest Session that waits for an answer, and its kind
	step      string
	tokens    []userpool.Tokens
}

// theatre is a world with what the invariants need to remember.
type theatre struct {
	*world
	db      *sql.DB
	name    string // what the owner is called: his number, or in an alias pool a name
	players []*player
	trace   []string
	used    map[string]int // codes that let somebody in, how often
	// confirmedBy says how the user came to be: nobody has proved the number
	// while an administrator's word is all there is.
	adminsWord bool
	broken     string
}

func (th *theatre) fail(format string, args ...any) {
	if th.broken == "" {
		th.broken = fmt.Sprintf(format, args...) + "\nafter " + strings.Join(th.trace, ", ")
	}
}

// contact is what a sign-up says of the user beside his name.
func (th *theatre) contact(more ...userpool.Attribute) []userpool.Attribute {
	if th.name == asha {
		return more
	}
	return append(more, attr("phone_number", asha))
}

// code is what the player would type: the newest code if he reads the phone.
func (th *theatre) code(p *player) string {
	th.settle()
	code := th.phone.LastCode(asha)
	switch {
	case code == "":
		return "000000"
	case p.who == theOwner:
		return code
	}
	return wrongCode(code)
}

// got notes the outcome of a sign-in step.
func (th *theatre) got(p *player, r userpool.AuthResult, err error, code string) {
	if err != nil {
		return
	}
	p.challenge, p.step = r.Session, r.Challenge
	if r.Tokens == nil {
		return
	}
	p.challenge = ""
	p.tokens = append(p.tokens, *r.Tokens)
	th.proved(code)
	view, err := th.s.AdminGetUser(th.ctx, th.pool, th.name)
	if err != nil || !view.Enabled || view.Status == userpool.StatusUnconfirmed {
		th.fail("I4: tokens for a user who is %s, enabled %v, %v", view.Status, view.Enabled, err)
	}
	if p.who == theStranger && !th.adminsWord {
		th.fail("I9: the stranger got tokens")
	}
}

// proved notes that a code was right.
func (th *theatre) proved(code string) {
	if code == "" {
		return
	}
	th.adminsWord = false
	if th.used[code]++; th.used[code] > 1 {
		th.fail("I2: a code let in twice")
	}
}

func (th *theatre) start(flow string, more ...string) func(*theatre, *player) {
	return func(th *theatre, p *player) {
		r, err := th.initiate(p.from, flow, "", append([]string{"USERNAME", th.name}, more...)...)
		th.got(p, r, err, "")
	}
}

// own are what owner and stranger do.
func own() []action {
	var th *theatre
	return []action{
		{"signs up", func(th *theatre, p *player) {
			r, err := th.trySignUp(p.from, th.name, p.password, th.contact(attr("name", names[p.who]))...)
			if err == nil && r.Session != "" {
				p.sessions = append(p.sessions, r.Session)
			}
		}},
		{"confirms", func(th *theatre, p *player) { th.confirms(p, "") }},
		{"confirms with his Session", func(th *theatre, p *player) {
			if len(p.sessions) > 0 {
				th.confirms(p, p.sessions[len(p.sessions)-1])
			}
		}},
		{"asks again", func(th *theatre, p *player) { _ = th.resend(p.from, th.name) }},
		{"starts CUSTOM_AUTH", th.start("CUSTOM_AUTH")},
		{"starts SMS_OTP", th.start("USER_AUTH", "PREFERRED_CHALLENGE", "SMS_OTP")},
		{"answers", func(th *theatre, p *player) {
			key := map[string]string{"CUSTOM_CHALLENGE": "ANSWER", "SMS_OTP": "SMS_OTP_CODE"}[p.step]
			if p.challenge == "" || key == "" {
				return
			}
			code := th.code(p)
			r, err := th.answer(p.from, p.step, p.challenge, "USERNAME", th.name, key, code)
			th.got(p, r, err, code)
		}},
		{"gives his password", func(th *theatre, p *player) {
			r, err := th.initiate(p.from, "USER_PASSWORD_AUTH", "", "USERNAME", th.name, "PASSWORD", p.password)
			th.got(p, r, err, "")
		}},
		{"uses a Session", func(th *theatre, p *player) {
			if n := len(p.sessions); n > 0 {
				r, err := th.initiate(p.from, "USER_AUTH", p.sessions[n-1], "USERNAME", th.name)
				th.got(p, r, err, "")
			}
		}},
		{"refreshes", func(th *theatre, p *player) {
			if n := len(p.tokens); n > 0 {
				r, err := th.initiate(p.from, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", p.tokens[n-1].Refresh)
				if err == nil && r.Tokens != nil && p.who == theStranger && !th.adminsWord {
					th.fail("I5: the stranger's refresh token still serves")
				}
			}
		}},
		{"signs out everywhere", func(th *theatre, p *player) {
			if n := len(p.tokens); n > 0 && th.s.GlobalSignOut(th.ctx, p.tokens[n-1].Access) == nil {
				for _, t := range p.tokens {
					if _, err := th.initiate(p.from, "REFRESH_TOKEN_AUTH", "", "REFRESH_TOKEN", t.Refresh); err == nil {
						th.fail("I5: a refresh token outlived the sign-out")
					}
				}
				th.noChangeMovesIn()
			}
		}},
		{"asks for a reset", func(th *theatre, p *player) { _, _ = th.forgot(p.from, th.name) }},
		{"resets", func(th *theatre, p *player) { th.resets(p) }},
		{"changes his password", func(th *theatre, p *player) {
			if n := len(p.tokens); n > 0 {
				_ = th.s.ChangePassword(th.ctx, userpool.PasswordChange{Caller: p.from, AccessToken: p.tokens[n-1].Access, Previous: p.password, Proposed: p.password})
			}
		}},
		{"begins to change the number", func(th *theatre, p *player) {
			if n := len(p.tokens); n > 0 {
				_, _ = th.update(p.tokens[n-1].Access, attr("phone_number", ravi))
			}
		}},
		{"deletes the account", func(th *theatre, p *player) {
			if n := len(p.tokens); n > 0 && th.s.DeleteUser(th.ctx, p.tokens[n-1].Access) == nil {
				th.adminsWord = false
			}
		}},
	}
}

// resets gives a new password with the newest code, and then tries to finish
// whatever change of the number was begun before.
func (th *theatre) resets(p *player) {
	code := th.code(p)
	if th.reset(p.from, th.name, code, p.password) != nil {
		return
	}
	th.proved(code)
	if p.who == theStranger {
		th.fail("I11: the stranger's reset worked")
	}
	th.noChangeMovesIn()
}

// noChangeMovesIn tries the newest code of a change that waits with all tokens
// there are: what took the account back must have ended it.
func (th *theatre) noChangeMovesIn() {
	th.settle()
	code := th.phone.LastCode(ravi)
	for _, p := range th.players {
		for _, t := range p.tokens {
			if code != "" && th.verify(t.Access, "phone_number", code) == nil {
				th.fail("I12: a change of before moved in")
			}
		}
	}
}

func (th *theatre) confirms(p *player, session string) {
	code := th.code(p)
	before, _ := th.s.AdminGetUser(th.ctx, th.pool, th.name)
	next, err := th.confirm(p.from, th.name, code, session)
	if err != nil {
		return
	}
	th.proved(code)
	if p.who == theStranger {
		th.fail("I2: a code that is wrong confirmed")
	}
	view, err := th.s.AdminGetUser(th.ctx, th.pool, th.name)
	// In a strict pool the code of a sign-up may be for a user who is there already,
	// and says nothing of the password that an administrator wants replaced.
	there := before.Status == userpool.StatusResetRequired
	if err != nil || view.Status != userpool.StatusConfirmed && view.Status != userpool.StatusForceChangePassword && !(there && view.Status == before.Status) {
		th.fail("I1: a confirmed sign-up is %s, %v", view.Status, err)
	}
	if next != "" {
		p.sessions = append(p.sessions, next)
	}
}

func operate(name string, do func(*theatre) error) action {
	return action{name, func(th *theatre, _ *player) { _ = do(th) }}
}

func operatorDeeds() []action {
	return []action{
		operate("creates", func(th *theatre) error {
			_, err := th.s.AdminCreateUser(th.ctx, userpool.NewUser{PoolID: th.pool, Username: th.name, Suppress: true, Attributes: th.contact()})
			return err
		}),
		operate("confirms", func(th *theatre) error {
			err := th.s.AdminConfirmSignUp(th.ctx, th.pool, th.name, nil)
			th.adminsWord = th.adminsWord || err == nil
			return err
		}),
		operate("disables", func(th *theatre) error {
			err := th.s.AdminDisableUser(th.ctx, th.pool, th.name)
			for _, p := range th.players {
				for _, t := range p.tokens {
					if _, refused := th.s.GetUser(th.ctx, t.Access); err == nil && refused == nil {
						th.fail("I5: an access token outlived the disabling")
					}
				}
			}
			return err
		}),
		operate("resets", func(th *theatre) error {
			err := th.s.AdminResetUserPassword(th.ctx, home, th.pool, th.name, nil)
			if err == nil {
				th.noChangeMovesIn()
			}
			return err
		}),
		operate("signs out", func(th *theatre) error {
			err := th.s.AdminUserGlobalSignOut(th.ctx, th.pool, th.name)
			if err == nil {
				th.noChangeMovesIn()
			}
			return err
		}),
		operate("enables", func(th *theatre) error { return th.s.AdminEnableUser(th.ctx, th.pool, th.name) }),
		operate("deletes", func(th *theatre) error {
			err := th.s.AdminDeleteUser(th.ctx, th.pool, th.name)
			if err == nil {
				th.adminsWord = false
			}
			return err
		}),
		operate("sets a password", func(th *theatre) error {
			err := th.s.AdminSetUserPassword(th.ctx, th.pool, th.name, "Operators-Word-1", true)
			if err == nil { // it ends what an unproved sign-up left
				th.adminsWord = false
			}
			return err
		}),
	}
}

func deeds(who int) []action {
	if who == theOperator {
		return operatorDeeds()
	}
	return own()
}

// check looks into the database, as an auditor would.
func (th *theatre) check() {
	count := func(query string, args ...any) (n int) {
		if err := th.db.QueryRow(query, args...).Scan(&n); err != nil {
			th.fail("%s: %v", query, err)
		}
		return n
	}
	if n := count(`select count(*) from challenges where tries > max_tries`); n > 0 {
		th.fail("I3: a challenge was tried too often")
	}
	if n := count(`select count(*) from users where attributes like '%' || $1 || '%'`, asha); n > 1 {
		th.fail("I8: %d users have one number", n)
	}
	if n := count(`select count(*) from families f, users u where f.revoked_at = 0 and u.pool_id = f.pool_id and u.id = f.user_id and u.sign_outs = f.sign_outs and not u.enabled`); n > 0 {
		th.fail("I4: tokens live for a user who is disabled")
	}
	if n := count(`select count(*) from messages m where challenge_id <> '' and not exists (select 1 from challenges c where c.id = m.challenge_id)`); n > 0 {
		th.fail("I6: a text without its challenge")
	}
	if n := count(`select count(*) from (select 1 from challenges where closed = '' and used_at = 0 group by pool_id, client_id, subject, purpose, requester having count(*) > 1) slots`); n > 0 {
		th.fail("I10: two live codes in one slot")
	}
	if sent := th.texts(asha) - len(th.used); sent > 10 {
		th.fail("I7: %d texts that nobody answered within a day", sent)
	}
}

// perform plays a plan and returns what broke, "" for nothing.
func perform(t *testing.T, behaviour userpool.Behaviour, name string, plan []deed) (broken string) {
	flows := []string{userpool.AllowCustom, userpool.AllowSRP, userpool.AllowUserAuth, userpool.AllowPassword, userpool.AllowRefresh}
	o := options{behaviour: behaviour, flows: flows}
	if name != asha {
		o.design = aliasNames
	}
	inWorld(t, o, func(w *world) {
		driver, file := "sqlite", w.file
		if sqlstore.IsPostgres(file) {
			driver, file = "pgx", strings.Replace(file, "pool_min_conns=0&", "", 1) // which is the pool's alone
		}
		db, err := sql.Open(driver, file)
		w.must(err)
		defer db.Close()
		th := &theatre{world: w, db: db, name: name, used: map[string]int{}, players: []*player{
			{who: theOwner, from: home, password: password},
			{who: theStranger, from: stranger, password: intruders},
			{who: theOperator},
		}}
		for _, d := range plan {
			w.pass(d.wait)
			th.trace = append(th.trace, d.String())
			deeds(d.who)[d.what].do(th, th.players[d.who])
			if th.check(); th.broken != "" {
				break
			}
		}
		broken = th.broken
	})
	return broken
}

// drawPlan lets the stranger and the owner act most of the time, within a day.
func drawPlan(t *rapid.T) []deed {
	waits := []time.Duration{time.Second, 20 * time.Second, time.Minute, 4 * time.Minute, 11 * time.Minute}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		who := rapid.SampledFrom([]int{theOwner, theOwner, theOwner, theStranger, theStranger, theOperator}).Draw(t, "who")
		return deed{
			who: who, what: rapid.IntRange(0, len(deeds(who))-1).Draw(t, "what"),
			wait: rapid.SampledFrom(waits).Draw(t, "wait"),
		}
	}), 4, 40).Draw(t, "plan")
}

func TestProperty_AnySequence_LeavesADirectoryThatObeysTheInvariants(t *testing.T) {
	plans := "15"
	if os.Getenv("SOAK") != "" {
		plans = "2000"
	}
	flags(t, "rapid.checks", plans)
	for _, behaviour := range []userpool.Behaviour{userpool.Standard, userpool.Strict} {
		for _, name := range []string{asha, "asha"} {
			rapid.Check(t, func(rt *rapid.T) {
				if broken := perform(t, behaviour, name, drawPlan(rt)); broken != "" {
					rt.Fatalf("%s, %s: %s", behaviour, name, broken)
				}
			})
		}
	}
}

// flags sets a flag of the test binary for the test.
func flags(t *testing.T, name, value string) {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { flag.Set(name, before) })
}
