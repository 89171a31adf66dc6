package trigger

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxErrorMessage is how much of a function's error message is kept, in bytes. It
// is meant for a person, and all of it goes to the app.
const maxErrorMessage = 4 << 10

// ReadFailure takes a function's error out of what it answered when it failed: an
// object with errorMessage and errorType, as every runtime of Lambda writes one. It
// says false where there is no errorMessage; the error then has what could be read.
func ReadFailure(payload []byte) (*FunctionError, bool) {
	var said struct {
		Message json.RawMessage `json:"errorMessage"`
		Type    json.RawMessage `json:"errorType"`
	}
	lenient := []strict.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if err := strict.Unmarshal(payload, &said, lenient...); err != nil {
		return &FunctionError{}, false
	}
	message, ok := text(said.Message)
	kind, _ := text(said.Type)
	return &FunctionError{Type: cut(kind), Message: cut(message)}, ok
}

func text(raw json.RawMessage) (string, bool) {
	var s *string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// cut shortens a text to what is kept of it, at the end of a character.
func cut(s string) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) <= maxErrorMessage {
		return s
	}
	end := maxErrorMessage
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

type invocationKey struct{}

// WithInvocation gives the tries of one call the id that all of them carry, so
// that a function that can see it knows a second try from a second call.
func WithInvocation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, invocationKey{}, id)
}

// Invocation returns the id of WithInvocation, "" if there is none.
func Invocation(ctx context.Context) string {
	id, _ := ctx.Value(invocationKey{}).(string)
	return id
}
