package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// accessTokenInput is the input of operations that want an access token and no
// more.
type accessTokenInput struct {
	AccessToken *string
}

func (in *accessTokenInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
}

type getUserOutput struct {
	Username       string
	UserAttributes []attributeType
	mfaShown
}

func (a *API) getUser(ctx context.Context, _ userpool.Caller, in *accessTokenInput) (*getUserOutput, error) {
	u, err := a.service.GetUser(ctx, value(in.AccessToken))
	if err != nil {
		return nil, err
	}
	return &getUserOutput{Username: u.Username, UserAttributes: attributesOut(u.Attributes), mfaShown: mfaShownOf(u)}, nil
}

type updateUserAttributesInput struct {
	AccessToken    *string
	UserAttributes []attributeType
	ClientMetadata textMap
}

func (in *updateUserAttributesInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.present("userAttributes", in.UserAttributes != nil)
	v.attributes("userAttributes", in.UserAttributes)
}

type updateUserAttributesOutput struct {
	CodeDeliveryDetailsList []codeDeliveryDetailsType
}

func (a *API) updateUserAttributes(ctx context.Context, c userpool.Caller, in *updateUserAttributesInput) (*updateUserAttributesOutput, error) {
	sent, err := a.service.UpdateUserAttributes(ctx, c, value(in.AccessToken), attributesIn(in.UserAttributes), in.ClientMetadata)
	if err != nil {
		return nil, err
	}
	out := &updateUserAttributesOutput{}
	for _, d := range sent {
		out.CodeDeliveryDetailsList = append(out.CodeDeliveryDetailsList, deliveryOut(d))
	}
	return out, nil
}

func (a *API) deleteUser(ctx context.Context, _ userpool.Caller, in *accessTokenInput) (*noBody, error) {
	return &noBody{}, a.service.DeleteUser(ctx, value(in.AccessToken))
}

func (a *API) globalSignOut(ctx context.Context, _ userpool.Caller, in *accessTokenInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.GlobalSignOut(ctx, value(in.AccessToken))
}
