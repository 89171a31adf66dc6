// Package awssms hands texts to Amazon SNS and to AWS End User Messaging SMS, and says
// what may be concluded when that failed. The server's kinds of provider and
// bellhop-lambda both send by it. Where settings come from is theirs, and so is trying
// again.
package awssms

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	eums "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/bellhop-auth/bellhop/internal/sms"
)

// India's country code: only texts to there carry the ids of its DLT register.
const india = 91

// ContextKey is the key in End User Messaging's context under which sms.Message.ID
// goes out, and comes back with each event of the text.
const ContextKey = "bellhop-message"

// How long End User Messaging may be told to try (API reference, SendTextMessage,
// TimeToLive).
const minTTL, maxTTL = 5 * time.Second, 72 * time.Hour

// Settings are what every text has in common. What a message says of itself goes
// before them.
type Settings struct {
	SenderID             string // SNS: what texts come from where that is a name
	Origination          string // SNS: the same where it is a number; End User Messaging: an identity or pool of either sort
	MaxPrice             string // US dollars for one text
	EntityID, TemplateID string // of India's DLT register
	ConfigurationSet     string // End User Messaging
	ProtectConfiguration string // End User Messaging
	// Life is for how long End User Messaging tries to hand over a text that does not
	// say when its code dies; zero leaves it to AWS.
	Life time.Duration
	// Echo has events of End User Messaging carry the texts' ids.
	Echo bool
	// Deadline is for one Send, repeats included.
	Deadline time.Duration
	// Retryer decides what is sent again. It must not be the SDK's usual one, which
	// repeats what may have been taken.
	Retryer aws.Retryer
}

// SNS sends by Publish.
type SNS struct {
	client   *sns.Client
	settings Settings
}

// NewSNS returns a sender in the region of the configuration.
func NewSNS(c aws.Config, s Settings) *SNS {
	return &SNS{client: sns.NewFromConfig(c, func(o *sns.Options) { o.Retryer = s.Retryer }), settings: s}
}

// Client is what it calls SNS by.
func (s *SNS) Client() *sns.Client { return s.client }

// Send implements sms.Sender.
func (s *SNS) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	if err := useless(ctx, "sns", time.Now(), m); err != nil {
		return sms.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.Deadline)
	defer cancel()
	ctx, wire := watch(ctx)
	out, err := s.client.Publish(ctx, &sns.PublishInput{
		PhoneNumber: aws.String(m.To.E164()), Message: &m.Body, MessageAttributes: attributes(m, s.settings),
	})
	if err != nil {
		return sms.Receipt{}, failed("sns", wire, err)
	}
	return taken("sns", out.MessageId)
}

// attributes are those of SNS's developer guide, Publishing to a mobile phone.
func attributes(m sms.Message, s Settings) map[string]snstypes.MessageAttributeValue {
	all := map[string]snstypes.MessageAttributeValue{}
	add := func(name, kind, value string) {
		if value != "" {
			all[name] = snstypes.MessageAttributeValue{DataType: &kind, StringValue: &value}
		}
	}
	name, number := s.SenderID, s.Origination
	switch {
	case m.SenderID == "":
	case isNumber(m.SenderID):
		name, number = "", m.SenderID
	default:
		name, number = m.SenderID, ""
	}
	add("AWS.SNS.SMS.SMSType", "String", "Transactional")
	add("AWS.SNS.SMS.SenderID", "String", name)
	add("AWS.SNS.SMS.MaxPrice", "Number", s.MaxPrice)
	add("AWS.MM.SMS.OriginationNumber", "String", number)
	if m.To.CountryCode() == india {
		add("AWS.MM.SMS.EntityId", "String", cmp.Or(m.EntityID, s.EntityID))
		add("AWS.MM.SMS.TemplateId", "String", cmp.Or(m.TemplateID, s.TemplateID))
	}
	return all
}

// isNumber says that a sender id is a number, which SNS takes by another name. A name
// has a letter.
func isNumber(senderID string) bool {
	return strings.Trim(strings.TrimPrefix(senderID, "+"), "0123456789") == ""
}

// EndUserMessaging sends by SendTextMessage.
type EndUserMessaging struct {
	client   *pinpointsmsvoicev2.Client
	settings Settings
}

// NewEndUserMessaging returns a sender in the region of the configuration.
func NewEndUserMessaging(c aws.Config, s Settings) *EndUserMessaging {
	return &EndUserMessaging{
		client:   pinpointsmsvoicev2.NewFromConfig(c, func(o *pinpointsmsvoicev2.Options) { o.Retryer = s.Retryer }),
		settings: s,
	}
}

// Client is what it calls End User Messaging by.
func (s *EndUserMessaging) Client() *pinpointsmsvoicev2.Client { return s.client }

// Send implements sms.Sender. AWS tries to hand the text over for as long as its code
// lives.
func (s *EndUserMessaging) Send(ctx context.Context, m sms.Message) (sms.Receipt, error) {
	now := time.Now()
	if err := useless(ctx, "end user messaging", now, m); err != nil {
		return sms.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.settings.Deadline)
	defer cancel()
	ctx, wire := watch(ctx)
	out, err := s.client.SendTextMessage(ctx, &pinpointsmsvoicev2.SendTextMessageInput{
		DestinationPhoneNumber: aws.String(m.To.E164()), MessageBody: &m.Body,
		MessageType:                  eums.MessageTypeTransactional,
		OriginationIdentity:          given(cmp.Or(m.SenderID, s.settings.Origination)),
		ConfigurationSetName:         given(s.settings.ConfigurationSet),
		ProtectConfigurationId:       given(s.settings.ProtectConfiguration),
		MaxPrice:                     given(s.settings.MaxPrice),
		TimeToLive:                   timeToLive(now, m, s.settings),
		DestinationCountryParameters: countryParameters(m, s.settings),
		Context:                      echo(m, s.settings),
	})
	if err != nil {
		return sms.Receipt{}, failed("end user messaging", wire, err)
	}
	return taken("end user messaging", out.MessageId)
}

// useless says why a text is not even tried.
func useless(ctx context.Context, service string, now time.Time, m sms.Message) error {
	switch {
	case ctx.Err() != nil:
		return &sms.SendError{Outcome: sms.NotYet, Cause: errors.New(service + ": there was no time left to try")}
	case !m.ExpiresAt.IsZero() && !now.Before(m.ExpiresAt):
		return &sms.SendError{Outcome: sms.SurelyNotSent, Cause: errors.New(service + ": the text's code is over")}
	}
	return nil
}

// taken is the receipt of an answer of success, which without an id is anybody's.
func taken(service string, id *string) (sms.Receipt, error) {
	if aws.ToString(id) == "" {
		return sms.Receipt{}, &sms.SendError{Outcome: sms.MaybeSent, Cause: errors.New(service + ": an answer of success without an id")}
	}
	return sms.Receipt{ProviderID: *id}, nil
}

func timeToLive(now time.Time, m sms.Message, s Settings) *int32 {
	life := s.Life
	if !m.ExpiresAt.IsZero() {
		life = m.ExpiresAt.Sub(now)
	}
	if life == 0 {
		return nil
	}
	return aws.Int32(int32(min(max(life, minTTL), maxTTL) / time.Second))
}

func countryParameters(m sms.Message, s Settings) map[string]string {
	if m.To.CountryCode() != india {
		return nil
	}
	all := map[string]string{}
	if id := cmp.Or(m.EntityID, s.EntityID); id != "" {
		all[string(eums.DestinationCountryParameterKeyInEntityId)] = id
	}
	if id := cmp.Or(m.TemplateID, s.TemplateID); id != "" {
		all[string(eums.DestinationCountryParameterKeyInTemplateId)] = id
	}
	return all
}

func echo(m sms.Message, s Settings) map[string]string {
	if m.ID == "" || !s.Echo {
		return nil
	}
	return map[string]string{ContextKey: m.ID}
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
