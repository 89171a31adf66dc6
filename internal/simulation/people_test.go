package simulation

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// person is somebody with what he holds. Owners read their phones, the stranger
// reads nobody's.
type person struct {
	name     string
	number   string // "" of who has none
	reads    bool
	caller   userpool.Caller
	password string

	signUp   string // the Session of the newest sign-up
	signedUp string // the Session of ConfirmSignUp
	asked    asked
	held     []*held
}

// asked is the challenge that waits for an answer.
type asked struct {
	session, name string
	number        string
}

// held is a sign-in: its tokens, and what is known of them.
type held struct {
	number  string
	access  string
	refresh string
	old     []spentToken
	began   time.Time
	state   state
}

// spentToken is a refresh token that was exchanged, and when.
type spentToken struct {
	text string
	at   time.Time
}

// state is whether tokens still serve.
type state uint8

const (
	serves   state = iota
	doubtful       // something that may have ended them was told to be unknown
	ended
)

// deed is something that somebody may do, and how often he does.
type deed struct {
	weight int
	do     func(*sim, *person)
}

var ownersDeeds = []deed{
	{10, (*sim).signsUp},
	{14, (*sim).confirms},
	{8, (*sim).goesOn},
	{4, (*sim).asksAgain},
	{10, (*sim).startsCustom},
	{10, (*sim).startsOTP},
	{26, (*sim).answers},
	{4, (*sim).answersWrong},
	{9, (*sim).refreshes},
	{2, (*sim).replays},
	{3, (*sim).usesAccess},
	{2, (*sim).signsOut},
	{1, (*sim).revokes},
	{3, (*sim).forgets},
	{3, (*sim).resets},
	{2, (*sim).givesPassword},
}

var strangersDeeds = []deed{
	{6, (*sim).signsUp},
	{5, (*sim).confirms},
	{2, (*sim).asksAgain},
	{4, (*sim).startsCustom},
	{4, (*sim).startsOTP},
	{10, (*sim).answersWrong},
	{2, (*sim).forgets},
	{2, (*sim).resets},
	{3, (*sim).givesPassword},
	{5, (*sim).hammers},
}

var operatorsDeeds = []deed{
	{4, (*sim).disables},
	{6, (*sim).enables},
	{3, (*sim).deletes},
	{3, (*sim).endsSignIns},
	{2, (*sim).demandsReset},
	{3, (*sim).rotatesKeys},
}

func (s *sim) deedsFor(p *person) []deed {
	switch p.name {
	case "stranger":
		return strangersDeeds
	case "operator":
		return operatorsDeeds
	}
	return ownersDeeds
}

// somebody does something.
func (s *sim) somebody() {
	owners := len(s.people) - 2
	p := s.people[s.r.IntN(owners)]
	switch d := s.r.IntN(100); {
	case d < 18:
		p = s.people[owners]
	case d < 26:
		p = s.people[owners+1]
	}
	if s.r.IntN(100) < 60 && s.carriesOn(p) {
		return
	}
	all := s.deedsFor(p)
	sum := 0
	for _, d := range all {
		sum += d.weight
	}
	pick := s.r.IntN(sum)
	for _, d := range all {
		if pick -= d.weight; pick < 0 {
			d.do(s, p)
			return
		}
	}
}

// carriesOn lets an owner do what comes next for who wants to sign in, so that
// plays get far. It is false where nothing does.
func (s *sim) carriesOn(p *person) bool {
	switch {
	case !p.reads:
		return false
	case p.signedUp != "":
		s.goesOn(p)
	case p.asked.session != "":
		s.answers(p)
	case p.signUp != "":
		s.confirms(p)
	case s.standing(p.number) != there:
		s.signsUp(p)
	default:
		some := []func(*sim, *person){(*sim).startsCustom, (*sim).startsOTP, (*sim).refreshes}
		some[s.r.IntN(len(some))](s, p)
	}
	return true
}

// target is the number that somebody acts on: his own, or an owner's.
func (s *sim) target(p *person) string {
	if p.number != "" {
		return p.number
	}
	return s.people[s.r.IntN(len(s.people)-2)].number
}

// newest is a text that somebody reads: mostly the last one that came.
func (s *sim) newest(number string, purpose userpool.Purpose) (received, bool) {
	all := s.carrier.inbox(number, purpose)
	if len(all) == 0 {
		return received{}, false
	}
	if s.r.IntN(6) == 0 {
		return all[s.r.IntN(len(all))], true
	}
	return all[len(all)-1], true
}

// code is what somebody types for a purpose: what he reads, or a guess.
func (s *sim) code(p *person, number string, purpose userpool.Purpose) received {
	if text, ok := s.newest(number, purpose); ok && p.reads {
		return text
	}
	return received{code: s.carrier.guess(number, s.r)}
}

func (s *sim) signsUp(p *person) {
	number := s.target(p)
	password := p.password
	if s.r.IntN(2) == 0 {
		password = ""
	}
	var got userpool.SignUpResult
	rep := s.ask(request{by: p, name: "SignUp", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) (err error) {
		got, err = n.SignUp(ctx, userpool.SignUpRequest{Caller: c, ClientID: s.client, Username: number, Password: password})
		return err
	}})
	s.I12_OneOutcome(rep, "sign-up", s.deedsOf(rep.action).registrations)
	switch rep.answer {
	case success:
		p.signUp = got.Session
		s.noteSignUp(p, number, got.Sub)
	case unknown:
		s.noteSignUp(p, number, "")
	}
}

func (s *sim) confirms(p *person) {
	number := s.target(p)
	text := s.code(p, number, userpool.PurposeSignUp)
	session := ""
	if s.r.IntN(2) == 0 {
		session = p.signUp
	}
	alive := s.R10_Alive(text)
	var next string
	rep := s.ask(request{by: p, name: "ConfirmSignUp", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) (err error) {
		next, err = n.ConfirmSignUp(ctx, userpool.ConfirmSignUpRequest{Caller: c, ClientID: s.client, Username: number, Code: text.code, Session: session})
		return err
	}})
	s.R10_DiesNotEarly(rep, text, alive)
	s.noteTry(rep, number)
	s.noteChange(rep, number)
	if rep.answer != success {
		if s.r.IntN(4) == 0 {
			p.signUp = "" // he starts again
		}
		return
	}
	s.out.score.confirmed++
	s.I2_OneSuccess(p, rep, text, "confirmed")
	s.I1_ConfirmedUserExists(number)
	p.signedUp, p.signUp = next, ""
	s.I12_AtMostOne(rep, "user", s.deedsOf(rep.action).users)
}

// goesOn signs in with the Session of ConfirmSignUp.
func (s *sim) goesOn(p *person) {
	if p.signedUp == "" {
		return
	}
	session := p.signedUp
	p.signedUp = ""
	s.signIn(p, p.number, "InitiateAuth", received{}, func(ctx context.Context, n *userpool.Service, c userpool.Caller) (userpool.AuthResult, error) {
		return n.InitiateAuth(ctx, userpool.AuthRequest{Caller: c, ClientID: s.client, Flow: "USER_AUTH", Session: session, Parameters: map[string]string{"USERNAME": p.number}})
	})
}

func (s *sim) asksAgain(p *person) {
	number := s.target(p)
	rep := s.ask(request{by: p, name: "ResendConfirmationCode", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
		_, err := n.ResendConfirmationCode(ctx, userpool.ResendRequest{Caller: c, ClientID: s.client, Username: number})
		return err
	}})
	s.I12_AtMostOne(rep, "text", s.deedsOf(rep.action).texts)
}

func (s *sim) startsCustom(p *person) { s.starts(p, "CUSTOM_AUTH", nil) }

func (s *sim) startsOTP(p *person) {
	s.starts(p, "USER_AUTH", map[string]string{"PREFERRED_CHALLENGE": "SMS_OTP"})
}

func (s *sim) starts(p *person, flow string, more map[string]string) {
	number := s.target(p)
	parameters := map[string]string{"USERNAME": number}
	for k, v := range more {
		parameters[k] = v
	}
	s.signIn(p, number, "InitiateAuth", received{}, func(ctx context.Context, n *userpool.Service, c userpool.Caller) (userpool.AuthResult, error) {
		return n.InitiateAuth(ctx, userpool.AuthRequest{Caller: c, ClientID: s.client, Flow: flow, Parameters: parameters})
	})
}

func (s *sim) givesPassword(p *person) {
	number := s.target(p)
	s.signIn(p, number, "InitiateAuth", received{}, func(ctx context.Context, n *userpool.Service, c userpool.Caller) (userpool.AuthResult, error) {
		return n.InitiateAuth(ctx, userpool.AuthRequest{Caller: c, ClientID: s.client, Flow: "USER_PASSWORD_AUTH", Parameters: map[string]string{"USERNAME": number, "PASSWORD": p.password}})
	})
}

// answerKey is the response that a challenge wants.
var answerKey = map[string]string{"CUSTOM_CHALLENGE": "ANSWER", "SMS_OTP": "SMS_OTP_CODE"}

var answerPurpose = map[string]userpool.Purpose{"CUSTOM_CHALLENGE": userpool.PurposeSignIn, "SMS_OTP": userpool.PurposeOTP}

func (s *sim) answers(p *person) {
	if p.asked.session != "" {
		s.answer(p, s.code(p, p.asked.number, answerPurpose[p.asked.name]))
	}
}

func (s *sim) answersWrong(p *person) {
	if p.asked.session != "" {
		s.answer(p, received{code: s.carrier.guess(p.asked.number, s.r)})
	}
}

// reply answers the challenge that waits.
func (p *person) reply(s *sim, code string) func(context.Context, *userpool.Service, userpool.Caller) (userpool.AuthResult, error) {
	a := p.asked
	return func(ctx context.Context, n *userpool.Service, c userpool.Caller) (userpool.AuthResult, error) {
		return n.RespondToAuthChallenge(ctx, userpool.AnswerRequest{
			Caller: c, ClientID: s.client, Challenge: a.name, Session: a.session,
			Responses: map[string]string{"USERNAME": a.number, answerKey[a.name]: code},
		})
	}
}

func (s *sim) answer(p *person, text received) {
	a := p.asked
	got, rep := s.signIn(p, a.number, "RespondToAuthChallenge", text, p.reply(s, text.code))
	told := rep.answer == success && got.Tokens == nil || fault.Is(rep.err, fault.CodeMismatch)
	if told {
		s.noteWrong(a.number, a.session)
	}
	if rep.answer == refusal && !told && s.r.IntN(3) > 0 {
		p.asked = asked{} // he gives up
	}
}

// hammers asks for texts and guesses, quickly and from many addresses: what each
// of them may do is not what bounds it.
func (s *sim) hammers(p *person) {
	number := s.target(p)
	pause := s.r.IntN(240)
	for range 2 + s.r.IntN(8) {
		from := *p
		from.caller = caller(fmt.Sprintf("198.51.100.%d", 10+s.r.IntN(200)))
		s.signIn(&from, number, "InitiateAuth", received{}, func(ctx context.Context, n *userpool.Service, c userpool.Caller) (userpool.AuthResult, error) {
			return n.InitiateAuth(ctx, userpool.AuthRequest{Caller: c, ClientID: s.client, Flow: "USER_AUTH", Parameters: map[string]string{"USERNAME": number, "PREFERRED_CHALLENGE": "SMS_OTP"}})
		})
		for range 2 + s.r.IntN(4) {
			if from.asked.session != "" {
				s.answer(&from, received{code: s.carrier.guess(number, s.r)})
			}
		}
		s.pass(time.Duration(pause) * time.Second)
		s.revive()
	}
}

// signIn takes a step of a sign-in, and keeps and judges what it gives.
func (s *sim) signIn(p *person, number, name string, typed received,
	do func(context.Context, *userpool.Service, userpool.Caller) (userpool.AuthResult, error),
) (userpool.AuthResult, reply) {
	var got userpool.AuthResult
	rep := s.ask(request{by: p, name: name, do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) (err error) {
		got, err = do(ctx, n, c)
		return err
	}})
	s.noteChange(rep, number) // a sign-up that waits becomes a user by it
	s.judge(p, number, typed, got, rep)
	return got, rep
}

// judge keeps what a step of a sign-in gave.
func (s *sim) judge(p *person, number string, typed received, got userpool.AuthResult, rep reply) {
	done := s.deedsOf(rep.action)
	s.I12_AtMostOne(rep, "text", done.texts)
	switch {
	case rep.answer == success && got.Tokens == nil:
		s.I12_OneOutcome(reply{answer: refusal, action: rep.action}, "family", done.families)
		p.asked = asked{session: got.Session, name: got.Challenge, number: number}
		s.noteAsked(got.Session, done)
		if answerKey[got.Challenge] == "" {
			p.asked = asked{}
		}
	case rep.answer == success:
		s.I12_OneOutcome(rep, "family", done.families)
		s.out.score.tokens++
		s.I4_UserIsEnabled(got.Tokens.Access)
		s.I9_OwnersAlone(p, "tokens")
		if typed.code != "" {
			s.I2_OneSuccess(p, rep, typed, "signed in")
		}
		p.held = append(p.held, &held{number: number, access: got.Tokens.Access, refresh: got.Tokens.Refresh, began: time.Now()})
		p.asked = asked{}
		s.stands(number, there)
	default:
		s.I12_OneOutcome(rep, "family", done.families)
	}
}

// pick is one of the sign-ins that somebody has.
func (s *sim) pick(p *person) *held {
	if len(p.held) == 0 {
		return nil
	}
	if s.r.IntN(3) > 0 {
		return p.held[len(p.held)-1]
	}
	return p.held[s.r.IntN(len(p.held))]
}

func (s *sim) exchange(p *person, text string) (userpool.Tokens, reply) {
	var got userpool.Tokens
	rep := s.ask(request{by: p, name: "GetTokensFromRefreshToken", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) (err error) {
		got, err = n.GetTokensFromRefreshToken(ctx, userpool.RefreshRequest{Caller: c, ClientID: s.client, RefreshToken: text})
		return err
	}})
	s.I12_AtMostOne(rep, "rotation", s.deedsOf(rep.action).rotations)
	return got, rep
}

func (s *sim) refreshes(p *person) {
	h := s.pick(p)
	if h == nil {
		return
	}
	got, rep := s.exchange(p, h.refresh)
	switch rep.answer {
	case success:
		s.out.score.refreshed++
		s.I5_DeadTokensStayDead(h, "a refresh token")
		s.I4_UserIsEnabled(got.Access)
		if got.Refresh != h.refresh {
			h.old = append(h.old, spentToken{h.refresh, time.Now()})
		}
		h.refresh, h.access = got.Refresh, got.Access
	case refusal:
		s.I1_LiveTokensServe(h, rep.err)
		h.state = ended
	default:
		h.state = max(h.state, doubtful)
	}
}

// replays uses a refresh token once more that was exchanged before.
func (s *sim) replays(p *person) {
	h := s.pick(p)
	if h == nil || len(h.old) == 0 {
		return
	}
	old := h.old[s.r.IntN(len(h.old))]
	late := time.Since(old.at) > s.grace+2*time.Second || old != h.old[len(h.old)-1]
	_, rep := s.exchange(p, old.text)
	switch {
	case rep.answer == success && (late || h.state == ended):
		s.broke("I5", "a refresh token that was exchanged %s ago gave tokens", time.Since(old.at))
	case fault.Is(rep.err, fault.RefreshTokenReuse):
		h.state = ended
	case rep.answer == unknown:
		h.state = max(h.state, doubtful)
	}
}

func (s *sim) usesAccess(p *person) {
	h := s.pick(p)
	if h == nil {
		return
	}
	rep := s.ask(request{by: p, name: "GetUser", kind: userpool.ActorUser, do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
		_, err := n.GetUser(ctx, h.access)
		return err
	}})
	if rep.answer == success {
		s.I5_DeadTokensStayDead(h, "an access token")
	}
}

func (s *sim) signsOut(p *person) {
	h := s.pick(p)
	if h == nil {
		return
	}
	rep := s.ask(request{by: p, name: "GlobalSignOut", kind: userpool.ActorUser, do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
		return n.GlobalSignOut(ctx, h.access)
	}})
	s.noteEnd(rep, h.number)
}

func (s *sim) revokes(p *person) {
	h := s.pick(p)
	if h == nil {
		return
	}
	rep := s.ask(request{by: p, name: "RevokeToken", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
		return n.RevokeToken(ctx, userpool.RevokeRequest{ClientID: s.client, Token: h.refresh})
	}})
	switch rep.answer {
	case success:
		h.state = ended
	case unknown:
		h.state = max(h.state, doubtful)
	}
}

func (s *sim) forgets(p *person) {
	number := s.target(p)
	rep := s.ask(request{by: p, name: "ForgotPassword", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
		_, err := n.ForgotPassword(ctx, userpool.ForgotPasswordRequest{Caller: c, ClientID: s.client, Username: number})
		return err
	}})
	s.I12_AtMostOne(rep, "text", s.deedsOf(rep.action).texts)
}

func (s *sim) resets(p *person) {
	number := s.target(p)
	text := s.code(p, number, userpool.PurposeReset)
	if text.challenge == "" && p.reads {
		return
	}
	rep := s.ask(request{by: p, name: "ConfirmForgotPassword", do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
		return n.ConfirmForgotPassword(ctx, userpool.ConfirmForgotPasswordRequest{Caller: c, ClientID: s.client, Username: number, Code: text.code, Password: p.password})
	}})
	s.noteEnd(rep, number) // a wrong code is told of where there is none, too, and counts nothing
	if rep.answer == success {
		s.I2_OneSuccess(p, rep, text, "reset the password")
		s.I9_OwnersAlone(p, "a new password")
	}
}

// operate does something to a user that an administrator may do.
func (s *sim) operate(p *person, name, number string, do func(context.Context, *userpool.Service) error) reply {
	return s.ask(request{by: p, name: name, kind: userpool.ActorAdmin, do: func(ctx context.Context, n *userpool.Service, _ userpool.Caller) error {
		return do(ctx, n)
	}})
}

func (s *sim) disables(p *person) {
	number := s.target(p)
	s.noteEnd(s.operate(p, "AdminDisableUser", number, func(ctx context.Context, n *userpool.Service) error {
		return n.AdminDisableUser(ctx, s.pool, number)
	}), number)
}

func (s *sim) enables(p *person) {
	number := s.target(p)
	s.operate(p, "AdminEnableUser", number, func(ctx context.Context, n *userpool.Service) error {
		return n.AdminEnableUser(ctx, s.pool, number)
	})
}

func (s *sim) deletes(p *person) {
	number := s.target(p)
	rep := s.operate(p, "AdminDeleteUser", number, func(ctx context.Context, n *userpool.Service) error {
		return n.AdminDeleteUser(ctx, s.pool, number)
	})
	s.noteEnd(rep, number)
	s.noteChange(rep, number)
	switch rep.settled() {
	case success:
		s.stands(number, nobody)
		s.I1_DeletedUserIsGone(number)
	case unknown:
		s.stands(number, perhaps)
	}
}

func (s *sim) endsSignIns(p *person) {
	number := s.target(p)
	s.noteEnd(s.operate(p, "AdminUserGlobalSignOut", number, func(ctx context.Context, n *userpool.Service) error {
		return n.AdminUserGlobalSignOut(ctx, s.pool, number)
	}), number)
}

func (s *sim) demandsReset(p *person) {
	number := s.target(p)
	s.noteEnd(s.operate(p, "AdminResetUserPassword", number, func(ctx context.Context, n *userpool.Service) error {
		return n.AdminResetUserPassword(ctx, p.caller, s.pool, number, nil)
	}), number)
}

func (s *sim) rotatesKeys(p *person) {
	how := userpool.KeyRotation{AtOnce: s.r.IntN(2) == 0}
	s.operate(p, "RotateKeys", "", func(ctx context.Context, n *userpool.Service) error {
		_, err := n.RotateKeys(ctx, s.pool, how)
		return err
	})
}

// race makes several calls at once, on different nodes: the right code of
// somebody many times and a resend beside it, or one refresh token many times.
// Which of them wins, and what follows from that, is not the seed's to say.
func (s *sim) race() {
	p := s.people[s.r.IntN(len(s.people)-2)]
	s.out.score.races++
	if h := s.pick(p); h != nil && s.r.IntN(2) == 0 {
		s.raceRefresh(p, h)
		return
	}
	if p.asked.session == "" {
		s.somebody()
		return
	}
	text, ok := s.newest(p.number, answerPurpose[p.asked.name])
	if !ok {
		return
	}
	do := p.reply(s, text.code)
	const k = 6
	got := make([]userpool.AuthResult, k)
	replies := s.together(k, p, "RespondToAuthChallenge", func(i int, ctx context.Context, n *userpool.Service, c userpool.Caller) (err error) {
		if i == 0 {
			_, err = n.InitiateAuth(ctx, userpool.AuthRequest{Caller: c, ClientID: s.client, Flow: "CUSTOM_AUTH", Parameters: map[string]string{"USERNAME": p.number}})
			return err
		}
		got[i], err = do(ctx, n, c)
		return err
	})
	winners := 0
	for i, rep := range replies[1:] {
		if rep.answer == success && got[i+1].Tokens != nil {
			winners++
			s.judge(p, p.number, text, got[i+1], rep)
		}
	}
	if winners > 1 {
		s.broke("I2", "%d of those who raced with one code won", winners)
	}
	s.noteChange(reply{answer: unknown}, p.number)
	p.asked = asked{}
}

func (s *sim) raceRefresh(p *person, h *held) {
	const k = 4
	got := make([]userpool.Tokens, k)
	replies := s.together(k, p, "GetTokensFromRefreshToken", func(i int, ctx context.Context, n *userpool.Service, c userpool.Caller) (err error) {
		got[i], err = n.GetTokensFromRefreshToken(ctx, userpool.RefreshRequest{Caller: c, ClientID: s.client, RefreshToken: h.refresh})
		return err
	})
	next := ""
	for i, rep := range replies {
		if rep.answer != success {
			continue
		}
		s.I5_DeadTokensStayDead(h, "a refresh token")
		if next != "" && got[i].Refresh != next {
			s.broke("I5", "one refresh token had two successors")
		}
		next = got[i].Refresh
	}
	h.state = max(h.state, doubtful) // who came second without a grace has ended it
}

// together makes calls at once, one on each node in turn.
func (s *sim) together(k int, p *person, name string, do func(int, context.Context, *userpool.Service, userpool.Caller) error) []reply {
	replies := make([]reply, k)
	var all sync.WaitGroup
	for i := range k {
		s.actions++
		c := &call{action: fmt.Sprintf("action-%d", s.actions)}
		n := s.nodes[i%len(s.nodes)]
		all.Go(func() {
			replies[i] = s.send(request{by: p, name: name, do: func(ctx context.Context, n *userpool.Service, c userpool.Caller) error {
				return do(i, ctx, n, c)
			}}, n, c, 0)
		})
	}
	all.Wait()
	s.tell("%s: %d times %s at once", p.name, k, name)
	return replies
}

// subOf is whose an access token is.
func subOf(access string) string {
	parts := strings.Split(access, ".")
	if len(parts) != 3 {
		return ""
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Sub string `json:"sub"`
	}
	if err != nil || json.Unmarshal(body, &claims) != nil {
		return ""
	}
	return claims.Sub
}
