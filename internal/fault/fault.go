// Package fault holds the one error type that crosses package borders: a kind
// (what is the case), a message that is safe to show, and a cause for the log.
// It does not know how a face words a kind: each face owns a table of its own.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind names a fact. The zero kind is Internal, so that an ordinary error can
// never be taken for something that a caller may be told.
type Kind uint8

// The kinds. Where Amazon Cognito has a name for the fact, it is Cognito's.
const (
	Internal                     Kind = iota // our fault; the message is never shown
	Unavailable                              // overloaded or stopping; the same call may succeed later
	InvalidParameter                         // a value that breaks a rule of shape or of the pool
	NotAuthorized                            // wrong credentials, session, token, or not permitted
	ResourceNotFound                         // unknown pool, client or other configured thing
	UserNotFound                             // no such user, where the caller may know
	UsernameExists                           // sign-up or creation with a taken name
	GroupExists                              // a group of that name is there
	DeviceKeyExists                          // a device that was confirmed before
	AliasExists                              // a sign-in value that another user holds
	UserNotConfirmed                         // the user has not confirmed the sign-up
	PasswordResetRequired                    // an administrator asked for a new password
	CodeMismatch                             // wrong code
	ExpiredCode                              // code expired, used, or never sent
	CodeDeliveryFailure                      // the message cannot be handed to a sender
	InvalidPassword                          // the password breaks the pool's policy
	PasswordHistory                          // the password is one that the user had before
	LimitExceeded                            // a budget of this user or number is spent
	TooManyRequests                          // a budget of an address, prefix or purse is spent
	StepUpRequired                           // more proof is wanted before a text is sent
	UnsupportedUserState                     // the user's status does not allow the operation
	RefreshTokenReuse                        // a rotated refresh token was used after its grace
	UnsupportedTokenType                     // RevokeToken got something else than a refresh token
	UnsupportedOperation                     // the client or this server does not do that
	Unauthorized                             // RevokeToken by another client
	UserPoolTagging                          // tags beyond what a pool may carry
	Conflict                                 // an id that is taken, two writes at once
	InvalidUserPoolConfiguration             // the pool is not set up for what is asked
	InvalidOAuthFlow                         // OAuth flows that a client cannot have together
	ScopeDoesNotExist                        // a client asks for an OAuth scope that nobody knows
	UserLambdaValidation                     // a trigger of the pool says no
	UnexpectedLambda                         // a trigger could not be called, or did not answer in time
	InvalidLambdaResponse                    // a trigger answered what is no answer
	SoftwareTokenNotFound                    // the pool has no authenticator apps
	EnableSoftwareToken                      // the first code of an authenticator app is wrong
	UserImportInProgress                     // users are being imported into the pool
	PreconditionNotMet                       // what must be there first is not

	WebAuthnNotEnabled             // the pool has no passkeys
	WebAuthnConfigurationMissing   // nor a domain that they could be for
	WebAuthnChallengeNotFound      // a passkey's registration was not begun, or is over
	WebAuthnClientMismatch         // it was begun by another app client
	WebAuthnOriginNotAllowed       // another site's page or app used the passkey
	WebAuthnRelyingPartyMismatch   // the passkey is for another domain
	WebAuthnCredentialNotSupported // the passkey, or its authenticator, is none that will do

	kinds // their number
)

// Kinds returns every kind, for tests that walk a face's table.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// names are the kinds as constants of this package are named.
var names = [kinds]string{
	Internal: "Internal", Unavailable: "Unavailable", InvalidParameter: "InvalidParameter",
	NotAuthorized: "NotAuthorized", ResourceNotFound: "ResourceNotFound", UserNotFound: "UserNotFound",
	UsernameExists: "UsernameExists", GroupExists: "GroupExists", DeviceKeyExists: "DeviceKeyExists", PasswordHistory: "PasswordHistory", AliasExists: "AliasExists", UserNotConfirmed: "UserNotConfirmed",
	PasswordResetRequired: "PasswordResetRequired", CodeMismatch: "CodeMismatch", ExpiredCode: "ExpiredCode",
	CodeDeliveryFailure: "CodeDeliveryFailure", InvalidPassword: "InvalidPassword", LimitExceeded: "LimitExceeded",
	TooManyRequests: "TooManyRequests", StepUpRequired: "StepUpRequired", UnsupportedUserState: "UnsupportedUserState",
	RefreshTokenReuse: "RefreshTokenReuse", UnsupportedTokenType: "UnsupportedTokenType",
	UnsupportedOperation: "UnsupportedOperation", Unauthorized: "Unauthorized", UserPoolTagging: "UserPoolTagging",
	Conflict: "Conflict", InvalidOAuthFlow: "InvalidOAuthFlow", ScopeDoesNotExist: "ScopeDoesNotExist",
	UserLambdaValidation: "UserLambdaValidation", UnexpectedLambda: "UnexpectedLambda",
	UserImportInProgress: "UserImportInProgress", PreconditionNotMet: "PreconditionNotMet",
	InvalidLambdaResponse: "InvalidLambdaResponse", InvalidUserPoolConfiguration: "InvalidUserPoolConfiguration",
	WebAuthnNotEnabled: "WebAuthnNotEnabled", WebAuthnConfigurationMissing: "WebAuthnConfigurationMissing",
	WebAuthnChallengeNotFound: "WebAuthnChallengeNotFound", WebAuthnClientMismatch: "WebAuthnClientMismatch",
	WebAuthnOriginNotAllowed: "WebAuthnOriginNotAllowed", WebAuthnRelyingPartyMismatch: "WebAuthnRelyingPartyMismatch",
	WebAuthnCredentialNotSupported: "WebAuthnCredentialNotSupported",
	SoftwareTokenNotFound:          "SoftwareTokenNotFound", EnableSoftwareToken: "EnableSoftwareToken",
}

// String returns the kind's name, for logs and the audit trail.
func (k Kind) String() string {
	if k >= kinds {
		return names[Internal]
	}
	return names[k]
}

// Error is a fault. Message is safe to show to the caller of the API; Cause is
// for the log alone and may be nil.
type Error struct {
	Kind       Kind
	Message    string
	RetryAfter time.Duration // when the same call may succeed; zero if unknown
	Cause      error
}

func (e *Error) Error() string {
	switch {
	case e.Cause == nil:
		return e.Message
	case e.Message == "":
		return e.Cause.Error()
	}
	return strings.TrimSuffix(e.Message, ".") + ": " + e.Cause.Error()
}

func (e *Error) Unwrap() error { return e.Cause }

// New returns a fault of the kind with a message that may be shown.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap is New with a cause, which is logged and never shown.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// After returns a copy of e that tells the caller when to come again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// KindOf returns the kind of the first fault in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is a fault of the kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}
