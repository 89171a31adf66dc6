package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// demandNewPassword presents NEW_PASSWORD_REQUIRED to a user with a temporary
// password, which itself is no longer good for anything after its time.
func (s *Service) demandNewPassword(ctx context.Context, tx Tx, st start, u User) (step, *fault.Error, error) {
	days := time.Duration(st.pool.Settings.Password.TemporaryPasswordDays) * 24 * time.Hour
	if days > 0 && !st.at.Before(u.PasswordAt.Add(days)) {
		return step{}, fault.New(fault.NotAuthorized, "Temporary password has expired and must be reset by an administrator."), nil
	}
	lacking := make([]string, 0)
	for _, name := range st.pool.Settings.Required {
		if u.Attributes[name] == "" {
			lacking = append(lacking, "userAttributes."+name)
		}
	}
	shown, err := json.Marshal(readable(st.client, u.apart().Attributes))
	if err != nil {
		return step{}, nil, err
	}
	required, err := json.Marshal(lacking)
	if err != nil {
		return step{}, nil, err
	}
	next := step{Challenge: nameNewPassword, Parameters: map[string]string{
		"USER_ID_FOR_SRP": orElse(u.SRPIdentity, u.Username), "userAttributes": string(shown), "requiredAttributes": string(required),
	}}
	known := subject{user: u, known: true, id: u.ID, name: orElse(st.login.name, u.mainName())}
	session := s.sessionOf(&st, known, SessionStep(nameNewPassword), "", nil)
	session.Username = u.Username
	next.Session, err = s.openSession(ctx, tx, session)
	return next, nil, err
}

// answerNewPassword replaces the temporary password and signs in.
func (s *Service) answerNewPassword(ctx context.Context, rep reply) (AuthResult, error) {
	password := rep.request.Responses["NEW_PASSWORD"]
	if password == "" {
		return AuthResult{}, missing("NEW_PASSWORD")
	}
	if c := rep.pool.Settings.Password.complaint(password); c != "" {
		return AuthResult{}, fault.New(fault.InvalidPassword, "Password does not conform to policy: %s", c)
	}
	if result, found, err := s.answeredBefore(ctx, rep.turn()); found || err != nil {
		return result, err // the new password has ended the Session
	}
	var session Session
	var whose User
	err := s.store.View(ctx, func(tx Tx) (err error) {
		session, err = s.stepSession(ctx, tx, rep)
		if errors.Is(err, errSessionUsed) { // a repeat; the transaction decides
			session, err = s.sessionOfReply(ctx, tx, rep)
		}
		if err != nil {
			return err
		}
		whose, err = tx.User(ctx, rep.pool.ID, UserID(session.Subject))
		return notFound(err, errSession)
	})
	if err != nil {
		return AuthResult{}, err
	}
	verifier, err := s.replacement(ctx, rep.pool, whose, password)
	if err != nil {
		return AuthResult{}, err
	}
	rep = rep.heldBy(session)
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		if err := s.consume(ctx, tx, session, rep.at); err != nil {
			return step{}, nil, err
		}
		u, err := tx.User(ctx, rep.pool.ID, UserID(session.Subject))
		if err != nil {
			return step{}, nil, notFound(err, errSession)
		}
		if !u.Enabled {
			return step{}, nil, errDisabled
		}
		if u.Status != StatusForceChangePassword || session.CreatedAt.Before(u.PasswordAt) {
			return step{}, nil, errSession // it was changed, or given anew, since
		}
		if verifier.reused {
			return step{}, nil, errPasswordUsed
		}
		if err := addNewAttributes(rep, &u); err != nil {
			return step{}, nil, err
		}
		if err := endPending(ctx, tx, u); err != nil {
			return step{}, nil, err
		}
		u.setPassword(rep.pool, verifier, rep.at)
		u.Status, u.Names = StatusConfirmed, signInNames(rep.pool, u)
		if err := tx.UpdateUser(ctx, u); err != nil {
			return step{}, nil, fmt.Errorf("set new password: %w", nameTaken(err, errAliasExists(attrPreferred)))
		}
		next, err := s.passed(ctx, tx, rep.turn(), u, proofPassword)
		return next, nil, err
	})
}

// addNewAttributes takes the attributes that come with a new password: those
// that the user lacks, and all that the pool requires.
func addNewAttributes(rep reply, u *User) error {
	var given []Attribute
	for key, value := range rep.request.Responses {
		if name, ok := strings.CutPrefix(key, "userAttributes."); ok {
			if u.Attributes[name] != "" {
				return fault.New(fault.InvalidParameter, "Cannot modify an already provided %s", name)
			}
			given = append(given, Attribute{name, value})
		}
	}
	attrs, err := ownAttributes(rep.pool, rep.client, given)
	if err != nil {
		return err
	}
	if err := rep.pool.Settings.fillable(given); err != nil {
		return err
	}
	*u = u.apart()
	maps.Copy(u.Attributes, attrs)
	for _, name := range rep.pool.Settings.Required {
		if u.Attributes[name] == "" {
			return fault.New(fault.InvalidParameter, "Invalid attributes given, %s is missing", name)
		}
	}
	return nil
}
