package userpool

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/passkey"
)

// keyRequestOptions is the challenge parameter that an authenticator is asked by.
const keyRequestOptions = "CREDENTIAL_REQUEST_OPTIONS"

// errPasskeyOrigin is said of an answer from elsewhere, whoever it is of: it depends
// on the answer and the pool alone.
var errPasskeyOrigin = fault.New(fault.NotAuthorized, "The origin that used the passkey is not allowed for the user pool's relying party.")

// loadPasskeys finds the passkeys that the subject can sign in by now. It reads the
// same whether or not there is such a user.
func loadPasskeys(ctx context.Context, tx Tx, p Pool, u *subject) error {
	if !p.hasPasskeys() {
		return nil
	}
	all, err := tx.Passkeys(ctx, p.ID, u.id)
	if err != nil {
		return fmt.Errorf("passkeys: %w", err)
	}
	if u.passkeys = nil; u.known && u.user.Enabled {
		u.passkeys = servingAt(all, p.Settings.relyingPartyID())
	}
	return nil
}

// startPasskey begins a sign-in by a passkey, or offers the choice where the subject
// is not offered that.
func (s *Service) startPasskey(ctx context.Context, st start) (AuthResult, error) {
	return s.begin(ctx, &st, func(tx Tx, u subject) (step, error) {
		if !slices.Contains(factors(st.client, st.pool, u), nameWebAuthn) {
			return s.presentChoice(ctx, tx, &st, u, nameSelect)
		}
		return s.presentPasskey(ctx, tx, &st, u)
	})
}

func (s *Service) presentPasskey(ctx context.Context, tx Tx, st *start, u subject) (next step, err error) {
	next = step{Challenge: nameWebAuthn, Available: []string{nameWebAuthn}, Parameters: map[string]string{}}
	session := s.sessionOf(st, u, nameWebAuthn, "", nil)
	session.Username = s.told(st.client, st.pool, u)
	if next.Session, err = s.openSession(ctx, tx, session); err != nil {
		return step{}, err
	}
	next.Parameters[keyRequestOptions], err = s.passkeyOptions(st.client, st.pool, u, next.Session)
	return next, err
}

// passkeyOptions are what the subject's authenticator is asked by. Its challenge
// follows from the Session, which is used up with it.
func (s *Service) passkeyOptions(c Client, p Pool, u subject, session string) (string, error) {
	options, err := p.relyingParty().RequestOptions(s.passkeyChallenge(session), s.shownPasskeys(c, p, u), c.Settings.sessionTTL())
	if err != nil {
		return "", fmt.Errorf("options of a passkey: %w", err)
	}
	return string(options), nil
}

func (s *Service) passkeyChallenge(session string) []byte { return s.stable(stablePasskey, session) }

// shownPasskeys are those that whoever gives the name is told of: the subject's own.
// Where they must not tell that there is a user, somebody without any has one that
// is made up, the same at each call; and a strict pool tells of none at all, so that
// not even a change shows: there the authenticator looks for itself.
func (s *Service) shownPasskeys(c Client, p Pool, u subject) []passkey.Key {
	switch {
	case c.Settings.PreventExistence && p.Settings.Behaviour() == Strict:
		return nil
	case len(u.passkeys) > 0:
		return keysOf(u.passkeys)
	}
	return []passkey.Key{s.madeUpPasskey(p, u)}
}

// madeUpPasskey looks like those of the authenticators that most people have: ids of
// 16, 20 or 32 bytes, on a phone or a computer.
func (s *Service) madeUpPasskey(p Pool, u subject) passkey.Key {
	of := []string{"passkey", string(p.ID), p.Settings.relyingPartyID(), string(u.id)}
	id, kind := s.stable(stableDecoy, of...), s.stable(stableDecoy, append(of, "kind")...)
	k := passkey.Key{ID: id[:[]int{16, 20, 32}[kind[0]%3]], Transports: []string{"hybrid", "internal"}}
	if kind[1]%3 == 0 {
		k.Transports = []string{"internal"}
	}
	return k
}

// answerPasskey tries the answer to WEB_AUTHN.
func (s *Service) answerPasskey(ctx context.Context, rep reply) (AuthResult, error) {
	if rep.request.Responses["CREDENTIAL"] == "" {
		return AuthResult{}, missing("CREDENTIAL")
	}
	session, u, _, err := s.asked(ctx, rep, true)
	if err != nil {
		return AuthResult{}, err
	}
	return s.tryPasskey(ctx, rep.heldBy(session), session, u)
}

// tryPasskey checks an authenticator's answer to the challenge of a Session, which
// serves once, be the answer right or wrong. For somebody without that passkey there
// is as much to do, and it is wrong.
func (s *Service) tryPasskey(ctx context.Context, rep reply, session Session, u subject) (AuthResult, error) {
	answer, err := passkey.ReadAssertion([]byte(rep.request.Responses["CREDENTIAL"]))
	if err != nil {
		return AuthResult{}, err
	}
	k, right := u.passkey(answer.ID())
	use, err := rep.pool.relyingParty().Check(answer, s.passkeyChallenge(rep.request.Session), []byte(u.id), k.Key)
	if fault.Is(err, fault.WebAuthnOriginNotAllowed) {
		return AuthResult{}, errPasskeyOrigin
	}
	right = right && err == nil
	k.PoolID, k.UserID, k.Count, k.BackedUp, k.UsedAt = rep.pool.ID, u.id, use.Count, use.BackedUp, rep.at
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		if err := s.spendStart(ctx, tx, rep.request.Caller, rep.at); err != nil {
			return step{}, nil, err
		}
		if err := s.consume(ctx, tx, session, rep.at); err != nil {
			return step{}, nil, err
		}
		answeredBy(ctx, AnswerPasskey, right)
		if !right {
			refuse(ctx, reasonWrongPasskey)
			return step{}, errCredentials, nil
		}
		return s.passkeyProved(ctx, tx, rep, k, use)
	})
}

// passkey finds the subject's passkey with the id. Where there is none it is nobody's.
func (u subject) passkey(id []byte) (k Passkey, found bool) {
	i := slices.IndexFunc(u.passkeys, func(k Passkey) bool { return bytes.Equal(k.ID, id) })
	if i < 0 {
		return Passkey{Key: passkey.Nobodys(id)}, false
	}
	return u.passkeys[i], true
}

// passkeyProved signs in whose passkey has signed. One whose count went back may
// have been copied (WebAuthn level 3, section 6.1.1): it signs nobody in, and its
// user has his other ways.
func (s *Service) passkeyProved(ctx context.Context, tx Tx, rep reply, k Passkey, use passkey.Use) (step, *fault.Error, error) {
	used, err := tx.UsePasskey(ctx, k)
	if err != nil {
		return step{}, nil, fmt.Errorf("use passkey: %w", err)
	}
	if !used {
		refuse(ctx, reasonStalePasskey)
		return step{}, errCredentials, nil
	}
	u, err := tx.User(ctx, rep.pool.ID, k.UserID)
	if err != nil {
		return step{}, nil, notFound(err, errCredentials)
	}
	if !u.Enabled {
		return step{}, errDisabled, nil
	}
	by := proofPasskey
	if set := rep.pool.Settings; use.Verified && (set.WebAuthn.MultiFactor || set.secondFactor() != secondOff) {
		by = proofVerified
	}
	next, err := s.passed(ctx, tx, rep.turn(), u, by)
	if err == nil {
		err = s.returnIfDone(ctx, tx, rep.request.Caller, next, rep.at)
	}
	return next, nil, err
}
