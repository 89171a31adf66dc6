package cognito

import (
	"context"
	"fmt"

	"github.com/bellhop-auth/bellhop/internal/fault"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// poolMembers are what a pool is made with and what an update replaces. What
// Bellhop acts on is read into settings, what it only gives back is poolEcho,
// and what it would have to act on and cannot is refused (unsupported).
type poolMembers struct {
	PoolName                 *string
	Policies                 *policiesType
	DeletionProtection       *string
	AutoVerifiedAttributes   textList
	SmsVerificationMessage   *string
	SmsAuthenticationMessage *string
	MfaConfiguration         *string
	UserPoolTags             textMap
	poolEcho
}

// createUserPoolInput has, besides, what no update can change.
type createUserPoolInput struct {
	AliasAttributes       textList
	UsernameAttributes    textList
	UsernameConfiguration *usernameConfigurationType
	Schema                []schemaAttributeType
	poolMembers
}

type policiesType struct {
	PasswordPolicy *passwordPolicyType `json:",omitzero"`
	SignInPolicy   *signInPolicyType   `json:",omitzero"`
}

type passwordPolicyType struct {
	MinimumLength                 *int32
	RequireUppercase              bool
	RequireLowercase              bool
	RequireNumbers                bool
	RequireSymbols                bool
	PasswordHistorySize           *int32 `json:",omitzero"`
	TemporaryPasswordValidityDays *int32
}

type signInPolicyType struct {
	AllowedFirstAuthFactors textList
}

type usernameConfigurationType struct {
	CaseSensitive *bool
}

func (in *createUserPoolInput) validate(v *violations) {
	v.required("poolName", in.PoolName, resourceName)
	v.each("aliasAttributes", in.AliasAttributes, aliasAttribute)
	v.each("usernameAttributes", in.UsernameAttributes, verifiedAttribute)
	if in.UsernameConfiguration != nil {
		v.present("usernameConfiguration.caseSensitive", in.UsernameConfiguration.CaseSensitive != nil)
	}
	v.schema("schema", in.Schema)
	in.poolMembers.validate(v)
}

func (in *poolMembers) validate(v *violations) {
	v.policies(in.Policies)
	v.optional("deletionProtection", in.DeletionProtection, activeOrNot)
	v.each("autoVerifiedAttributes", in.AutoVerifiedAttributes, verifiedAttribute)
	v.optional("smsVerificationMessage", in.SmsVerificationMessage, verificationText)
	v.optional("smsAuthenticationMessage", in.SmsAuthenticationMessage, verificationText)
	v.optional("mfaConfiguration", in.MfaConfiguration, mfaConfiguration)
	v.tags("userPoolTags", in.UserPoolTags)
	in.poolEcho.validate(v)
}

func (v *violations) policies(p *policiesType) {
	if p == nil {
		return
	}
	if pw := p.PasswordPolicy; pw != nil {
		const path = "policies.passwordPolicy."
		v.between(path+"minimumLength", pw.MinimumLength, 6, 99)
		v.between(path+"passwordHistorySize", pw.PasswordHistorySize, 0, 24)
		v.between(path+"temporaryPasswordValidityDays", pw.TemporaryPasswordValidityDays, 0, 365)
	}
	if si := p.SignInPolicy; si != nil && si.AllowedFirstAuthFactors != nil {
		const path = "policies.signInPolicy.allowedFirstAuthFactors"
		v.length(path, len(si.AllowedFirstAuthFactors), 1, 5)
		v.each(path, si.AllowedFirstAuthFactors, firstFactor)
	}
}

// settings turns the request into a new pool's settings.
func (in *createUserPoolInput) settings() (userpool.PoolSettings, error) {
	s, err := in.poolMembers.settings()
	if err != nil {
		return s, err
	}
	s.UsernameAttributes = in.UsernameAttributes
	s.AliasAttributes = in.AliasAttributes
	if c := in.UsernameConfiguration; c != nil {
		s.CaseSensitive, s.CaseSaid = value(c.CaseSensitive), true
	}
	return s, readSchema(in.Schema, &s)
}

// settings turns the members into a pool's settings. Those left out have
// Cognito's defaults.
func (in *poolMembers) settings() (userpool.PoolSettings, error) {
	s := userpool.DefaultPoolSettings()
	if err := in.oneValidity(); err != nil {
		return s, err
	}
	s.AutoVerified = in.AutoVerifiedAttributes
	s.DeletionProtection = value(in.DeletionProtection) == "ACTIVE"
	s.VerificationText = in.verificationText()
	s.AuthenticationText = value(in.SmsAuthenticationMessage)
	s.Mail = in.mailTemplates()
	head, err := in.EmailConfiguration.letterhead()
	if err != nil {
		return s, err
	}
	s.Letterhead = head
	s.Recovery = in.AccountRecoverySetting.order()
	if u := in.UserAttributeUpdateSettings; u != nil {
		s.VerifyFirst = u.AttributesRequireVerificationBeforeUpdate
	}
	if d := in.DeviceConfiguration; d != nil {
		s.Devices = &userpool.DeviceSettings{ChallengeNew: d.ChallengeRequiredOnNewDevice, OnPrompt: d.DeviceOnlyRememberedOnUserPrompt}
	}
	s.Tags = in.UserPoolTags
	triggers, err := in.LambdaConfig.triggers()
	if err != nil {
		return s, err
	}
	s.Triggers = triggers
	if c := in.AdminCreateUserConfig; c != nil {
		s.AdminCreateOnly = c.AllowAdminCreateUserOnly
		s.InvitationText = c.invitationText()
		s.Password.TemporaryPasswordDays = int(orDefault(c.UnusedAccountValidityDays, 7))
	}
	in.Policies.apply(&s)
	echo, err := membersOf(&in.poolEcho)
	if err != nil {
		return s, fmt.Errorf("keep pool settings: %w", err)
	}
	s.Echo = echo
	return s, nil
}

// oneValidity refuses two answers to how long a temporary password is good: the
// older member for it may only repeat what the policy says.
func (in *poolMembers) oneValidity() error {
	c, p := in.AdminCreateUserConfig, in.Policies
	if c == nil || c.UnusedAccountValidityDays == nil || p == nil || p.PasswordPolicy == nil || p.PasswordPolicy.TemporaryPasswordValidityDays == nil {
		return nil
	}
	if *c.UnusedAccountValidityDays == *p.PasswordPolicy.TemporaryPasswordValidityDays {
		return nil
	}
	return fault.New(fault.InvalidParameter, "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays")
}

// apply overwrites the defaults with the policies. A password policy that is
// there replaces the default one as a whole, as Cognito does.
func (p *policiesType) apply(s *userpool.PoolSettings) {
	if p == nil {
		return
	}
	if pw := p.PasswordPolicy; pw != nil {
		s.Password = userpool.PasswordPolicy{
			MinimumLength:         int(orDefault(pw.MinimumLength, 8)),
			RequireUppercase:      pw.RequireUppercase,
			RequireLowercase:      pw.RequireLowercase,
			RequireNumbers:        pw.RequireNumbers,
			RequireSymbols:        pw.RequireSymbols,
			HistorySize:           int(value(pw.PasswordHistorySize)),
			TemporaryPasswordDays: int(orDefault(pw.TemporaryPasswordValidityDays, int32(s.Password.TemporaryPasswordDays))),
		}
	}
	if si := p.SignInPolicy; si != nil && si.AllowedFirstAuthFactors != nil {
		s.FirstFactors = si.AllowedFirstAuthFactors
	}
}

func orDefault[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// verificationText is the text with a code for a sign-up. The template and the
// older member mirror each other; the template goes first.
func (in *poolMembers) verificationText() string {
	if t := in.VerificationMessageTemplate; t != nil && t.SmsMessage != nil {
		return *t.SmsMessage
	}
	return value(in.SmsVerificationMessage)
}

// userPoolType is a pool as the service shows it.
type userPoolType struct {
	Id                       string
	Name                     string
	Arn                      string
	Policies                 policiesType
	DeletionProtection       string
	CreationDate             epoch
	LastModifiedDate         epoch
	SchemaAttributes         []schemaAttributeType
	AutoVerifiedAttributes   []string `json:",omitzero"`
	AliasAttributes          []string `json:",omitzero"`
	UsernameAttributes       []string `json:",omitzero"`
	SmsVerificationMessage   string   `json:",omitzero"`
	SmsAuthenticationMessage string   `json:",omitzero"`
	MfaConfiguration         string
	EstimatedNumberOfUsers   int32
	UserPoolTags             textMap                    `json:",omitzero"`
	UsernameConfiguration    *usernameConfigurationType `json:",omitzero"`
	poolEcho
}

func poolOut(p userpool.Pool) (*userPoolType, error) {
	s := p.Settings
	out := &userPoolType{
		Id: string(p.ID), Name: p.Name, Arn: poolARN(p.ID),
		Policies:                 policiesOut(s),
		DeletionProtection:       "INACTIVE",
		CreationDate:             epoch(p.CreatedAt),
		LastModifiedDate:         epoch(p.ModifiedAt),
		AutoVerifiedAttributes:   s.AutoVerified,
		AliasAttributes:          s.AliasAttributes,
		UsernameAttributes:       s.UsernameAttributes,
		SmsVerificationMessage:   s.VerificationText,
		SmsAuthenticationMessage: s.AuthenticationText,
		MfaConfiguration:         s.MFA.Shown(),
		UserPoolTags:             s.Tags,
		poolEcho:                 defaultEcho(s),
	}
	if s.DeletionProtection {
		out.DeletionProtection = "ACTIVE"
	}
	// The service does not show the default: Terraform, whose block for it is no
	// computed one, would else replace every pool that was made without.
	if s.CaseSaid || !s.CaseSensitive {
		out.UsernameConfiguration = &usernameConfigurationType{CaseSensitive: &s.CaseSensitive}
	}
	if err := restore(s.Echo, &out.poolEcho); err != nil {
		return nil, fmt.Errorf("show pool %s: %w", p.ID, err)
	}
	out.mirrorMail()
	out.SchemaAttributes = schemaOut(s)
	return out, nil
}

func policiesOut(s userpool.PoolSettings) policiesType {
	p := s.Password
	out := policiesType{
		PasswordPolicy: &passwordPolicyType{
			MinimumLength:                 new(int32(p.MinimumLength)),
			RequireUppercase:              p.RequireUppercase,
			RequireLowercase:              p.RequireLowercase,
			RequireNumbers:                p.RequireNumbers,
			RequireSymbols:                p.RequireSymbols,
			TemporaryPasswordValidityDays: new(int32(p.TemporaryPasswordDays)),
		},
		SignInPolicy: &signInPolicyType{AllowedFirstAuthFactors: s.FirstFactors},
	}
	if p.HistorySize > 0 {
		out.PasswordPolicy.PasswordHistorySize = new(int32(p.HistorySize))
	}
	return out
}

type createUserPoolOutput struct {
	UserPool *userPoolType
}

func (a *API) createUserPool(ctx context.Context, _ userpool.Caller, in *createUserPoolInput) (*createUserPoolOutput, error) {
	if err := in.unsupported(); err != nil {
		return nil, err
	}
	settings, err := in.settings()
	if err != nil {
		return nil, err
	}
	p, err := a.service.CreateUserPool(ctx, userpool.NewPool{Name: value(in.PoolName), Settings: settings, MFA: value(in.MfaConfiguration)})
	if err != nil {
		return nil, err
	}
	out, err := poolOut(p)
	return &createUserPoolOutput{UserPool: out}, err
}

// userPoolInput is the input of operations that name a pool and no more.
type userPoolInput struct {
	UserPoolId *string
}

func (in *userPoolInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
}

type describeUserPoolOutput struct {
	UserPool *userPoolType
}

func (a *API) describeUserPool(ctx context.Context, _ userpool.Caller, in *userPoolInput) (*describeUserPoolOutput, error) {
	p, err := a.service.DescribeUserPool(ctx, userpool.PoolID(value(in.UserPoolId)))
	if err != nil {
		return nil, err
	}
	users, err := a.service.EstimatedNumberOfUsers(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	out, err := poolOut(p)
	if err != nil {
		return nil, err
	}
	out.EstimatedNumberOfUsers = int32(users)
	return &describeUserPoolOutput{UserPool: out}, nil
}

func (a *API) deleteUserPool(ctx context.Context, _ userpool.Caller, in *userPoolInput) (*noBody, error) {
	return &noBody{}, a.service.DeleteUserPool(ctx, userpool.PoolID(value(in.UserPoolId)))
}

type updateUserPoolInput struct {
	UserPoolId *string
	poolMembers
}

func (in *updateUserPoolInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.optional("poolName", in.PoolName, resourceName)
	in.poolMembers.validate(v)
}

func (a *API) updateUserPool(ctx context.Context, _ userpool.Caller, in *updateUserPoolInput) (*emptyAnswer, error) {
	if err := in.unsupported(); err != nil {
		return nil, err
	}
	settings, err := in.settings()
	if err != nil {
		return nil, err
	}
	pool := userpool.PoolID(value(in.UserPoolId))
	return &emptyAnswer{}, a.service.UpdateUserPool(ctx, userpool.PoolUpdate{ID: pool, Name: value(in.PoolName), Settings: settings, MFA: value(in.MfaConfiguration)})
}

type listUserPoolsInput struct {
	MaxResults *int32
	NextToken  *string
}

func (in *listUserPoolsInput) validate(v *violations) {
	v.present("maxResults", in.MaxResults != nil)
	v.page(in.MaxResults, in.NextToken)
}

type userPoolDescriptionType struct {
	Id               string
	Name             string
	LambdaConfig     *lambdaConfigType
	LastModifiedDate epoch
	CreationDate     epoch
}

type listUserPoolsOutput struct {
	UserPools []userPoolDescriptionType
	NextToken string `json:",omitzero"`
}

func (a *API) listUserPools(ctx context.Context, _ userpool.Caller, in *listUserPoolsInput) (*listUserPoolsOutput, error) {
	pools, next, err := a.service.ListUserPools(ctx, int(value(in.MaxResults)), value(in.NextToken))
	if err != nil {
		return nil, err
	}
	out := &listUserPoolsOutput{UserPools: make([]userPoolDescriptionType, len(pools)), NextToken: next}
	for i, p := range pools {
		shown, err := poolOut(p)
		if err != nil {
			return nil, err
		}
		out.UserPools[i] = userPoolDescriptionType{
			Id: shown.Id, Name: shown.Name, LambdaConfig: shown.LambdaConfig,
			LastModifiedDate: shown.LastModifiedDate, CreationDate: shown.CreationDate,
		}
	}
	return out, nil
}

type addCustomAttributesInput struct {
	UserPoolId       *string
	CustomAttributes []schemaAttributeType
}

func (in *addCustomAttributesInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.present("customAttributes", in.CustomAttributes != nil)
	if in.CustomAttributes != nil {
		v.length("customAttributes", len(in.CustomAttributes), 1, 25)
	}
	v.schema("customAttributes", in.CustomAttributes)
}

func (a *API) addCustomAttributes(ctx context.Context, _ userpool.Caller, in *addCustomAttributesInput) (*emptyAnswer, error) {
	added := make([]userpool.CustomAttribute, len(in.CustomAttributes))
	for i, g := range in.CustomAttributes {
		var err error
		if added[i], err = g.custom(); err != nil {
			return nil, err
		}
	}
	return &emptyAnswer{}, a.service.AddCustomAttributes(ctx, userpool.PoolID(value(in.UserPoolId)), added)
}
