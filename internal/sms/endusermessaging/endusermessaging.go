// Package endusermessaging is the kind of provider that sends by AWS End User
// Messaging SMS, which posts what becomes of texts by a topic of Amazon SNS.
package endusermessaging

import (
	"errors"
	"regexp"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/awsaccount"
	"github.com/bellhop-auth/bellhop/internal/sms/awssms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

// The forms of the API reference:
// https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html
var (
	identityForm = regexp.MustCompile(`^[A-Za-z0-9_:/+-]{1,256}$`)
	resourceForm = regexp.MustCompile(`^[A-Za-z0-9_:/-]{1,256}$`)
)

// Kind is the kind.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "end-user-messaging",
		About: "AWS End User Messaging SMS, once Amazon Pinpoint's.",
		Fields: awsaccount.Fields(
			provider.Field{Name: "origination-identity", Arg: "ID", About: "the number, sender id or pool (by id or ARN) that texts come from; without one AWS chooses", Check: fits(identityForm)},
			provider.Field{Name: "configuration-set", Arg: "NAME", About: "the configuration set, whose event destination says what becomes of texts", Check: fits(resourceForm)},
			provider.Field{Name: "protect-configuration", Arg: "ID", About: "the protect configuration that bounds countries, in place of the account's", Check: fits(resourceForm)},
		),
		Check: awsaccount.Check,
		New:   func(o provider.Options) (sms.Sender, error) { return New(o) },
	}
}

// Sender sends by End User Messaging. It is safe for concurrent use.
type Sender struct {
	*awssms.EndUserMessaging
	*awsaccount.Topics
	region, configurationSet string
}

// New returns the Sender of settings that passed Kind's checks.
func New(o provider.Options) (*Sender, error) {
	account, err := awsaccount.Open(o)
	if err != nil {
		return nil, err
	}
	settings := awsaccount.Settings(o.Values)
	settings.Origination = o.Values["origination-identity"]
	settings.ConfigurationSet, settings.ProtectConfiguration = o.Values["configuration-set"], o.Values["protect-configuration"]
	return &Sender{
		EndUserMessaging: awssms.NewEndUserMessaging(account.Config, settings), Topics: account.Topics(o.Values["topic-arn"]),
		region: o.Values["region"], configurationSet: settings.ConfigurationSet,
	}, nil
}

func fits(form *regexp.Regexp) func(string) error {
	return func(value string) error {
		if !form.MatchString(value) {
			return errors.New("must be a name, an id or an ARN")
		}
		return nil
	}
}
