// Package texts hands the pack's texts to Amazon SNS or to AWS End User Messaging
// SMS, as its settings say.
package texts

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/bellhop-auth/bellhop/internal/pack"
	"github.com/bellhop-auth/bellhop/internal/sms/awssms"
)

// deadline is for one text, its repeats included. Cognito waits five seconds for
// the whole answer.
const deadline = 3 * time.Second

// NewSNS returns a sender by Amazon SNS in the region of the configuration.
func NewSNS(c aws.Config, s pack.Settings) *awssms.SNS { return awssms.NewSNS(c, settings(s)) }

// NewEndUserMessaging returns a sender by AWS End User Messaging SMS there. A text
// lives as long as a code can.
func NewEndUserMessaging(c aws.Config, s pack.Settings) *awssms.EndUserMessaging {
	return awssms.NewEndUserMessaging(c, settings(s))
}

// settings are the pack's. Nobody comes after a function to try again, so it does
// itself.
func settings(s pack.Settings) awssms.Settings {
	return awssms.Settings{
		SenderID: s.SenderID, Origination: s.OriginationIdentity, MaxPrice: s.MaxPrice,
		EntityID: s.DLTEntityID, TemplateID: s.DLTTemplateID, ConfigurationSet: s.ConfigurationSet,
		Life: pack.CodeLife, Deadline: deadline, Retryer: awssms.OnlyThrottled(),
	}
}
