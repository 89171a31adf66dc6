package userpool

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// A pool's UserMigration function brings people over from another directory, when
// they first sign in with a password in the open or have forgotten theirs. It is
// asked about names that have no user here, sign-ups that wait or not. Where it
// knows nobody, fails, or cannot be called, there is no such user, and the request
// goes on as for anybody who is not there.

// migration is whom it is asked about.
type migration struct {
	pool       Pool
	client     Client
	login      login
	typed      string // the user name as it was given
	source     trigger.Source
	password   string // "" where it was forgotten
	validation map[string]string
	metadata   map[string]string
	session    *Session // that the password answers; nil for none
	at         time.Time
	guessed    bool   // the password has counted as a wrong one
	standIn    UserID // of whom, then
}

// migrateBefore is migrate for a sign-in that tells a password. Session is what the
// password answers, and metadata comes with such an answer.
func (s *Service) migrateBefore(ctx context.Context, st *start, session *Session, metadata map[string]string) error {
	m := migration{
		pool: st.pool, client: st.client, login: st.login, typed: st.request.Parameters["USERNAME"],
		source: trigger.UserMigrationAuthentication, password: st.request.Parameters["PASSWORD"],
		validation: st.request.ClientMetadata, metadata: metadata, session: session, at: st.at,
	}
	caller := st.request.Caller
	if session == nil {
		caller = caller.guessable()
	}
	err := migrate(ctx, s, &m, &caller, s.unused(ctx, st.client, st.at))
	st.request.Caller.counted, st.guessed = caller.counted, m.guessed
	return err
}

// tellsPassword says whether an InitiateAuth shows a password that the pool's
// UserMigration function can look at.
func (st start) tellsPassword() bool {
	r := st.request
	switch r.Flow {
	case flowPassword, flowAdmin, flowAdminOld:
	case flowUserAuth:
		if r.Session != "" || r.Parameters["PREFERRED_CHALLENGE"] != namePassword {
			return false
		}
	default:
		return false
	}
	return r.Parameters["PASSWORD"] != ""
}

// migrate asks the pool's function for a user who is not there, once for each user
// action, and stores whom it returns. The caller is counted before the function is
// called. Usable is as once has it for the request's answer, a T.
func migrate[T any](ctx context.Context, s *Service, m *migration, caller *Caller, usable func(Tx, T) (bool, error)) error {
	if !m.pool.Settings.Triggers.has(trigger.UserMigration) || m.login.name == "" {
		return nil
	}
	end, err := s.alone(ctx, *caller)
	if err != nil {
		return err
	}
	defer end()
	done := false
	err = s.store.View(ctx, func(tx Tx) (err error) {
		if key := caller.repeatKey(); key != "" {
			var answer kept[T]
			if done, err = recall(ctx, s, tx, key, m.at, usable, &answer); done || err != nil {
				return err
			}
		}
		done, _, err = s.migrated(ctx, tx, *m)
		return err
	})
	if done || err != nil {
		return err
	}
	if err := s.countStart(ctx, caller, m.at); err != nil {
		return err
	}
	if done, err = s.guess(ctx, m); done || err != nil {
		return err
	}
	return s.bringOver(ctx, *m)
}

// migrated says that there is nothing to ask, and else who stands in for whoever
// is asked about.
func (s *Service) migrated(ctx context.Context, tx Tx, m migration) (done bool, standIn UserID, err error) {
	if m.session != nil {
		switch kept, err := tx.Session(ctx, m.session.Hash); {
		case errors.Is(err, ErrNotFound), err == nil && !kept.UsedAt.IsZero():
			return true, "", nil // the password answers nothing any more
		case err != nil:
			return false, "", err
		}
	}
	u, err := s.findSubject(ctx, tx, m.pool, m.login, m.at)
	// In a pool that is exact who signed up is there.
	return u.known || m.pool.Settings.exact() && !u.nobody(), u.id, err
}

// guess counts the password against the lock of whoever stands in for the user,
// before the function is asked, as if it were wrong: passwords of another directory
// are guessed no faster than those of this one, however many are tried at once. Who
// comes to be has a lock of his own.
func (s *Service) guess(ctx context.Context, m *migration) (done bool, err error) {
	if m.password == "" {
		return false, nil
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		if done, m.standIn, err = s.migrated(ctx, tx, *m); done || err != nil {
			return err
		}
		return settlePassword(ctx, tx, m.pool, m.standIn, false, m.at)
	})
	m.guessed = err == nil && !done
	return done, err
}

func (s *Service) bringOver(ctx context.Context, m migration) error {
	o := occasion{m.pool, m.client.ID, m.typed}
	said, err := ask(ctx, s, o, m.source, trigger.UserMigrationRequest{
		Password: m.password, ValidationData: m.validation, ClientMetadata: m.metadata,
	}, trigger.UserMigrationResponse{})
	switch {
	case fault.Is(err, fault.UserLambdaValidation), fault.Is(err, fault.UnexpectedLambda):
		return nil // nobody, as far as one can tell
	case err != nil:
		return err
	}
	u, name, why := m.user(said)
	if why != "" {
		return s.unusable(ctx, o.pool, trigger.UserMigration, why)
	}
	if m.password != "" {
		verifier, err := s.newVerifier(ctx, m.pool, u.ID, u.Username, m.password)
		if err != nil {
			return err
		}
		u.setPassword(m.pool, verifier, m.at)
	}
	force := said.ForceAliasCreation != nil && *said.ForceAliasCreation
	return s.store.Update(ctx, func(tx Tx) error { return s.storeMigrated(ctx, tx, m, u, name, force) })
}

// user is whom the function returned and the name that he is to have, or why that
// is nobody. An enableSMSMFA that could not be asked for is no answer: to leave it
// out would let people in with less than the function wants. The
// password stays whatever the pool's policy, and with RESET_REQUIRED too: it is
// good for nothing then but to be told so.
func (m migration) user(said trigger.UserMigrationResponse) (u User, name, why string) {
	if len(said.UserAttributes) == 0 {
		return User{}, "", "it has no userAttributes"
	}
	status := StatusResetRequired
	if said.FinalUserStatus != nil {
		status = UserStatus(*said.FinalUserStatus)
	}
	if status != StatusResetRequired && status != StatusConfirmed {
		return User{}, "", "finalUserStatus is neither CONFIRMED nor RESET_REQUIRED"
	}
	username, given := said.UserAttributes["username"]
	if !given || m.pool.Settings.namedByContact() {
		username = m.typed
	}
	var list []Attribute
	for name, value := range said.UserAttributes {
		if name != "username" {
			list = append(list, Attribute{name, value})
		}
	}
	u, name, err := newUser(m.pool, NewUser{PoolID: m.pool.ID, Username: username, Attributes: list}, m.at)
	switch {
	case err != nil:
		return User{}, "", err.Error()
	case name != m.login.name && m.login.contact.IsZero():
		return User{}, "", "username is not the name that was asked about"
	}
	for _, attr := range contactAttributes {
		if u.contact(attr).IsZero() {
			delete(u.Attributes, verifiedName(attr))
		}
	}
	u.Status = status
	if said.EnableSMSMFA != nil && *said.EnableSMSMFA {
		if u.MFA.SMS = true; !slices.Contains(u.turnedOn(m.pool), nameSMSMFA) {
			return User{}, "", "enableSMSMFA is true, and the pool has no SMS MFA or the user no verified phone_number"
		}
	}
	return u, name, ""
}

// storeMigrated stores the user unless another request has done so meanwhile. What
// stood in for him ends, but for the Session that this request answers.
func (s *Service) storeMigrated(ctx context.Context, tx Tx, m migration, u User, name string, force bool) error {
	switch _, err := holder(ctx, tx, Registration{PoolID: m.pool.ID, Name: name}); {
	case err == nil:
		return nil
	case !errors.Is(err, ErrNotFound):
		return err
	}
	if m.guessed {
		if err := tx.ClearPasswordLock(ctx, m.pool.ID, string(m.standIn)); err != nil {
			return err
		}
	}
	if err := s.freeAliases(ctx, tx, m.pool, u, force, m.at); err != nil {
		return err
	}
	if err := s.createFromSignUp(ctx, tx, m.pool, u, name); err != nil {
		return err
	}
	if m.session == nil || !m.session.UsedAt.IsZero() {
		return nil
	}
	if _, err := tx.Session(ctx, m.session.Hash); !errors.Is(err, ErrNotFound) {
		return err
	}
	return tx.InsertSession(ctx, *m.session)
}
