package cognito

import (
	"context"
	"net/netip"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// contextDataType is what a backend tells of whom it signs in. Bellhop uses the
// address; the rest feeds threat protection, of which there is none.
type contextDataType struct {
	IpAddress   *string
	ServerName  *string
	ServerPath  *string
	HttpHeaders []httpHeader
	EncodedData *string
}

// httpHeader has its members in lower case, as the service model has.
type httpHeader struct {
	HeaderName  *string `json:"headerName"`
	HeaderValue *string `json:"headerValue"`
}

func (c *contextDataType) validate(v *violations) {
	if c == nil {
		return
	}
	v.required("contextData.ipAddress", c.IpAddress, rule{})
	v.required("contextData.serverName", c.ServerName, rule{})
	v.required("contextData.serverPath", c.ServerPath, rule{})
	v.present("contextData.httpHeaders", c.HttpHeaders != nil)
}

// of is the caller whom the backend speaks for: the address that it tells, or
// nobody's.
func (c *contextDataType) of(ctx context.Context, backend userpool.Caller) userpool.Caller {
	caller := backend
	if c != nil {
		c.note(ctx)
		if a, err := netip.ParseAddr(value(c.IpAddress)); err == nil {
			caller.Address = a
			return caller
		}
	}
	caller.Backend = true
	return caller
}

// note tells the audit trail whom the backend speaks for.
func (c *contextDataType) note(ctx context.Context) {
	address, _ := netip.ParseAddr(value(c.IpAddress)) // not valid where it is none
	device := ""
	for _, h := range c.HttpHeaders {
		if strings.EqualFold(value(h.HeaderName), "User-Agent") {
			device = clientName(value(h.HeaderValue))
		}
	}
	userpool.For(ctx, address, device)
}

type adminInitiateAuthInput struct {
	UserPoolId        *string
	ClientId          *string
	AuthFlow          *string
	AuthParameters    textMap
	Session           *string
	ClientMetadata    textMap
	AnalyticsMetadata *analyticsMetadataType
	ContextData       *contextDataType
}

func (in *adminInitiateAuthInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("authFlow", in.AuthFlow, authFlow)
	v.required("clientId", in.ClientId, clientID)
	v.optional("session", in.Session, session)
	in.ContextData.validate(v)
}

func (a *API) adminInitiateAuth(ctx context.Context, c userpool.Caller, in *adminInitiateAuthInput) (*initiateAuthOutput, error) {
	res, err := a.service.InitiateAuth(ctx, userpool.AuthRequest{
		Caller:         in.ContextData.of(ctx, c),
		PoolID:         userpool.PoolID(value(in.UserPoolId)),
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

type adminRespondToAuthChallengeInput struct {
	UserPoolId         *string
	ClientId           *string
	ChallengeName      *string
	Session            *string
	ChallengeResponses textMap
	ClientMetadata     textMap
	AnalyticsMetadata  *analyticsMetadataType
	ContextData        *contextDataType
}

func (in *adminRespondToAuthChallengeInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("clientId", in.ClientId, clientID)
	v.required("challengeName", in.ChallengeName, challengeName)
	v.optional("session", in.Session, session)
	in.ContextData.validate(v)
}

func (a *API) adminRespondToAuthChallenge(ctx context.Context, c userpool.Caller, in *adminRespondToAuthChallengeInput) (*respondToAuthChallengeOutput, error) {
	res, err := a.service.RespondToAuthChallenge(ctx, userpool.AnswerRequest{
		Caller:         in.ContextData.of(ctx, c),
		PoolID:         userpool.PoolID(value(in.UserPoolId)),
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
