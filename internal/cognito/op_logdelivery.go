package cognito

import (
	"context"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// logConfigurationType is where the events of one source go.
type logConfigurationType struct {
	LogLevel                    *string
	EventSource                 *string
	CloudWatchLogsConfiguration *cloudWatchLogsConfigurationType `json:",omitzero"`
	S3Configuration             *s3ConfigurationType             `json:",omitzero"`
	FirehoseConfiguration       *firehoseConfigurationType       `json:",omitzero"`
}

type cloudWatchLogsConfigurationType struct {
	LogGroupArn *string `json:",omitzero"`
}

type s3ConfigurationType struct {
	BucketArn *string `json:",omitzero"`
}

type firehoseConfigurationType struct {
	StreamArn *string `json:",omitzero"`
}

type logDeliveryConfigurationType struct {
	UserPoolId        string
	LogConfigurations []logConfigurationType
}

type setLogDeliveryConfigurationInput struct {
	UserPoolId        *string
	LogConfigurations []logConfigurationType
}

func (in *setLogDeliveryConfigurationInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.present("logConfigurations", in.LogConfigurations != nil)
	v.length("logConfigurations", len(in.LogConfigurations), 0, 2)
	for i, c := range in.LogConfigurations {
		path := fmt.Sprintf("logConfigurations.%d.member.", i+1)
		v.required(path+"logLevel", c.LogLevel, logLevel)
		v.required(path+"eventSource", c.EventSource, eventSource)
		if d := c.CloudWatchLogsConfiguration; d != nil {
			v.optional(path+"cloudWatchLogsConfiguration.logGroupArn", d.LogGroupArn, resourceARN)
		}
		if d := c.S3Configuration; d != nil {
			v.optional(path+"s3Configuration.bucketArn", d.BucketArn, bucketARN)
		}
		if d := c.FirehoseConfiguration; d != nil {
			v.optional(path+"firehoseConfiguration.streamArn", d.StreamArn, resourceARN)
		}
	}
}

type logDeliveryConfigurationOutput struct {
	LogDeliveryConfiguration logDeliveryConfigurationType
}

func (a *API) setLogDeliveryConfiguration(ctx context.Context, _ userpool.Caller, in *setLogDeliveryConfigurationInput) (*logDeliveryConfigurationOutput, error) {
	all := make([]userpool.LogDelivery, len(in.LogConfigurations))
	for i, c := range in.LogConfigurations {
		var err error
		if all[i], err = c.delivery(); err != nil {
			return nil, err
		}
	}
	pool := userpool.PoolID(value(in.UserPoolId))
	if err := a.service.SetLogDelivery(ctx, pool, all); err != nil {
		return nil, err
	}
	return logDeliveryOut(pool, all), nil
}

func (a *API) getLogDeliveryConfiguration(ctx context.Context, _ userpool.Caller, in *userPoolInput) (*logDeliveryConfigurationOutput, error) {
	pool := userpool.PoolID(value(in.UserPoolId))
	all, err := a.service.LogDelivery(ctx, pool)
	if err != nil {
		return nil, err
	}
	return logDeliveryOut(pool, all), nil
}

// delivery reads a configuration, which has one destination.
func (c logConfigurationType) delivery() (userpool.LogDelivery, error) {
	d := userpool.LogDelivery{Source: value(c.EventSource), Level: value(c.LogLevel)}
	named := 0
	for _, one := range []struct {
		kind string
		arn  *string
	}{
		{userpool.LogGroup, value(c.CloudWatchLogsConfiguration).LogGroupArn},
		{userpool.LogBucket, value(c.S3Configuration).BucketArn},
		{userpool.LogStream, value(c.FirehoseConfiguration).StreamArn},
	} {
		if one.arn != nil {
			named++
			d.Kind, d.ARN = one.kind, *one.arn
		}
	}
	if named != 1 {
		return d, fault.New(fault.InvalidParameter, "A log configuration has one destination, a log group, a bucket or a stream; that of %s has %d.", d.Source, named)
	}
	return d, nil
}

func logDeliveryOut(pool userpool.PoolID, all []userpool.LogDelivery) *logDeliveryConfigurationOutput {
	out := logDeliveryConfigurationType{UserPoolId: string(pool), LogConfigurations: make([]logConfigurationType, len(all))}
	for i, d := range all {
		c := logConfigurationType{LogLevel: &d.Level, EventSource: &d.Source}
		switch d.Kind {
		case userpool.LogGroup:
			c.CloudWatchLogsConfiguration = &cloudWatchLogsConfigurationType{&d.ARN}
		case userpool.LogBucket:
			c.S3Configuration = &s3ConfigurationType{&d.ARN}
		case userpool.LogStream:
			c.FirehoseConfiguration = &firehoseConfigurationType{&d.ARN}
		}
		out.LogConfigurations[i] = c
	}
	return &logDeliveryConfigurationOutput{out}
}
