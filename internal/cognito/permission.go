package cognito

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// permission says whether a request may touch a pool, "" for what belongs to
// none. A nil one, of operations that need no signature, allows every pool.
type permission func(pool userpool.PoolID) error

func (may permission) check(in any) error {
	if may == nil {
		return nil
	}
	return may(poolNamed(in))
}

// admit checks a request's signature, and that the key is in force and may call
// the operation. What it may touch is known when the body has been read, which
// is why that is left to the permission.
func (a *API) admit(r *http.Request, o operation, body []byte, now time.Time) (permission, error) {
	key, err := verifySignature(r, body, now, a.keys)
	if err != nil {
		// The audit trail tells whose key a wrong signature claims, if there is one.
		userpool.By(r.Context(), userpool.ActorAnonymous, key.ID)
		return nil, err
	}
	userpool.By(r.Context(), userpool.ActorAdmin, key.ID)
	a.service.NoteUse(r.Context(), key, now)
	if !key.MayCall(o.name) {
		return nil, accessDenied(key, o.name, "")
	}
	return func(pool userpool.PoolID) error {
		if !key.MayTouch(pool) {
			return accessDenied(key, o.name, pool)
		}
		return nil
	}, nil
}

// accessDenied words what IAM answers for a key without the right. A pool is
// named only if what was sent for one looks like its id.
func accessDenied(key userpool.Credential, operation string, pool userpool.PoolID) error {
	resource := "*"
	if userPoolID.pattern.re.MatchString(string(pool)) {
		resource = poolARN(pool)
	}
	e := refusal(http.StatusBadRequest, "AccessDeniedException", fmt.Sprintf(
		"User: arn:aws:iam::%s:access-key/%s is not authorized to perform: %s:%s on resource: %s",
		account, key.ID, sigService, operation, resource))
	e.cause = fmt.Errorf("access key %s has no right to it on %s", key.ID, resource)
	return e
}

// poolNamed is the pool that a request is about: its UserPoolId, or the one in
// its ResourceArn; "" if it names none.
func poolNamed(in any) userpool.PoolID {
	v := reflect.ValueOf(in).Elem()
	if id := member(v, "UserPoolId"); id != nil {
		return userpool.PoolID(*id)
	}
	pool, err := poolOfARN(member(v, "ResourceArn"))
	if err != nil {
		return "" // which only a key for all pools may touch; it is then told what is wrong
	}
	return pool
}

// member is the text of a member of that name, nil if it is absent.
func member(v reflect.Value, name string) *string {
	f := v.FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	s, _ := f.Interface().(*string)
	return s
}

// readOnly is what the word read-only stands for in a list of operations.
var readOnly = []string{"AdminGet*", "AdminList*", "Describe*", "Get*", "List*"}

// ParseOperations reads a list of operations that an access key is to be
// allowed: names and beginnings with a star, as in IAM's policies with or without
// "cognito-idp:", and read-only. What includes no operation that is signed is
// refused, for it must be a slip.
func ParseOperations(list []string) ([]string, error) {
	var patterns []string
	for _, text := range list {
		if text == "read-only" {
			patterns = append(patterns, readOnly...)
			continue
		}
		pattern := strings.TrimPrefix(text, sigService+":")
		if !includesSigned(pattern) {
			return nil, fmt.Errorf("has %q, which is no operation that is signed, and no beginning of one with a star", text)
		}
		patterns = append(patterns, pattern)
	}
	return patterns, nil
}

func includesSigned(pattern string) bool {
	return slices.ContainsFunc(new(API).table(), func(o operation) bool {
		return o.who == admin && userpool.MatchesOperation(pattern, o.name)
	})
}
