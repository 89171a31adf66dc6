// Package sns is the kind of provider that sends by Amazon SNS. SNS tells nobody but
// CloudWatch what becomes of a text, so nothing but texts that come in is posted to us.
package sns

import (
	"context"
	"errors"
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/bellhop-auth/bellhop/internal/sms"
	"github.com/bellhop-auth/bellhop/internal/sms/awsaccount"
	"github.com/bellhop-auth/bellhop/internal/sms/awssms"
	"github.com/bellhop-auth/bellhop/internal/sms/provider"
)

// What texts may come from: https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html
var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9]{3,11}$`)
	letter     = regexp.MustCompile(`[A-Za-z]`)
	numberForm = regexp.MustCompile(`^\+?[0-9]{5,14}$`)
)

// Kind is the kind.
func Kind() provider.Kind {
	return provider.Kind{
		Name:  "sns",
		About: "Amazon SNS, whose receipts go to CloudWatch alone: Bellhop is told of no delivery.",
		Fields: awsaccount.Fields(
			provider.Field{Name: "sender-id", Arg: "NAME", About: "the name that texts come from, in countries that allow one", Check: checkName},
			provider.Field{Name: "origination-number", Arg: "+1...", About: "the number of the account that texts come from; without one SNS chooses", Check: checkNumber},
		),
		Check: awsaccount.Check,
		New:   func(o provider.Options) (sms.Sender, error) { return New(o) },
	}
}

// Sender sends by SNS. It is safe for concurrent use.
type Sender struct {
	*awssms.SNS
	*awsaccount.Topics
	region string
}

// New returns the Sender of settings that passed Kind's checks.
func New(o provider.Options) (*Sender, error) {
	account, err := awsaccount.Open(o)
	if err != nil {
		return nil, err
	}
	settings := awsaccount.Settings(o.Values)
	settings.SenderID, settings.Origination = o.Values["sender-id"], o.Values["origination-number"]
	return &Sender{
		SNS: awssms.NewSNS(account.Config, settings), Topics: account.Topics(o.Values["topic-arn"]), region: o.Values["region"],
	}, nil
}

// Probe implements sms.Prober: the credentials may ask what they need to, and the
// account sends texts to everybody, for more money than a new one's.
func (s *Sender) Probe(ctx context.Context) error {
	var sandbox *sns.GetSMSSandboxAccountStatusOutput
	err := awssms.Ask(ctx, "sns", "GetSMSSandboxAccountStatus", awsaccount.Deadline, func(ctx context.Context) (err error) {
		sandbox, err = s.Client().GetSMSSandboxAccountStatus(ctx, &sns.GetSMSSandboxAccountStatusInput{})
		return err
	})
	if err != nil {
		return err
	}
	var attributes *sns.GetSMSAttributesOutput
	err = awssms.Ask(ctx, "sns", "GetSMSAttributes", awsaccount.Deadline, func(ctx context.Context) (err error) {
		attributes, err = s.Client().GetSMSAttributes(ctx, &sns.GetSMSAttributesInput{Attributes: []string{"MonthlySpendLimit"}})
		return err
	})
	if err != nil {
		return err
	}
	// An account that never set a limit may have no such attribute.
	limit, err := strconv.ParseFloat(attributes.Attributes["MonthlySpendLimit"], 64)
	return awsaccount.Standing("sns", s.region, sandbox.IsInSandbox, limit, err == nil)
}

func checkName(value string) error {
	if !nameForm.MatchString(value) || !letter.MatchString(value) {
		return errors.New("must be 3 to 11 letters and digits, with a letter among them")
	}
	return nil
}

func checkNumber(value string) error {
	if !numberForm.MatchString(value) {
		return errors.New("must be a number of 5 to 14 digits")
	}
	return nil
}
