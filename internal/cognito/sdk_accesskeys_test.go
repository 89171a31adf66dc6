package cognito_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// signedBy makes a key of that kind and returns how the SDK uses it.
func (w *world) signedBy(n userpool.NewAccessKey) (id string, use func(*cip.Options)) {
	w.t.Helper()
	n.Name = "test"
	k, secret, err := w.service.CreateAccessKey(w.ctx, n)
	w.must(err)
	w.wire.secrets = append(w.wire.secrets, secret)
	return k.ID, func(o *cip.Options) {
		o.Credentials = credentials.NewStaticCredentialsProvider(k.ID, secret, "")
	}
}

func (w *world) wantCode(err error, code string) {
	w.t.Helper()
	if apiCode(err) != code {
		w.t.Errorf("got %v, want %s", err, code)
	}
}

func TestSDK_AccessKeyOfSomeOperations_MayCallNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		w.member(asha, pass)
		_, readOnly := w.signedBy(userpool.NewAccessKey{Operations: []string{"AdminGet*", "DescribeUserPool"}})
		_, err := w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)}, readOnly)
		w.must(err)
		_, err = w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool}, readOnly)
		w.must(err)
		_, err = w.sdk.AdminDeleteUser(w.ctx, &cip.AdminDeleteUserInput{UserPoolId: &w.pool, Username: new(asha)}, readOnly)
		w.wantCode(err, "AccessDeniedException")
		_, err = w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{PoolName: new("x")}, readOnly)
		w.wantCode(err, "AccessDeniedException")
		_, err = w.sdk.CreateIdentityProvider(w.ctx, &cip.CreateIdentityProviderInput{UserPoolId: &w.pool, ProviderName: new("x"), ProviderType: "OIDC", ProviderDetails: map[string]string{}}, readOnly)
		w.wantCode(err, "AccessDeniedException") // though it is not served at all
		_, err = w.sdk.AdminGetUser(w.ctx, &cip.AdminGetUserInput{UserPoolId: &w.pool, Username: new(asha)})
		w.must(err)
	})
}

func TestSDK_AccessKeyOfOnePool_TouchesNoOtherAndMakesNone(t *testing.T) {
	inWorld(t, func(w *world) {
		home := w.pool
		w.makePool()
		away := w.pool
		_, ofHome := w.signedBy(userpool.NewAccessKey{Pools: []userpool.PoolID{userpool.PoolID(home)}})
		describe := func(pool string) error {
			_, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &pool}, ofHome)
			return err
		}
		w.must(describe(home))
		w.wantCode(describe(away), "AccessDeniedException")
		w.wantCode(describe("us-east-1_None"), "AccessDeniedException") // whether it exists is not told
		tag := func(pool string) error {
			arn := "arn:aws:cognito-idp:us-east-1:123456789012:userpool/" + pool
			_, err := w.sdk.TagResource(w.ctx, &cip.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{"team": "a"}}, ofHome)
			return err
		}
		w.must(tag(home))
		w.wantCode(tag(away), "AccessDeniedException")
		_, err := w.sdk.CreateUserPool(w.ctx, &cip.CreateUserPoolInput{PoolName: new("x"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"}}, ofHome)
		w.wantCode(err, "AccessDeniedException")
		tags, err := w.sdk.ListTagsForResource(w.ctx, &cip.ListTagsForResourceInput{ResourceArn: new("arn:aws:cognito-idp:us-east-1:000000000000:userpool/" + away)})
		w.must(err)
		if tags.Tags["team"] != "" {
			t.Error("the other pool was tagged")
		}
	})
}

func TestSDK_AccessKey_EndsAtItsTimeAndWhenItIsDeleted(t *testing.T) {
	inWorld(t, func(w *world) {
		_, short := w.signedBy(userpool.NewAccessKey{Lifetime: time.Hour})
		gone, deleted := w.signedBy(userpool.NewAccessKey{})
		describe := func(use func(*cip.Options)) error {
			_, err := w.sdk.DescribeUserPool(w.ctx, &cip.DescribeUserPoolInput{UserPoolId: &w.pool}, use)
			return err
		}
		w.must(describe(short))
		w.must(describe(deleted))
		w.must(w.service.DeleteAccessKey(w.ctx, gone))
		w.wantCode(describe(deleted), "UnrecognizedClientException")
		time.Sleep(time.Hour)
		w.wantCode(describe(short), "ExpiredTokenException")
		keys, err := w.service.AccessKeys(w.ctx)
		w.must(err)
		for _, k := range keys {
			if k.LastUsedAt.IsZero() {
				t.Errorf("the use of %q is not noted", k.Name)
			}
		}
	})
}
