package cognito

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/web"
)

// exception is how the wire words a fact.
type exception struct {
	name   string
	status int
}

// exceptions words every kind of fault. Cognito answers 400 for all that it
// models but its own failure (API reference, each operation's Errors).
var exceptions = map[fault.Kind]exception{
	fault.Internal:              {"InternalErrorException", http.StatusInternalServerError},
	fault.Unavailable:           {"ServiceUnavailableException", http.StatusServiceUnavailable},
	fault.InvalidParameter:      {"InvalidParameterException", http.StatusBadRequest},
	fault.NotAuthorized:         {"NotAuthorizedException", http.StatusBadRequest},
	fault.ResourceNotFound:      {"ResourceNotFoundException", http.StatusBadRequest},
	fault.UserNotFound:          {"UserNotFoundException", http.StatusBadRequest},
	fault.UsernameExists:        {"UsernameExistsException", http.StatusBadRequest},
	fault.GroupExists:           {"GroupExistsException", http.StatusBadRequest},
	fault.DeviceKeyExists:       {"DeviceKeyExistsException", http.StatusBadRequest},
	fault.AliasExists:           {"AliasExistsException", http.StatusBadRequest},
	fault.UserNotConfirmed:      {"UserNotConfirmedException", http.StatusBadRequest},
	fault.PasswordResetRequired: {"PasswordResetRequiredException", http.StatusBadRequest},
	fault.CodeMismatch:          {"CodeMismatchException", http.StatusBadRequest},
	fault.ExpiredCode:           {"ExpiredCodeException", http.StatusBadRequest},
	fault.CodeDeliveryFailure:   {"CodeDeliveryFailureException", http.StatusBadRequest},
	fault.InvalidPassword:       {"InvalidPasswordException", http.StatusBadRequest},
	fault.PasswordHistory:       {"PasswordHistoryPolicyViolationException", http.StatusBadRequest},
	fault.LimitExceeded:         {"LimitExceededException", http.StatusBadRequest},
	fault.TooManyRequests:       {"TooManyRequestsException", http.StatusBadRequest},
	// SDKs do not send ForbiddenException again, so a step-up costs one call.
	fault.StepUpRequired:               {"ForbiddenException", http.StatusBadRequest},
	fault.UnsupportedUserState:         {"UnsupportedUserStateException", http.StatusBadRequest},
	fault.RefreshTokenReuse:            {"RefreshTokenReuseException", http.StatusBadRequest},
	fault.UnsupportedTokenType:         {"UnsupportedTokenTypeException", http.StatusBadRequest},
	fault.UnsupportedOperation:         {"UnsupportedOperationException", http.StatusBadRequest},
	fault.Unauthorized:                 {"UnauthorizedException", http.StatusBadRequest},
	fault.UserPoolTagging:              {"UserPoolTaggingException", http.StatusBadRequest},
	fault.Conflict:                     {"ConcurrentModificationException", http.StatusBadRequest},
	fault.InvalidUserPoolConfiguration: {"InvalidUserPoolConfigurationException", http.StatusBadRequest},
	fault.InvalidOAuthFlow:             {"InvalidOAuthFlowException", http.StatusBadRequest},
	fault.ScopeDoesNotExist:            {"ScopeDoesNotExistException", http.StatusBadRequest},

	fault.SoftwareTokenNotFound: {"SoftwareTokenMFANotFoundException", http.StatusBadRequest},
	fault.EnableSoftwareToken:   {"EnableSoftwareTokenMFAException", http.StatusBadRequest},
	fault.UserImportInProgress:  {"UserImportInProgressException", http.StatusBadRequest},
	fault.PreconditionNotMet:    {"PreconditionNotMetException", http.StatusBadRequest},

	fault.UserLambdaValidation:  {"UserLambdaValidationException", http.StatusBadRequest},
	fault.UnexpectedLambda:      {"UnexpectedLambdaException", http.StatusBadRequest},
	fault.InvalidLambdaResponse: {"InvalidLambdaResponseException", http.StatusBadRequest},

	fault.WebAuthnNotEnabled:             {"WebAuthnNotEnabledException", http.StatusBadRequest},
	fault.WebAuthnConfigurationMissing:   {"WebAuthnConfigurationMissingException", http.StatusBadRequest},
	fault.WebAuthnChallengeNotFound:      {"WebAuthnChallengeNotFoundException", http.StatusBadRequest},
	fault.WebAuthnClientMismatch:         {"WebAuthnClientMismatchException", http.StatusBadRequest},
	fault.WebAuthnOriginNotAllowed:       {"WebAuthnOriginNotAllowedException", http.StatusBadRequest},
	fault.WebAuthnRelyingPartyMismatch:   {"WebAuthnRelyingPartyMismatchException", http.StatusBadRequest},
	fault.WebAuthnCredentialNotSupported: {"WebAuthnCredentialNotSupportedException", http.StatusBadRequest},
}

// internalMessage is all that a caller learns of our own failures; the request
// id leads to the rest.
const internalMessage = "An internal error occurred."

// wireError is an error in the wire's own words: what the protocol refuses
// before an operation runs, and what a fault becomes.
type wireError struct {
	exception
	message    string
	retryAfter time.Duration
	cause      error // for the log
}

func (e *wireError) Error() string { return e.name + ": " + e.message }

// AuditReason is how the audit trail calls it: as the kinds of faults are called.
func (e *wireError) AuditReason() string { return strings.TrimSuffix(e.name, "Exception") }

// refusal is an error of the protocol.
func refusal(status int, name, message string) *wireError {
	return &wireError{exception: exception{name, status}, message: message}
}

// worded turns any error into the wire's words. An error that is no fault is
// our own failure, and nothing of its text gets out.
func worded(err error) *wireError {
	if e, ok := errors.AsType[*wireError](err); ok {
		return e
	}
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		f = fault.Wrap(fault.Unavailable, err, "The request was not finished in time, please try again.")
	case !ok || f.Kind == fault.Internal:
		f = fault.Wrap(fault.Internal, err, internalMessage)
	}
	return &wireError{exception: exceptions[f.Kind], message: f.Message, retryAfter: f.RetryAfter, cause: f.Cause}
}

// Exception returns what an error is called on the wire, and what it says there.
func Exception(err error) (name, message string) {
	e := worded(err)
	return e.name, e.message
}

// Refuse writes the error in the API's envelope, whatever it is, and notes it
// in the request's event.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := worded(err)
	event := web.EventOf(r.Context())
	event.Error, event.Cause = e.name, e.cause

	h := w.Header()
	shareWithAll(h)
	h.Set("Content-Type", contentType)
	// The colon at the end is the real service's; clients cut there.
	h.Set("x-amzn-ErrorType", e.name+":")
	h.Set("x-amzn-ErrorMessage", headerSafe(e.message))
	hint(h, e)
	writeBody(w, e.status, envelope(e))
}

// Who is told that the server cannot serve now comes again after this time, or a
// longer one that the fault names, and a random part of the spread, so that those
// who were refused together do not come back together. SDKs wait up to 5 s longer
// than they would by themselves.
const (
	comeBack       = time.Second
	comeBackSpread = 2 * time.Second
)

// hint tells when to come again. Retry-After is in whole seconds, which browsers,
// proxies and the AWS SDK for JavaScript read; x-amz-retry-after in milliseconds,
// which the other AWS SDKs read. The second stands on 503 alone: the SDKs wait
// for it and ask again, which is in vain where a budget is spent for minutes.
func hint(h http.Header, e *wireError) {
	after := e.retryAfter
	if e.status == http.StatusServiceUnavailable {
		// Cut to what the finer header can say, so that both say the same time.
		after = (max(after, comeBack) + rand.N(comeBackSpread)).Truncate(time.Millisecond)
		h.Set("x-amz-retry-after", strconv.FormatInt(after.Milliseconds(), 10))
	}
	if after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
}

func envelope(e *wireError) []byte {
	body, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{e.name, e.message}, jsontext.AllowInvalidUTF8(true))
	if err != nil { // two strings always have a JSON form
		return []byte(`{"__type":"InternalErrorException","message":"` + internalMessage + `"}`)
	}
	return body
}

// maxHeaderMessage is how much of a message is repeated in a header.
const maxHeaderMessage = 512

// headerSafe is the message as a header may carry it: visible ASCII on one
// line. The body has the whole.
func headerSafe(s string) string {
	if len(s) > maxHeaderMessage {
		s = s[:maxHeaderMessage]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, s)
}
