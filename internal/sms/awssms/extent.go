package awssms

import (
	eums "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// extentOf is what a refusal says of other texts. The codes of credentials are those
// of every service (docs.aws.amazon.com/IAM, "Common error types") and those that SNS
// has of old.
func extentOf(code, reason string) sms.Extent {
	switch code {
	case "AccessDenied", "AccessDeniedException", "AuthorizationError", "ExpiredToken", "ExpiredTokenException",
		"IncompleteSignature", "InvalidClientTokenId", "NotAuthorized", "OptInRequired", "SignatureDoesNotMatch",
		"UnrecognizedClientException":
		return sms.ThisAccount
	}
	switch reason {
	case string(eums.ServiceQuotaExceededExceptionReasonMonthlySpendLimitReachedForText):
		return sms.ThisAccount
	case string(eums.ConflictExceptionReasonDestinationCountryBlockedByProtectConfiguration),
		string(eums.ValidationExceptionReasonCountryNotEnabled),
		string(eums.ValidationExceptionReasonDestinationCountryBlocked):
		return sms.ThisCountry
	}
	return sms.ThisText
}
