package userpool

import (
	"context"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/token"
)

// FormerIssuers know who issued tokens for pools before those came here.
type FormerIssuers interface {
	// Keys are the public keys of the issuer, false if its tokens are not taken at now.
	Keys(issuer string, now time.Time) (token.FormerKeys, bool)
}

// formerIssuer says which former issuer a token claims to be of, and its keys.
func (s *Service) formerIssuer(raw string, at time.Time) (string, token.FormerKeys, bool) {
	if s.former == nil {
		return "", nil, false
	}
	issuer, ok := token.ClaimedIssuer(raw)
	if !ok || strings.HasPrefix(issuer, s.publicURL+"/") {
		return "", nil, false
	}
	keys, ok := s.former.Keys(issuer, at)
	return issuer, keys, ok
}

// authenticateFormer is authenticate for a token of a former issuer. The pool is the
// one that its URL ends in; client and user must be there under the ids that the
// token has. What happened to the user here holds: disabled, deleted, signed out. Of
// what was revoked there nothing is known.
func (s *Service) authenticateFormer(ctx context.Context, tx Tx, issuer string, keys token.FormerKeys, raw string, at time.Time) (bearer, error) {
	claims, err := token.VerifyFormer(keys, issuer, raw, at)
	if err != nil {
		return bearer{}, err
	}
	if !claims.HasScope(token.ScopeUserAdmin) {
		return bearer{}, errScope
	}
	pool, err := tx.Pool(ctx, PoolID(issuer[strings.LastIndex(issuer, "/")+1:]))
	if err != nil {
		return bearer{}, notFound(err, errInvalidAccess)
	}
	client, err := tx.Client(ctx, ClientID(claims.ClientID))
	if err != nil {
		return bearer{}, notFound(err, errInvalidAccess)
	}
	if client.PoolID != pool.ID {
		return bearer{}, errInvalidAccess
	}
	u, err := tx.User(ctx, pool.ID, UserID(claims.Sub))
	if err != nil {
		return bearer{}, notFound(err, errNoUser)
	}
	switch {
	case !u.Enabled:
		return bearer{}, errDisabled
	case !u.SignedOutAt.IsZero() && !claims.IssuedAt.After(u.SignedOutAt):
		return bearer{}, errRevokedAccess
	}
	return bearer{client: client, pool: pool, user: u, signedInAt: claims.AuthTime}, nil
}
