package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// adminUserInput is the input of administrative operations that name a user and
// no more.
type adminUserInput struct {
	UserPoolId *string
	Username   *string
}

func (in *adminUserInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
}

func (in *adminUserInput) user() (userpool.PoolID, string) {
	return userpool.PoolID(value(in.UserPoolId)), value(in.Username)
}

// userType is a user in lists and in AdminCreateUser's answer.
type userType struct {
	Username             string
	Attributes           []attributeType
	UserCreateDate       epoch
	UserLastModifiedDate epoch
	Enabled              bool
	UserStatus           string
	MFAOptions           []mfaOptionType `json:",omitzero"`
}

type adminCreateUserInput struct {
	UserPoolId             *string
	Username               *string
	UserAttributes         []attributeType
	ValidationData         []attributeType
	TemporaryPassword      *string
	ForceAliasCreation     bool
	MessageAction          *string
	DesiredDeliveryMediums textList
	ClientMetadata         textMap
}

func (in *adminCreateUserInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
	v.attributes("userAttributes", in.UserAttributes)
	v.attributes("validationData", in.ValidationData)
	v.optional("temporaryPassword", in.TemporaryPassword, optionalPassword)
	v.optional("messageAction", in.MessageAction, messageAction)
	v.each("desiredDeliveryMediums", in.DesiredDeliveryMediums, deliveryMedium)
}

type adminCreateUserOutput struct {
	User userType
}

func (a *API) adminCreateUser(ctx context.Context, c userpool.Caller, in *adminCreateUserInput) (*adminCreateUserOutput, error) {
	u, err := a.service.AdminCreateUser(ctx, userpool.NewUser{
		Caller:             c,
		PoolID:             userpool.PoolID(value(in.UserPoolId)),
		Username:           value(in.Username),
		TemporaryPassword:  value(in.TemporaryPassword),
		Attributes:         attributesIn(in.UserAttributes),
		ForceAliasCreation: in.ForceAliasCreation,
		Suppress:           value(in.MessageAction) == "SUPPRESS",
		Resend:             value(in.MessageAction) == "RESEND",
		DesiredMediums:     in.DesiredDeliveryMediums,
		ValidationData:     textsIn(in.ValidationData),
		ClientMetadata:     in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return &adminCreateUserOutput{User: userOut(u)}, nil
}

// adminGetUserOutput is flat, and calls the list UserAttributes where userType
// calls it Attributes.
type adminGetUserOutput struct {
	Username             string
	UserAttributes       []attributeType
	UserCreateDate       epoch
	UserLastModifiedDate epoch
	Enabled              bool
	UserStatus           string
	mfaShown
}

func (a *API) adminGetUser(ctx context.Context, _ userpool.Caller, in *adminUserInput) (*adminGetUserOutput, error) {
	pool, name := in.user()
	u, err := a.service.AdminGetUser(ctx, pool, name)
	if err != nil {
		return nil, err
	}
	return &adminGetUserOutput{
		Username: u.Username, UserAttributes: attributesOut(u.Attributes), Enabled: u.Enabled, UserStatus: string(u.Status),
		UserCreateDate: epoch(u.CreatedAt), UserLastModifiedDate: epoch(u.ModifiedAt),
		mfaShown: mfaShownOf(u),
	}, nil
}

type adminSetUserPasswordInput struct {
	UserPoolId *string
	Username   *string
	Password   *string
	Permanent  bool
}

func (in *adminSetUserPasswordInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
	v.required("password", in.Password, password)
}

func (a *API) adminSetUserPassword(ctx context.Context, _ userpool.Caller, in *adminSetUserPasswordInput) (*emptyAnswer, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	return &emptyAnswer{}, a.service.AdminSetUserPassword(ctx, pool, value(in.Username), value(in.Password), in.Permanent)
}

type adminConfirmSignUpInput struct {
	UserPoolId     *string
	Username       *string
	ClientMetadata textMap
}

func (in *adminConfirmSignUpInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
}

func (a *API) adminConfirmSignUp(ctx context.Context, _ userpool.Caller, in *adminConfirmSignUpInput) (*emptyAnswer, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	return &emptyAnswer{}, a.service.AdminConfirmSignUp(ctx, pool, value(in.Username), in.ClientMetadata)
}

func (a *API) adminDisableUser(ctx context.Context, _ userpool.Caller, in *adminUserInput) (*emptyAnswer, error) {
	pool, name := in.user()
	return &emptyAnswer{}, a.service.AdminDisableUser(ctx, pool, name)
}

func (a *API) adminEnableUser(ctx context.Context, _ userpool.Caller, in *adminUserInput) (*emptyAnswer, error) {
	pool, name := in.user()
	return &emptyAnswer{}, a.service.AdminEnableUser(ctx, pool, name)
}

func (a *API) adminDeleteUser(ctx context.Context, _ userpool.Caller, in *adminUserInput) (*noBody, error) {
	pool, name := in.user()
	return &noBody{}, a.service.AdminDeleteUser(ctx, pool, name)
}
