package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

type deleteUserAttributesInput struct {
	AccessToken        *string
	UserAttributeNames textList
}

func (in *deleteUserAttributesInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.present("userAttributeNames", in.UserAttributeNames != nil)
	v.each("userAttributeNames", in.UserAttributeNames, attributeName)
}

func (a *API) deleteUserAttributes(ctx context.Context, c userpool.Caller, in *deleteUserAttributesInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.DeleteUserAttributes(ctx, c, value(in.AccessToken), in.UserAttributeNames)
}

type getUserAttributeVerificationCodeInput struct {
	AccessToken    *string
	AttributeName  *string
	ClientMetadata textMap
}

func (in *getUserAttributeVerificationCodeInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.required("attributeName", in.AttributeName, attributeName)
}

type getUserAttributeVerificationCodeOutput struct {
	CodeDeliveryDetails codeDeliveryDetailsType
}

func (a *API) getUserAttributeVerificationCode(ctx context.Context, c userpool.Caller, in *getUserAttributeVerificationCodeInput) (*getUserAttributeVerificationCodeOutput, error) {
	d, err := a.service.GetUserAttributeVerificationCode(ctx, c, value(in.AccessToken), value(in.AttributeName), in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	return &getUserAttributeVerificationCodeOutput{CodeDeliveryDetails: deliveryOut(d)}, nil
}

type verifyUserAttributeInput struct {
	AccessToken   *string
	AttributeName *string
	Code          *string
}

func (in *verifyUserAttributeInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.required("attributeName", in.AttributeName, attributeName)
	v.required("code", in.Code, confirmationCode)
}

func (a *API) verifyUserAttribute(ctx context.Context, c userpool.Caller, in *verifyUserAttributeInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.VerifyUserAttribute(ctx, c, value(in.AccessToken), value(in.AttributeName), value(in.Code))
}

type adminUpdateUserAttributesInput struct {
	UserPoolId     *string
	Username       *string
	UserAttributes []attributeType
	ClientMetadata textMap
}

func (in *adminUpdateUserAttributesInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
	v.present("userAttributes", in.UserAttributes != nil)
	v.attributes("userAttributes", in.UserAttributes)
}

func (a *API) adminUpdateUserAttributes(ctx context.Context, c userpool.Caller, in *adminUpdateUserAttributesInput) (*emptyAnswer, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	return &emptyAnswer{}, a.service.AdminUpdateUserAttributes(ctx, c, pool, value(in.Username), attributesIn(in.UserAttributes), in.ClientMetadata)
}

type adminDeleteUserAttributesInput struct {
	UserPoolId         *string
	Username           *string
	UserAttributeNames textList
}

func (in *adminDeleteUserAttributesInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
	v.present("userAttributeNames", in.UserAttributeNames != nil)
	v.each("userAttributeNames", in.UserAttributeNames, attributeName)
}

func (a *API) adminDeleteUserAttributes(ctx context.Context, c userpool.Caller, in *adminDeleteUserAttributesInput) (*emptyAnswer, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	return &emptyAnswer{}, a.service.AdminDeleteUserAttributes(ctx, c, pool, value(in.Username), in.UserAttributeNames)
}
