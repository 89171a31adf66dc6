package simulation

import (
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The invariants, each a function that is named for it: what must hold whatever
// people do and whatever breaks. Some look at an answer, those of check look into
// the store after every step, as an auditor would.

func (s *sim) count(query string, args ...any) (n int) {
	if err := s.db.QueryRow(query, args...).Scan(&n); err != nil {
		s.broke("query", "%s: %v", query, err)
	}
	return n
}

func (s *sim) check() {
	s.out.score.steps++
	s.I1_AcknowledgedExists()
	s.I2_CodesAreUsedUpOnce()
	s.I3_TriesAreBounded()
	s.I4_NoTokensLiveForWhoIsDisabled()
	s.I6_TextsHaveTheirChallenge()
	s.I7_BudgetsHold()
	s.I8_OneUserPerNumber()
	s.I9_NoSignUpWaitsForATakenName()
	s.I10_OneLiveCode()
}

// I1: what was acknowledged exists afterwards.

func (s *sim) I1_AcknowledgedExists() {
	s.mu.Lock()
	users, waiting := s.ledger.users, s.ledger.waiting
	s.mu.Unlock()
	for number, standing := range users {
		if standing == there {
			s.I1_ConfirmedUserExists(number)
		}
	}
	for _, byPerson := range waiting {
		for who, subs := range byPerson {
			for _, sub := range subs {
				if sub != "" && s.count(`select count(*) from registrations where sub = ?`, sub) == 0 {
					s.broke("I1", "a sign-up of %s was acknowledged and is not there", who)
				}
			}
		}
	}
}

func (s *sim) I1_ConfirmedUserExists(number string) {
	s.stands(number, there)
	if s.count(`select count(*) from user_names where name = ?`, number) != 1 {
		s.broke("I1", "a confirmed user is not there")
	}
}

func (s *sim) I1_DeletedUserIsGone(number string) {
	if s.count(`select count(*) from user_names where name = ?`, number) != 0 {
		s.broke("I1", "a deleted user is there")
	}
}

// I1_LiveTokensServe: a sign-in that nothing has ended goes on.
func (s *sim) I1_LiveTokensServe(h *held, err error) {
	if h.state == serves && time.Since(h.began) < 29*24*time.Hour && s.setAt.IsZero() {
		s.broke("I1", "tokens that nothing ended are refused: %v", err)
	}
}

// noteSignUp keeps a sign-up that was acknowledged, or may be there ("" for its
// sub). Of one person and name three stand beside each other; a fourth ends the
// first, which after a set-back is not the one that came first.
func (s *sim) noteSignUp(p *person, number string, sub userpool.UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaps > 0 {
		return
	}
	of := s.ledger.waiting[number]
	if of == nil {
		of = map[string][]string{}
		s.ledger.waiting[number] = of
	}
	of[p.name] = append(of[p.name], string(sub))
	of[p.name] = of[p.name][max(len(of[p.name])-3, 0):]
}

// noteChange: what may have made or ended the user of the number has ended the
// sign-ups that waited for it, unless it surely did nothing.
func (s *sim) noteChange(rep reply, number string) {
	d := s.deedsOf(rep.action)
	if rep.settled() == refusal && d.users == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ledger.waiting, number)
}

func (s *sim) standing(number string) standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.users[number]
}

func (s *sim) stands(number string, as standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.users[number] = as
}

// I2: a code yields at most one success, ever, and only a code that was sent.

func (s *sim) I2_OneSuccess(p *person, rep reply, text received, what string) {
	if text.challenge == "" {
		s.broke("I2", "%s %s with a code that nobody was sent", p.name, what)
		return
	}
	if age := time.Since(text.made); s.tooOld(text.made) {
		s.broke("R10", "%s %s with a code that was made %s ago", p.name, what, age)
	}
	s.mu.Lock()
	before, used := s.ledger.proved[text.challenge]
	s.ledger.proved[text.challenge] = rep.action
	s.mu.Unlock()
	if used && before != rep.action {
		s.broke("I2", "%s %s with a code that let in before", p.name, what)
	}
}

func (s *sim) I2_CodesAreUsedUpOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, n := range s.ledger.consumed {
		if n > 1 && s.out.broken == "" {
			s.out.broken = "I2: commits have used one code up twice: " + string(id)
		}
	}
}

// R10: a code lives ten minutes of real time, whatever is done to clocks: that it
// lives no longer is seen by I2_OneSuccess and by the carrier.

// R10_Alive says that a sign-up's code has not been used, nor tried too often. The
// code of a sign-up by who is a user already ends when he is disabled.
func (s *sim) R10_Alive(text received) bool {
	return s.count(`select count(*) from challenges c, registrations r
		where c.id = ? and c.used_at = 0 and c.tries < c.max_tries and r.id = c.registration_id
		and r.existing_id = ''`, string(text.challenge)) > 0
}

func (s *sim) R10_DiesNotEarly(rep reply, text received, alive bool) {
	if alive && !rep.after && s.leaps == 0 && fault.Is(rep.err, fault.ExpiredCode) && time.Since(text.made) < 10*time.Minute-5*time.Second {
		s.broke("R10", "a code that nobody used was dead after %s", time.Since(text.made))
	}
}

// I3: the tries of a challenge, and the wrong ones of a number, are bounded.

func (s *sim) I3_TriesAreBounded() {
	if s.count(`select count(*) from challenges where tries > max_tries`) > 0 {
		s.broke("I3", "a challenge was tried too often")
	}
}

// noteAsked notes what a Session asks for that is in no row: who answers it carries it.
func (s *sim) noteAsked(session string, done deeds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done.opened != "" {
		s.ledger.asks[keyOf(session)] = done.opened
	}
}

// noteWrong counts an answer that was told to be wrong.
func (s *sim) noteWrong(number, session string) {
	s.mu.Lock()
	id, known := s.ledger.asks[keyOf(session)]
	s.ledger.wrongs[id]++
	n := s.ledger.wrongs[id]
	s.mu.Unlock()
	if !known {
		s.broke("I3", "an answer to nothing that was asked was told to be wrong")
	}
	if most := s.count(`select coalesce(max(max_tries), 5) from challenges where id = ?`, string(id)); n > most {
		s.broke("I3", "%d answers to one challenge were told to be wrong", n)
	}
	s.wrongTry(number)
}

// noteTry counts a code that was told to be wrong where no Session says to what.
func (s *sim) noteTry(rep reply, number string) {
	if fault.Is(rep.err, fault.CodeMismatch) && rep.answer == refusal {
		s.wrongTry(number)
	}
}

// wrongTry: a window takes ten in an hour, so any hour, which may see parts of
// two windows, sees at most twenty. Where a clock leapt, windows are shorter.
func (s *sim) wrongTry(number string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.ledger.tries[number] = append(s.ledger.tries[number], now)
	n := 0
	for _, at := range s.ledger.tries[number] {
		if now.Sub(at) < time.Hour {
			n++
		}
	}
	if n > 20 && s.setAt.IsZero() && s.out.broken == "" {
		s.out.broken = "I3: more wrong tries of a number within an hour than two windows have"
	}
}

// I4: tokens are for users that are there and enabled.

func (s *sim) I4_UserIsEnabled(access string) {
	if s.count(`select count(*) from users where id = ? and enabled`, subOf(access)) != 1 {
		s.broke("I4", "tokens for who is gone or disabled")
	}
}

func (s *sim) I4_NoTokensLiveForWhoIsDisabled() {
	if s.count(`select count(*) from families f, users u where f.revoked_at = 0
		and u.pool_id = f.pool_id and u.id = f.user_id and u.sign_outs = f.sign_outs and not u.enabled`) > 0 {
		s.broke("I4", "tokens live for who is disabled")
	}
}

// I5: what was revoked, or exchanged longer than the grace ago, never serves.

func (s *sim) I5_DeadTokensStayDead(h *held, what string) {
	if h.state == ended {
		s.broke("I5", "%s serves that was ended", what)
	}
}

// noteEnd: what ends all sign-ins of a number has done so, or maybe.
func (s *sim) noteEnd(rep reply, number string) {
	to := ended
	switch rep.settled() {
	case unknown:
		to = doubtful
	case refusal:
		return
	}
	for _, p := range s.people {
		for _, h := range p.held {
			if h.number == number {
				h.state = max(h.state, to)
			}
		}
	}
}

// I6: no text without its challenge. That none leaves before its commit is seen
// where they leave, by the carrier.

func (s *sim) I6_TextsHaveTheirChallenge() {
	if s.count(`select count(*) from messages m where challenge_id <> '' and expires_at > ? and not exists
		(select 1 from challenges c where c.id = m.challenge_id)`, s.nodes[0].clock.Now().UnixMilli()) > 0 {
		s.broke("I6", "a text waits without its challenge")
	}
}

// I7: the texts of a number are bounded, whatever crashed. Windows open with
// their first text, so any stretch of time sees parts of two; what was given back
// does not count.

func (s *sim) I7_BudgetsHold() {
	if !s.setAt.IsZero() {
		return // windows were shorter or longer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, l := range []struct {
		most   int
		window time.Duration
	}{{3, 10 * time.Minute}, {5, time.Hour}, {10, 24 * time.Hour}} {
		for _, all := range s.ledger.purse {
			n := 0
			for _, sp := range all {
				if now.Sub(sp.at) < l.window {
					n += sp.by
				}
			}
			if n > 2*l.most && s.out.broken == "" {
				s.out.broken = "I7: too many texts to a number within " + l.window.String()
			}
		}
	}
}

// I8: a number is one confirmed user's.

func (s *sim) I8_OneUserPerNumber() {
	for _, p := range s.people {
		if p.number != "" && s.count(`select count(*) from users where attributes like '%' || ? || '%'`, p.number) > 1 {
			s.broke("I8", "two users have one number")
		}
	}
}

// I9: who never read the phone gets nothing: no unconfirmed sign-up gives tokens,
// and a stranger's password works for nobody.

func (s *sim) I9_NoSignUpWaitsForATakenName() {
	if s.count(`select count(*) from registrations r where r.existing_id = '' and exists
		(select 1 from user_names n where n.pool_id = r.pool_id and n.name = r.name)`) > 0 {
		s.broke("I9", "a sign-up waits for a name that has its user")
	}
}

func (s *sim) I9_OwnersAlone(p *person, what string) {
	if !p.reads {
		s.broke("I9", "the stranger got %s", what)
	}
}

// I10: a requester has at most one live code of a kind for a number. Each sign-up
// has its own, as it is a subject of its own; and one for nobody is never right.

func (s *sim) I10_OneLiveCode() {
	if s.count(`select count(*) from (select 1 from challenges where used_at = 0 and tries < max_tries and subject not like 'decoy%'
		group by pool_id, client_id, case when purpose = 'sign_up' then subject else contact end, purpose, requester
		having sum(case when expires_at > ? then 1 else 0 end) > 1)`, s.nodes[0].clock.Now().UnixMilli()) > 0 {
		s.broke("I10", "two live codes where there should be one")
	}
}

// I11: each change has its audit row. That a change commits with one is seen at
// the commit; here, that the row is there still, and that no call has two.

func (s *sim) I11_EachChangeHasItsAuditRow() {
	if s.count(`select count(*) from (select 1 from audit where request_id <> '' group by request_id having count(*) > 1)`) > 0 {
		s.broke("I11", "a call has two audit rows")
	}
	s.mu.Lock()
	requests := s.ledger.requests
	s.mu.Unlock()
	for id := range requests {
		if id != "" && s.count(`select count(*) from audit where request_id = ?`, id) != 1 {
			s.broke("I11", "the audit row of a change is gone")
		}
	}
}

// I12: an answer is success, refusal or unknown; success has been done once,
// refusal not at all, and what is unknown is one of both.

func (s *sim) I12_OneOutcome(rep reply, what string, done int) {
	switch {
	case rep.answer == success && done != 1:
		s.broke("I12", "success, and %d times a %s", done, what)
	case rep.answer == refusal && done != 0:
		s.broke("I12", "refused, and %d times a %s", done, what)
	}
	s.I12_AtMostOne(rep, what, done)
}

func (s *sim) I12_AtMostOne(_ reply, what string, done int) {
	if done > 1 {
		s.broke("I12", "one action made %d of: %s", done, what)
	}
}
