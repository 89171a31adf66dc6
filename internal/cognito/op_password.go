package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

type changePasswordInput struct {
	AccessToken      *string
	PreviousPassword *string
	ProposedPassword *string
}

func (in *changePasswordInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.optional("previousPassword", in.PreviousPassword, password)
	v.required("proposedPassword", in.ProposedPassword, password)
}

func (a *API) changePassword(ctx context.Context, c userpool.Caller, in *changePasswordInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.ChangePassword(ctx, userpool.PasswordChange{
		Caller:      c,
		AccessToken: value(in.AccessToken),
		Previous:    value(in.PreviousPassword),
		Proposed:    value(in.ProposedPassword),
	})
}

type forgotPasswordInput struct {
	ClientId          *string
	SecretHash        *string
	Username          *string
	ClientMetadata    textMap
	AnalyticsMetadata *analyticsMetadataType
	UserContextData   *userContextDataType
}

func (in *forgotPasswordInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.required("username", in.Username, username)
	v.optional("secretHash", in.SecretHash, secretHash)
}

type forgotPasswordOutput struct {
	CodeDeliveryDetails codeDeliveryDetailsType
}

func (a *API) forgotPassword(ctx context.Context, c userpool.Caller, in *forgotPasswordInput) (*forgotPasswordOutput, error) {
	d, err := a.service.ForgotPassword(ctx, userpool.ForgotPasswordRequest{
		Caller:         c,
		ClientID:       userpool.ClientID(value(in.ClientId)),
		SecretHash:     value(in.SecretHash),
		Username:       value(in.Username),
		ClientMetadata: in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return &forgotPasswordOutput{CodeDeliveryDetails: deliveryOut(d)}, nil
}

type confirmForgotPasswordInput struct {
	ClientId          *string
	SecretHash        *string
	Username          *string
	ConfirmationCode  *string
	Password          *string
	ClientMetadata    textMap
	AnalyticsMetadata *analyticsMetadataType
	UserContextData   *userContextDataType
}

func (in *confirmForgotPasswordInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.required("username", in.Username, username)
	v.required("confirmationCode", in.ConfirmationCode, confirmationCode)
	v.required("password", in.Password, password)
	v.optional("secretHash", in.SecretHash, secretHash)
}

func (a *API) confirmForgotPassword(ctx context.Context, c userpool.Caller, in *confirmForgotPasswordInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.ConfirmForgotPassword(ctx, userpool.ConfirmForgotPasswordRequest{
		Caller:     c,
		ClientID:   userpool.ClientID(value(in.ClientId)),
		SecretHash: value(in.SecretHash),
		Username:   value(in.Username),
		Code:       value(in.ConfirmationCode),
		Password:   value(in.Password),

		ClientMetadata: in.ClientMetadata,
	})
}

type adminResetUserPasswordInput struct {
	UserPoolId     *string
	Username       *string
	ClientMetadata textMap
}

func (in *adminResetUserPasswordInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
}

func (a *API) adminResetUserPassword(ctx context.Context, c userpool.Caller, in *adminResetUserPasswordInput) (*emptyAnswer, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	return &emptyAnswer{}, a.service.AdminResetUserPassword(ctx, c, pool, value(in.Username), in.ClientMetadata)
}

func (a *API) adminUserGlobalSignOut(ctx context.Context, _ userpool.Caller, in *adminUserInput) (*emptyAnswer, error) {
	pool, name := in.user()
	return &emptyAnswer{}, a.service.AdminUserGlobalSignOut(ctx, pool, name)
}
