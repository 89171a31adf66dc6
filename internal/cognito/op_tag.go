package cognito

import (
	"context"
	"strings"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// account is the AWS account in the ARNs of pools. There is none here; tools
// want twelve digits.
const account = "000000000000"

// poolARN names a pool as AWS does. The region is the pool id's own.
func poolARN(id userpool.PoolID) string {
	region, _, _ := strings.Cut(string(id), "_")
	return "arn:aws:cognito-idp:" + region + ":" + account + ":userpool/" + string(id)
}

// poolOfARN reads the pool out of an ARN. An ARN of any account and region will
// do, so that scripts written for AWS go on working; the pool id tells enough.
func poolOfARN(arn *string) (userpool.PoolID, error) {
	_, id, ok := strings.Cut(value(arn), ":userpool/")
	if !ok || !userPoolID.pattern.re.MatchString(id) {
		return "", fault.New(fault.InvalidParameter, "ResourceArn is not the ARN of a user pool, like %s.", poolARN("us-east-1_AbC123xyz"))
	}
	return userpool.PoolID(id), nil
}

// tags checks the shape of tags.
func (v *violations) tags(name string, tags textMap) {
	v.length(name, len(tags), 0, 50)
	v.texts(name, tags, tagKey, tagValue)
}

type tagResourceInput struct {
	ResourceArn *string
	Tags        textMap
}

func (in *tagResourceInput) validate(v *violations) {
	v.required("resourceArn", in.ResourceArn, resourceARN)
	v.present("tags", in.Tags != nil)
	v.tags("tags", in.Tags)
}

func (a *API) tagResource(ctx context.Context, _ userpool.Caller, in *tagResourceInput) (*emptyAnswer, error) {
	pool, err := poolOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &emptyAnswer{}, a.service.TagPool(ctx, pool, in.Tags)
}

type untagResourceInput struct {
	ResourceArn *string
	TagKeys     textList
}

func (in *untagResourceInput) validate(v *violations) {
	v.required("resourceArn", in.ResourceArn, resourceARN)
	v.present("tagKeys", in.TagKeys != nil)
	v.each("tagKeys", in.TagKeys, tagKey)
}

func (a *API) untagResource(ctx context.Context, _ userpool.Caller, in *untagResourceInput) (*emptyAnswer, error) {
	pool, err := poolOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &emptyAnswer{}, a.service.UntagPool(ctx, pool, in.TagKeys)
}

type listTagsForResourceInput struct {
	ResourceArn *string
}

func (in *listTagsForResourceInput) validate(v *violations) {
	v.required("resourceArn", in.ResourceArn, resourceARN)
}

type listTagsForResourceOutput struct {
	Tags textMap
}

func (a *API) listTagsForResource(ctx context.Context, _ userpool.Caller, in *listTagsForResourceInput) (*listTagsForResourceOutput, error) {
	pool, err := poolOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := a.service.PoolTags(ctx, pool)
	return &listTagsForResourceOutput{Tags: tags}, err
}
