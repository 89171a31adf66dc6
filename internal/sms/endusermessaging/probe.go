package endusermessaging

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"github.com/bellhop-auth/bellhop/internal/sms/awsaccount"
	"github.com/bellhop-auth/bellhop/internal/sms/awssms"
)

const service = "end user messaging"

// Probe implements sms.Prober: the credentials may ask what they need to, the account
// sends texts to everybody, for more money than a new one's, and what becomes of them
// goes to a topic that we believe.
func (s *Sender) Probe(ctx context.Context) error {
	var account *pinpointsmsvoicev2.DescribeAccountAttributesOutput
	err := ask(ctx, "DescribeAccountAttributes", func(ctx context.Context) (err error) {
		account, err = s.Client().DescribeAccountAttributes(ctx, &pinpointsmsvoicev2.DescribeAccountAttributesInput{})
		return err
	})
	if err != nil {
		return err
	}
	sandbox := slices.ContainsFunc(account.AccountAttributes, func(a types.AccountAttribute) bool {
		return a.Name == types.AccountAttributeNameAccountTier && aws.ToString(a.Value) == "SANDBOX"
	})
	var limits *pinpointsmsvoicev2.DescribeSpendLimitsOutput
	err = ask(ctx, "DescribeSpendLimits", func(ctx context.Context) (err error) {
		limits, err = s.Client().DescribeSpendLimits(ctx, &pinpointsmsvoicev2.DescribeSpendLimitsInput{})
		return err
	})
	if err != nil {
		return err
	}
	limit, known := textLimit(limits.SpendLimits)
	return awsaccount.All(awsaccount.Standing(service, s.region, sandbox, limit, known), s.probeSet(ctx))
}

// textLimit is the month's money for texts: what the account set, else what AWS does.
func textLimit(all []types.SpendLimit) (dollars float64, known bool) {
	for _, l := range all {
		switch {
		case l.Name != types.SpendLimitNameTextMessageMonthlySpendLimit:
		case l.Overridden:
			return float64(l.EnforcedLimit), true
		default:
			return float64(l.MaxLimit), true
		}
	}
	return 0, false
}

// probeSet says what is wrong with the configuration set: it is not there, or tells none
// of our topics what becomes of texts.
func (s *Sender) probeSet(ctx context.Context) error {
	if s.configurationSet == "" {
		return nil
	}
	var found *pinpointsmsvoicev2.DescribeConfigurationSetsOutput
	err := ask(ctx, "DescribeConfigurationSets", func(ctx context.Context) (err error) {
		found, err = s.Client().DescribeConfigurationSets(ctx, &pinpointsmsvoicev2.DescribeConfigurationSetsInput{
			ConfigurationSetNames: []string{s.configurationSet},
		})
		return err
	})
	switch {
	case err != nil:
		return err
	case len(found.ConfigurationSets) == 0:
		return errors.New(service + ": there is no such configuration set")
	case s.Any() && !slices.ContainsFunc(found.ConfigurationSets[0].EventDestinations, s.tells):
		return errors.New(service + ": no enabled event destination of the configuration set sends TEXT_DELIVERED, TEXT_ALL or ALL to a topic of topic-arn, so nothing would be told of texts")
	}
	return nil
}

func (s *Sender) tells(d types.EventDestination) bool {
	return aws.ToBool(d.Enabled) && d.SnsDestination != nil && s.Has(aws.ToString(d.SnsDestination.TopicArn)) &&
		slices.ContainsFunc(d.MatchingEventTypes, func(e types.EventType) bool {
			return e == types.EventTypeAll || e == types.EventTypeTextAll || e == types.EventTypeTextDelivered
		})
}

func ask(ctx context.Context, operation string, call func(context.Context) error) error {
	return awssms.Ask(ctx, service, operation, awsaccount.Deadline, call)
}
