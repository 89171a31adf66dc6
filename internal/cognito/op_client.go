package cognito

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// createUserPoolClientInput has, besides clientMembers, what makes a secret.
type createUserPoolClientInput struct {
	GenerateSecret bool
	ClientSecret   *string
	clientMembers
}

// clientMembers are what a client is made with and what an update replaces; what
// is only given back is clientEcho.
type clientMembers struct {
	UserPoolId                               *string
	ClientName                               *string
	PreventUserExistenceErrors               *string
	EnableTokenRevocation                    *bool
	EnablePropagateAdditionalUserContextData *bool
	AuthSessionValidity                      *int32
	ExplicitAuthFlows                        textList
	ReadAttributes                           textList
	WriteAttributes                          textList
	clientEcho
}

// clientEcho is the members of an app client that are given back as sent. The
// validities and the rotation are among them though Bellhop acts on them, for
// their units and a DISABLED are told back. An empty list is as good as none.
type clientEcho struct {
	RefreshTokenValidity            *int32                      `json:",omitzero"`
	AccessTokenValidity             *int32                      `json:",omitzero"`
	IdTokenValidity                 *int32                      `json:",omitzero"`
	TokenValidityUnits              *tokenValidityUnitsType     `json:",omitzero"`
	RefreshTokenRotation            *refreshTokenRotationType   `json:",omitzero"`
	SupportedIdentityProviders      textList                    `json:",omitempty"`
	CallbackURLs                    textList                    `json:",omitempty"`
	LogoutURLs                      textList                    `json:",omitempty"`
	DefaultRedirectURI              *string                     `json:",omitzero"`
	AllowedOAuthFlows               textList                    `json:",omitempty"`
	AllowedOAuthScopes              textList                    `json:",omitempty"`
	AllowedOAuthFlowsUserPoolClient bool                        `json:",omitzero"`
	AnalyticsConfiguration          *analyticsConfigurationType `json:",omitzero"`
}

type tokenValidityUnitsType struct {
	AccessToken  *string `json:",omitzero"`
	IdToken      *string `json:",omitzero"`
	RefreshToken *string `json:",omitzero"`
}

type refreshTokenRotationType struct {
	Feature                 *string
	RetryGracePeriodSeconds *int32 `json:",omitzero"`
}

type analyticsConfigurationType struct {
	ApplicationId  *string `json:",omitzero"`
	ApplicationArn *string `json:",omitzero"`
	RoleArn        *string `json:",omitzero"`
	ExternalId     *string `json:",omitzero"`
	UserDataShared bool    `json:",omitzero"`
}

func (in *createUserPoolClientInput) validate(v *violations) {
	v.required("clientName", in.ClientName, resourceName)
	v.optional("clientSecret", in.ClientSecret, clientSecret)
	in.clientMembers.validate(v)
}

func (in *clientMembers) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.optional("preventUserExistenceErrors", in.PreventUserExistenceErrors, existenceErrors)
	v.between("authSessionValidity", in.AuthSessionValidity, 3, 15)
	v.each("explicitAuthFlows", in.ExplicitAuthFlows, explicitAuthFlow)
	v.each("readAttributes", in.ReadAttributes, attributeListed)
	v.each("writeAttributes", in.WriteAttributes, attributeListed)
	in.clientEcho.validate(v)
}

func (e *clientEcho) validate(v *violations) {
	v.between("refreshTokenValidity", e.RefreshTokenValidity, 0, 315360000)
	v.between("accessTokenValidity", e.AccessTokenValidity, 1, 86400)
	v.between("idTokenValidity", e.IdTokenValidity, 1, 86400)
	if u := e.TokenValidityUnits; u != nil {
		v.optional("tokenValidityUnits.accessToken", u.AccessToken, timeUnit)
		v.optional("tokenValidityUnits.idToken", u.IdToken, timeUnit)
		v.optional("tokenValidityUnits.refreshToken", u.RefreshToken, timeUnit)
	}
	if r := e.RefreshTokenRotation; r != nil {
		v.required("refreshTokenRotation.feature", r.Feature, enabledOrNot)
		v.between("refreshTokenRotation.retryGracePeriodSeconds", r.RetryGracePeriodSeconds, 0, 60)
	}
	v.each("supportedIdentityProviders", e.SupportedIdentityProviders, providerName)
	v.length("callbackURLs", len(e.CallbackURLs), 0, 100)
	v.each("callbackURLs", e.CallbackURLs, redirectURL)
	v.length("logoutURLs", len(e.LogoutURLs), 0, 100)
	v.each("logoutURLs", e.LogoutURLs, redirectURL)
	v.optional("defaultRedirectURI", e.DefaultRedirectURI, redirectURL)
	v.length("allowedOAuthFlows", len(e.AllowedOAuthFlows), 0, 3)
	v.each("allowedOAuthFlows", e.AllowedOAuthFlows, oauthFlow)
	v.length("allowedOAuthScopes", len(e.AllowedOAuthScopes), 0, 50)
	v.each("allowedOAuthScopes", e.AllowedOAuthScopes, scopeName)
	if c := e.AnalyticsConfiguration; c != nil {
		v.optional("analyticsConfiguration.applicationId", c.ApplicationId, applicationID)
		v.optional("analyticsConfiguration.applicationArn", c.ApplicationArn, resourceARN)
		v.optional("analyticsConfiguration.roleArn", c.RoleArn, resourceARN)
	}
}

// unit is how long one of a token's units is: hours for the short-lived tokens
// and days for the refresh token, unless the client says otherwise.
func unit(named *string, otherwise time.Duration) time.Duration {
	switch value(named) {
	case "seconds":
		return time.Second
	case "minutes":
		return time.Minute
	case "hours":
		return time.Hour
	case "days":
		return 24 * time.Hour
	}
	return otherwise
}

// lifetime is a validity in its unit, zero where none was given. What is too
// long for a duration is the longest one, which the domain refuses.
func lifetime(n *int32, unit time.Duration) time.Duration {
	if v := time.Duration(value(n)); v <= math.MaxInt64/unit {
		return v * unit
	}
	return math.MaxInt64
}

func (in *clientMembers) settings() (userpool.ClientSettings, error) {
	s := userpool.ClientSettings{
		ExplicitAuthFlows:  in.ExplicitAuthFlows,
		PreventExistence:   value(in.PreventUserExistenceErrors) == "ENABLED",
		NoRevocation:       !orDefault(in.EnableTokenRevocation, true),
		PropagateContext:   value(in.EnablePropagateAdditionalUserContextData),
		ReadAttributes:     in.ReadAttributes,
		WriteAttributes:    in.WriteAttributes,
		AuthSessionMinutes: int(value(in.AuthSessionValidity)),
	}
	if r := in.RefreshTokenRotation; r != nil {
		s.Rotation = value(r.Feature) == "ENABLED"
		s.RotationGrace = time.Duration(value(r.RetryGracePeriodSeconds)) * time.Second
	}
	units := value(in.TokenValidityUnits)
	s.AccessTokenTTL = lifetime(in.AccessTokenValidity, unit(units.AccessToken, time.Hour))
	s.IDTokenTTL = lifetime(in.IdTokenValidity, unit(units.IdToken, time.Hour))
	s.RefreshTokenTTL = lifetime(in.RefreshTokenValidity, unit(units.RefreshToken, 24*time.Hour))
	echo, err := membersOf(&in.clientEcho)
	if err != nil {
		return s, fmt.Errorf("keep client settings: %w", err)
	}
	s.Echo = echo
	return s, nil
}

// userPoolClientType is an app client as the service shows it. The attribute
// lists are left out while they are unset, since unset means all.
type userPoolClientType struct {
	UserPoolId                               string
	ClientId                                 string
	ClientName                               string
	ClientSecret                             string `json:",omitzero"`
	CreationDate                             epoch
	LastModifiedDate                         epoch
	PreventUserExistenceErrors               string
	EnableTokenRevocation                    bool
	EnablePropagateAdditionalUserContextData bool
	AuthSessionValidity                      int32
	ExplicitAuthFlows                        []string `json:",omitzero"`
	ReadAttributes                           []string `json:",omitzero"`
	WriteAttributes                          []string `json:",omitzero"`
	clientEchoOut
}

// clientEchoOut is clientEcho with the members that the service always shows.
type clientEchoOut struct {
	RefreshTokenValidity            int32
	AccessTokenValidity             *int32 `json:",omitzero"`
	IdTokenValidity                 *int32 `json:",omitzero"`
	TokenValidityUnits              tokenValidityUnitsType
	RefreshTokenRotation            *refreshTokenRotationType `json:",omitzero"`
	SupportedIdentityProviders      []string                  `json:",omitzero"`
	CallbackURLs                    []string                  `json:",omitzero"`
	LogoutURLs                      []string                  `json:",omitzero"`
	DefaultRedirectURI              *string                   `json:",omitzero"`
	AllowedOAuthFlows               []string                  `json:",omitzero"`
	AllowedOAuthScopes              []string                  `json:",omitzero"`
	AllowedOAuthFlowsUserPoolClient bool
	AnalyticsConfiguration          *analyticsConfigurationType `json:",omitzero"`
}

func clientOut(c userpool.ClientView) (*userPoolClientType, error) {
	s := c.Settings
	out := &userPoolClientType{
		UserPoolId: string(c.PoolID), ClientId: string(c.ID), ClientName: c.Name, ClientSecret: c.Secret,
		CreationDate: epoch(c.CreatedAt), LastModifiedDate: epoch(c.ModifiedAt),
		PreventUserExistenceErrors:               "LEGACY",
		EnableTokenRevocation:                    !s.NoRevocation,
		EnablePropagateAdditionalUserContextData: s.PropagateContext,
		AuthSessionValidity:                      3,
		ExplicitAuthFlows:                        s.ExplicitAuthFlows,
		ReadAttributes:                           s.ReadAttributes,
		WriteAttributes:                          s.WriteAttributes,
		clientEchoOut:                            clientEchoOut{RefreshTokenValidity: 30},
	}
	if s.PreventExistence {
		out.PreventUserExistenceErrors = "ENABLED"
	}
	if s.AuthSessionMinutes > 0 {
		out.AuthSessionValidity = int32(s.AuthSessionMinutes)
	}
	if err := restoreClient(s.Echo, &out.clientEchoOut); err != nil {
		return nil, fmt.Errorf("show client %s: %w", c.ID, err)
	}
	if s.Rotation && out.RefreshTokenRotation == nil { // made without this face
		out.RefreshTokenRotation = &refreshTokenRotationType{
			Feature: new("ENABLED"), RetryGracePeriodSeconds: new(int32(s.RotationGrace / time.Second)),
		}
	}
	return out, nil
}

func restoreClient(kept map[string]stdjson.RawMessage, out *clientEchoOut) error {
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return err
	}
	if out.RefreshTokenValidity == 0 { // the service reads 0 as its default
		out.RefreshTokenValidity = 30
	}
	return nil
}

type createUserPoolClientOutput struct {
	UserPoolClient *userPoolClientType
}

func (a *API) createUserPoolClient(ctx context.Context, _ userpool.Caller, in *createUserPoolClientInput) (*createUserPoolClientOutput, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	// An unknown pool is refused as such whatever else is wrong: its name is a
	// stranger's text, which noteSubject would let into the log.
	if _, err := a.service.DescribeUserPool(ctx, pool); err != nil {
		return nil, err
	}
	if err := in.checkOAuth(in.GenerateSecret || in.ClientSecret != nil); err != nil {
		return nil, err
	}
	settings, err := in.settings()
	if err != nil {
		return nil, err
	}
	c, err := a.service.CreateUserPoolClient(ctx, userpool.NewClient{
		PoolID:         pool,
		Name:           value(in.ClientName),
		GenerateSecret: in.GenerateSecret,
		Secret:         value(in.ClientSecret),
		Settings:       settings,
	})
	if err != nil {
		return nil, err
	}
	out, err := clientOut(c)
	return &createUserPoolClientOutput{UserPoolClient: out}, err
}

// userPoolClientInput is the input of operations that name an app client and no
// more.
type userPoolClientInput struct {
	UserPoolId *string
	ClientId   *string
}

func (in *userPoolClientInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("clientId", in.ClientId, clientID)
}

func (in *userPoolClientInput) client() (userpool.PoolID, userpool.ClientID) {
	return userpool.PoolID(value(in.UserPoolId)), userpool.ClientID(value(in.ClientId))
}

type describeUserPoolClientOutput struct {
	UserPoolClient *userPoolClientType
}

func (a *API) describeUserPoolClient(ctx context.Context, _ userpool.Caller, in *userPoolClientInput) (*describeUserPoolClientOutput, error) {
	pool, id := in.client()
	c, err := a.service.DescribeUserPoolClient(ctx, pool, id)
	if err != nil {
		return nil, err
	}
	out, err := clientOut(c)
	return &describeUserPoolClientOutput{UserPoolClient: out}, err
}

type updateUserPoolClientInput struct {
	ClientId *string
	clientMembers
}

func (in *updateUserPoolClientInput) validate(v *violations) {
	v.required("clientId", in.ClientId, clientID)
	v.optional("clientName", in.ClientName, resourceName)
	in.clientMembers.validate(v)
}

type updateUserPoolClientOutput struct {
	UserPoolClient *userPoolClientType
}

func (a *API) updateUserPoolClient(ctx context.Context, _ userpool.Caller, in *updateUserPoolClientInput) (*updateUserPoolClientOutput, error) {
	pool, id := userpool.PoolID(value(in.UserPoolId)), userpool.ClientID(value(in.ClientId))
	// An unknown pool or client is refused as such whatever else is wrong, as in
	// createUserPoolClient.
	have, err := a.service.DescribeUserPoolClient(ctx, pool, id)
	if err != nil {
		return nil, err
	}
	if err := in.checkOAuth(have.Secret != ""); err != nil {
		return nil, err
	}
	settings, err := in.settings()
	if err != nil {
		return nil, err
	}
	c, err := a.service.UpdateUserPoolClient(ctx, userpool.ClientUpdate{PoolID: pool, ID: id, Name: value(in.ClientName), Settings: settings})
	if err != nil {
		return nil, err
	}
	out, err := clientOut(c)
	return &updateUserPoolClientOutput{UserPoolClient: out}, err
}

func (a *API) deleteUserPoolClient(ctx context.Context, _ userpool.Caller, in *userPoolClientInput) (*noBody, error) {
	pool, id := in.client()
	return &noBody{}, a.service.DeleteUserPoolClient(ctx, pool, id)
}

type listUserPoolClientsInput struct {
	UserPoolId *string
	MaxResults *int32
	NextToken  *string
}

func (in *listUserPoolClientsInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.page(in.MaxResults, in.NextToken)
}

type userPoolClientDescription struct {
	ClientId   string
	UserPoolId string
	ClientName string
}

type listUserPoolClientsOutput struct {
	UserPoolClients []userPoolClientDescription
	NextToken       string `json:",omitzero"`
}

func (a *API) listUserPoolClients(ctx context.Context, _ userpool.Caller, in *listUserPoolClientsInput) (*listUserPoolClientsOutput, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	clients, next, err := a.service.ListUserPoolClients(ctx, pool, int(orDefault(in.MaxResults, userpool.MaxPage)), value(in.NextToken))
	if err != nil {
		return nil, err
	}
	out := &listUserPoolClientsOutput{UserPoolClients: make([]userPoolClientDescription, len(clients)), NextToken: next}
	for i, c := range clients {
		out.UserPoolClients[i] = userPoolClientDescription{ClientId: string(c.ID), UserPoolId: string(c.PoolID), ClientName: c.Name}
	}
	return out, nil
}
