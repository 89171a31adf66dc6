package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// authenticationResultType holds the tokens of a finished sign-in. ExpiresIn is
// the access token's, in seconds.
type authenticationResultType struct {
	AccessToken  string
	IdToken      string
	RefreshToken string `json:",omitzero"`
	ExpiresIn    int
	TokenType    string

	NewDeviceMetadata *newDeviceMetadataType `json:",omitzero"`
}

// newDeviceMetadataType names a device that signs in for the first time.
type newDeviceMetadataType struct {
	DeviceKey      string
	DeviceGroupKey string
}

func tokensOut(t *userpool.Tokens) *authenticationResultType {
	if t == nil {
		return nil
	}
	out := &authenticationResultType{
		AccessToken: t.Access, IdToken: t.ID, RefreshToken: t.Refresh,
		ExpiresIn: t.ExpiresIn, TokenType: "Bearer",
	}
	if d := t.NewDevice; d != nil {
		out.NewDeviceMetadata = &newDeviceMetadataType{DeviceKey: d.Key, DeviceGroupKey: d.Group}
	}
	return out
}

type initiateAuthInput struct {
	ClientId          *string
	AuthFlow          *string
	AuthParameters    textMap
	Session           *string
	ClientMetadata    textMap
	AnalyticsMetadata *analyticsMetadataType
	UserContextData   *userContextDataType
}

func (in *initiateAuthInput) validate(v *violations) {
	v.required("authFlow", in.AuthFlow, authFlow)
	v.required("clientId", in.ClientId, clientID)
	v.optional("session", in.Session, session)
}

// initiateAuthOutput always has ChallengeParameters, as the service's does:
// clients read USERNAME in it without looking whether it is there.
type initiateAuthOutput struct {
	AuthenticationResult *authenticationResultType `json:",omitzero"`
	ChallengeName        string                    `json:",omitzero"`
	Session              string                    `json:",omitzero"`
	ChallengeParameters  textMap
	AvailableChallenges  []string `json:",omitzero"`
}

func (a *API) initiateAuth(ctx context.Context, c userpool.Caller, in *initiateAuthInput) (*initiateAuthOutput, error) {
	res, err := a.service.InitiateAuth(ctx, userpool.AuthRequest{
		Caller:         c,
		ClientID:       userpool.ClientID(value(in.ClientId)),
		Flow:           value(in.AuthFlow),
		Parameters:     in.AuthParameters,
		Session:        value(in.Session),
		ClientMetadata: in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return initiated(res), nil
}

func initiated(res userpool.AuthResult) *initiateAuthOutput {
	return &initiateAuthOutput{
		AuthenticationResult: tokensOut(res.Tokens),
		ChallengeName:        res.Challenge,
		Session:              res.Session,
		ChallengeParameters:  res.Parameters,
		AvailableChallenges:  res.Available,
	}
}

type respondToAuthChallengeInput struct {
	ClientId           *string
	ChallengeName      *string
	Session            *string
	ChallengeResponses textMap
	ClientMetadata     textMap
	AnalyticsMetadata  *analyticsMetadataType
	UserContextData    *userContextDataType
}

func (in *respondToAuthChallengeInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.required("challengeName", in.ChallengeName, challengeName)
	v.optional("session", in.Session, session)
}

type respondToAuthChallengeOutput struct {
	AuthenticationResult *authenticationResultType `json:",omitzero"`
	ChallengeName        string                    `json:",omitzero"`
	Session              string                    `json:",omitzero"`
	ChallengeParameters  textMap
}

func (a *API) respondToAuthChallenge(ctx context.Context, c userpool.Caller, in *respondToAuthChallengeInput) (*respondToAuthChallengeOutput, error) {
	res, err := a.service.RespondToAuthChallenge(ctx, userpool.AnswerRequest{
		Caller:         c,
		ClientID:       userpool.ClientID(value(in.ClientId)),
		Challenge:      value(in.ChallengeName),
		Session:        value(in.Session),
		Responses:      in.ChallengeResponses,
		ClientMetadata: in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return responded(res), nil
}

func responded(res userpool.AuthResult) *respondToAuthChallengeOutput {
	return &respondToAuthChallengeOutput{
		AuthenticationResult: tokensOut(res.Tokens),
		ChallengeName:        res.Challenge,
		Session:              res.Session,
		ChallengeParameters:  res.Parameters,
	}
}

type getTokensFromRefreshTokenInput struct {
	ClientId       *string
	ClientSecret   *string
	RefreshToken   *string
	DeviceKey      *string
	ClientMetadata textMap
}

func (in *getTokensFromRefreshTokenInput) validate(v *violations) {
	v.required("refreshToken", in.RefreshToken, jwtOrHandle)
	v.required("clientId", in.ClientId, clientID)
	v.optional("clientSecret", in.ClientSecret, clientSecret)
	v.optional("deviceKey", in.DeviceKey, deviceKey)
}

type getTokensFromRefreshTokenOutput struct {
	AuthenticationResult *authenticationResultType
}

func (a *API) getTokensFromRefreshToken(ctx context.Context, c userpool.Caller, in *getTokensFromRefreshTokenInput) (*getTokensFromRefreshTokenOutput, error) {
	c.Device = value(in.DeviceKey)
	tokens, err := a.service.GetTokensFromRefreshToken(ctx, userpool.RefreshRequest{
		Caller:         c,
		ClientID:       userpool.ClientID(value(in.ClientId)),
		ClientSecret:   value(in.ClientSecret),
		RefreshToken:   value(in.RefreshToken),
		ClientMetadata: in.ClientMetadata,
	})
	if err != nil {
		return nil, err
	}
	return &getTokensFromRefreshTokenOutput{AuthenticationResult: tokensOut(&tokens)}, nil
}

type revokeTokenInput struct {
	ClientId     *string
	ClientSecret *string
	Token        *string
}

func (in *revokeTokenInput) validate(v *violations) {
	v.required("token", in.Token, jwtOrHandle)
	v.required("clientId", in.ClientId, clientID)
	v.optional("clientSecret", in.ClientSecret, clientSecret)
}

func (a *API) revokeToken(ctx context.Context, _ userpool.Caller, in *revokeTokenInput) (*emptyAnswer, error) {
	err := a.service.RevokeToken(ctx, userpool.RevokeRequest{
		ClientID:     userpool.ClientID(value(in.ClientId)),
		ClientSecret: value(in.ClientSecret),
		Token:        value(in.Token),
	})
	return &emptyAnswer{}, err
}
