package awssms

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	eums "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// OnlyThrottled repeats what the service refused for its rate, and nothing that it may
// have taken. It is for those who have nobody else to try again.
func OnlyThrottled() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = 3, 500*time.Millisecond
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}

// Ask makes a call that sends nothing, such as one about the account. Its error may be
// shown to the operator.
func Ask(ctx context.Context, service, operation string, deadline time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	ctx, w := watch(ctx)
	if err := call(ctx); err != nil {
		return failed(service+": "+operation, w, err).Cause
	}
	return nil
}

// ErrCredentials is what a provider of credentials must say in place of its own words,
// which name files and hosts. Without credentials nothing is sent, yet.
var ErrCredentials = errors.New("the AWS SDK finds no credentials")

// wire knows whether anything of a call can have left this machine.
type wire struct{ asked, got atomic.Bool }

// watch has w know of the connections that ctx is used for.
func watch(ctx context.Context) (context.Context, *wire) {
	w := &wire{}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { w.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.got.Store(true) },
	}), w
}

// silent says that there never was a connection to send anything by: no address, no
// listener, no TLS. A transport that does not say when it looks for one may have sent
// it.
func (w *wire) silent() bool { return w.asked.Load() && !w.got.Load() }

// failed is a failed call as it may be logged: services repeat the number in what
// they say.
func failed(service string, w *wire, err error) *sms.SendError {
	api, refused := errors.AsType[smithy.APIError](err)
	response, answered := errors.AsType[*awshttp.ResponseError](err)
	answered = answered && response.HTTPStatusCode() != 0 // without an answer it is one too
	dial, unreached := errors.AsType[*net.OpError](err)
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case answered && refused && plain(api.ErrorCode()):
		status := response.HTTPStatusCode()
		code := api.ErrorCode()
		if reason := reasonOf(api); plain(reason) {
			code += "/" + reason
		}
		return &sms.SendError{
			Outcome: judge(api.ErrorCode(), reasonOf(api), status), Extent: extentOf(api.ErrorCode(), reasonOf(api)), Code: code,
			Cause: fmt.Errorf("%s: %s (status %d, request %s)", service, code, status, response.ServiceRequestID()),
		}
	case answered:
		status := response.HTTPStatusCode()
		return &sms.SendError{Outcome: judge("", "", status), Cause: fmt.Errorf("%s: status %d, and an answer that cannot be read", service, status)}
	case errors.Is(err, ErrCredentials):
		return &sms.SendError{Outcome: sms.NotYet, Extent: sms.ThisAccount, Cause: fmt.Errorf("%s: %w", service, ErrCredentials)}
	case unreached && dial.Op == "dial":
		return &sms.SendError{Outcome: sms.NotYet, Cause: fmt.Errorf("%s: %w", service, dial)}
	case distrusted:
		return &sms.SendError{Outcome: sms.SurelyNotSent, Extent: sms.ThisAccount, Cause: fmt.Errorf("%s: the host's certificate cannot be verified", service)}
	case w.silent():
		return &sms.SendError{Outcome: sms.NotYet, Cause: fmt.Errorf("%s: no connection to it could be made", service)}
	case errors.Is(err, context.DeadlineExceeded):
		return &sms.SendError{Outcome: sms.MaybeSent, Cause: fmt.Errorf("%s: no answer in time", service)}
	}
	return &sms.SendError{Outcome: sms.MaybeSent, Cause: errors.New(service + ": no answer")}
}

// judge says what an answer means for the text. A status of 4xx is the service's, or a
// gateway's before it, saying that it did not do what it was asked to.
//
// A number that AWS takes for an invalid one is not refused for ever: SNS says the same
// of good numbers where the region does not send texts, and other providers reach
// numbers that it calls invalid (github.com/aws/aws-sdk-js/issues/1368 and 1217).
func judge(code, reason string, status int) sms.Outcome {
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case optedOut(code, reason):
		return sms.RefusedForEver
	case throttled, status == http.StatusTooManyRequests:
		return sms.NotYet
	case status == http.StatusRequestTimeout:
		return sms.MaybeSent
	case status >= 400 && status < 500:
		return sms.SurelyNotSent
	default:
		return sms.MaybeSent
	}
}

// optedOut says that the phone's owner, or the operator, wants no texts there.
func optedOut(code, reason string) bool {
	switch eums.ConflictExceptionReason(reason) {
	case eums.ConflictExceptionReasonDestinationPhoneNumberOptedOut,
		eums.ConflictExceptionReasonDestinationPhoneNumberBlockedByProtectNumberOverride:
		return true
	}
	return code == "OptedOut" // sns
}

// reasonOf is what End User Messaging adds to an exception's name, "" for nothing.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*eums.ConflictException](err); ok {
		return string(e.Reason)
	}
	if e, ok := errors.AsType[*eums.ValidationException](err); ok {
		return string(e.Reason)
	}
	if e, ok := errors.AsType[*eums.ServiceQuotaExceededException](err); ok {
		return string(e.Reason)
	}
	if e, ok := errors.AsType[*eums.AccessDeniedException](err); ok {
		return string(e.Reason)
	}
	return ""
}

// unknown is what the SDK says in place of a code that it could not read.
const unknown = "UnknownError"

// plain says that a code looks like one of AWS's, and can hold no number: whatever
// answers in AWS's place may write there what it likes.
func plain(code string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_."
	return code != "" && code != unknown && len(code) <= 100 && strings.Trim(code, letters) == ""
}
