package cognito

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// The pool's second factors

type smsMfaConfigType struct {
	SmsAuthenticationMessage *string               `json:",omitzero"`
	SmsConfiguration         *smsConfigurationType `json:",omitzero"`
}

type softwareTokenMfaConfigType struct {
	Enabled bool
}

type emailMfaConfigType struct {
	Message *string `json:",omitzero"`
	Subject *string `json:",omitzero"`
}

type webAuthnConfigurationType struct {
	RelyingPartyId      *string `json:",omitzero"`
	UserVerification    *string `json:",omitzero"`
	FactorConfiguration *string `json:",omitzero"`
}

// mfaMembers are what SetUserPoolMfaConfig takes and what both operations answer.
type mfaMembers struct {
	SmsMfaConfiguration           *smsMfaConfigType           `json:",omitzero"`
	SoftwareTokenMfaConfiguration *softwareTokenMfaConfigType `json:",omitzero"`
	EmailMfaConfiguration         *emailMfaConfigType         `json:",omitzero"`
	MfaConfiguration              *string                     `json:",omitzero"`
	WebAuthnConfiguration         *webAuthnConfigurationType  `json:",omitzero"`
}

type setUserPoolMfaConfigInput struct {
	UserPoolId *string
	mfaMembers
}

func (in *setUserPoolMfaConfigInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	if c := in.SmsMfaConfiguration; c != nil {
		v.optional("smsMfaConfiguration.smsAuthenticationMessage", c.SmsAuthenticationMessage, verificationText)
		c.SmsConfiguration.validateAt(v, "smsMfaConfiguration.smsConfiguration.")
	}
	if c := in.EmailMfaConfiguration; c != nil {
		v.optional("emailMfaConfiguration.message", c.Message, codeMail)
		v.optional("emailMfaConfiguration.subject", c.Subject, mailSubject)
	}
	v.optional("mfaConfiguration", in.MfaConfiguration, mfaConfiguration)
	if c := in.WebAuthnConfiguration; c != nil {
		v.optional("webAuthnConfiguration.relyingPartyId", c.RelyingPartyId, relyingPartyID)
		v.optional("webAuthnConfiguration.userVerification", c.UserVerification, userVerification)
		v.optional("webAuthnConfiguration.factorConfiguration", c.FactorConfiguration, factorUse)
	}
}

// Values of WebAuthnConfiguration.
const (
	factorMulti  = "MULTI_FACTOR_WITH_USER_VERIFICATION"
	factorSingle = "SINGLE_FACTOR"
)

// settings turns the request into what the pool is to have.
func (in *setUserPoolMfaConfigInput) settings() (userpool.PoolMFA, error) {
	r := userpool.PoolMFA{
		ID: userpool.PoolID(value(in.UserPoolId)),
		MFA: userpool.MFASettings{
			Configuration: userpool.Configured(value(in.MfaConfiguration)),
			SMS:           in.SmsMfaConfiguration != nil, Email: in.EmailMfaConfiguration != nil,
		},
		Factors: in.SmsMfaConfiguration != nil || in.EmailMfaConfiguration != nil || in.SoftwareTokenMfaConfiguration != nil,
	}
	if c := in.SoftwareTokenMfaConfiguration; c != nil {
		r.MFA.SoftwareToken, r.MFA.NoSoftwareToken = c.Enabled, !c.Enabled
	}
	if c := in.SmsMfaConfiguration; c != nil {
		r.SMSText = c.SmsAuthenticationMessage
		if c.SmsConfiguration != nil {
			kept, err := json.Marshal(c.SmsConfiguration, jsontext.AllowInvalidUTF8(true))
			if err != nil {
				return r, err
			}
			r.SMSConfiguration = kept
		}
	}
	if c := in.EmailMfaConfiguration; c != nil {
		r.Mail = &userpool.MailTemplates{Authentication: value(c.Message), AuthenticationSubject: value(c.Subject)}
	}
	if c := in.WebAuthnConfiguration; c != nil {
		r.WebAuthn = userpool.WebAuthnSettings{
			RelyingPartyID: value(c.RelyingPartyId), UserVerification: value(c.UserVerification),
			MultiFactor: value(c.FactorConfiguration) == factorMulti, SingleFactor: value(c.FactorConfiguration) == factorSingle,
		}
	}
	return r, nil
}

// mfaOut shows a pool's second factors. What is off is not there.
func mfaOut(p userpool.Pool) (*mfaMembers, error) {
	s := p.Settings
	out := &mfaMembers{MfaConfiguration: new(s.MFA.Shown())}
	if s.MFA.SMS {
		sms := &smsMfaConfigType{}
		if s.AuthenticationText != "" {
			sms.SmsAuthenticationMessage = &s.AuthenticationText
		}
		var echo poolEcho
		if err := restore(s.Echo, &echo); err != nil {
			return nil, err
		}
		sms.SmsConfiguration = echo.SmsConfiguration
		out.SmsMfaConfiguration = sms
	}
	if s.MFA.SoftwareToken || s.MFA.NoSoftwareToken {
		out.SoftwareTokenMfaConfiguration = &softwareTokenMfaConfigType{Enabled: s.MFA.SoftwareToken}
	}
	if s.MFA.Email {
		out.EmailMfaConfiguration = &emailMfaConfigType{Message: unlessBlank(s.Mail.Authentication), Subject: unlessBlank(s.Mail.AuthenticationSubject)}
	}
	if w := s.WebAuthn; w != (userpool.WebAuthnSettings{}) {
		out.WebAuthnConfiguration = &webAuthnConfigurationType{RelyingPartyId: unlessBlank(w.RelyingPartyID), UserVerification: unlessBlank(w.UserVerification)}
		switch {
		case w.MultiFactor:
			out.WebAuthnConfiguration.FactorConfiguration = new(factorMulti)
		case w.SingleFactor:
			out.WebAuthnConfiguration.FactorConfiguration = new(factorSingle)
		}
	}
	return out, nil
}

// unlessBlank is nil for an empty text.
func unlessBlank(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (a *API) setUserPoolMfaConfig(ctx context.Context, _ userpool.Caller, in *setUserPoolMfaConfigInput) (*mfaMembers, error) {
	r, err := in.settings()
	if err != nil {
		return nil, err
	}
	p, err := a.service.SetUserPoolMFA(ctx, r)
	if err != nil {
		return nil, err
	}
	return mfaOut(p)
}

func (a *API) getUserPoolMfaConfig(ctx context.Context, _ userpool.Caller, in *userPoolInput) (*mfaMembers, error) {
	p, err := a.service.DescribeUserPool(ctx, userpool.PoolID(value(in.UserPoolId)))
	if err != nil {
		return nil, err
	}
	return mfaOut(p)
}

// Authenticator apps

type associateSoftwareTokenInput struct {
	AccessToken *string
	Session     *string
}

func (in *associateSoftwareTokenInput) validate(v *violations) {
	v.optional("accessToken", in.AccessToken, jwtOrHandle)
	v.optional("session", in.Session, session)
}

type associateSoftwareTokenOutput struct {
	SecretCode string
	Session    string `json:",omitzero"`
}

func (a *API) associateSoftwareToken(ctx context.Context, c userpool.Caller, in *associateSoftwareTokenInput) (*associateSoftwareTokenOutput, error) {
	made, err := a.service.AssociateSoftwareToken(ctx, userpool.TokenHolder{Caller: c, AccessToken: value(in.AccessToken), Session: value(in.Session)})
	if err != nil {
		return nil, err
	}
	return &associateSoftwareTokenOutput{SecretCode: made.Secret, Session: made.Session}, nil
}

type verifySoftwareTokenInput struct {
	AccessToken        *string
	Session            *string
	UserCode           *string
	FriendlyDeviceName *string
}

func (in *verifySoftwareTokenInput) validate(v *violations) {
	v.optional("accessToken", in.AccessToken, jwtOrHandle)
	v.optional("session", in.Session, session)
	v.required("userCode", in.UserCode, userCode)
	v.optional("friendlyDeviceName", in.FriendlyDeviceName, friendlyName)
}

type verifySoftwareTokenOutput struct {
	Status  string
	Session string `json:",omitzero"`
}

func (a *API) verifySoftwareToken(ctx context.Context, c userpool.Caller, in *verifySoftwareTokenInput) (*verifySoftwareTokenOutput, error) {
	holder := userpool.TokenHolder{Caller: c, AccessToken: value(in.AccessToken), Session: value(in.Session)}
	next, err := a.service.VerifySoftwareToken(ctx, holder, value(in.UserCode), value(in.FriendlyDeviceName))
	if err != nil {
		return nil, err
	}
	return &verifySoftwareTokenOutput{Status: "SUCCESS", Session: next}, nil
}

// The user's second factors

type mfaSettingsType struct {
	Enabled      bool
	PreferredMfa bool
}

type webAuthnMfaSettingsType struct {
	Enabled bool
}

// mfaPreference are the members of both operations that set one.
type mfaPreference struct {
	SMSMfaSettings           *mfaSettingsType
	SoftwareTokenMfaSettings *mfaSettingsType
	EmailMfaSettings         *mfaSettingsType
	WebAuthnMfaSettings      *webAuthnMfaSettingsType
}

// choices are what is wanted. A passkey is a second factor by what the pool says of
// it, not by what its user prefers.
func (in *mfaPreference) choices() []userpool.FactorChoice {
	var list []userpool.FactorChoice
	for _, c := range []struct {
		factor   string
		settings *mfaSettingsType
	}{{"SMS_MFA", in.SMSMfaSettings}, {"SOFTWARE_TOKEN_MFA", in.SoftwareTokenMfaSettings}, {"EMAIL_OTP", in.EmailMfaSettings}} {
		if c.settings != nil {
			list = append(list, userpool.FactorChoice{Factor: c.factor, Enabled: c.settings.Enabled, Preferred: c.settings.PreferredMfa})
		}
	}
	return list
}

type setUserMFAPreferenceInput struct {
	AccessToken *string
	mfaPreference
}

func (in *setUserMFAPreferenceInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
}

func (a *API) setUserMFAPreference(ctx context.Context, _ userpool.Caller, in *setUserMFAPreferenceInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.SetUserMFAPreference(ctx, value(in.AccessToken), in.choices())
}

type adminSetUserMFAPreferenceInput struct {
	UserPoolId *string
	Username   *string
	mfaPreference
}

func (in *adminSetUserMFAPreferenceInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
}

func (a *API) adminSetUserMFAPreference(ctx context.Context, _ userpool.Caller, in *adminSetUserMFAPreferenceInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.AdminSetUserMFAPreference(ctx, userpool.PoolID(value(in.UserPoolId)), value(in.Username), in.choices())
}

// mfaOptionType is the older form of a preference, which knows texts alone.
type mfaOptionType struct {
	DeliveryMedium *string `json:",omitzero"`
	AttributeName  *string `json:",omitzero"`
}

// smsChoice is what the older form wants: texts, or none where the list is empty.
func smsChoice(options []mfaOptionType) []userpool.FactorChoice {
	c := userpool.FactorChoice{Factor: "SMS_MFA"}
	for _, o := range options {
		c.Enabled = c.Enabled || value(o.DeliveryMedium) == "SMS" && value(o.AttributeName) == userpool.AttrPhone
	}
	return []userpool.FactorChoice{c}
}

func (v *violations) mfaOptions(options []mfaOptionType) {
	v.present("mFAOptions", options != nil)
	for i, o := range options {
		path := fmt.Sprintf("mFAOptions.%d.member.", i+1)
		v.optional(path+"deliveryMedium", o.DeliveryMedium, deliveryMedium)
		v.optional(path+"attributeName", o.AttributeName, attributeName)
	}
}

type setUserSettingsInput struct {
	AccessToken *string
	MFAOptions  []mfaOptionType
}

func (in *setUserSettingsInput) validate(v *violations) {
	v.required("accessToken", in.AccessToken, jwtOrHandle)
	v.mfaOptions(in.MFAOptions)
}

func (a *API) setUserSettings(ctx context.Context, _ userpool.Caller, in *setUserSettingsInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.SetUserMFAPreference(ctx, value(in.AccessToken), smsChoice(in.MFAOptions))
}

type adminSetUserSettingsInput struct {
	UserPoolId *string
	Username   *string
	MFAOptions []mfaOptionType
}

func (in *adminSetUserSettingsInput) validate(v *violations) {
	v.required("userPoolId", in.UserPoolId, userPoolID)
	v.required("username", in.Username, username)
	v.mfaOptions(in.MFAOptions)
}

func (a *API) adminSetUserSettings(ctx context.Context, _ userpool.Caller, in *adminSetUserSettingsInput) (*emptyAnswer, error) {
	return &emptyAnswer{}, a.service.AdminSetUserMFAPreference(ctx, userpool.PoolID(value(in.UserPoolId)), value(in.Username), smsChoice(in.MFAOptions))
}

// mfaShown are the members of GetUser and AdminGetUser that tell of second factors.
// They are absent where nothing is on.
type mfaShown struct {
	MFAOptions          []mfaOptionType `json:",omitzero"`
	PreferredMfaSetting string          `json:",omitzero"`
	UserMFASettingList  []string        `json:",omitzero"`
}

func mfaShownOf(u userpool.UserView) mfaShown {
	out := mfaShown{PreferredMfaSetting: u.PreferredMFA, UserMFASettingList: u.MFA}
	for _, f := range u.MFA {
		if f == "SMS_MFA" {
			out.MFAOptions = []mfaOptionType{{DeliveryMedium: new("SMS"), AttributeName: new(userpool.AttrPhone)}}
		}
	}
	return out
}

type authFactorsOutput struct {
	Username                  string
	PreferredMfaSetting       string   `json:",omitzero"`
	UserMFASettingList        []string `json:",omitzero"`
	ConfiguredUserAuthFactors []string `json:",omitzero"`
}

func authFactorsOut(f userpool.AuthFactors) *authFactorsOutput {
	return &authFactorsOutput{
		Username: f.Username, PreferredMfaSetting: f.Preferred, UserMFASettingList: f.MFA, ConfiguredUserAuthFactors: f.Configured,
	}
}

func (a *API) getUserAuthFactors(ctx context.Context, _ userpool.Caller, in *accessTokenInput) (*authFactorsOutput, error) {
	f, err := a.service.GetUserAuthFactors(ctx, value(in.AccessToken))
	if err != nil {
		return nil, err
	}
	return authFactorsOut(f), nil
}

func (a *API) adminGetUserAuthFactors(ctx context.Context, _ userpool.Caller, in *adminUserInput) (*authFactorsOutput, error) {
	pool, name := in.user()
	f, err := a.service.AdminGetUserAuthFactors(ctx, pool, name)
	if err != nil {
		return nil, err
	}
	return authFactorsOut(f), nil
}
