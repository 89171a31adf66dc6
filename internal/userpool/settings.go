package userpool

import (
	"encoding/json"
	"slices"
	"time"
)

// PoolSettings is a pool's configuration: Cognito's members that Bellhop acts
// on, in Go's spelling, and in Echo those that it only gives back.
type PoolSettings struct {
	UsernameAttributes []string       `json:"username_attributes,omitempty"`
	AliasAttributes    []string       `json:"alias_attributes,omitempty"`
	AutoVerified       []string       `json:"auto_verified,omitempty"`
	FirstFactors       []string       `json:"first_factors"` // PASSWORD, SMS_OTP, EMAIL_OTP, WEB_AUTHN
	Password           PasswordPolicy `json:"password"`
	CaseSensitive      bool           `json:"case_sensitive"`
	CaseSaid           bool           `json:"case_said,omitempty"` // CaseSensitive was asked for, and is shown
	AdminCreateOnly    bool           `json:"admin_create_only,omitempty"`
	DeletionProtection bool           `json:"deletion_protection,omitempty"`
	VerificationText   string         `json:"verification_text,omitempty"`   // "" = Cognito's default
	AuthenticationText string         `json:"authentication_text,omitempty"` // "" = Cognito's default
	InvitationText     string         `json:"invitation_text,omitempty"`     // "" = Cognito's default
	Mail               MailTemplates  `json:"mail,omitzero"`
	Letterhead         Letterhead     `json:"letterhead,omitzero"`
	// Recovery are the ways of ForgotPassword in order (verified_phone_number,
	// verified_email, admin_only); nil means the phone number, else the address.
	Recovery []string `json:"recovery,omitempty"`
	// Devices is DeviceConfiguration; nil where the pool has none.
	Devices *DeviceSettings `json:"devices,omitempty"`
	// MFA is what SetUserPoolMfaConfig sets, but for the texts' words.
	MFA MFASettings `json:"mfa,omitzero"`
	// WebAuthn is WebAuthnConfiguration; the zero value where the pool has none.
	WebAuthn WebAuthnSettings `json:"webauthn,omitzero"`
	// VerifyFirst are AttributesRequireVerificationBeforeUpdate.
	VerifyFirst []string          `json:"verify_first,omitempty"`
	Required    []string          `json:"required,omitempty"`  // required attributes
	Bounds      map[string]Bounds `json:"bounds,omitempty"`    // of standard attributes' values, by name
	Immutable   []string          `json:"immutable,omitempty"` // standard attributes that are set once
	Custom      []CustomAttribute `json:"custom,omitempty"`    // in the order of their making
	Tags        map[string]string `json:"tags,omitempty"`
	Triggers    Triggers          `json:"triggers,omitzero"`
	// Echo keeps members of the service's model that Bellhop does not act on
	// but must give back as sent (message roles, mail templates), by name.
	Echo map[string]json.RawMessage `json:"echo,omitempty"`
}

// MailTemplates are a pool's texts of e-mails; "" means Cognito's default.
type MailTemplates struct {
	Verification          string `json:"verification,omitempty"`
	VerificationSubject   string `json:"verification_subject,omitempty"`
	Invitation            string `json:"invitation,omitempty"`
	InvitationSubject     string `json:"invitation_subject,omitempty"`
	Authentication        string `json:"authentication,omitempty"`
	AuthenticationSubject string `json:"authentication_subject,omitempty"`
}

// Letterhead says whom a pool's e-mails are from and who reads the answers, each an
// address or a name and an address in angle brackets; "" for as the server has it.
type Letterhead struct {
	From    string `json:"from,omitempty"`
	ReplyTo string `json:"reply_to,omitempty"`
}

// DeviceSettings is Cognito's DeviceConfigurationType. ChallengeNew takes the proof
// of a remembered device in the place of a second factor.
type DeviceSettings struct {
	ChallengeNew bool `json:"challenge_new,omitempty"`
	// OnPrompt lets a device be remembered only when its user says so.
	OnPrompt bool `json:"on_prompt,omitempty"`
}

// MFASettings say which second factors a pool has, and of whom they are asked.
type MFASettings struct {
	Configuration string `json:"configuration,omitempty"` // MfaConfiguration: ON or OPTIONAL; "" is OFF
	SMS           bool   `json:"sms,omitempty"`
	SoftwareToken bool   `json:"software_token,omitempty"`
	Email         bool   `json:"email,omitempty"`
	// NoSoftwareToken says that SoftwareTokenMfaConfiguration was given to say no, so
	// that it is given back.
	NoSoftwareToken bool `json:"no_software_token,omitempty"`
}

// WebAuthnSettings is Cognito's WebAuthnConfigurationType.
type WebAuthnSettings struct {
	RelyingPartyID   string `json:"relying_party_id,omitempty"`
	UserVerification string `json:"user_verification,omitempty"` // required or preferred
	// MultiFactor is FactorConfiguration MULTI_FACTOR_WITH_USER_VERIFICATION: a
	// passkey that has verified its user needs no second factor.
	MultiFactor bool `json:"multi_factor,omitempty"`
	// SingleFactor says that SINGLE_FACTOR was given, which is the default, so that it
	// is given back.
	SingleFactor bool `json:"single_factor,omitempty"`
}

// Bounds limit an attribute's value: the characters of a text, or the number
// that it is. A bound that is nil does not limit.
type Bounds struct {
	Min *int64 `json:"min,omitempty"`
	Max *int64 `json:"max,omitempty"`
}

// stored are the settings as the store will give them back, so that a pool
// looks the same when it is made and ever after: what is empty is absent.
func (s PoolSettings) stored() PoolSettings {
	s.UsernameAttributes = unlessEmpty(s.UsernameAttributes)
	s.AliasAttributes = unlessEmpty(s.AliasAttributes)
	s.Recovery = unlessEmpty(s.Recovery)
	s.VerifyFirst = unlessEmpty(s.VerifyFirst)
	s.AutoVerified = unlessEmpty(s.AutoVerified)
	s.Required = unlessEmpty(s.Required)
	s.Immutable = unlessEmpty(s.Immutable)
	s.Custom = unlessEmpty(s.Custom)
	if len(s.Tags) == 0 {
		s.Tags = nil
	}
	if len(s.Triggers.Functions) == 0 {
		s.Triggers.Functions = nil
	}
	return s
}

// keeping are the settings s with what no update changes as it was in old: how
// users are named, and the schema. Tags that are not given are kept too, though
// Cognito's word is that whatever is left out goes back to its default: they
// hold Bellhop's own settings, which no tool that updates a pool knows of.
func (s PoolSettings) keeping(old PoolSettings) PoolSettings {
	s.UsernameAttributes, s.AliasAttributes, s.CaseSensitive = old.UsernameAttributes, old.AliasAttributes, old.CaseSensitive
	s.CaseSaid = old.CaseSaid
	s.Required, s.Bounds, s.Immutable, s.Custom = old.Required, old.Bounds, old.Immutable, old.Custom
	if s.Tags == nil {
		s.Tags = old.Tags
	}
	return s
}

func unlessEmpty[E any](list []E) []E {
	if len(list) == 0 {
		return nil
	}
	return list
}

// PasswordPolicy is Cognito's PasswordPolicyType.
type PasswordPolicy struct {
	MinimumLength         int  `json:"minimum_length"`
	RequireUppercase      bool `json:"require_uppercase"`
	RequireLowercase      bool `json:"require_lowercase"`
	RequireNumbers        bool `json:"require_numbers"`
	RequireSymbols        bool `json:"require_symbols"`
	HistorySize           int  `json:"history_size,omitempty"`
	TemporaryPasswordDays int  `json:"temporary_password_days"`
}

// DefaultPoolSettings are those of a pool that was created with only a name
// (CreateUserPool's defaults).
func DefaultPoolSettings() PoolSettings {
	return PoolSettings{
		FirstFactors:  []string{FactorPassword},
		CaseSensitive: true,
		Password: PasswordPolicy{
			MinimumLength: 8, RequireUppercase: true, RequireLowercase: true,
			RequireNumbers: true, RequireSymbols: true, TemporaryPasswordDays: 7,
		},
	}
}

// The first factors that Bellhop serves, as in AllowedFirstAuthFactors.
const (
	FactorPassword = "PASSWORD"
	FactorSMSOTP   = "SMS_OTP"
	FactorEmailOTP = "EMAIL_OTP"
	FactorWebAuthn = "WEB_AUTHN"
)

// Behaviour says how far a pool departs from Cognito; tag bellhop:behaviour.
type Behaviour string

// The behaviours.
const (
	Standard     Behaviour = "standard"
	Strict       Behaviour = "strict"
	CognitoExact Behaviour = "cognito-exact"
)

// The tags that Bellhop acts on. Any other key with the prefix is refused.
const (
	tagPrefix       = "bellhop:"
	tagBehaviour    = "bellhop:behaviour"
	tagAppHost      = "bellhop:app-host"
	tagTokenAlg     = "bellhop:token-alg"
	tagSecondFactor = "bellhop:second-factor"
	tagDevices      = "bellhop:devices"
	tagAppName      = "bellhop:app-name"     // what texts call the app
	tagLanguage     = "bellhop:language"     // of texts to those of whom no other is known, BCP 47
	tagAndroidHash  = "bellhop:android-hash" // of the app that reads its texts (SMS Retriever)

	tagPasskeyOrigins = "bellhop:passkey-origins" // that passkeys may be used from, with blanks between them
)

// Behaviour is the pool's, Standard where it has no tag.
func (s PoolSettings) Behaviour() Behaviour {
	if b := s.Tags[tagBehaviour]; b != "" {
		return Behaviour(b)
	}
	return Standard
}

// exact says that the pool is to behave as Cognito does, for tests against it.
func (s PoolSettings) exact() bool { return s.Behaviour() == CognitoExact }

// AppHost is the host of the last line of a text (origin-bound codes, WICG), ""
// for none.
func (s PoolSettings) AppHost() string { return s.Tags[tagAppHost] }

// AppName is what texts call the app, "" where the pool does not say.
func (s PoolSettings) AppName() string { return s.Tags[tagAppName] }

// AndroidHash is the hash of the Android app that texts are for, "" for none.
func (s PoolSettings) AndroidHash() string { return s.Tags[tagAndroidHash] }

// TokenAlg is the algorithm of the pool's tokens, RS256 where it has no tag.
func (s PoolSettings) TokenAlg() string {
	if a := s.Tags[tagTokenAlg]; a != "" {
		return a
	}
	return "RS256"
}

// tracksDevices says whether sign-ins from new devices are given a device key. On
// Cognito that is for pools with a DeviceConfiguration. Elsewhere it is for all but
// those whose tag says no: the key is what tells a user's own device from a
// stranger's.
func (s PoolSettings) tracksDevices() bool {
	if s.exact() {
		return s.Devices != nil
	}
	return s.Tags[tagDevices] != "off"
}

// Passwordless says whether a user may be created without a password: Cognito
// allows it where a one-time code is an allowed first factor.
func (s PoolSettings) Passwordless() bool {
	return s.offers(FactorSMSOTP) || s.offers(FactorEmailOTP)
}

// offers says whether the pool allows the first factor.
func (s PoolSettings) offers(factor string) bool { return slices.Contains(s.FirstFactors, factor) }

// ClientSettings is an app client's configuration; the zero value of each
// member means Cognito's default.
type ClientSettings struct {
	ExplicitAuthFlows  []string      `json:"explicit_auth_flows,omitempty"` // as sent; nil = default
	PreventExistence   bool          `json:"prevent_existence,omitempty"`   // ENABLED
	NoRevocation       bool          `json:"no_revocation,omitempty"`       // EnableTokenRevocation false
	PropagateContext   bool          `json:"propagate_context,omitempty"`
	ReadAttributes     []string      `json:"read_attributes,omitempty"`
	WriteAttributes    []string      `json:"write_attributes,omitempty"`
	AccessTokenTTL     time.Duration `json:"access_token_ttl,omitempty"`  // 0 = 1 h
	IDTokenTTL         time.Duration `json:"id_token_ttl,omitempty"`      // 0 = 1 h
	RefreshTokenTTL    time.Duration `json:"refresh_token_ttl,omitempty"` // 0 = 30 days
	AuthSessionMinutes int           `json:"auth_session_minutes,omitempty"`
	Rotation           bool          `json:"rotation,omitempty"` // RefreshTokenRotation ENABLED
	RotationGrace      time.Duration `json:"rotation_grace,omitempty"`
	// Echo keeps members as sent that Bellhop does not act on, and the ones
	// whose unit or absence must be given back (validities and their units).
	Echo map[string]json.RawMessage `json:"echo,omitempty"`
}

// stored are the settings as the store will give them back: an empty list is
// none, which means the default.
func (s ClientSettings) stored() ClientSettings {
	s.ExplicitAuthFlows = unlessEmpty(s.ExplicitAuthFlows)
	s.ReadAttributes = unlessEmpty(s.ReadAttributes)
	s.WriteAttributes = unlessEmpty(s.WriteAttributes)
	return s
}

// The auth flows, as in ExplicitAuthFlows.
const (
	AllowCustom        = "ALLOW_CUSTOM_AUTH"
	AllowSRP           = "ALLOW_USER_SRP_AUTH"
	AllowUserAuth      = "ALLOW_USER_AUTH"
	AllowRefresh       = "ALLOW_REFRESH_TOKEN_AUTH"
	AllowPassword      = "ALLOW_USER_PASSWORD_AUTH"
	AllowAdminPassword = "ALLOW_ADMIN_USER_PASSWORD_AUTH"
)

// defaultFlows are a client's when CreateUserPoolClient named none.
var defaultFlows = []string{AllowRefresh, AllowSRP, AllowCustom}

// legacyFlows are the older values, which imply a refresh and cannot stand
// beside an ALLOW_ value.
var legacyFlows = map[string]string{
	"ADMIN_NO_SRP_AUTH":     AllowAdminPassword,
	"CUSTOM_AUTH_FLOW_ONLY": AllowCustom,
	"USER_PASSWORD_AUTH":    AllowPassword,
}

// Allows says whether the client may use the flow (an ALLOW_ value).
func (s ClientSettings) Allows(flow string) bool {
	if s.ExplicitAuthFlows == nil {
		return slices.Contains(defaultFlows, flow)
	}
	for _, f := range s.ExplicitAuthFlows {
		if f == flow || legacyFlows[f] == flow || (legacyFlows[f] != "" && flow == AllowRefresh) {
			return true
		}
	}
	return false
}

// Default lifetimes of tokens and Sessions, as Cognito's.
const (
	defaultTokenTTL   = time.Hour
	defaultRefreshTTL = 30 * 24 * time.Hour
	defaultSessionTTL = 3 * time.Minute
)

func (s ClientSettings) accessTTL() time.Duration { return orElse(s.AccessTokenTTL, defaultTokenTTL) }
func (s ClientSettings) idTTL() time.Duration     { return orElse(s.IDTokenTTL, defaultTokenTTL) }
func (s ClientSettings) refreshTTL() time.Duration {
	return orElse(s.RefreshTokenTTL, defaultRefreshTTL)
}
func (s ClientSettings) sessionTTL() time.Duration {
	return orElse(time.Duration(s.AuthSessionMinutes)*time.Minute, defaultSessionTTL)
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
