package userpool

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bellhop-auth/bellhop/internal/challenge"
	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/srp"
)

// timestampSkew is how far a client's TIMESTAMP may be from the server's clock.
const timestampSkew = 15 * time.Minute

// longestName is room for a user name, and for the sub beside it.
const longestName = 320

// secretBlock is what SECRET_BLOCK seals: the server's half of the exchange. It
// makes the exchange valid on every node and without a Session, which old
// clients do not send; Nonce lets it serve once.
type secretBlock struct {
	Pool    PoolID            `json:"p"`
	Client  ClientID          `json:"c"`
	User    string            `json:"u"` // USER_ID_FOR_SRP
	Name    string            `json:"n"` // the name, as it was found
	Login   UserID            `json:"l"` // the sub, where one was given
	A       srp.A             `json:"a"`
	Secret  []byte            `json:"s"`
	Begun   time.Time         `json:"b"`
	Expires time.Time         `json:"e"`
	Nonce   string            `json:"r"`
	History []challenge.Entry `json:"h,omitempty"` // of CUSTOM_AUTH
}

// startSRP answers SRP_A. Nothing is stored: the exchange travels sealed.
func (s *Service) startSRP(ctx context.Context, st start, history []challenge.Entry) (AuthResult, error) {
	text := st.request.Parameters["SRP_A"]
	if text == "" {
		return AuthResult{}, missing("SRP_A")
	}
	clientA, err := srp.ParseA(text)
	if err != nil {
		return AuthResult{}, err
	}
	a, err := s.findAccount(ctx, st)
	if err != nil {
		return AuthResult{}, err
	}
	var e srp.Ephemeral
	var startErr error
	err = s.exponentiate(ctx, func() {
		s.dummy(st.pool, &a)
		e, startErr = s.group.Start(a.verifier)
	})
	if err == nil {
		err = startErr
	}
	if err != nil {
		return AuthResult{}, err
	}
	block := secretBlock{
		Pool: st.pool.ID, Client: st.client.ID, User: a.identity, Name: st.login.name, Login: st.login.id,
		A: clientA, Secret: e.Secret(), Nonce: newHandle(), History: history,
		Begun: st.at, Expires: s.after(st.at, st.client.Settings.sessionTTL()),
	}
	plain, err := json.Marshal(block)
	if err != nil {
		return AuthResult{}, fmt.Errorf("secret block: %w", err)
	}
	// How the user is found again must not show in the length: a sub leads to
	// a user's name, and to nothing where it only stands in for one.
	plain = append(plain, bytes.Repeat([]byte(" "), max(0, longestName-len(block.Name)-len(block.Login)))...)
	sealed := s.ring.Seal(sealBlock, nil, plain)
	Note(ctx, noteChallenge, namePasswordVerifier)
	return AuthResult{
		Challenge: namePasswordVerifier, Session: s.srpSession(block.Nonce),
		Parameters: map[string]string{
			"SALT": a.verifier.SaltHex(), "SRP_B": e.B(),
			"SECRET_BLOCK": base64.StdEncoding.EncodeToString([]byte(sealed)),
			"USERNAME":     a.identity, "USER_ID_FOR_SRP": a.identity,
		},
	}, nil
}

// srpSession is the Session that goes with a secret block.
func (s *Service) srpSession(nonce string) string {
	return handleText(s.stable(stableSRPSession, nonce))
}

// answerSRP checks the proof of a password.
func (s *Service) answerSRP(ctx context.Context, rep reply) (AuthResult, error) {
	claim, err := s.readClaim(rep)
	if err != nil {
		return AuthResult{}, err
	}
	st := rep.start()
	st.login = Session{Name: claim.block.Name, Subject: string(claim.block.Login)}.login(rep.pool)
	a, err := s.findAccount(ctx, st)
	if err != nil {
		return AuthResult{}, err
	}
	if a.identity != claim.block.User {
		// The user came or went since: what was begun cannot end well.
		a = account{id: a.id, identity: claim.block.User}
	}
	a.bySRP = true
	right, err := s.proved(ctx, st.pool, a, claim)
	if err != nil {
		return AuthResult{}, err
	}
	if len(claim.block.History) > 0 && rep.pool.Settings.Triggers.decidesCustomAuth() {
		return s.answerOwnSRP(ctx, rep, st, claim, a, right)
	}
	return s.take(ctx, rep.turn(), func(tx Tx) (step, *fault.Error, error) {
		if err := s.claimSRP(ctx, tx, rep, claim); err != nil {
			return step{}, nil, err
		}
		if !definesTokens(claim.block.History) {
			return step{}, errCredentials, nil
		}
		next, refusal, err := s.passwordTried(ctx, tx, st, a, right)
		if err == nil && refusal == nil {
			err = s.returnIfDone(ctx, tx, rep.request.Caller, next, rep.at)
		}
		return next, refusal, err
	})
}

// claimSRP counts the answer and uses the exchange up.
func (s *Service) claimSRP(ctx context.Context, tx Tx, rep reply, claim srpClaim) error {
	if err := s.spendStart(ctx, tx, rep.request.Caller, rep.at); err != nil {
		return err
	}
	if err := begunSinceRestore(ctx, tx, claim.block.Begun); err != nil {
		return err
	}
	fresh, err := tx.UseNonce(ctx, claim.block.Nonce, claim.block.Expires)
	if err != nil {
		return fmt.Errorf("use nonce: %w", err)
	}
	if !fresh {
		return errSessionUsed
	}
	return nil
}

// definesTokens says whether a right password ends the sign-in with tokens, as
// the built-in Define decides it for CUSTOM_AUTH.
func definesTokens(history []challenge.Entry) bool {
	if len(history) == 0 {
		return true // USER_SRP_AUTH and USER_AUTH know no Define
	}
	proved := append(history[:len(history):len(history)], challenge.Entry{Name: challenge.PasswordVerifier, Result: true})
	return challenge.Define(proved, customTries).Tokens
}

// srpClaim is a client's proof, read.
type srpClaim struct {
	block     secretBlock
	raw       []byte // SECRET_BLOCK, decoded
	timestamp string
	signature []byte
}

// readProof reads what a client has signed, all but the secret block.
func readProof(rep reply) (srpClaim, error) {
	r := rep.request.Responses
	for _, key := range []string{"PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"} {
		if r[key] == "" {
			return srpClaim{}, missing(key)
		}
	}
	stamp, err := srp.ParseTimestamp(r["TIMESTAMP"])
	if err != nil {
		return srpClaim{}, err
	}
	if d := rep.at.Sub(stamp); d > timestampSkew || d < -timestampSkew {
		return srpClaim{}, fault.New(fault.NotAuthorized, "The TIMESTAMP is too far from the server's time. Check the clock of the device.")
	}
	claim := srpClaim{timestamp: r["TIMESTAMP"]}
	if claim.raw, err = base64.StdEncoding.DecodeString(r["PASSWORD_CLAIM_SECRET_BLOCK"]); err != nil {
		return srpClaim{}, errCredentials
	}
	if claim.signature, err = base64.StdEncoding.DecodeString(r["PASSWORD_CLAIM_SIGNATURE"]); err != nil {
		return srpClaim{}, errCredentials
	}
	return claim, nil
}

func (s *Service) readClaim(rep reply) (srpClaim, error) {
	claim, err := readProof(rep)
	if err != nil {
		return srpClaim{}, err
	}
	plain, err := s.ring.Open(sealBlock, nil, string(claim.raw))
	if err != nil {
		return srpClaim{}, errCredentials
	}
	if err := json.Unmarshal(plain, &claim.block); err != nil {
		return srpClaim{}, fmt.Errorf("read secret block: %w", err)
	}
	return claim, s.claimFits(rep, claim.block)
}

// claimFits checks that the block was made for this client, user and Session.
func (s *Service) claimFits(rep reply, b secretBlock) error {
	session := rep.request.Session
	switch {
	case b.Pool != rep.pool.ID || b.Client != rep.client.ID:
		return errSession
	case session != "" && !hmac.Equal([]byte(session), []byte(s.srpSession(b.Nonce))):
		return errSession
	case !rep.at.Before(b.Expires):
		return errSessionExpired
	}
	named := Session{Username: b.User, Subject: b.User, Name: b.Name}
	if !named.names(rep.pool, rep.request.Responses["USERNAME"]) {
		return errSession
	}
	return nil
}

// proved computes the session key and compares the signature. An account
// without a password costs the same work and is never right.
func (s *Service) proved(ctx context.Context, p Pool, a account, claim srpClaim) (right bool, err error) {
	var key srp.Key
	var keyErr error
	err = s.exponentiate(ctx, func() {
		s.dummy(p, &a)
		key, keyErr = s.group.SessionKey(a.verifier, claim.block.A, claim.block.Secret)
	})
	if err == nil {
		err = keyErr
	}
	if err != nil {
		return false, err
	}
	c := srp.Claim{
		PoolName: poolName(p.ID), UserID: claim.block.User,
		SecretBlock: claim.raw, Timestamp: claim.timestamp,
	}
	return c.SignedWith(key, claim.signature) && a.real, nil
}
