// Package texts hands the pack's texts to Amazon SNS or to AWS End User Messaging
// SMS, and says what may be concluded when that failed.
package texts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	eums "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/sms"
)

// India's country code: only texts to there carry the ids of its DLT register.
const india = 91

// deadline is for one text, its repeats included. Cognito waits five seconds for
// the whole answer.
const deadline = 3 * time.Second

// SNS sends by Publish.
type SNS struct {
	client   *sns.Client
	settings pack.Settings
}

// NewSNS returns a sender in the region of the configuration.
func NewSNS(c aws.Config, s pack.Settings) *SNS {
	return &SNS{client: sns.NewFromConfig(c, func(o *sns.Options) { o.Retryer = onlyThrottled() }), settings: s}
}

// Send implements sms.Sender.
func (s *SNS) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	out, err := s.client.Publish(ctx, &sns.PublishInput{
		PhoneNumber: aws.String(m.To.E164()), Message: &m.Body, MessageAttributes: s.attributes(m),
	})
	if err != nil {
		return sms.Receipt{}, failed("sns", err)
	}
	return sms.Receipt{ProviderID: aws.ToString(out.MessageId)}, nil
}

// attributes are those of SNS's developer guide, Publishing to a mobile phone.
func (s *SNS) attributes(m sms.Message) map[string]snstypes.MessageAttributeValue {
	all := map[string]snstypes.MessageAttributeValue{}
	add := func(name, kind, value string) {
		if value != "" {
			all[name] = snstypes.MessageAttributeValue{DataType: &kind, StringValue: &value}
		}
	}
	add("AWS.SNS.SMS.SMSType", "String", "Transactional")
	add("AWS.SNS.SMS.SenderID", "String", s.settings.SenderID)
	add("AWS.SNS.SMS.MaxPrice", "Number", s.settings.MaxPrice)
	add("AWS.MM.SMS.OriginationNumber", "String", s.settings.OriginationIdentity)
	if m.To.CountryCode() == india {
		add("AWS.MM.SMS.EntityId", "String", s.settings.DLTEntityID)
		add("AWS.MM.SMS.TemplateId", "String", s.settings.DLTTemplateID)
	}
	return all
}

// EndUserMessaging sends by SendTextMessage.
type EndUserMessaging struct {
	client   *pinpointsmsvoicev2.Client
	settings pack.Settings
}

// NewEndUserMessaging returns a sender in the region of the configuration.
func NewEndUserMessaging(c aws.Config, s pack.Settings) *EndUserMessaging {
	return &EndUserMessaging{
		client:   pinpointsmsvoicev2.NewFromConfig(c, func(o *pinpointsmsvoicev2.Options) { o.Retryer = onlyThrottled() }),
		settings: s,
	}
}

// Send implements sms.Sender. The text lives as long as a code can.
func (s *EndUserMessaging) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	in := &pinpointsmsvoicev2.SendTextMessageInput{
		DestinationPhoneNumber: aws.String(m.To.E164()), MessageBody: &m.Body,
		MessageType:          eums.MessageTypeTransactional,
		OriginationIdentity:  given(s.settings.OriginationIdentity),
		ConfigurationSetName: given(s.settings.ConfigurationSet),
		MaxPrice:             given(s.settings.MaxPrice),
		TimeToLive:           aws.Int32(int32(pack.CodeLife / time.Second)),
	}
	if m.To.CountryCode() == india && s.settings.DLTEntityID != "" {
		in.DestinationCountryParameters = map[string]string{
			string(eums.DestinationCountryParameterKeyInEntityId):   s.settings.DLTEntityID,
			string(eums.DestinationCountryParameterKeyInTemplateId): s.settings.DLTTemplateID,
		}
	}
	out, err := s.client.SendTextMessage(ctx, in)
	if err != nil {
		return sms.Receipt{}, failed("end user messaging", err)
	}
	return sms.Receipt{ProviderID: aws.ToString(out.MessageId)}, nil
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// onlyThrottled repeats what the service refused for its rate, and nothing that
// it may have taken.
func onlyThrottled() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = 3, 500*time.Millisecond
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
}

// failed is a failed call as it may be logged: services repeat the number in what
// they say.
func failed(service string, err error) error {
	what := errors.New(service + ": no answer")
	outcome := sms.MaybeSent
	api, refused := errors.AsType[smithy.APIError](err)
	response, answered := errors.AsType[*awshttp.ResponseError](err)
	answered = answered && response.HTTPStatusCode() != 0 // without an answer it is one too
	dial, unreached := errors.AsType[*net.OpError](err)
	switch {
	case answered && refused:
		what = fmt.Errorf("%s: %s (status %d, request %s)", service, api.ErrorCode(), response.HTTPStatusCode(), response.ServiceRequestID())
		if response.HTTPStatusCode() < http.StatusInternalServerError {
			outcome = sms.SurelyNotSent
		}
	case answered:
		what = fmt.Errorf("%s: status %d", service, response.HTTPStatusCode())
	case unreached && dial.Op == "dial":
		what, outcome = fmt.Errorf("%s: %w", service, dial), sms.NotYet
	case errors.Is(err, context.DeadlineExceeded):
		what = fmt.Errorf("%s: no answer in time", service)
	}
	return &sms.SendError{Outcome: outcome, Cause: what}
}
