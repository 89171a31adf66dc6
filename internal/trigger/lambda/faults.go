package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/bellhop-auth/bellhop/internal/netcause"
	"github.com/bellhop-auth/bellhop/internal/trigger"
)

// known are the exceptions whose status says too little or the wrong thing, with
// what an operator may be told of each in words of ours. Theirs are not shown: some
// quote the event. (Lambda API reference, Invoke, Errors.)
var known = map[string]struct {
	fault trigger.Fault
	hint  string
}{
	"AccessDeniedException":               {trigger.Misconfigured, "the credentials may not call it (lambda:InvokeFunction)"},
	"ResourceNotFoundException":           {trigger.Misconfigured, "there is no such function, version or alias"},
	"UnrecognizedClientException":         {trigger.Misconfigured, "the access key is not known there"},
	"InvalidSignatureException":           {trigger.Misconfigured, "the secret key is wrong, or a clock is"},
	"ExpiredTokenException":               {trigger.Misconfigured, "the session token has expired"},
	"MissingAuthenticationTokenException": {trigger.Misconfigured, "it asks for a signature"},
	"InvalidParameterValueException":      {trigger.Misconfigured, "it takes the name of no such function"},
	"InvalidRequestContentException":      {trigger.Misconfigured, "it cannot read the event"},
	"RequestTooLargeException":            {trigger.Misconfigured, "the event is too large for it"},
	"UnsupportedMediaTypeException":       {trigger.Misconfigured, "it takes no JSON"},
	"RecursiveInvocationException":        {trigger.Misconfigured, "functions call each other in a circle"},
	"EC2AccessDeniedException":            {trigger.Misconfigured, "its role may not set up its network"},
	"InvalidRuntimeException":             {trigger.Misconfigured, "its runtime is not supported"},
	"InvalidSecurityGroupIDException":     {trigger.Misconfigured, "its security group is none"},
	"InvalidSubnetIDException":            {trigger.Misconfigured, "its subnet is none"},
	"InvalidZipFileException":             {trigger.Misconfigured, "its zip file cannot be opened"},
	"KMSAccessDeniedException":            {trigger.Misconfigured, "its role may not use the key of its environment"},
	"KMSDisabledException":                {trigger.Misconfigured, "the key of its environment is disabled"},
	"KMSInvalidStateException":            {trigger.Misconfigured, "the key of its environment cannot be used"},
	"KMSNotFoundException":                {trigger.Misconfigured, "the key of its environment is gone"},
	"EFSMountFailureException":            {trigger.Misconfigured, "it cannot mount its file system"},

	"TooManyRequestsException": {trigger.Throttled, "too many calls at once"},
	"ThrottlingException":      {trigger.Throttled, "too many calls at once"},
	"EC2ThrottledException":    {trigger.Throttled, "its network is throttled"},

	"ResourceConflictException":            {trigger.Unreachable, "it is being changed"},
	"ResourceNotReadyException":            {trigger.Unreachable, "it is being made"},
	"SnapStartNotReadyException":           {trigger.Unreachable, "it is being started"},
	"SnapStartTimeoutException":            {trigger.Unreachable, "it did not start in time"},
	"EFSIOException":                       {trigger.Unreachable, "its file system failed"},
	"EFSMountConnectivityException":        {trigger.Unreachable, "it does not reach its file system"},
	"EFSMountTimeoutException":             {trigger.Unreachable, "it did not mount its file system in time"},
	"SubnetIPAddressLimitReachedException": {trigger.Unreachable, "its subnet has no address left"},
}

// code is what a name of an exception may look like in a log, whoever answers.
var code = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

// faultOf words what the SDK says of a call. Nothing of the SDK's text stays,
// which holds URLs and what was answered.
func faultOf(ctx context.Context, err error) error {
	api, answered := errors.AsType[smithy.APIError](err)
	status := 0 // where nothing answered
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, errTooLong):
		return &trigger.InvokeError{Fault: trigger.Unreadable, Cause: errTooLong}
	case ctx.Err() != nil, errors.Is(netcause.Of(err), netcause.ErrTimedOut):
		return &trigger.InvokeError{Fault: trigger.TimedOut, Cause: errors.New("no answer of the Invoke API in time")}
	case errors.Is(err, errCredentials):
		return &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: errCredentials}
	case status >= 300 && answered:
		return exception(status, api.ErrorCode())
	case status >= 300:
		return exception(status, "")
	case status > 0:
		return &trigger.InvokeError{Fault: trigger.Unreachable, Cause: errors.New("the answer of the Invoke API broke off")}
	}
	sent, wasSent := errors.AsType[*smithyhttp.RequestSendError](err)
	if !wasSent {
		return &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: errors.New("the request cannot be made: there is no endpoint of the region, or no credentials")}
	}
	cause := netcause.Of(sent)
	if errors.Is(cause, netcause.ErrCertificate) {
		return &trigger.InvokeError{Fault: trigger.Misconfigured, Cause: cause}
	}
	return &trigger.InvokeError{Fault: trigger.Unreachable, Cause: cause}
}

// exception is what a status and the name of an exception come to.
func exception(status int, name string) error {
	if !code.MatchString(name) {
		name = "without an exception"
	}
	if k, ok := known[name]; ok {
		return &trigger.InvokeError{Fault: k.fault, Cause: fmt.Errorf("the Invoke API answered %d %s: %s", status, name, k.hint)}
	}
	fault := trigger.Misconfigured
	switch {
	case status == http.StatusTooManyRequests:
		fault = trigger.Throttled
	case status >= 500, status == http.StatusRequestTimeout:
		fault = trigger.Unreachable
	}
	return &trigger.InvokeError{Fault: fault, Cause: fmt.Errorf("the Invoke API answered %d %s", status, name)}
}
