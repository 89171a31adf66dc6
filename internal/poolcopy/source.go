package poolcopy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
)

// pageOf is how many of anything a page of the source holds at most.
const pageOf = 60

// source reads a pool, no faster than its pace.
type source struct {
	api  *cip.Client
	pool string
	pace *pace
}

func (s source) describe(ctx context.Context) (*types.UserPoolType, error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	out, err := s.api.DescribeUserPool(ctx, &cip.DescribeUserPoolInput{UserPoolId: &s.pool})
	switch {
	case err != nil:
		return nil, err
	case out.UserPool == nil:
		return nil, errors.New("the answer holds no user pool")
	}
	return out.UserPool, nil
}

func (s source) mfaConfig(ctx context.Context) (*cip.GetUserPoolMfaConfigOutput, error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	return s.api.GetUserPoolMfaConfig(ctx, &cip.GetUserPoolMfaConfigInput{UserPoolId: &s.pool})
}

// all reads page after page, until one names no next.
func all(ctx context.Context, p *pace, page func(token *string) (next *string, err error)) error {
	for token := (*string)(nil); ; {
		if err := p.wait(ctx); err != nil {
			return err
		}
		next, err := page(token)
		if err != nil || next == nil || *next == "" {
			return err
		}
		if token != nil && *next == *token {
			return errors.New("a page says that it is followed by itself")
		}
		token = next
	}
}

// clients reads the app clients, each as it is described.
func (s source) clients(ctx context.Context) (described []types.UserPoolClientType, err error) {
	var ids []string
	err = all(ctx, s.pace, func(token *string) (*string, error) {
		out, err := s.api.ListUserPoolClients(ctx, &cip.ListUserPoolClientsInput{UserPoolId: &s.pool, MaxResults: new(int32(pageOf)), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, c := range out.UserPoolClients {
			ids = append(ids, value(c.ClientId))
		}
		return out.NextToken, nil
	})
	for _, id := range ids {
		if err == nil {
			err = s.pace.wait(ctx)
		}
		if err != nil {
			return nil, err
		}
		out, failed := s.api.DescribeUserPoolClient(ctx, &cip.DescribeUserPoolClientInput{UserPoolId: &s.pool, ClientId: &id})
		if failed != nil {
			return nil, failed
		}
		if out.UserPoolClient != nil {
			described = append(described, *out.UserPoolClient)
		}
	}
	return described, err
}

func (s source) groups(ctx context.Context) (groups []types.GroupType, err error) {
	return groups, all(ctx, s.pace, func(token *string) (*string, error) {
		out, err := s.api.ListGroups(ctx, &cip.ListGroupsInput{UserPoolId: &s.pool, Limit: new(int32(pageOf)), NextToken: token})
		if err != nil {
			return nil, err
		}
		groups = append(groups, out.Groups...)
		return out.NextToken, nil
	})
}

// identityProviders and resourceServers are names, for the report alone.
func (s source) identityProviders(ctx context.Context) (names []string, err error) {
	return names, all(ctx, s.pace, func(token *string) (*string, error) {
		out, err := s.api.ListIdentityProviders(ctx, &cip.ListIdentityProvidersInput{UserPoolId: &s.pool, MaxResults: new(int32(pageOf)), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, p := range out.Providers {
			names = append(names, value(p.ProviderName))
		}
		return out.NextToken, nil
	})
}

func (s source) resourceServers(ctx context.Context) (names []string, err error) {
	return names, all(ctx, s.pace, func(token *string) (*string, error) {
		out, err := s.api.ListResourceServers(ctx, &cip.ListResourceServersInput{UserPoolId: &s.pool, MaxResults: new(int32(50)), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, r := range out.ResourceServers {
			names = append(names, value(r.Identifier))
		}
		return out.NextToken, nil
	})
}

// members tells of each member of the group.
func (s source) members(ctx context.Context, group string, member func(types.UserType)) error {
	return all(ctx, s.pace, func(token *string) (*string, error) {
		out, err := s.api.ListUsersInGroup(ctx, &cip.ListUsersInGroupInput{UserPoolId: &s.pool, GroupName: &group, Limit: new(int32(pageOf)), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, u := range out.Users {
			member(u)
		}
		return out.NextToken, nil
	})
}

func (s source) user(ctx context.Context, username string) (*cip.AdminGetUserOutput, error) {
	if err := s.pace.wait(ctx); err != nil {
		return nil, err
	}
	return s.api.AdminGetUser(ctx, &cip.AdminGetUserInput{UserPoolId: &s.pool, Username: &username})
}

// page is a page of users, and the token of the next, "" on the last.
type page struct {
	users []types.UserType
	next  string
	err   error
}

func (s source) page(ctx context.Context, token string) page {
	if err := s.pace.wait(ctx); err != nil {
		return page{err: err}
	}
	in := &cip.ListUsersInput{UserPoolId: &s.pool, Limit: new(int32(pageOf))}
	if token != "" {
		in.PaginationToken = &token
	}
	out, err := s.api.ListUsers(ctx, in)
	if err != nil {
		return page{err: err}
	}
	p := page{users: out.Users, next: value(out.PaginationToken)}
	if p.next != "" && p.next == token {
		p.err = errors.New("a page of users says that it is followed by itself")
	}
	return p
}

// pages reads the pages of users from the token on, one ahead of who takes them.
// After one with an error, and when ctx ends, there is none.
func (s source) pages(ctx context.Context, token string) <-chan page {
	ahead := make(chan page, 1)
	go func() {
		defer close(ahead)
		for {
			p := s.page(ctx, token)
			select {
			case ahead <- p:
			case <-ctx.Done():
				return
			}
			if p.err != nil || p.next == "" {
				return
			}
			token = p.next
		}
	}()
	return ahead
}

// isPageToken says whether the source refused a page's token, which AWS honours for
// an hour.
func isPageToken(err error) bool {
	_, invalid := errors.AsType[*types.InvalidParameterException](err)
	return invalid
}

// isRefused says that the source does not serve the operation at all, which is said
// of operations that not every server has.
func isRefused(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return false
	}
	switch api.ErrorCode() {
	case "UnsupportedOperationException", "UnknownOperationException", "NotImplemented":
		return true
	}
	return false
}

// failure is an error as the service words it, without the request's address.
func failure(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Sprintf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return err.Error()
}

// pace lets so many requests go a second, at even distances.
type pace struct {
	every time.Duration

	mu   sync.Mutex // guards next
	next time.Time
}

func newPace(rate int) *pace {
	if rate == 0 {
		return &pace{}
	}
	return &pace{every: time.Second / time.Duration(rate)}
}

// wait waits for the caller's turn.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	turn := p.next
	if turn.Before(now) {
		turn = now
	}
	p.next = turn.Add(p.every)
	p.mu.Unlock()
	timer := time.NewTimer(turn.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
