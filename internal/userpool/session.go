package userpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// What Cognito says of a Session that does not serve.
var (
	errSession        = fault.New(fault.NotAuthorized, "Invalid session for the user.")
	errSessionExpired = fault.New(fault.NotAuthorized, "Invalid session for the user, session is expired.")
	errSessionUsed    = fault.New(fault.NotAuthorized, "Invalid session for the user, session can only be used once.")
	errCredentials    = fault.New(fault.NotAuthorized, "Incorrect username or password.")
)

// session finds what a Session string stands for, if this client may use it now.
func (s *Service) session(ctx context.Context, tx Tx, handle string, c Client, at time.Time) (Session, error) {
	session, err := s.findSession(ctx, tx, handle, c, at)
	return session.usable(err, c, at)
}

// usable is a session that was found, or was not, if this client may use it now.
func (session Session) usable(err error, c Client, at time.Time) (Session, error) {
	switch {
	case errors.Is(err, ErrNotFound):
		return Session{}, errSession
	case err != nil:
		return Session{}, fmt.Errorf("session: %w", err)
	case session.ClientID != c.ID || session.PoolID != c.PoolID:
		return Session{}, errSession
	case !session.UsedAt.IsZero():
		return Session{}, errSessionUsed
	case !at.Before(session.ExpiresAt):
		return Session{}, errSessionExpired
	}
	return session, nil
}

// consume marks a session used; whoever comes second is told so.
func (s *Service) consume(ctx context.Context, tx Tx, session Session, at time.Time) error {
	if session.carried != nil {
		return s.useCarried(ctx, tx, session, at)
	}
	ok, err := tx.ConsumeSession(ctx, session.Hash, at)
	if err != nil {
		return fmt.Errorf("consume session: %w", err)
	}
	if !ok {
		return errSessionUsed
	}
	return nil
}

// consumeTried is consume for a session whose code was tried, and v what that was worth. A
// right one has used the challenge of a session that is carried.
func (s *Service) consumeTried(ctx context.Context, tx Tx, session Session, v verdict, at time.Time) error {
	if session.carried != nil && v == right {
		return nil
	}
	return s.consume(ctx, tx, session, at)
}

// unused says whether the Session that a kept answer gave is still to be
// answered; if not, the same request again is a new wish, not a repeat.
func (s *Service) unused(ctx context.Context, c Client, at time.Time) func(Tx, step) (bool, error) {
	return func(tx Tx, st step) (bool, error) {
		if st.Session == "" {
			return true, nil
		}
		session, err := s.findSession(ctx, tx, st.Session, c, at)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil && session.UsedAt.IsZero() && at.Before(session.ExpiresAt), err
	}
}

// login is how the session's user was found.
func (session Session) login(p Pool) login {
	if l, err := parseLogin(p, session.Name); err == nil && session.Name != "" {
		return l
	}
	return login{id: UserID(session.Subject)}
}

// names says whether the text that a client sent as USERNAME is the session's
// user: clients send the canonical name, the sub, or what was typed.
func (session Session) names(p Pool, username string) bool {
	if username == session.Username || username == session.Subject || username == session.Name {
		return true
	}
	l, err := parseLogin(p, username)
	return err == nil && l.name != "" && l.name == session.Name
}

// step is where a sign-in stands, as it is kept for repeats: a challenge to
// answer, or the family whose tokens are to be signed.
type step struct {
	Challenge  string            `json:"challenge,omitempty"`
	Session    string            `json:"session,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Available  []string          `json:"available,omitempty"`
	User       UserID            `json:"user,omitempty"`
	Family     FamilyID          `json:"family,omitempty"`
	Generation uint32            `json:"generation,omitempty"`
	Confirmed  bool              `json:"confirmed,omitempty"` // the sign-in made a sign-up the user
	NewDevice  *NewDevice        `json:"device,omitempty"`    // that the tokens come with

	// recipient is whom the tokens are for, as the transaction that grants them finds
	// him; nil in what is kept for repeats, and where a function was asked since.
	recipient *recipient
	stays     bool // the refresh token that was shown
}
