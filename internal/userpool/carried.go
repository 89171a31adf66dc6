package userpool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The Session of a sign-in by code waits for the code and proves nothing. It ends with the
// code's challenge, which the store has: what else there is to it its client carries, sealed.
// That spares each such sign-in a row. One that was answered rightly has used its challenge;
// one that is used and has not, since a wrong answer uses it or the code was dead, has a row
// that says so.

// carried is what is sealed. How long it is must not tell whether there is such a user: of
// him it has ids alone, and what was typed.
type carried struct {
	Subject   string      `json:"s"`
	Step      SessionStep `json:"t"`
	Username  string      `json:"u"`
	Name      string      `json:"n"`
	Challenge ChallengeID `json:"c"`
	Device    string      `json:"d"`
	Flags     int         `json:"f"` // of the flags below, one digit
	Tries     int         `json:"r"` // of the challenge, when the Session was opened
	ExpiresAt int64       `json:"e"`
}

const (
	carriedDecoy = 1 << iota
	carriedPending
)

// openCodeSession is openSession for one that waits for the challenge's code.
func (s *Service) openCodeSession(ctx context.Context, tx Tx, p Pool, session Session, ch Challenge) (string, error) {
	if !p.Settings.namedByContact() || session.ByID || session.Proves() { // it may have a name that was not typed
		return s.openSession(ctx, tx, session)
	}
	handle, err := s.carry(session, ch)
	if err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	Note(ctx, noteChallenge, string(session.Step))
	return handle, nil
}

func (s *Service) carry(session Session, ch Challenge) (string, error) {
	c := carried{
		Subject: session.Subject, Step: session.Step, Username: session.Username, Name: session.Name,
		Challenge: ch.ID, Device: session.Device, Tries: ch.Tries, ExpiresAt: session.ExpiresAt.UnixMilli(),
	}
	if session.Decoy {
		c.Flags |= carriedDecoy
	}
	if session.Pending {
		c.Flags |= carriedPending
	}
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false) // an address of &s alone would be six times as long, and the Session longer than Cognito's
	if err := e.Encode(c); err != nil {
		return "", err
	}
	made := timeText(session.CreatedAt)
	return made + carriedMark + handleText(s.ring.SealBytes(sealSession, carriedBy(made, session.PoolID, session.ClientID), plain.Bytes())), nil
}

// carriedMark stands between the time and the rest of a Session that is carried. It is in
// no time.
const carriedMark = "X"

// isCarried says whether a handle looks like one that is carried: no other is as long.
func isCarried(handle string) bool { return len(handle) > maxSessionTime+handleLength }

func carriedBy(made string, pool PoolID, client ClientID) []byte {
	return []byte(made + " " + string(pool) + " " + string(client))
}

// uncarry reads a Session that the client's users carry. Whether it is used is not asked.
func (s *Service) uncarry(handle string, c Client) (Session, bool) {
	if !isCarried(handle) {
		return Session{}, false
	}
	made, text, _ := strings.Cut(handle, carriedMark)
	sealed, ok := handleBytes(text)
	if !ok {
		return Session{}, false
	}
	plain, err := s.ring.OpenBytes(sealSession, carriedBy(made, c.PoolID, c.ID), sealed)
	if err != nil {
		return Session{}, false
	}
	var is carried
	created, err := strconv.ParseInt(made, 32, 64)
	if err != nil || json.Unmarshal(plain, &is) != nil {
		return Session{}, false
	}
	return Session{
		Hash: sessionKey(handle), PoolID: c.PoolID, ClientID: c.ID,
		Subject: is.Subject, Step: is.Step, Username: is.Username, Name: is.Name, Challenge: is.Challenge, Device: is.Device,
		Decoy: is.Flags&carriedDecoy != 0, Pending: is.Flags&carriedPending != 0,
		CreatedAt: time.UnixMilli(created).UTC(), ExpiresAt: time.UnixMilli(is.ExpiresAt).UTC(),
		carried: &carriedState{tries: is.Tries},
	}, true
}

// carriedState is what is known of a Session that is carried.
type carriedState struct {
	tries int
	code  Challenge
	open  bool // the code could be answered when the Session was found
}

// findSession finds a session by its handle, used or not.
func (s *Service) findSession(ctx context.Context, tx Tx, handle string, c Client, at time.Time) (Session, error) {
	if session, ok := s.uncarry(handle, c); ok {
		return s.findCarried(ctx, tx, session, at)
	}
	return tx.Session(ctx, sessionKey(handle))
}

// sessionOfReply is findSession for what the reply answers.
func (s *Service) sessionOfReply(ctx context.Context, tx Tx, rep reply) (Session, error) {
	if rep.carried != nil {
		return s.findCarried(ctx, tx, *rep.carried, rep.at)
	}
	return s.findSession(ctx, tx, rep.request.Session, rep.client, rep.at)
}

// aheadOfSession says what is read of the Session of a reply, and with it of whom.
func (rep reply) aheadOfSession(ctx context.Context, tx Tx) {
	session := rep.carried
	if session == nil {
		tx.Session(ctx, sessionKey(rep.request.Session))
		return
	}
	tx.Challenge(ctx, session.Challenge)
	tx.User(ctx, session.PoolID, UserID(session.Subject))
	tx.GroupsOf(ctx, session.PoolID, UserID(session.Subject))
}

// findCarried finds out whether a Session that is carried is used.
func (s *Service) findCarried(ctx context.Context, tx Tx, session Session, at time.Time) (Session, error) {
	sawSession(ctx, session)
	is := *session.carried
	session.carried = &is
	var err error
	if is.code, is.open, err = answerable(ctx, tx, session.Challenge, at); err != nil {
		return Session{}, err
	}
	switch {
	case !is.code.UsedAt.IsZero():
		session.UsedAt = is.code.UsedAt
	case is.code.Tries > is.tries: // by this Session, or by another of the same code
		switch row, err := tx.Session(ctx, session.Hash); {
		case err == nil:
			session.UsedAt = row.UsedAt
		case !errors.Is(err, ErrNotFound):
			return Session{}, err
		}
	}
	return session, nil
}

// codeOf is answerable for the code that a Session waits for.
func (s *Service) codeOf(ctx context.Context, tx Tx, session Session, at time.Time) (Challenge, bool, error) {
	if is := session.carried; is != nil {
		return is.code, is.open, nil
	}
	return answerable(ctx, tx, session.Challenge, at)
}

// answerable finds a challenge and says whether it can be answered. The zero Challenge has
// ended.
func answerable(ctx context.Context, tx Tx, id ChallengeID, at time.Time) (Challenge, bool, error) {
	ch, open, err := tx.Answerable(ctx, id, at)
	if err != nil || open {
		return ch, open, err
	}
	if ch, err = tx.Challenge(ctx, id); errors.Is(err, ErrNotFound) {
		return Challenge{}, false, nil
	}
	return ch, false, err
}

// useCarried notes that a Session which is carried is used, though its challenge is not.
func (s *Service) useCarried(ctx context.Context, tx Tx, session Session, at time.Time) error {
	if !session.UsedAt.IsZero() {
		return errSessionUsed
	}
	session.UsedAt = at
	switch first, err := tx.UseSession(ctx, session); {
	case err != nil:
		return fmt.Errorf("consume session: %w", err)
	case !first:
		return errSessionUsed
	}
	return nil
}
