package cognito

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// anyJSON is what the service model calls a document: JSON of whatever form. Null is
// none.
type anyJSON []byte

// UnmarshalJSONFrom keeps the value as it is written.
func (d *anyJSON) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadValue()
	if *d = nil; err == nil && v.Kind() != jsontext.KindNull {
		*d = anyJSON(v.Clone())
	}
	return err
}

// MarshalJSONTo writes the value as it is.
func (d anyJSON) MarshalJSONTo(enc *jsontext.Encoder) error {
	if d == nil {
		return enc.WriteToken(jsontext.Null)
	}
	return enc.WriteValue(jsontext.Value(d))
}

type startWebAuthnRegistrationOutput struct {
	// CredentialCreationOptions is a PublicKeyCredentialCreationOptionsJSON.
	CredentialCreationOptions anyJSON
}

func (a *API) startWebAuthnRegistration(ctx context.Context, c userpool.Caller, in *accessTokenInput) (*startWebAuthnRegistrationOutput, error) {
	options, err := a.service.StartWebAuthnRegistration(ctx, c, value(in.AccessToken))
	return &startWebAuthnRegistrationOutput{options}, err
}

type completeWebAuthnRegistrationInput struct {
	AccessToken *string
	Credential  anyJSON // a RegistrationResponseJSON
}

func (in *completeWebAuthnRegistrationInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.present("credential", in.Credential != nil)
}

func (a *API) completeWebAuthnRegistration(ctx context.Context, c userpool.Caller, in *completeWebAuthnRegistrationInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.CompleteWebAuthnRegistration(ctx, userpool.NewPasskey{
		Caller: c, AccessToken: value(in.AccessToken), Credential: in.Credential,
	})
}

type listWebAuthnCredentialsInput struct {
	AccessToken *string
	NextToken   *string
	MaxResults  *int32
}

func (in *listWebAuthnCredentialsInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.optional("nextToken", in.NextToken, pageToken)
	v.between("maxResults", in.MaxResults, 0, 20)
}

// webAuthnCredentialDescription is a passkey as the service shows it.
type webAuthnCredentialDescription struct {
	CredentialId            string
	FriendlyCredentialName  string
	RelyingPartyId          string
	AuthenticatorAttachment string `json:",omitzero"`
	AuthenticatorTransports []string
	CreatedAt               epoch
}

type listWebAuthnCredentialsOutput struct {
	Credentials []webAuthnCredentialDescription
	NextToken   *string `json:",omitzero"`
}

func (a *API) listWebAuthnCredentials(ctx context.Context, _ userpool.Caller, in *listWebAuthnCredentialsInput) (*listWebAuthnCredentialsOutput, error) {
	page, err := a.service.ListWebAuthnCredentials(ctx, value(in.AccessToken), int(value(in.MaxResults)), value(in.NextToken))
	out := &listWebAuthnCredentialsOutput{
		Credentials: make([]webAuthnCredentialDescription, len(page.Passkeys)), NextToken: unlessEmpty(page.Next),
	}
	for i, k := range page.Passkeys {
		out.Credentials[i] = webAuthnCredentialDescription{
			CredentialId: k.Label(), FriendlyCredentialName: k.Name, RelyingPartyId: k.RelyingParty,
			AuthenticatorAttachment: k.Attachment, AuthenticatorTransports: append([]string{}, k.Transports...), CreatedAt: epoch(k.CreatedAt),
		}
	}
	return out, err
}

type deleteWebAuthnCredentialInput struct {
	AccessToken  *string
	CredentialId *string
}

func (in *deleteWebAuthnCredentialInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.required("credentialId", in.CredentialId, longText)
}

func (a *API) deleteWebAuthnCredential(ctx context.Context, _ userpool.Caller, in *deleteWebAuthnCredentialInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.DeleteWebAuthnCredential(ctx, value(in.AccessToken), value(in.CredentialId))
}
