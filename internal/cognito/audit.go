package cognito

import (
	"context"
	"reflect"

	"github.com/bellhop-auth/bellhop/internal/userpool"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// What the audit trail learns from the wire. All else the domain sees by itself.

// entryOf is the audit entry of a call of the operation.
func entryOf(o operation, event *web.Event) userpool.Call {
	c := userpool.Call{Operation: o.name, Address: event.Remote, RequestID: event.RequestID}
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
	name := textMember(v, "Username")
	for _, parameters := range []string{"AuthParameters", "ChallengeResponses"} {
		if m, ok := member(v, parameters).(textMap); ok && name == "" {
			name = m["USERNAME"]
		}
	}
	userpool.Named(ctx, name)
	if flow := textMember(v, "AuthFlow"); flow != "" {
		userpool.Note(ctx, "flow", flow)
	}
	if challenge := textMember(v, "ChallengeName"); challenge != "" {
		userpool.Note(ctx, "answered", challenge)
	}
}

func textMember(v reflect.Value, name string) string {
	s, _ := member(v, name).(*string)
	return value(s)
}

func member(v reflect.Value, name string) any {
	if f := v.FieldByName(name); f.IsValid() {
		return f.Interface()
	}
	return nil
}
