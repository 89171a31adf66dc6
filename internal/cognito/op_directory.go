package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

type listUsersInput struct {
	UserPoolId      *string
	AttributesToGet textList
	Limit           *int32
	PaginationToken *string
	Filter          *string
}

func (in *listUsersInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.each("attributesToGet", in.AttributesToGet, attributeName)
	v.between("limit", in.Limit, 0, 60)
	v.optional("paginationToken", in.PaginationToken, pageToken)
	v.optional("filter", in.Filter, searchFilter)
}

type listUsersOutput struct {
	Users           []userType
	PaginationToken *string `json:",omitzero"`
}

func (a *API) listUsers(ctx context.Context, _ userpool.Caller, in *listUsersInput) (*listUsersOutput, error) {
	page, err := a.service.ListUsers(ctx, userpool.ListUsersRequest{
		PoolID:     userpool.PoolID(value(in.UserPoolId)),
		Filter:     value(in.Filter),
		Attributes: in.AttributesToGet,
		Limit:      int(value(in.Limit)),
		Token:      value(in.PaginationToken),
	})
	if err != nil {
		return nil, err
	}
	return &listUsersOutput{Users: usersOut(page.Users), PaginationToken: unlessEmpty(page.Next)}, nil
}

func userOut(u userpool.UserView) userType {
	return userType{
		Username: u.Username, Attributes: attributesOut(u.Attributes), Enabled: u.Enabled, UserStatus: string(u.Status),
		UserCreateDate: epoch(u.CreatedAt), UserLastModifiedDate: epoch(u.ModifiedAt),
		MFAOptions: mfaShownOf(u).MFAOptions,
	}
}

func usersOut(list []userpool.UserView) []userType {
	out := make([]userType, len(list))
	for i, u := range list {
		out[i] = userOut(u)
	}
	return out
}

// unlessEmpty is a member that is absent where there is nothing to tell.
func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
