package cognito

import (
	"context"
	"reflect"

	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// What the audit trail learns from the wire. All else the domain sees by itself.

// entryOf is the audit entry of a call of the operation. What the caller uses is
// told of authentication events alone.
func entryOf(o operation, event *web.Event, userAgent string) userpool.Call {
	c := userpool.Call{Operation: o.name, Address: event.Remote, RequestID: event.RequestID}
	if userpool.AuthEventType(o.name) != "" {
		c.Device = clientName(userAgent)
	}
	if o.who == accessToken {
		c.Kind = userpool.ActorUser
	}
	return c
}

// noteRequest tells the audit trail the sign-in name that a request gives, the
// flow that it starts and the challenge that it answers. The request's shape has
// been checked, so that the two are words of the service model.
func noteRequest(ctx context.Context, in any) {
	v := reflect.ValueOf(in).Elem()
	name := value(member(v, "Username"))
	for _, parameters := range []string{"AuthParameters", "ChallengeResponses"} {
		if name == "" {
			name = mapMember(v, parameters)["USERNAME"]
		}
	}
	userpool.Named(ctx, name)
	if flow := value(member(v, "AuthFlow")); flow != "" {
		userpool.Note(ctx, "flow", flow)
	}
	if challenge := value(member(v, "ChallengeName")); challenge != "" {
		userpool.Note(ctx, "answered", challenge)
	}
}

// mapMember is the map of a member of that name, nil if it is absent.
func mapMember(v reflect.Value, name string) textMap {
	f := v.FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	m, _ := f.Interface().(textMap)
	return m
}
