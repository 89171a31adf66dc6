package cognito_test

import (
	"reflect"
	"testing"

	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// Infrastructure code finds the configuration as it sent it, in its order, until it
// sends an empty one.
func TestSDK_LogDeliveryConfiguration_ComesBackAsSent(t *testing.T) {
	inWorld(t, func(w *world) {
		set := func(all ...types.LogConfigurationType) error {
			if all == nil {
				all = []types.LogConfigurationType{}
			}
			out, err := w.sdk.SetLogDeliveryConfiguration(w.ctx, &cip.SetLogDeliveryConfigurationInput{UserPoolId: &w.pool, LogConfigurations: all})
			if err == nil {
				same(w, out.LogDeliveryConfiguration, all)
			}
			return err
		}
		get := func() *types.LogDeliveryConfigurationType {
			out, err := w.sdk.GetLogDeliveryConfiguration(w.ctx, &cip.GetLogDeliveryConfigurationInput{UserPoolId: &w.pool})
			w.must(err)
			return out.LogDeliveryConfiguration
		}
		same(w, get(), nil)
		group := types.LogConfigurationType{LogLevel: "ERROR", EventSource: "userNotification",
			CloudWatchLogsConfiguration: &types.CloudWatchLogsConfigurationType{LogGroupArn: new("arn:aws:logs:us-east-1:123456789012:log-group:pool")}}
		bucket := types.LogConfigurationType{LogLevel: "INFO", EventSource: "userAuthEvents",
			S3Configuration: &types.S3ConfigurationType{BucketArn: new("arn:aws:s3:::pool-logs")}}
		stream := types.LogConfigurationType{LogLevel: "INFO", EventSource: "userAuthEvents",
			FirehoseConfiguration: &types.FirehoseConfigurationType{StreamArn: new("arn:aws:firehose:us-east-1:123456789012:deliverystream/pool")}}
		for _, all := range [][]types.LogConfigurationType{{group, bucket}, {stream, group}, {stream}, {}} {
			w.must(set(all...))
			same(w, get(), all)
		}
		both, none, asterisk := bucket, bucket, group
		both.FirehoseConfiguration, none.S3Configuration = stream.FirehoseConfiguration, &types.S3ConfigurationType{}
		asterisk.CloudWatchLogsConfiguration = &types.CloudWatchLogsConfigurationType{LogGroupArn: new("arn:aws:logs:us-east-1:123456789012:log-group:pool:*")}
		w.must(set(group))
		for _, bad := range [][]types.LogConfigurationType{{bucket, stream}, {both}, {none}, {asterisk}, {group, bucket, stream}} {
			wantError[*types.InvalidParameterException](w, set(bad...), "")
		}
		same(w, get(), []types.LogConfigurationType{group})
		_, err := w.sdk.DeleteUserPool(w.ctx, &cip.DeleteUserPoolInput{UserPoolId: &w.pool})
		w.must(err)
		wantError[*types.ResourceNotFoundException](w, set(group), "")
		_, err = w.sdk.GetLogDeliveryConfiguration(w.ctx, &cip.GetLogDeliveryConfigurationInput{UserPoolId: &w.pool})
		wantError[*types.ResourceNotFoundException](w, err, "")
	})
}

func same(w *world, got *types.LogDeliveryConfigurationType, want []types.LogConfigurationType) {
	w.t.Helper()
	if got == nil || *got.UserPoolId != w.pool || len(got.LogConfigurations) != len(want) || got.LogConfigurations == nil {
		w.t.Errorf("got %+v, want %+v", got, want)
		return
	}
	for i, c := range got.LogConfigurations {
		if !reflect.DeepEqual(c, want[i]) {
			w.t.Errorf("configuration %d is %+v, want %+v", i, c, want[i])
		}
	}
}
