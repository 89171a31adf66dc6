package userpool

import (
	"context"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/token"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// issuing is why tokens are made, as PreTokenGeneration is told it.
type issuing struct {
	source   trigger.Source
	metadata map[string]string // ClientMetadata of the request
}

// recipient is whom tokens are for, and all that goes into them.
type recipient struct {
	pool   Pool
	user   User
	family Family
	groups groupClaims
	keys   token.KeySet
}

// aheadOfRecipient is what is read to find whom the tokens of a family are for.
func aheadOfRecipient(ctx context.Context, tx Tx, id FamilyID) {
	tx.Family(ctx, id)
	tx.Holder(ctx, Family{ID: id})
}

// loadRecipient reads the family's user and the rest, as they are now.
func (s *Service) loadRecipient(ctx context.Context, tx Tx, f Family) (recipient, error) {
	p, err := tx.Pool(ctx, f.PoolID)
	if err != nil {
		return recipient{}, fmt.Errorf("pool of user: %w", err)
	}
	u, groups, err := tx.Holder(ctx, f)
	if err != nil {
		return recipient{}, notFound(err, errRevokedRefresh)
	}
	return s.recipientOf(ctx, tx, p, u, groups, f)
}

// recipientOf reads what else goes into the tokens of a user.
func (s *Service) recipientOf(ctx context.Context, tx Tx, p Pool, u User, groups []Group, f Family) (r recipient, err error) {
	r.pool, r.user, r.family = p, u, f
	r.groups = claimsOf(groups)
	r.keys, err = s.keySet(ctx, tx, f.PoolID)
	return r, err
}

// decided says whether a function of the pool's has a say in the tokens.
func (r recipient) decided() bool { return r.pool.Settings.Triggers.has(trigger.PreTokenGeneration) }

// changes are what the pool's PreTokenGeneration wants the tokens to say.
func (s *Service) changes(ctx context.Context, c Client, r recipient, why issuing) (token.Changes, error) {
	o := occasion{pool: r.pool, client: c.ID, userName: r.user.Username}
	request := trigger.TokenRequest{
		UserAttributes: r.user.eventAttributes(r.pool),
		GroupConfiguration: trigger.GroupConfiguration{
			GroupsToOverride: append([]string{}, r.groups.names...), IAMRolesToOverride: append([]string{}, r.groups.roles...),
		},
		ClientMetadata: why.metadata,
	}
	if r.groups.preferred != "" {
		request.GroupConfiguration.PreferredRole = &r.groups.preferred
	}
	wanted, err := s.askTokens(ctx, o, why.source, request)
	if err != nil {
		return token.Changes{}, err
	}
	if err := wanted.Check(); err != nil {
		return token.Changes{}, s.unusable(ctx, r.pool, trigger.PreTokenGeneration, fmt.Sprintf("%v: the most is %d bytes", err, token.MaxAdded))
	}
	return wanted, nil
}

// askTokens asks by the version of the event that the pool is set to. That of
// version 1 changes the ID token alone, but for the groups.
func (s *Service) askTokens(ctx context.Context, o occasion, source trigger.Source, request trigger.TokenRequest) (wanted token.Changes, err error) {
	if o.version(trigger.PreTokenGeneration) == "1" {
		answer, err := ask(ctx, s, o, source, request, trigger.TokenResponseV1{})
		if err != nil || answer.Overrides == nil {
			return token.Changes{}, err
		}
		wanted.ID = token.ClaimChanges{Set: answer.Overrides.AddOrOverride.JSON(), Suppress: answer.Overrides.Suppress}
		wanted.Groups = groupsWanted(answer.Overrides.Groups)
		return wanted, nil
	}
	request.Scopes = []string{token.ScopeUserAdmin}
	answer, err := ask(ctx, s, o, source, request, trigger.TokenResponseV2{})
	if err != nil || answer.Overrides == nil {
		return token.Changes{}, err
	}
	id, access := answer.Overrides.ID, answer.Overrides.Access
	return token.Changes{
		ID:          token.ClaimChanges{Set: id.AddOrOverride, Suppress: id.Suppress},
		Access:      token.ClaimChanges{Set: access.AddOrOverride, Suppress: access.Suppress},
		ScopesToAdd: access.ScopesToAdd, ScopesToSuppress: access.ScopesToSuppress,
		Groups: groupsWanted(answer.Overrides.Groups),
	}, nil
}

func groupsWanted(g trigger.GroupOverride) *token.Groups {
	if !g.Given {
		return nil
	}
	wanted := &token.Groups{Names: g.GroupsToOverride, Roles: g.IAMRolesToOverride}
	if g.PreferredRole != nil {
		wanted.PreferredRole = *g.PreferredRole
	}
	return wanted
}
