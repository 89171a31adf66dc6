package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

type signUpInput struct {
	ClientId          *string
	SecretHash        *string
	Username          *string
	Password          *string
	UserAttributes    []attributeType
	ValidationData    []attributeType
	ClientMetadata    textMap
	AnalyticsMetadata *analyticsMetadataType
	UserContextData   *userContextDataType
}

func (in *signUpInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.required("username", in.Username, username)
	v.optional("password", in.Password, optionalPassword)
	v.optional("secretHash", in.SecretHash, secretHash)
	v.attributes("userAttributes", in.UserAttributes)
	v.attributes("validationData", in.ValidationData)
}

type signUpOutput struct {
	UserConfirmed       bool
	UserSub             string
	CodeDeliveryDetails *codeDeliveryDetailsType `json:",omitzero"`
	Session             string                   `json:",omitzero"`
}

func (a *API) signUp(ctx context.Context, c userpool.Caller, in *signUpInput) (*signUpOutput, error) {
	res, err := a.service.SignUp(ctx, userpool.SignUpRequest{
		Caller:     c,
		ClientID:   userpool.ClientID(value(in.ClientId)),
		SecretHash: value(in.SecretHash),
		Username:   value(in.Username),
		Password:   value(in.Password),
		Attributes: attributesIn(in.UserAttributes),

		ValidationData: textsIn(in.ValidationData),
		ClientMetadata: in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	out := &signUpOutput{UserConfirmed: res.Confirmed, UserSub: string(res.Sub), Session: res.Session}
	if res.Delivery != nil {
		out.CodeDeliveryDetails = new(deliveryOut(*res.Delivery))
	}
	return out, nil
}

type confirmSignUpInput struct {
	ClientId           *string
	SecretHash         *string
	Username           *string
	ConfirmationCode   *string
	ForceAliasCreation bool
	Session            *string
	ClientMetadata     textMap
	AnalyticsMetadata  *analyticsMetadataType
	UserContextData    *userContextDataType
}

func (in *confirmSignUpInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.required("username", in.Username, username)
	v.required("confirmationCode", in.ConfirmationCode, confirmationCode)
	v.optional("secretHash", in.SecretHash, secretHash)
	v.optional("session", in.Session, session)
}

type confirmSignUpOutput struct {
	Session string `json:",omitzero"`
}

func (a *API) confirmSignUp(ctx context.Context, c userpool.Caller, in *confirmSignUpInput) (*confirmSignUpOutput, error) {
	session, err := a.service.ConfirmSignUp(ctx, userpool.ConfirmSignUpRequest{
		Caller:             c,
		ClientID:           userpool.ClientID(value(in.ClientId)),
		SecretHash:         value(in.SecretHash),
		Username:           value(in.Username),
		Code:               value(in.ConfirmationCode),
		Session:            value(in.Session),
		ForceAliasCreation: in.ForceAliasCreation,
		ClientMetadata:     in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return &confirmSignUpOutput{Session: session}, nil
}

type resendConfirmationCodeInput struct {
	ClientId          *string
	SecretHash        *string
	Username          *string
	ClientMetadata    textMap
	AnalyticsMetadata *analyticsMetadataType
	UserContextData   *userContextDataType
}

func (in *resendConfirmationCodeInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.required("username", in.Username, username)
	v.optional("secretHash", in.SecretHash, secretHash)
}

type resendConfirmationCodeOutput struct {
	CodeDeliveryDetails codeDeliveryDetailsType
}

func (a *API) resendConfirmationCode(ctx context.Context, c userpool.Caller, in *resendConfirmationCodeInput) (*resendConfirmationCodeOutput, error) {
	d, err := a.service.ResendConfirmationCode(ctx, userpool.ResendRequest{
		Caller:         c,
		ClientID:       userpool.ClientID(value(in.ClientId)),
		SecretHash:     value(in.SecretHash),
		Username:       value(in.Username),
		ClientMetadata: in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return &resendConfirmationCodeOutput{CodeDeliveryDetails: deliveryOut(d)}, nil
}
