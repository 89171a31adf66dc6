package cognito

import (
	"context"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

type addUserPoolClientSecretInput struct {
	userPoolClientInput
	ClientSecret *string
}

func (in *addUserPoolClientSecretInput) validate(v *violations) {
	in.userPoolClientInput.validate(v)
	v.optional("clientSecret", in.ClientSecret, clientSecret)
}

// clientSecretDescriptorType is a secret with its value only where it was just
// generated.
type clientSecretDescriptorType struct {
	ClientSecretId         string
	ClientSecretValue      string `json:",omitzero"`
	ClientSecretCreateDate epoch
}

func secretOut(s userpool.ClientSecretView) clientSecretDescriptorType {
	return clientSecretDescriptorType{ClientSecretId: s.ID, ClientSecretValue: s.Value, ClientSecretCreateDate: epoch(s.CreatedAt)}
}

type addUserPoolClientSecretOutput struct {
	ClientSecretDescriptor clientSecretDescriptorType
}

func (a *API) addUserPoolClientSecret(ctx context.Context, _ userpool.Caller, in *addUserPoolClientSecretInput) (*addUserPoolClientSecretOutput, error) {
	pool, id := in.client()
	s, err := a.service.AddUserPoolClientSecret(ctx, pool, id, value(in.ClientSecret))
	if err != nil {
		return nil, err
	}
	return &addUserPoolClientSecretOutput{ClientSecretDescriptor: secretOut(s)}, nil
}

// listUserPoolClientSecretsInput has a token that is never given: a client's
// secrets fit into one answer.
type listUserPoolClientSecretsInput struct {
	userPoolClientInput
	NextToken *string
}

func (in *listUserPoolClientSecretsInput) validate(v *violations) {
	in.userPoolClientInput.validate(v)
	v.optional("nextToken", in.NextToken, pageToken)
}

type listUserPoolClientSecretsOutput struct {
	ClientSecrets []clientSecretDescriptorType
	NextToken     string `json:",omitzero"`
}

func (a *API) listUserPoolClientSecrets(ctx context.Context, _ userpool.Caller, in *listUserPoolClientSecretsInput) (*listUserPoolClientSecretsOutput, error) {
	pool, id := in.client()
	secrets, err := a.service.UserPoolClientSecrets(ctx, pool, id)
	if err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		return nil, fault.New(fault.InvalidParameter, "The pagination token is none of this list.")
	}
	out := &listUserPoolClientSecretsOutput{ClientSecrets: make([]clientSecretDescriptorType, len(secrets))}
	for i, s := range secrets {
		out.ClientSecrets[i] = secretOut(s)
	}
	return out, nil
}

type deleteUserPoolClientSecretInput struct {
	userPoolClientInput
	ClientSecretId *string
}

func (in *deleteUserPoolClientSecretInput) validate(v *violations) {
	in.userPoolClientInput.validate(v)
	v.required("clientSecretId", in.ClientSecretId, secretID)
}

func (a *API) deleteUserPoolClientSecret(ctx context.Context, _ userpool.Caller, in *deleteUserPoolClientSecretInput) (*emptyAnswer, error) {
	pool, id := in.client()
	return &emptyAnswer{}, a.service.DeleteUserPoolClientSecret(ctx, pool, id, value(in.ClientSecretId))
}
