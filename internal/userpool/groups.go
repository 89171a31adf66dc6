package userpool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/fault"
)

// Bounds of the service on groups.
const (
	maxGroups       = 10_000 // of a pool
	maxGroupsOfUser = 100
)

var (
	errNoGroup     = fault.New(fault.ResourceNotFound, "Group not found.")
	errGroupExists = fault.New(fault.GroupExists, "A group with the name already exists")
)

// NewGroup asks for a group, or for a change of one: there, what is nil stays.
type NewGroup struct {
	PoolID      PoolID
	Name        string
	Description *string
	RoleARN     *string
	Precedence  *int32
}

// onto gives the group what was given.
func (r NewGroup) onto(g Group) Group {
	if r.Description != nil {
		g.Description = *r.Description
	}
	if r.RoleARN != nil {
		g.RoleARN = *r.RoleARN
	}
	if r.Precedence != nil {
		g.Precedence = r.Precedence
	}
	return g
}

// GroupPage and the like are one page of a list. Next is "" on the last.
type GroupPage struct {
	Groups []Group
	Next   string
}

// CreateGroup makes a group without members.
func (s *Service) CreateGroup(ctx context.Context, r NewGroup) (Group, error) {
	at := s.now()
	g := r.onto(Group{PoolID: r.PoolID, Name: r.Name, CreatedAt: at, ModifiedAt: at})
	err := s.store.Update(ctx, func(tx Tx) error {
		if _, err := loadPool(ctx, tx, r.PoolID); err != nil {
			return err
		}
		inserted, err := tx.InsertGroup(ctx, g, maxGroups)
		switch {
		case errors.Is(err, ErrExists):
			return errGroupExists
		case err != nil:
			return fmt.Errorf("insert group: %w", err)
		case !inserted:
			return fault.New(fault.LimitExceeded, "A user pool has at most %d groups.", maxGroups)
		}
		return nil
	})
	return g, err
}

func loadGroup(ctx context.Context, tx Tx, pool PoolID, name string) (Group, error) {
	if _, err := loadPool(ctx, tx, pool); err != nil {
		return Group{}, err
	}
	g, err := tx.Group(ctx, pool, name)
	return g, notFound(err, errNoGroup)
}

// GetGroup returns a group.
func (s *Service) GetGroup(ctx context.Context, pool PoolID, name string) (g Group, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		g, err = loadGroup(ctx, tx, pool, name)
		return err
	})
	return g, err
}

// UpdateGroup changes what the request gives and leaves the rest.
func (s *Service) UpdateGroup(ctx context.Context, r NewGroup) (g Group, err error) {
	at := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		was, err := loadGroup(ctx, tx, r.PoolID, r.Name)
		if err != nil {
			return err
		}
		g = r.onto(was)
		g.ModifiedAt = at
		return tx.UpdateGroup(ctx, g)
	})
	return g, err
}

// DeleteGroup removes a group. Its members stay users.
func (s *Service) DeleteGroup(ctx context.Context, pool PoolID, name string) error {
	return s.store.Update(ctx, func(tx Tx) error {
		if _, err := loadGroup(ctx, tx, pool, name); err != nil {
			return err
		}
		return tx.DeleteGroup(ctx, pool, name)
	})
}

// ListGroups returns a page of a pool's groups, ordered by name.
func (s *Service) ListGroups(ctx context.Context, pool PoolID, limit int, token string) (GroupPage, error) {
	limit = pageLimit(limit)
	return s.groupPage(ctx, []string{"all", string(pool)}, limit, token, func(tx Tx, after string) ([]Group, error) {
		if _, err := loadPool(ctx, tx, pool); err != nil {
			return nil, err
		}
		return tx.Groups(ctx, pool, after, limit+1)
	})
}

// AdminListGroupsForUser returns a page of a user's groups, ordered by name. A
// pending sign-up has none.
func (s *Service) AdminListGroupsForUser(ctx context.Context, pool PoolID, username string, limit int, token string) (GroupPage, error) {
	at := s.now()
	return s.groupPage(ctx, []string{"of", string(pool), username}, pageLimit(limit), token, func(tx Tx, after string) ([]Group, error) {
		t, err := findTarget(ctx, tx, pool, username, at)
		if err != nil || !t.known {
			return nil, err
		}
		groups, err := tx.GroupsOf(ctx, pool, t.user.ID)
		return slices.DeleteFunc(groups, func(g Group) bool { return g.Name <= after }), err
	})
}

// groupPage cuts a page from what find returns behind a name: one group more
// than the page holds, if there are as many.
func (s *Service) groupPage(ctx context.Context, list []string, limit int, token string, find func(Tx, string) ([]Group, error)) (page GroupPage, err error) {
	after, err := s.openPage(listGroups, token, list...)
	if err != nil {
		return GroupPage{}, err
	}
	err = s.store.View(ctx, func(tx Tx) error {
		page.Groups, err = find(tx, after)
		return err
	})
	if err == nil && len(page.Groups) > limit {
		page.Groups = page.Groups[:limit]
		page.Next = s.sealPage(listGroups, page.Groups[limit-1].Name, list...)
	}
	return page, err
}

// ListUsersInGroup returns a page of a group's members, ordered by sub.
func (s *Service) ListUsersInGroup(ctx context.Context, pool PoolID, group string, limit int, token string) (page UserPage, err error) {
	limit = pageLimit(limit)
	after, err := s.openPage(listMembers, token, string(pool), group)
	if err != nil {
		return UserPage{}, err
	}
	var members []User
	err = s.store.View(ctx, func(tx Tx) error {
		if _, err := loadGroup(ctx, tx, pool, group); err != nil {
			return err
		}
		members, err = tx.Members(ctx, pool, group, UserID(after), limit+1)
		return err
	})
	if err == nil && len(members) > limit {
		members = members[:limit]
		page.Next = s.sealPage(listMembers, string(members[limit-1].ID), string(pool), group)
	}
	for _, u := range members {
		page.Users = append(page.Users, u.view(all))
	}
	return page, err
}

// AdminAddUserToGroup makes the user a member, which shows in tokens from the
// next refresh on. Doing it twice changes nothing.
func (s *Service) AdminAddUserToGroup(ctx context.Context, pool PoolID, username, group string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		t, err := groupAndTarget(ctx, tx, pool, username, group, at)
		if err != nil {
			return err
		}
		if !t.known {
			return fault.New(fault.InvalidParameter, "A sign-up that is not confirmed cannot be put into a group. AdminConfirmSignUp confirms it.")
		}
		joined, err := tx.JoinGroup(ctx, Membership{PoolID: pool, Group: group, User: t.user.ID, AddedAt: at}, maxGroupsOfUser)
		if err == nil && !joined {
			return fault.New(fault.LimitExceeded, "A user is in at most %d groups.", maxGroupsOfUser)
		}
		return err
	})
}

// AdminRemoveUserFromGroup ends a membership; one that is not there is no error.
func (s *Service) AdminRemoveUserFromGroup(ctx context.Context, pool PoolID, username, group string) error {
	at := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		t, err := groupAndTarget(ctx, tx, pool, username, group, at)
		if err != nil || !t.known {
			return err
		}
		return tx.LeaveGroup(ctx, pool, group, t.user.ID)
	})
}

func groupAndTarget(ctx context.Context, tx Tx, pool PoolID, username, group string, at time.Time) (target, error) {
	t, err := findTarget(ctx, tx, pool, username, at)
	if err != nil {
		return target{}, err
	}
	_, err = loadGroup(ctx, tx, pool, group)
	return t, err
}

// groupClaims are what a user's tokens say of his groups.
type groupClaims struct {
	names, roles []string
	preferred    string // role, "" for none
}

// claimsOf orders groups by precedence, those without one last, then by name.
// The preferred role is that of the first group that has a role, unless another
// group stands as high with another role.
func claimsOf(groups []Group) (c groupClaims) {
	groups = slices.Clone(groups)
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(comparePrecedence(a.Precedence, b.Precedence), strings.Compare(a.Name, b.Name))
	})
	var first *Group
	for i, g := range groups {
		c.names = append(c.names, g.Name)
		if g.RoleARN == "" {
			continue
		}
		switch {
		case first == nil:
			first, c.preferred = &groups[i], g.RoleARN
		case g.RoleARN != first.RoleARN && comparePrecedence(g.Precedence, first.Precedence) == 0:
			c.preferred = ""
		}
		if !slices.Contains(c.roles, g.RoleARN) {
			c.roles = append(c.roles, g.RoleARN)
		}
	}
	return c
}

func comparePrecedence(a, b *int32) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}
