package simulation

import (
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// ledger is what commits have told so far, and what people were told.
type ledger struct {
	texts    map[string]text                    // by id
	made     map[userpool.ChallengeID]time.Time // when a code came to be
	asks     map[string]userpool.ChallengeID    // what a Session asks for, by its key
	consumed map[userpool.ChallengeID]int       // commits that used a code up
	deeds    map[string]*deeds                  // by action
	requests map[string]bool                    // that have an audit row
	purse    map[string][]spent                 // of a number: texts and their return
	wrongs   map[userpool.ChallengeID]int       // answers that were told to be wrong
	tries    map[string][]time.Time             // of a number, told to be wrong
	proved   map[userpool.ChallengeID]string    // the action that a code let in
	users    map[string]standing                // by number
	waiting  map[string]map[string][]string     // sign-ups that were acknowledged: number, person, subs
}

func newLedger() ledger {
	return ledger{
		texts: map[string]text{}, made: map[userpool.ChallengeID]time.Time{}, asks: map[string]userpool.ChallengeID{},
		consumed: map[userpool.ChallengeID]int{}, deeds: map[string]*deeds{}, requests: map[string]bool{},
		purse: map[string][]spent{}, wrongs: map[userpool.ChallengeID]int{}, tries: map[string][]time.Time{},
		proved: map[userpool.ChallengeID]string{}, users: map[string]standing{}, waiting: map[string]map[string][]string{},
	}
}

// text is a message of a commit.
type text struct {
	userpool.Message
	made time.Time // when its code was
}

// deeds are what one action has done, over all its tries.
type deeds struct {
	registrations, users, families, rotations, texts int
	opened                                           userpool.ChallengeID // or found open
}

// spent is a text that counts against its number, or one given back.
type spent struct {
	at time.Time
	by int
}

// standing is what is known of a number's user.
type standing uint8

const (
	nobody standing = iota
	there
	perhaps // some change was told to be unknown
)

// committed takes down what a commit did. action is "" where nobody asked for it.
func (s *sim) committed(action string, w *witness) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	l := &s.ledger
	d := l.deeds[action]
	if d == nil {
		d = &deeds{}
		l.deeds[action] = d
	}
	d.registrations += w.registrations
	d.users += w.users
	d.families += w.families
	d.rotations += w.rotations
	for _, m := range w.texts {
		if m.Decoy {
			continue
		}
		d.texts++
		if l.made[m.Challenge].IsZero() {
			l.made[m.Challenge] = now
		}
		l.texts[string(m.ID)] = text{m, l.made[m.Challenge]}
		if m.Challenge != "" {
			number := m.To.Text()
			l.purse[number] = append(l.purse[number], spent{now, 1})
		}
	}
	if w.opened != "" {
		d.opened = w.opened
	}
	for _, session := range w.sessions {
		if session.Challenge != "" {
			l.asks[session.Hash] = session.Challenge
		}
	}
	for _, id := range w.consumed {
		l.consumed[id]++
		for _, m := range l.texts {
			if m.Challenge == id {
				l.purse[m.To.Text()] = append(l.purse[m.To.Text()], spent{now, -1})
			}
		}
	}
	for _, id := range w.requests {
		l.requests[id] = true
	}
	changes := w.registrations + w.users + w.families + w.rotations + len(w.texts) + len(w.consumed)
	if action != "" && changes > 0 && len(w.requests) == 0 && s.out.broken == "" {
		s.out.broken = "I11: a change was committed without its audit row"
	}
}

// text finds a message that some commit has written. Where calls race, another
// node may send it before whoever committed has taken it down.
func (s *sim) text(id string) (text, bool) {
	s.mu.Lock()
	m, ok := s.ledger.texts[id]
	s.mu.Unlock()
	if ok {
		return m, true
	}
	m.made = time.Now()
	err := s.db.QueryRow(`select challenge_id, purpose from messages where id = ?`, id).Scan(&m.Challenge, &m.Purpose)
	return m, err == nil
}

// unsent notes that a text surely did not leave, so that it may be given back.
func (s *sim) unsent(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.ledger.texts[id].To.Text()
	s.ledger.purse[number] = append(s.ledger.purse[number], spent{time.Now(), -1})
}

func (s *sim) deedsOf(action string) deeds {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.ledger.deeds[action]; d != nil {
		return *d
	}
	return deeds{}
}
