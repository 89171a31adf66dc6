package userpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/token"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// What Cognito says of tokens that do not serve.
var (
	errInvalidAccess  = fault.New(fault.NotAuthorized, "Invalid Access Token")
	errRevokedAccess  = fault.New(fault.NotAuthorized, "Access Token has been revoked")
	errScope          = fault.New(fault.NotAuthorized, "Access Token does not have required scopes")
	errInvalidRefresh = fault.New(fault.NotAuthorized, "Invalid Refresh Token")
	errExpiredRefresh = fault.New(fault.NotAuthorized, "Refresh Token has expired")
	errRevokedRefresh = fault.New(fault.NotAuthorized, "Refresh Token has been revoked")
	errReusedRefresh  = fault.New(fault.RefreshTokenReuse, "Refresh token has been invalidated by rotation")
	errNoUser         = fault.New(fault.UserNotFound, "User does not exist.")
)

// activeEvery is how often a user's last sign-in is written down: to the day, so
// that not every sign-in writes the user.
const activeEvery = 24 * time.Hour

// grant starts the family of tokens of a finished sign-in, for the device that it
// came from.
func (s *Service) grant(ctx context.Context, tx Tx, t turn, u User) (step, error) {
	c, at := t.client, t.at
	if _, err := tx.Client(ctx, c.ID); err != nil { // it may be deleted since it was read
		return step{}, notFound(err, errNoClient(c.ID))
	}
	key, made, err := s.signInDevice(ctx, tx, t, u)
	if err != nil {
		return step{}, err
	}
	f := Family{
		ID: FamilyID(newOrderedID(at)), PoolID: u.PoolID, ClientID: c.ID, UserID: u.ID, DeviceKey: key,
		AuthTime: at, CreatedAt: at, ExpiresAt: at.Add(c.Settings.refreshTTL()), SignOuts: u.SignOuts,
	}
	if err := tx.InsertFamily(ctx, f); err != nil {
		return step{}, fmt.Errorf("start token family: %w", err)
	}
	if u.SignedInAt.IsZero() || !at.Before(u.ActiveAt.Add(activeEvery)) {
		u.SignedInAt, u.ActiveAt = orElse(u.SignedInAt, at), at
		if err := tx.UpdateUser(ctx, u); err != nil {
			return step{}, fmt.Errorf("note sign-in: %w", err)
		}
		if err := s.signedInBy(ctx, tx, u, at); err != nil {
			return step{}, fmt.Errorf("note sign-in: %w", err)
		}
	}
	next := step{User: u.ID, Family: f.ID, NewDevice: made}
	groups, err := tx.GroupsOf(ctx, u.PoolID, u.ID)
	if err != nil {
		return step{}, fmt.Errorf("groups of user: %w", err)
	}
	r, err := s.recipientOf(ctx, tx, t.pool, u, groups, f)
	next.recipient = &r
	return next, err
}

// sign makes the tokens of a granted step, from the user and the family as the
// transaction that granted it found them, or else as they are now: a repeat of the
// request signs again and opens nothing. What the pool's function has to say of them it
// is asked here, outside of every transaction.
func (s *Service) sign(ctx context.Context, c Client, granted step, why issuing, at time.Time) (Tokens, error) {
	if granted.recipient != nil {
		return s.signFor(ctx, c, *granted.recipient, granted, why, at)
	}
	r, err := s.recipient(ctx, granted.Family, at)
	if err != nil {
		return Tokens{}, err
	}
	return s.signFor(ctx, c, r, granted, why, at)
}

func (s *Service) signFor(ctx context.Context, c Client, r recipient, granted step, why issuing, at time.Time) (Tokens, error) {
	if !r.decided() {
		return s.issue(c, r, granted, token.Changes{}, at)
	}
	wanted, err := s.changes(ctx, c, r, why)
	if err != nil {
		return Tokens{}, err
	}
	return s.signAfter(ctx, c, granted, wanted, at)
}

// signAfter is sign after the function had its say. Whoever was signed out while
// it ran gets no tokens.
func (s *Service) signAfter(ctx context.Context, c Client, granted step, wanted token.Changes, at time.Time) (Tokens, error) {
	r, err := s.recipient(ctx, granted.Family, at)
	if err != nil {
		return Tokens{}, err
	}
	return s.issue(c, r, granted, wanted, at)
}

// recipient finds whom the tokens of a family are for, if it still gives any.
func (s *Service) recipient(ctx context.Context, id FamilyID, at time.Time) (r recipient, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		tx.Ahead(ctx, func(tx Tx) { aheadOfRecipient(ctx, tx, id) })
		f, err := tx.Family(ctx, id)
		if err != nil {
			return notFound(err, errInvalidRefresh)
		}
		r, err = s.loadRecipient(ctx, tx, f)
		return err
	})
	if err != nil {
		return recipient{}, err
	}
	return r, serves(r.family, r.user, at)
}

// issue signs the ID and the access token, and writes the refresh token unless the one
// that was shown stays.
func (s *Service) issue(c Client, r recipient, granted step, wanted token.Changes, at time.Time) (Tokens, error) {
	u := r.user
	subject := token.Subject{
		Issuer: s.Issuer(u.PoolID), ClientID: string(c.ID),
		Sub: string(u.ID), Username: u.Username, Attributes: readable(c, u.Attributes),
		Groups: r.groups.names, Roles: r.groups.roles, PreferredRole: r.groups.preferred,
		AuthTime: r.family.AuthTime, EventID: newID(), Scope: token.ScopeUserAdmin, Changes: wanted,
		DeviceKey: r.family.DeviceKey,
	}
	if !c.Settings.NoRevocation {
		subject.OriginJTI = string(r.family.ID)
	} else if first := u.SignedOutAt.Truncate(time.Second).Add(time.Second); at.Before(first) && !u.SignedOutAt.IsZero() {
		at = first // tokens know whole seconds, and those of the last were ended
	}
	t, err := token.Issue(r.keys, subject, token.Lifetimes{ID: c.Settings.idTTL(), Access: c.Settings.accessTTL()}, at)
	if err != nil {
		return Tokens{}, fmt.Errorf("issue tokens: %w", err)
	}
	s.shown.Issued(t)
	out := Tokens{ID: t.ID, Access: t.Access, ExpiresIn: t.ExpiresIn, NewDevice: granted.NewDevice}
	if !granted.stays {
		out.Refresh = s.refreshToken(r.family.ID, granted.Generation)
	}
	return out, nil
}

// readable are the attributes that go into the client's ID tokens.
func readable(c Client, attrs map[string]string) map[string]string {
	if c.Settings.mayReadAll(attrs) {
		return attrs
	}
	kept := maps.Clone(attrs)
	maps.DeleteFunc(kept, func(name, _ string) bool { return !c.Settings.mayRead(name) })
	return kept
}

// refreshToken is the text of a generation of the family, the same at each call.
func (s *Service) refreshToken(id FamilyID, generation uint32) string {
	key := s.ring.Current()
	return token.MintRefresh(key.Derive(keyRefresh), key.ID(), token.RefreshToken{FamilyID: string(id), Generation: generation})
}

func (s *Service) parseRefresh(text string) (token.RefreshToken, error) {
	return token.ParseRefresh(func(id string) ([]byte, bool) {
		key, ok := s.ring.ByID(id)
		if !ok {
			return nil, false
		}
		return key.Derive(keyRefresh), true
	}, text)
}

// serves says whether the family still gives tokens to the user.
func serves(f Family, u User, at time.Time) error {
	switch {
	case f.over(u):
		return errRevokedRefresh
	case !at.Before(f.ExpiresAt):
		return errExpiredRefresh
	case !u.Enabled:
		return errDisabled
	}
	return nil
}

// presented is a refresh token that a client shows. Whom it is for is read in the same View
// as the client, since to begin and to end one costs more than to read; what is wrong
// with it, if anything, is told after what is wrong with the client.
type presented struct {
	token token.RefreshToken
	whom  recipient
	err   error
}

// show reads whom a refresh token of the client's is for. Its error is the store's.
func (s *Service) show(ctx context.Context, tx Tx, c Client, text string) (presented, error) {
	t, err := s.parseRefresh(text)
	if err != nil {
		return presented{err: err}, nil
	}
	r, err := s.refreshed(ctx, tx, c, FamilyID(t.FamilyID))
	if kind := kindOf(err); err != nil && (kind == fault.Internal || kind == fault.Unavailable) {
		return presented{}, err
	}
	return presented{t, r, err}, nil
}

// refreshesByFlow says whether the client may use REFRESH_TOKEN_AUTH.
func (c Client) refreshesByFlow() bool {
	return c.Settings.Allows(AllowRefresh) && !c.Settings.Rotation
}

// refreshFlow is REFRESH_TOKEN_AUTH: new ID and access tokens, the refresh
// token stays.
func (s *Service) refreshFlow(ctx context.Context, st start, t presented) (AuthResult, error) {
	switch {
	case !st.client.refreshesByFlow():
		return AuthResult{}, fault.New(fault.InvalidParameter, "%s flow not enabled for this client", st.request.Flow)
	case st.request.Parameters["REFRESH_TOKEN"] == "":
		return AuthResult{}, missing("REFRESH_TOKEN")
	}
	tokens, err := s.refresh(ctx, st.client, t, issuing{source: trigger.TokenGenerationRefreshTokens}, st.request.Caller, st.at, func(u User) error {
		return s.checkSecretHash(st.client, st.request.Parameters["SECRET_HASH"], u.Username, string(u.ID))
	})
	if err != nil {
		return AuthResult{}, err
	}
	return AuthResult{Tokens: &tokens, Parameters: map[string]string{}}, nil
}

// GetTokensFromRefreshToken exchanges a refresh token. Where the client rotates
// them, the answer has the successor and the presented one ends after the
// grace; one that ended before is taken for stolen, and ends the family.
func (s *Service) GetTokensFromRefreshToken(ctx context.Context, r RefreshRequest) (Tokens, error) {
	at := s.now()
	var t presented
	c, _, err := s.loadClientAnd(ctx, r.ClientID, func(tx Tx, c Client) (err error) {
		if s.checkSecret(c, r.ClientSecret) {
			t, err = s.show(ctx, tx, c, r.RefreshToken)
		} else {
			t = presented{err: fault.New(fault.NotAuthorized, "Invalid client secret")}
		}
		return err
	})
	if err != nil {
		return Tokens{}, err
	}
	why := issuing{source: trigger.TokenGenerationRefreshTokens, metadata: r.ClientMetadata}
	return s.refresh(ctx, c, t, why, r.Caller, at, func(User) error { return nil })
}

// refresh makes new tokens of a family's.
func (s *Service) refresh(ctx context.Context, c Client, shown presented, why issuing, caller Caller, at time.Time, check func(User) error) (Tokens, error) {
	if shown.err != nil {
		return Tokens{}, shown.err
	}
	t, r := shown.token, shown.whom
	if err := check(r.user); err != nil {
		return Tokens{}, err
	}
	if err := serves(r.family, r.user, at); err != nil {
		return Tokens{}, err
	}
	if !r.family.isFor(caller.Device, r.pool) {
		return Tokens{}, errInvalidRefresh
	}
	ctx, cancel := r.pool.patient(ctx)
	defer cancel()
	if c.Settings.Rotation {
		return s.refreshAndRotate(ctx, c, r, t, why, caller, at)
	}
	if t.Generation != r.family.Generation {
		return Tokens{}, errRevokedRefresh
	}
	return s.signFor(ctx, c, r, step{User: r.user.ID, Family: r.family.ID, Generation: t.Generation, stays: true}, why, at)
}

// refreshAndRotate asks the pool's function before it rotates, so that one that
// fails uses no token up: the same token serves again when it does not. It is
// asked of a token that is the family's newest, or within its grace; what becomes
// of another the rotation decides. Where that finds the repeat of a request that
// rotated, the function is asked then.
func (s *Service) refreshAndRotate(ctx context.Context, c Client, r recipient, t token.RefreshToken, why issuing, caller Caller, at time.Time) (Tokens, error) {
	asks := r.decided() && (t.Generation == r.family.Generation || s.inGrace(c, r.family, t, at))
	var wanted token.Changes
	if asks {
		var err error
		if wanted, err = s.changes(ctx, c, r, why); err != nil {
			return Tokens{}, err
		}
	}
	granted, err := s.rotate(ctx, c, t, caller, at)
	if err != nil {
		return Tokens{}, err
	}
	if asks {
		return s.signAfter(ctx, c, granted, wanted, at)
	}
	return s.sign(ctx, c, granted, why, at)
}

// inGrace says whether the token is the one before the family's newest, and still
// gives that one. Without a grace there is none: a request that began before the
// one which won, or by a slower clock, is no exception.
func (s *Service) inGrace(c Client, f Family, t token.RefreshToken, at time.Time) bool {
	grace := c.Settings.RotationGrace
	return t.Generation+1 == f.Generation && grace > 0 && at.Before(s.after(f.RotatedAt, grace))
}

// refreshed finds whom tokens of the client's family are for.
func (s *Service) refreshed(ctx context.Context, tx Tx, c Client, id FamilyID) (recipient, error) {
	tx.Ahead(ctx, func(tx Tx) { aheadOfRecipient(ctx, tx, id) })
	f, err := tx.Family(ctx, id)
	if err != nil {
		return recipient{}, notFound(err, errRevokedRefresh)
	}
	if f.ClientID != c.ID || f.PoolID != c.PoolID || c.isAfter(f.CreatedAt) {
		return recipient{}, errInvalidRefresh
	}
	return s.loadRecipient(ctx, tx, f)
}

// rotate moves the family on, or gives the same successor again within the
// grace. A token of an older generation ends the family, and that is committed.
func (s *Service) rotate(ctx context.Context, c Client, t token.RefreshToken, caller Caller, at time.Time) (step, error) {
	return once(ctx, s, caller, at, nil, func(tx Tx) (step, *fault.Error, error) {
		f, err := tx.Family(ctx, FamilyID(t.FamilyID))
		if err != nil {
			return step{}, nil, notFound(err, errRevokedRefresh)
		}
		next := step{User: f.UserID, Family: f.ID, Generation: t.Generation + 1}
		if s.inGrace(c, f, t, at) {
			return next, nil, nil
		}
		rotated, err := tx.RotateRefresh(ctx, f.ID, t.Generation, at)
		if err != nil || rotated {
			return next, nil, err
		}
		if err := tx.RevokeFamily(ctx, f.ID, at); err != nil {
			return step{}, nil, fmt.Errorf("end reused family: %w", err)
		}
		return step{}, errReusedRefresh, nil
	})
}

// RevokeToken ends the refresh token's family, and with it every access token
// of the same sign-in. A token that is unknown or ended is no error (RFC 7009
// section 2.2).
func (s *Service) RevokeToken(ctx context.Context, r RevokeRequest) error {
	at := s.now()
	c, _, err := s.loadClient(ctx, r.ClientID)
	if fault.Is(err, fault.ResourceNotFound) {
		return fault.New(fault.Unauthorized, "Invalid client")
	}
	if err != nil {
		return err
	}
	switch {
	case !s.checkSecret(c, r.ClientSecret):
		return fault.New(fault.Unauthorized, "Invalid client secret")
	case c.Settings.NoRevocation:
		return fault.New(fault.UnsupportedOperation, "Token revocation is not enabled for the client")
	case token.LooksLikeJWT(r.Token):
		return fault.New(fault.UnsupportedTokenType, "Unsupported token type")
	}
	t, err := s.parseRefresh(r.Token)
	if err != nil {
		return nil
	}
	return s.store.Update(ctx, func(tx Tx) error {
		f, err := tx.Family(ctx, FamilyID(t.FamilyID))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if f.ClientID != c.ID {
			return fault.New(fault.Unauthorized, "The token was issued to another client")
		}
		return tx.RevokeFamily(ctx, f.ID, at)
	})
}

// bearer is the holder of a valid access token.
type bearer struct {
	client     Client
	pool       Pool
	user       User
	signedInAt time.Time // to the second
}

// authenticate checks an access token against its pool's keys and against what
// happened to it, its family and its user since.
func (s *Service) authenticate(ctx context.Context, tx Tx, raw string, at time.Time) (bearer, error) {
	if issuer, keys, ok := s.formerIssuer(raw, at); ok {
		return s.authenticateFormer(ctx, tx, issuer, keys, raw, at)
	}
	shown := s.shown.Look(raw)
	pool, err := tx.Pool(ctx, s.poolOf(shown))
	if err != nil {
		return bearer{}, notFound(err, errInvalidAccess)
	}
	keys, err := s.keySet(ctx, tx, pool.ID)
	if err != nil {
		return bearer{}, err
	}
	claims, err := shown.Verify(keys, s.Issuer(pool.ID), at)
	if err != nil {
		return bearer{}, err
	}
	if !strings.Contains(" "+claims.Scope+" ", " "+token.ScopeUserAdmin+" ") {
		return bearer{}, errScope
	}
	client, err := tx.Client(ctx, ClientID(claims.ClientID))
	if err != nil {
		return bearer{}, notFound(err, errInvalidAccess)
	}
	if client.PoolID != pool.ID || client.isAfter(claims.IssuedAt) {
		return bearer{}, errInvalidAccess
	}
	holder, sub, family := pool.ID, UserID(claims.Sub), FamilyID(claims.OriginJTI) // else the closure keeps all of both
	tx.Ahead(ctx, func(tx Tx) {
		tx.User(ctx, holder, sub)
		if family != "" {
			tx.Family(ctx, family)
		}
	})
	u, err := tx.User(ctx, holder, sub)
	if err != nil {
		return bearer{}, notFound(err, errNoUser)
	}
	if err := s.stillGood(ctx, tx, claims, u); err != nil {
		return bearer{}, err
	}
	return bearer{client: client, pool: pool, user: u, signedInAt: claims.AuthTime}, nil
}

func (s *Service) stillGood(ctx context.Context, tx Tx, claims token.AccessClaims, u User) error {
	if !u.Enabled {
		return errDisabled
	}
	out := u.SignedOutAt.Truncate(time.Second) // tokens know whole seconds
	if claims.OriginJTI == "" {
		if !u.SignedOutAt.IsZero() && !claims.IssuedAt.After(out) {
			return errRevokedAccess
		}
		return nil
	}
	if claims.IssuedAt.Before(out) {
		return errRevokedAccess
	}
	f, err := tx.Family(ctx, FamilyID(claims.OriginJTI))
	if errors.Is(err, ErrNotFound) || (err == nil && f.over(u)) {
		return errRevokedAccess
	}
	return err
}

// poolOf reads the pool's id from a token's issuer, before anything of it is
// believed: it only says whose keys must have signed it.
func (s *Service) poolOf(shown token.Presented) PoolID {
	issuer, _ := shown.Issuer()
	id, ok := strings.CutPrefix(issuer, s.publicURL+"/")
	if !ok {
		return ""
	}
	return PoolID(id)
}

// GlobalSignOut ends all of the user's sign-ins, and what is pending.
func (s *Service) GlobalSignOut(ctx context.Context, accessToken string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		b, err := s.authenticate(ctx, tx, accessToken, at)
		if err != nil {
			return err
		}
		_, err = signOut(ctx, tx, b.user, at)
		return err
	})
}

// signOut ends every family, Session and challenge of the user and every change
// that waits for its code, and refuses the access tokens issued so far.
func signOut(ctx context.Context, tx Tx, u User, at time.Time) (User, error) {
	u.endAll(at)
	u.Pending = nil
	if err := tx.UpdateUser(ctx, u); err != nil {
		return u, fmt.Errorf("sign out: %w", err)
	}
	if err := tx.DeleteSessions(ctx, u.PoolID, string(u.ID)); err != nil {
		return u, fmt.Errorf("sign out: end sessions: %w", err)
	}
	return u, tx.DeleteChallenges(ctx, u.PoolID, string(u.ID))
}
