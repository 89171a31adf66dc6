package cognito

import (
	"context"
	"reflect"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// What follows is this face without its wire, for tools that stand beside the store:
// the API has no member for the id of what it makes, and pools and clients that come
// from elsewhere keep theirs.

// PoolOf reads CreateUserPool's members, a JSON object, into a pool to make under the
// id, "" for one of its own. What the API would refuse it refuses in the same words.
func PoolOf(id userpool.PoolID, members []byte) (userpool.NewPool, error) {
	in := new(createUserPoolInput)
	if err := read(members, in); err != nil {
		return userpool.NewPool{}, err
	}
	if err := in.unsupported(); err != nil {
		return userpool.NewPool{}, err
	}
	settings, err := in.settings()
	if err != nil {
		return userpool.NewPool{}, err
	}
	p := userpool.NewPool{ID: id, Name: value(in.PoolName), Settings: settings, MFA: value(in.MfaConfiguration)}
	return p, p.Check()
}

// ClientOf is PoolOf for CreateUserPoolClient. The members name the pool.
func ClientOf(id userpool.ClientID, members []byte) (userpool.NewClient, error) {
	in := new(createUserPoolClientInput)
	if err := read(members, in); err != nil {
		return userpool.NewClient{}, err
	}
	if err := in.checkOAuth(in.GenerateSecret || in.ClientSecret != nil); err != nil {
		return userpool.NewClient{}, err
	}
	settings, err := in.settings()
	if err != nil {
		return userpool.NewClient{}, err
	}
	return userpool.NewClient{
		ID: id, PoolID: userpool.PoolID(value(in.UserPoolId)), Name: value(in.ClientName),
		GenerateSecret: in.GenerateSecret, Secret: value(in.ClientSecret), Settings: settings,
	}, nil
}

// ShownPool is what DescribeUserPool would say of a pool that was made so, as a JSON
// object.
func ShownPool(p userpool.NewPool) ([]byte, error) {
	out, err := poolOut(userpool.Pool{ID: p.ID, Name: p.Name, Settings: p.Settings})
	if err != nil {
		return nil, err
	}
	return encode(out)
}

// ShownClient is ShownPool for DescribeUserPoolClient; a secret is left out.
func ShownClient(c userpool.NewClient) ([]byte, error) {
	out, err := clientOut(userpool.ClientView{Client: userpool.Client{ID: c.ID, PoolID: c.PoolID, Name: c.Name, Settings: c.Settings}})
	if err != nil {
		return nil, err
	}
	return encode(out)
}

// read decodes and validates a request as op does.
func read[In any, P request[In]](body []byte, in P) error {
	if err := decode(body, shapeOf(reflect.TypeFor[In]()), in); err != nil {
		return err
	}
	var v violations
	in.validate(&v)
	return v.err()
}

// Run serves a request without a wire, for whoever has the store itself: no signature
// is asked, and the entry in the audit trail is the caller's to begin.
func (a *API) Run(ctx context.Context, name string, body []byte) ([]byte, error) {
	o, ok := a.operations[name]
	switch {
	case !ok:
		return nil, errUnknownOperation
	case o.serve == nil:
		return nil, notServed(o)
	}
	return o.serve(ctx, userpool.Caller{}, nil, body)
}

// MFAOf is PoolOf for SetUserPoolMfaConfig, of the pool that the members name.
func MFAOf(members []byte) (userpool.PoolMFA, error) {
	in := new(setUserPoolMfaConfigInput)
	if err := read(members, in); err != nil {
		return userpool.PoolMFA{}, err
	}
	return in.settings()
}
