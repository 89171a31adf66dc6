package cognito

import (
	"context"
	"math"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// groupType is a group.
type groupType struct {
	GroupName        string
	UserPoolId       string
	Description      *string `json:",omitzero"`
	RoleArn          *string `json:",omitzero"`
	Precedence       *int32  `json:",omitzero"`
	LastModifiedDate epoch
	CreationDate     epoch
}

func groupOut(g userpool.Group) groupType {
	return groupType{
		GroupName: g.Name, UserPoolId: string(g.PoolID), Description: unlessEmpty(g.Description),
		RoleArn: unlessEmpty(g.RoleARN), Precedence: g.Precedence,
		LastModifiedDate: epoch(g.ModifiedAt), CreationDate: epoch(g.CreatedAt),
	}
}

// groupSettings is the input of CreateGroup and UpdateGroup.
type groupSettings struct {
	GroupName   *string
	UserPoolId  *string
	Description *string
	RoleArn     *string
	Precedence  *int32
}

func (in *groupSettings) validate(v *violations) {
	v.required("groupName", in.GroupName, groupName)
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.optional("description", in.Description, groupDescription)
	v.optional("roleArn", in.RoleArn, resourceARN)
	v.between("precedence", in.Precedence, 0, math.MaxInt32)
}

func (in *groupSettings) group() userpool.NewGroup {
	return userpool.NewGroup{
		PoolID: userpool.PoolID(value(in.UserPoolId)), Name: value(in.GroupName),
		Description: in.Description, RoleARN: in.RoleArn, Precedence: in.Precedence,
	}
}

// groupOutput answers whatever ends with a group.
type groupOutput struct {
	Group groupType
}

func (a *API) createGroup(ctx context.Context, _ userpool.Caller, in *groupSettings) (*groupOutput, error) {
	g, err := a.service.CreateGroup(ctx, in.group())
	return &groupOutput{groupOut(g)}, err
}

func (a *API) updateGroup(ctx context.Context, _ userpool.Caller, in *groupSettings) (*groupOutput, error) {
	g, err := a.service.UpdateGroup(ctx, in.group())
	return &groupOutput{groupOut(g)}, err
}

// groupInput names a group and no more.
type groupInput struct {
	GroupName  *string
	UserPoolId *string
}

func (in *groupInput) validate(v *violations) {
	v.required("groupName", in.GroupName, groupName)
	v.required("userPoolId", in.UserPoolId, userPoolID)
}

func (in *groupInput) group() (userpool.PoolID, string) {
	return userpool.PoolID(value(in.UserPoolId)), value(in.GroupName)
}

func (a *API) getGroup(ctx context.Context, _ userpool.Caller, in *groupInput) (*groupOutput, error) {
	pool, name := in.group()
	g, err := a.service.GetGroup(ctx, pool, name)
	return &groupOutput{groupOut(g)}, err
}

func (a *API) deleteGroup(ctx context.Context, _ userpool.Caller, in *groupInput) (*noBody, error) {
	pool, name := in.group()
	return &noBody{}, a.service.DeleteGroup(ctx, pool, name)
}

// nextPage are the members of the lists of groups and of their members.
type nextPage struct {
	Limit     *int32
	NextToken *string
}

func (p nextPage) validate(v *violations) {
	v.between("limit", p.Limit, 0, 60)
	v.optional("nextToken", p.NextToken, pageToken)
}

type listGroupsInput struct {
	UserPoolId *string
	nextPage
}

func (in *listGroupsInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	in.nextPage.validate(v)
}

type groupsOutput struct {
	Groups    []groupType
	NextToken *string `json:",omitzero"`
}

func groupsOut(page userpool.GroupPage) *groupsOutput {
	out := &groupsOutput{Groups: make([]groupType, len(page.Groups)), NextToken: unlessEmpty(page.Next)}
	for i, g := range page.Groups {
		out.Groups[i] = groupOut(g)
	}
	return out
}

func (a *API) listGroups(ctx context.Context, _ userpool.Caller, in *listGroupsInput) (*groupsOutput, error) {
	page, err := a.service.ListGroups(ctx, userpool.PoolID(value(in.UserPoolId)), int(value(in.Limit)), value(in.NextToken))
	return groupsOut(page), err
}

type adminListGroupsForUserInput struct {
	adminUserInput
	nextPage
}

func (in *adminListGroupsForUserInput) validate(v *violations) {
	in.adminUserInput.validate(v)
	in.nextPage.validate(v)
}

func (a *API) adminListGroupsForUser(ctx context.Context, _ userpool.Caller, in *adminListGroupsForUserInput) (*groupsOutput, error) {
	pool, name := in.user()
	page, err := a.service.AdminListGroupsForUser(ctx, pool, name, int(value(in.Limit)), value(in.NextToken))
	return groupsOut(page), err
}

type listUsersInGroupInput struct {
	groupInput
	nextPage
}

func (in *listUsersInGroupInput) validate(v *violations) {
	in.groupInput.validate(v)
	in.nextPage.validate(v)
}

type listUsersInGroupOutput struct {
	Users     []userType
	NextToken *string `json:",omitzero"`
}

func (a *API) listUsersInGroup(ctx context.Context, _ userpool.Caller, in *listUsersInGroupInput) (*listUsersInGroupOutput, error) {
	pool, name := in.group()
	page, err := a.service.ListUsersInGroup(ctx, pool, name, int(value(in.Limit)), value(in.NextToken))
	return &listUsersInGroupOutput{Users: usersOut(page.Users), NextToken: unlessEmpty(page.Next)}, err
}

// membershipInput names a user and a group.
type membershipInput struct {
	adminUserInput
	GroupName *string
}

func (in *membershipInput) validate(v *violations) {
	in.adminUserInput.validate(v)
	v.required("groupName", in.GroupName, groupName)
}

func (a *API) adminAddUserToGroup(ctx context.Context, _ userpool.Caller, in *membershipInput) (*noBody, error) {
	pool, name := in.user()
	return &noBody{}, a.service.AdminAddUserToGroup(ctx, pool, name, value(in.GroupName))
}

func (a *API) adminRemoveUserFromGroup(ctx context.Context, _ userpool.Caller, in *membershipInput) (*noBody, error) {
	pool, name := in.user()
	return &noBody{}, a.service.AdminRemoveUserFromGroup(ctx, pool, name, value(in.GroupName))
}
